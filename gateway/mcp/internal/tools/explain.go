package tools

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Outcomes of calls, for metrics.
const (
	outcomeFailed  = "failed"  // the caller can mend it
	outcomeRefused = "refused" // the token is not good or not enough
	outcomeBroken  = "broken"  // it is our fault
)

// clockMargin is how much earlier than here a call's deadline passes at the other end, which then answers first.
const clockMargin = time.Second

// explain says of a failed call what the caller needs to know: a result that a model reads, an answer of HTTP where the
// client has to get another token, or the error itself where it is a defect, which is logged and not told.
func (s *Set) explain(ctx context.Context, err error) (*engine.ToolResult, string, error) {
	if deadline, ok := ctx.Deadline(); ok && status.Code(err) == codes.DeadlineExceeded && time.Until(deadline) < clockMargin {
		<-ctx.Done()
	}
	if cause := context.Cause(ctx); cause != nil && rpcerr.InfoOf(cause) != nil {
		err = cause // the token expired while the call ran
	}
	if refused := s.Refuser.Refuse(ctx, err); refused != nil {
		return nil, outcomeRefused, refused
	}
	if text := s.inWords(err); text != "" {
		return engine.Failure(text), outcomeFailed, nil
	}
	return nil, outcomeBroken, err
}

// inWords is an error for a model: what went wrong and what to do about it. It is "" for what is not the caller's
// business. Texts are our own; what the store says of a field is about what the caller sent.
func (s *Set) inWords(err error) string {
	metadata := rpcerr.InfoOf(err).GetMetadata()
	switch rpcerr.ReasonOf(err) {
	case accessv1.ErrorReason_ERROR_REASON_ROLE_MISSING:
		return roleMissing(metadata)
	case accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND:
		return "There is no objective with this id in your organization. listObjectives shows those that there are."
	case accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_NOT_FOUND:
		return "There is no key result with this id under this objective in your organization. listObjectives shows those that there are."
	case accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH:
		return fmt.Sprintf("Nothing was changed: somebody else was faster. Read it again before you decide; its etag is now %s.",
			quote(metadata["etag"], maxQuoted))
	case accessv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED:
		return "Nothing was changed: this requestId was used for another call within the last hour. Take a new one."
	case accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_LIMIT_REACHED:
		return fmt.Sprintf("Nothing was added: an objective holds at most %s key results.", quote(metadata["limit"], maxQuoted))
	case accessv1.ErrorReason_ERROR_REASON_TRANSACTION_TOO_LARGE:
		return "Nothing was changed: the objective would become too large."
	case accessv1.ErrorReason_ERROR_REASON_PAGE_TOKEN_INVALID, accessv1.ErrorReason_ERROR_REASON_CURSOR_INVALID:
		return "The cursor is not usable. Begin again without one."
	case accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID:
		return "Nothing was changed: " + fieldsInvalid(err)
	}
	switch code := status.Code(err); {
	case code == codes.ResourceExhausted:
		return fmt.Sprintf("Too many calls. Wait %d seconds before the next.", retryAfter(err))
	case code == codes.Unavailable, code == codes.DeadlineExceeded, errors.Is(err, context.DeadlineExceeded):
		return "The service is not available right now. Try again in a moment; a write with the same requestId has no second effect."
	}
	return ""
}

// roleMissing says who could do what the caller's member may not. More scopes would not help.
func roleMissing(metadata map[string]string) string {
	text := fmt.Sprintf("Not allowed: the role of the member you act for does not include %s, and no token changes that.",
		quote(metadata["permission"], maxQuoted))
	roles := strings.Fields(metadata["roles"])
	if len(roles) == 0 {
		return text
	}
	for i, role := range roles {
		roles[i] = quote(role, maxQuoted)
	}
	slices.Sort(roles)
	return fmt.Sprintf("%s A member with the role %s could do it; ask one.", text, strings.Join(roles, " or "))
}

// fieldsInvalid names the arguments that broke a rule as tools call them.
func fieldsInvalid(err error) string {
	names := map[string]string{
		"objective.title": "objectiveText", "key_result.title": "keyResultText", "objective_id": "okrID",
		"key_result_id": "keyResultID", "attainment": "attainment", "etag": "etag", "request_id": "requestId",
	}
	var parts []string
	for _, detail := range status.Convert(err).Details() {
		request, ok := detail.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range request.GetFieldViolations() {
			name := names[v.GetField()]
			if name == "" {
				name = "an argument"
			}
			parts = append(parts, name+" "+clean(v.GetDescription(), maxQuoted))
		}
	}
	if len(parts) == 0 {
		return "an argument is not valid."
	}
	return strings.Join(parts, "; ") + "."
}

// retryAfter is the RetryInfo of an error in whole seconds.
func retryAfter(err error) int {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return max(1, int(math.Ceil(info.GetRetryDelay().AsDuration().Seconds())))
		}
	}
	return 1
}
