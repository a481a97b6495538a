package api

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// registration is the client metadata of RFC 7591 that this server acts on.
type registration struct {
	RedirectURIs  []string `json:"redirect_uris"`
	ClientName    string   `json:"client_name"`
	ClientURI     string   `json:"client_uri"`
	LogoURI       string   `json:"logo_uri"`
	AuthMethod    string   `json:"token_endpoint_auth_method"`
	GrantTypes    []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
}

type registered struct {
	ClientID              string   `json:"client_id"`
	ClientSecret          string   `json:"client_secret,omitempty"`
	ClientSecretExpiresAt *int     `json:"client_secret_expires_at,omitempty"` // Zero, with a secret: never.
	ClientIDIssuedAt      int64    `json:"client_id_issued_at"`
	ClientName            string   `json:"client_name"`
	ClientURI             string   `json:"client_uri,omitempty"`
	LogoURI               string   `json:"logo_uri,omitempty"`
	RedirectURIs          []string `json:"redirect_uris"`
	GrantTypes            []string `json:"grant_types"`
	ResponseTypes         []string `json:"response_types"`
	AuthMethod            string   `json:"token_endpoint_auth_method"`
}

// Bounds of a registration.
const (
	maxRedirectURIs  = 20
	maxRedirectURI   = 2048 // Bytes.
	maxClientName    = 200  // Bytes.
	unnamedClient    = "Unnamed application"
	authMethodNone   = "none"
	authMethodPost   = "client_secret_post"
	authMethodBasic  = "client_secret_basic"
	grantCode        = "authorization_code"
	grantRefresh     = "refresh_token"
	responseTypeCode = "code"
)

// register lets an application introduce itself (RFC 7591). Public ones with the same metadata are the same
// application, so that an agent that registers at every start does not pile up.
func (c *call) register(p parameters) (any, error) {
	if !c.dynamicRegistration() {
		return nil, &oauthError{Status: http.StatusForbidden, Code: "dynamic_client_registration_not_enabled", Description: "clients cannot register themselves with this project"}
	}
	var req registration
	if p.json == nil || json.Unmarshal(p.json, &req) != nil {
		return nil, invalidMetadata("invalid_client_metadata", "the body is not the JSON of a client's metadata")
	}
	if err := req.check(); err != nil {
		return nil, err
	}
	app := state.App{
		Name: req.ClientName, LogoURL: req.LogoURI, RedirectURIs: req.RedirectURIs, AuthMethod: req.AuthMethod, CreatedAt: c.now,
	}
	var secret string
	if req.AuthMethod == authMethodNone {
		app.Type = state.AppThirdPartyPublic
		metadata, err := json.Marshal(req)
		if err != nil {
			return nil, err
		}
		app.MetadataHash = state.Hash(string(metadata))
		for _, known := range c.tx.Apps().All() {
			if known.MetadataHash == app.MetadataHash {
				return answerRegistration(known, req, ""), nil
			}
		}
	} else {
		app.Type = state.AppThirdParty
		secret = state.NewSecret()
		app.SecretHash = state.Hash(secret)
	}
	app.ClientID = state.NewID("connected-app")
	c.tx.Apps().Put(app.ClientID, app)
	return answerRegistration(app, req, secret), nil
}

func answerRegistration(app state.App, req registration, secret string) registered {
	answer := registered{
		ClientID: app.ClientID, ClientIDIssuedAt: app.CreatedAt.Unix(), ClientName: app.Name, ClientURI: req.ClientURI,
		LogoURI: app.LogoURL, RedirectURIs: app.RedirectURIs, GrantTypes: []string{grantCode, grantRefresh},
		ResponseTypes: []string{responseTypeCode}, AuthMethod: app.AuthMethod,
	}
	if secret != "" {
		answer.ClientSecret, answer.ClientSecretExpiresAt = secret, new(0)
	}
	return answer
}

// check refuses what cannot work and fills in the defaults.
func (r *registration) check() error {
	if len(r.RedirectURIs) == 0 || len(r.RedirectURIs) > maxRedirectURIs {
		return invalidMetadata("invalid_redirect_uri", "redirect_uris must name from 1 to 20 addresses")
	}
	for _, uri := range r.RedirectURIs {
		if !registrable(uri) {
			return invalidMetadata("invalid_redirect_uri", "a redirect URI must be https, http on loopback, or of a private scheme, without a fragment")
		}
	}
	if r.AuthMethod == "" {
		r.AuthMethod = authMethodNone
	}
	for _, among := range []struct{ values, known []string }{
		{[]string{r.AuthMethod}, []string{authMethodNone, authMethodPost, authMethodBasic}},
		{r.GrantTypes, []string{grantCode, grantRefresh}},
		{r.ResponseTypes, []string{responseTypeCode}},
	} {
		for _, value := range among.values {
			if !slices.Contains(among.known, value) {
				return invalidMetadata("invalid_client_metadata", "only "+strings.Join(among.known, ", ")+" can be asked for")
			}
		}
	}
	if len(r.ClientURI) > maxRedirectURI || len(r.LogoURI) > maxRedirectURI {
		return invalidMetadata("invalid_client_metadata", "client_uri or logo_uri is too long")
	}
	if len(r.ClientName) > maxClientName {
		return invalidMetadata("invalid_client_metadata", "the client name is too long")
	}
	if r.ClientName == "" {
		r.ClientName = unnamedClient
	}
	return nil
}

func invalidMetadata(code, description string) *oauthError {
	return &oauthError{Status: http.StatusBadRequest, Code: code, Description: description}
}

// registrable reports whether browsers may be sent to the address with a code in it. Schemes in which an address is
// itself a program or a document are out, and plain http is for loopback only (RFC 8252, section 7).
func registrable(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Fragment != "" || strings.HasSuffix(raw, "#") || u.User != nil || len(raw) > maxRedirectURI {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
		return u.Host != ""
	case "http":
		return isLoopback(u.Hostname())
	case "javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem":
		return false
	default:
		return true
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

// redirects reports whether the application registered the address. A native one listens on a port that it only learns
// when it starts, so on loopback any port is taken (RFC 8252, section 7.3).
func redirects(app state.App, raw string) bool {
	if slices.Contains(app.RedirectURIs, raw) {
		return true
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || !isLoopback(u.Hostname()) || u.Fragment != "" || u.User != nil {
		return false
	}
	return slices.ContainsFunc(app.RedirectURIs, func(known string) bool {
		k, err := url.Parse(known)
		return err == nil && k.Scheme == "http" && isLoopback(k.Hostname()) &&
			k.Hostname() == u.Hostname() && k.EscapedPath() == u.EscapedPath() && k.RawQuery == u.RawQuery
	})
}
