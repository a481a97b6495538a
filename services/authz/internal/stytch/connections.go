package stytch

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso/external"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso/oidc"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso/saml"
)

// ConnectionKind is the protocol of a connection.
type ConnectionKind int

// The kinds of connection.
const (
	SAML ConnectionKind = iota + 1
	OIDC
	// External connections are configured by another organization.
	External
)

// StatusConnectionActive is the status of a connection that people can sign in through.
const StatusConnectionActive = "active"

// Attributes of a person that a SAML connection needs a mapping for.
const (
	AttributeEmail    = "email"
	AttributeFullName = "full_name"
)

// Connection is a connection to an organization's own identity provider. A client secret does not leave this package.
type Connection struct {
	ID, DisplayName, Status, IdentityProvider string
	Kind                                      ConnectionKind
	SAML                                      SAMLSettings
	OIDC                                      OIDCSettings
	// Warning is what Stytch found wrong with the update that this is the answer to.
	Warning string
}

// SAMLSettings are those of a SAML connection.
type SAMLSettings struct {
	ACSURL, AudienceURI, EntityID, SSOURL string
	Certificates                          int
	// Attributes maps what Stytch wants to know to the names that the identity provider has for it.
	Attributes map[string]string
	// other are the parts of the mapping that are not texts; they are kept.
	other map[string]any
}

// OIDCSettings are those of an OpenID Connect connection.
type OIDCSettings struct {
	RedirectURL, Issuer, ClientID, AuthorizationURL, TokenURL, UserinfoURL, JWKSURL string
	HasClientSecret                                                                 bool
}

func newSAML(c sso.SAMLConnection) Connection {
	settings := SAMLSettings{
		ACSURL: c.AcsURL, AudienceURI: c.AudienceURI, EntityID: c.IDPEntityID, SSOURL: c.IDPSSOURL,
		Certificates: len(c.VerificationCertificates), Attributes: map[string]string{}, other: map[string]any{},
	}
	for name, value := range c.AttributeMapping {
		if text, ok := value.(string); ok {
			settings.Attributes[name] = text
		} else {
			settings.other[name] = value
		}
	}
	return Connection{
		ID: c.ConnectionID, DisplayName: c.DisplayName, Status: c.Status, IdentityProvider: c.IdentityProvider, Kind: SAML, SAML: settings,
	}
}

func newOIDC(c sso.OIDCConnection) Connection {
	return Connection{
		ID: c.ConnectionID, DisplayName: c.DisplayName, Status: c.Status, IdentityProvider: c.IdentityProvider, Kind: OIDC,
		OIDC: OIDCSettings{
			RedirectURL: c.RedirectURL, Issuer: c.Issuer, ClientID: c.ClientID, AuthorizationURL: c.AuthorizationURL,
			TokenURL: c.TokenURL, UserinfoURL: c.UserinfoURL, JWKSURL: c.JWKSURL, HasClientSecret: c.ClientSecret != "",
		},
	}
}

func newExternal(c sso.Connection) Connection {
	return Connection{ID: c.ConnectionID, DisplayName: c.DisplayName, Status: c.Status, Kind: External}
}

// Connections lists the organization's connections by display name.
func (a *Acting) Connections(ctx context.Context) ([]Connection, error) {
	const doing = "listing connections"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.SSO.GetConnections(ctx, &sso.GetConnectionsParams{OrganizationID: a.organization},
		&sso.GetConnectionsRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	if answer.StatusCode == 0 { // the SDK makes an empty list of an answer that has none
		return nil, nonsense(doing, "it has no status code")
	}
	var list []Connection
	for _, c := range answer.SAMLConnections {
		list = append(list, newSAML(c))
	}
	for _, c := range answer.OIDCConnections {
		list = append(list, newOIDC(c))
	}
	for _, c := range answer.ExternalConnections {
		list = append(list, newExternal(c))
	}
	for _, c := range list {
		if c.ID == "" {
			return nil, nonsense(doing, "a connection has no id")
		}
	}
	slices.SortFunc(list, func(x, y Connection) int {
		return cmp.Or(cmp.Compare(x.DisplayName, y.DisplayName), cmp.Compare(x.ID, y.ID))
	})
	return list, nil
}

// CreateConnection creates a connection, SAML or OIDC, that is not configured yet.
func (a *Acting) CreateConnection(ctx context.Context, kind ConnectionKind, displayName, identityProvider string) (*Connection, error) {
	const doing = "creating a connection"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	if kind == SAML {
		provider := saml.CreateConnectionRequestIdentityProvider(identityProvider)
		answer, err := api.SSO.SAML.CreateConnection(ctx, &saml.CreateConnectionParams{
			OrganizationID: a.organization, DisplayName: displayName, IdentityProvider: &provider,
		}, &saml.CreateConnectionRequestOptions{Authorization: a.authorize})
		if err != nil {
			return nil, translate(doing, err)
		}
		return answered(doing, "", answer.Connection, newSAML)
	}
	provider := oidc.CreateConnectionRequestIdentityProvider(identityProvider)
	answer, err := api.SSO.OIDC.CreateConnection(ctx, &oidc.CreateConnectionParams{
		OrganizationID: a.organization, DisplayName: displayName, IdentityProvider: &provider,
	}, &oidc.CreateConnectionRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	return answered(doing, "", answer.Connection, newOIDC)
}

// answered refuses an answer without a connection, or about another one where its id is known.
func answered[C any](doing, id string, c *C, convert func(C) Connection) (*Connection, error) {
	if c == nil {
		return nil, nonsense(doing, "there is no connection")
	}
	connection := convert(*c)
	if connection.ID == "" || id != "" && connection.ID != id {
		return nil, nonsense(doing, "it is about another connection")
	}
	return &connection, nil
}

// ConnectionChange is what to change about a connection; what is empty stays.
type ConnectionChange struct {
	DisplayName string
	// EntityID, SSOURL, Certificate and Attributes are for SAML. A certificate, in PEM, is added.
	EntityID, SSOURL, Certificate string
	Attributes                    map[string]string
	// MetadataURL is for SAML, too: Stytch reads the rest from there.
	MetadataURL string
	// Issuer, ClientID and ClientSecret are for OIDC.
	Issuer, ClientID, ClientSecret string
}

// UpdateConnection changes a connection. A SAML connection's metadata is read last: should that fail, the rest has been
// changed already.
func (a *Acting) UpdateConnection(ctx context.Context, current Connection, change ConnectionChange) (*Connection, error) {
	switch current.Kind {
	case SAML:
		return a.updateSAML(ctx, current, change)
	case OIDC:
		return a.updateOIDC(ctx, current, change)
	}
	const doing = "updating an external connection"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.SSO.External.UpdateConnection(ctx, &external.UpdateConnectionParams{
		OrganizationID: a.organization, ConnectionID: current.ID, DisplayName: change.DisplayName,
	}, &external.UpdateConnectionRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	return answered(doing, current.ID, answer.Connection, newExternal)
}

func (a *Acting) updateSAML(ctx context.Context, current Connection, change ConnectionChange) (*Connection, error) {
	const doing = "updating a SAML connection"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	updated := &current
	metadata := change.MetadataURL
	if metadata == "" || change.DisplayName != "" || len(change.Attributes) > 0 {
		params := &saml.UpdateConnectionParams{
			OrganizationID: a.organization, ConnectionID: current.ID, DisplayName: change.DisplayName,
			IDPEntityID: change.EntityID, IDPSSOURL: change.SSOURL, X509Certificate: change.Certificate,
		}
		if len(change.Attributes) > 0 { // Stytch takes the mapping as a whole
			params.AttributeMapping = maps.Clone(current.SAML.other)
			for _, mapping := range []map[string]string{current.SAML.Attributes, change.Attributes} {
				for name, value := range mapping {
					params.AttributeMapping[name] = value
				}
			}
		}
		answer, err := api.SSO.SAML.UpdateConnection(ctx, params, &saml.UpdateConnectionRequestOptions{Authorization: a.authorize})
		if err != nil {
			return nil, translate(doing, err)
		}
		if updated, err = answered(doing, current.ID, answer.Connection, newSAML); err != nil {
			return nil, err
		}
	}
	if metadata == "" {
		return updated, nil
	}
	answer, err := api.SSO.SAML.UpdateByURL(ctx, &saml.UpdateByURLParams{
		OrganizationID: a.organization, ConnectionID: current.ID, MetadataURL: metadata,
	}, &saml.UpdateByURLRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate("reading SAML metadata", err)
	}
	return answered(doing, current.ID, answer.Connection, newSAML)
}

func (a *Acting) updateOIDC(ctx context.Context, current Connection, change ConnectionChange) (*Connection, error) {
	const doing = "updating an OIDC connection"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.SSO.OIDC.UpdateConnection(ctx, &oidc.UpdateConnectionParams{
		OrganizationID: a.organization, ConnectionID: current.ID, DisplayName: change.DisplayName,
		ClientID: change.ClientID, ClientSecret: change.ClientSecret, Issuer: change.Issuer,
	}, &oidc.UpdateConnectionRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	updated, err := answered(doing, current.ID, answer.Connection, newOIDC)
	if err == nil {
		updated.Warning = answer.Warning
	}
	return updated, err
}

// DeleteConnection deletes a connection.
func (a *Acting) DeleteConnection(ctx context.Context, connectionID string) error {
	api, err := a.connected(ctx)
	if err != nil {
		return err
	}
	_, err = api.SSO.DeleteConnection(ctx, &sso.DeleteConnectionParams{OrganizationID: a.organization, ConnectionID: connectionID},
		&sso.DeleteConnectionRequestOptions{Authorization: a.authorize})
	return translate("deleting a connection", err)
}
