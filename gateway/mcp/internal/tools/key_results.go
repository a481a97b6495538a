package tools

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

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
		Milestone     bool   `json:"milestone"`
		measure
		RequestID string `json:"requestId"`
		intent
	}
	return writing(s, engine.Tool{
		Name:  "addKeyResult",
		Title: "Add a key result",
		Description: "Adds a key result to an objective, by default a percentage from 0 to 100. " +
			"Needs the scope manage:krs.",
		Input: input("okrID keyResultText", okrIDSchema,
			`"keyResultText":{"type":"string","description":"A measurable result that shows progress, in one line.","maxLength":500}`,
			`"milestone":{"type":"boolean","description":"Done or not, without values."}`,
			measureSchema(), requestIDSchema, modeSchema),
		Output: answered(okrIDOutput, keyResultIDOutput, attainmentOutput, etagOutput),
	}, writes(access.ResourceKeyResult, accessv1.Action_ACTION_CREATE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		keyResult := &okrv1.KeyResult{Title: a.KeyResultText}
		if a.Milestone {
			keyResult.Kind = okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE
		}
		if _, err := a.apply(ctx, s, keyResult); err != nil {
			return nil, err
		}
		k, err := s.Store.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{
			ObjectiveId: a.OkrID, KeyResult: keyResult, RequestId: a.RequestID, Mode: a.GetMode(),
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

func (s *Set) updateKeyResult() engine.Tool {
	type arguments struct {
		KeyResultID   string  `json:"keyResultID"`
		KeyResultText *string `json:"keyResultText"`
		measure
		guard
	}
	return writing(s, engine.Tool{
		Name:        "updateKeyResult",
		Title:       "Change a key result",
		Description: "Changes the given fields of a key result. Progress is reported by checkIn instead. Needs the scope manage:krs or report_kr_status.",
		Hints:       engine.Hints{Destructive: true, Idempotent: true},
		Input: input("keyResultID", keyResultIDSchema,
			`"keyResultText":{"type":"string","description":"The new text.","maxLength":500}`,
			measureSchema(), etagSchema, requestIDSchema, modeSchema),
		Output: answered(okrIDOutput, keyResultIDOutput, attainmentOutput, etagOutput),
	}, writes(access.ResourceKeyResult, accessv1.Action_ACTION_UPDATE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		keyResult := &okrv1.KeyResult{Id: a.KeyResultID, Etag: a.Etag}
		var given fieldNames
		given.set("title", &keyResult.Title, a.KeyResultText)
		more, err := a.apply(ctx, s, keyResult)
		if err != nil {
			return nil, err
		}
		if given = append(given, more...); len(given) == 0 {
			return nil, mistake("Nothing was changed: give a field to change. Progress is reported by checkIn.")
		}
		k, err := s.Store.UpdateKeyResult(ctx, &okrv1.UpdateKeyResultRequest{
			KeyResult: keyResult, UpdateMask: &fieldmaskpb.FieldMask{Paths: given}, RequestId: a.RequestID, Mode: a.GetMode(),
		})
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{
			Text:       "The key result " + k.GetId() + " " + quote(k.GetTitle(), maxQuoted) + " is changed: " + measured(k) + ".",
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
	return writing(s, engine.Tool{
		Name:        "setKeyResultAttainment",
		Title:       "Set the attainment of a key result",
		Description: "Says how far a key result has come that is a percentage; others take checkIn. The value before stays in the history. Needs the scope manage:krs or report_kr_status.",
		Hints:       engine.Hints{Idempotent: true},
		Input: input("okrID keyResultID attainment", okrIDSchema, keyResultIDSchema,
			`"attainment":{"type":"integer","description":"How far it has come, in percent.","minimum":0,"maximum":100}`,
			etagSchema, requestIDSchema, modeSchema),
		Output: answered(okrIDOutput, keyResultIDOutput, attainmentOutput, etagOutput),
	}, writes(access.ResourceKeyResult, accessv1.Action_ACTION_UPDATE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		k, err := s.Store.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{
			KeyResultId: a.KeyResultID, ObjectiveId: a.OkrID, Attainment: proto.Int32(a.Attainment),
			Etag: a.Etag, RequestId: a.RequestID, Mode: a.GetMode(),
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
	return askingWrite(s, engine.Tool{
		Name:        "deleteKeyResult",
		Title:       "Delete a key result",
		Description: "Deletes a key result for good. Needs the scope manage:krs.",
		Hints:       engine.Hints{Destructive: true, Idempotent: true},
		Input:       input("okrID keyResultID", okrIDSchema, keyResultIDSchema, etagSchema, requestIDSchema, modeSchema),
		Output:      answered(okrIDOutput, keyResultIDOutput),
	}, writes(access.ResourceKeyResult, accessv1.Action_ACTION_DELETE), func(ctx context.Context, x *engine.Exchange, a arguments) (*engine.ToolResult, error) {
		etag, err := confirm(ctx, x, &a.guard, s.keyResultToDelete(a.OkrID, a.KeyResultID))
		if err != nil {
			return nil, err
		}
		_, err = s.Store.DeleteKeyResult(ctx, &okrv1.DeleteKeyResultRequest{
			KeyResultId: a.KeyResultID, ObjectiveId: a.OkrID, Etag: etag, RequestId: a.RequestID, Mode: a.GetMode(),
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
