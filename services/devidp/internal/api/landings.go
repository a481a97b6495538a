package api

import (
	"slices"

	"github.com/google/uuid"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

type authenticateDiscoveryOAuthRequest struct {
	Token        string `json:"discovery_oauth_token"`
	CodeVerifier string `json:"pkce_code_verifier"`
}

// authenticateDiscoveryOAuth takes the token with which a browser came back from the account chooser.
func (c *call) authenticateDiscoveryOAuth(req authenticateDiscoveryOAuthRequest) (any, error) {
	landing, fresh, err := c.takeLanding(state.LandingDiscoveryOAuth, req.Token, req.CodeVerifier)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return nil, notFound("oauth_token_not_found", "The token does not exist, was used or has expired.")
	}
	factor := c.newFactor("oauth", "oauth_google")
	factor.GoogleOAuthFactor = &state.SubjectFactor{ID: state.NewID("oauth-user"), ProviderSubject: subject("google", landing.Email)}
	answer := c.discovered(proof{email: landing.Email, name: landing.Name, factors: []state.Factor{factor}})
	answer.ProviderType = "Google"
	answer.ProviderTenantID = state.Domain(landing.Email)
	answer.ProviderTenantIDs = []string{answer.ProviderTenantID}
	return answer, nil
}

// subject is a stable account id of an address at a provider.
func subject(provider, email string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(provider+":"+email)).String()
}

type authenticateSSORequest struct {
	sessionRequest
	Token        string `json:"sso_token"`
	CodeVerifier string `json:"pkce_code_verifier"`
}

// authenticateSSO takes the token with which a browser came back from an organization's identity provider. Whoever that
// provider vouches for and the organization does not know yet becomes a member, where it takes people in that way.
func (c *call) authenticateSSO(req authenticateSSORequest) (any, error) {
	landing, fresh, err := c.takeLanding(state.LandingSSO, req.Token, req.CodeVerifier)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return nil, notFound("sso_token_not_found", "The token does not exist, was used or has expired.")
	}
	conn, org, err := c.connection(landing.ConnectionID, landing.OrganizationID)
	if err != nil {
		return nil, err
	}
	m, found := c.tx.FindMemberByEmail(org.OrganizationID, landing.Email)
	if !found {
		switch org.SSOJITProvisioning {
		case state.NotAllowed:
			return nil, forbidden("sso_jit_provisioning_not_allowed", "The organization does not take in members by themselves.")
		case state.Restricted:
			if !slices.Contains(org.SSOJITAllowedConnections, conn.ConnectionID) {
				return nil, forbidden("invalid_connection_for_jit_provisioning", "The organization does not take in members through this connection.")
			}
		}
		m = c.newMember(org, landing.Email, landing.Name, state.StatusActive)
	}
	link := &state.SSOFactor{ID: state.NewID("sso-registration"), ProviderID: conn.ConnectionID, ExternalID: subject(conn.ConnectionID, landing.Email)}
	var factor state.Factor
	if conn.Kind == state.ConnectionOIDC {
		factor = c.newFactor("sso", "sso_oidc")
		factor.OIDCSSOFactor = link
	} else {
		factor = c.newFactor("sso", "sso_saml")
		factor.SAMLSSOFactor = link
	}
	return c.signIn(m, org, proof{email: landing.Email, name: landing.Name, factors: []state.Factor{factor}}, req.sessionRequest)
}
