package authz_test

import (
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	kindOIDC          = authzv1.SsoConnectionKind_SSO_CONNECTION_KIND_OIDC
	kindSAML          = authzv1.SsoConnectionKind_SSO_CONNECTION_KIND_SAML
	connectionPending = authzv1.SsoConnectionStatus_SSO_CONNECTION_STATUS_PENDING
	connectionActive  = authzv1.SsoConnectionStatus_SSO_CONNECTION_STATUS_ACTIVE
)

func TestAnOIDCConnectionIsSetUpAndPeopleEnterThroughIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gina := w.as(devidptest.GinaEmail, devidptest.Globex)
	conn, err := w.organization.CreateSsoConnection(gina, &authzv1.CreateSsoConnectionRequest{Kind: kindOIDC, DisplayName: "Globex Login"})
	ok(t, err)
	if conn.GetStatus() != connectionPending || conn.GetKind() != kindOIDC || conn.GetIdentityProvider() != "generic" || conn.GetOidc().GetRedirectUrl() == "" {
		t.Errorf("created %v", conn)
	}
	start := &authzv1.StartSsoRequest{OrganizationSlug: "globex", RedirectUri: landing, CodeChallenge: challenge()}
	_, err = w.sessions.StartSso(t.Context(), start)
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SSO_NOT_CONFIGURED)

	set := func(oidc *authzv1.OidcSettings, paths ...string) *authzv1.SsoConnection {
		t.Helper()
		updated, err := w.organization.UpdateSsoConnection(gina, &authzv1.UpdateSsoConnectionRequest{
			SsoConnection: &authzv1.SsoConnection{Id: conn.GetId(), Oidc: oidc}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
		ok(t, err)
		return updated
	}
	if got := set(&authzv1.OidcSettings{Issuer: "https://nobody.invalid", ClientId: "okr"}); got.GetWarning() == "" || got.GetStatus() != connectionPending {
		t.Errorf("an issuer that does not answer: %v", got)
	}
	// Only what the mask names is changed.
	if got := set(&authzv1.OidcSettings{Issuer: "https://login.globex.example", ClientId: "other"}, "oidc.issuer"); got.GetOidc().GetClientId() != "okr" ||
		got.GetOidc().GetTokenUrl() == "" || got.GetWarning() != "" {
		t.Errorf("with an issuer: %v", got)
	}
	active := set(&authzv1.OidcSettings{ClientSecret: "very-secret"})
	if !active.GetOidc().GetHasClientSecret() || active.GetStatus() != connectionActive {
		t.Errorf("with a secret: %v", active)
	}

	started, err := w.sessions.StartSso(t.Context(), start)
	ok(t, err)
	back := w.idp.Choose(started.GetAuthorizationUrl(), devidptest.GusEmail)
	signIn, err := w.sessions.AuthenticateRedirect(t.Context(), &authzv1.AuthenticateRedirectRequest{
		TokenType: authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_SSO, Token: back.Query().Get("token"), CodeVerifier: verifier,
	})
	ok(t, err)
	if p := signIn.GetSession().GetPrincipal(); p.GetMemberId() != devidptest.Gus || p.GetOrganizationId() != devidptest.Globex {
		t.Errorf("entered as %v", p)
	}

	got, err := w.organization.GetSsoConnection(gina, &authzv1.GetSsoConnectionRequest{SsoConnectionId: conn.GetId()})
	ok(t, err)
	list, err := w.organization.ListSsoConnections(gina, &authzv1.ListSsoConnectionsRequest{})
	ok(t, err)
	if got.GetEtag() != active.GetEtag() || len(list.GetSsoConnections()) != 1 || list.GetSsoConnections()[0].GetEtag() != got.GetEtag() {
		t.Errorf("got %v, listed %v", got, list)
	}
	for _, answer := range []string{protojson.Format(active), protojson.Format(got), protojson.Format(list)} {
		if strings.Contains(answer, "very-secret") {
			t.Errorf("the client secret was sent back: %s", answer)
		}
	}
	_, err = w.organization.DeleteSsoConnection(gina, &authzv1.DeleteSsoConnectionRequest{SsoConnectionId: conn.GetId(), Etag: conn.GetEtag()})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH)
	_, err = w.organization.DeleteSsoConnection(gina, &authzv1.DeleteSsoConnectionRequest{SsoConnectionId: conn.GetId(), Etag: got.GetEtag()})
	ok(t, err)
	_, err = w.organization.GetSsoConnection(gina, &authzv1.GetSsoConnectionRequest{SsoConnectionId: conn.GetId()})
	expect(t, err, connectionMissing)
	_, err = w.sessions.StartSso(t.Context(), start)
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SSO_NOT_CONFIGURED)
}

// A test link names the connection, which need not be the one that the organization starts with.
func TestSingleSignOnStartsWithTheConnectionThatIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gina := w.as(devidptest.GinaEmail, devidptest.Globex)
	var ids []string
	for _, secret := range []string{"secret", "secret", ""} { // the last one is not configured
		conn, err := w.organization.CreateSsoConnection(gina, &authzv1.CreateSsoConnectionRequest{Kind: kindOIDC, DisplayName: "Login"})
		ok(t, err)
		_, err = w.organization.UpdateSsoConnection(gina, &authzv1.UpdateSsoConnectionRequest{SsoConnection: &authzv1.SsoConnection{
			Id: conn.GetId(), Oidc: &authzv1.OidcSettings{Issuer: "https://login.globex.example", ClientId: "okr", ClientSecret: secret},
		}})
		ok(t, err)
		ids = append(ids, conn.GetId())
	}
	start := func(slug, connection string) (string, error) {
		answer, err := w.sessions.StartSso(t.Context(), &authzv1.StartSsoRequest{
			OrganizationSlug: slug, SsoConnectionId: connection, RedirectUri: landing, CodeChallenge: challenge(),
		})
		return answer.GetAuthorizationUrl(), err
	}
	for _, id := range ids[:2] {
		to, err := start("globex", id)
		ok(t, err)
		back := w.idp.Choose(to, devidptest.GusEmail)
		_, err = w.sessions.AuthenticateRedirect(t.Context(), &authzv1.AuthenticateRedirectRequest{
			TokenType: authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_SSO, Token: back.Query().Get("token"), CodeVerifier: verifier,
		})
		ok(t, err)
		if !strings.Contains(to, url.QueryEscape(id)) {
			t.Errorf("%s starts at %s", id, to)
		}
	}
	for name, wrong := range map[string][2]string{
		"none of two that is the first choice": {"globex", ""}, "one that is not configured": {"globex", ids[2]},
		"another organization's": {"globex", devidptest.AcmeConnection}, "no connection": {"globex", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := start(wrong[0], wrong[1])
			expect(t, err, accessv1.ErrorReason_ERROR_REASON_SSO_NOT_CONFIGURED)
		})
	}
}

func TestASAMLConnectionIsSetUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	create := func() string {
		conn, err := w.organization.CreateSsoConnection(ada, &authzv1.CreateSsoConnectionRequest{
			Kind: kindSAML, DisplayName: "Acme SAML", IdentityProvider: "okta",
		})
		ok(t, err)
		if conn.GetSaml().GetAcsUrl() == "" || conn.GetSaml().GetAudienceUri() == "" || conn.GetIdentityProvider() != "okta" || conn.GetStatus() != connectionPending {
			t.Errorf("created %v", conn)
		}
		return conn.GetId()
	}
	set := func(id string, saml *authzv1.SamlSettings) (*authzv1.SsoConnection, error) {
		return w.organization.UpdateSsoConnection(ada, &authzv1.UpdateSsoConnectionRequest{
			SsoConnection: &authzv1.SsoConnection{Id: id, DisplayName: "Okta", Saml: saml},
		})
	}
	const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

	byURL := create()
	got, err := set(byURL, &authzv1.SamlSettings{MetadataUrl: "https://idp.example/metadata", EmailAttribute: "NameID"})
	ok(t, err)
	if got.GetSaml().GetIdpEntityId() == "" || got.GetSaml().GetCertificateCount() != 1 || got.GetStatus() != connectionPending || got.GetDisplayName() != "Okta" {
		t.Errorf("by its metadata: %v", got)
	}
	got, err = set(byURL, &authzv1.SamlSettings{FullNameAttribute: "displayName"})
	ok(t, err)
	if got.GetStatus() != connectionActive || got.GetSaml().GetEmailAttribute() != "NameID" || got.GetSaml().GetFullNameAttribute() != "displayName" {
		t.Errorf("with both attributes: %v", got)
	}
	got, err = set(create(), &authzv1.SamlSettings{
		IdpEntityId: "urn:idp", IdpSsoUrl: "https://idp.example/sso", X509Certificate: pem, EmailAttribute: "NameID", FullNameAttribute: "cn",
	})
	ok(t, err)
	if got.GetStatus() != connectionActive {
		t.Errorf("by hand: %v", got)
	}

	for name, test := range map[string]struct {
		saml  *authzv1.SamlSettings
		field string
	}{
		"metadata that cannot be read":   {&authzv1.SamlSettings{MetadataUrl: "https://nobody.invalid/metadata"}, "sso_connection.saml.metadata_url"},
		"metadata without encryption":    {&authzv1.SamlSettings{MetadataUrl: "http://idp.example/metadata"}, "sso_connection.saml.metadata_url"},
		"metadata and what it says":      {&authzv1.SamlSettings{MetadataUrl: "https://idp.example/metadata", IdpEntityId: "x"}, "sso_connection.saml.idp_entity_id"},
		"something else as certificate":  {&authzv1.SamlSettings{X509Certificate: "x"}, "sso_connection.saml.x509_certificate"},
		"an address that is none to use": {&authzv1.SamlSettings{IdpSsoUrl: "javascript:alert(1)"}, "sso_connection.saml.idp_sso_url"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := set(byURL, test.saml)
			expect(t, err, fieldInvalid)
			if !strings.Contains(err.Error(), test.field) {
				t.Errorf("the refusal says %v", err)
			}
		})
	}
}

func TestConnectionsAreNotWhatTheyAreNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, gina := w.as(devidptest.AdaEmail, devidptest.Acme), w.as(devidptest.GinaEmail, devidptest.Globex)
	for name, test := range map[string]struct {
		connection *authzv1.SsoConnection
		paths      []string
	}{
		"SAML settings of an OIDC connection": {&authzv1.SsoConnection{Saml: &authzv1.SamlSettings{IdpEntityId: "x"}}, nil},
		"nothing":                             {&authzv1.SsoConnection{}, nil},
		"a field without a value":             {&authzv1.SsoConnection{}, []string{"oidc.issuer"}},
		"a field that there is not":           {&authzv1.SsoConnection{}, []string{"oidc.shoe_size"}},
		"a field of a text":                   {&authzv1.SsoConnection{DisplayName: "x"}, []string{"display_name.x"}},
		"only read-only fields":               {&authzv1.SsoConnection{Status: connectionPending, Oidc: &authzv1.OidcSettings{TokenUrl: "https://x.example"}}, nil},
		"an issuer without encryption":        {&authzv1.SsoConnection{Oidc: &authzv1.OidcSettings{Issuer: "http://x.example"}}, nil},
		"a name of white space":               {&authzv1.SsoConnection{DisplayName: "  "}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			test.connection.Id = devidptest.AcmeConnection
			_, err := w.organization.UpdateSsoConnection(ada, &authzv1.UpdateSsoConnectionRequest{
				SsoConnection: test.connection, UpdateMask: &fieldmaskpb.FieldMask{Paths: test.paths},
			})
			expect(t, err, fieldInvalid)
		})
	}
	_, err := w.organization.UpdateSsoConnection(gina, &authzv1.UpdateSsoConnectionRequest{
		SsoConnection: &authzv1.SsoConnection{Id: devidptest.AcmeConnection, DisplayName: "Ours"},
	})
	expect(t, err, connectionMissing)
	_, err = w.organization.GetSsoConnection(gina, &authzv1.GetSsoConnectionRequest{SsoConnectionId: devidptest.AcmeConnection})
	expect(t, err, connectionMissing)
	_, err = w.organization.DeleteSsoConnection(gina, &authzv1.DeleteSsoConnectionRequest{SsoConnectionId: devidptest.AcmeConnection})
	expect(t, err, connectionMissing)
	_, err = w.organization.UpdateSsoConnection(ada, &authzv1.UpdateSsoConnectionRequest{
		SsoConnection: &authzv1.SsoConnection{Id: devidptest.AcmeConnection, DisplayName: "Acme Login", Etag: "another"},
	})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH)
	if rpcerr.InfoOf(err).GetMetadata()["etag"] == "" {
		t.Error("the refusal does not name the current etag")
	}
}
