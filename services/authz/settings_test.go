package authz_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	allAllowed = authzv1.Admission_ADMISSION_ALL_ALLOWED
	restricted = authzv1.Admission_ADMISSION_RESTRICTED
	notAllowed = authzv1.Admission_ADMISSION_NOT_ALLOWED
)

// update changes the named sign-in settings; without names, those that are set.
func update(settings *authzv1.SignInSettings, paths ...string) *authzv1.UpdateSignInSettingsRequest {
	return &authzv1.UpdateSignInSettingsRequest{SignInSettings: settings, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}}
}

func TestTheOrganizationIsRenamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, emma := w.as(devidptest.AdaEmail, devidptest.Acme), w.as(devidptest.EmmaEmail, devidptest.Acme)
	before, err := w.organization.GetOrganization(emma, &authzv1.GetOrganizationRequest{})
	ok(t, err)
	renamed, err := w.organization.UpdateOrganization(ada, &authzv1.UpdateOrganizationRequest{
		Organization: &authzv1.Organization{Id: devidptest.Globex, DisplayName: "Acme Inc.", Slug: "acme-inc", Etag: before.GetEtag()},
	})
	ok(t, err)
	after, err := w.organization.GetOrganization(emma, &authzv1.GetOrganizationRequest{})
	ok(t, err)
	if after.GetId() != devidptest.Acme || after.GetDisplayName() != "Acme Inc." || after.GetSlug() != "acme-inc" || after.GetEtag() != renamed.GetEtag() {
		t.Errorf("renamed to %v, another member sees %v", renamed, after)
	}
	for name, test := range map[string]struct {
		organization *authzv1.Organization
		want         accessv1.ErrorReason
	}{
		"a state that is gone":   {&authzv1.Organization{DisplayName: "X", Etag: before.GetEtag()}, accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH},
		"a short name of others": {&authzv1.Organization{Slug: "globex"}, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_SLUG_TAKEN},
		"a short name in words":  {&authzv1.Organization{Slug: "Not A Slug"}, fieldInvalid},
		"a name of white space":  {&authzv1.Organization{DisplayName: " "}, fieldInvalid},
		"nothing":                {&authzv1.Organization{}, fieldInvalid},
		"only the id":            {&authzv1.Organization{Id: devidptest.Globex}, fieldInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.organization.UpdateOrganization(ada, &authzv1.UpdateOrganizationRequest{Organization: test.organization})
			expect(t, err, test.want)
		})
	}
}

func TestSignInSettingsAreChangedFieldByField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	got, err := w.organization.GetSignInSettings(ada, &authzv1.GetSignInSettingsRequest{})
	ok(t, err)
	if got.GetAuthMethods() != allAllowed || got.GetEmailJitProvisioning() != restricted || !slices.Equal(got.GetEmailAllowedDomains(), []string{"acme.test"}) ||
		got.GetSsoJitProvisioning() != allAllowed || got.GetDefaultSsoConnectionId() != devidptest.AcmeConnection {
		t.Errorf("the settings are %v", got)
	}
	got, err = w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{
		EmailAllowedDomains: []string{"acme.test", "acme.example"}, EmailInvites: restricted,
		SsoJitProvisioning: restricted, SsoJitConnectionIds: []string{devidptest.AcmeConnection},
	}))
	ok(t, err)
	if len(got.GetEmailAllowedDomains()) != 2 || got.GetEmailInvites() != restricted || got.GetEmailJitProvisioning() != restricted ||
		got.GetSsoJitProvisioning() != restricted || len(got.GetSsoJitConnectionIds()) != 1 {
		t.Errorf("after an update the settings are %v", got)
	}

	// Stytch's SDK leaves out what is empty.
	got, err = w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{EmailJitProvisioning: notAllowed, Etag: got.GetEtag()},
		"email_allowed_domains", "email_jit_provisioning", "sso_jit_connection_ids", "default_sso_connection_id"))
	ok(t, err)
	if len(got.GetEmailAllowedDomains()) != 0 || got.GetEmailJitProvisioning() != notAllowed || len(got.GetSsoJitConnectionIds()) != 0 ||
		got.GetDefaultSsoConnectionId() != "" || got.GetEmailInvites() != restricted {
		t.Errorf("after emptying the settings are %v", got)
	}
	again, err := w.organization.GetSignInSettings(ada, &authzv1.GetSignInSettingsRequest{})
	ok(t, err)
	if again.GetEtag() != got.GetEtag() {
		t.Errorf("the etag was %s and is %s", got.GetEtag(), again.GetEtag())
	}
	_, err = w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{EmailInvites: allAllowed, Etag: "another"}))
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH)
	_, err = w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{DefaultSsoConnectionId: "oidc-connection-test-none"}))
	expect(t, err, connectionMissing)
}

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	domains := func(list ...string) *authzv1.UpdateSignInSettingsRequest {
		return update(&authzv1.SignInSettings{EmailAllowedDomains: list})
	}
	for name, test := range map[string]struct {
		req  *authzv1.UpdateSignInSettingsRequest
		want accessv1.ErrorReason
	}{
		"a domain where anybody gets an address": {domains("acme.test", "gmail.com"), accessv1.ErrorReason_ERROR_REASON_EMAIL_DOMAIN_REFUSED},
		"an address for a domain":                {domains("ada@acme.test"), fieldInvalid},
		"a domain in capitals":                   {domains("Acme.test"), fieldInvalid},
		"a domain without a dot":                 {domains("localhost"), fieldInvalid},
		"a domain twice":                         {domains("acme.test", "acme.test"), fieldInvalid},
		"a method that there is not":             {update(&authzv1.SignInSettings{AllowedAuthMethods: []string{"carrier_pigeon"}}), fieldInvalid},
		"no value":                               {update(&authzv1.SignInSettings{}, "email_invites"), fieldInvalid},
		"a value of another setting":             {update(&authzv1.SignInSettings{EmailJitProvisioning: allAllowed}), fieldInvalid},
		"nobody by any method":                   {update(&authzv1.SignInSettings{AuthMethods: notAllowed}), fieldInvalid},
		"nothing":                                {update(&authzv1.SignInSettings{}), fieldInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.organization.UpdateSignInSettings(ada, test.req)
			expect(t, err, test.want)
			if test.want != fieldInvalid {
				if got := rpcerr.InfoOf(err).GetMetadata()["domain"]; got != "gmail.com" {
					t.Errorf("the refusal names %q", got)
				}
			}
		})
	}
}

func TestTheDoorIsNeverLockedFromInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	methods := func(list ...string) *authzv1.UpdateSignInSettingsRequest {
		return update(&authzv1.SignInSettings{AuthMethods: restricted, AllowedAuthMethods: list}, "auth_methods", "allowed_auth_methods")
	}
	for name, req := range map[string]*authzv1.UpdateSignInSettingsRequest{
		"no method":                        methods(),
		"one that the page does not offer": methods("password"),
		"letters to the invited only":      methods("magic_link"),
		"restricted to a list of nothing":  update(&authzv1.SignInSettings{AuthMethods: restricted}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.organization.UpdateSignInSettings(ada, req)
			expect(t, err, noWayToSignIn)
		})
	}
	_, err := w.organization.UpdateSignInSettings(ada, methods("sso"))
	ok(t, err) // there is an active connection
	_, err = w.organization.DeleteSsoConnection(ada, &authzv1.DeleteSsoConnectionRequest{SsoConnectionId: devidptest.AcmeConnection})
	expect(t, err, noWayToSignIn)
	_, err = w.organization.UpdateSignInSettings(ada, methods("sso", "google_oauth"))
	ok(t, err)
	_, err = w.organization.DeleteSsoConnection(ada, &authzv1.DeleteSsoConnectionRequest{SsoConnectionId: devidptest.AcmeConnection})
	ok(t, err)
	_, err = w.organization.UpdateSignInSettings(ada, methods("sso"))
	expect(t, err, noWayToSignIn)
	// A list that nothing is restricted to locks nobody out.
	_, err = w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{AuthMethods: allAllowed}, "auth_methods", "allowed_auth_methods"))
	ok(t, err)
}

// Whatever is changed leaves a line behind, with ids and no personal data.
// The sign-in page takes authenticator apps alone: what this product offers must not lock everybody out, and what was set
// elsewhere can be undone by whoever is still in.
func TestASecondFactorIsNotRequiredOfPeopleWhoCannotGiveOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	w.stytch(http.MethodPut, "/v1/b2b/organizations/"+devidptest.Acme, map[string]any{"mfa_methods": "RESTRICTED", "allowed_mfa_methods": []string{"sms_otp"}})
	require := func() error {
		_, err := w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{MfaPolicy: authzv1.MfaPolicy_MFA_POLICY_REQUIRED_FOR_ALL}))
		return err
	}
	expect(t, require(), noWayToSignIn)
	w.as(devidptest.EmmaEmail, devidptest.Acme)

	w.stytch(http.MethodPut, "/v1/b2b/organizations/"+devidptest.Acme, map[string]any{"mfa_policy": "REQUIRED_FOR_ALL"})
	signIn, err := w.sessions.JoinOrganization(w.proven(devidptest.EmmaEmail), &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Acme})
	ok(t, err)
	if signIn.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_SECOND_FACTOR {
		t.Errorf("with one factor the step is %s", signIn.GetStep())
	}
	ok(t, require()) // it is so already
	got, err := w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{MfaPolicy: authzv1.MfaPolicy_MFA_POLICY_OPTIONAL}))
	ok(t, err)
	if got.GetMfaPolicy() != authzv1.MfaPolicy_MFA_POLICY_OPTIONAL {
		t.Errorf("the policy is %s", got.GetMfaPolicy())
	}
	w.as(devidptest.EmmaEmail, devidptest.Acme)
}

func TestAnOrganizationSaysWhichApplicationsItsMembersConnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	good, bad := w.idp.MintAgent(devidptest.Emma, "read:okrs"), w.idp.Mint(devidptest.Mint{MemberID: devidptest.Emma, ClientName: "Another", Scopes: []string{"read:okrs"}})
	w.authenticate(byAccessToken(good.AccessToken))
	w.authenticate(byAccessToken(bad.AccessToken))
	got, err := w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{
		ThirdPartyApps: restricted, AllowedThirdPartyClientIds: []string{good.ClientID},
		FirstPartyApps: notAllowed, AllowedFirstPartyClientIds: []string{"connected-app-test-of-the-house"},
	}))
	ok(t, err)
	if got.GetThirdPartyApps() != restricted || !slices.Equal(got.GetAllowedThirdPartyClientIds(), []string{good.ClientID}) ||
		got.GetFirstPartyApps() != notAllowed || len(got.GetAllowedFirstPartyClientIds()) != 1 {
		t.Errorf("the settings are %v", got)
	}
	w.authenticate(byAccessToken(good.AccessToken))
	w.refuse(byAccessToken(bad.AccessToken), invalid) // at once, and not when its token expires
	got, err = w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{}, "allowed_third_party_client_ids", "allowed_first_party_client_ids"))
	ok(t, err)
	if len(got.GetAllowedThirdPartyClientIds())+len(got.GetAllowedFirstPartyClientIds()) != 0 {
		t.Errorf("after emptying the settings are %v", got)
	}
	w.refuse(byAccessToken(good.AccessToken), invalid)
}

func TestChangesAreLoggedWithoutPersonalData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	log := &kittest.Log{}
	w.start(func(cfg *authz.Config) { cfg.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	nora, err := w.organization.InviteMember(ada, &authzv1.InviteMemberRequest{EmailAddress: "nora@acme.test", DisplayName: "Nora North"})
	ok(t, err)
	_, err = w.organization.InviteMember(ada, &authzv1.InviteMemberRequest{EmailAddress: "nora@acme.test"})
	expect(t, err, memberExists)
	_, err = w.organization.ResendInvitation(ada, &authzv1.ResendInvitationRequest{MemberId: nora.GetMemberId()})
	ok(t, err)
	_, err = w.organization.UpdateMember(ada, rename(devidptest.Emma, "Emma Ekdahl"))
	ok(t, err)
	_, err = w.organization.UpdateMember(ada, roles(devidptest.Emma, "manager"))
	ok(t, err)
	_, err = w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: devidptest.Emma})
	ok(t, err)
	_, err = w.organization.ReactivateMember(ada, &authzv1.ReactivateMemberRequest{MemberId: devidptest.Emma})
	ok(t, err)
	_, err = w.organization.UpdateOrganization(ada, &authzv1.UpdateOrganizationRequest{Organization: &authzv1.Organization{DisplayName: "Secret Name"}})
	ok(t, err)
	_, err = w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{EmailAllowedDomains: []string{"secret.example"}}))
	ok(t, err)
	conn, err := w.organization.CreateSsoConnection(ada, &authzv1.CreateSsoConnectionRequest{
		Kind: authzv1.SsoConnectionKind_SSO_CONNECTION_KIND_OIDC, DisplayName: "Secret Login",
	})
	ok(t, err)
	_, err = w.organization.UpdateSsoConnection(ada, &authzv1.UpdateSsoConnectionRequest{SsoConnection: &authzv1.SsoConnection{
		Id: conn.GetId(), Oidc: &authzv1.OidcSettings{ClientSecret: "very-secret"},
	}})
	ok(t, err)
	_, err = w.organization.DeleteSsoConnection(ada, &authzv1.DeleteSsoConnectionRequest{SsoConnectionId: conn.GetId()})
	ok(t, err)

	text := log.String()
	for _, line := range []string{
		`change="a member was invited"`, `change="an invitation was sent again"`, `change="a member was changed"`, `change="a member was removed"`,
		`change="a member was brought back"`, `change="the organization was changed"`, `change="the sign-in settings were changed"`,
		`change="a single sign-on connection was created"`, `change="a single sign-on connection was changed"`,
		`change="a single sign-on connection was deleted"`, "target_member_id=" + devidptest.Emma, "member_id=" + devidptest.Ada,
		"roles=[manager]", "connection_id=" + conn.GetId(),
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the log lacks %s", line)
		}
	}
	for _, personal := range []string{"@", "Nora", "Emma", "Ekdahl", "Secret", "secret.example", "very-secret"} {
		if strings.Contains(text, personal) {
			t.Errorf("the log holds %q", personal)
		}
	}
}
