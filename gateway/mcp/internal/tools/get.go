package tools

import (
	"context"
	"encoding/json"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

const (
	personOutput = `{"type":"object","properties":{"memberID":{"type":"string"},"name":{"type":"string"}},"required":["memberID"]}`
	spanOutput   = `{"type":"object","properties":{"startDate":{"type":"string"},"dueDate":{"type":"string"}},"required":["startDate","dueDate"]}`

	objectiveOutput = okrIDOutput + `,"objectiveText":{"type":"string","description":"Absent on pages after the first, as all that is not of key results."}` +
		`,"description":{"type":"string"},"state":{"type":"string"},"score":{"type":"string"},"closingNote":{"type":"string"}` +
		`,"owner":` + personOutput + `,"cycle":{"type":"string"},"startDate":{"type":"string"},"dueDate":{"type":"string"}` +
		`,"period":` + spanOutput + `,"parent":{"type":"string","description":"The id of the objective that it contributes to."}` +
		`,"progress":{"type":"integer","description":"The weighted mean of its key results, in percent."}` +
		`,"expectedProgress":{"type":"integer","description":"What it should be today."}` +
		`,"updated":{"type":"string"},"updater":{"type":"string"}`

	keyResultOutput = keyResultIDOutput + `,"keyResultText":{"type":"string"},"milestone":{"type":"boolean"}` +
		`,"startValue":{"type":"string"},"targetValue":{"type":"string"},"currentValue":{"type":"string"},"unit":{"type":"string"},"format":{"type":"string"}` +
		`,"weight":{"type":"integer"},` + attainmentOutput + `,"expectedAttainment":{"type":"integer","description":"What it should be today."}` +
		`,"confidence":{"type":"string","description":"What was last thought of its chances."}` +
		`,"stale":{"type":"boolean","description":"Nobody has checked in for 14 days."}` +
		`,"lastCheckIn":{"type":"string"},"checkIns":{"type":"integer"},"owner":` + personOutput +
		`,"reportedBy":{"type":"string","description":"The agent that reported the value, which no member has confirmed yet."}`
)

func (s *Set) getObjective() engine.Tool {
	type arguments struct {
		OkrID  string `json:"okrID"`
		Cursor string `json:"cursor"`
	}
	return tool(s, engine.Tool{
		Name:        "getObjective",
		Title:       "Get an objective with everything about it",
		Description: "Gets an objective with all its fields and key results, and the etags of both. Needs the scope read:okrs or manage:objectives.",
		Hints:       engine.Hints{ReadOnly: true, Idempotent: true},
		Input: input("okrID", okrIDSchema,
			`"cursor":{"type":"string","description":"nextCursor of the page before, for more key results.","maxLength":64}`),
		Output: output("okrID keyResults", objectiveOutput, etagOutput,
			`"keyResults":{"type":"array","items":`+object("keyResultID keyResultText attainment etag", keyResultOutput, etagOutput)+`}}`,
			`"nextCursor":{"type":"string","description":"Gets more key results; absent on the last page."}`),
	}, readObjective(), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		o, err := s.Store.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: a.OkrID})
		if err != nil {
			return nil, err
		}
		return pageOfObjective(o, a.Cursor, s.members.namer(ctx)), nil
	})
}

// pageOfObjective is an objective, or what follows in it after the key result whose id is the cursor: then there is the
// objective's id alone beside them. Ids are in the order of key results, so that one which was deleted meanwhile is a
// position still.
func pageOfObjective(o *okrv1.Objective, after string, name func(string) string) *engine.ToolResult {
	const structured, words = 2 << 10, 1 << 10 // bytes of a usual page
	out, text := make(writer, 0, structured), make([]byte, 0, words)
	out.begin()
	out.text("okrID", o.GetId())
	text = appendQuoted(append(append(text, o.GetId()...), ' '), o.GetTitle(), maxListed)
	if after == "" {
		out.objective(o, name)
		out.textOrNothing("etag", o.GetEtag())
		out.textOrNothing("updated", instant(o.GetUpdateTime()))
		out.textOrNothing("updater", nameOf(o.GetUpdater()))
		text = appendHeading(text, o, name)
		if o.GetDescription() != "" {
			text = appendQuoted(append(text, "\nDescription: "...), o.GetDescription(), maxDescription)
		}
		if o.GetClosingNote() != "" {
			text = appendQuoted(append(text, "\nClosing note: "...), o.GetClosingNote(), maxDescription)
		}
	}
	out.array("keyResults")
	total, shown, next := reserve, "", ""
	for _, k := range o.GetKeyResults() {
		if k.GetId() <= after {
			continue
		}
		whole, words := len(out), len(text)
		out.separate()
		text = append(text, '\n')
		entry, line := len(out), len(text)
		out.begin()
		out.text("keyResultID", k.GetId())
		out.text("keyResultText", k.GetTitle())
		out.keyResult(k, name)
		out.text("etag", k.GetEtag())
		out.end()
		text = appendKeyResult(text, k, name)
		if total += cost(out[entry:], text[line:]); total > maxPage && shown != "" {
			out, text, next = out[:whole], text[:words], shown
			break
		}
		shown = k.GetId()
	}
	out = append(out, ']')
	if next != "" {
		out.text("nextCursor", next)
		text = append(append(text, "\nThere are more key results: call again with the cursor "...), next...)
	}
	out.end()
	return &engine.ToolResult{Text: string(text), Structured: json.RawMessage(out)}
}
