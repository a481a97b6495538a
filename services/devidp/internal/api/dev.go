package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/pages"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// routeDev serves what only a provider for development can offer: no secret is asked for, so it is guarded like the
// pages are.
func (s *Server) routeDev(mux *http.ServeMux) {
	mux.Handle("GET /_dev/outbox", s.browser(s.outbox))
	mux.Handle("GET /_dev/personas", s.dev(read(s, (*call).listPersonas)))
	mux.Handle("POST /_dev/tokens", s.dev(write(s, (*call).mintToken)))
	mux.Handle("POST /_dev/reset", s.dev(write(s, (*call).reset)))
	mux.Handle("POST /_dev/faults", s.dev(read(s, (*call).addFault)))
	mux.Handle("DELETE /_dev/faults", s.dev(read(s, (*call).clearFaults)))
}

// dev guards an endpoint of the API's form.
func (s *Server) dev(next http.Handler) http.Handler {
	return s.browser(func(w http.ResponseWriter, r *http.Request) error {
		next.ServeHTTP(w, r)
		return nil
	})
}

// home says what this is and who can be played.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	view := pages.Home{ProjectID: s.ProjectID, ApplicationOrigin: s.RedirectOrigins[0]}
	err := s.view(r, func(c *call) error {
		view.Personas = s.chooser("", "", "", c.personas("")).Personas
		return nil
	})
	if err != nil {
		return err
	}
	return s.pages.Home(w, view)
}

type outboxAnswer struct {
	Messages []state.Message `json:"messages"`
}

// outbox shows the messages, newest first: a page, or JSON to whoever asks for it.
func (s *Server) outbox(w http.ResponseWriter, r *http.Request) error {
	var messages []state.Message
	query := r.URL.Query()
	err := s.view(r, func(c *call) error {
		messages = c.tx.Outbox(query.Get("to"))
		return nil
	})
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept")
	if query.Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		s.answer(w, r, http.StatusOK, outboxAnswer{messages})
		return nil
	}
	return s.pages.Outbox(w, pages.Outbox{To: query.Get("to"), Messages: messages})
}

type personasAnswer struct {
	Personas []persona `json:"personas"`
}

func (c *call) listPersonas(struct{}) (any, error) {
	return personasAnswer{c.personas("")}, nil
}

// reset replaces everything but the keys by the seed.
func (c *call) reset(struct{}) (any, error) {
	c.tx.Reset(c.Seed, c.now)
	c.faults.clear()
	return nil, nil
}

type mintTokenRequest struct {
	MemberID         string   `json:"member_id"`
	ClientName       string   `json:"client_name"`
	Scopes           []string `json:"scopes"`
	Resources        []string `json:"resources"`
	ExpiresInSeconds *int     `json:"expires_in_seconds"` // Below zero: the token has expired already.
}

type mintTokenAnswer struct {
	AccessToken  string `json:"access_token"`
	ClientID     string `json:"client_id"`
	RefreshToken string `json:"refresh_token,omitempty"` // With offline_access.
	Scope        string `json:"scope"`
	ExpiresIn    int    `json:"expires_in"`
}

// mintToken does in one step what an agent, a browser and a consenting member do in many: it registers an application
// of that name unless there is one, records the consent, and issues tokens. Consent and tokens are the real ones.
func (c *call) mintToken(req mintTokenRequest) (any, error) {
	m, found := c.tx.Members().Get(req.MemberID)
	if !found || m.Status == state.StatusDeleted {
		return nil, notFound("member_not_found", "The member does not exist.")
	}
	org, err := c.organization(m.OrganizationID)
	if err != nil {
		return nil, err
	}
	life := state.AccessTokenLife
	if s := req.ExpiresInSeconds; s != nil {
		life = time.Duration(*s) * time.Second
		if life < -time.Hour || life > 24*time.Hour {
			return nil, badRequest("invalid_argument", "expires_in_seconds must be from -3600 to 86400.")
		}
	}
	if req.ClientName == "" || len(req.Scopes) == 0 {
		return nil, badRequest("invalid_argument", "client_name and scopes are required.")
	}
	scopes := slices.Compact(slices.Sorted(slices.Values(req.Scopes)))
	roles := m.EffectiveRoles(org, c.tx.Policy())
	for _, scope := range scopes {
		switch exists, ok := c.grantable(roles, scope); {
		case !exists:
			return nil, badRequest("oauth_invalid_scope_requested", "There is no scope %q.", scope)
		case !ok:
			return nil, badRequest("oauth_invalid_scope_requested", "The member's roles do not cover the scope %q.", scope)
		}
	}

	app := c.devApp(req.ClientName)
	if !org.AllowsThirdPartyApp(app.ClientID) {
		return nil, forbidden("connected_app_not_allowed_for_org", "The organization does not allow this application.")
	}
	grant := newGrant(c.tx.GrantConsent(m, app.ClientID, scopes, c.now), scopes, req.Resources)
	answer := mintTokenAnswer{ClientID: app.ClientID, Scope: grant.Scope(), ExpiresIn: int(life.Seconds())}
	if answer.AccessToken, err = c.issueAccess(grant, life); err != nil {
		return nil, err
	}
	if grant.Has(scopeOfflineAccess) {
		answer.RefreshToken = c.issueRefresh(grant)
	}
	return answer, nil
}

// devRedirectURI is the landing address of the applications that mintToken registers.
const devRedirectURI = "http://127.0.0.1/callback"

// devApp finds or registers the application of that name that mintToken acts for.
func (c *call) devApp(name string) state.App {
	metadata := state.Hash("_dev/tokens\x00" + name)
	for _, app := range c.tx.Apps().All() {
		if app.MetadataHash == metadata {
			return app
		}
	}
	app := state.App{
		ClientID: state.NewID("connected-app"), Name: name, Type: state.AppThirdPartyPublic, AuthMethod: "none",
		RedirectURIs: []string{devRedirectURI}, MetadataHash: metadata, CreatedAt: c.now,
	}
	c.tx.Apps().Put(app.ClientID, app)
	return app
}
