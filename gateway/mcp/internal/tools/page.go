package tools

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// listed is what listObjectives answers.
type listed struct {
	Objectives []listedObjective `json:"objectives"`
	NextCursor string            `json:"nextCursor,omitempty"`
}

type listedObjective struct {
	OkrID         string            `json:"okrID"`
	ObjectiveText string            `json:"objectiveText,omitempty"`
	Progress      *int32            `json:"progress,omitempty"`
	KeyResults    []listedKeyResult `json:"keyResults"`
}

type listedKeyResult struct {
	KeyResultID   string `json:"keyResultID"`
	KeyResultText string `json:"keyResultText"`
	Attainment    int32  `json:"attainment"`
}

// reserve is what the rest of a page takes: its frame, the cursor twice, the sentence around the list.
const reserve = 150

// maxListed is how many characters of a text the list in words shows. The structured list has the whole.
const maxListed = 200

// page is a page of listObjectives that is being filled: the structured list, the same in words, and what they cost.
type page struct {
	objectives []listedObjective
	lines      []string
	cost       int
}

// mark is a state of a page to go back to.
type mark struct {
	objectives, keyResults, lines, cost int
}

func newPage() *page { return &page{} }

func (p *page) reset() { *p = page{} }

func (p *page) mark() mark {
	m := mark{objectives: len(p.objectives), lines: len(p.lines), cost: p.cost}
	if m.objectives > 0 {
		m.keyResults = len(p.objectives[m.objectives-1].KeyResults)
	}
	return m
}

func (p *page) rewind(m mark) {
	p.objectives, p.lines, p.cost = p.objectives[:m.objectives], p.lines[:m.lines], m.cost
	if m.objectives > 0 {
		last := &p.objectives[m.objectives-1]
		last.KeyResults = last.KeyResults[:m.keyResults]
	}
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

// addHeading adds an objective without its key results.
func (p *page) addHeading(o *okrv1.Objective) {
	entry := listedObjective{
		OkrID: o.GetId(), ObjectiveText: o.GetTitle(), Progress: o.Progress, KeyResults: []listedKeyResult{},
	}
	line := o.GetId() + " " + quote(o.GetTitle(), maxListed)
	if o.Progress != nil {
		line += fmt.Sprintf(" %d%%", o.GetProgress())
	}
	p.open(entry, line)
}

func (p *page) open(entry listedObjective, line string) {
	p.objectives = append(p.objectives, entry)
	p.lines = append(p.lines, line)
	p.cost += cost(entry, line)
}

// addKeyResult adds a key result if it fits, or if it is the first on the page.
func (p *page) addKeyResult(k *okrv1.KeyResult) bool {
	before := p.mark()
	p.forceKeyResult(k)
	if p.cost > maxPage-reserve && before.cost > 0 {
		p.rewind(before)
		return false
	}
	return true
}

// forceKeyResult adds a key result to its objective, which is the last one or not on the page yet.
func (p *page) forceKeyResult(k *okrv1.KeyResult) {
	if len(p.objectives) == 0 || p.objectives[len(p.objectives)-1].OkrID != k.GetObjectiveId() {
		p.open(listedObjective{OkrID: k.GetObjectiveId(), KeyResults: []listedKeyResult{}}, k.GetObjectiveId())
	}
	last := &p.objectives[len(p.objectives)-1]
	entry := listedKeyResult{KeyResultID: k.GetId(), KeyResultText: k.GetTitle(), Attainment: k.GetAttainment()}
	line := fmt.Sprintf("- %s %d%% %s", k.GetId(), k.GetAttainment(), quote(k.GetTitle(), maxListed))
	last.KeyResults = append(last.KeyResults, entry)
	p.lines = append(p.lines, line)
	p.cost += cost(entry, line)
}

// cost is what an entry and its line take, with the marks around them.
func cost(entry any, line string) int {
	text, err := json.Marshal(entry)
	if err != nil { // plain structures always encode
		return maxPage
	}
	return tokens(string(text)) + 1 + tokens(line) + 1
}

func (p *page) result(next cursor) *engine.ToolResult {
	list := listed{Objectives: slices.Clone(p.objectives), NextCursor: next.String()}
	if list.Objectives == nil {
		list.Objectives = []listedObjective{}
	}
	var text strings.Builder
	switch {
	case len(p.objectives) == 0 && list.NextCursor == "":
		text.WriteString("There are no objectives to show.")
	case len(p.objectives) == 0:
		text.WriteString("This page is empty.")
	default:
		text.WriteString(strings.Join(p.lines, "\n"))
	}
	if list.NextCursor != "" {
		text.WriteString("\nThere is more: call again with the cursor " + list.NextCursor)
	}
	return &engine.ToolResult{Text: text.String(), Structured: list}
}
