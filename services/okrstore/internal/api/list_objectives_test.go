package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

const (
	active   = okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE
	closed   = okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED
	archived = okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED
)

// listed asks for every page and returns the titles of what is listed, as one text.
func (f *fixture) listed(caller string, req *okrv1.ListObjectivesRequest) string {
	f.t.Helper()
	var titles []string
	req = proto.CloneOf(req)
	eachPage(f.t, func(token string) string {
		req.PageToken = token
		page := must(f.ListObjectives(f.as(caller), req))(f.t)
		for _, o := range page.GetObjectives() {
			titles = append(titles, o.GetTitle())
		}
		return page.GetNextPageToken()
	})
	return strings.Join(titles, " ")
}

func TestListObjectivesByWhatIsAskedFor(t *testing.T) {
	f := newFixture(t)
	const me = "member-ceo-acme"
	create := func(o *okrv1.Objective, results ...*okrv1.KeyResult) *okrv1.Objective {
		f.clock.advance(time.Minute)
		created := must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: o}))(t)
		for _, k := range results {
			must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{ObjectiveId: created.GetId(), KeyResult: k}))(t)
		}
		return created
	}
	top := create(&okrv1.Objective{Title: "A", Cycle: "2026-Q3", OwnerId: me, Description: "Wachsen im GROẞEN"})
	create(&okrv1.Objective{Title: "B", Cycle: "2026-Q3", ParentId: top.GetId()}, &okrv1.KeyResult{Title: "Umsatz ὈΔΥΣΣΕΎΣ", OwnerId: me})
	done := create(&okrv1.Objective{Title: "C", Cycle: "2026", OwnerId: "other", ParentId: top.GetId()}, &okrv1.KeyResult{Title: "Umsatz"})
	must(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: done.GetId(), Score: "1"}))(t)
	away := create(&okrv1.Objective{Title: "D", OwnerId: me, ParentId: top.GetId()})
	must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: away.GetId()}))(t)
	states := func(s ...okrv1.ObjectiveState) *okrv1.ListObjectivesRequest {
		return &okrv1.ListObjectivesRequest{States: s}
	}

	for name, test := range map[string]struct {
		req    *okrv1.ListObjectivesRequest
		caller string
		want   string
	}{
		"nothing: without those that are archived": {req: &okrv1.ListObjectivesRequest{}, want: "A B C"},
		"newest first":                                {req: &okrv1.ListObjectivesRequest{OrderBy: "create_time desc"}, want: "C B A"},
		"the default order by name":                   {req: &okrv1.ListObjectivesRequest{OrderBy: "create_time"}, want: "A B C"},
		"a cycle":                                     {req: &okrv1.ListObjectivesRequest{Cycle: "2026-Q3"}, want: "A B"},
		"a year: not its quarters":                    {req: &okrv1.ListObjectivesRequest{Cycle: "2026"}, want: "C"},
		"an owner: also of a key result":              {req: &okrv1.ListObjectivesRequest{OwnerId: me}, want: "A B"},
		"me":                                          {req: &okrv1.ListObjectivesRequest{OwnerId: "me"}, want: "A B"},
		"me, newest first":                            {req: &okrv1.ListObjectivesRequest{OwnerId: "me", OrderBy: "create_time desc"}, want: "B A"},
		"me, who is somebody else":                    {req: &okrv1.ListObjectivesRequest{OwnerId: "me"}, caller: employee},
		"the active ones":                             {req: states(active), want: "A B"},
		"the archived ones":                           {req: states(archived), want: "D"},
		"closed and archived ones":                    {req: states(closed, archived), want: "C D"},
		"the state that is none: all but archived":    {req: states(0), want: "A B C"},
		"a parent":                                    {req: &okrv1.ListObjectivesRequest{ParentId: top.GetId()}, want: "B C"},
		"a parent and an owner and all states":        {req: &okrv1.ListObjectivesRequest{ParentId: top.GetId(), OwnerId: me, States: []okrv1.ObjectiveState{active, closed, archived}}, want: "B D"},
		"a parent that is none":                       {req: &okrv1.ListObjectivesRequest{ParentId: unknownObjective}},
		"a word of a key result, in capitals":         {req: &okrv1.ListObjectivesRequest{Text: "UMSATZ"}, want: "B C"},
		"two words in different places":               {req: &okrv1.ListObjectivesRequest{Text: " b\tumsatz "}, want: "B"},
		"a part of a word of the description":         {req: &okrv1.ListObjectivesRequest{Text: "großen"}, want: "A"},
		"another small form of a letter":              {req: &okrv1.ListObjectivesRequest{Text: "ὀδυσσεύς"}, want: "B"},
		"a word that is nowhere":                      {req: &okrv1.ListObjectivesRequest{Text: "umsatz nirgends"}},
		"a key result's word, without its permission": {req: &okrv1.ListObjectivesRequest{Text: "umsatz"}, caller: objectivesAgent},
		"an owner, without the key results":           {req: &okrv1.ListObjectivesRequest{OwnerId: me}, caller: objectivesAgent, want: "A"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int32{0, 1, 2} {
				test.req.PageSize = size
				caller := test.caller
				if caller == "" {
					caller = ceo
				}
				if got := f.listed(caller, test.req); got != test.want {
					t.Errorf("in pages of %d: %q, want %q", size, got, test.want)
				}
			}
		})
	}
	t.Run("what the contract does not allow", func(t *testing.T) {
		for _, req := range []*okrv1.ListObjectivesRequest{
			{Cycle: "2026-Q5"}, {OwnerId: "a/b"}, {States: []okrv1.ObjectiveState{9}}, {OrderBy: "title"}, {Text: strings.Repeat("x", 201)},
		} {
			_, err := f.ListObjectives(f.as(ceo), req)
			wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
		}
	})
	t.Run("a token belongs to its conditions and to who me is", func(t *testing.T) {
		mine := &okrv1.ListObjectivesRequest{OwnerId: "me", PageSize: 1}
		token := must(f.ListObjectives(f.as(ceo), mine))(t).GetNextPageToken()
		for name, use := range map[string]struct {
			caller string
			req    *okrv1.ListObjectivesRequest
		}{
			"another's": {employee, &okrv1.ListObjectivesRequest{OwnerId: "me"}},
			"none":      {ceo, &okrv1.ListObjectivesRequest{}},
			"more":      {ceo, &okrv1.ListObjectivesRequest{OwnerId: "me", Cycle: "2026"}},
			"reversed":  {ceo, &okrv1.ListObjectivesRequest{OwnerId: "me", OrderBy: "create_time desc"}},
		} {
			use.req.PageToken = token
			_, err := f.ListObjectives(f.as(use.caller), use.req)
			t.Run(name, func(t *testing.T) { wantReason(t, err, codes.InvalidArgument, "PAGE_TOKEN_INVALID") })
		}
	})
}

// A page reads as much as it may and no more, whatever it finds.
func TestAListThatMatchesLittleHasShortPagesAndAnEnd(t *testing.T) {
	f := newFixture(t)
	f.server.pageScan = smallScan
	const n = 3 * smallScan / minScanCost
	for i := 0; i < n; i += 40 {
		err := f.engine.Update(t.Context(), acme, func(tx storage.Tx) error {
			for j := i; j < min(i+40, n); j++ {
				o := &okrv1.Objective{Id: fmt.Sprintf("okr_%06d", j), Title: "Hay", State: active, OwnerId: "m"}
				if j == n-1 {
					o.Title = "Needle"
				}
				if err := (records{tx, &f.server.documents}).putObjective(o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, req := range map[string]*okrv1.ListObjectivesRequest{
		"of everything":         {Text: "needle"},
		"of what a member owns": {Text: "needle", OwnerId: "m"},
		"newest first":          {Text: "needle", OrderBy: newestObjectivesFirst},
	} {
		t.Run(name, func(t *testing.T) {
			var found []int
			eachPage(t, func(token string) string {
				req.PageToken = token
				page := must(f.ListObjectives(f.as(ceo), req))(t)
				found = append(found, len(page.GetObjectives()))
				return page.GetNextPageToken()
			})
			if len(found) != 3 && len(found) != 4 || !slices.Contains([]int{found[0], found[len(found)-1], found[len(found)-2]}, 1) {
				t.Errorf("the pages hold %v", found)
			}
		})
	}
}

// Whatever is asked for, in whatever pages: the list is what the plain reading of the conditions selects.
func TestListsHoldWhatTheirConditionsSay(t *testing.T) {
	ids := []string{"", "a", "b"}
	draw := func(t *rapid.T, name string) string { return rapid.SampledFrom(ids).Draw(t, name) }
	rapid.Check(t, func(rt *rapid.T) {
		engine := newEngine(t)
		server, _ := newServer(t, engine, time.Minute)
		var all []*okrv1.Objective
		for i := range rapid.IntRange(0, 12).Draw(rt, "objectives") {
			o := &okrv1.Objective{
				Id: fmt.Sprintf("okr_%02d", i), Title: draw(rt, "title") + "x", OwnerId: draw(rt, "owner"), ParentId: draw(rt, "parent"),
				Cycle: rapid.SampledFrom([]string{"", "2026"}).Draw(rt, "cycle"),
				State: rapid.SampledFrom([]okrv1.ObjectiveState{active, closed, archived}).Draw(rt, "state"),
			}
			for j := range rapid.IntRange(0, 2).Draw(rt, "key results") {
				o.KeyResults = append(o.KeyResults, &okrv1.KeyResult{Id: fmt.Sprint("kr_", i, j), Title: draw(rt, "title"), OwnerId: draw(rt, "owner")})
			}
			all = append(all, o)
			err := engine.Update(t.Context(), acme, func(tx storage.Tx) error {
				if o.GetParentId() != "" {
					if err := tx.Put(childKey(o.GetParentId(), o.GetId()), nil); err != nil {
						return err
					}
				}
				return records{tx, &server.documents}.putObjective(o)
			})
			if err != nil {
				rt.Fatal(err)
			}
		}
		req := &okrv1.ListObjectivesRequest{
			PageSize: rapid.Int32Range(1, 4).Draw(rt, "page size"), OwnerId: draw(rt, "owner"), ParentId: draw(rt, "parent"), Text: draw(rt, "text"),
			Cycle:   rapid.SampledFrom([]string{"", "2026"}).Draw(rt, "cycle"),
			States:  rapid.SliceOfNDistinct(rapid.SampledFrom([]okrv1.ObjectiveState{0, active, closed, archived}), 0, 4, rapid.ID).Draw(rt, "states"),
			OrderBy: rapid.SampledFrom([]string{"", newestObjectivesFirst}).Draw(rt, "order"),
		}
		var want []string
		for _, o := range all {
			owned, text := o.GetOwnerId() == req.GetOwnerId(), o.GetTitle()
			for _, k := range o.GetKeyResults() {
				owned = owned || k.GetOwnerId() == req.GetOwnerId()
				text += " " + k.GetTitle()
			}
			open := o.GetState() != archived
			wanted := slices.Contains(req.GetStates(), o.GetState()) || open && (len(req.GetStates()) == 0 || slices.Contains(req.GetStates(), 0))
			if wanted && (req.GetOwnerId() == "" || owned) && (req.GetParentId() == "" || req.GetParentId() == o.GetParentId()) &&
				(req.GetCycle() == "" || req.GetCycle() == o.GetCycle()) && strings.Contains(text, req.GetText()) {
				want = append(want, o.GetId())
			}
		}
		if req.GetOrderBy() != "" {
			slices.Reverse(want)
		}
		var got []string
		eachPage(rt, func(token string) string {
			req.PageToken = token
			page, err := server.ListObjectives(directly(t.Context(), callers()[ceo]), req)
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, objectiveIDs(page)...)
			return page.GetNextPageToken()
		})
		if !slices.Equal(got, want) {
			rt.Fatalf("listed %v, want %v", got, want)
		}
	})
}
