// Package mux serves the REST API: grpc-gateway, made strict. What the gateway would quietly accept, guess or pass on is
// refused here with an error that says why, and what it would leak stays inside.
package mux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	"github.com/df0f9dda/okr-manager/gateway/rest/internal/watch"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// unaryTimeout bounds a call to a service, so that one that hangs is answered within the server's write timeout.
const unaryTimeout = 20 * time.Second

// Gate decides who may pass, before anything else in a request is looked at.
type Gate interface {
	// Admit establishes who is calling and holds the rule against it. It answers the request that goes on: without
	// credentials, and with the caller in its context. It may set cookies.
	Admit(w http.ResponseWriter, r *http.Request, rule *accessv1.Rule) (*http.Request, error)
	// Forward sees each answer before it is written, takes out what browsers must not see and sets cookies.
	Forward(ctx context.Context, w http.ResponseWriter, rpc string, answer proto.Message)
	// Renew establishes the caller of a stream anew.
	Renew(ctx context.Context) (context.Context, error)
}

// Config is what the API is made of.
type Config struct {
	// Store and Authz are connections that add what each service may see of the caller.
	Store, Authz grpc.ClientConnInterface
	// Gate decides who may pass.
	Gate Gate
	// BodyLimit is the largest body in bytes.
	BodyLimit int64
	// Stopping ends streams when it does.
	Stopping context.Context
	// Logger gets failures that callers must not see.
	Logger *slog.Logger
}

// Mux is the handler of /api/.
type Mux struct {
	cfg     Config
	routes  *Routes
	gateway *runtime.ServeMux
	problem problem.Writer
}

// New makes the API's handler.
func New(cfg Config) (*Mux, error) {
	routes, err := NewRoutes(
		okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService"),
		authzv1.File_authz_v1_session_service_proto.Services().ByName("SessionService"),
		authzv1.File_authz_v1_organization_service_proto.Services().ByName("OrganizationService"),
		authzv1.File_authz_v1_consent_service_proto.Services().ByName("ConsentService"),
		authzv1.File_authz_v1_scim_service_proto.Services().ByName("ScimService"),
	)
	if err != nil {
		return nil, fmt.Errorf("reading the routes: %w", err)
	}
	m := &Mux{cfg: cfg, routes: routes, problem: problem.Writer{Logger: cfg.Logger}}
	m.gateway = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newJSON()),
		runtime.WithMarshalerOption(eventStream, &events{newJSON()}),
		runtime.WithMiddlewares(m.admit),
		runtime.WithErrorHandler(m.answerError),
		runtime.WithStreamErrorHandler(m.endStream),
		runtime.WithRoutingErrorHandler(m.answerRoutingError),
		runtime.WithForwardResponseOption(m.forward),
		runtime.WithIncomingHeaderMatcher(noHeader),
		runtime.WithOutgoingHeaderMatcher(noHeader),
		runtime.WithOutgoingTrailerMatcher(noHeader),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
	)
	store, authz := conditional{cfg.Store}, conditional{cfg.Authz}
	okr := watch.Resume(okrv1.NewOkrServiceClient(store), cfg.Gate.Renew, cfg.Stopping)
	ctx := context.Background() // the generated functions ignore it
	err = errors.Join(
		okrv1.RegisterOkrServiceHandlerClient(ctx, m.gateway, okr),
		authzv1.RegisterSessionServiceHandlerClient(ctx, m.gateway, authzv1.NewSessionServiceClient(authz)),
		authzv1.RegisterOrganizationServiceHandlerClient(ctx, m.gateway, authzv1.NewOrganizationServiceClient(authz)),
		authzv1.RegisterConsentServiceHandlerClient(ctx, m.gateway, authzv1.NewConsentServiceClient(authz)),
		authzv1.RegisterScimServiceHandlerClient(ctx, m.gateway, authzv1.NewScimServiceClient(authz)),
	)
	if err != nil {
		return nil, fmt.Errorf("registering the services: %w", err)
	}
	return m, nil
}

// noHeader lets no header become gRPC metadata, nor the reverse: connections add what a service may see.
func noHeader(string) (string, bool) { return "", false }

// Routes are the routes of the API.
func (m *Mux) Routes() *Routes { return m.routes }

// ServeHTTP implements http.Handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	switch {
	case !canonical(r.URL):
		m.problem.Write(w, r, notFound())
	case r.Method == http.MethodOptions:
		m.answerOptions(w, r)
	case r.Method == http.MethodHead && m.routes.streams(r.URL.Path):
		m.answerMethodNotAllowed(w, r)
	case r.Method == http.MethodHead: // as GET; the server keeps the body back
		get := r.WithContext(r.Context())
		get.Method = http.MethodGet
		m.gateway.ServeHTTP(w, get)
	default:
		m.gateway.ServeHTTP(w, r)
	}
}

// canonical says whether a path is the one spelling of an address. Others are not redirected: programs would lose the
// method or the body on the way.
func canonical(u *url.URL) bool {
	return utf8.ValidString(u.Path) && path.Clean(u.Path) == u.Path && !strings.Contains(strings.ToLower(u.RawPath), "%2f")
}

// admit stands before every route: first who is calling, then whether the request is well formed.
func (m *Mux) admit(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		route, err := m.route(r)
		if err != nil {
			m.problem.Write(w, r, err)
			return
		}
		front.SetRoute(r.Context(), route.Template)
		admitted, err := m.cfg.Gate.Admit(w, r, route.Rule)
		if err != nil {
			m.problem.Write(w, bearing(r), err)
			return
		}
		r, err = route.check(w, admitted, m.cfg.BodyLimit)
		if err != nil {
			m.problem.Write(w, r, err)
			return
		}
		if route.Streaming() {
			w = startStream(w)
		} else {
			ctx, cancel := context.WithTimeout(r.Context(), unaryTimeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next(w, r, params)
	}
}

// route finds the route whose pattern the gateway matched.
func (m *Mux) route(r *http.Request) (*Route, error) {
	matched, ok := runtime.HTTPPattern(r.Context())
	if !ok {
		return nil, errors.New("the gateway matched no pattern")
	}
	route, ok := m.routes.byPattern[r.Method+" "+matched.String()]
	if !ok {
		return nil, fmt.Errorf("the pattern %s %s is no route of the contract", r.Method, matched)
	}
	return route, nil
}

func (m *Mux) answerOptions(w http.ResponseWriter, r *http.Request) {
	allow := m.routes.Allow(r.URL.Path)
	if allow == nil {
		m.problem.Write(w, r, notFound())
		return
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	w.WriteHeader(http.StatusNoContent)
}

func (m *Mux) answerMethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allow := strings.Join(m.routes.Allow(r.URL.Path), ", ")
	w.Header().Set("Allow", allow)
	m.problem.Write(w, r, rpcerr.New(codes.Unimplemented, accessv1.ErrorReason_ERROR_REASON_METHOD_NOT_ALLOWED,
		"this address takes %s", allow))
}

// answerRoutingError answers requests that no route takes. What the gateway calls a wrong method is one only if the
// address exists for our own table as well.
func (m *Mux) answerRoutingError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, _ int) {
	if m.routes.Allow(r.URL.Path) != nil {
		m.answerMethodNotAllowed(w, r)
		return
	}
	m.problem.Write(w, r, notFound())
}

// answerError answers what a service or the gateway's own decoding found.
func (m *Mux) answerError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if status.Code(err) == codes.InvalidArgument && rpcerr.InfoOf(err) == nil { // of the gateway's decoding
		if route, unknown := m.route(r); unknown == nil {
			err = cmp.Or(route.misread(r.URL.Query()), err)
		}
	}
	m.problem.Write(w, r, m.explain(r.Context(), err))
}

// endStream is the error that a stream ends with once it has begun.
func (m *Mux) endStream(ctx context.Context, err error) *status.Status {
	return m.problem.Status(ctx, m.explain(ctx, err))
}

// explain makes errors without a reason of ours fit for callers. What the gateway says of a body or parameter that it
// could not decode gets its reason, and what gRPC says of a connection its own words.
func (m *Mux) explain(ctx context.Context, err error) error {
	st, ok := status.FromError(err)
	if !ok || rpcerr.InfoOf(err) != nil {
		return err
	}
	switch st.Code() {
	case codes.InvalidArgument:
		return malformed("%s", shorten(tidy(st.Message())))
	}
	return m.problem.Unanswered(ctx, err)
}

func notFound() error {
	return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND, "there is nothing under this address")
}

// bearing marks a request that presented a token, whose credentials are not yet taken off.
func bearing(r *http.Request) *http.Request {
	if r.Header.Get("Authorization") == "" {
		return r
	}
	return r.WithContext(problem.WithBearer(r.Context()))
}
