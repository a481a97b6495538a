// Package pages renders devidp's few HTML pages. They run no scripts and load nothing from elsewhere.
package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

//go:embed *.html style.css
var files embed.FS

// Renderer holds the parsed templates. It is safe for concurrent use.
type Renderer struct {
	templates *template.Template
	style     template.CSS
	policy    string // The Content-Security-Policy without form-action.
}

// New parses the templates.
func New() (*Renderer, error) {
	style, err := files.ReadFile("style.css")
	if err != nil {
		return nil, fmt.Errorf("reading the style sheet: %w", err)
	}
	templates, err := template.ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the pages: %w", err)
	}
	sum := sha256.Sum256(style)
	return &Renderer{
		templates: templates,
		style:     template.CSS(style), // Ours, from the binary.
		policy: "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-" +
			base64.StdEncoding.EncodeToString(sum[:]) + "'",
	}, nil
}

// Persona is somebody to sign in as.
type Persona struct {
	Email, Name string
	Roles       []string // One line for each organization.
}

// Chooser is the page that stands in for an identity provider.
type Chooser struct {
	Title, Explanation string
	RedirectOrigin     string // Where the choice leads.
	Personas           []Persona
}

// Home is the first page.
type Home struct {
	ProjectID         string
	ApplicationOrigin string
	Personas          []Persona
}

// Outbox lists messages, those to one address if To is set.
type Outbox struct {
	To       string
	Messages []state.Message
}

// Chooser renders the page. Browsers apply form-action also to where a form's answer redirects, so it names that origin.
func (r *Renderer) Chooser(w http.ResponseWriter, page Chooser) error {
	return r.render(w, "chooser.html", page, "'self' "+page.RedirectOrigin)
}

// Home renders the page.
func (r *Renderer) Home(w http.ResponseWriter, page Home) error {
	return r.render(w, "home.html", page, "'none'")
}

// Outbox renders the page.
func (r *Renderer) Outbox(w http.ResponseWriter, page Outbox) error {
	return r.render(w, "outbox.html", page, "'none'")
}

func (r *Renderer) render(w http.ResponseWriter, name string, page any, formAction string) error {
	var body bytes.Buffer
	err := r.templates.ExecuteTemplate(&body, name, struct {
		Style template.CSS
		Page  any
	}{r.style, page})
	if err != nil {
		return fmt.Errorf("rendering %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", r.policy+"; form-action "+formAction)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body.Bytes()) // A browser that went away is no error of ours.
	return nil
}
