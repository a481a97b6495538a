package tools

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// checkedIn is what checkIn answers. Before and after are values in the unit of the key result.
type checkedIn struct {
	OkrID       string `json:"okrID"`
	KeyResultID string `json:"keyResultID"`
	Before      string `json:"before"`
	After       string `json:"after"`
	Attainment  int32  `json:"attainment"`
}

// evidence is a place where a value can be looked up.
type evidence struct {
	URL           string    `json:"url"`
	ObservedValue string    `json:"observedValue"`
	ObservedTime  time.Time `json:"observedTime"`
}

const evidenceSchema = `"evidence":{"type":"array","description":"Where the value can be looked up.","maxItems":10,"items":{"type":"object","properties":{` +
	`"url":{"type":"string","description":"An http(s) address.","maxLength":2048},` +
	`"observedValue":{"type":"string","description":"As written there.","maxLength":100},` +
	`"observedTime":{"type":"string","description":"When.","format":"date-time","maxLength":40}},` +
	`"required":["url"],"additionalProperties":false}}`

func (e *evidence) message() *okrv1.Evidence {
	m := &okrv1.Evidence{Url: e.URL, ObservedValue: e.ObservedValue}
	if !e.ObservedTime.IsZero() {
		m.ObservedTime = timestamppb.New(e.ObservedTime)
	}
	return m
}

func (s *Set) checkIn() engine.Tool {
	type arguments struct {
		KeyResultID string     `json:"keyResultID"`
		Value       string     `json:"value"`
		Confidence  string     `json:"confidence"`
		Note        string     `json:"note"`
		Evidence    []evidence `json:"evidence"`
		guard
	}
	return writing(s, engine.Tool{
		Name:  "checkIn",
		Title: "Check in on a key result",
		Description: "Reports the value that a key result has come to, the confidence, a note, or all of them. What was reported before stays. " +
			"Needs the scope manage:krs or report_kr_status.",
		Input: input("keyResultID", keyResultIDSchema,
			`"value":{"type":"string","description":"A decimal number in its unit, such as 12.50; for a milestone 0 or 100.","maxLength":20}`,
			enumSchema("confidence", "Whether the target will be reached.", okrv1.Confidence(0)),
			`"note":{"type":"string","description":"What happened.","maxLength":4000}`,
			evidenceSchema, etagSchema, requestIDSchema, modeSchema),
		Output: answered(okrIDOutput, keyResultIDOutput,
			`"before":{"type":"string","description":"The value before."},"after":{"type":"string","description":"The value now."}`,
			attainmentOutput),
	}, writes(access.ResourceKeyResult, accessv1.Action_ACTION_UPDATE), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		given := &okrv1.CheckIn{Value: a.Value, Confidence: read[okrv1.Confidence](a.Confidence), Note: a.Note}
		for i := range a.Evidence {
			given.Evidence = append(given.Evidence, a.Evidence[i].message())
		}
		c, err := s.Store.CreateCheckIn(ctx, &okrv1.CreateCheckInRequest{
			KeyResultId: a.KeyResultID, CheckIn: given, Etag: a.Etag, RequestId: a.RequestID, Mode: a.GetMode(),
		})
		if err != nil {
			return nil, err
		}
		went := "went from " + c.GetPreviousValue() + " to " + c.GetValue()
		if c.GetPreviousValue() == c.GetValue() {
			went = "stays at " + c.GetValue()
		}
		return &engine.ToolResult{
			Text: fmt.Sprintf("Checked in: the key result %s %s, attainment %d%%.", c.GetKeyResultId(), went, c.GetAttainment()),
			Structured: checkedIn{
				OkrID: c.GetObjectiveId(), KeyResultID: c.GetKeyResultId(),
				Before: c.GetPreviousValue(), After: c.GetValue(), Attainment: c.GetAttainment(),
			},
		}, nil
	})
}
