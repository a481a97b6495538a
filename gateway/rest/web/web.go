// Package web holds the pages of the REST edge and serves them: the app, the description of the API, and messages on the
// way of signing in. Everything is embedded; nothing is fetched from elsewhere.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	contract "github.com/df0f9dda/okr-manager/proto"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

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
	*content
	logger *slog.Logger
}

// content is what is the same for everyone, and for every Site of the process.
type content struct {
	pages  *template.Template
	assets assets
	app    map[view]map[string]file // by what the cookies of a request are about
	docs   file
	spec   file
}

// view is an address of the app and the module that shows it. The page is the same for all but for the modules that it
// announces, and the styles.
type view struct{ path, module string }

// style is the stylesheet of a view beside those of all views; "" for none. core/router.js loads it for those who come
// from another view.
func (v view) style() string {
	switch {
	case strings.HasPrefix(v.module, "views/"), v.module == signInModule:
		return "style/views.css"
	case strings.HasPrefix(v.module, "history/"):
		return "style/forms.css"
	}
	return ""
}

var views = []view{
	{"/", "okrs/objectives.js"},
	{"/objective", "okrs/one.js"},
	{"/check-ins", "okrs/check-ins.js"},
	{"/activity", "history/activity.js"},
	{"/proposals", "history/proposals.js"},
	{"/members", "views/members.js"},
	{"/settings", "views/settings.js"},
	{"/agents", "views/agents.js"},
	{"/about", "views/about.js"},
	{"/organizations", "views/organizations.js"},
	{"/signin", signInModule},
	{authorizePath, "views/consent.js"},
}

// authorizePath is the authorization endpoint's page. Its address holds what an application sent.
const authorizePath = "/oauth/authorize"

// signInModule is what people see first who are not signed in.
const signInModule = "signin/signin.js"

// appPage is what the app's page is made of.
type appPage struct {
	Carried string
	Style   string
	Modules []string
}

// New makes a Site. An error says that the files of the program itself do not fit together.
func New(logger *slog.Logger) (*Site, error) {
	shared, err := embedded()
	if err != nil {
		return nil, err
	}
	return &Site{content: shared, logger: logger}, nil
}

// embedded renders what is the same for everyone, once.
var embedded = sync.OnceValues(func() (*content, error) {
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	c := &content{assets: assets, app: map[view]map[string]file{}}
	c.pages, err = template.New("").Funcs(template.FuncMap{
		"asset": assets.address,
	}).ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the pages: %w", err)
	}
	for _, v := range views {
		if c.app[v], err = c.appPages(v); err != nil {
			return nil, err
		}
	}
	spec := contract.OpenAPI()
	reference, err := parseReference(spec)
	if err != nil {
		return nil, err
	}
	if c.docs, err = c.page("docs.html", reference); err != nil {
		return nil, err
	}
	c.spec = newFile(spec, "application/json")
	return c, nil
})

// appPages are the app's pages for one view.
func (c *content) appPages(v view) (map[string]file, error) {
	pages := map[string]file{}
	for _, carried := range []string{"", "session", "sign-in", "session sign-in"} {
		first := v
		if !strings.HasPrefix(carried, "session") && v.path != "/about" {
			first.module = signInModule
		}
		modules, err := c.assets.modules("main.js", first.module)
		if err != nil {
			return nil, err
		}
		if pages[carried], err = c.page("app.html", appPage{carried, first.style(), modules}); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// page is a page that is the same for everyone.
func (c *content) page(name string, data any) (file, error) {
	content, err := c.render(name, data)
	if err != nil {
		return file{}, err
	}
	return newFile(content, "text/html; charset=utf-8"), nil
}

func (c *content) render(page string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := c.pages.ExecuteTemplate(&out, page, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", page, err)
	}
	return out.Bytes(), nil
}

// Register adds the pages to a mux; every address without a page of its own gets the page that says so. carried says what
// the cookies of a request are about, which the app cannot see: "session", "sign-in", both, or nothing.
func (s *Site) Register(mux *http.ServeMux, carried func(*http.Request) string) {
	for _, v := range views {
		pattern := v.path
		if pattern == "/" {
			pattern = "/{$}"
		}
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Cookie")
			s.static(w, r, v.path, s.app[v][carried(r)])
		})
	}
	mux.HandleFunc("GET /docs", func(w http.ResponseWriter, r *http.Request) { s.static(w, r, "/docs", s.docs) })
	mux.HandleFunc("GET /assets/{digest}/{name...}", s.asset)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/assets/"+s.assets.digest+"/favicon.svg", http.StatusFound)
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
	w.Header().Set("Cache-Control", "no-cache")
	s.spec.serve(w, r)
}

// static serves a page that browsers may keep if they ask each time whether it is still the same.
func (s *Site) static(w http.ResponseWriter, r *http.Request, route string, page file) {
	front.SetRoute(r.Context(), route)
	setPageHeaders(w.Header())
	w.Header().Set("Cache-Control", "private, no-cache")
	if route == authorizePath {
		w.Header().Set("Cache-Control", "no-store")
	}
	page.serve(w, r)
}

func setPageHeaders(header http.Header) {
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	header.Set("X-Frame-Options", "DENY") // for what does not know frame-ancestors (RFC 6819 section 5.2.2.6)
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
