package api

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/emptypb"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// ListSsoConnections implements authzv1.OrganizationServiceServer.
func (s *organizationService) ListSsoConnections(ctx context.Context, _ *authzv1.ListSsoConnectionsRequest) (*authzv1.ListSsoConnectionsResponse, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.connections(ctx, a)
	if err != nil {
		return nil, err
	}
	out := &authzv1.ListSsoConnectionsResponse{}
	for _, c := range found {
		message, err := connectionMessage(&c)
		if err != nil {
			return nil, err
		}
		out.SsoConnections = append(out.SsoConnections, message)
	}
	return out, nil
}

// GetSsoConnection implements authzv1.OrganizationServiceServer.
func (s *organizationService) GetSsoConnection(ctx context.Context, req *authzv1.GetSsoConnectionRequest) (*authzv1.SsoConnection, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.connection(ctx, a, req.GetSsoConnectionId(), "")
	if err != nil {
		return nil, err
	}
	return connectionMessage(found)
}

// CreateSsoConnection implements authzv1.OrganizationServiceServer.
func (s *organizationService) CreateSsoConnection(ctx context.Context, req *authzv1.CreateSsoConnectionRequest) (*authzv1.SsoConnection, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.CreateConnections); err != nil {
		return nil, err
	}
	kind := stytch.OIDC
	if req.GetKind() == authzv1.SsoConnectionKind_SSO_CONNECTION_KIND_SAML {
		kind = stytch.SAML
	}
	created, err := a.acting.CreateConnection(ctx, kind, req.GetDisplayName(), cmp.Or(req.GetIdentityProvider(), "generic"))
	if err != nil {
		return nil, s.refused(a, policy.CreateConnections, err)
	}
	s.changed(ctx, a, "a single sign-on connection was created", nil, slog.String("connection_id", created.ID))
	return connectionMessage(created)
}

// UpdateSsoConnection implements authzv1.OrganizationServiceServer.
func (s *organizationService) UpdateSsoConnection(ctx context.Context, req *authzv1.UpdateSsoConnectionRequest) (*authzv1.SsoConnection, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	update := req.GetSsoConnection()
	fields, err := selected(update, req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.UpdateConnections); err != nil {
		return nil, err
	}
	if fields, err = given(update, fields); err != nil {
		return nil, err
	}
	if err := validated(update, "sso_connection", fields); err != nil {
		return nil, err
	}
	current, err := s.connection(ctx, a, update.GetId(), update.GetEtag())
	if err != nil {
		return nil, err
	}
	if err := fits(current.Kind, fields); err != nil {
		return nil, err
	}
	updated, err := a.acting.UpdateConnection(ctx, *current, connectionChange(update, fields))
	if err != nil {
		return nil, s.refused(a, policy.UpdateConnections, err)
	}
	s.changed(ctx, a, "a single sign-on connection was changed", nil,
		slog.String("connection_id", current.ID), slog.Any("fields", []string(fields)))
	return connectionMessage(updated)
}

// DeleteSsoConnection implements authzv1.OrganizationServiceServer.
func (s *organizationService) DeleteSsoConnection(ctx context.Context, req *authzv1.DeleteSsoConnectionRequest) (*emptypb.Empty, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.DeleteConnections); err != nil {
		return nil, err
	}
	lock := s.locks.of(a.organization.ID)
	lock.Lock()
	defer lock.Unlock()
	current, err := s.connection(ctx, a, req.GetSsoConnectionId(), req.GetEtag())
	if err != nil {
		return nil, err
	}
	_, now, err := s.cfg.Stytch.Settings(ctx, a.organization.ID)
	if err != nil {
		return nil, s.refused(a, policy.DeleteConnections, err)
	}
	settings, err := settingsMessage(now)
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(now.ActiveConnections), func(id string) bool { return id == current.ID })
	if canSignIn(settings, len(now.ActiveConnections)) && !canSignIn(settings, len(left)) {
		return nil, noWayToSignIn()
	}
	if err := a.acting.DeleteConnection(ctx, current.ID); err != nil {
		return nil, s.refused(a, policy.DeleteConnections, err)
	}
	// Who signed in through it may be signed out now.
	s.changed(ctx, a, "a single sign-on connection was deleted", []string{a.organization.ID}, slog.String("connection_id", current.ID))
	return &emptypb.Empty{}, nil
}

func (s *organizationService) connections(ctx context.Context, a *administrator) ([]stytch.Connection, error) {
	if err := a.need(policy.GetConnections); err != nil {
		return nil, err
	}
	found, err := a.acting.Connections(ctx)
	if err != nil {
		return nil, s.refused(a, policy.GetConnections, err)
	}
	return found, nil
}

// connection finds a connection, in the state that etag names if it names one. SSO_CONNECTION_NOT_FOUND, ETAG_MISMATCH.
func (s *organizationService) connection(ctx context.Context, a *administrator, id, etag string) (*stytch.Connection, error) {
	all, err := s.connections(ctx, a)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(c stytch.Connection) bool { return c.ID == id })
	if i < 0 {
		return nil, connectionNotFound()
	}
	message, err := connectionMessage(&all[i])
	if err != nil {
		return nil, err
	}
	return &all[i], checkETag(etag, message.GetEtag())
}

// given leaves out the selected fields that are empty, which Stytch has no way to set. FIELD_INVALID where nothing is left,
// or where the metadata's address comes with what the metadata says.
func given(update *authzv1.SsoConnection, fields selection) (selection, error) {
	filled := leaves(update.ProtoReflect(), "", true)
	fields = slices.DeleteFunc(slices.Clone(fields), func(path string) bool { return !filled.has(path) })
	if len(fields) == 0 {
		return nil, maskInvalid("it selects no field that has a value", "empty")
	}
	if fields.has("saml.metadata_url") {
		for _, path := range []string{"saml.idp_entity_id", "saml.idp_sso_url", "saml.x509_certificate"} {
			if fields.has(path) {
				return nil, rpcerr.FieldInvalid().Field("sso_connection."+path, "cannot be set together with metadata_url, which brings it", "saml.metadata_url")
			}
		}
	}
	return fields, nil
}

// fits refuses settings of another protocol. FIELD_INVALID.
func fits(kind stytch.ConnectionKind, fields selection) error {
	for _, path := range fields {
		protocol, _, nested := strings.Cut(path, ".")
		if nested && (protocol == "saml") != (kind == stytch.SAML) || nested && (protocol == "oidc") != (kind == stytch.OIDC) {
			return rpcerr.FieldInvalid().Field("sso_connection."+path, "is not a setting of a connection of this kind", "sso_connection.kind")
		}
	}
	return nil
}

// connectionChange is what the selected fields ask for.
func connectionChange(update *authzv1.SsoConnection, fields selection) stytch.ConnectionChange {
	value := func(path, v string) string {
		if fields.has(path) {
			return v
		}
		return ""
	}
	saml, oidc := update.GetSaml(), update.GetOidc()
	change := stytch.ConnectionChange{
		DisplayName:  value("display_name", update.GetDisplayName()),
		EntityID:     value("saml.idp_entity_id", saml.GetIdpEntityId()),
		SSOURL:       value("saml.idp_sso_url", saml.GetIdpSsoUrl()),
		Certificate:  value("saml.x509_certificate", saml.GetX509Certificate()),
		MetadataURL:  value("saml.metadata_url", saml.GetMetadataUrl()),
		Issuer:       value("oidc.issuer", oidc.GetIssuer()),
		ClientID:     value("oidc.client_id", oidc.GetClientId()),
		ClientSecret: value("oidc.client_secret", oidc.GetClientSecret()),
		Attributes:   map[string]string{},
	}
	if v := value("saml.email_attribute", saml.GetEmailAttribute()); v != "" {
		change.Attributes[stytch.AttributeEmail] = v
	}
	if v := value("saml.full_name_attribute", saml.GetFullNameAttribute()); v != "" {
		change.Attributes[stytch.AttributeFullName] = v
	}
	return change
}

func connectionMessage(c *stytch.Connection) (*authzv1.SsoConnection, error) {
	out := &authzv1.SsoConnection{
		Id: c.ID, DisplayName: c.DisplayName, Status: authzv1.SsoConnectionStatus_SSO_CONNECTION_STATUS_PENDING,
		Kind: authzv1.SsoConnectionKind_SSO_CONNECTION_KIND_EXTERNAL, IdentityProvider: c.IdentityProvider,
	}
	if c.Status == stytch.StatusConnectionActive {
		out.Status = authzv1.SsoConnectionStatus_SSO_CONNECTION_STATUS_ACTIVE
	}
	switch c.Kind {
	case stytch.SAML:
		out.Kind = authzv1.SsoConnectionKind_SSO_CONNECTION_KIND_SAML
		out.Saml = &authzv1.SamlSettings{
			AcsUrl: c.SAML.ACSURL, AudienceUri: c.SAML.AudienceURI, IdpEntityId: c.SAML.EntityID, IdpSsoUrl: c.SAML.SSOURL,
			CertificateCount: int32(c.SAML.Certificates),
			EmailAttribute:   c.SAML.Attributes[stytch.AttributeEmail], FullNameAttribute: c.SAML.Attributes[stytch.AttributeFullName],
		}
	case stytch.OIDC:
		out.Kind = authzv1.SsoConnectionKind_SSO_CONNECTION_KIND_OIDC
		out.Oidc = &authzv1.OidcSettings{
			RedirectUrl: c.OIDC.RedirectURL, Issuer: c.OIDC.Issuer, ClientId: c.OIDC.ClientID, HasClientSecret: c.OIDC.HasClientSecret,
			AuthorizationUrl: c.OIDC.AuthorizationURL, TokenUrl: c.OIDC.TokenURL, UserinfoUrl: c.OIDC.UserinfoURL, JwksUrl: c.OIDC.JWKSURL,
		}
	}
	var err error
	out.Etag, err = etagOf(out)
	out.Warning = c.Warning
	return out, err
}
