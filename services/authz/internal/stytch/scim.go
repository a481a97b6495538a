package stytch

import (
	"context"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/scim"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/scim/connection"
)

// Types of refusals about SCIM connections.
const (
	TypeSCIMConnectionNotFound = "scim_connection_not_found"
	TypeSCIMConnectionExists   = "active_scim_connection_exists"
)

// SCIMConnection is the connection by which an organization's identity provider manages its members.
type SCIMConnection struct {
	ID, DisplayName, IdentityProvider, BaseURL string
	// LastFour and NextLastFour are of the tokens in use and to come; the second is empty unless a rotation is under way.
	LastFour, NextLastFour string
	// Expire and NextExpire are when they end; zero where Stytch does not say.
	Expire, NextExpire time.Time
	// Token is a token that was just made.
	Token string
}

func (a *Acting) scimConnection(doing string, c *scim.SCIMConnection) (*SCIMConnection, error) {
	if c == nil || c.ConnectionID == "" || c.OrganizationID != a.organization {
		return nil, nonsense(doing, "it is about no connection of the organization")
	}
	return &SCIMConnection{
		ID: c.ConnectionID, DisplayName: c.DisplayName, IdentityProvider: c.IdentityProvider, BaseURL: c.BaseURL,
		LastFour: c.BearerTokenLastFour, NextLastFour: c.NextBearerTokenLastFour,
		Expire: given(c.BearerTokenExpiresAt), NextExpire: given(c.NextBearerTokenExpiresAt),
	}, nil
}

// SCIMConnection gets the organization's connection; nil for none.
func (a *Acting) SCIMConnection(ctx context.Context) (*SCIMConnection, error) {
	const doing = "getting a SCIM connection"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.SCIM.Connection.Get(ctx, &connection.GetParams{OrganizationID: a.organization}, &connection.GetRequestOptions{Authorization: a.authorize})
	if err = translate(doing, err); IsType(err, TypeSCIMConnectionNotFound) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, err
	}
	if answer.Connection == nil && answer.StatusCode != 0 {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return a.scimConnection(doing, answer.Connection)
}

// CreateSCIMConnection makes the organization's connection, with its token.
func (a *Acting) CreateSCIMConnection(ctx context.Context, name, provider string) (*SCIMConnection, error) {
	const doing = "creating a SCIM connection"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	identity := connection.CreateRequestIdentityProvider(provider)
	answer, err := api.SCIM.Connection.Create(ctx, &connection.CreateParams{OrganizationID: a.organization, DisplayName: name, IdentityProvider: &identity},
		&connection.CreateRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	c := answer.Connection
	if c == nil || c.ConnectionID == "" || c.OrganizationID != a.organization || len(c.BearerToken) < 4 {
		return nil, nonsense(doing, "it has no connection of the organization, or no token")
	}
	return &SCIMConnection{
		ID: c.ConnectionID, DisplayName: c.DisplayName, IdentityProvider: c.IdentityProvider, BaseURL: c.BaseURL,
		LastFour: c.BearerToken[len(c.BearerToken)-4:], Expire: given(c.BearerTokenExpiresAt), Token: c.BearerToken,
	}, nil
}

// StartSCIMRotation makes a second token.
func (a *Acting) StartSCIMRotation(ctx context.Context, id string) (*SCIMConnection, error) {
	const doing = "starting the rotation of a SCIM token"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.SCIM.Connection.RotateStart(ctx, &connection.RotateStartParams{OrganizationID: a.organization, ConnectionID: id},
		&connection.RotateStartRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	c := answer.Connection
	if c == nil || c.ConnectionID != id || len(c.NextBearerToken) < 4 {
		return nil, nonsense(doing, "it is about another connection, or has no token")
	}
	return &SCIMConnection{
		ID: c.ConnectionID, DisplayName: c.DisplayName, IdentityProvider: c.IdentityProvider, BaseURL: c.BaseURL,
		LastFour: c.BearerTokenLastFour, NextLastFour: c.NextBearerToken[len(c.NextBearerToken)-4:],
		Expire: given(c.BearerTokenExpiresAt), NextExpire: given(c.NextBearerTokenExpiresAt), Token: c.NextBearerToken,
	}, nil
}

// CompleteSCIMRotation puts the second token in the place of the first.
func (a *Acting) CompleteSCIMRotation(ctx context.Context, id string) (*SCIMConnection, error) {
	const doing = "completing the rotation of a SCIM token"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.SCIM.Connection.RotateComplete(ctx, &connection.RotateCompleteParams{OrganizationID: a.organization, ConnectionID: id},
		&connection.RotateCompleteRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	return a.scimConnection(doing, answer.Connection)
}

// CancelSCIMRotation ends the second token.
func (a *Acting) CancelSCIMRotation(ctx context.Context, id string) (*SCIMConnection, error) {
	const doing = "cancelling the rotation of a SCIM token"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.SCIM.Connection.RotateCancel(ctx, &connection.RotateCancelParams{OrganizationID: a.organization, ConnectionID: id},
		&connection.RotateCancelRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	return a.scimConnection(doing, answer.Connection)
}

// DeleteSCIMConnection deletes the organization's connection.
func (a *Acting) DeleteSCIMConnection(ctx context.Context, id string) error {
	api, err := a.connected(ctx)
	if err != nil {
		return err
	}
	_, err = api.SCIM.Connection.Delete(ctx, &connection.DeleteParams{OrganizationID: a.organization, ConnectionID: id},
		&connection.DeleteRequestOptions{Authorization: a.authorize})
	return translate("deleting a SCIM connection", err)
}
