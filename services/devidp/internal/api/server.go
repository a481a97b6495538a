// Package api serves the part of Stytch's B2B API that this project uses, and the pages and endpoints that make it
// usable without accounts, mail and third parties.
//
// Requests are answered as Stytch documents them: the same paths, fields, status codes and error types. Fields that are
// not emulated (locales, templates, telemetry) are ignored; routes that are not emulated answer
// 501.
package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/pages"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/token"
)

// Options is what a Server needs to know. All of it is required but Clock and Logger.
type Options struct {
	ProjectID, Secret  string
	PublicToken        string
	WorkspaceKeyID     string
	WorkspaceKeySecret string
	PublicURL          string   // What browsers reach this provider under, without a trailing slash.
	AuthorizationURL   string   // The application's consent page.
	RedirectOrigins    []string // Where browsers may be sent back to.
	Seed               state.Seed
	NewSigningKey      func() ([]byte, error) // As PKCS #8 DER; for a store that has no key.
	Clock              func() time.Time
	Logger             *slog.Logger
}

// Server answers the requests. It is safe for concurrent use.
type Server struct {
	Options

	store  *state.Store
	mac    state.MAC
	tokens token.Issuer
	log    *slog.Logger
	pages  *pages.Renderer
	faults faults
}

// New prepares the store, which is seeded unless it already was, and returns a server on it.
func New(store *state.Store, o Options) (*Server, error) {
	s := &Server{Options: o, store: store, log: o.Logger}
	var err error
	if s.pages, err = pages.New(); err != nil {
		return nil, err
	}
	err = store.Update(func(tx *state.Tx) error {
		keys, err := tx.Keys(o.NewSigningKey)
		if err != nil {
			return err
		}
		key, err := token.ParseKey(keys.SigningKey)
		if err != nil {
			return err
		}
		s.tokens = token.Issuer{Key: key, ProjectID: o.ProjectID}
		s.mac = keys.MAC()
		if !tx.Seeded() {
			tx.Reset(o.Seed, s.now())
		}
		tx.Sweep(s.now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Sweep removes what has expired from the store.
func (s *Server) Sweep() error {
	return s.store.Update(func(tx *state.Tx) error {
		tx.Sweep(s.now())
		return nil
	})
}

// ClearFaults ends the injected faults, and the waiting of the requests that one of them hit.
func (s *Server) ClearFaults() { s.faults.clear() }

func (s *Server) now() time.Time { return s.Clock().UTC().Truncate(time.Second) }

// Handler returns the routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.routeSignIn(mux)
	s.routeDirectory(mux)
	s.routeManagement(mux)
	s.routeConnections(mux)
	s.routeApps(mux)
	s.routeOAuth(mux)
	s.routeBrowser(mux)
	s.routeDev(mux)
	s.routeUnsupported(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, notFound("route_not_found", "There is no %s %s.", r.Method, r.URL.Path))
	})
	return s.faults.inject(s, mux)
}

// routeSignIn serves what a server does for a person who signs in.
func (s *Server) routeSignIn(mux *http.ServeMux) {
	mux.Handle("GET /v1/b2b/sessions/jwks/{project_id}", read(s, (*call).jwks))

	mux.Handle("POST /v1/b2b/otps/email/discovery/send", s.secret(write(s, (*call).sendPasscode)))
	mux.Handle("POST /v1/b2b/otps/email/discovery/authenticate", s.secret(write(s, (*call).authenticatePasscode)))
	mux.Handle("POST /v1/b2b/oauth/discovery/authenticate", s.secret(write(s, (*call).authenticateDiscoveryOAuth)))
	mux.Handle("POST /v1/b2b/magic_links/email/invite", s.secret(write(s, (*call).invite)))
	mux.Handle("POST /v1/b2b/magic_links/authenticate", s.secret(write(s, (*call).authenticateMagicLink)))
	mux.Handle("POST /v1/b2b/sso/authenticate", s.secret(write(s, (*call).authenticateSSO)))

	mux.Handle("POST /v1/b2b/discovery/organizations", s.secret(read(s, (*call).discover)))
	mux.Handle("POST /v1/b2b/discovery/organizations/create", s.secret(write(s, (*call).createDiscovered)))
	mux.Handle("POST /v1/b2b/discovery/intermediate_sessions/exchange", s.secret(write(s, (*call).exchangeIntermediate)))

	mux.Handle("POST /v1/b2b/totp", s.secret(write(s, (*call).createTOTP)))
	mux.Handle("POST /v1/b2b/totp/authenticate", s.secret(write(s, (*call).authenticateTOTP)))
	mux.Handle("POST /v1/b2b/recovery_codes/recover", s.secret(write(s, (*call).recoverAccount)))
	mux.Handle("GET /v1/b2b/recovery_codes/{organization_id}/{member_id}", s.secret(read(s, (*call).getRecoveryCodes)))
	mux.Handle("POST /v1/b2b/recovery_codes/rotate", s.secret(write(s, (*call).rotateRecoveryCodes)))

	mux.Handle("GET /v1/b2b/sessions", s.secret(read(s, (*call).listSessions)))
	mux.Handle("POST /v1/b2b/sessions/authenticate", s.secret(write(s, (*call).authenticateSession)))
	mux.Handle("POST /v1/b2b/sessions/exchange", s.secret(write(s, (*call).exchangeSession)))
	mux.Handle("POST /v1/b2b/sessions/revoke", s.secret(write(s, (*call).revokeSession)))
}

// routeDirectory serves organizations, their people and the access policy.
func (s *Server) routeDirectory(mux *http.ServeMux) {
	mux.Handle("GET /v1/b2b/organizations/{organization_id}", s.secret(read(s, (*call).getOrganization)))
	mux.Handle("PUT /v1/b2b/organizations/{organization_id}", s.secret(write(s, (*call).updateOrganization)))
	mux.Handle("POST /v1/b2b/organizations/members/search", s.secret(read(s, (*call).searchMembers)))
	mux.Handle("POST /v1/b2b/organizations/{organization_id}/members", s.secret(write(s, (*call).createMember)))
	mux.Handle("GET /v1/b2b/organizations/{organization_id}/member", s.secret(read(s, (*call).getMember)))
	mux.Handle("GET /v1/b2b/organizations/members/dangerously_get/{member_id}", s.secret(read(s, (*call).dangerouslyGetMember)))
	mux.Handle("PUT /v1/b2b/organizations/{organization_id}/members/{member_id}", s.secret(write(s, (*call).updateMember)))
	mux.Handle("DELETE /v1/b2b/organizations/{organization_id}/members/{member_id}", s.secret(write(s, (*call).deleteMember)))
	mux.Handle("DELETE /v1/b2b/organizations/{organization_id}/members/{member_id}/totp", s.secret(write(s, (*call).deleteTOTP)))
	mux.Handle("PUT /v1/b2b/organizations/{organization_id}/members/{member_id}/reactivate", s.secret(write(s, (*call).reactivateMember)))

	mux.Handle("GET /v1/b2b/rbac/policy", s.secret(read(s, (*call).runtimePolicy)))
}

// routeConnections serves what connects organizations to identity providers of their own.
func (s *Server) routeConnections(mux *http.ServeMux) {
	mux.Handle("GET /v1/b2b/sso/{organization_id}", s.secret(read(s, (*call).listConnections)))
	mux.Handle("DELETE /v1/b2b/sso/{organization_id}/connections/{connection_id}", s.secret(write(s, (*call).deleteConnection)))
	mux.Handle("POST /v1/b2b/sso/oidc/{organization_id}", s.secret(write(s, (*call).createOIDC)))
	mux.Handle("PUT /v1/b2b/sso/oidc/{organization_id}/connections/{connection_id}", s.secret(write(s, (*call).updateOIDC)))
	mux.Handle("POST /v1/b2b/sso/saml/{organization_id}", s.secret(write(s, (*call).createSAML)))
	mux.Handle("PUT /v1/b2b/sso/saml/{organization_id}/connections/{connection_id}", s.secret(write(s, (*call).updateSAML)))
	mux.Handle("PUT /v1/b2b/sso/saml/{organization_id}/connections/{connection_id}/url", s.secret(write(s, (*call).updateSAMLByURL)))

	const scim = "/v1/b2b/scim/{organization_id}/connection"
	mux.Handle("GET "+scim, s.secret(read(s, (*call).getSCIM)))
	mux.Handle("POST "+scim, s.secret(write(s, (*call).createSCIM)))
	mux.Handle("DELETE "+scim+"/{connection_id}", s.secret(write(s, (*call).deleteSCIM)))
	mux.Handle("POST "+scim+"/{connection_id}/rotate/start", s.secret(write(s, (*call).rotateSCIMStart)))
	mux.Handle("POST "+scim+"/{connection_id}/rotate/complete", s.secret(write(s, (*call).rotateSCIMComplete)))
	mux.Handle("POST "+scim+"/{connection_id}/rotate/cancel", s.secret(write(s, (*call).rotateSCIMCancel)))
}

// routeApps serves the Connected Apps that members and organizations have let in.
func (s *Server) routeApps(mux *http.ServeMux) {
	const member = "/v1/b2b/organizations/{organization_id}/members/{member_id}/connected_apps"
	mux.Handle("GET "+member, s.secret(read(s, (*call).memberApps)))
	mux.Handle("POST "+member+"/{connected_app_id}/revoke", s.secret(write(s, (*call).revokeMemberApp)))
	const organization = "/v1/b2b/organizations/{organization_id}/connected_apps"
	mux.Handle("GET "+organization, s.secret(read(s, (*call).organizationApps)))
	mux.Handle("GET "+organization+"/{connected_app_id}", s.secret(read(s, (*call).organizationApp)))
}

// secret asks for the project's id and secret.
func (s *Server) secret(next http.Handler) http.Handler {
	return s.basic(s.ProjectID, s.Secret, next)
}

// workspace asks for the workspace key that the management API takes.
func (s *Server) workspace(next http.Handler) http.Handler {
	return s.basic(s.WorkspaceKeyID, s.WorkspaceKeySecret, next)
}

func (s *Server) basic(user, password string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, _ := r.BasicAuth()
		if !same(u+"\x00"+p, user+"\x00"+password) {
			s.fail(w, r, unauthorized("unauthorized_credentials", "The id and secret are not those of this project."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// same compares in a time that tells nothing, not even the lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func isJSON(r *http.Request) bool {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && mediaType == "application/json"
}

// allowsOrigin reports whether the address is an absolute one of an origin that this process was started with.
func (s *Server) allowsOrigin(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	return slices.ContainsFunc(s.RedirectOrigins, func(allowed string) bool { return strings.ToLower(allowed) == origin })
}

// withLanding appends a landing token to an address that was checked before.
func withLanding(address, kind, secret string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", badRequest("invalid_url", "The redirect address cannot be parsed.")
	}
	query := u.Query()
	query.Set("stytch_token_type", kind)
	query.Set("token", secret)
	u.RawQuery = query.Encode()
	return u.String(), nil
}
