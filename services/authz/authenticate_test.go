package authz_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

const (
	everything  = "objective:create objective:read objective:update objective:delete key_result:create key_result:read key_result:update key_result:delete"
	asManager   = "objective:read key_result:create key_result:read key_result:update key_result:delete"
	asEmployee  = "objective:read key_result:read key_result:update"
	readingOnly = "objective:read key_result:read"
)

func TestMembersMayDoWhatTheirRolesAllow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, tc := range []struct {
		email, organization, member, name string
		roles                             []string
		may                               string
	}{
		{devidptest.AdaEmail, devidptest.Acme, devidptest.Ada, "Ada Albright", []string{"stytch_admin", "stytch_member"}, everything},
		{devidptest.MaxEmail, devidptest.Acme, devidptest.Max, "Max Moreau", []string{"manager", "stytch_member"}, asManager},
		{devidptest.EmmaEmail, devidptest.Acme, devidptest.Emma, "Emma Eriksen", []string{"stytch_member"}, asEmployee},
		{devidptest.MaxEmail, devidptest.Globex, devidptest.MaxAtGlobex, "Max Moreau", []string{"stytch_member"}, asEmployee},
	} {
		c := w.signIn(tc.email, tc.organization)
		for how, req := range map[string]*authzv1.AuthenticateRequest{
			"session":         bySession(c),
			"session token":   bySessionToken(c),
			"session JWT":     bySessionJWT(c),
			"JWT as a bearer": byBearer(c.GetSessionJwt()),
		} {
			p := w.authenticate(req).GetPrincipal()
			if p.GetOrganizationId() != tc.organization || p.GetMemberId() != tc.member || p.GetDisplayName() != tc.name ||
				p.GetKind() != authzv1.PrincipalKind_PRINCIPAL_KIND_MEMBER || !slices.Equal(p.GetRoles(), tc.roles) ||
				p.GetClientId() != "" || len(p.GetScopes()) != 0 || p.GetSurface() != accessv1.Surface_SURFACE_GRPC {
				t.Errorf("%s by %s: got %v", tc.email, how, p)
			}
			if got := permits(p); got != tc.may {
				t.Errorf("%s by %s may %s, want %s", tc.email, how, got, tc.may)
			}
		}
	}
}

func TestAgentsMayDoWhatScopesAndRolesBothAllow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, tc := range []struct {
		name, member string
		scopes       []string
		may          string
	}{
		{"reading for a CEO", devidptest.Ada, []string{"openid", "read:okrs"}, readingOnly},
		{"objectives for a CEO", devidptest.Ada, []string{"manage:objectives"}, "objective:create objective:read objective:update objective:delete"},
		{"everything for a CEO", devidptest.Ada, []string{"manage:krs", "manage:objectives"}, everything},
		{"key results for a manager", devidptest.Max, []string{"manage:krs"}, "key_result:create key_result:read key_result:update key_result:delete"},
		{"reporting for an employee", devidptest.Emma, []string{"report_kr_status"}, "key_result:read key_result:update"},
		{"signing in and no more", devidptest.Emma, []string{"openid"}, ""},
	} {
		agent := w.idp.Mint(devidptest.Mint{MemberID: tc.member, ClientName: "Agent " + tc.name, Scopes: tc.scopes})
		for how, req := range map[string]*authzv1.AuthenticateRequest{
			"access token": byAccessToken(agent.AccessToken), "bearer": byBearer(agent.AccessToken),
		} {
			p := w.authenticate(req).GetPrincipal()
			if p.GetKind() != authzv1.PrincipalKind_PRINCIPAL_KIND_AGENT || p.GetMemberId() != tc.member || p.GetClientId() != agent.ClientID ||
				p.GetClientName() != "Agent "+tc.name || !slices.Equal(p.GetScopes(), tc.scopes) || p.GetDisplayName() == "" {
				t.Errorf("%s by %s: got %v", tc.name, how, p)
			}
			if got := permits(p); got != tc.may {
				t.Errorf("%s by %s may %q, want %q", tc.name, how, got, tc.may)
			}
		}
	}
}

func TestCredentialsOfTheWrongKindAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.AdaEmail, devidptest.Acme)
	other := w.signIn(devidptest.MaxEmail, devidptest.Acme)
	agent := w.idp.MintAgent(devidptest.Ada, "read:okrs")
	txn := w.authenticate(bySession(c)).GetTransactionToken()
	tampered := c.GetSessionJwt()[:len(c.GetSessionJwt())-4] + "AAAA"
	for name, tc := range map[string]struct {
		req  *authzv1.AuthenticateRequest
		want accessv1.ErrorReason
	}{
		"a session JWT as access token":            {byAccessToken(c.GetSessionJwt()), invalid},
		"a session token as access token":          {byAccessToken(c.GetSessionToken()), invalid},
		"an access token as session JWT":           {bySession(&authzv1.SessionCredentials{SessionJwt: agent.AccessToken}), invalid},
		"an access token as session token":         {bySession(&authzv1.SessionCredentials{SessionToken: agent.AccessToken}), invalid},
		"an access token beside a session token":   {bySession(&authzv1.SessionCredentials{SessionToken: c.GetSessionToken(), SessionJwt: agent.AccessToken}), invalid},
		"a tampered JWT":                           {bySession(&authzv1.SessionCredentials{SessionJwt: tampered}), invalid},
		"a tampered JWT beside a session token":    {bySession(&authzv1.SessionCredentials{SessionToken: c.GetSessionToken(), SessionJwt: tampered}), invalid},
		"another session's JWT beside the token":   {bySession(&authzv1.SessionCredentials{SessionToken: c.GetSessionToken(), SessionJwt: other.GetSessionJwt()}), invalid},
		"a transaction token as bearer":            {byBearer(txn), invalid},
		"a transaction token as access token":      {byAccessToken(txn), invalid},
		"a session token as bearer":                {byBearer(c.GetSessionToken()), invalid},
		"garbage as bearer":                        {byBearer("garbage"), invalid},
		"garbage as session":                       {bySession(&authzv1.SessionCredentials{SessionToken: "garbage"}), invalid},
		"an enormous session token":                {bySession(&authzv1.SessionCredentials{SessionToken: strings.Repeat("a", 2000)}), invalid},
		"an enormous session JWT":                  {bySession(&authzv1.SessionCredentials{SessionJwt: strings.Repeat("a", 20_000)}), invalid},
		"an intermediate session token alone":      {bySession(&authzv1.SessionCredentials{IntermediateSessionToken: "x"}), missing},
		"an empty session":                         {bySession(&authzv1.SessionCredentials{}), missing},
		"an empty bearer":                          {byBearer(""), missing},
		"an empty access token":                    {byAccessToken(""), missing},
		"an expired access token":                  {byAccessToken(w.idp.Mint(devidptest.Mint{MemberID: devidptest.Ada, ClientName: "Late", Scopes: []string{"read:okrs"}, ExpiresInSeconds: new(-5)}).AccessToken), expired},
		"an access token for another resource":     {byAccessToken(w.idp.Mint(devidptest.Mint{MemberID: devidptest.Ada, ClientName: "Elsewhere", Scopes: []string{"read:okrs"}, Resources: []string{"https://other.example/mcp"}}).AccessToken), invalid},
		"an access token for an address like ours": {byAccessToken(w.idp.Mint(devidptest.Mint{MemberID: devidptest.Ada, ClientName: "Alike", Scopes: []string{"read:okrs"}, Resources: []string{publicURL + ".evil.example"}}).AccessToken), invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.authz.Authenticate(t.Context(), tc.req)
			expect(t, err, tc.want)
		})
	}
	t.Run("the good ones are good after that", func(t *testing.T) {
		w.authenticate(bySession(c))
		w.authenticate(bySession(other))
		w.authenticate(byAccessToken(agent.AccessToken))
	})
}

func TestAccessTokensForOurResourcesAreTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, resources := range [][]string{nil, {publicURL + "/mcp"}, {publicURL}, {publicURL + "/"}, {"https://other.example", publicURL + "/mcp"}} {
		w.authenticate(byAccessToken(w.idp.Mint(devidptest.Mint{
			MemberID: devidptest.Emma, ClientName: "Agent", Scopes: []string{"read:okrs"}, Resources: resources,
		}).AccessToken))
	}
}

func TestTheSurfaceIsThatOfTheEdgeKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	for key, want := range map[string]accessv1.Surface{
		edgeKeyREST: accessv1.Surface_SURFACE_REST, edgeKeyMCP: accessv1.Surface_SURFACE_MCP,
	} {
		answer, err := w.authz.Authenticate(kittest.With(t.Context(), access.MetadataEdgeKey, key), bySession(c))
		if err != nil {
			t.Fatal(err)
		}
		if got := answer.GetPrincipal().GetSurface(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, key := range []string{"wrong", edgeKeyREST + "x", edgeKeyREST[:10]} {
		_, err := w.authz.Authenticate(kittest.With(t.Context(), access.MetadataEdgeKey, key), bySession(c))
		expect(t, err, invalid)
	}
	_, err := w.authz.Authenticate(kittest.With(t.Context(), access.MetadataEdgeKey, edgeKeyREST, access.MetadataEdgeKey, edgeKeyMCP), bySession(c))
	expect(t, err, ambiguous)
}

func TestTransactionTokensCarryThePrincipalForAtMostThirtySeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	resolver := access.NewResolver(w.authz, w.clock.now)
	verifier := access.NewTxnVerifier(resolver.Keys, w.clock.now)
	short := w.idp.Mint(devidptest.Mint{MemberID: devidptest.Max, ClientName: "Short", Scopes: []string{"manage:krs"}, ExpiresInSeconds: new(20)})

	for name, req := range map[string]*authzv1.AuthenticateRequest{
		"a session":                     bySession(w.signIn(devidptest.AdaEmail, devidptest.Acme)),
		"an agent whose token is short": byAccessToken(short.AccessToken),
	} {
		before := w.clock.now()
		answer := w.authenticate(req)
		identity, err := verifier.Verify(t.Context(), answer.GetTransactionToken())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, got := answer.GetPrincipal(), identity.Principal
		if got.GetOrganizationId() != want.GetOrganizationId() || got.GetMemberId() != want.GetMemberId() || got.GetClientId() != want.GetClientId() ||
			permits(got) != permits(want) || got.GetExpireTime().AsTime() != want.GetExpireTime().AsTime() {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		expire := answer.GetExpireTime().AsTime()
		if !identity.Expire.Equal(expire) || expire.After(w.clock.now().Add(30*time.Second)) || expire.After(want.GetExpireTime().AsTime()) || !expire.After(before) {
			t.Errorf("%s: the answer expires at %s, the token at %s, the credential at %s", name, expire, identity.Expire, want.GetExpireTime().AsTime())
		}
	}
}

func TestATokenStopsInTheSecondOfItsExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	agent := w.idp.MintAgent(devidptest.Max, "manage:krs")
	for name, req := range map[string]*authzv1.AuthenticateRequest{
		"a session JWT": bySessionJWT(c), "a session JWT as bearer": byBearer(c.GetSessionJwt()), "an access token": byAccessToken(agent.AccessToken),
	} {
		w.clock.set(0)
		expire := w.authenticate(req).GetPrincipal().GetExpireTime().AsTime()
		if name != "an access token" && time.Until(expire) > 5*time.Minute {
			t.Errorf("%s expires at %s: with its session", name, expire)
		}
		asked := w.proxy.questions()
		w.clock.set(time.Until(expire) + time.Millisecond)
		w.refuse(req, expired)
		if n := w.proxy.questions() - asked; n != 0 {
			t.Errorf("%s: Stytch was asked %d times", name, n)
		}
	}
}
