package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// happened is what changesSince answers.
type happened struct {
	Changes []listedChange `json:"changes"`
	Cursor  string         `json:"cursor"`
	More    bool           `json:"more"`
}

// listedChange is one change in short: who did what through what, and each field that is different now.
type listedChange struct {
	Time        string         `json:"time"`
	Who         string         `json:"who"`
	Via         string         `json:"via"`
	Client      string         `json:"client,omitempty"`
	Kind        string         `json:"kind"`
	OkrID       string         `json:"okrID,omitempty"`
	KeyResultID string         `json:"keyResultID,omitempty"`
	Title       string         `json:"title"`
	Changed     []changedField `json:"changed,omitempty"`
	Note        string         `json:"note,omitempty"`
	// ProposedBy is the member who proposed what somebody else approved.
	ProposedBy string `json:"proposedBy,omitempty"`
}

// changedField is a field before and after. Long texts are cut.
type changedField struct {
	Field  string `json:"field"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// changesRead is how many changes are read for one page, of which more would hardly fit.
const changesRead = 40

const changesOutput = `"changes":{"type":"array","description":"Oldest first.","items":{"type":"object","properties":{` +
	`"time":{"type":"string"},"who":{"type":"string"},` +
	`"via":{"type":"string","description":"rest, mcp or grpc."},"client":{"type":"string","description":"The application that acted for the member."},` +
	`"kind":{"type":"string"},"okrID":{"type":"string"},"keyResultID":{"type":"string"},"title":{"type":"string"},` +
	`"changed":{"type":"array","items":{"type":"object","properties":{"field":{"type":"string"},"before":{"type":"string"},"after":{"type":"string"}},"required":["field"]}},` +
	`"note":{"type":"string"},"proposedBy":{"type":"string","description":"The member for whom it was proposed."}},"required":["time","who","via","kind","title"]}}` +
	`,"cursor":{"type":"string","description":"For the next call."},"more":{"type":"boolean","description":"More has happened already: call again."}`

func (s *Set) changesSince() engine.Tool {
	type arguments struct {
		Cursor      string `json:"cursor"`
		OkrID       string `json:"okrID"`
		KeyResultID string `json:"keyResultID"`
	}
	return tool(s, engine.Tool{
		Name:  "changesSince",
		Title: "What has changed",
		Description: "Tells who changed what since a cursor, or the newest changes without one, and the cursor for the next call. " +
			"Needs the scope read:okrs; other scopes show what they can read.",
		Hints: engine.Hints{ReadOnly: true, Idempotent: true},
		Input: input("",
			`"cursor":{"type":"string","description":"The cursor of the call before.","maxLength":64}`,
			`"okrID":{"type":"string","description":"Only this objective and its key results.","maxLength":64}`,
			`"keyResultID":{"type":"string","description":"Only this key result.","maxLength":64}`),
		Output: output("changes cursor more", changesOutput),
	}, readAnything(), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		request := &okrv1.ListChangesRequest{
			AfterCursor: a.Cursor, ObjectiveId: a.OkrID, KeyResultId: a.KeyResultID, PageSize: changesRead,
		}
		if a.Cursor == "" {
			return s.newestChanges(ctx, request)
		}
		return s.nextChanges(ctx, request)
	})
}

// newestChanges are the last changes that fit, and the end of the log.
func (s *Set) newestChanges(ctx context.Context, request *okrv1.ListChangesRequest) (*engine.ToolResult, error) {
	request.OrderBy = "seq desc"
	read, err := s.readChanges(ctx, request)
	if err != nil {
		return nil, err
	}
	p := changePage{name: s.members.namer(ctx)}
	for _, c := range read.GetChanges() {
		if !p.add(c) {
			break
		}
	}
	slices.Reverse(p.changes)
	slices.Reverse(p.lines)
	if older := len(p.changes) < len(read.GetChanges()) || read.GetNextPageToken() != ""; older {
		p.lines = slices.Insert(p.lines, 0, "Older changes are not shown.")
	}
	return p.result(read.GetCursor(), false), nil
}

// nextChanges are the changes after a cursor that fit, and the cursor of the last of them, or the end of the log.
func (s *Set) nextChanges(ctx context.Context, request *okrv1.ListChangesRequest) (*engine.ToolResult, error) {
	read, err := s.readChanges(ctx, request)
	if err != nil {
		return nil, err
	}
	p := changePage{name: s.members.namer(ctx)}
	cursor, more := read.GetCursor(), read.GetNextPageToken() != ""
	for i, c := range read.GetChanges() {
		if !p.add(c) {
			return p.result(read.GetChanges()[i-1].GetCursor(), true), nil
		}
	}
	if more {
		cursor = read.GetChanges()[len(read.GetChanges())-1].GetCursor()
	}
	return p.result(cursor, more), nil
}

// readChanges reads until there is a change: a page of the store can be empty and not be the last.
func (s *Set) readChanges(ctx context.Context, request *okrv1.ListChangesRequest) (*okrv1.ListChangesResponse, error) {
	for {
		answer, err := s.Store.ListChanges(ctx, request)
		if err != nil || len(answer.GetChanges()) > 0 || answer.GetNextPageToken() == "" {
			return answer, err
		}
		request.PageToken = answer.GetNextPageToken()
	}
}

// changePage is a page of changes that is being filled.
type changePage struct {
	changes []listedChange
	lines   []string
	cost    int
	name    func(id string) string
}

// add adds a change if it fits, or if it is the first.
func (p *changePage) add(c *okrv1.Change) bool {
	entry := changeOf(c, p.name)
	line := entry.line()
	var encoded writer
	spent := p.cost + maxPage
	if encoded.value(entry) == nil { // plain structures always encode
		spent = p.cost + cost(encoded, []byte(line))
	}
	if spent > maxPage-reserve && len(p.changes) > 0 {
		return false
	}
	p.changes, p.lines, p.cost = append(p.changes, entry), append(p.lines, line), spent
	return true
}

func (p *changePage) result(cursor string, more bool) *engine.ToolResult {
	if len(p.changes) == 0 {
		p.lines = append(p.lines, "Nothing has changed.")
		p.changes = []listedChange{}
	}
	next := "The cursor for the next call is " + cursor
	if more {
		next = "There is more: call again with the cursor " + cursor
	}
	return &engine.ToolResult{
		Text:       strings.Join(append(p.lines, next), "\n"),
		Structured: happened{Changes: p.changes, Cursor: cursor, More: more},
	}
}

// line is a change in words. Texts of members are quoted.
func (c *listedChange) line() string {
	through := c.Via
	if c.Client != "" {
		through = quote(c.Client, maxQuoted) + " (" + c.Via + ")"
	}
	id := c.OkrID
	if c.KeyResultID != "" {
		id = c.KeyResultID
	}
	line := fmt.Sprintf("%s %s through %s: %s %s %s", c.Time, quote(c.Who, maxQuoted), through, c.Kind, id, quote(c.Title, maxQuoted))
	for i, f := range c.Changed {
		mark := ", "
		if i == 0 {
			mark = ": "
		}
		line += fmt.Sprintf("%s%s %s → %s", mark, f.Field, quote(f.Before, maxQuoted), quote(f.After, maxQuoted))
	}
	if c.ProposedBy != "" {
		line += ", proposed by " + quote(c.ProposedBy, maxQuoted)
	}
	if c.Note != "" {
		line += ". Note: " + quote(c.Note, maxListed)
	}
	return line
}
