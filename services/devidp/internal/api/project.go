package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// projectName is the name of the only project.
const projectName = "devidp"

// Ways of signing in that end at a registered address.
const (
	redirectLogin     = "login"
	redirectSignup    = "signup"
	redirectInvite    = "invite"
	redirectDiscovery = "discovery"
	redirectReset     = "reset_password"
)

// routeManagement serves the management API: what an administrator does in Stytch's dashboard.
func (s *Server) routeManagement(mux *http.ServeMux) {
	const project = "/v1/projects/{project_id}"
	mux.Handle("GET /v1/projects", s.workspace(read(s, (*call).listProjects)))
	mux.Handle("PUT "+project, s.workspace(write(s, (*call).updateProject)))
	mux.Handle("GET "+project+"/rbac_policy", s.workspace(read(s, (*call).managedPolicy)))
	mux.Handle("PUT "+project+"/rbac_policy", s.workspace(write(s, (*call).replacePolicy)))
	mux.Handle("GET "+project+"/redirect_urls/all", s.workspace(read(s, (*call).listRedirectURLs)))
	mux.Handle("POST "+project+"/redirect_urls", s.workspace(write(s, (*call).createRedirectURL)))
	mux.Handle("PUT "+project+"/redirect_urls", s.workspace(write(s, (*call).updateRedirectURL)))
	mux.Handle("GET "+project+"/sdk/b2b", s.workspace(read(s, (*call).sdk)))
	mux.Handle("PUT "+project+"/sdk/b2b", s.workspace(write(s, (*call).replaceSDK)))
}

// liveProjectID is the id under which Stytch updates a project; it has no environment of its own here.
func (c *call) liveProjectID() string {
	return "project-live-" + strings.TrimPrefix(c.ProjectID, "project-test-")
}

// managedProject is a project with both of its environments.
type managedProject struct {
	LiveProjectID       string `json:"live_project_id"`
	TestProjectID       string `json:"test_project_id"`
	Name                string `json:"name"`
	Vertical            string `json:"vertical"`
	AuthorizationURL    string `json:"test_idp_authorization_url"`
	DynamicRegistration bool   `json:"test_idp_dynamic_client_registration_enabled"`
}

func (c *call) managedProject() managedProject {
	return managedProject{
		LiveProjectID: c.liveProjectID(), TestProjectID: c.ProjectID, Name: projectName, Vertical: "B2B",
		AuthorizationURL: c.authorizationURL(), DynamicRegistration: c.dynamicRegistration(),
	}
}

// authorizationURL is the application's consent page; empty if Connected Apps are off.
func (c *call) authorizationURL() string {
	if set := c.tx.Project().AuthorizationURL; set != nil {
		return *set
	}
	return c.AuthorizationURL
}

// dynamicRegistration says whether clients may register themselves.
func (c *call) dynamicRegistration() bool {
	set := c.tx.Project().DynamicRegistration
	return set == nil || *set
}

func (c *call) listProjects(struct{}) (any, error) {
	return struct {
		Projects []managedProject `json:"projects"`
	}{[]managedProject{c.managedProject()}}, nil
}

// updateProjectRequest changes what it has; the live environment's settings are ignored.
type updateProjectRequest struct {
	Name                string  `json:"name"`
	AuthorizationURL    *string `json:"test_idp_authorization_url"`
	DynamicRegistration *bool   `json:"test_idp_dynamic_client_registration_enabled"`
}

func (c *call) updateProject(req updateProjectRequest) (any, error) {
	if c.r.PathValue("project_id") != c.liveProjectID() { // as Stytch has it, also for the test environment
		return nil, notFound("project_not_found", "There is no project with this live id.")
	}
	if req.Name == "" {
		return nil, badRequest("invalid_argument", "name is required.")
	}
	p := c.tx.Project()
	if address := req.AuthorizationURL; address != nil {
		if u, err := url.Parse(*address); err != nil || *address != "" && (!u.IsAbs() || u.Host == "") {
			return nil, badRequest("invalid_argument", "The authorization URL is not an absolute address.")
		}
		p.AuthorizationURL = address
	}
	if req.DynamicRegistration != nil {
		p.DynamicRegistration = req.DynamicRegistration
	}
	c.tx.SetProject(p)
	return struct {
		Project managedProject `json:"project"`
	}{c.managedProject()}, nil
}

func (c *call) listRedirectURLs(struct{}) (any, error) {
	if err := c.checkProject(); err != nil {
		return nil, err
	}
	return struct {
		ProjectID    string              `json:"project_id"`
		RedirectURLs []state.RedirectURL `json:"redirect_urls"`
	}{c.ProjectID, append([]state.RedirectURL{}, c.tx.Project().RedirectURLs...)}, nil
}

type redirectURLRequest struct {
	RedirectURL state.RedirectURL `json:"redirect_url"`
}

func (c *call) createRedirectURL(req redirectURLRequest) (any, error) {
	if c.indexRedirectURL(req.RedirectURL.URL) >= 0 {
		return nil, badRequest("duplicate_redirect_url", "The redirect URL is registered already.")
	}
	return c.putRedirectURL(req, -1)
}

func (c *call) updateRedirectURL(req redirectURLRequest) (any, error) {
	at := c.indexRedirectURL(c.r.URL.Query().Get("url"))
	if at < 0 {
		return nil, notFound("redirect_url_not_found", "The redirect URL is not registered.")
	}
	return c.putRedirectURL(req, at)
}

func (c *call) indexRedirectURL(address string) int {
	return slices.IndexFunc(c.tx.Project().RedirectURLs, func(r state.RedirectURL) bool { return r.URL == address })
}

// putRedirectURL stores an address in place of another, or behind the others for -1. A type has one default.
func (c *call) putRedirectURL(req redirectURLRequest, at int) (any, error) {
	if err := c.checkProject(); err != nil {
		return nil, err
	}
	given := req.RedirectURL
	if u, err := url.Parse(given.URL); err != nil || u.Host == "" || len(given.ValidTypes) == 0 {
		return nil, badRequest("invalid_argument", "A redirect URL is an absolute address with at least one type.")
	}
	p := c.tx.Project()
	for _, kind := range given.ValidTypes {
		if !slices.Contains([]string{redirectLogin, redirectSignup, redirectInvite, redirectDiscovery, redirectReset}, kind.Type) {
			return nil, badRequest("invalid_argument", "There is no type %q.", kind.Type)
		}
		if !kind.IsDefault {
			continue
		}
		for _, other := range p.RedirectURLs {
			for i := range other.ValidTypes {
				other.ValidTypes[i].IsDefault = other.ValidTypes[i].IsDefault && other.ValidTypes[i].Type != kind.Type
			}
		}
	}
	if at < 0 {
		p.RedirectURLs = append(p.RedirectURLs, given)
	} else {
		p.RedirectURLs[at] = given
	}
	c.tx.SetProject(p)
	return redirectURLRequest{given}, nil
}

type sdkConfig struct {
	Config map[string]json.RawMessage `json:"config"`
}

func (c *call) sdk(struct{}) (any, error) {
	if err := c.checkProject(); err != nil {
		return nil, err
	}
	return sdkConfig{c.tx.Project().SDK}, nil
}

// replaceSDK replaces the whole configuration: what the caller leaves out is gone.
func (c *call) replaceSDK(req sdkConfig) (any, error) {
	if err := c.checkProject(); err != nil {
		return nil, err
	}
	if req.Config == nil {
		return nil, badRequest("invalid_argument", "The body must carry a config.")
	}
	p := c.tx.Project()
	p.SDK = req.Config
	c.tx.SetProject(p)
	return req, nil
}

// allowsRedirect reports whether browsers may be sent to the address at the end of a way of signing in: one of an origin
// that this process was started with, or one that was registered for it, whatever its query.
func (c *call) allowsRedirect(raw, kind string) bool {
	if c.allowsOrigin(raw) {
		return true
	}
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	u.RawQuery = ""
	at := c.indexRedirectURL(u.String())
	return at >= 0 && slices.ContainsFunc(c.tx.Project().RedirectURLs[at].ValidTypes, func(t state.RedirectType) bool { return t.Type == kind })
}
