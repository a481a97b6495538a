package mcp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// planned says whether there is a plan, and lets something happen to it.
func (f *fakeStore) planned() bool {
	f.mu.Lock()
	asking := f.asking
	f.mu.Unlock()
	if asking != nil {
		asking()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plan != nil
}

// listObjectives answers a page of the plan. As okr-store does, it names positions by ids, and gives a page fewer than it
// was asked for now and then.
func (f *fakeStore) listObjectives(r *okrv1.ListObjectivesRequest) *okrv1.ListObjectivesResponse {
	f.mu.Lock()
	defer f.mu.Unlock()
	page, tokens, next := pageOf(f.plan, (*okrv1.Objective).GetId, r)
	return &okrv1.ListObjectivesResponse{Objectives: page, PageTokens: tokens, NextPageToken: next}
}

func (f *fakeStore) ListKeyResults(_ context.Context, r *okrv1.ListKeyResultsRequest) (*okrv1.ListKeyResultsResponse, error) {
	f.planned()
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*okrv1.KeyResult
	for _, o := range f.plan {
		if r.GetObjectiveId() == "" || r.GetObjectiveId() == o.GetId() {
			all = append(all, o.GetKeyResults()...)
		}
	}
	page, tokens, next := pageOf(all, (*okrv1.KeyResult).GetId, r)
	return &okrv1.ListKeyResultsResponse{KeyResults: page, PageTokens: tokens, NextPageToken: next}, nil
}

// pageOf cuts a page out of a list in the order of its ids. A position is the id before it.
func pageOf[T any](all []T, id func(T) string, r interface {
	GetPageSize() int32
	GetPageToken() string
},
) (page []T, tokens []string, next string) {
	for _, one := range all {
		if id(one) <= r.GetPageToken() {
			continue
		}
		if len(page) == int(r.GetPageSize()) {
			return page, tokens, tokens[len(tokens)-1]
		}
		page, tokens = append(page, one), append(tokens, id(one))
	}
	return page, tokens, ""
}

// objectiveOf makes an objective whose id is its number, with so many key results.
func objectiveOf(number int, title string, keyResults []string) *okrv1.Objective {
	o := &okrv1.Objective{
		Id: fmt.Sprintf("okr_%013d", number), Title: title, Progress: proto.Int32(40), State: okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE,
	}
	for i, title := range keyResults {
		o.KeyResults = append(o.KeyResults, &okrv1.KeyResult{
			Id: fmt.Sprintf("kr_%08d%05d", number, i), ObjectiveId: o.GetId(), Title: title, Attainment: proto.Int32(40),
		})
	}
	return o
}

// usual is an objective as most are.
func usual(number int) *okrv1.Objective {
	return objectiveOf(number, "An objective with a text of a usual length", slices.Repeat([]string{"A key result that says how one will know"}, 4))
}

// listing reads a list from the first page to the last and answers what is in it: ids of objectives, and of key results
// under them.
func (w *world) listing(t *testing.T) (objectives, keyResults []string, pages int) {
	t.Helper()
	arguments := "{}"
	for arguments != "" {
		r := w.call("all", "listObjectives", arguments)
		page := structured[struct {
			Objectives []struct {
				OkrID      string
				KeyResults []struct{ KeyResultID string }
			}
			NextCursor string
		}](t, r)
		if size := count(t, r.text(), string(r.Result.StructuredContent)); size > 2000 {
			t.Errorf("page %d takes %d tokens", pages, size)
		}
		for _, o := range page.Objectives {
			if len(objectives) == 0 || objectives[len(objectives)-1] != o.OkrID { // it may go on
				objectives = append(objectives, o.OkrID)
			}
			for _, k := range o.KeyResults {
				keyResults = append(keyResults, k.KeyResultID)
			}
		}
		pages++
		arguments = ""
		if page.NextCursor != "" {
			arguments = `{"cursor":"` + page.NextCursor + `"}`
		}
	}
	return objectives, keyResults, pages
}

// planOf makes a plan of objectives.
func planOf(objectives int, objective func(number int) *okrv1.Objective) []*okrv1.Objective {
	var plan []*okrv1.Objective
	for i := range objectives {
		plan = append(plan, objective(i))
	}
	return plan
}

// ids are those of a plan.
func ids(plan []*okrv1.Objective) (objectives, keyResults []string) {
	for _, o := range plan {
		objectives = append(objectives, o.GetId())
		for _, k := range o.GetKeyResults() {
			keyResults = append(keyResults, k.GetId())
		}
	}
	return objectives, keyResults
}

func TestAPageOfTheUsualSizeIsOneQuestionToTheStore(t *testing.T) {
	for name, test := range map[string]struct {
		plan      []*okrv1.Objective
		questions func(pages int) int
	}{
		"usual objectives": {
			planOf(100, usual),
			func(pages int) int { return pages },
		},
		"small ones, of which more fit than are asked for at first": {
			planOf(100, func(i int) *okrv1.Objective { return objectiveOf(i, "Grow", nil) }),
			func(pages int) int { return 2 * pages },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			questions := 0
			w.store.change(func(f *fakeStore) {
				f.plan = test.plan
				f.asking = func() { f.change(func(*fakeStore) { questions++ }) }
			})
			objectives, keyResults, pages := w.listing(t)
			wantObjectives, wantKeyResults := ids(test.plan)
			if !slices.Equal(objectives, wantObjectives) || !slices.Equal(keyResults, wantKeyResults) {
				t.Errorf("it reads %v", objectives)
			}
			if most := test.questions(pages); questions > most || pages > 30 {
				t.Errorf("%d pages took %d questions to the store, want at most %d", pages, questions, most)
			}
		})
	}
}

// Whatever sizes objectives have, and whatever is added, deleted and rewritten while they are read: what is there all the
// time is read once, and nothing is read twice.
func TestAListIsReadOnceWhileItChanges(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := start(t)
			random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test that can be repeated
			title := func() string { return strings.Repeat("A plan 🚀 ", random.IntN(1+random.IntN(55))) + "." }
			objective := func(number int) *okrv1.Objective {
				var keyResults []string
				for range random.IntN(1 + random.IntN(1+random.IntN(90))) {
					keyResults = append(keyResults, title())
				}
				return objectiveOf(number, title(), keyResults)
			}
			plan := planOf(40, objective)
			added := len(plan)
			w.store.change(func(f *fakeStore) {
				f.plan = slices.Clone(plan)
				f.asking = func() {
					f.change(func(f *fakeStore) {
						now := slices.Clone(f.plan) // a list that is being answered stays as it is
						if added < 60 {             // the newest stand last
							now = append(now, objective(added))
							added++
						}
						i := random.IntN(len(now))
						again := proto.CloneOf(now[i])
						again.Title = title()
						now[i] = again
						if i := random.IntN(len(now)); random.IntN(2) == 0 {
							now = slices.Delete(now, i, i+1)
						}
						f.plan = now
					})
				}
			})
			objectives, keyResults, pages := w.listing(t)
			for name, got := range map[string][]string{"objectives": objectives, "key results": keyResults} {
				if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
					t.Errorf("%s are read twice, or not in order: %v", name, got)
				}
			}
			w.store.change(func(f *fakeStore) { f.asking = nil })
			for _, o := range w.store.plan {
				if o.GetId() > plan[len(plan)-1].GetId() {
					break // perhaps added when the end had been read
				}
				if !slices.Contains(objectives, o.GetId()) {
					t.Errorf("%s was there all the time and is not read", o.GetId())
				}
				for _, k := range o.GetKeyResults() {
					if !slices.Contains(keyResults, k.GetId()) {
						t.Errorf("%s was there all the time and is not read", k.GetId())
					}
				}
			}
			if pages < 5 {
				t.Errorf("all of it in %d pages", pages)
			}
		})
	}
}
