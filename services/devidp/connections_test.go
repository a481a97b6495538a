package devidp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/b2bstytchapi"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso/oidc"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso/saml"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

// somePEM has the form of a certificate; nobody verifies anything with it.
const somePEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

func TestAnOIDCConnectionIsCreatedConfiguredUsedAndDeleted(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	created, err := api.SSO.OIDC.CreateConnection(t.Context(), &oidc.CreateConnectionParams{OrganizationID: devidptest.Globex, DisplayName: "Globex Login"})
	ok(t, err)
	conn := created.Connection
	if conn.Status != "pending" || conn.IdentityProvider != "generic" || !strings.HasPrefix(conn.RedirectURL, s.URL+"/") ||
		!strings.HasPrefix(conn.ConnectionID, "oidc-connection-test-") {
		t.Fatalf("created %+v", conn)
	}
	if page := do(t, http.MethodGet, startAt(s, conn.ConnectionID), ""); page.status != http.StatusBadRequest {
		t.Errorf("a sign-in through a connection that is not configured: %d %s", page.status, page.body)
	}

	update := func(params oidc.UpdateConnectionParams) *oidc.UpdateConnectionResponse {
		t.Helper()
		params.OrganizationID, params.ConnectionID = devidptest.Globex, conn.ConnectionID
		updated, err := api.SSO.OIDC.UpdateConnection(t.Context(), &params)
		ok(t, err)
		return updated
	}
	if u := update(oidc.UpdateConnectionParams{Issuer: "https://nobody.invalid"}); u.Warning == "" || u.Connection.TokenURL != "" {
		t.Errorf("an issuer that does not answer: %+v", u)
	}
	if u := update(oidc.UpdateConnectionParams{Issuer: "https://login.globex.example/", ClientID: "okr"}); u.Warning != "" ||
		u.Connection.TokenURL != "https://login.globex.example/token" || u.Connection.Status != "pending" {
		t.Errorf("without a secret: %+v", u)
	}
	if u := update(oidc.UpdateConnectionParams{ClientSecret: "shh", DisplayName: "Globex"}); u.Connection.Status != "active" ||
		u.Connection.DisplayName != "Globex" || u.Connection.ClientID != "okr" {
		t.Errorf("with everything: %+v", u.Connection)
	}

	page := do(t, http.MethodGet, startAt(s, conn.ConnectionID), "")
	if page.status != http.StatusOK || !strings.Contains(page.body, devidptest.GinaEmail) || strings.Contains(page.body, devidptest.AdaEmail) {
		t.Errorf("the page of Globex's provider: %d %s", page.status, page.body)
	}
	landing := s.Choose(startAt(s, conn.ConnectionID), devidptest.GinaEmail)
	entered, err := api.SSO.Authenticate(t.Context(), &sso.AuthenticateParams{SSOToken: landing.Query().Get("token")})
	ok(t, err)
	if entered.OrganizationID != devidptest.Globex || entered.MemberID != devidptest.Gina {
		t.Errorf("entered as %s in %s", entered.MemberID, entered.OrganizationID)
	}

	setDefault(t, api, devidptest.Globex, conn.ConnectionID)
	_, err = api.SSO.DeleteConnection(t.Context(), &sso.DeleteConnectionParams{OrganizationID: devidptest.Globex, ConnectionID: conn.ConnectionID})
	ok(t, err)
	org, err := api.Organizations.Get(t.Context(), &organizations.GetParams{OrganizationID: devidptest.Globex})
	ok(t, err)
	if o := org.Organization; o.SSODefaultConnectionID != "" || len(o.SSOActiveConnections) != 0 {
		t.Errorf("after the deletion the organization has %+v", o)
	}
	_, err = api.SSO.DeleteConnection(t.Context(), &sso.DeleteConnectionParams{OrganizationID: devidptest.Globex, ConnectionID: conn.ConnectionID})
	wantError(t, err, http.StatusNotFound, "sso_connection_not_found")
}

func startAt(s *devidptest.Server, connectionID string) string {
	return s.URL + "/v1/public/sso/start?" + url.Values{
		"public_token": {s.PublicToken}, "connection_id": {connectionID}, "login_redirect_url": {s.RedirectOrigin + "/authenticate"},
	}.Encode()
}

func setDefault(t *testing.T, api *b2bstytchapi.API, organizationID, connectionID string) {
	t.Helper()
	_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: organizationID, SSODefaultConnectionID: connectionID})
	ok(t, err)
}

func TestASAMLConnectionIsConfiguredByMetadataOrByHand(t *testing.T) {
	t.Parallel()
	_, api := start(t, devidp.Config{})
	create := func() string {
		created, err := api.SSO.SAML.CreateConnection(t.Context(), &saml.CreateConnectionParams{OrganizationID: devidptest.Acme, DisplayName: "Acme SAML"})
		ok(t, err)
		if c := created.Connection; c.Status != "pending" || c.AcsURL == "" || c.AudienceURI == "" {
			t.Fatalf("created %+v", c)
		}
		return created.Connection.ConnectionID
	}
	mapping := map[string]any{"email": "NameID", "full_name": "displayName"}

	byURL := create()
	_, err := api.SSO.SAML.UpdateByURL(t.Context(), &saml.UpdateByURLParams{OrganizationID: devidptest.Acme, ConnectionID: byURL, MetadataURL: "https://nobody.invalid/metadata"})
	wantError(t, err, http.StatusBadRequest, "invalid_saml_metadata_url")
	read, err := api.SSO.SAML.UpdateByURL(t.Context(), &saml.UpdateByURLParams{OrganizationID: devidptest.Acme, ConnectionID: byURL, MetadataURL: "https://idp.example/metadata"})
	ok(t, err)
	if c := read.Connection; c.IDPEntityID == "" || c.IDPSSOURL == "" || len(c.VerificationCertificates) != 1 || c.Status != "pending" {
		t.Errorf("after reading the metadata: %+v", c)
	}
	mapped, err := api.SSO.SAML.UpdateConnection(t.Context(), &saml.UpdateConnectionParams{OrganizationID: devidptest.Acme, ConnectionID: byURL, AttributeMapping: mapping})
	ok(t, err)
	if c := mapped.Connection; c.Status != "active" || c.AttributeMapping["email"] != "NameID" {
		t.Errorf("after mapping the attributes: %+v", c)
	}

	byHand := saml.UpdateConnectionParams{
		OrganizationID: devidptest.Acme, ConnectionID: create(), IDPEntityID: "urn:idp", IDPSSOURL: "https://idp.example/sso",
		X509Certificate: "no certificate", AttributeMapping: mapping,
	}
	_, err = api.SSO.SAML.UpdateConnection(t.Context(), &byHand)
	wantError(t, err, http.StatusBadRequest, "invalid_x509_certificate")
	byHand.X509Certificate = somePEM
	set, err := api.SSO.SAML.UpdateConnection(t.Context(), &byHand)
	ok(t, err)
	if set.Connection.Status != "active" {
		t.Errorf("configured by hand: %+v", set.Connection)
	}
}

func TestConnectionsBelongToTheirOrganizationAndItsAdministrators(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	ceo := as(signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme))
	manager := as(signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme))
	foreign := as(signIn(t, s, api, devidptest.GinaEmail, devidptest.Globex))
	create := func(auth authorization) error {
		_, err := api.SSO.OIDC.CreateConnection(t.Context(), &oidc.CreateConnectionParams{OrganizationID: devidptest.Acme}, &oidc.CreateConnectionRequestOptions{Authorization: auth})
		return err
	}
	update := func(auth authorization, org string) error {
		_, err := api.SSO.OIDC.UpdateConnection(t.Context(), &oidc.UpdateConnectionParams{OrganizationID: org, ConnectionID: devidptest.AcmeConnection, DisplayName: "x"},
			&oidc.UpdateConnectionRequestOptions{Authorization: auth})
		return err
	}
	remove := func(auth authorization, org string) error {
		_, err := api.SSO.DeleteConnection(t.Context(), &sso.DeleteConnectionParams{OrganizationID: org, ConnectionID: devidptest.AcmeConnection},
			&sso.DeleteConnectionRequestOptions{Authorization: auth})
		return err
	}
	for _, test := range []struct {
		name   string
		err    error
		status int
		want   string
	}{
		{"a manager does not create one", create(manager), 403, "session_authorization_error"},
		{"another organization's CEO does not create one", create(foreign), 403, "session_authorization_tenancy_error"},
		{"a manager does not change one", update(manager, devidptest.Acme), 403, "session_authorization_error"},
		{"another organization's CEO does not find it in her own", update(foreign, devidptest.Globex), 404, "sso_connection_not_found"},
		{"a manager does not delete one", remove(manager, devidptest.Acme), 403, "session_authorization_error"},
		{"another organization's CEO does not delete it as one of her own", remove(foreign, devidptest.Globex), 404, "sso_connection_not_found"},
		{"an OIDC connection is no SAML connection", func() error {
			_, err := api.SSO.SAML.UpdateConnection(t.Context(), &saml.UpdateConnectionParams{OrganizationID: devidptest.Acme, ConnectionID: devidptest.AcmeConnection})
			return err
		}(), 404, "sso_connection_not_found"},
	} {
		t.Run(test.name, func(t *testing.T) { wantError(t, test.err, test.status, test.want) })
	}
	ok(t, create(ceo))
	ok(t, update(ceo, devidptest.Acme))
	ok(t, remove(ceo, devidptest.Acme))
}

func TestADeletedMemberIsReactivated(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	m := api.Organizations.Members
	manager := as(signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme))
	employee := as(signIn(t, s, api, devidptest.EmmaEmail, devidptest.Acme))
	session := signIn(t, s, api, devidptest.EmmaEmail, devidptest.Acme)
	params := &members.ReactivateParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma}
	_, err := m.Reactivate(t.Context(), params)
	wantError(t, err, http.StatusBadRequest, "member_already_active")

	_, err = m.Delete(t.Context(), &members.DeleteParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma})
	ok(t, err)
	_, err = api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken})
	wantError(t, err, http.StatusNotFound, "session_not_found")
	_, err = m.DangerouslyGet(t.Context(), &members.DangerouslyGetParams{MemberID: devidptest.Emma})
	wantError(t, err, http.StatusNotFound, "member_not_found")
	gone, err := m.DangerouslyGet(t.Context(), &members.DangerouslyGetParams{MemberID: devidptest.Emma, IncludeDeleted: true})
	ok(t, err)
	if gone.Member.Status != "deleted" || gone.Member.OrganizationID != devidptest.Acme {
		t.Errorf("got %+v", gone.Member)
	}
	_, err = m.Reactivate(t.Context(), params, &members.ReactivateRequestOptions{Authorization: employee})
	wantError(t, err, http.StatusNotFound, "session_not_found")
	_, err = m.Reactivate(t.Context(), &members.ReactivateParams{OrganizationID: devidptest.Globex, MemberID: devidptest.Emma})
	wantError(t, err, http.StatusNotFound, "member_not_found")

	back, err := m.Reactivate(t.Context(), params, &members.ReactivateRequestOptions{Authorization: manager})
	ok(t, err)
	if back.Member.Status != "active" || back.MemberID != devidptest.Emma {
		t.Errorf("reactivated %+v", back.Member)
	}
	_, err = api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken})
	wantError(t, err, http.StatusNotFound, "session_not_found")

	invited, err := m.Create(t.Context(), &members.CreateParams{OrganizationID: devidptest.Acme, EmailAddress: "nora@acme.test", CreateMemberAsPending: true})
	ok(t, err)
	_, err = m.Delete(t.Context(), &members.DeleteParams{OrganizationID: devidptest.Acme, MemberID: invited.MemberID})
	ok(t, err)
	_, err = m.Reactivate(t.Context(), &members.ReactivateParams{OrganizationID: devidptest.Acme, MemberID: invited.MemberID})
	wantError(t, err, http.StatusBadRequest, "cannot_reactivate_unverified_member")
}

func TestARoleOfTwoSourcesNamesBoth(t *testing.T) {
	t.Parallel()
	_, api := start(t, devidp.Config{})
	_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{
		OrganizationID:                   devidptest.Acme,
		RBACEmailImplicitRoleAssignments: []*organizations.EmailImplicitRoleAssignment{{Domain: "acme.test", RoleID: "manager"}},
	})
	ok(t, err)
	got, err := api.Organizations.Members.Get(t.Context(), &members.GetParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Max})
	ok(t, err)
	var types []string
	for _, r := range got.Member.Roles {
		for _, source := range r.Sources {
			types = append(types, r.RoleID+" "+source.Type)
		}
	}
	if want := "manager direct_assignment, manager email_assignment, stytch_member direct_assignment"; strings.Join(types, ", ") != want {
		t.Errorf("the roles are %v, want %s", types, want)
	}
}
