package tools

import (
	"encoding/json"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// reserve is what the rest of a page takes: its frame, the cursor twice, the sentence around the list.
const reserve = 150

// maxListed is how many characters of a text the list in words shows, and maxDescription how many of a longer one. The
// structured list has the whole.
const maxListed, maxDescription = 200, 1000

// page is a page of listObjectives that is being filled: the structured list, the same in words, and what they cost. What
// goes in is written at once, and is cut off again if it turns out not to fit.
type page struct {
	filled
	list writer // the structured list, of which the last objective and all around it are not closed
	text []byte
	// name names a member; empty is what the page says if there is nothing at all.
	name  func(id string) string
	empty string
}

func newPage(name func(id string) string, empty string) *page {
	const structured, words = 3 << 10, 2 << 10 // bytes of a usual page
	p := &page{list: make(writer, 0, structured), text: make([]byte, 0, words), name: name, empty: empty}
	p.list.begin()
	p.list.array("objectives")
	return p
}

// filled is how far a page is filled.
type filled struct {
	objectives int
	last       string // the id of the last objective
	cost       int
}

// mark is a state of a page to go back to.
type mark struct {
	filled
	list, text int
}

func (p *page) mark() mark { return mark{p.filled, len(p.list), len(p.text)} }

func (p *page) rewind(m mark) { p.filled, p.list, p.text = m.filled, p.list[:m.list], p.text[:m.text] }

// room is how many more objectives would fit if they were like those that are there.
func (p *page) room() int {
	if p.objectives == 0 {
		return fetchObjectives
	}
	return (maxPage - reserve - p.cost) * p.objectives / p.cost
}

// addObjective adds an objective with its key results if that fits.
func (p *page) addObjective(o *okrv1.Objective) bool {
	before := p.mark()
	p.addHeading(o)
	for _, k := range o.GetKeyResults() {
		p.forceKeyResult(k)
	}
	if p.cost > maxPage-reserve {
		p.rewind(before)
		return false
	}
	return true
}

// addHeading adds an objective without its key results. What most objectives have in common is left out.
func (p *page) addHeading(o *okrv1.Objective) {
	list, line := p.open(o.GetId())
	p.list.textOrNothing("objectiveText", o.GetTitle())
	p.list.percentOrNothing("progress", o.Progress)
	p.list.percentOrNothing("expectedProgress", o.ExpectedProgress)
	if o.GetState() != okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE {
		p.list.textOrNothing("state", spell(o.GetState()))
	}
	p.list.textOrNothing("score", o.GetScore())
	p.list.textOrNothing("owner", p.name(o.GetOwnerId()))
	p.list.textOrNothing("cycle", o.GetCycle())
	p.text = appendQuoted(append(p.text, ' '), o.GetTitle(), maxListed)
	p.text = appendHeading(p.text, o, p.name)
	p.opened(list, line)
}

// appendHeading appends what a line says of an objective after its title.
func appendHeading(out []byte, o *okrv1.Objective, name func(string) string) []byte {
	before := " "
	say := func(words ...string) {
		out = append(out, before...)
		for _, word := range words {
			out = append(out, word...)
		}
		before = ", "
	}
	if o.Progress != nil {
		say(percentOf(o.Progress))
	}
	if o.ExpectedProgress != nil {
		say("expected today ", percentOf(o.ExpectedProgress))
	}
	switch o.GetState() {
	case okrv1.ObjectiveState_OBJECTIVE_STATE_UNSPECIFIED, okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE:
	default:
		say(spell(o.GetState()))
	}
	if o.GetScore() != "" {
		say("score ", o.GetScore())
	}
	if o.GetCycle() != "" {
		say(o.GetCycle())
	}
	if o.GetOwnerId() != "" {
		say("owner ", quote(name(o.GetOwnerId()), maxQuoted))
	}
	return out
}

// appendKeyResult appends the line of a key result.
func appendKeyResult(out []byte, k *okrv1.KeyResult, name func(string) string) []byte {
	out = append(append(append(out, "- "...), k.GetId()...), ' ')
	out = append(appendQuoted(out, k.GetTitle(), maxListed), ' ')
	out = append(out, measured(k)...)
	if k.ExpectedAttainment != nil {
		out = append(append(out, ", expected today "...), percentOf(k.ExpectedAttainment)...)
	}
	if status := statusOf(k); status != "" {
		out = append(append(out, ", "...), status...)
	}
	if by := reporter(k); by != "" {
		out = appendQuoted(append(out, ", not confirmed, reported by "...), by, maxQuoted)
	}
	if k.GetOwnerId() != "" {
		out = appendQuoted(append(out, ", owner "...), name(k.GetOwnerId()), maxQuoted)
	}
	return out
}

// open begins an objective, and answers where its entry and its line begin.
func (p *page) open(id string) (list, line int) {
	if p.objectives > 0 {
		p.list = append(p.list, "]},"...)
		p.text = append(p.text, '\n')
	}
	p.objectives++
	p.last = id
	list, line = len(p.list), len(p.text)
	p.list.begin()
	p.list.text("okrID", id)
	p.text = append(p.text, id...)
	return list, line
}

// opened ends an objective but for its key results.
func (p *page) opened(list, line int) {
	p.list.array("keyResults")
	p.pay(list, line)
	p.cost += tokens("]}")
}

// pay counts an entry and its line.
func (p *page) pay(list, line int) { p.cost += cost(p.list[list:], p.text[line:]) }

// addKeyResult adds a key result if it fits, or if it is the first on the page. The title is its objective's, if it is
// known and is to be shown.
func (p *page) addKeyResult(k *okrv1.KeyResult, title string) bool {
	before := p.mark()
	if p.last != k.GetObjectiveId() || p.objectives == 0 {
		p.addStub(k.GetObjectiveId(), title)
	}
	p.forceKeyResult(k)
	if p.cost > maxPage-reserve && before.cost > 0 {
		p.rewind(before)
		return false
	}
	return true
}

// addStub adds an objective of which key results follow and little more is known.
func (p *page) addStub(id, title string) {
	list, line := p.open(id)
	p.list.textOrNothing("objectiveText", title)
	if title != "" {
		p.text = appendQuoted(append(p.text, ' '), title, maxListed)
	}
	p.opened(list, line)
}

// forceKeyResult adds a key result to its objective, which is the last one. What most key results have in common is left
// out.
func (p *page) forceKeyResult(k *okrv1.KeyResult) {
	p.list.separate()
	list := len(p.list)
	p.list.begin()
	p.list.text("keyResultID", k.GetId())
	p.list.text("keyResultText", k.GetTitle())
	p.list.number("attainment", k.GetAttainment())
	if isMilestone(k) {
		p.list.yes("milestone")
	} else if !isPercentage(k) {
		p.list.textOrNothing("currentValue", k.GetCurrentValue())
		p.list.textOrNothing("targetValue", k.GetTargetValue())
		p.list.textOrNothing("unit", k.GetUnit())
	}
	p.list.textOrNothing("status", statusOf(k))
	p.list.textOrNothing("owner", p.name(k.GetOwnerId()))
	p.list.textOrNothing("reportedBy", reporter(k))
	p.list.end()
	p.text = append(p.text, '\n')
	line := len(p.text)
	p.text = appendKeyResult(p.text, k, p.name)
	p.pay(list, line)
}

// cost is what an entry and its line take, with the marks around them.
func cost(entry, line []byte) int { return tokens(entry) + 1 + tokens(line) + 1 }

func (p *page) result(next cursor) *engine.ToolResult {
	cursor := next.String()
	list, text := p.list, p.text
	if p.objectives > 0 {
		list = append(list, "]}"...)
	}
	list = append(list, ']')
	list.textOrNothing("nextCursor", cursor)
	list.end()
	switch {
	case p.objectives > 0:
	case cursor == "":
		text = append(text, p.empty...)
	default:
		text = append(text, "This page is empty."...)
	}
	if cursor != "" {
		text = append(append(text, "\nThere is more: call again with the cursor "...), cursor...)
	}
	return &engine.ToolResult{Text: string(text), Structured: json.RawMessage(list)}
}
