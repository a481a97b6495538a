package tools

import (
	"context"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// objectiveWritten is what a write answers of an objective.
type objectiveWritten struct {
	OkrID string `json:"okrID"`
	Etag  string `json:"etag,omitempty"`
}

func (s *Set) addObjective() engine.Tool {
	type arguments struct {
		ObjectiveText string `json:"objectiveText"`
		RequestID     string `json:"requestId"`
	}
	return tool(s, engine.Tool{
		Name:        "addObjective",
		Title:       "Add an objective",
		Description: "Adds an objective to the organization, without key results. Needs the scope manage:objectives.",
		Input: input("objectiveText",
			`"objectiveText":{"type":"string","description":"What is to be achieved, in one line.","minLength":1,"maxLength":500}`,
			requestIDSchema),
		Output: output("okrID etag", okrIDOutput, etagOutput),
	}, needs(access.ResourceObjective, accessv1.Action_ACTION_CREATE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		o, err := s.Store.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{
			Objective: &okrv1.Objective{Title: a.ObjectiveText}, RequestId: a.RequestID,
		})
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{
			Text:       "Added the objective " + o.GetId() + " " + quote(o.GetTitle(), maxQuoted) + ".",
			Structured: objectiveWritten{OkrID: o.GetId(), Etag: o.GetEtag()},
		}, nil
	})
}

func (s *Set) deleteObjective() engine.Tool {
	type arguments struct {
		OkrID string `json:"okrID"`
		guard
	}
	return tool(s, engine.Tool{
		Name:        "deleteObjective",
		Title:       "Delete an objective",
		Description: "Deletes an objective and all its key results for good. Needs the scope manage:objectives.",
		Hints:       engine.Hints{Destructive: true, Idempotent: true},
		Input:       input("okrID", okrIDSchema, etagSchema, requestIDSchema),
		Output:      output("okrID", okrIDOutput),
	}, needs(access.ResourceObjective, accessv1.Action_ACTION_DELETE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		_, err := s.Store.DeleteObjective(ctx, &okrv1.DeleteObjectiveRequest{
			ObjectiveId: a.OkrID, Etag: a.Etag, RequestId: a.RequestID,
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
