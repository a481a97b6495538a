// Package transfer serves files: the export as a download and the import as an upload. grpc-gateway has no form for
// either. What is large goes through in pieces, in the memory of a few of them, and a stream of okr-store that ends because
// its transaction token does is joined to the next one, unseen by the caller.
package transfer

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// The addresses.
const (
	ExportPath = "/api/v1/export"
	ImportPath = "/api/v1/import"
)

const (
	// writeTimeout bounds the writing of one piece, and readTimeout the wait for one; a transfer as a whole has no bound.
	writeTimeout = 30 * time.Second
	readTimeout  = 30 * time.Second
	// attempts are how many times in a row a stream of the store may end without having come further.
	attempts = 6
	// firstPause is the wait before the second attempt in a row; it doubles.
	firstPause = 200 * time.Millisecond
)

// Gate decides who may pass; see the API's.
type Gate interface {
	Admit(w http.ResponseWriter, r *http.Request, rule *accessv1.Rule) (*http.Request, error)
	Renew(ctx context.Context) (context.Context, error)
}

// Config is what the handler is made of.
type Config struct {
	// Store is the service that has the files.
	Store okrv1.OkrServiceClient
	// Gate decides who may pass.
	Gate Gate
	// ImportLimit is the largest file in bytes.
	ImportLimit int64
	// Stopping ends transfers when it does.
	Stopping context.Context
	// Now is the clock, for the name of a download.
	Now func() time.Time
	// Logger gets failures that callers must not see.
	Logger *slog.Logger
}

// Handler serves both addresses.
type Handler struct {
	cfg     Config
	problem problem.Writer
	rules   map[string]*accessv1.Rule // by address
}

// New makes the handler. It fails when the contract has no usable access rule for a method.
func New(cfg Config) (*Handler, error) {
	h := &Handler{cfg: cfg, problem: problem.Writer{Logger: cfg.Logger}, rules: map[string]*accessv1.Rule{}}
	methods := okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService").Methods()
	for path, name := range map[string]string{ExportPath: "ExportObjectives", ImportPath: "ImportObjectives"} {
		for i := range methods.Len() {
			if string(methods.Get(i).Name()) != name {
				continue
			}
			rule, err := access.RuleOf(methods.Get(i))
			if err != nil {
				return nil, fmt.Errorf("access rule of %s: %w", name, err)
			}
			h.rules[path] = rule
		}
		if h.rules[path] == nil {
			return nil, fmt.Errorf("the contract has no method %s", name)
		}
	}
	return h, nil
}

// Serves says whether an address is the handler's.
func Serves(path string) bool { return path == ExportPath || path == ImportPath }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	method, serve := http.MethodGet, h.export
	if r.URL.Path == ImportPath {
		method, serve = http.MethodPost, h.importFile
	}
	if r.Method != method {
		header.Set("Allow", method+", "+http.MethodOptions)
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.problem.Write(w, r, rpcerr.New(codes.Unimplemented, accessv1.ErrorReason_ERROR_REASON_METHOD_NOT_ALLOWED,
			"this address takes %s", method))
		return
	}
	front.SetRoute(r.Context(), r.URL.Path)
	admitted, err := h.cfg.Gate.Admit(w, r, h.rules[r.URL.Path])
	if err != nil {
		if r.Header.Get("Authorization") != "" {
			r = r.WithContext(problem.WithBearer(r.Context()))
		}
		h.problem.Write(w, r, err)
		return
	}
	ctx, cancel := context.WithCancelCause(admitted.Context())
	defer cancel(nil)
	defer context.AfterFunc(h.cfg.Stopping, func() { cancel(errStopping) })()
	serve(w, admitted.WithContext(ctx))
}

// errStopping tells a caller to come back.
var errStopping error = rpcerr.Unavailable("the server is stopping; try again")

// query reads parameters, of which there are these and no others.
func query(r *http.Request, names ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed("the query cannot be parsed")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(names, name):
			return nil, malformed("there is no such query parameter here; there are %s", strings.Join(names, ", "))
		case len(given) > 1:
			return nil, malformed("the query parameter %q is given more than once", name)
		}
	}
	return values, nil
}

func malformed(format string, args ...any) error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_REQUEST_MALFORMED, format, args...)
}

// public makes what gRPC says of a connection fit for callers.
func (h *Handler) public(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && status.Code(cause) == codes.Unavailable {
		return errStopping
	}
	return h.problem.Unanswered(ctx, err)
}

// joints counts how often a stream of the store was joined to the next one without having come further.
type joints struct {
	handler *Handler
	pause   time.Duration
	count   int
}

// further says that the stream has come further.
func (j *joints) further() { j.count = 0 }

// next establishes the caller anew, if the error is one after which the transfer can go on.
func (j *joints) next(ctx context.Context, err error) (context.Context, error) {
	expired := rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED
	if ctx.Err() != nil || !expired && status.Code(err) != codes.Unavailable || j.count == attempts {
		return nil, err
	}
	if j.count++; j.count > 1 {
		if j.count == 2 {
			j.pause = firstPause
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(j.pause):
		}
		j.pause *= 2
	}
	return j.handler.cfg.Gate.Renew(ctx)
}
