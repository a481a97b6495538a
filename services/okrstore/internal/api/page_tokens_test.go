package api

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// pages lists everything page by page and returns the ids of each page.
func pages[R proto.Message](
	t *testing.T, list func(token string) (R, error), next func(R) string, ids func(R) []string,
) [][]string {
	t.Helper()
	var all [][]string
	eachPage(t, func(token string) string {
		page := must(list(token))(t)
		all = append(all, ids(page))
		return next(page)
	})
	return all
}

func (f *fixture) objectivePages(caller string, size int32) [][]string {
	f.t.Helper()
	return pages(f.t, func(token string) (*okrv1.ListObjectivesResponse, error) {
		return f.ListObjectives(f.as(caller), &okrv1.ListObjectivesRequest{PageSize: size, PageToken: token})
	}, (*okrv1.ListObjectivesResponse).GetNextPageToken, objectiveIDs)
}

func objectiveIDs(page *okrv1.ListObjectivesResponse) []string {
	var ids []string
	for _, o := range page.GetObjectives() {
		ids = append(ids, o.GetId())
	}
	return ids
}

func keyResultIDs(page *okrv1.ListKeyResultsResponse) []string {
	var ids []string
	for _, k := range page.GetKeyResults() {
		ids = append(ids, k.GetId())
	}
	return ids
}

func TestPagesOfObjectives(t *testing.T) {
	f := newFixture(t)
	var want []string
	for i := range 7 {
		want = append(want, f.createObjective(fmt.Sprint(i)).GetId())
		f.clock.advance(time.Millisecond)
	}
	tests := map[string]struct {
		size  int32
		pages []int
	}{
		"of one":                             {1, []int{1, 1, 1, 1, 1, 1, 1}},
		"of three":                           {3, []int{3, 3, 1}},
		"of exactly all":                     {7, []int{7}},
		"of more than all":                   {8, []int{7}},
		"of the default size":                {0, []int{7}},
		"of more than may be asked for, 200": {1 << 30, []int{7}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := f.objectivePages(ceo, test.size)
			if joined := slices.Concat(got...); !slices.Equal(joined, want) {
				t.Errorf("listed %v, want %v", joined, want)
			}
			var sizes []int
			for _, page := range got {
				sizes = append(sizes, len(page))
			}
			if !slices.Equal(sizes, test.pages) {
				t.Errorf("pages of %v, want %v", sizes, test.pages)
			}
		})
	}
	t.Run("of a negative size are refused", func(t *testing.T) {
		_, err := f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{PageSize: -1})
		wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
	})
	t.Run("end at 50 by default and at 200 at most", func(t *testing.T) {
		for i := range 240 {
			f.plant(globex, &okrv1.Objective{Id: fmt.Sprintf("okr_%04d", i), Title: "O"})
		}
		for size, want := range map[int32]int{0: 50, 200: 200, 1000: 200} {
			if got := f.objectivePages(globexCEO, size)[0]; len(got) != want {
				t.Errorf("a page of %d holds %d, want %d", size, len(got), want)
			}
		}
	})
}

func TestKeyResultsAreListedAcrossObjectivesInTheOrderOfCreation(t *testing.T) {
	f := newFixture(t)
	want := map[string][]string{}
	var all []string
	var parents []string
	for i, n := range []int{3, 0, 1, 4} {
		o := f.createObjective(fmt.Sprint(i))
		parents = append(parents, o.GetId())
		for range n {
			id := f.createKeyResult(o.GetId(), "K").GetId()
			want[o.GetId()] = append(want[o.GetId()], id)
			all = append(all, id)
		}
		f.clock.advance(time.Millisecond)
	}
	list := func(caller, parent string, size int32) [][]string {
		return pages(t, func(token string) (*okrv1.ListKeyResultsResponse, error) {
			return f.ListKeyResults(f.as(caller), &okrv1.ListKeyResultsRequest{ObjectiveId: parent, PageSize: size, PageToken: token})
		}, (*okrv1.ListKeyResultsResponse).GetNextPageToken, keyResultIDs)
	}
	for _, size := range []int32{1, 2, 3, 4, 7, 8, 200} {
		if got := slices.Concat(list(reporter, "", size)...); !slices.Equal(got, all) {
			t.Errorf("pages of %d list %v, want %v", size, got, all)
		}
		for _, parent := range parents {
			if got := slices.Concat(list(ceo, parent, size)...); !slices.Equal(got, want[parent]) {
				t.Errorf("pages of %d of %s list %v, want %v", size, parent, got, want[parent])
			}
		}
	}
	for _, parent := range []string{unknownObjective, "okr_", parents[0][:8], "o/" + parents[0], "\xf4\x80\x80\x80"} {
		_, err := f.ListKeyResults(f.as(ceo), &okrv1.ListKeyResultsRequest{ObjectiveId: parent})
		wantReason(t, err, codes.NotFound, "OBJECTIVE_NOT_FOUND")
	}
}

func TestAPageStaysWithinOneMebibyte(t *testing.T) {
	f := newFixture(t)
	var want []string
	var wantResults []string
	for i := range 8 {
		o := bigObjective(fmt.Sprintf("okr_%04d", i), 150) // about 300 KB
		want = append(want, o.GetId())
		for _, k := range o.GetKeyResults() {
			wantResults = append(wantResults, k.GetId())
		}
		f.plant(acme, o)
	}
	count := 0
	got := pages(t, func(token string) (*okrv1.ListObjectivesResponse, error) {
		page, err := f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{PageToken: token})
		if size := proto.Size(page); size > maxPageBytes+1024 {
			t.Errorf("a page of objectives has %d bytes", size)
		}
		count++
		return page, err
	}, (*okrv1.ListObjectivesResponse).GetNextPageToken, objectiveIDs)
	if joined := slices.Concat(got...); !slices.Equal(joined, want) || count != 3 {
		t.Errorf("%d pages list %v, want 3 pages with %v", count, joined, want)
	}
	results := pages(t, func(token string) (*okrv1.ListKeyResultsResponse, error) {
		page, err := f.ListKeyResults(f.as(reporter), &okrv1.ListKeyResultsRequest{PageSize: 200, PageToken: token})
		if size := proto.Size(page); size > maxPageBytes+1024 {
			t.Errorf("a page of key results has %d bytes", size)
		}
		return page, err
	}, (*okrv1.ListKeyResultsResponse).GetNextPageToken, keyResultIDs)
	if joined := slices.Concat(results...); !slices.Equal(joined, wantResults) {
		t.Errorf("listed %d key results, want %d", len(joined), len(wantResults))
	}
}

// The caller sees a few bytes of each objective, and the store has to read all of it.
func TestAPageBoundsWhatIsReadForItAlsoWhenLittleOfItIsShown(t *testing.T) {
	f := newFixture(t)
	var want []string
	for i := range 16 {
		o := bigObjective(fmt.Sprintf("okr_%04d", i), 180)
		want = append(want, o.GetId())
		f.plant(acme, o)
	}
	got := f.objectivePages(objectivesAgent, 200)
	if joined := slices.Concat(got...); !slices.Equal(joined, want) {
		t.Errorf("listed %v, want %v", joined, want)
	}
	for _, page := range got {
		if n := len(page) * proto.Size(bigObjective("okr_0000", 180)); n > maxPageScan {
			t.Errorf("%d bytes were read for one page", n)
		}
	}
}

func TestListsAreStableWhileOthersInsertAndDelete(t *testing.T) {
	f := newFixture(t)
	var ids []string
	for i := range 12 {
		ids = append(ids, f.createObjective(fmt.Sprint(i)).GetId())
		f.clock.advance(time.Millisecond)
	}
	var got []string
	eachPage(t, func(token string) string {
		page := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{PageSize: 2, PageToken: token}))(t)
		got = append(got, objectiveIDs(page)...)
		// The one that the token stands on goes, one that was listed already goes, and a new one comes at the end.
		for _, id := range objectiveIDs(page) {
			if slices.Contains(ids, id) {
				must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: id}))(t)
			}
		}
		if len(got) < 10 {
			f.createObjective("new")
		}
		return page.GetNextPageToken()
	})
	if !slices.Equal(got[:len(ids)], ids) {
		t.Errorf("listed %v, want %v first", got, ids)
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(got)))); n != len(got) {
		t.Errorf("of %d listed %d are different", len(got), n)
	}
}

func TestAPageTokenServesItsOwnRequestAlone(t *testing.T) {
	f := newFixture(t)
	for range 5 {
		o := f.createObjective("O")
		f.createKeyResult(o.GetId(), "K")
		must(f.CreateObjective(f.as(globexCEO), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "G"}}))(t)
	}
	token := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{PageSize: 2}))(t).GetNextPageToken()
	log := must(f.ListChanges(f.as(ceo), &okrv1.ListChangesRequest{PageSize: 2}))(t)
	use := func(caller, token string) error {
		_, err := f.ListObjectives(f.as(caller), &okrv1.ListObjectivesRequest{PageToken: token})
		return err
	}
	if err := use(ceo, token); err != nil {
		t.Errorf("the page size must not matter: %v", err)
	}
	refused := map[string]error{
		"of another organization": use(globexCEO, token),
		"cut short":               use(ceo, token[:len(token)-1]),
		"cut to the checksum":     use(ceo, token[:pageTokenSum*4/3]),
		"made longer":             use(ceo, token+"AAAA"),
		"that is not base64":      use(ceo, "?"+token[1:]),
	}
	for i := range token {
		flipped := []byte(token)
		if flipped[i] = 'A'; token[i] == 'A' {
			flipped[i] = 'B'
		}
		refused[fmt.Sprint("changed at ", i)] = use(ceo, string(flipped))
	}
	_, refused["of another method"] = f.ListKeyResults(f.as(ceo), &okrv1.ListKeyResultsRequest{PageToken: token})
	_, refused["of another order"] = f.ListChanges(f.as(ceo), &okrv1.ListChangesRequest{
		OrderBy: "seq desc", PageToken: log.GetNextPageToken(),
	})
	_, refused["of another start"] = f.ListChanges(f.as(ceo), &okrv1.ListChangesRequest{
		AfterCursor: log.GetChanges()[0].GetCursor(), PageToken: log.GetNextPageToken(),
	})
	restored := newFixtureOn(t, newEngine(t), time.Minute)
	refused["from before a restore"] = func() error {
		_, err := restored.ListObjectives(restored.as(ceo), &okrv1.ListObjectivesRequest{PageToken: token})
		return err
	}()
	for name, err := range refused {
		t.Run(name, func(t *testing.T) { wantReason(t, err, codes.InvalidArgument, "PAGE_TOKEN_INVALID") })
	}
}

// A client that shows fewer than it got goes on behind what it showed, whichever that was, with a request that asks for
// tokens or not. Nothing is shown twice or left out, also where something was added or deleted meanwhile.
func TestAPageCanBeLeftAfterEachOfItsResources(t *testing.T) {
	f := newFixture(t)
	for i := range 6 {
		o := f.createObjective(fmt.Sprint(i))
		for range i % 3 {
			must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
				ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "k", OwnerId: "me"},
			}))(t)
			f.clock.advance(time.Millisecond)
		}
	}
	for name, list := range map[string]func(size int32, token string, each bool) (ids, tokens []string){
		"of objectives": func(size int32, token string, each bool) (ids, tokens []string) {
			page := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{PageSize: size, PageToken: token, PageTokens: each}))(t)
			return objectiveIDs(page), page.GetPageTokens()
		},
		"of key results": func(size int32, token string, each bool) (ids, tokens []string) {
			page := must(f.ListKeyResults(f.as(ceo), &okrv1.ListKeyResultsRequest{PageSize: size, PageToken: token, PageTokens: each}))(t)
			return keyResultIDs(page), page.GetPageTokens()
		},
		"of what is due": func(size int32, token string, each bool) (ids, tokens []string) {
			page := must(f.ListDueKeyResults(f.as(ceo), &okrv1.ListDueKeyResultsRequest{PageSize: size, PageToken: token, PageTokens: each}))(t)
			for _, d := range page.GetKeyResults() {
				ids = append(ids, d.GetKeyResult().GetId())
			}
			return ids, page.GetPageTokens()
		},
	} {
		t.Run(name, func(t *testing.T) {
			all, tokens := list(0, "", true)
			if len(all) != 6 || len(tokens) != len(all) {
				t.Fatalf("%d resources and %d tokens", len(all), len(tokens))
			}
			if _, none := list(0, "", false); none != nil {
				t.Errorf("tokens that nobody asked for: %q", none)
			}
			for i, token := range tokens {
				for _, each := range []bool{true, false} {
					if rest, _ := list(0, token, each); !slices.Equal(rest, all[i+1:]) {
						t.Errorf("after %d: %v, want %v", i, rest, all[i+1:])
					}
				}
			}
			if part, shorter := list(3, tokens[0], true); !slices.Equal(part, all[1:4]) || !slices.Equal(shorter, tokens[1:4]) {
				t.Errorf("the second to fourth are %v", part)
			}
		})
	}
	t.Run("and what it stopped at may be gone", func(t *testing.T) {
		page := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{PageTokens: true}))(t)
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: page.GetObjectives()[1].GetId()}))(t)
		added := f.createObjective("new")
		rest := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{PageToken: page.GetPageTokens()[1]}))(t)
		if got, want := objectiveIDs(rest), append(objectiveIDs(page)[2:], added.GetId()); !slices.Equal(got, want) {
			t.Errorf("the rest is %v, want %v", got, want)
		}
	})
}
