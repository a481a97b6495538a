package grpcserver

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// healthMethods would fill the log with what probes do; only their failures are logged.
const healthMethods = "/grpc.health.v1.Health/"

// logCall writes one line a call: never a body, a token, an address of e-mail or a text of the organization.
func (c *chain) logCall(ctx context.Context, call *call, method string, start time.Time, err error) {
	code := status.Code(err)
	if code == codes.OK && strings.HasPrefix(method, healthMethods) {
		return
	}
	level := slog.LevelInfo
	if code == codes.Internal || code == codes.Unknown || code == codes.DataLoss {
		level = slog.LevelError
	}
	attrs := make([]slog.Attr, 0, 5)
	attrs = append(attrs,
		slog.String("method", method),
		slog.String("code", code.String()),
		slog.Duration("duration", time.Since(start)),
	)
	if info := rpcerr.InfoOf(err); info != nil {
		attrs = append(attrs, slog.String("reason", info.GetReason()))
	}
	if p, ok := peer.FromContext(ctx); ok {
		attrs = append(attrs, slog.String("peer", p.Addr.String()))
	}
	telemetry.Log(ctx, c.loggerOf(call.identity), level, "call", attrs...)
}

// knownLoggers is for how many identities the beginning of their lines is kept.
const knownLoggers = 4096

// loggerOf is the logger for the calls of an identity, which may be nil. Who is calling is the same in one line after the
// other, and written once.
func (c *chain) loggerOf(identity *access.Identity) *slog.Logger {
	if identity == nil {
		return c.cfg.Logger
	}
	if logger, ok := c.loggers.Get(identity); ok {
		return logger
	}
	principal := identity.Principal
	logger := c.cfg.Logger.With(
		slog.String("organization_id", principal.GetOrganizationId()),
		slog.String("member_id", principal.GetMemberId()),
		slog.String("surface", principal.GetSurface().String()),
	)
	if principal.GetClientId() != "" {
		logger = logger.With(slog.String("client_id", principal.GetClientId()))
	}
	c.loggers.Add(identity, logger)
	return logger
}
