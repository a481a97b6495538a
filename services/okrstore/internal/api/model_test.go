package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// model is what the service should hold, as simply as it can be said. It never sees an etag's making, a key or a page.
type model struct {
	objectives map[string]modelObjective // by id
	keyResults map[string]modelKeyResult // by id
	changes    int
	gone       []string // ids of what was deleted
}

type modelObjective struct {
	title, parent string
	state         okrv1.ObjectiveState
	score         string // stays while it is archived
}

type modelKeyResult struct {
	objective, title string
	value            int    // of a percentage from 0 to 100
	said             string // what the check-ins said, oldest first, as the letters a to z for the values
	milestone        bool
}

// attainment follows from the value, which may be beyond both ends.
func (k modelKeyResult) attainment() int { return min(max(k.value, 0), 100) }

func (m *model) progress(objective string) *int32 {
	sum, n, done := 0, 0, true
	for _, k := range m.keyResults {
		if k.objective == objective {
			sum, n, done = sum+k.attainment(), n+1, done && k.attainment() == 100
		}
	}
	if n == 0 {
		return nil
	}
	p := int32(float64(sum)/float64(n) + 0.5)
	if p == 100 && !done {
		p = 99
	}
	return &p
}

// above are an objective and those above it, as far as they exist.
func (m *model) above(id string) []string {
	var chain []string
	for o, known := m.objectives[id]; known; o, known = m.objectives[id] {
		chain, id = append(chain, id), o.parent
	}
	return chain
}

// highest is the greatest number of objectives that stand above each other.
func (m *model) highest() int {
	highest := 0
	for id := range m.objectives {
		highest = max(highest, len(m.above(id)))
	}
	return highest
}

// archived reports whether nothing of an objective may change.
func (m *model) archived(objective string) bool {
	return m.objectives[objective].state == okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED
}

// machine runs random operations on the service and on the model.
type machine struct {
	server *Server
	clock  *clock
	ctx    context.Context
	model  model
}

func (m *machine) Check(t *rapid.T) {
	var objectives []string
	var keyResults int
	size := rapid.Int32Range(1, 5).Draw(t, "page size")
	eachPage(t, func(token string) string {
		page, err := m.server.ListObjectives(m.ctx, &okrv1.ListObjectivesRequest{PageSize: size, PageToken: token, States: everyState()})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.GetObjectives() {
			objectives = append(objectives, o.GetId())
			keyResults += len(o.GetKeyResults())
			m.compare(t, o)
		}
		return page.GetNextPageToken()
	})
	if want := slices.Sorted(maps.Keys(m.model.objectives)); !slices.Equal(objectives, want) {
		t.Fatalf("listed %v, want %v", objectives, want)
	}
	if keyResults != len(m.model.keyResults) {
		t.Fatalf("%d key results, want %d", keyResults, len(m.model.keyResults))
	}
	var listed int
	eachPage(t, func(token string) string {
		page, err := m.server.ListKeyResults(m.ctx, &okrv1.ListKeyResultsRequest{PageSize: size, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		listed += len(page.GetKeyResults())
		return page.GetNextPageToken()
	})
	open := 0
	for _, k := range m.model.keyResults {
		if !m.model.archived(k.objective) {
			open++
		}
	}
	if listed != open {
		t.Fatalf("%d key results are listed across objectives, want %d", listed, open)
	}
	last, err := m.server.ListChanges(m.ctx, &okrv1.ListChangesRequest{OrderBy: newestFirst, PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	var seq int64
	if len(last.GetChanges()) > 0 {
		seq = last.GetChanges()[0].GetSeq()
	}
	if seq != int64(m.model.changes) {
		t.Fatalf("%d changes, want %d", seq, m.model.changes)
	}
}

func (m *machine) compare(t *rapid.T, o *okrv1.Objective) {
	if got, want := (modelObjective{o.GetTitle(), o.GetParentId(), o.GetState(), o.GetScore()}), m.model.objectives[o.GetId()]; got != want {
		t.Fatalf("the objective is %v, want %v", got, want)
	}
	if want := m.model.progress(o.GetId()); (want == nil) != (o.Progress == nil) || want != nil && *want != o.GetProgress() {
		t.Fatalf("the progress of %v is not what the model has, %v", o, want)
	}
	for _, k := range o.GetKeyResults() {
		want := m.model.keyResults[k.GetId()]
		got := modelKeyResult{
			objective: k.GetObjectiveId(), title: k.GetTitle(), said: m.said(t, k),
			milestone: k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE,
		}
		var err error
		if got.value, err = strconv.Atoi(k.GetCurrentValue()); err != nil {
			t.Fatalf("the value is %q", k.GetCurrentValue())
		}
		if got != want || k.GetObjectiveId() != o.GetId() || int(k.GetAttainment()) != want.attainment() {
			t.Fatalf("the key result is %v at %d%%, want %v", got, k.GetAttainment(), want)
		}
		one, err := m.server.GetKeyResult(m.ctx, &okrv1.GetKeyResultRequest{KeyResultId: k.GetId()})
		if err != nil || !proto.Equal(one, k) {
			t.Fatalf("alone the key result is %v, %v, in its objective %v", one, err, k)
		}
	}
}

func everyState() []okrv1.ObjectiveState {
	return []okrv1.ObjectiveState{
		okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE, okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED,
		okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED,
	}
}

// letter stands for a value that was checked in.
func letter(value int) string { return string(rune('a' + (value+10)%26)) }

// said is what a key result's check-ins said, read in pages and in a random order.
func (m *machine) said(t *rapid.T, k *okrv1.KeyResult) string {
	oldestFirst := rapid.Bool().Draw(t, "oldest first")
	req := &okrv1.ListCheckInsRequest{KeyResultId: k.GetId(), PageSize: 3}
	if oldestFirst {
		req.OrderBy = oldestCheckInsFirst
	}
	said, n := "", int32(0)
	eachPage(t, func(token string) string {
		req.PageToken = token
		page, err := m.server.ListCheckIns(m.ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.GetCheckIns() {
			value, err := strconv.Atoi(c.GetValue())
			if err != nil {
				t.Fatal(err)
			}
			n++
			if oldestFirst {
				said += letter(value)
			} else {
				said = letter(value) + said
			}
		}
		return page.GetNextPageToken()
	})
	if n != k.GetCheckInCount() {
		t.Fatalf("%d check-ins are listed, and %d counted", n, k.GetCheckInCount())
	}
	return said
}

func (m *machine) objective(t *rapid.T) string {
	ids := slices.Sorted(maps.Keys(m.model.objectives))
	return rapid.SampledFrom(append(append(ids, unknownObjective), m.model.gone...)).Draw(t, "objective")
}

func (m *machine) keyResult(t *rapid.T) string {
	ids := slices.Sorted(maps.Keys(m.model.keyResults))
	return rapid.SampledFrom(append(append(ids, unknownKeyResult), m.model.gone...)).Draw(t, "key result")
}

// outcome compares the error of a call with the reason that the model has for one, which is empty where the call has to
// succeed, and reports whether it did.
func (m *machine) outcome(t *rapid.T, err error, reason string) bool {
	switch got := rpcerr.ReasonName(rpcerr.ReasonOf(err)); {
	case reason == "" && err != nil:
		t.Fatalf("the call failed: %v", err)
	case reason != "" && got != reason:
		t.Fatalf("got %v, want %s", err, reason)
	}
	return reason == ""
}

// whyNotObjective is the reason not to change an objective.
func (m *machine) whyNotObjective(id string) string {
	if _, known := m.model.objectives[id]; !known {
		return "OBJECTIVE_NOT_FOUND"
	}
	if m.model.archived(id) {
		return "OBJECTIVE_STATE_CONFLICT"
	}
	return ""
}

// whyNotKeyResult is the reason not to change a key result.
func (m *machine) whyNotKeyResult(id string) string {
	k, known := m.model.keyResults[id]
	if !known {
		return "KEY_RESULT_NOT_FOUND"
	}
	if m.model.archived(k.objective) {
		return "OBJECTIVE_STATE_CONFLICT"
	}
	return ""
}

func title() *rapid.Generator[string] { return rapid.StringMatching(`[a-c]{1,2}`) }

func (m *machine) CreateObjective(t *rapid.T) {
	parent := ""
	if rapid.Bool().Draw(t, "below another") {
		parent = m.objective(t)
	}
	o, err := m.server.CreateObjective(m.ctx, &okrv1.CreateObjectiveRequest{
		Objective: &okrv1.Objective{Title: title().Draw(t, "title"), ParentId: parent},
	})
	reason := ""
	if above := len(m.model.above(parent)); parent != "" && (above == 0 || above >= okr.MaxLevels) {
		reason = "PARENT_INVALID"
	}
	if m.outcome(t, err, reason) {
		m.model.objectives[o.GetId()] = modelObjective{o.GetTitle(), parent, okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE, ""}
		m.model.changes++
	}
}

func (m *machine) UpdateObjective(t *rapid.T) {
	id, to := m.objective(t), title().Draw(t, "title")
	_, err := m.server.UpdateObjective(m.ctx, &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: id, Title: to}})
	if o := m.model.objectives[id]; m.outcome(t, err, m.whyNotObjective(id)) && o.title != to {
		o.title = to
		m.model.objectives[id] = o
		m.model.changes++
	}
}

func (m *machine) MoveObjective(t *rapid.T) {
	id, to := m.objective(t), ""
	if rapid.IntRange(0, 3).Draw(t, "where") > 0 {
		to = m.objective(t)
	}
	_, err := m.server.UpdateObjective(m.ctx, &okrv1.UpdateObjectiveRequest{
		Objective: &okrv1.Objective{Id: id, ParentId: to}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"parent_id"}},
	})
	reason := m.whyNotObjective(id)
	o := m.model.objectives[id]
	moved := o
	moved.parent = to
	if reason == "" && o != moved && to != "" {
		above := m.model.above(to)
		if len(above) == 0 || slices.Contains(above, id) {
			reason = "PARENT_INVALID"
		} else {
			m.model.objectives[id] = moved
			if m.model.highest() > okr.MaxLevels {
				reason = "PARENT_INVALID"
			}
			m.model.objectives[id] = o
		}
	}
	if m.outcome(t, err, reason) && o != moved {
		m.model.objectives[id] = moved
		m.model.changes++
	}
}

func (m *machine) ChangeState(t *rapid.T) {
	const (
		active   = okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE
		closed   = okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED
		archived = okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED
	)
	id := m.objective(t)
	from := m.model.objectives[id]
	to, reason := from, m.whyNotObjective(id)
	var err error
	switch step := rapid.SampledFrom([]string{"close", "reopen", "archive", "restore"}).Draw(t, "step"); step {
	case "close":
		to.state, to.score = closed, rapid.SampledFrom([]string{"0", "0.7", "1"}).Draw(t, "score")
		_, err = m.server.CloseObjective(m.ctx, &okrv1.CloseObjectiveRequest{ObjectiveId: id, Score: to.score})
	case "reopen":
		to.state, to.score = active, ""
		_, err = m.server.ReopenObjective(m.ctx, &okrv1.ReopenObjectiveRequest{ObjectiveId: id})
	default:
		if reason == "OBJECTIVE_STATE_CONFLICT" {
			reason = ""
		}
		if step == "archive" {
			to.state = archived
			_, err = m.server.ArchiveObjective(m.ctx, &okrv1.ArchiveObjectiveRequest{ObjectiveId: id})
			break
		}
		if to.state == archived && to.score != "" {
			to.state = closed
		} else if to.state == archived {
			to.state = active
		}
		_, err = m.server.RestoreObjective(m.ctx, &okrv1.RestoreObjectiveRequest{ObjectiveId: id})
	}
	if m.outcome(t, err, reason) && from != to {
		m.model.objectives[id] = to
		m.model.changes++
	}
}

func (m *machine) DeleteObjective(t *rapid.T) {
	id := m.objective(t)
	_, err := m.server.DeleteObjective(m.ctx, &okrv1.DeleteObjectiveRequest{ObjectiveId: id})
	reason := ""
	if _, known := m.model.objectives[id]; !known {
		reason = "OBJECTIVE_NOT_FOUND"
	}
	if !m.outcome(t, err, reason) {
		return
	}
	delete(m.model.objectives, id)
	m.model.gone = append(m.model.gone, id)
	for k, result := range m.model.keyResults {
		if result.objective == id {
			delete(m.model.keyResults, k)
			m.model.gone = append(m.model.gone, k)
		}
	}
	slices.Sort(m.model.gone) // maps have no order, and a run must be repeatable
	m.model.changes++
}

func (m *machine) CreateKeyResult(t *rapid.T) {
	parent, given := m.objective(t), &okrv1.KeyResult{Title: title().Draw(t, "title")}
	milestone := rapid.IntRange(0, 3).Draw(t, "kind") == 0
	if milestone {
		given.Kind = okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE
	}
	k, err := m.server.CreateKeyResult(m.ctx, &okrv1.CreateKeyResultRequest{ObjectiveId: parent, KeyResult: given})
	if m.outcome(t, err, m.whyNotObjective(parent)) {
		m.model.keyResults[k.GetId()] = modelKeyResult{objective: parent, title: k.GetTitle(), milestone: milestone}
		m.model.changes++
	}
}

func (m *machine) UpdateKeyResult(t *rapid.T) {
	id, to := m.keyResult(t), title().Draw(t, "title")
	_, err := m.server.UpdateKeyResult(m.ctx, &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: id, Title: to}})
	if k := m.model.keyResults[id]; m.outcome(t, err, m.whyNotKeyResult(id)) && k.title != to {
		k.title = to
		m.model.keyResults[id] = k
		m.model.changes++
	}
}

func (m *machine) SetAttainment(t *rapid.T) {
	id, to := m.keyResult(t), rapid.IntRange(0, 100).Draw(t, "attainment")
	_, err := m.server.SetKeyResultAttainment(m.ctx, &okrv1.SetKeyResultAttainmentRequest{KeyResultId: id, Attainment: new(int32(to))})
	k, reason := m.model.keyResults[id], m.whyNotKeyResult(id)
	if reason == "" && k.milestone {
		reason = "ATTAINMENT_NOT_SETTABLE"
	}
	if m.outcome(t, err, reason) && k.attainment() != to {
		k.value, k.said = to, k.said+letter(to)
		m.model.keyResults[id] = k
		m.model.changes++
	}
}

func (m *machine) CheckIn(t *rapid.T) {
	id, value := m.keyResult(t), rapid.IntRange(-10, 110).Draw(t, "value")
	if rapid.Bool().Draw(t, "at an end") {
		value = rapid.SampledFrom([]int{0, 100}).Draw(t, "end")
	}
	given := &okrv1.CheckIn{Value: strconv.Itoa(value)}
	k, reason := m.model.keyResults[id], m.whyNotKeyResult(id)
	if rapid.IntRange(0, 3).Draw(t, "what is said") == 0 {
		given, value = &okrv1.CheckIn{Note: "As before"}, k.value
	}
	_, err := m.server.CreateCheckIn(m.ctx, &okrv1.CreateCheckInRequest{KeyResultId: id, CheckIn: given})
	if reason == "" && k.milestone && value != 0 && value != 100 {
		reason = "FIELD_INVALID"
	}
	if m.outcome(t, err, reason) {
		k.value, k.said = value, k.said+letter(value)
		m.model.keyResults[id] = k
		m.model.changes++
	}
}

func (m *machine) DeleteKeyResult(t *rapid.T) {
	id := m.keyResult(t)
	_, err := m.server.DeleteKeyResult(m.ctx, &okrv1.DeleteKeyResultRequest{KeyResultId: id})
	if m.outcome(t, err, m.whyNotKeyResult(id)) {
		delete(m.model.keyResults, id)
		m.model.gone = append(m.model.gone, id)
		m.model.changes++
	}
}

func (m *machine) Repeat(t *rapid.T) {
	id := fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "request id"))
	req := &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "request " + id}, RequestId: id}
	o, err := m.server.CreateObjective(m.ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.server.CreateObjective(m.ctx, req)
	if err != nil || !proto.Equal(o, again) {
		t.Fatalf("repeated: %v, %v, first %v", again, err, o)
	}
	if _, known := m.model.objectives[o.GetId()]; !known && !slices.Contains(m.model.gone, o.GetId()) {
		m.model.objectives[o.GetId()] = modelObjective{title: o.GetTitle(), state: okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE}
		m.model.changes++
	}
}

func (m *machine) Wait(t *rapid.T) {
	m.clock.advance(time.Duration(rapid.IntRange(-1, 90).Draw(t, "minutes")) * time.Minute)
}

func TestTheServiceBehavesLikeItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		server, clock := newServer(t, newEngine(t), time.Minute)
		m := &machine{
			server: server,
			clock:  clock,
			ctx:    directly(t.Context(), callers()[ceo]),
			model:  model{objectives: map[string]modelObjective{}, keyResults: map[string]modelKeyResult{}},
		}
		rt.Repeat(rapid.StateMachineActions(m))
	})
}
