package tools

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// keyResultWritten is what a write answers of a key result.
type keyResultWritten struct {
	OkrID       string `json:"okrID"`
	KeyResultID string `json:"keyResultID"`
	Attainment  *int32 `json:"attainment,omitempty"`
	Etag        string `json:"etag,omitempty"`
}

func written(k *okrv1.KeyResult) keyResultWritten {
	return keyResultWritten{
		OkrID: k.GetObjectiveId(), KeyResultID: k.GetId(), Attainment: proto.Int32(k.GetAttainment()), Etag: k.GetEtag(),
	}
}

func (s *Set) addKeyResult() engine.Tool {
	type arguments struct {
		OkrID         string `json:"okrID"`
		KeyResultText string `json:"keyResultText"`
		RequestID     string `json:"requestId"`
	}
	return tool(s, engine.Tool{
		Name:        "addKeyResult",
		Title:       "Add a key result",
		Description: "Adds a key result to an objective, with an attainment of 0. Needs the scope manage:krs.",
		Input: input("okrID keyResultText", okrIDSchema,
			`"keyResultText":{"type":"string","description":"A measurable result that shows progress, in one line.","minLength":1,"maxLength":500}`,
			requestIDSchema),
		Output: output("okrID keyResultID attainment etag", okrIDOutput, keyResultIDOutput, attainmentOutput, etagOutput),
	}, needs(access.ResourceKeyResult, accessv1.Action_ACTION_CREATE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		k, err := s.Store.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{
			ObjectiveId: a.OkrID, KeyResult: &okrv1.KeyResult{Title: a.KeyResultText}, RequestId: a.RequestID,
		})
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{
			Text:       "Added the key result " + k.GetId() + " " + quote(k.GetTitle(), maxQuoted) + ".",
			Structured: written(k),
		}, nil
	})
}

func (s *Set) setKeyResultAttainment() engine.Tool {
	type arguments struct {
		OkrID       string `json:"okrID"`
		KeyResultID string `json:"keyResultID"`
		Attainment  int32  `json:"attainment"`
		guard
	}
	return tool(s, engine.Tool{
		Name:        "setKeyResultAttainment",
		Title:       "Set the attainment of a key result",
		Description: "Says how far a key result has come. The value before stays in the history. Needs the scope manage:krs or report_kr_status.",
		Hints:       engine.Hints{Idempotent: true},
		Input: input("okrID keyResultID attainment", okrIDSchema, keyResultIDSchema,
			`"attainment":{"type":"integer","description":"How far it has come, in percent.","minimum":0,"maximum":100}`,
			etagSchema, requestIDSchema),
		Output: output("okrID keyResultID attainment etag", okrIDOutput, keyResultIDOutput, attainmentOutput, etagOutput),
	}, needs(access.ResourceKeyResult, accessv1.Action_ACTION_UPDATE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		k, err := s.Store.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{
			KeyResultId: a.KeyResultID, ObjectiveId: a.OkrID, Attainment: proto.Int32(a.Attainment),
			Etag: a.Etag, RequestId: a.RequestID,
		})
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{
			Text:       fmt.Sprintf("The key result %s %s is now at %d%%.", k.GetId(), quote(k.GetTitle(), maxQuoted), k.GetAttainment()),
			Structured: written(k),
		}, nil
	})
}

func (s *Set) deleteKeyResult() engine.Tool {
	type arguments struct {
		OkrID       string `json:"okrID"`
		KeyResultID string `json:"keyResultID"`
		guard
	}
	return tool(s, engine.Tool{
		Name:        "deleteKeyResult",
		Title:       "Delete a key result",
		Description: "Deletes a key result for good. Needs the scope manage:krs.",
		Hints:       engine.Hints{Destructive: true, Idempotent: true},
		Input:       input("okrID keyResultID", okrIDSchema, keyResultIDSchema, etagSchema, requestIDSchema),
		Output:      output("okrID keyResultID", okrIDOutput, keyResultIDOutput),
	}, needs(access.ResourceKeyResult, accessv1.Action_ACTION_DELETE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		_, err := s.Store.DeleteKeyResult(ctx, &okrv1.DeleteKeyResultRequest{
			KeyResultId: a.KeyResultID, ObjectiveId: a.OkrID, Etag: a.Etag, RequestId: a.RequestID,
		})
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{
			Text:       "Deleted the key result " + clean(a.KeyResultID, maxQuoted) + ".",
			Structured: keyResultWritten{OkrID: a.OkrID, KeyResultID: a.KeyResultID},
		}, nil
	})
}
