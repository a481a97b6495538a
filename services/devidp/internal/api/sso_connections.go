package api

import (
	"encoding/pem"
	"net/url"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

type connectionsAnswer struct {
	SAMLConnections     []any `json:"saml_connections"`
	OIDCConnections     []any `json:"oidc_connections"`
	ExternalConnections []any `json:"external_connections"`
}

// listConnections lists an organization's SSO connections.
func (c *call) listConnections(struct{}) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	if err := c.allow(org.OrganizationID, resourceSSO, "get"); err != nil {
		return nil, err
	}
	answer := connectionsAnswer{SAMLConnections: []any{}, OIDCConnections: []any{}, ExternalConnections: []any{}}
	for _, conn := range c.tx.OrganizationConnections(org.OrganizationID) {
		if conn.Kind == state.ConnectionOIDC {
			answer.OIDCConnections = append(answer.OIDCConnections, c.viewConnection(conn))
		} else {
			answer.SAMLConnections = append(answer.SAMLConnections, c.viewConnection(conn))
		}
	}
	return answer, nil
}

// connectionView is what both kinds of connection show.
type connectionView struct {
	OrganizationID   string         `json:"organization_id"`
	ConnectionID     string         `json:"connection_id"`
	Status           string         `json:"status"`
	DisplayName      string         `json:"display_name"`
	IdentityProvider string         `json:"identity_provider"`
	AttributeMapping map[string]any `json:"attribute_mapping"`
}

type oidcView struct {
	connectionView
	RedirectURL      string `json:"redirect_url"`
	ClientID         string `json:"client_id"`
	ClientSecret     string `json:"client_secret"`
	Issuer           string `json:"issuer"`
	AuthorizationURL string `json:"authorization_url"`
	TokenURL         string `json:"token_url"`
	UserinfoURL      string `json:"userinfo_url"`
	JWKSURL          string `json:"jwks_url"`
	CustomScopes     string `json:"custom_scopes"`
}

type samlView struct {
	connectionView
	IDPEntityID              string              `json:"idp_entity_id"`
	IDPSSOURL                string              `json:"idp_sso_url"`
	ACSURL                   string              `json:"acs_url"`
	AudienceURI              string              `json:"audience_uri"`
	VerificationCertificates []state.Certificate `json:"verification_certificates"`
	SigningCertificates      []state.Certificate `json:"signing_certificates"`
}

// viewConnection shows a connection, its client secret too: the API's only user is the application's server.
func (c *call) viewConnection(conn state.Connection) any {
	mapping := conn.AttributeMapping
	if mapping == nil {
		mapping = map[string]any{}
	}
	common := connectionView{
		conn.OrganizationID, conn.ConnectionID, conn.Status(), conn.DisplayName, conn.IdentityProvider, mapping,
	}
	callback := c.PublicURL + "/v1/b2b/sso/callback/" + conn.ConnectionID
	if conn.Kind == state.ConnectionOIDC {
		return oidcView{
			common, callback, conn.ClientID, conn.ClientSecret, conn.Issuer, conn.AuthorizationURL, conn.TokenURL,
			conn.UserinfoURL, conn.JWKSURL, conn.CustomScopes,
		}
	}
	return samlView{
		common, conn.IDPEntityID, conn.IDPSSOURL, callback, c.PublicURL + "/v1/b2b/sso/" + conn.ConnectionID,
		append([]state.Certificate{}, conn.Certificates...),
		[]state.Certificate{},
	}
}

type connectionAnswer struct {
	Connection any    `json:"connection"`
	Warning    string `json:"warning,omitempty"`
}

var identityProviders = []string{
	"generic", "classlink", "cyberark", "duo", "google-workspace", "jumpcloud", "keycloak", "microsoft-entra", "miniorange", "okta",
	"onelogin", "pingfederate", "rippling", "salesforce", "shibboleth",
}

func checkIdentityProvider(name string) error {
	if name != "" && !slices.Contains(identityProviders, name) {
		return badRequest("invalid_identity_provider", "%q is not an identity provider.", name)
	}
	return nil
}

type createConnectionRequest struct {
	DisplayName      string `json:"display_name"`
	IdentityProvider string `json:"identity_provider"`
}

func (c *call) createOIDC(req createConnectionRequest) (any, error) {
	return c.createConnection(state.ConnectionOIDC, req)
}

func (c *call) createSAML(req createConnectionRequest) (any, error) {
	return c.createConnection(state.ConnectionSAML, req)
}

func (c *call) createConnection(kind string, req createConnectionRequest) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	if err := c.allow(org.OrganizationID, resourceSSO, "create"); err != nil {
		return nil, err
	}
	if err := checkIdentityProvider(req.IdentityProvider); err != nil {
		return nil, err
	}
	if req.IdentityProvider == "" {
		req.IdentityProvider = identityProviders[0]
	}
	conn := state.Connection{
		ConnectionID: state.NewID(kind + "-connection"), OrganizationID: org.OrganizationID, Kind: kind,
		DisplayName: req.DisplayName, IdentityProvider: req.IdentityProvider,
	}
	c.tx.Connections().Put(conn.ConnectionID, conn)
	return connectionAnswer{Connection: c.viewConnection(conn)}, nil
}

// ownConnection finds the connection of the path, of one kind or of any, after asking whether the call may do the action.
func (c *call) ownConnection(kind, action string) (state.Connection, state.Organization, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return state.Connection{}, org, err
	}
	if err := c.allow(org.OrganizationID, resourceSSO, action); err != nil {
		return state.Connection{}, org, err
	}
	conn, found := c.tx.Connections().Get(c.r.PathValue("connection_id"))
	if !found || conn.OrganizationID != org.OrganizationID || kind != "" && conn.Kind != kind {
		return state.Connection{}, org, notFound("sso_connection_not_found", "The organization has no such connection.")
	}
	return conn, org, nil
}

type updateConnectionRequest struct {
	DisplayName      *string        `json:"display_name"`
	IdentityProvider *string        `json:"identity_provider"`
	AttributeMapping map[string]any `json:"attribute_mapping"`
}

func (req updateConnectionRequest) apply(conn *state.Connection) error {
	if req.IdentityProvider != nil {
		if err := checkIdentityProvider(*req.IdentityProvider); err != nil {
			return err
		}
	}
	set(&conn.DisplayName, req.DisplayName)
	set(&conn.IdentityProvider, req.IdentityProvider)
	if req.AttributeMapping != nil {
		conn.AttributeMapping = req.AttributeMapping
	}
	return nil
}

type updateOIDCRequest struct {
	updateConnectionRequest
	ClientID         *string `json:"client_id"`
	ClientSecret     *string `json:"client_secret"`
	Issuer           *string `json:"issuer"`
	AuthorizationURL *string `json:"authorization_url"`
	TokenURL         *string `json:"token_url"`
	UserinfoURL      *string `json:"userinfo_url"`
	JWKSURL          *string `json:"jwks_url"`
	CustomScopes     *string `json:"custom_scopes"`
}

// updateOIDC configures a connection. A new issuer brings its endpoints along; one that does not answer is a warning, and
// the endpoints can be set by hand.
func (c *call) updateOIDC(req updateOIDCRequest) (any, error) {
	conn, _, err := c.ownConnection(state.ConnectionOIDC, "update")
	if err != nil {
		return nil, err
	}
	if err := req.apply(&conn); err != nil {
		return nil, err
	}
	answer := connectionAnswer{}
	set(&conn.ClientID, req.ClientID)
	set(&conn.ClientSecret, req.ClientSecret)
	if req.Issuer != nil {
		if !isHTTPS(*req.Issuer) {
			return nil, badRequest("invalid_issuer", "The issuer must be an https address.")
		}
		conn.Issuer = *req.Issuer
		if !conn.Discover() {
			answer.Warning = "The issuer's metadata could not be read."
		}
	}
	set(&conn.AuthorizationURL, req.AuthorizationURL)
	set(&conn.TokenURL, req.TokenURL)
	set(&conn.UserinfoURL, req.UserinfoURL)
	set(&conn.JWKSURL, req.JWKSURL)
	set(&conn.CustomScopes, req.CustomScopes)
	c.tx.Connections().Put(conn.ConnectionID, conn)
	answer.Connection = c.viewConnection(conn)
	return answer, nil
}

type updateSAMLRequest struct {
	updateConnectionRequest
	IDPEntityID     *string `json:"idp_entity_id"`
	IDPSSOURL       *string `json:"idp_sso_url"`
	X509Certificate string  `json:"x509_certificate"`
}

func (c *call) updateSAML(req updateSAMLRequest) (any, error) {
	conn, _, err := c.ownConnection(state.ConnectionSAML, "update")
	if err != nil {
		return nil, err
	}
	if err := req.apply(&conn); err != nil {
		return nil, err
	}
	set(&conn.IDPEntityID, req.IDPEntityID)
	set(&conn.IDPSSOURL, req.IDPSSOURL)
	if req.X509Certificate != "" {
		if block, _ := pem.Decode([]byte(req.X509Certificate)); block == nil || block.Type != "CERTIFICATE" {
			return nil, badRequest("invalid_x509_certificate", "The certificate is not one in PEM.")
		}
		conn.Certificates = append(conn.Certificates, c.newCertificate(conn, req.X509Certificate))
	}
	c.tx.Connections().Put(conn.ConnectionID, conn)
	return connectionAnswer{Connection: c.viewConnection(conn)}, nil
}

func (c *call) newCertificate(conn state.Connection, text string) state.Certificate {
	return state.Certificate{
		CertificateID: state.NewID("saml-verification-key"), Certificate: text, Issuer: conn.IDPEntityID, CreatedAt: c.now, UpdatedAt: c.now,
	}
}

type updateByURLRequest struct {
	MetadataURL string `json:"metadata_url"`
}

// updateSAMLByURL configures a connection as if the metadata had been read; as with issuers, .invalid does not answer.
func (c *call) updateSAMLByURL(req updateByURLRequest) (any, error) {
	conn, _, err := c.ownConnection(state.ConnectionSAML, "update")
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(req.MetadataURL)
	if err != nil || !isHTTPS(req.MetadataURL) || strings.HasSuffix(address.Hostname(), ".invalid") {
		return nil, badRequest("invalid_saml_metadata_url", "The metadata could not be read.")
	}
	conn.IDPEntityID, conn.IDPSSOURL = req.MetadataURL, "https://"+address.Host+"/sso"
	conn.Certificates = []state.Certificate{c.newCertificate(conn, "")}
	c.tx.Connections().Put(conn.ConnectionID, conn)
	return connectionAnswer{Connection: c.viewConnection(conn)}, nil
}

func isHTTPS(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

type deleteConnectionAnswer struct {
	ConnectionID string `json:"connection_id"`
}

func (c *call) deleteConnection(struct{}) (any, error) {
	conn, org, err := c.ownConnection("", "delete")
	if err != nil {
		return nil, err
	}
	c.tx.RemoveConnection(org, conn.ConnectionID, c.now)
	return deleteConnectionAnswer{conn.ConnectionID}, nil
}
