package tools

import (
	"context"
	"strings"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// proposed is what a write answers that waits as a proposal.
type proposed struct {
	ProposalID string `json:"proposalID"`
}

// tried is what a write answers that was only tried. What would become of it is in the text.
type tried struct {
	Tried bool `json:"tried"`
}

// writes is the rule of a tool that writes, as the method that it calls has it.
func writes(resource string, action accessv1.Action) *accessv1.Rule {
	return &accessv1.Rule{Resource: resource, Action: action, Propose: accessv1.Action_ACTION_READ}
}

// moded is the arguments of every tool that writes.
type moded interface{ GetMode() accessv1.WriteMode }

// writing is tool for one that writes: it is shown also to who can only propose what it does.
func writing[A moded](s *Set, t engine.Tool, r *accessv1.Rule, call func(context.Context, A) (*engine.ToolResult, error)) engine.Tool {
	return askingWrite(s, t, r, func(ctx context.Context, _ *engine.Exchange, a A) (*engine.ToolResult, error) { return call(ctx, a) })
}

// askingWrite is writing for a call that may ask the person behind the client.
func askingWrite[A moded](
	s *Set, t engine.Tool, r *accessv1.Rule, call func(context.Context, *engine.Exchange, A) (*engine.ToolResult, error),
) engine.Tool {
	t.Visible = func(ctx context.Context) bool {
		p := access.PrincipalFrom(ctx)
		return access.Permits(p, r.GetResource(), r.GetAction()) || access.MayPropose(r, p)
	}
	t.Call = answering(s, t.Name, func(ctx context.Context, x *engine.Exchange, arguments A) (*engine.ToolResult, error) {
		if err := access.CheckRequest(ctx, r, arguments, access.PrincipalFrom(ctx), s.Grantors); err != nil {
			return nil, err
		}
		result, err := call(ctx, x, arguments)
		if err == nil && arguments.GetMode() == accessv1.WriteMode_WRITE_MODE_VALIDATE {
			result = attempted(result)
		}
		return result, err
	})
	return t
}

// attempted is the answer to a write that was only tried. What would be new has no id yet.
func attempted(result *engine.ToolResult) *engine.ToolResult {
	return &engine.ToolResult{
		Text:       "Nothing was changed, it was only tried. It would be answered: " + strings.ReplaceAll(result.Text, "  ", " "),
		Structured: tried{Tried: true},
	}
}

// proposalOf is the id of the proposal as which a write waits, or "". That a client may only propose is no failure either:
// to call again would only propose again.
func proposalOf(err error) string {
	switch rpcerr.ReasonOf(err) {
	case accessv1.ErrorReason_ERROR_REASON_PROPOSED, accessv1.ErrorReason_ERROR_REASON_PROPOSE_ONLY:
		return rpcerr.InfoOf(err).GetMetadata()["proposal_id"]
	}
	return ""
}
