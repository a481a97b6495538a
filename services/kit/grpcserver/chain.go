package grpcserver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"buf.build/go/protovalidate"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// chain holds the interceptors. Their order, outermost first: correlation id, access log, metrics, recovery, deadline,
// rate limit by address, error mapping, authentication and authorization, rate limit by caller, validation. So every call
// is counted and logged whatever becomes of it, and nobody learns whether a request is valid before it is known whether
// the caller may make it (AIP-211).
//
// They are three functions and not ten, one on each side of the metrics: each link of a chain costs a closure and two
// stack frames in every call.
type chain struct {
	cfg      Config
	rules    map[string]*accessv1.Rule
	metrics  *callMetrics
	loggers  *lru.Cache[*access.Identity, *slog.Logger]
	limiter  *limiter
	streams  *prometheus.GaugeVec // open, by service and method
	stopping context.Context      // its cause ends streams
}

func (c *chain) unary() []grpc.UnaryServerInterceptor {
	return []grpc.UnaryServerInterceptor{c.describe, c.metrics.unary, c.guard}
}

func (c *chain) stream() []grpc.StreamServerInterceptor {
	return []grpc.StreamServerInterceptor{c.describeStream, c.metrics.stream, c.guardStream}
}

// call is what the interceptors learn about a call and the access log prints.
type call struct {
	identity *access.Identity
}

type callKey struct{}

func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// begin gives a call its correlation id, the caller's if it is well formed.
func begin(ctx context.Context) (context.Context, *call) {
	var id string
	if values := metadata.ValueFromIncomingContext(ctx, telemetry.MetadataCorrelationID); len(values) == 1 {
		id = values[0]
	}
	call := &call{}
	return context.WithValue(telemetry.WithCorrelationID(ctx, id), callKey{}, call), call
}

// describe gives a call its correlation id and writes the access log.
func (c *chain) describe(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	start := time.Now()
	ctx, call := begin(ctx)
	if err := grpc.SetHeader(ctx, metadata.Pairs(telemetry.MetadataCorrelationID, telemetry.CorrelationID(ctx))); err != nil {
		return nil, fmt.Errorf("setting the correlation id: %w", err)
	}
	resp, err := next(ctx, req)
	c.logCall(ctx, call, info.FullMethod, start, err)
	return resp, err
}

func (c *chain) describeStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	start := time.Now()
	ctx, call := begin(ss.Context())
	if err := ss.SetHeader(metadata.Pairs(telemetry.MetadataCorrelationID, telemetry.CorrelationID(ctx))); err != nil {
		return fmt.Errorf("setting the correlation id: %w", err)
	}
	open := c.streams.WithLabelValues(splitMethod(info.FullMethod))
	open.Inc()
	defer open.Dec()
	err := next(srv, withContext(ctx, ss))
	c.logCall(ctx, call, info.FullMethod, start, err)
	return err
}

// guard stands between a call and the handler: everything inside of the metrics.
func (c *chain) guard(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if r := recover(); r != nil {
			resp, err = nil, c.panicked(ctx, r)
		}
	}()
	timed, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := c.limiter.address(ctx); err != nil {
		return nil, err
	}
	resp, err = c.admit(timed, req, info.FullMethod, next)
	return resp, c.public(ctx, info.FullMethod, err)
}

// admit lets a call through to the handler, or says why not.
func (c *chain) admit(ctx context.Context, req any, method string, next grpc.UnaryHandler) (any, error) {
	ctx, _, err := c.authorize(ctx, method, req)
	if err != nil {
		return nil, err
	}
	if err := c.limiter.caller(ctx); err != nil {
		return nil, err
	}
	if err := Validate(protovalidate.GlobalValidator, req, ""); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (c *chain) guardStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = c.panicked(ss.Context(), r)
		}
	}()
	if err := c.limiter.address(ss.Context()); err != nil {
		return err
	}
	return c.public(ss.Context(), info.FullMethod, c.admitStream(srv, ss, info.FullMethod, next))
}

// admitStream also ends the stream when the identity expires or the server stops.
func (c *chain) admitStream(srv any, ss grpc.ServerStream, method string, next grpc.StreamHandler) error {
	ctx, identity, err := c.authorize(ss.Context(), method, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.stopping, func() { cancel(context.Cause(c.stopping)) })()
	if identity != nil {
		expired := rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED,
			"the credential has expired; authenticate again and resume")
		timer := time.AfterFunc(time.Until(identity.Expire), func() { cancel(expired) })
		defer timer.Stop()
	}
	if err := c.limiter.caller(ctx); err != nil {
		return err
	}
	err = next(srv, &validatingStream{withContext(ctx, ss)})
	if cause := context.Cause(ctx); cause != nil && ss.Context().Err() == nil {
		return cause // also when the handler took the end of its context for success
	}
	return err
}

// panicked turns a panic into INTERNAL; the stack goes to the log.
func (c *chain) panicked(ctx context.Context, recovered any) error {
	c.cfg.Logger.ErrorContext(ctx, "panic",
		slog.String("panic", fmt.Sprint(recovered)), slog.String("stack", string(debug.Stack())))
	return status.Error(codes.Internal, "internal error")
}

// public is the error for the caller; what it hides goes to the log.
func (c *chain) public(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	st := rpcerr.Public(err)
	if st.Code() == codes.Internal {
		c.cfg.Logger.ErrorContext(ctx, "call failed", slog.String("method", method), slog.String("error", err.Error()))
	}
	return st.Err()
}

// authorize establishes who is calling and whether the method's rule lets them. The request, nil for a stream, is looked at
// for nothing but its mode.
func (c *chain) authorize(ctx context.Context, method string, req any) (context.Context, *access.Identity, error) {
	rule, ok := c.rules[method]
	if !ok { // grpc answers UNIMPLEMENTED before interceptors run; this is for a rule table out of step
		return ctx, nil, status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	if rule.GetPublic() {
		return ctx, nil, nil
	}
	identity, err := c.cfg.Authenticator.Authenticate(ctx)
	if err != nil {
		return ctx, nil, err
	}
	if call := callFrom(ctx); call != nil {
		call.identity = identity
	}
	if err := access.CheckRequest(ctx, rule, req, identity.Principal, c.cfg.Grantors); err != nil {
		return ctx, nil, err
	}
	return access.WithPrincipal(ctx, identity.Principal), identity, nil
}

// stream overrides a stream's context, and stops sending when that context ends.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

func withContext(ctx context.Context, ss grpc.ServerStream) grpc.ServerStream {
	return &stream{ss, ctx}
}

func (s *stream) Context() context.Context { return s.ctx }

func (s *stream) SendMsg(m any) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return s.ServerStream.SendMsg(m)
}

// validatingStream validates the messages that come in.
type validatingStream struct {
	grpc.ServerStream
}

func (s *validatingStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return Validate(protovalidate.GlobalValidator, m, "")
}
