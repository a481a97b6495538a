package authz_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

func TestABrowsersSessionIsRenewedWhereItsJWTIsNoLongerGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.idpClock.set(-10 * time.Minute) // a session that began ten minutes ago: its JWT has expired, it has not
	old := w.signIn(devidptest.AdaEmail, devidptest.Acme)
	w.idpClock.set(-4*time.Minute - 30*time.Second) // its JWT has 30 seconds left
	aging := w.signIn(devidptest.AdaEmail, devidptest.Acme)
	w.idpClock.set(0)
	fresh := w.signIn(devidptest.AdaEmail, devidptest.Acme)

	for name, tc := range map[string]struct {
		req   *authzv1.AuthenticateRequest
		token string // of the renewal, if there is to be one
	}{
		"an expired JWT":                     {bySession(old), old.GetSessionToken()},
		"a JWT that is about to expire":      {bySession(aging), aging.GetSessionToken()},
		"no JWT":                             {bySessionToken(fresh), fresh.GetSessionToken()},
		"a fresh JWT":                        {bySession(fresh), ""},
		"a JWT alone, which is no browser's": {bySessionJWT(fresh), ""},
		"an aging JWT alone":                 {bySessionJWT(aging), ""},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // asked and remembered
				renewed := w.authenticate(tc.req).GetRenewedSession()
				if tc.token == "" {
					if renewed != nil {
						t.Fatal("the session was renewed")
					}
					continue
				}
				if renewed.GetSessionToken() != tc.token || renewed.GetExpireTime() == nil {
					t.Fatalf("got token %q until %s", renewed.GetSessionToken(), renewed.GetExpireTime().AsTime())
				}
				if again := w.authenticate(bySession(renewed)); again.GetRenewedSession() != nil {
					t.Error("what was renewed has to be renewed")
				}
			}
		})
	}
	w.refuse(bySessionJWT(old), expired)
	w.refuse(byBearer(old.GetSessionJwt()), expired)
}

func TestASessionSaysWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.MaxEmail, devidptest.Acme)
	agent, reader := w.idp.MintAgent(devidptest.Max, "openid", "email", "read:okrs"), w.idp.Mint(devidptest.Mint{MemberID: devidptest.Max, ClientName: "Reader", Scopes: []string{"read:okrs"}})
	for name, tc := range map[string]struct {
		ctx        context.Context
		email, may string
	}{
		"a browser":                   {w.with(c), devidptest.MaxEmail, asManager},
		"a member's bearer":           {kittest.As(t.Context(), c.GetSessionJwt()), devidptest.MaxEmail, asManager},
		"an agent with the scope":     {kittest.As(t.Context(), agent.AccessToken), devidptest.MaxEmail, readingOnly},
		"an agent without that scope": {kittest.As(t.Context(), reader.AccessToken), "", readingOnly},
	} {
		got, err := w.sessions.GetSession(tc.ctx, &authzv1.GetSessionRequest{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.GetEmailAddress() != tc.email || got.GetOrganizationName() != "Acme" || got.GetOrganizationSlug() != "acme" ||
			got.GetPrincipal().GetMemberId() != devidptest.Max || permits(got.GetPrincipal()) != tc.may || !got.GetExpireTime().AsTime().After(time.Now()) {
			t.Errorf("%s: got %v", name, got)
		}
	}
	got, err := w.sessions.GetSession(kittest.With(w.with(c), access.MetadataEdgeKey, edgeKeyREST), &authzv1.GetSessionRequest{})
	if err != nil || got.GetPrincipal().GetSurface() != accessv1.Surface_SURFACE_REST {
		t.Errorf("through the REST edge: got %v, %v", got, err)
	}
}

func TestCallsToAuthzItselfNeedOneCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.MaxEmail, devidptest.Acme)
	agent := w.idp.MintAgent(devidptest.Max, "read:okrs")
	for name, tc := range map[string]struct {
		ctx  context.Context
		want accessv1.ErrorReason
	}{
		"none":                     {t.Context(), missing},
		"a session and a bearer":   {kittest.As(w.with(c), agent.AccessToken), ambiguous},
		"two bearers":              {kittest.As(kittest.As(t.Context(), agent.AccessToken), agent.AccessToken), ambiguous},
		"two session tokens":       {kittest.With(w.with(c), access.MetadataSessionToken, "x"), ambiguous},
		"two session JWTs":         {kittest.With(w.with(c), access.MetadataSessionJWT, "x"), ambiguous},
		"not a bearer":             {kittest.With(t.Context(), access.MetadataAuthorization, "Basic eDp5"), invalid},
		"a wrong edge key":         {kittest.With(w.with(c), access.MetadataEdgeKey, "wrong"), invalid},
		"an access token as a JWT": {kittest.With(t.Context(), access.MetadataSessionJWT, agent.AccessToken), invalid},
	} {
		_, err := w.sessions.GetSession(tc.ctx, &authzv1.GetSessionRequest{})
		t.Run(name, func(t *testing.T) { expect(t, err, tc.want) })
		if tc.want == ambiguous {
			_, err := w.sessions.RevokeSession(tc.ctx, &authzv1.RevokeSessionRequest{})
			t.Run("logging out with "+name, func(t *testing.T) { expect(t, err, tc.want) })
		}
	}
	w.authenticate(bySession(c)) // which was not logged out
	_, err := w.sessions.RefreshSession(kittest.As(t.Context(), agent.AccessToken), &authzv1.RefreshSessionRequest{})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED)
	_, err = w.sessions.SwitchOrganization(kittest.As(t.Context(), agent.AccessToken), &authzv1.SwitchOrganizationRequest{OrganizationId: devidptest.Globex})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED)
}

func TestRefreshingExtendsTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *authz.Config) { cfg.SessionMinutes = 90 })
	w.idpClock.set(-4 * time.Minute)
	c := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	w.idpClock.set(0)
	before := w.authenticate(bySession(c)).GetPrincipal().GetExpireTime().AsTime()
	signIn, err := w.sessions.RefreshSession(w.with(c), &authzv1.RefreshSessionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	after := signIn.GetCredentials().GetExpireTime().AsTime()
	if signIn.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_DONE || after.Sub(before) < 3*time.Minute || time.Until(after) > 91*time.Minute ||
		signIn.GetCredentials().GetSessionToken() != c.GetSessionToken() || signIn.GetSession().GetPrincipal().GetMemberId() != devidptest.Emma {
		t.Errorf("before %s, after %s: %v", before, after, signIn)
	}
	if got := w.authenticate(bySession(signIn.GetCredentials())).GetPrincipal().GetExpireTime().AsTime(); !got.Equal(after) {
		t.Errorf("the old verdict still says %s, want %s", got, after)
	}
}

func TestSwitchingOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for how, ctx := range map[string]func(*authzv1.SessionCredentials) context.Context{
		"with a browser's session": w.with,
		"with a bearer": func(c *authzv1.SessionCredentials) context.Context {
			return kittest.As(t.Context(), c.GetSessionJwt())
		},
	} {
		t.Run(how, func(t *testing.T) {
			c := w.signIn(devidptest.MaxEmail, devidptest.Acme)
			if got := permits(w.authenticate(bySession(c)).GetPrincipal()); got != asManager {
				t.Fatalf("at Acme: %s", got)
			}
			signIn, err := w.sessions.SwitchOrganization(ctx(c), &authzv1.SwitchOrganizationRequest{OrganizationId: devidptest.Globex})
			if err != nil {
				t.Fatal(err)
			}
			if p := signIn.GetSession().GetPrincipal(); p.GetOrganizationId() != devidptest.Globex || permits(p) != asEmployee || signIn.GetSession().GetOrganizationName() != "Globex" {
				t.Errorf("got %v", signIn.GetSession())
			}
			if p := w.authenticate(bySession(signIn.GetCredentials())).GetPrincipal(); p.GetMemberId() != devidptest.MaxAtGlobex || permits(p) != asEmployee {
				t.Errorf("got %v", p)
			}
			asked := w.proxy.total("POST /v1/b2b/sessions/authenticate")
			_, _ = w.authz.Authenticate(t.Context(), bySession(c))
			if w.proxy.total("POST /v1/b2b/sessions/authenticate") == asked {
				t.Error("the old session was not asked about again")
			}
		})
	}
	emma := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	for _, organization := range []string{devidptest.Globex, "organization-test-unknown"} {
		_, err := w.sessions.SwitchOrganization(w.with(emma), &authzv1.SwitchOrganizationRequest{OrganizationId: organization})
		expect(t, err, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_NOT_FOUND)
	}
}

func TestMembersAreListedByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c, agent := w.signIn(devidptest.EmmaEmail, devidptest.Acme), w.idp.MintAgent(devidptest.Ada, "openid")
	w.stytch("DELETE", acmeMembers+devidptest.Max, nil)
	w.stytch("POST", "/v1/b2b/magic_links/email/invite", map[string]any{
		"organization_id": devidptest.Acme, "email_address": "ivy@acme.test", "name": "Ivy Ito", "invite_redirect_url": publicURL + "/",
	})
	want := map[string]authzv1.MemberStatus{
		"Ada Albright": authzv1.MemberStatus_MEMBER_STATUS_ACTIVE, "Emma Eriksen": authzv1.MemberStatus_MEMBER_STATUS_ACTIVE,
		"Max Moreau": authzv1.MemberStatus_MEMBER_STATUS_DELETED, "Ivy Ito": authzv1.MemberStatus_MEMBER_STATUS_INVITED,
	}
	for who, ctx := range map[string]context.Context{"an employee": w.with(c), "an agent": kittest.As(t.Context(), agent.AccessToken)} {
		for _, size := range []int32{0, 1, 3, 1000} {
			got := map[string]authzv1.MemberStatus{}
			req := &authzv1.ListMembersRequest{PageSize: size}
			for {
				page, err := w.organization.ListMembers(ctx, req)
				if err != nil {
					t.Fatalf("%s: %v", who, err)
				}
				if size == 1 && len(page.GetMembers()) > 1 {
					t.Errorf("a page of one has %d", len(page.GetMembers()))
				}
				for _, m := range page.GetMembers() {
					got[m.GetDisplayName()] = m.GetStatus()
				}
				if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
					break
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s, in pages of %d: got %v", who, size, got)
			}
			for name, status := range want {
				if got[name] != status {
					t.Errorf("%s, in pages of %d: %s is %s, want %s", who, size, name, got[name], status)
				}
			}
		}
	}
}

func TestPageTokensAreGoodInTheirOrganizationAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	acme, globex := w.signIn(devidptest.MaxEmail, devidptest.Acme), w.signIn(devidptest.MaxEmail, devidptest.Globex)
	page, err := w.organization.ListMembers(w.with(acme), &authzv1.ListMembersRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	token := page.GetNextPageToken()
	for name, tc := range map[string]struct {
		ctx   context.Context
		token string
	}{
		"another organization's": {w.with(globex), token},
		"changed":                {w.with(acme), "A" + token[1:]},
		"cut off":                {w.with(acme), token[:20]},
		"garbage":                {w.with(acme), "garbage!"},
		"longer":                 {w.with(acme), token + "AAAA"},
	} {
		if token[0] == 'A' && name == "changed" {
			tc.token = "B" + token[1:]
		}
		_, err := w.organization.ListMembers(tc.ctx, &authzv1.ListMembersRequest{PageSize: 1, PageToken: tc.token})
		t.Run(name, func(t *testing.T) { expect(t, err, accessv1.ErrorReason_ERROR_REASON_PAGE_TOKEN_INVALID) })
	}
	w.start(nil) // another replica
	if _, err := w.organization.ListMembers(w.with(acme), &authzv1.ListMembersRequest{PageSize: 1, PageToken: token}); err != nil {
		t.Errorf("at another replica: %v", err)
	}
}

func TestAPageOfMembersIsRememberedForHalfAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	const search = "POST /v1/b2b/organizations/members/search"
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			w.clock.passInterval()
		}
		if _, err := w.organization.ListMembers(w.with(c), &authzv1.ListMembersRequest{}); err != nil {
			t.Fatal(err)
		}
		if n := w.proxy.total(search); n != want {
			t.Errorf("call %d: Stytch was asked %d times, want %d", i+1, n, want)
		}
	}
	w.clock.passInterval()
	w.proxy.behave("/v1/b2b/organizations/members/search", hangUp)
	_, err := w.organization.ListMembers(w.with(c), &authzv1.ListMembersRequest{})
	expect(t, err, unavailable)
}

func TestTheOrganizationIsTheCallers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	got, err := w.organization.GetOrganization(w.with(w.signIn(devidptest.MaxEmail, devidptest.Globex)), &authzv1.GetOrganizationRequest{})
	if err != nil || got.GetId() != devidptest.Globex || got.GetDisplayName() != "Globex" || got.GetSlug() != "globex" {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = w.organization.GetOrganization(metadata.NewOutgoingContext(t.Context(), nil), &authzv1.GetOrganizationRequest{})
	expect(t, err, missing)
}
