package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

// model is what the service should hold, as simply as it can be said. It never sees an etag's making, a key or a page.
type model struct {
	objectives map[string]string         // title by id
	keyResults map[string]modelKeyResult // by id
	changes    int
	gone       []string // ids of what was deleted
}

type modelKeyResult struct {
	objective, title string
	attainment       int32
}

func (m *model) progress(objective string) *int32 {
	sum, n, done := 0, 0, true
	for _, k := range m.keyResults {
		if k.objective == objective {
			sum, n, done = sum+int(k.attainment), n+1, done && k.attainment == 100
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
		page, err := m.server.ListObjectives(m.ctx, &okrv1.ListObjectivesRequest{PageSize: size, PageToken: token})
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
	if listed != len(m.model.keyResults) {
		t.Fatalf("%d key results are listed across objectives, want %d", listed, len(m.model.keyResults))
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
	if title := m.model.objectives[o.GetId()]; o.GetTitle() != title {
		t.Fatalf("the title is %q, want %q", o.GetTitle(), title)
	}
	if want := m.model.progress(o.GetId()); (want == nil) != (o.Progress == nil) || want != nil && *want != o.GetProgress() {
		t.Fatalf("the progress of %v is not what the model has, %v", o, want)
	}
	for _, k := range o.GetKeyResults() {
		want := m.model.keyResults[k.GetId()]
		got := modelKeyResult{k.GetObjectiveId(), k.GetTitle(), k.GetAttainment()}
		if got != want || k.GetObjectiveId() != o.GetId() {
			t.Fatalf("the key result is %v, want %v", got, want)
		}
		one, err := m.server.GetKeyResult(m.ctx, &okrv1.GetKeyResultRequest{KeyResultId: k.GetId()})
		if err != nil || !proto.Equal(one, k) {
			t.Fatalf("alone the key result is %v, %v, in its objective %v", one, err, k)
		}
	}
}

func (m *machine) objective(t *rapid.T) string {
	ids := slices.Sorted(maps.Keys(m.model.objectives))
	return rapid.SampledFrom(append(append(ids, unknownObjective), m.model.gone...)).Draw(t, "objective")
}

func (m *machine) keyResult(t *rapid.T) string {
	ids := slices.Sorted(maps.Keys(m.model.keyResults))
	return rapid.SampledFrom(append(append(ids, unknownKeyResult), m.model.gone...)).Draw(t, "key result")
}

// outcome compares the error of a call with whether the model knows the resource.
func (m *machine) outcome(t *rapid.T, err error, known bool, reason string) bool {
	if known && err != nil {
		t.Fatalf("the call failed: %v", err)
	}
	if got := rpcerr.ReasonName(rpcerr.ReasonOf(err)); !known && got != reason {
		t.Fatalf("got %v, want %s", err, reason)
	}
	return known
}

func title() *rapid.Generator[string] { return rapid.StringMatching(`[a-c]{1,2}`) }

func (m *machine) CreateObjective(t *rapid.T) {
	o, err := m.server.CreateObjective(m.ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: title().Draw(t, "title")}})
	m.outcome(t, err, true, "")
	m.model.objectives[o.GetId()] = o.GetTitle()
	m.model.changes++
}

func (m *machine) UpdateObjective(t *rapid.T) {
	id, to := m.objective(t), title().Draw(t, "title")
	_, err := m.server.UpdateObjective(m.ctx, &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: id, Title: to}})
	from, known := m.model.objectives[id]
	if m.outcome(t, err, known, "OBJECTIVE_NOT_FOUND") && from != to {
		m.model.objectives[id] = to
		m.model.changes++
	}
}

func (m *machine) DeleteObjective(t *rapid.T) {
	id := m.objective(t)
	_, err := m.server.DeleteObjective(m.ctx, &okrv1.DeleteObjectiveRequest{ObjectiveId: id})
	_, known := m.model.objectives[id]
	if !m.outcome(t, err, known, "OBJECTIVE_NOT_FOUND") {
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
	parent := m.objective(t)
	k, err := m.server.CreateKeyResult(m.ctx, &okrv1.CreateKeyResultRequest{
		ObjectiveId: parent, KeyResult: &okrv1.KeyResult{Title: title().Draw(t, "title")},
	})
	_, known := m.model.objectives[parent]
	if m.outcome(t, err, known, "OBJECTIVE_NOT_FOUND") {
		m.model.keyResults[k.GetId()] = modelKeyResult{parent, k.GetTitle(), 0}
		m.model.changes++
	}
}

func (m *machine) ChangeKeyResult(t *rapid.T) {
	id := m.keyResult(t)
	from, known := m.model.keyResults[id]
	to := from
	var err error
	if rapid.Bool().Draw(t, "attainment") {
		to.attainment = rapid.Int32Range(0, 100).Draw(t, "attainment")
		_, err = m.server.SetKeyResultAttainment(m.ctx, &okrv1.SetKeyResultAttainmentRequest{KeyResultId: id, Attainment: &to.attainment})
	} else {
		to.title = title().Draw(t, "title")
		_, err = m.server.UpdateKeyResult(m.ctx, &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: id, Title: to.title}})
	}
	if m.outcome(t, err, known, "KEY_RESULT_NOT_FOUND") && from != to {
		m.model.keyResults[id] = to
		m.model.changes++
	}
}

func (m *machine) DeleteKeyResult(t *rapid.T) {
	id := m.keyResult(t)
	_, err := m.server.DeleteKeyResult(m.ctx, &okrv1.DeleteKeyResultRequest{KeyResultId: id})
	_, known := m.model.keyResults[id]
	if m.outcome(t, err, known, "KEY_RESULT_NOT_FOUND") {
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
		m.model.objectives[o.GetId()] = o.GetTitle()
		m.model.changes++
	}
}

func (m *machine) Wait(t *rapid.T) {
	m.clock.advance(time.Duration(rapid.IntRange(-1, 90).Draw(t, "minutes")) * time.Minute)
}

func TestTheServiceBehavesLikeItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		server, clock := newServer(t, memengine.New(), time.Minute)
		m := &machine{
			server: server,
			clock:  clock,
			ctx:    directly(t.Context(), callers()[ceo]),
			model:  model{objectives: map[string]string{}, keyResults: map[string]modelKeyResult{}},
		}
		rt.Repeat(rapid.StateMachineActions(m))
	})
}
