package mcp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/resourceauth"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/tools"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/kit/tracing"
)

// serverName is how the server introduces itself.
const serverName = "OKR Manager"

// edge is a running MCP edge.
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
		Outgoing: resourceauth.AuthzMetadata(e.cfg.EdgeKey), Credentials: e.identity.ClientCredentials(), Tracing: e.traces,
	})
	if err != nil {
		return nil, err
	}
	e.life.Opened.Push("connection to authz", func(context.Context) error { return authzConn.Close() })

	resolver := access.NewResolver(authzv1.NewAuthzServiceClient(authzConn), time.Now)
	proxies, err := front.ParseProxies(e.cfg.TrustedProxies, e.cfg.ProxyHeader)
	if err != nil {
		return nil, err
	}
	limiter := front.NewLimiter(e.cfg.rates())
	if err := errors.Join(limiter.Register(e.registry), resolver.Register(e.registry)); err != nil {
		return nil, err
	}
	guard := resourceauth.NewGuard(resolver, public.String(), limiter)
	storeConn, err := grpcclient.Dial(e.cfg.StoreAddr, grpcclient.Config{
		Outgoing: guard.StoreMetadata, Credentials: e.identity.ClientCredentials(), Tracing: e.traces,
	})
	if err != nil {
		return nil, err
	}
	e.life.Opened.Push("connection to okr-store", func(context.Context) error { return storeConn.Close() })

	set, err := tools.New(tools.Config{
		Store:         okrv1.NewOkrServiceClient(storeConn),
		Organizations: authzv1.NewOrganizationServiceClient(authzConn),
		Grantors:      resolver,
		Refuser:       guard,
		Renew:         guard.Renew,
		Stopping:      e.life.Stopping,
		Registry:      e.registry,
		Logger:        e.cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	sealKey, err := e.cfg.sealKey()
	if err != nil {
		return nil, err
	}
	server, err := engine.New(engine.Config{
		Name: serverName, Title: serverName, Version: run.Version(), Instructions: tools.Instructions,
		Tools: set.Tools(), Templates: set.Templates(), Prompts: set.Prompts(),
		Subscribe: set.Subscribe, ListsChange: set.Changes(),
		Caller: resourceauth.CallerID, SealKey: sealKey, Tracer: e.traces.Tracer(), Logger: e.cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	endpoint, err := httpfront.New(httpfront.Config{
		Engine: server, Authenticate: guard.Authenticate,
		Hosts: hosts(public), Origins: append([]string{public.String()}, e.cfg.Origins...),
		MaxBody: e.cfg.BodyLimit, Sessions: true, SealKey: sealKey, Stopping: e.life.Stopping, Logger: e.cfg.Logger,
	})
	if err != nil {
		return nil, err
	}

	problems := problem.Writer{Logger: e.cfg.Logger}
	issuerBase := e.cfg.IssuerInternalURL
	if issuerBase == "" {
		issuerBase = e.cfg.Issuer
	}
	metadata := &resourceauth.Metadata{
		Origin: public.String(), Issuer: e.cfg.Issuer, Problem: problems,
		Server: resourceauth.NewServerDocuments(e.cfg.Issuer, issuerBase, e.cfg.Logger, time.Now),
	}
	mux := http.NewServeMux()
	mux.HandleFunc(resourceauth.Endpoint, func(w http.ResponseWriter, r *http.Request) {
		front.SetRoute(r.Context(), resourceauth.Endpoint)
		endpoint.ServeHTTP(w, r)
	})
	mux.HandleFunc(resourceauth.Endpoint+"/", below(guard, problems))
	documents := http.NewServeMux()
	metadata.Register(documents)
	for _, path := range []string{"/sse", "/sse/"} {
		documents.HandleFunc(path, retired(problems, public.String()+resourceauth.Endpoint))
	}
	documents.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { problems.Write(w, r, notFound()) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if err := limiter.Stranger(r.Context()); err != nil {
			problems.Write(w, r, err)
			return
		}
		documents.ServeHTTP(w, r)
	})
	e.life.HandleProbes(mux)
	return front.New(front.Config{
		HTTPS: public.Scheme == "https", Logger: e.cfg.Logger, Registry: e.registry, Tracer: e.traces.Tracer(), Answer: problems.Write,
		Proxies: proxies, MaxRequests: e.cfg.MaxRequests,
	}, mux)
}

// hosts are the values of Host that are answered. On a loopback address a person may write it in each of its ways.
func hosts(public *url.URL) []string {
	if public.Hostname() == "localhost" || net.ParseIP(public.Hostname()).IsLoopback() {
		return []string{public.Host, "localhost:*", "127.0.0.1:*", "[::1]:*"}
	}
	return []string{public.Host}
}

// below answers for the addresses under the endpoint, where nothing is: to nobody before the endpoint's own question.
func below(guard *resourceauth.Guard, problems problem.Writer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, err := guard.Authenticate(r)
		if refusal, ok := errors.AsType[engine.Refusal](err); ok {
			for name, values := range refusal.Header() {
				w.Header()[name] = values
			}
		}
		if err == nil {
			err = notFound()
		}
		problems.Write(w, r, err)
	}
}

// retired answers for the transport of the revision 2024-11-05.
func retired(problems problem.Writer, endpoint string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		problems.Write(w, r, rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND,
			"the HTTP+SSE transport is not served any more: connect to %s with the Streamable HTTP transport", endpoint))
	}
}

func notFound() error {
	return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND, "there is nothing under this address")
}
