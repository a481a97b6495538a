package api

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/token"
)

// Scopes that every project has. A member can always grant them.
const (
	scopeOpenID        = "openid"
	scopeProfile       = "profile"
	scopeEmail         = "email"
	scopePhone         = "phone"
	scopeOfflineAccess = "offline_access"
)

func builtInScopes() []string {
	return []string{scopeOpenID, scopeProfile, scopeEmail, scopePhone, scopeOfflineAccess}
}

// grantable reports whether a scope exists and whether a member with these roles can grant it.
func (c *call) grantable(roles []string, scope string) (exists, ok bool) {
	if slices.Contains(builtInScopes(), scope) {
		return true, true
	}
	p := c.tx.Policy()
	_, exists = p.FindScope(scope)
	return exists, p.Grantable(roles, scope)
}

// issueAccess makes an access token for the grant, good until it expires or the grant is revoked. A life below zero
// makes one that has expired, for tests.
func (c *call) issueAccess(g state.Grant, life time.Duration) (string, error) {
	org, err := c.organization(g.OrganizationID)
	if err != nil {
		return "", err
	}
	a := token.Access{
		ID: uuid.NewString(), MemberID: g.MemberID, ClientID: g.ClientID, Scope: g.Scope(), Resources: g.Resources,
		Organization: token.Organization{ID: org.OrganizationID, Slug: org.Slug},
		IssuedAt:     c.now, ExpiresAt: c.now.Add(life),
	}
	if life < 0 {
		a.IssuedAt = a.ExpiresAt.Add(-state.AccessTokenLife)
	}
	signed, err := c.tokens.SignAccess(a)
	if err != nil {
		return "", err
	}
	c.tx.AccessTokens().Put(a.ID, state.AccessToken{Grant: g, ExpiresAt: a.ExpiresAt})
	return signed, nil
}

// issueRefresh makes a refresh token for the grant.
func (c *call) issueRefresh(g state.Grant) string {
	secret := state.NewSecret()
	c.tx.RefreshTokens().Put(state.Hash(secret), state.RefreshToken{Grant: g, ExpiresAt: c.now.Add(state.RefreshTokenLife)})
	return secret
}

// newGrant starts a family of tokens under a consent.
func newGrant(consent state.Consent, scopes, resources []string) state.Grant {
	return state.Grant{
		FamilyID: uuid.NewString(), ConsentID: consent.ConsentID, ClientID: consent.ClientID, MemberID: consent.MemberID,
		OrganizationID: consent.OrganizationID, Scopes: scopes, Resources: resources,
	}
}
