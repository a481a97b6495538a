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
	outcomeFailed   = "failed"   // the caller can mend it
	outcomeRefused  = "refused"  // the token is not good or not enough
	outcomeBroken   = "broken"   // it is our fault
	outcomeAsked    = "asked"    // the client has to ask somebody before
	outcomeProposed = "proposed" // it waits for a member
)

// clockMargin is how much earlier than here a call's deadline passes at the other end, which then answers first.
const clockMargin = time.Second

// mistake is what is wrong with a call's arguments beyond their form, in words for a model: which one, and what to do.
type mistake string

// Error implements error.
func (m mistake) Error() string { return string(m) }

// isAbsent says whether an error is that there is no such thing, or none that the caller may know of.
func isAbsent(err error) bool {
	switch rpcerr.ReasonOf(err) {
	case accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_NOT_FOUND,
		accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID: // an id that can be nobody's
		return true
	}
	return false
}

// explain says of a failed call what the caller needs to know: a result that a model reads, an answer of HTTP where the
// client has to get another token, or the error itself where it is a defect, which is logged and not told.
func (s *Set) explain(ctx context.Context, err error) (*engine.ToolResult, string, error) {
	if engine.IsQuestion(err) {
		return nil, outcomeAsked, err
	}
	if deadline, ok := ctx.Deadline(); ok && status.Code(err) == codes.DeadlineExceeded && time.Until(deadline) < clockMargin {
		<-ctx.Done()
	}
	if cause := context.Cause(ctx); cause != nil && rpcerr.InfoOf(cause) != nil {
		err = cause // the token expired while the call ran
	}
	if id := proposalOf(err); id != "" {
		return &engine.ToolResult{
			Text: "Nothing was changed yet. It waits as the proposal " + clean(id, maxQuoted) +
				" for a member who may do it to approve it; listProposals tells what became of it.",
			Structured: proposed{ProposalID: id},
		}, outcomeProposed, nil
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
	if m, ok := errors.AsType[mistake](err); ok {
		return string(m)
	}
	metadata := rpcerr.InfoOf(err).GetMetadata()
	switch rpcerr.ReasonOf(err) {
	case accessv1.ErrorReason_ERROR_REASON_ROLE_MISSING:
		return roleMissing(metadata)
	case accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND:
		return "There is no objective with this id in your organization. listObjectives shows those that there are."
	case accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_NOT_FOUND:
		return "There is no key result with this id under this objective in your organization. listObjectives shows those that there are."
	case accessv1.ErrorReason_ERROR_REASON_ATTAINMENT_NOT_SETTABLE:
		return attainmentNotSettable(metadata)
	case accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_STATE_CONFLICT:
		return fmt.Sprintf(`Nothing was changed: the objective is %s. Call updateObjective with the action "restore" first.`,
			strings.ToLower(clean(metadata["state"], maxQuoted)))
	case accessv1.ErrorReason_ERROR_REASON_PARENT_INVALID:
		return parentInvalid(metadata)
	case accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_LIMIT_REACHED:
		return fmt.Sprintf("Nothing was added: the organization holds at most %s objectives.", quote(metadata["limit"], maxQuoted))
	case accessv1.ErrorReason_ERROR_REASON_STORAGE_FULL:
		return "Nothing was changed: the server has no room to write. Reading works. Do not repeat it before somebody who runs the server has made room."
	case accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_DELETED:
		return "The data of your organization was deleted. There is nothing to read or change any more."
	case accessv1.ErrorReason_ERROR_REASON_CURSOR_TOO_OLD:
		return "The cursor is from before the data was restored from a backup. Call again without one, and read anew what you need."
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
		return "The cursor is not usable. Repeat it with the arguments that it was given out for, or begin again without one."
	case accessv1.ErrorReason_ERROR_REASON_PROPOSAL_NOT_FOUND:
		return "There is no proposal with this id in your organization, or none that you may read."
	case accessv1.ErrorReason_ERROR_REASON_PROPOSAL_LIMIT_REACHED:
		return fmt.Sprintf("Nothing was proposed: %s proposals are open already. Members have to decide on them first.", quote(metadata["limit"], maxQuoted))
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
	if roles := strings.Fields(metadata["roles"]); len(roles) > 0 {
		for i, role := range roles {
			roles[i] = quote(role, maxQuoted)
		}
		slices.Sort(roles)
		text += fmt.Sprintf(" A member with the role %s could do it; ask one.", strings.Join(roles, " or "))
	}
	if metadata["mode"] == "PROPOSE" {
		text += ` Or call again with mode "propose": then such a member is shown what it would change, and decides.`
	}
	return text
}

func parentInvalid(metadata map[string]string) string {
	switch metadata["cause"] {
	case "MISSING":
		return "Nothing was changed: there is no objective with the id that parent names in your organization. listObjectives shows those that there are."
	case "BELOW":
		return "Nothing was changed: parent is this objective itself or stands below it. Name one that does not, or give that one another parent first."
	case "DEPTH":
		return "Nothing was changed: at most 10 objectives stand above each other, and there would be more. Name a parent that stands higher."
	}
	return "Nothing was changed: the objective cannot stand under this parent."
}

// attainmentNotSettable says what takes the place of an attainment: a value of the key result's own measure.
func attainmentNotSettable(metadata map[string]string) string {
	start, target := clean(metadata["start_value"], maxQuoted), clean(metadata["target_value"], maxQuoted)
	unit := ""
	if metadata["unit"] != "" {
		unit = " " + quote(metadata["unit"], maxQuoted)
	}
	return fmt.Sprintf("Nothing was changed: this key result is no percentage. It goes from %s to %s%s. "+
		"Call checkIn with the value that it has come to in that measure; for a milestone 0 or 100.", start, target, unit)
}

// fieldsInvalid names the arguments that broke a rule as tools call them, and says what they must be.
func fieldsInvalid(err error) string {
	var parts []string
	for _, detail := range status.Convert(err).Details() {
		request, ok := detail.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range request.GetFieldViolations() {
			name, form := argumentOf(v.GetField())
			description := clean(camelWords(v.GetDescription()), maxListed)
			if form != "" && strings.Contains(description, "regex") { // a pattern tells less than an example
				description = "must be " + form
			}
			parts = append(parts, name+" "+description)
		}
	}
	if len(parts) == 0 {
		return "an argument is not valid."
	}
	return strings.Join(parts, "; ") + "."
}

// argumentOf is how tools call a field of a request, and what it looks like where its rule is a pattern, which only ids have.
func argumentOf(path string) (name, form string) {
	resource, field, nested := strings.Cut(path, ".")
	if !nested || strings.HasPrefix(resource, "evidence") {
		resource, field = "", path
	}
	switch field {
	case "title":
		if resource == "key_result" {
			return "keyResultText", ""
		}
		return "objectiveText", ""
	case "objective_id":
		return "okrID", ""
	case "key_result_id":
		return "keyResultID", ""
	case "id":
		if resource == "key_result" {
			return "keyResultID", ""
		}
		return "okrID", ""
	case "owner_id":
		return "owner", "a member's id"
	case "parent_id":
		return "parent", "an objective's id"
	case "kind":
		return "milestone", ""
	case "after_cursor", "page_token":
		return "cursor", ""
	case "request_id":
		return "requestId", "of letters, digits, - and _"
	}
	return camel(field), ""
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
