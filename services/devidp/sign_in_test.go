package devidp_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/intermediatesessions"
	discoveryorganizations "github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/otp/email/discovery"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

func TestACodeLeadsToTheOrganizationsOfItsAddress(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	answer := prove(t, s, api, "MAX@acme.TEST") // Addresses are compared without regard to case.
	if answer.EmailAddress != devidptest.MaxEmail || len(answer.DiscoveredOrganizations) != 2 {
		t.Fatalf("discovered %+v, want Acme and Globex for max@acme.test", answer)
	}
	for i, want := range []struct{ organization, member string }{{devidptest.Acme, devidptest.Max}, {devidptest.Globex, devidptest.MaxAtGlobex}} {
		got := answer.DiscoveredOrganizations[i]
		if got.Organization.OrganizationID != want.organization || got.Membership.Member.MemberID != want.member ||
			got.Membership.Type != "active_member" || !got.MemberAuthenticated {
			t.Errorf("organization %d is %+v, want %v", i, got, want)
		}
	}

	session := signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme)
	if session.MemberID != devidptest.Max || session.Organization.OrganizationSlug != "acme" || session.Member.IsAdmin {
		t.Errorf("signed in as %+v", session.Member)
	}
	if roles := session.MemberSession.Roles; !slices.Equal(roles, []string{"manager", "stytch_member"}) {
		t.Errorf("the session's roles are %v", roles)
	}
	local, err := api.Sessions.AuthenticateJWTLocal(t.Context(), session.SessionJWT, time.Minute, nil)
	ok(t, err)
	if local.MemberSessionID != session.MemberSession.MemberSessionID || local.OrganizationSlug != "acme" || len(local.AuthenticationFactors) != 1 {
		t.Errorf("the JWT says %+v", local)
	}
}

func TestAnIntermediateSessionIsSpentByItsExchange(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	ist := prove(t, s, api, devidptest.EmmaEmail).IntermediateSessionToken
	listed, err := api.Discovery.Organizations.List(t.Context(), &discoveryorganizations.ListParams{IntermediateSessionToken: ist})
	ok(t, err)
	if listed.EmailAddress != devidptest.EmmaEmail || len(listed.DiscoveredOrganizations) != 1 {
		t.Errorf("listed %+v", listed)
	}
	exchange := &intermediatesessions.ExchangeParams{IntermediateSessionToken: ist, OrganizationID: "acme"} // A slug does as well.
	_, err = api.Discovery.IntermediateSessions.Exchange(t.Context(), exchange)
	ok(t, err)
	_, err = api.Discovery.IntermediateSessions.Exchange(t.Context(), exchange)
	wantError(t, err, http.StatusNotFound, "intermediate_session_not_found")
}

func TestCodesAreRefused(t *testing.T) {
	t.Parallel()
	now := newClock()
	s, api := start(t, devidp.Config{Clock: now.Now})
	send := func(email string) string {
		_, err := api.OTPs.Email.Discovery.Send(t.Context(), &discovery.SendParams{EmailAddress: email})
		ok(t, err)
		return s.Code(email)
	}
	try := func(email, code string) error {
		_, err := api.OTPs.Email.Discovery.Authenticate(t.Context(), &discovery.AuthenticateParams{EmailAddress: email, Code: code})
		return err
	}
	wrong := func(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

	t.Run("a code that was never sent is not found", func(t *testing.T) {
		wantError(t, try("nobody@acme.test", "123456"), http.StatusNotFound, "otp_code_not_found")
	})
	t.Run("a code works once", func(t *testing.T) {
		code := send(devidptest.AdaEmail)
		ok(t, try(devidptest.AdaEmail, code))
		wantError(t, try(devidptest.AdaEmail, code), http.StatusUnauthorized, "unable_to_auth_otp_code")
	})
	t.Run("a code of somebody else does not work", func(t *testing.T) {
		code := send(devidptest.AdaEmail)
		send(devidptest.EmmaEmail)
		if code == s.Code(devidptest.EmmaEmail) {
			code = wrong(code)
		}
		wantError(t, try(devidptest.EmmaEmail, code), http.StatusNotFound, "otp_code_not_found")
	})
	t.Run("the right code after five wrong ones is refused", func(t *testing.T) {
		code := send(devidptest.GusEmail)
		for range 5 {
			wantError(t, try(devidptest.GusEmail, wrong(code)), http.StatusNotFound, "otp_code_not_found")
		}
		wantError(t, try(devidptest.GusEmail, code), http.StatusUnauthorized, "unable_to_auth_otp_code")
		ok(t, try(devidptest.GusEmail, send(devidptest.GusEmail)))
	})
	t.Run("a code expires after ten minutes", func(t *testing.T) {
		code := send(devidptest.MaxEmail)
		now.Advance(10 * time.Minute)
		wantError(t, try(devidptest.MaxEmail, code), http.StatusUnauthorized, "unable_to_auth_otp_code")
	})
	t.Run("an address must be one", func(t *testing.T) {
		for _, email := range []string{"", "ada", "ada@acme", "Ada <ada@acme.test>", "a@b.test, c@d.test"} {
			_, err := api.OTPs.Email.Discovery.Send(t.Context(), &discovery.SendParams{EmailAddress: email})
			wantError(t, err, http.StatusBadRequest, "invalid_email")
		}
	})
}

func TestOfManyWhoUseACodeAtOnceOneWins(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	_, err := api.OTPs.Email.Discovery.Send(t.Context(), &discovery.SendParams{EmailAddress: devidptest.AdaEmail})
	ok(t, err)
	code := s.Code(devidptest.AdaEmail)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			_, err := api.OTPs.Email.Discovery.Authenticate(t.Context(), &discovery.AuthenticateParams{EmailAddress: devidptest.AdaEmail, Code: code})
			if err == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d callers got in with one code", won.Load())
	}
}

func TestOwnersOfAnAllowedDomainJoinByThemselves(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	found := prove(t, s, api, "new@acme.test").DiscoveredOrganizations
	if len(found) != 1 || found[0].Membership.Type != "eligible_to_join_by_email_domain" || found[0].Membership.Member != nil {
		t.Fatalf("discovered %+v", found)
	}
	session := signIn(t, s, api, "new@acme.test", devidptest.Acme)
	if session.Member.Status != "active" || !slices.Equal(session.MemberSession.Roles, []string{"stytch_member"}) {
		t.Errorf("joined as %+v", session.Member)
	}
	if again := signIn(t, s, api, "new@acme.test", devidptest.Acme); again.MemberID != session.MemberID {
		t.Error("signing in again made another member")
	}

	_, err := api.Discovery.IntermediateSessions.Exchange(t.Context(), &intermediatesessions.ExchangeParams{
		IntermediateSessionToken: prove(t, s, api, "stranger@elsewhere.test").IntermediateSessionToken, OrganizationID: devidptest.Acme,
	})
	wantError(t, err, http.StatusForbidden, "invalid_email_for_jit_provisioning")
	_, err = api.Discovery.IntermediateSessions.Exchange(t.Context(), &intermediatesessions.ExchangeParams{
		IntermediateSessionToken: prove(t, s, api, "new@globex.test").IntermediateSessionToken, OrganizationID: devidptest.Globex,
	})
	wantError(t, err, http.StatusForbidden, "email_jit_provisioning_not_allowed")
}

func TestWhoCreatesAnOrganizationAdministersIt(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	created, err := api.Discovery.Organizations.Create(t.Context(), &discoveryorganizations.CreateParams{
		IntermediateSessionToken: prove(t, s, api, "founder@initech.test").IntermediateSessionToken, OrganizationName: "Initech & Co.",
		SessionDurationMinutes: 30,
	})
	ok(t, err)
	if created.Organization.OrganizationSlug != "initech-co" || !created.Member.IsAdmin || !slices.Equal(created.MemberSession.Roles, []string{"stytch_admin", "stytch_member"}) {
		t.Errorf("created %+v with %+v", created.Organization, created.MemberSession)
	}
	if got := created.MemberSession.ExpiresAt.Sub(*created.MemberSession.StartedAt); got != 30*time.Minute {
		t.Errorf("the session lasts %v", got)
	}

	_, err = api.Discovery.Organizations.Create(t.Context(), &discoveryorganizations.CreateParams{
		IntermediateSessionToken: prove(t, s, api, "second@initech.test").IntermediateSessionToken, OrganizationName: "Other", OrganizationSlug: "initech-co",
	})
	wantError(t, err, http.StatusBadRequest, "organization_slug_already_used")
}

func TestARestrictedOrganizationAsksForAnotherProof(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{
		OrganizationID: devidptest.Acme, AuthMethods: "RESTRICTED", AllowedAuthMethods: []string{"sso"},
	})
	ok(t, err)
	answer, err := api.Discovery.IntermediateSessions.Exchange(t.Context(), &intermediatesessions.ExchangeParams{
		IntermediateSessionToken: prove(t, s, api, devidptest.AdaEmail).IntermediateSessionToken, OrganizationID: devidptest.Acme,
	})
	ok(t, err)
	if answer.MemberAuthenticated || answer.SessionToken != "" || answer.IntermediateSessionToken == "" ||
		answer.PrimaryRequired == nil || !slices.Equal(answer.PrimaryRequired.AllowedAuthMethods, []string{"sso"}) {
		t.Errorf("a code opened an organization that allows SSO only: %+v", answer)
	}
}

func TestTheOutboxShowsTheNewestCodeFirst(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	prove(t, s, api, devidptest.AdaEmail)
	prove(t, s, api, devidptest.MaxEmail)
	if all := s.Outbox(""); len(all) != 2 || all[0].To != devidptest.MaxEmail {
		t.Errorf("the outbox holds %+v, want the newest first", all)
	}
	if own := s.Outbox("ADA@acme.test"); len(own) != 1 || len(own[0].Code) != 6 {
		t.Errorf("Ada's mails are %+v", own)
	}
	page := do(t, http.MethodGet, s.URL+"/_dev/outbox", "", "Accept: text/html")
	if !strings.Contains(page.body, s.Code(devidptest.AdaEmail)) || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Errorf("the page is %s", page.body)
	}
}

func TestAnOrganizationAsksForASecondFactor(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	before := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, MFAPolicy: "REQUIRED_FOR_ALL"})
	ok(t, err)
	answer, err := api.Discovery.IntermediateSessions.Exchange(t.Context(), &intermediatesessions.ExchangeParams{
		IntermediateSessionToken: prove(t, s, api, devidptest.EmmaEmail).IntermediateSessionToken, OrganizationID: devidptest.Acme,
	})
	ok(t, err)
	if answer.MemberAuthenticated || answer.MFARequired == nil || answer.PrimaryRequired != nil || answer.IntermediateSessionToken == "" || answer.SessionToken != "" {
		t.Errorf("with one factor the answer is %+v", answer)
	}
	// Who is in stays in, and can take the rule back.
	_, err = api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, MFAPolicy: "OPTIONAL"},
		&organizations.UpdateRequestOptions{Authorization: as(before)})
	ok(t, err)
	signIn(t, s, api, devidptest.EmmaEmail, devidptest.Acme)
}
