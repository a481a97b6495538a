package tools

import (
	"context"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// objectiveWritten is what a write answers of an objective.
type objectiveWritten struct {
	OkrID string `json:"okrID"`
	State string `json:"state,omitempty"`
	Etag  string `json:"etag,omitempty"`
}

func (s *Set) addObjective() engine.Tool {
	type arguments struct {
		ObjectiveText string `json:"objectiveText"`
		RequestID     string `json:"requestId"`
		plan
		intent
	}
	return writing(s, engine.Tool{
		Name:        "addObjective",
		Title:       "Add an objective",
		Description: "Adds an objective to the organization, without key results. Needs the scope manage:objectives.",
		Input: input("objectiveText",
			`"objectiveText":{"type":"string","description":"What is to be achieved, in one line.","maxLength":500}`,
			planSchema, requestIDSchema, modeSchema),
		Output: answered(okrIDOutput, etagOutput),
	}, writes(access.ResourceObjective, accessv1.Action_ACTION_CREATE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		objective := &okrv1.Objective{Title: a.ObjectiveText}
		if _, err := a.apply(ctx, s, objective); err != nil {
			return nil, err
		}
		o, err := s.Store.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: objective, RequestId: a.RequestID, Mode: a.GetMode()})
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{
			Text:       "Added the objective " + o.GetId() + " " + quote(o.GetTitle(), maxQuoted) + ".",
			Structured: objectiveWritten{OkrID: o.GetId(), Etag: o.GetEtag()},
		}, nil
	})
}

// Actions are what can happen to an objective as a whole, each by a call of its own.
const (
	actionClose   = "close"
	actionReopen  = "reopen"
	actionArchive = "archive"
	actionRestore = "restore"
)

type objectiveUpdate struct {
	OkrID         string  `json:"okrID"`
	ObjectiveText *string `json:"objectiveText"`
	plan
	Action      string `json:"action"`
	Score       string `json:"score"`
	ClosingNote string `json:"closingNote"`
	guard
}

func (s *Set) updateObjective() engine.Tool {
	return writing(s, engine.Tool{
		Name:  "updateObjective",
		Title: "Change, close or archive an objective",
		Description: "Changes the given fields of an objective, or takes an action: close with a score, reopen, archive (kept, but not listed), restore. " +
			"Needs the scope manage:objectives.",
		Hints: engine.Hints{Destructive: true, Idempotent: true},
		Input: input("okrID", okrIDSchema,
			`"objectiveText":{"type":"string","description":"The new text.","maxLength":500}`,
			planSchema,
			`"action":{"type":"string","description":"Without other fields.","enum":["`+actionClose+`","`+actionReopen+`","`+actionArchive+`","`+actionRestore+`"]}`,
			`"score":{"type":"string","description":"To close: 0 to 1, such as 0.7.","maxLength":4}`,
			`"closingNote":{"type":"string","description":"To close: why.","maxLength":4000}`,
			etagSchema, requestIDSchema, modeSchema),
		Output: answered(okrIDOutput,
			`"state":{"type":"string","description":"active, closed or archived."}`, etagOutput),
	}, writes(access.ResourceObjective, accessv1.Action_ACTION_UPDATE), func(ctx context.Context, a objectiveUpdate) (*engine.ToolResult, error) {
		o, did, err := s.changeObjective(ctx, &a)
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{
			Text: "The objective " + o.GetId() + " " + quote(o.GetTitle(), maxQuoted) + " " + did + ".",
			// The state after the action: what was closed is closed again once it is restored.
			Structured: objectiveWritten{OkrID: o.GetId(), State: spell(o.GetState()), Etag: o.GetEtag()},
		}, nil
	})
}

// changeObjective makes one change, so that it happens as a whole or not at all, and says what was done.
func (s *Set) changeObjective(ctx context.Context, a *objectiveUpdate) (o *okrv1.Objective, did string, err error) {
	objective := &okrv1.Objective{Id: a.OkrID, Etag: a.Etag}
	var given fieldNames
	given.set("title", &objective.Title, a.ObjectiveText)
	more, err := a.apply(ctx, s, objective)
	if err != nil {
		return nil, "", err
	}
	given = append(given, more...)
	switch {
	case a.Action != "" && len(given) > 0:
		return nil, "", mistake("Nothing was changed: an action goes without other fields. Make two calls, one with the action and one with the fields.")
	case a.Action != actionClose && (a.Score != "" || a.ClosingNote != ""):
		return nil, "", mistake(`Nothing was changed: score and closingNote go with the action "close".`)
	case a.Action == "" && len(given) == 0:
		return nil, "", mistake("Nothing was changed: give a field to change, or an action.")
	}
	switch a.Action {
	case actionClose:
		o, err = s.Store.CloseObjective(ctx, &okrv1.CloseObjectiveRequest{
			ObjectiveId: a.OkrID, Score: a.Score, ClosingNote: a.ClosingNote, Etag: a.Etag, RequestId: a.RequestID, Mode: a.GetMode(),
		})
		return o, "is closed with the score " + o.GetScore(), err
	case actionReopen:
		o, err = s.Store.ReopenObjective(ctx, &okrv1.ReopenObjectiveRequest{ObjectiveId: a.OkrID, Etag: a.Etag, RequestId: a.RequestID, Mode: a.GetMode()})
		return o, "is active", err
	case actionArchive:
		o, err = s.Store.ArchiveObjective(ctx, &okrv1.ArchiveObjectiveRequest{ObjectiveId: a.OkrID, Etag: a.Etag, RequestId: a.RequestID, Mode: a.GetMode()})
		return o, "is archived", err
	case actionRestore:
		o, err = s.Store.RestoreObjective(ctx, &okrv1.RestoreObjectiveRequest{ObjectiveId: a.OkrID, Etag: a.Etag, RequestId: a.RequestID, Mode: a.GetMode()})
		return o, "is restored and " + spell(o.GetState()), err
	}
	o, err = s.Store.UpdateObjective(ctx, &okrv1.UpdateObjectiveRequest{
		Objective: objective, UpdateMask: &fieldmaskpb.FieldMask{Paths: given}, RequestId: a.RequestID, Mode: a.GetMode(),
	})
	return o, "is changed", err
}

func (s *Set) deleteObjective() engine.Tool {
	type arguments struct {
		OkrID string `json:"okrID"`
		guard
	}
	return askingWrite(s, engine.Tool{
		Name:        "deleteObjective",
		Title:       "Delete an objective",
		Description: "Deletes an objective and all its key results for good. Needs the scope manage:objectives.",
		Hints:       engine.Hints{Destructive: true, Idempotent: true},
		Input:       input("okrID", okrIDSchema, etagSchema, requestIDSchema, modeSchema),
		Output:      answered(okrIDOutput),
	}, writes(access.ResourceObjective, accessv1.Action_ACTION_DELETE), func(ctx context.Context, x *engine.Exchange, a arguments) (*engine.ToolResult, error) {
		etag, err := confirm(ctx, x, &a.guard, s.objectiveToDelete(a.OkrID))
		if err != nil {
			return nil, err
		}
		_, err = s.Store.DeleteObjective(ctx, &okrv1.DeleteObjectiveRequest{
			ObjectiveId: a.OkrID, Etag: etag, RequestId: a.RequestID, Mode: a.GetMode(),
		})
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{
			Text:       "Deleted the objective " + clean(a.OkrID, maxQuoted) + " and its key results.",
			Structured: objectiveWritten{OkrID: a.OkrID},
		}, nil
	})
}
