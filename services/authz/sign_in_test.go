package authz_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
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
	landing  = publicURL + "/auth/landing"
	verifier = "a-code-verifier-of-at-least-forty-three-characters"

	codeInvalid   = accessv1.ErrorReason_ERROR_REASON_CODE_INVALID
	linkInvalid   = accessv1.ErrorReason_ERROR_REASON_SIGN_IN_LINK_INVALID
	signInExpired = accessv1.ErrorReason_ERROR_REASON_SIGN_IN_EXPIRED
	fieldInvalid  = accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func intermediate(ctx context.Context, s *authzv1.SignIn) context.Context {
	return kittest.With(ctx, access.MetadataIntermediateSessionToken, s.GetCredentials().GetIntermediateSessionToken())
}

func organizationsOf(found []*authzv1.DiscoveredOrganization) string {
	var names []string
	for _, o := range found {
		names = append(names, o.GetDisplayName()+" "+strings.TrimPrefix(o.GetMembership().String(), "MEMBERSHIP_"))
	}
	return strings.Join(names, ", ")
}

func TestSigningInByCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	authenticate := func(email, code string) (*authzv1.SignIn, error) {
		return w.sessions.AuthenticateEmailCode(ctx, &authzv1.AuthenticateEmailCodeRequest{EmailAddress: email, Code: code})
	}
	_, err := authenticate(devidptest.MaxEmail, "123456")
	expect(t, err, codeInvalid) // before any was sent

	if _, err := w.sessions.SendEmailCode(ctx, &authzv1.SendEmailCodeRequest{EmailAddress: devidptest.MaxEmail}); err != nil {
		t.Fatal(err)
	}
	code := w.idp.Code(devidptest.MaxEmail)
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	_, err = authenticate(devidptest.MaxEmail, wrong)
	expect(t, err, codeInvalid)
	signIn, err := authenticate(devidptest.MaxEmail, code)
	if err != nil {
		t.Fatal(err)
	}
	if signIn.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_CHOOSE_ORGANIZATION || signIn.GetEmailAddress() != devidptest.MaxEmail ||
		organizationsOf(signIn.GetOrganizations()) != "Acme ACTIVE, Globex ACTIVE" ||
		signIn.GetCredentials().GetSessionToken() != "" || signIn.GetCredentials().GetExpireTime() == nil {
		t.Errorf("got %v", signIn)
	}
	_, err = authenticate(devidptest.MaxEmail, code)
	expect(t, err, codeInvalid) // used

	listed, err := w.sessions.ListDiscoveredOrganizations(intermediate(ctx, signIn), &authzv1.ListDiscoveredOrganizationsRequest{})
	if err != nil || organizationsOf(listed.GetOrganizations()) != "Acme ACTIVE, Globex ACTIVE" || listed.GetEmailAddress() != devidptest.MaxEmail {
		t.Errorf("got %v, %v", listed, err)
	}
	for _, unknown := range []string{"organization-test-unknown", "organization-test-00000000-0000-4000-8000-000000000000"} {
		_, err = w.sessions.JoinOrganization(intermediate(ctx, signIn), &authzv1.JoinOrganizationRequest{OrganizationId: unknown})
		expect(t, err, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_NOT_FOUND)
	}
	done, err := w.sessions.JoinOrganization(intermediate(ctx, signIn), &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Acme})
	if err != nil {
		t.Fatal(err)
	}
	if c := done.GetCredentials(); done.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_DONE || c.GetSessionToken() == "" || c.GetSessionJwt() == "" ||
		c.GetIntermediateSessionToken() != "" || time.Until(c.GetExpireTime().AsTime()) > time.Hour || permits(done.GetSession().GetPrincipal()) != asManager {
		t.Errorf("got %v", done)
	}
	_, err = w.sessions.JoinOrganization(intermediate(ctx, signIn), &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Globex})
	expect(t, err, signInExpired) // used
}

func TestAnOrganizationThatAdmitsTheDomainCanBeJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := w.proven("newcomer@acme.test")
	listed, err := w.sessions.ListDiscoveredOrganizations(ctx, &authzv1.ListDiscoveredOrganizationsRequest{})
	if err != nil || organizationsOf(listed.GetOrganizations()) != "Acme ELIGIBLE" {
		t.Errorf("got %v, %v", listed, err)
	}
	_, err = w.sessions.JoinOrganization(ctx, &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Globex})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_NOT_FOUND)
	done, err := w.sessions.JoinOrganization(ctx, &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Acme})
	if err != nil || permits(done.GetSession().GetPrincipal()) != asEmployee {
		t.Errorf("got %v, %v", done, err)
	}
}

func TestASignInThatIsNotUnderWayHasExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for name, ctx := range map[string]context.Context{
		"none":    t.Context(),
		"garbage": kittest.With(t.Context(), access.MetadataIntermediateSessionToken, "garbage"),
	} {
		_, joining := w.sessions.JoinOrganization(ctx, &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Acme})
		_, creating := w.sessions.CreateOrganization(ctx, &authzv1.CreateOrganizationRequest{DisplayName: "X"})
		_, listing := w.sessions.ListDiscoveredOrganizations(ctx, &authzv1.ListDiscoveredOrganizationsRequest{})
		for what, err := range map[string]error{"joining": joining, "creating": creating, "listing": listing} {
			t.Run(what+" with "+name, func(t *testing.T) { expect(t, err, signInExpired) })
		}
	}
	ctx := w.proven(devidptest.AdaEmail)
	w.idpClock.set(11 * time.Minute)
	_, err := w.sessions.JoinOrganization(ctx, &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Acme})
	expect(t, err, signInExpired)
}

func TestASignedInPersonFindsOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.MaxEmail, devidptest.Acme)
	for name, ctx := range map[string]context.Context{
		"with a session":                         w.with(c),
		"with a bearer":                          kittest.As(t.Context(), c.GetSessionJwt()),
		"beside the remains of an older sign-in": kittest.With(w.with(c), access.MetadataIntermediateSessionToken, "long gone"),
	} {
		listed, err := w.sessions.ListDiscoveredOrganizations(ctx, &authzv1.ListDiscoveredOrganizationsRequest{})
		if err != nil || organizationsOf(listed.GetOrganizations()) != "Acme ACTIVE, Globex ACTIVE" {
			t.Errorf("%s: got %v, %v", name, listed, err)
		}
	}
	_, err := w.sessions.ListDiscoveredOrganizations(w.with(&authzv1.SessionCredentials{SessionToken: "gone"}), &authzv1.ListDiscoveredOrganizationsRequest{})
	expect(t, err, signInExpired)
}

func TestCreatingAnOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := w.proven("founder@new.test")
	_, err := w.sessions.CreateOrganization(ctx, &authzv1.CreateOrganizationRequest{DisplayName: "New", Slug: "acme"})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_SLUG_TAKEN)
	_, err = w.sessions.CreateOrganization(ctx, &authzv1.CreateOrganizationRequest{DisplayName: " "})
	expect(t, err, fieldInvalid)
	done, err := w.sessions.CreateOrganization(ctx, &authzv1.CreateOrganizationRequest{DisplayName: "New", Slug: "new-one"})
	if err != nil {
		t.Fatal(err)
	}
	s := done.GetSession()
	if done.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_DONE || s.GetOrganizationName() != "New" || s.GetOrganizationSlug() != "new-one" || permits(s.GetPrincipal()) != everything {
		t.Errorf("got %v", done)
	}
	if got := permits(w.authenticate(bySession(done.GetCredentials())).GetPrincipal()); got != everything {
		t.Errorf("the founder may %s", got)
	}
	done, err = w.sessions.CreateOrganization(w.proven("other@new.test"), &authzv1.CreateOrganizationRequest{DisplayName: "No Slug"})
	if err != nil || done.GetSession().GetOrganizationSlug() == "" {
		t.Errorf("without a short name: got %v, %v", done, err)
	}
}

// back follows a start address to where the browser lands, as a person who picks a persona does.
func back(t *testing.T, w *world, start, email, wantType string) string {
	t.Helper()
	at := w.idp.Choose(start, email)
	if !strings.HasPrefix(at.String(), landing+"?") || at.Query().Get("stytch_token_type") != wantType {
		t.Fatalf("the browser landed at %s", at)
	}
	return at.Query().Get("token")
}

func TestSigningInWithGoogle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	start, err := w.sessions.StartOAuth(t.Context(), &authzv1.StartOAuthRequest{
		Provider: authzv1.OAuthProvider_O_AUTH_PROVIDER_GOOGLE, RedirectUri: landing, CodeChallenge: challenge(),
	})
	if err != nil {
		t.Fatal(err)
	}
	redirect := func(token, verifier string) (*authzv1.SignIn, error) {
		return w.sessions.AuthenticateRedirect(t.Context(), &authzv1.AuthenticateRedirectRequest{
			TokenType: authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_DISCOVERY_OAUTH, Token: token, CodeVerifier: verifier,
		})
	}
	for name, wrong := range map[string]string{"another": strings.ToUpper(verifier), "no": ""} {
		_, err = redirect(back(t, w, start.GetAuthorizationUrl(), devidptest.EmmaEmail, "discovery_oauth"), wrong)
		t.Run("with "+name+" verifier", func(t *testing.T) { expect(t, err, linkInvalid) })
	}
	token := back(t, w, start.GetAuthorizationUrl(), devidptest.EmmaEmail, "discovery_oauth")
	signIn, err := redirect(token, verifier)
	if err != nil {
		t.Fatal(err)
	}
	if signIn.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_CHOOSE_ORGANIZATION || signIn.GetEmailAddress() != devidptest.EmmaEmail {
		t.Errorf("got %v", signIn)
	}
	done, err := w.sessions.JoinOrganization(intermediate(t.Context(), signIn), &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Acme})
	if err != nil || done.GetSession().GetPrincipal().GetMemberId() != devidptest.Emma {
		t.Errorf("got %v, %v", done, err)
	}
	_, err = redirect(token, verifier)
	expect(t, err, linkInvalid)
	_, err = redirect("garbage", verifier)
	expect(t, err, linkInvalid)
}

func TestSigningInBySingleSignOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	begin := func(slug string) (*authzv1.StartSsoResponse, error) {
		return w.sessions.StartSso(t.Context(), &authzv1.StartSsoRequest{OrganizationSlug: slug, RedirectUri: landing, CodeChallenge: challenge()})
	}
	for _, slug := range []string{"globex", "nobody-has-this-name"} {
		_, err := begin(slug)
		expect(t, err, accessv1.ErrorReason_ERROR_REASON_SSO_NOT_CONFIGURED)
	}
	start, err := begin("acme")
	if err != nil {
		t.Fatal(err)
	}
	redirect := func(token, verifier string) (*authzv1.SignIn, error) {
		return w.sessions.AuthenticateRedirect(t.Context(), &authzv1.AuthenticateRedirectRequest{
			TokenType: authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_SSO, Token: token, CodeVerifier: verifier,
		})
	}
	token := back(t, w, start.GetAuthorizationUrl(), devidptest.MaxEmail, "sso")
	done, err := redirect(token, verifier)
	if err != nil {
		t.Fatal(err)
	}
	if done.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_DONE || permits(done.GetSession().GetPrincipal()) != asManager {
		t.Errorf("got %v", done)
	}
	w.authenticate(bySession(done.GetCredentials()))
	_, err = redirect(token, verifier)
	expect(t, err, linkInvalid)
}

func TestAnInvitationLeadsIntoTheOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.stytch("POST", "/v1/b2b/magic_links/email/invite", map[string]any{
		"organization_id": devidptest.Acme, "email_address": "ivy@else.test", "name": "Ivy Ito", "invite_redirect_url": landing, "roles": []string{"manager"},
	})
	link, err := url.Parse(w.idp.Link("ivy@else.test"))
	if err != nil || link.Query().Get("stytch_token_type") != "multi_tenant_magic_links" {
		t.Fatalf("the link is %s", link)
	}
	redirect := func() (*authzv1.SignIn, error) {
		return w.sessions.AuthenticateRedirect(t.Context(), &authzv1.AuthenticateRedirectRequest{
			TokenType: authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_MULTI_TENANT_MAGIC_LINKS, Token: link.Query().Get("token"),
		})
	}
	done, err := redirect()
	if err != nil {
		t.Fatal(err)
	}
	if p := done.GetSession().GetPrincipal(); p.GetDisplayName() != "Ivy Ito" || permits(p) != asManager {
		t.Errorf("got %v", done)
	}
	_, err = redirect()
	expect(t, err, linkInvalid)
}

func TestWhatAnOrganizationAsksForBeyondTheAddressIsPassedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const common = `"status_code":200,"member_authenticated":false,"intermediate_session_token":"more","member":{"member_id":"m","email_address":"max@acme.test"},"organization":{"organization_id":"o","mfa_methods":"RESTRICTED","allowed_mfa_methods":["sms_otp"]}`
	for name, tc := range map[string]struct {
		answer string
		check  func(*authzv1.SignIn) bool
	}{
		"another way of signing in": {
			`{` + common + `,"primary_required":{"allowed_auth_methods":["sso"]}}`,
			func(s *authzv1.SignIn) bool {
				return s.GetStep() == authzv1.SignInStep_SIGN_IN_STEP_AUTHENTICATE_AGAIN && len(s.GetAllowedAuthMethods()) == 1 && s.GetAllowedAuthMethods()[0] == "sso"
			},
		},
		"a second factor": {
			`{` + common + `,"mfa_required":{"member_options":{}}}`,
			func(s *authzv1.SignIn) bool {
				return s.GetStep() == authzv1.SignInStep_SIGN_IN_STEP_SECOND_FACTOR && s.GetSecondFactor().GetOrganizationId() == "o" &&
					s.GetSecondFactor().GetMemberId() == "m" && s.GetSecondFactor().GetTotpStatus() == authzv1.TotpStatus_TOTP_STATUS_NOT_ALLOWED
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.proxy.behave("", nil)
			ctx := w.proven(devidptest.MaxEmail)
			w.proxy.behave("/v1/b2b/discovery/", answering(http.StatusOK, tc.answer))
			got, err := w.sessions.JoinOrganization(ctx, &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Acme})
			if err != nil || !tc.check(got) || got.GetCredentials().GetIntermediateSessionToken() != "more" || got.GetSession() != nil || got.GetCredentials().GetSessionToken() != "" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestFailuresOfSigningInSayWhoseTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	refusal := func(code int, errorType string) http.HandlerFunc {
		return answering(code, `{"status_code":400,"error_type":"`+errorType+`","error_message":"internal detail"}`)
	}
	for name, tc := range map[string]struct {
		as   http.HandlerFunc
		want accessv1.ErrorReason
	}{
		"Stytch is away":                {hangUp, unavailable},
		"Stytch is broken":              {refusal(http.StatusInternalServerError, "internal_server_error"), unavailable},
		"Stytch lies":                   {answering(http.StatusOK, `{}`), unavailable},
		"there are too many tries":      {refusal(http.StatusTooManyRequests, "too_many_requests"), accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED},
		"the address is not one":        {refusal(http.StatusBadRequest, "invalid_email"), fieldInvalid},
		"Stytch's rules are against it": {refusal(http.StatusForbidden, "session_authorization_error"), accessv1.ErrorReason_ERROR_REASON_STYTCH_DENIED},
		"our secret is wrong":           {refusal(http.StatusUnauthorized, "unauthorized_credentials"), 0},
		"it is something new":           {refusal(http.StatusBadRequest, "never_heard_of"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			w.proxy.behave("/v1/b2b/otps", tc.as)
			_, err := w.sessions.AuthenticateEmailCode(t.Context(), &authzv1.AuthenticateEmailCodeRequest{EmailAddress: devidptest.AdaEmail, Code: "123456"})
			expect(t, err, tc.want)
			if strings.Contains(err.Error(), "internal detail") {
				t.Errorf("the caller is told %v", err)
			}
		})
	}
}
