package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	"github.com/df0f9dda/okr-manager/gateway/rest/internal/forward"
	"github.com/df0f9dda/okr-manager/gateway/rest/internal/mux"
	"github.com/df0f9dda/okr-manager/gateway/rest/internal/session"
	"github.com/df0f9dda/okr-manager/gateway/rest/internal/transfer"
	"github.com/df0f9dda/okr-manager/gateway/rest/web"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/tracing"
)

// edge is a running REST edge.
type edge struct {
	cfg      Config
	identity *mtls.Identity
	registry *prometheus.Registry
	life     *front.Life
	traces   *tracing.Tracing
}

// handler puts the edge together.
func (e *edge) handler() (http.Handler, error) {
	public, err := front.ParseOrigin(e.cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	authzConn, err := grpcclient.Dial(e.cfg.AuthzAddr, grpcclient.Config{
		Outgoing: session.AuthzMetadata(e.cfg.EdgeKey), Credentials: e.identity.ClientCredentials(), Tracing: e.traces,
	})
	if err != nil {
		return nil, err
	}
	e.life.Opened.Push("connection to authz", func(context.Context) error { return authzConn.Close() })

	proxies, err := front.ParseProxies(e.cfg.TrustedProxies, e.cfg.ProxyHeader)
	if err != nil {
		return nil, err
	}
	limiter := front.NewLimiter(e.cfg.rates())
	cookies := session.NewCookies(public, time.Now)
	resolver := access.NewResolver(authzv1.NewAuthzServiceClient(authzConn), time.Now)
	if err := errors.Join(limiter.Register(e.registry), resolver.Register(e.registry)); err != nil {
		return nil, err
	}
	gate := session.NewGate(resolver, cookies, limiter)
	storeConn, err := grpcclient.Dial(e.cfg.StoreAddr, grpcclient.Config{
		Outgoing: gate.StoreMetadata, Credentials: e.identity.ClientCredentials(), Tracing: e.traces,
	})
	if err != nil {
		return nil, err
	}
	e.life.Opened.Push("connection to okr-store", func(context.Context) error { return storeConn.Close() })

	api, err := mux.New(mux.Config{
		Store: storeConn, Authz: authzConn, Gate: gate, BodyLimit: e.cfg.BodyLimit, Stopping: e.life.Stopping, Logger: e.cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	files, err := transfer.New(transfer.Config{
		Store: okrv1.NewOkrServiceClient(storeConn), Gate: gate, ImportLimit: e.cfg.ImportLimit, Stopping: e.life.Stopping,
		Now: time.Now, Logger: e.cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	site, err := web.New(e.cfg.Logger)
	if err != nil {
		return nil, err
	}
	landing := &session.Landing{
		Sessions: authzv1.NewSessionServiceClient(authzConn), Cookies: cookies, Pages: site, Public: public, Mailbox: e.cfg.MailboxURL, Limiter: limiter,
		Logger: e.cfg.Logger, Now: time.Now,
	}
	problems := problem.Writer{Logger: e.cfg.Logger}
	agents := forward.New(forward.Config{
		Addr: e.cfg.MCPAddr, Identity: e.identity, Proxies: proxies, BodyLimit: e.cfg.BodyLimit, Stopping: e.life.Stopping,
		Logger: e.cfg.Logger, Problem: problems,
	})
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(public.String()); err != nil {
		return nil, fmt.Errorf("trusting our own origin: %w", err)
	}
	dispatch := &dispatcher{
		api: api, files: files, agents: agents, pages: http.NewServeMux(), site: site, protection: protection, problem: problems,
	}
	e.life.HandleProbes(dispatch.pages)
	site.Register(dispatch.pages, cookies.Carried)
	landing.Register(dispatch.pages)
	return front.New(front.Config{
		HTTPS: public.Scheme == "https", Logger: e.cfg.Logger, Registry: e.registry, Tracer: e.traces.Tracer(), Answer: dispatch.problem.Write,
		Proxies: proxies, MaxRequests: e.cfg.MaxRequests,
	}, dispatch)
}

// dispatcher tells programs from people: everything under the addresses of an API is answered in JSON, and everything
// else with a page.
type dispatcher struct {
	api        http.Handler
	files      http.Handler
	agents     http.Handler
	pages      *http.ServeMux
	site       *web.Site
	protection *http.CrossOriginProtection
	problem    problem.Writer
}

// ServeHTTP implements http.Handler.
func (d *dispatcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if forward.Serves(r.URL.Path) { // which origins may is for the MCP edge to say
		d.agents.ServeHTTP(w, r)
		return
	}
	crossOrigin := d.protection.Check(r)
	switch {
	case !forPrograms(r.URL.Path) && crossOrigin != nil:
		d.site.Notice(w, r, http.StatusForbidden, "This came from another site",
			"To protect you, forms are taken from our own pages only.")
	case crossOrigin != nil:
		d.problem.Write(w, r, rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_CROSS_ORIGIN,
			"changes are taken from pages of this origin only").Wrap(crossOrigin))
	case r.URL.Path == "/api/v1/openapi.json" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		d.site.Specification(w, r)
	case transfer.Serves(r.URL.Path):
		d.files.ServeHTTP(w, r)
	case strings.HasPrefix(r.URL.Path, "/api/"):
		d.api.ServeHTTP(w, r)
	case forPrograms(r.URL.Path):
		d.problem.Write(w, r, rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND,
			"there is nothing under this address"))
	case path.Clean(r.URL.Path) != r.URL.Path: // not redirected, as http.ServeMux would
		d.site.NotFound(w, r)
	default:
		d.pages.ServeHTTP(w, r)
	}
}

// forPrograms says whether an address is one that programs ask for.
func forPrograms(p string) bool {
	for _, root := range []string{"/api", "/.well-known"} {
		if p == root || strings.HasPrefix(p, root+"/") {
			return true
		}
	}
	return false
}
