package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// routeOAuth serves the authorization server that Connected Apps talk to. Its authorization endpoint is not here but a
// page of the application, which calls the two authorize endpoints.
func (s *Server) routeOAuth(mux *http.ServeMux) {
	mux.Handle("POST /v1/b2b/idp/oauth/authorize/start", s.secret(read(s, (*call).startAuthorization)))
	mux.Handle("POST /v1/b2b/idp/oauth/authorize", s.secret(write(s, (*call).authorize)))

	open(mux, http.MethodGet, "/.well-known/jwks.json", read(s, (*call).publicJWKS))
	metadata := http.HandlerFunc(s.authorizationServerMetadata)
	// Clients that know a resource rather than the issuer append its path (RFC 8414, section 3.1).
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		open(mux, http.MethodGet, path, metadata)
		open(mux, http.MethodGet, path+"/{suffix...}", metadata)
	}

	for _, base := range []string{"/v1/oauth2", "/v1/public/{project_id}/oauth2"} {
		open(mux, http.MethodPost, base+"/register", s.project(s.oauth(s.store.Update, http.StatusCreated, (*call).register)))
		open(mux, http.MethodPost, base+"/token", s.project(s.oauth(s.store.Update, http.StatusOK, (*call).token)))
		open(mux, http.MethodPost, base+"/revoke", s.project(s.oauth(s.store.Update, http.StatusOK, (*call).revokeToken)))
		open(mux, http.MethodPost, base+"/introspect", s.project(s.oauth(s.store.View, http.StatusOK, (*call).introspect)))
		userinfo := s.project(s.oauth(s.store.View, http.StatusOK, (*call).userinfo))
		open(mux, http.MethodGet, base+"/userinfo", userinfo)
		mux.Handle("POST "+base+"/userinfo", anyOrigin(userinfo))
	}
}

// open serves a route to pages of any origin: agents also run in browsers. No cookie is ever looked at.
func open(mux *http.ServeMux, method, path string, handler http.Handler) {
	mux.Handle(method+" "+path, anyOrigin(handler))
	mux.Handle("OPTIONS "+path, anyOrigin(handler))
}

func anyOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "WWW-Authenticate")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
			h.Set("Access-Control-Allow-Headers", "Content-Type, Authorization, MCP-Protocol-Version")
			h.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// project refuses a path that names another project.
func (s *Server) project(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.PathValue("project_id"); id != "" && id != s.ProjectID {
			s.fail(w, r, notFound("project_not_found", "The project does not exist."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// oauth makes an endpoint whose parameters come as a form, or as JSON, and whose errors are those of RFC 6749.
func (s *Server) oauth(transact func(func(*state.Tx) error) error, status int, handle func(*call, parameters) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		params, err := readParameters(w, r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		answer, err := s.run(r, transact, func(c *call) (any, error) { return handle(c, params) })
		if err != nil {
			s.fail(w, r, err)
			return
		}
		w.Header().Set("Pragma", "no-cache") // RFC 6749, section 5.1.
		s.answer(w, r, status, answer)
	})
}

// parameters are those of an OAuth request.
type parameters struct {
	form url.Values
	json []byte // The body, if it came as JSON.
}

func (p parameters) get(name string) string { return p.form.Get(name) }

// readParameters reads a form or a JSON object. A parameter that comes twice is refused, as RFC 6749 section 3.2 asks,
// except resource, which RFC 8707 lets repeat.
func readParameters(w http.ResponseWriter, r *http.Request) (parameters, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return parameters{}, &oauthError{Status: http.StatusRequestEntityTooLarge, Code: "invalid_request", Description: "the body is too large"}
	}
	if err != nil {
		return parameters{}, invalidRequest("the body cannot be read")
	}
	if isJSON(r) {
		return parametersFromJSON(body)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return parameters{}, invalidRequest("the body is not a form")
	}
	for name, values := range form {
		if len(values) > 1 && name != "resource" {
			return parameters{}, invalidRequest("the parameter " + name + " comes twice")
		}
	}
	return parameters{form: form}, nil
}

func parametersFromJSON(body []byte) (parameters, error) {
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		return parameters{}, invalidRequest("the body is not a JSON object")
	}
	form := url.Values{}
	for name, value := range fields {
		switch value := value.(type) {
		case string:
			form.Set(name, value)
		case []any:
			for _, item := range value {
				if text, ok := item.(string); ok {
					form.Add(name, text)
				}
			}
		}
	}
	return parameters{form: form, json: body}, nil
}

// oauthError is an error in the form of RFC 6749, section 5.2.
type oauthError struct {
	Status      int
	Code        string
	Description string
	Challenge   string // The WWW-Authenticate header, if any.
	keep        bool
}

func (e *oauthError) Error() string { return e.Code + ": " + e.Description }

func (e *oauthError) keeps() bool { return e.keep }

func (e *oauthError) keeping() *oauthError {
	e.keep = true
	return e
}

func invalidRequest(description string) *oauthError {
	return &oauthError{Status: http.StatusBadRequest, Code: "invalid_request", Description: description}
}

func invalidGrant(description string) *oauthError {
	return &oauthError{Status: http.StatusBadRequest, Code: "invalid_grant", Description: description}
}

func invalidClient() *oauthError {
	return &oauthError{Status: http.StatusUnauthorized, Code: "invalid_client", Description: "the client is unknown or did not prove itself", Challenge: `Basic realm="devidp"`}
}

func (s *Server) failOAuth(w http.ResponseWriter, r *http.Request, e *oauthError) {
	if e.Challenge != "" {
		w.Header().Set("WWW-Authenticate", e.Challenge)
	}
	s.answer(w, r, e.Status, struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
		URI         string `json:"error_uri"`
	}{e.Code, e.Description, "https://www.rfc-editor.org/rfc/rfc6749#section-5.2"})
}

// authenticateClient finds the application that makes the request. A confidential one proves itself by its secret, in
// the body or by Basic authentication; a public one has only its id.
func (c *call) authenticateClient(p parameters) (state.App, error) {
	id, secret := p.get("client_id"), p.get("client_secret")
	if user, password, ok := c.r.BasicAuth(); ok {
		// RFC 6749, section 2.3.1: both are form-encoded first, and only one way of authentication is used.
		user, errUser := url.QueryUnescape(user)
		password, errPassword := url.QueryUnescape(password)
		if errUser != nil || errPassword != nil || secret != "" || id != "" && id != user {
			return state.App{}, invalidClient()
		}
		id, secret = user, password
	}
	app, found := c.tx.Apps().Get(id)
	if !found {
		return state.App{}, invalidClient()
	}
	if app.Type == state.AppThirdParty && !same(state.Hash(secret), app.SecretHash) {
		return state.App{}, invalidClient()
	}
	return app, nil
}

// authorizationServerMetadata answers RFC 8414, and the fields that OpenID Connect Discovery adds.
func (s *Server) authorizationServerMetadata(w http.ResponseWriter, r *http.Request) {
	base := s.PublicURL + "/v1/oauth2"
	methods := []string{"client_secret_basic", "client_secret_post", "none"}
	var scopes []string
	var consentPage string
	var registers bool
	err := s.view(r, func(c *call) error {
		consentPage, registers = c.authorizationURL(), c.dynamicRegistration()
		scopes = builtInScopes()
		for _, scope := range c.tx.Policy().CustomScopes {
			scopes = append(scopes, scope.Scope)
		}
		return nil
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	metadata := map[string]any{
		"issuer": s.PublicURL, "token_endpoint": base + "/token", "userinfo_endpoint": base + "/userinfo",
		"introspection_endpoint": base + "/introspect", "revocation_endpoint": base + "/revoke",
		"jwks_uri": s.PublicURL + "/.well-known/jwks.json", "scopes_supported": scopes,
		"response_types_supported": []string{"code"}, "response_modes_supported": []string{"query"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          methods,
		"introspection_endpoint_auth_methods_supported":  methods,
		"revocation_endpoint_auth_methods_supported":     methods,
		"client_id_metadata_document_supported":          false,
		"authorization_response_iss_parameter_supported": true, // RFC 9207
	}
	if consentPage != "" {
		metadata["authorization_endpoint"] = consentPage
	}
	if registers {
		metadata["registration_endpoint"] = base + "/register"
	}
	if strings.HasPrefix(r.URL.Path, "/.well-known/openid-configuration") {
		metadata["subject_types_supported"] = []string{"public"}
		metadata["id_token_signing_alg_values_supported"] = []string{"RS256"}
	}
	s.answer(w, r, http.StatusOK, metadata)
}
