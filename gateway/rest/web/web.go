// Package web holds the pages of the REST edge and serves them: the app, the description of the API, and messages on the
// way of signing in. Everything is embedded; nothing is fetched from elsewhere.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

//go:embed assets
var assetFiles embed.FS

//go:embed pages
var pageFiles embed.FS

// contentSecurityPolicy lets pages use what comes from this host, and nothing written into the page itself. Trusted types
// leave no way from text to markup.
const contentSecurityPolicy = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'"

// permissionsPolicy turns off what the pages never need.
const permissionsPolicy = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), " +
	"microphone=(), payment=(), publickey-credentials-get=(), usb=()"

// Site serves the pages.
type Site struct {
	pages  *template.Template
	logger *slog.Logger
	digest string // of all assets: a change of one changes the address of each
	app    []byte
	docs   []byte
	spec   []byte
}

// New renders the pages that are the same for everyone. spec is the API's description in OpenAPI 2.0.
func New(spec []byte, logger *slog.Logger) (*Site, error) {
	digest, err := digestOf(assetFiles)
	if err != nil {
		return nil, fmt.Errorf("reading the assets: %w", err)
	}
	s := &Site{logger: logger, digest: digest, spec: spec}
	s.pages, err = template.New("").Funcs(template.FuncMap{
		"asset": func(name string) string { return "/assets/" + digest + "/" + name },
	}).ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the pages: %w", err)
	}
	if s.app, err = s.render("app.html", nil); err != nil {
		return nil, err
	}
	reference, err := parseReference(spec)
	if err != nil {
		return nil, err
	}
	if s.docs, err = s.render("docs.html", reference); err != nil {
		return nil, err
	}
	return s, nil
}

func digestOf(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)[:8]), err
}

func (s *Site) render(page string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := s.pages.ExecuteTemplate(&out, page, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", page, err)
	}
	return out.Bytes(), nil
}

// Register adds the pages to a mux; every address without a page of its own gets the page that says so.
func (s *Site) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { s.static(w, r, "/", s.app) })
	mux.HandleFunc("GET /docs", func(w http.ResponseWriter, r *http.Request) { s.static(w, r, "/docs", s.docs) })
	mux.HandleFunc("GET /assets/{digest}/{name}", s.asset)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/assets/"+s.digest+"/favicon.svg", http.StatusFound)
	})
	mux.HandleFunc("/", s.NotFound)
}

// NotFound says that there is nothing under an address.
func (s *Site) NotFound(w http.ResponseWriter, r *http.Request) {
	s.Notice(w, r, http.StatusNotFound, "There is nothing here", "The address may be misspelled or out of date.")
}

// Specification serves the API's description as JSON.
func (s *Site) Specification(w http.ResponseWriter, r *http.Request) {
	front.SetRoute(r.Context(), "/api/v1/openapi.json")
	w.Header().Set("Content-Type", "application/json")
	s.revalidated(w, r, s.spec)
}

func (s *Site) static(w http.ResponseWriter, r *http.Request, route string, page []byte) {
	front.SetRoute(r.Context(), route)
	setPageHeaders(w.Header())
	s.revalidated(w, r, page)
}

// revalidated serves what browsers may keep if they ask each time whether it is still the same.
func (s *Site) revalidated(w http.ResponseWriter, r *http.Request, content []byte) {
	w.Header().Set("Cache-Control", "no-cache")
	serve(w, r, content)
}

// asset serves a file under an address that changes with the files, so that browsers need never ask again.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) {
	front.SetRoute(r.Context(), "/assets/{digest}/{name}")
	name := r.PathValue("name")
	content, err := assetFiles.ReadFile(path.Join("assets", name))
	if err != nil || r.PathValue("digest") != s.digest {
		s.NotFound(w, r)
		return
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if strings.HasSuffix(name, ".js") {
		kind = "text/javascript; charset=utf-8" // whatever the machine's table of types says
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	serve(w, r, content)
}

// serve answers with content and its ETag; net/http takes care of conditions and ranges.
func serve(w http.ResponseWriter, r *http.Request, content []byte) {
	sum := sha256.Sum256(content)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func setPageHeaders(header http.Header) {
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	header.Set("Permissions-Policy", permissionsPolicy)
}

// notice is what the page of a message shows.
type notice struct {
	Title, Text string
	Number      string // the correlation id, where somebody may have to be told
	Fields      map[string]string
}

// Notice shows a message in place of what was asked for.
func (s *Site) Notice(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	n := notice{Title: title, Text: text}
	if status >= http.StatusInternalServerError {
		n.Number = telemetry.CorrelationID(r.Context())
	}
	s.message(w, r, status, "notice.html", n)
}

// Confirm asks before a sign-in is finished that was not started in this browser. Yes is a POST of the fields.
func (s *Site) Confirm(w http.ResponseWriter, r *http.Request, fields map[string]string) {
	s.message(w, r, http.StatusOK, "confirm.html", notice{Fields: fields})
}

func (s *Site) message(w http.ResponseWriter, r *http.Request, status int, page string, n notice) {
	body, err := s.render(page, n)
	if err != nil {
		s.logger.ErrorContext(r.Context(), "rendering a page", slog.Any("error", err))
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	setPageHeaders(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a browser that is gone cannot be told
}
