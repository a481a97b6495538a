package state

import "encoding/json"

// Project is what was set over the management API and stands over what the process was started with. It lasts until a reset.
type Project struct {
	// AuthorizationURL is the application's consent page, empty for Connected Apps that are off; nil if it was not set.
	AuthorizationURL *string `json:"authorization_url,omitempty"`
	// DynamicRegistration says whether clients may register themselves; nil if it was not set, which is yes.
	DynamicRegistration *bool `json:"dynamic_registration,omitempty"`
	// RedirectURLs are allowed beside the origins that the process was started with.
	RedirectURLs []RedirectURL `json:"redirect_urls"`
	// SDK is the configuration of Stytch's JavaScript SDK, kept and never acted upon.
	SDK map[string]json.RawMessage `json:"sdk,omitempty"`
}

// RedirectURL is an address that browsers may be sent back to.
type RedirectURL struct {
	URL        string         `json:"url"`
	ValidTypes []RedirectType `json:"valid_types"`
}

// RedirectType is a way of signing in that may end at an address.
type RedirectType struct {
	Type      string `json:"type"`
	IsDefault bool   `json:"is_default"`
}

const projectKey = "project"

func (tx *Tx) projects() Table[Project] { return Table[Project]{tx, "project"} }

// Project returns the project's settings.
func (tx *Tx) Project() Project {
	p, _ := tx.projects().Get(projectKey)
	return p
}

// SetProject replaces the project's settings.
func (tx *Tx) SetProject(p Project) { tx.projects().Put(projectKey, p) }
