package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// redirectTypes are the ways of signing in that end at the product's landing page.
func redirectTypes() []string { return []string{"login", "signup", "invite", "discovery"} }

type redirectURL struct {
	URL        string         `json:"url"`
	ValidTypes []redirectType `json:"valid_types"`
}

type redirectType struct {
	Type      string `json:"type"`
	IsDefault bool   `json:"is_default"`
}

type redirectURLBody struct {
	ProjectID   string      `json:"project_id"`
	RedirectURL redirectURL `json:"redirect_url"`
}

// redirectURLs sees to it that the landing page is registered. It becomes the default of a type that has none, because
// Stytch wants one.
func (s Setup) redirectURLs(ctx context.Context) (finding, error) {
	var answer struct {
		RedirectURLs []redirectURL `json:"redirect_urls"`
	}
	if err := s.Management.Call(ctx, http.MethodGet, s.path("/redirect_urls/all"), nil, &answer); err != nil {
		return finding{}, fmt.Errorf("listing redirect URLs: %w", err)
	}
	landing := redirectURL{URL: s.PublicURL + landingPath}
	known := false
	defaults := map[string]bool{}
	var f finding
	for _, r := range answer.RedirectURLs {
		if r.URL == landing.URL {
			landing, known = r, true
		} else {
			f.kept = append(f.kept, strconv.Quote(r.URL))
		}
		for _, t := range r.ValidTypes {
			defaults[strings.ToLower(t.Type)] = defaults[strings.ToLower(t.Type)] || t.IsDefault
		}
	}
	for _, kind := range redirectTypes() {
		if slices.ContainsFunc(landing.ValidTypes, func(t redirectType) bool { return strings.EqualFold(t.Type, kind) }) {
			continue
		}
		landing.ValidTypes = append(landing.ValidTypes, redirectType{Type: kind, IsDefault: !defaults[kind]})
		f.missing = append(f.missing, "+ "+landing.URL+" for "+kind)
	}
	f.write = func(ctx context.Context) error {
		method, path := http.MethodPost, s.path("/redirect_urls")
		if known {
			method, path = http.MethodPut, path+"?url="+url.QueryEscape(landing.URL)
		}
		return s.Management.Call(ctx, method, path, redirectURLBody{s.Management.ProjectID, landing}, &struct{}{})
	}
	return f, nil
}

// environment is what a project says of the environment whose id the settings name.
type environment struct {
	liveID, name, domain string
	authorizationURL     string
	registration         bool
	// prefix begins the names of the environment's fields: test_ or live_.
	prefix string
}

// project finds the environment among the projects of the key's workspace.
func (s Setup) project(ctx context.Context) (environment, error) {
	var answer struct {
		Projects []map[string]json.RawMessage `json:"projects"`
	}
	if err := s.Management.Call(ctx, http.MethodGet, "/v1/projects", nil, &answer); err != nil {
		return environment{}, fmt.Errorf("listing projects: %w", err)
	}
	for _, p := range answer.Projects {
		text := func(name string) (value string) {
			_ = json.Unmarshal(p[name], &value) // absent, or of another type: empty
			return value
		}
		for _, prefix := range []string{"test_", "live_"} {
			if text(prefix+"project_id") != s.Management.ProjectID {
				continue
			}
			env := environment{
				liveID: text("live_project_id"), name: text("name"), prefix: prefix,
				authorizationURL: text(prefix + "idp_authorization_url"),
			}
			_ = json.Unmarshal(p[prefix+"idp_dynamic_client_registration_enabled"], &env.registration) // absent: off
			if name := text(prefix + "unique_project_name"); prefix == "test_" && name != "" {
				env.domain = "https://" + name + ".customers.stytch.dev"
			}
			return env, nil
		}
	}
	return environment{}, fmt.Errorf("the workspace of the key has no project %s: copy the id from the dashboard's API keys, or make a key in the project's workspace", s.Management.ProjectID)
}

// connectedApps sees to it that agents find the product's consent page and can register themselves.
func (s Setup) connectedApps(ctx context.Context) (finding, error) {
	env, err := s.project(ctx)
	if err != nil {
		return finding{}, err
	}
	var f finding
	body := map[string]any{"project_id": env.liveID, "name": env.name}
	consent := s.PublicURL + consentPath
	switch env.authorizationURL {
	case consent:
	case "":
		f.missing = append(f.missing, "+ authorization URL "+consent)
		body[env.prefix+"idp_authorization_url"] = consent
	default:
		f.missing = append(f.missing, "~ authorization URL "+consent+" in place of "+strconv.Quote(env.authorizationURL))
		body[env.prefix+"idp_authorization_url"] = consent
	}
	if !env.registration {
		f.missing = append(f.missing, "+ dynamic client registration")
		body[env.prefix+"idp_dynamic_client_registration_enabled"] = true
	}
	f.write = func(ctx context.Context) error {
		return s.Management.Call(ctx, http.MethodPut, "/v1/projects/"+url.PathEscape(env.liveID), body, &struct{}{})
	}
	return f, nil
}

// frontendSDK adds the product's origin to those that Stytch's JavaScript SDK runs on. A PUT replaces the configuration,
// so it keeps every other field.
func (s Setup) frontendSDK(ctx context.Context) (finding, error) {
	var answer struct {
		Config map[string]json.RawMessage `json:"config"`
	}
	if err := s.Management.Call(ctx, http.MethodGet, s.path("/sdk/b2b"), nil, &answer); err != nil {
		return finding{}, fmt.Errorf("getting the configuration of the SDK: %w", err)
	}
	basic := map[string]json.RawMessage{}
	if text := answer.Config["basic"]; text != nil {
		if err := json.Unmarshal(text, &basic); err != nil {
			return finding{}, fmt.Errorf("reading the configuration of the SDK: %w", err)
		}
	}
	var enabled bool
	var domains []map[string]any
	for field, into := range map[string]any{"enabled": &enabled, "domains": &domains} {
		if text := basic[field]; text != nil {
			if err := json.Unmarshal(text, into); err != nil {
				return finding{}, fmt.Errorf("reading the configuration of the SDK, %s: %w", field, err)
			}
		}
	}
	var f finding
	ours := origin(s.PublicURL)
	found := false
	for _, d := range domains {
		found = found || d["domain"] == ours
		f.kept = append(f.kept, fmt.Sprintf("domain %q", d["domain"]))
	}
	if !enabled {
		f.missing = append(f.missing, "+ enabled")
	}
	if !found {
		f.missing = append(f.missing, "+ domain "+ours)
		domains = append(domains, map[string]any{"domain": ours, "slug_pattern": ""})
	}
	f.write = func(ctx context.Context) error {
		config := answer.Config
		if config == nil {
			config = map[string]json.RawMessage{}
		}
		var err error
		basic["enabled"] = json.RawMessage("true")
		if basic["domains"], err = json.Marshal(domains); err != nil {
			return err
		}
		if config["basic"], err = json.Marshal(basic); err != nil {
			return err
		}
		return s.Management.Call(ctx, http.MethodPut, s.path("/sdk/b2b"), map[string]any{"config": config}, &struct{}{})
	}
	return f, nil
}
