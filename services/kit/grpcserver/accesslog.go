package grpcserver

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

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
	attrs := make([]slog.Attr, 0, 10)
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
	if call.identity != nil {
		principal := call.identity.Principal
		attrs = append(attrs,
			slog.String("organization_id", principal.GetOrganizationId()),
			slog.String("member_id", principal.GetMemberId()),
			slog.String("surface", principal.GetSurface().String()),
		)
		if principal.GetClientId() != "" {
			attrs = append(attrs, slog.String("client_id", principal.GetClientId()))
		}
	}
	telemetry.Log(ctx, c.cfg.Logger, level, "call", attrs...)
}
