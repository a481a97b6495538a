package api

import (
	"cmp"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/pages"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// routeBrowser serves what browsers come to: the pages that stand in for Google and for an organization's own identity
// provider. A page offers personas; choosing one posts back to the page's own address.
func (s *Server) routeBrowser(mux *http.ServeMux) {
	const google, sso = "/v1/b2b/public/oauth/google/discovery/start", "/v1/public/sso/start"
	mux.Handle("GET "+google, s.browser(s.startGoogle))
	mux.Handle("POST "+google, s.browser(s.startGoogle))
	mux.Handle("GET "+sso, s.browser(s.startSSO))
	mux.Handle("POST "+sso, s.browser(s.startSSO))
	mux.Handle("GET /{$}", s.browser(s.home))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, http.StatusOK, nil) })
	mux.HandleFunc("GET /readyz", s.ready)
}

// browser guards what a browser can reach without credentials. The host must be one of ours: otherwise a page of a
// foreign host name that resolves to this machine (DNS rebinding) could read the outbox. Writes must not come from a
// page of another origin.
func (s *Server) browser(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	guarded := http.NewCrossOriginProtection()
	guarded.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, forbidden("cross_origin_request", "A page of another origin may not do this."))
	}))
	handler := guarded.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			s.fail(w, r, err)
		}
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.ownHost(r.Host) {
			s.fail(w, r, refuse(http.StatusMisdirectedRequest, "unknown_host", "This provider is not known as %q.", r.Host))
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// ownHost accepts loopback names and the host of the public address.
func (s *Server) ownHost(host string) bool {
	if u, err := url.Parse(s.PublicURL); err == nil && strings.EqualFold(u.Host, host) {
		return true
	}
	name := (&url.URL{Host: host}).Hostname()
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.store.View(func(*state.Tx) error { return nil }); err != nil {
		s.fail(w, r, refuse(http.StatusServiceUnavailable, "not_ready", "The store is closed."))
		return
	}
	s.answer(w, r, http.StatusOK, nil)
}

var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // RFC 7636: S256 of anything.

// checkStart checks the query parameters that both flows have. mismatch is the error type for an address that is not
// registered; redirects has the addresses by the way of signing in that ends there.
func (s *Server) checkStart(r *http.Request, mismatch string, redirects map[string]string) error {
	query := r.URL.Query()
	switch {
	case query.Get("public_token") == "":
		return badRequest("public_token_required", "public_token is required.")
	case !same(query.Get("public_token"), s.PublicToken):
		return notFound("public_token_not_found", "The public token is not one of this project.")
	}
	err := s.view(r, func(c *call) error {
		for kind, redirect := range redirects {
			if !c.allowsRedirect(redirect, kind) {
				return badRequest(mismatch, "The redirect address is not registered.")
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if challenge := query.Get("pkce_code_challenge"); challenge != "" && !challengeForm.MatchString(challenge) {
		return badRequest("invalid_pkce_code_challenge", "The code challenge is not an S256 one.")
	}
	return nil
}

// startGoogle plays the account chooser of Google.
func (s *Server) startGoogle(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	redirect := query.Get("discovery_redirect_url")
	if err := s.checkStart(r, "no_match_for_provided_oauth_url", map[string]string{redirectDiscovery: redirect}); err != nil {
		return err
	}
	if r.Method == http.MethodGet {
		var personas []persona
		if err := s.view(r, func(c *call) error { personas = c.personas(""); return nil }); err != nil {
			return err
		}
		return s.pages.Chooser(w, s.chooser("Continue with Google", "Stands in for Google's account chooser.", redirect, personas))
	}
	email, err := chosenEmail(w, r)
	if err != nil {
		return err
	}
	return s.sendBack(w, r, redirect, state.LandingDiscoveryOAuth, func(c *call) (state.Landing, error) {
		return state.Landing{Email: email, Name: c.nameOf(email), CodeChallenge: query.Get("pkce_code_challenge")}, nil
	})
}

// startSSO plays an organization's own identity provider: the one that the query names, or the organization's default.
func (s *Server) startSSO(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	login := query.Get("login_redirect_url")
	redirects := map[string]string{redirectLogin: login}
	if signup := query.Get("signup_redirect_url"); signup != "" {
		redirects[redirectSignup] = signup
	}
	if err := s.checkStart(r, "no_match_for_provided_sso_url", redirects); err != nil {
		return err
	}
	var conn state.Connection
	var org state.Organization
	var personas []persona
	err := s.view(r, func(c *call) (err error) {
		if conn, org, err = c.connection(query.Get("connection_id"), query.Get("organization_id")); err == nil {
			personas = c.personas(org.OrganizationID)
		}
		return err
	})
	if err != nil {
		return err
	}
	if r.Method == http.MethodGet {
		return s.pages.Chooser(w, s.chooser(conn.DisplayName, "Stands in for the identity provider of "+org.Name+".", login, personas))
	}
	email, err := chosenEmail(w, r)
	if err != nil {
		return err
	}
	return s.sendBack(w, r, login, state.LandingSSO, func(c *call) (state.Landing, error) {
		return state.Landing{
			Email: email, Name: c.nameOf(email), OrganizationID: org.OrganizationID, ConnectionID: conn.ConnectionID,
			CodeChallenge: query.Get("pkce_code_challenge"),
		}, nil
	})
}

// connection finds the SSO connection that a start request means.
func (c *call) connection(connectionID, organizationID string) (state.Connection, state.Organization, error) {
	if connectionID == "" {
		org, err := c.organization(organizationID)
		if err != nil {
			return state.Connection{}, state.Organization{}, err
		}
		if connectionID = org.SSODefaultConnectionID; connectionID == "" {
			return state.Connection{}, state.Organization{}, notFound("no_sso_connection_exists_for_organization", "The organization has no default connection.")
		}
	}
	conn, found := c.tx.Connections().Get(connectionID)
	if !found {
		return state.Connection{}, state.Organization{}, notFound("sso_connection_not_found", "There is no such connection.")
	}
	if conn.Status() != state.ConnectionActive {
		return state.Connection{}, state.Organization{}, badRequest("inactive_sso_connection", "Something is missing in the connection's configuration.")
	}
	org, err := c.organization(conn.OrganizationID)
	return conn, org, err
}

// sendBack makes a landing token and sends the browser back with it.
func (s *Server) sendBack(w http.ResponseWriter, r *http.Request, redirect, kind string, land func(*call) (state.Landing, error)) error {
	var target string
	err := s.update(r, func(c *call) error {
		landing, err := land(c)
		if err != nil {
			return err
		}
		landing.Kind = kind
		target, err = withLanding(redirect, kind, c.land(landing, state.LandingTokenLife))
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target, http.StatusSeeOther)
	return nil
}

// view runs fn as a call outside of the API's adapter.
func (s *Server) view(r *http.Request, fn func(*call) error) error {
	return s.store.View(func(tx *state.Tx) error { return fn(&call{Server: s, tx: tx, r: r, now: s.now()}) })
}

func (s *Server) update(r *http.Request, fn func(*call) error) error {
	return s.store.Update(func(tx *state.Tx) error { return fn(&call{Server: s, tx: tx, r: r, now: s.now()}) })
}

// chosenEmail reads the form of a chooser.
func chosenEmail(w http.ResponseWriter, r *http.Request) (string, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	email := strings.TrimSpace(r.PostFormValue("email"))
	if err := checkEmail(email); err != nil {
		return "", err
	}
	return state.NormalEmail(email), nil
}

func (s *Server) chooser(title, explanation, redirect string, personas []persona) pages.Chooser {
	view := pages.Chooser{Title: title, Explanation: explanation}
	if u, err := url.Parse(redirect); err == nil {
		view.RedirectOrigin = u.Scheme + "://" + u.Host
	}
	for _, p := range personas {
		choice := pages.Persona{Email: p.Email, Name: p.Name}
		for _, m := range p.Memberships {
			choice.Roles = append(choice.Roles, strings.Join(m.Roles, ", ")+" at "+m.OrganizationName)
		}
		view.Personas = append(view.Personas, choice)
	}
	return view
}

// persona is somebody to sign in as with one click.
type persona struct {
	Email       string              `json:"email"`
	Name        string              `json:"name"`
	Memberships []personaMembership `json:"memberships"`
}

type personaMembership struct {
	OrganizationID   string   `json:"organization_id"`
	OrganizationName string   `json:"organization_name"`
	OrganizationSlug string   `json:"organization_slug"`
	MemberID         string   `json:"member_id"`
	Roles            []string `json:"roles"`
}

// personas lists the seeded people with their memberships of now, of one organization or of all.
func (c *call) personas(organizationID string) []persona {
	list := []persona{}
	for _, email := range c.tx.Personas() {
		p := persona{Email: email, Name: c.nameOf(email), Memberships: []personaMembership{}}
		for _, m := range c.tx.MembersByEmail(email) {
			org, found := c.tx.Organizations().Get(m.OrganizationID)
			if !found || organizationID != "" && organizationID != m.OrganizationID {
				continue
			}
			p.Memberships = append(p.Memberships, personaMembership{
				OrganizationID: org.OrganizationID, OrganizationName: org.Name, OrganizationSlug: org.Slug,
				MemberID: m.MemberID, Roles: m.EffectiveRoles(org, c.tx.Policy()),
			})
		}
		slices.SortFunc(p.Memberships, func(a, b personaMembership) int { return cmp.Compare(a.OrganizationSlug, b.OrganizationSlug) })
		if len(p.Memberships) > 0 {
			list = append(list, p)
		}
	}
	return list
}

// nameOf is what the person behind the address is called, if any organization knows.
func (c *call) nameOf(email string) string {
	for _, m := range c.tx.MembersByEmail(email) {
		if m.Name != "" {
			return m.Name
		}
	}
	return ""
}
