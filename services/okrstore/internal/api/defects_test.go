package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// The tests in this file are named after what goes wrong in a well-known demonstration of the same product; the numbers
// are those of the list of its defects.

func TestDefect1TheFirstWriteOfANewOrganizationShowsNowhereElse(t *testing.T) {
	f := newFixture(t)
	f.createObjective("Secret of Acme")
	list := must(f.ListObjectives(f.as(globexCEO), &okrv1.ListObjectivesRequest{}))(t)
	if n := len(list.GetObjectives()); n != 0 {
		t.Errorf("a new organization starts with %d objectives: %v", n, list)
	}
	if n := len(f.changes(globexCEO)); n != 0 {
		t.Errorf("a new organization starts with %d changes", n)
	}
	if n := f.keys(globex, ""); n != 0 {
		t.Errorf("reading wrote %d keys", n)
	}
}

func TestDefect2AHugeFirstWriteIsRefusedAndBreaksNoOtherOrganization(t *testing.T) {
	f := newFixture(t)
	for size, code := range map[int]codes.Code{1 << 20: codes.InvalidArgument, 26 << 20: codes.ResourceExhausted} {
		_, err := f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{
			Objective: &okrv1.Objective{Title: strings.Repeat("x", size)},
		})
		if status.Code(err) != code {
			t.Errorf("%d bytes: got %v, want %v", size, err, code)
		}
	}
	for _, caller := range []string{ceo, globexCEO} {
		list := must(f.ListObjectives(f.as(caller), &okrv1.ListObjectivesRequest{}))(t)
		if n := len(list.GetObjectives()); n != 0 {
			t.Errorf("%s lists %d objectives", caller, n)
		}
		must(f.CreateObjective(f.as(caller), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Fine"}}))(t)
	}
}

func TestDefect6TwoHundredConcurrentWritersLoseNoUpdate(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	const writers = 200
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			_, err := f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
				ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: fmt.Sprint(i)},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	titles := map[string]bool{}
	for _, k := range f.getObjective(o.GetId()).GetKeyResults() {
		titles[k.GetTitle()] = true
	}
	if len(titles) != writers {
		t.Errorf("%d of %d key results are there", len(titles), writers)
	}
	for i, c := range f.changes(ceo) {
		if c.GetSeq() != int64(i+1) {
			t.Fatalf("change %d stands at place %d of the log", c.GetSeq(), i+1)
		}
	}
}

func TestDefect7ConcurrentAdditionsNeverShareAnID(t *testing.T) {
	f := newFixture(t) // its clock stands still: all of this happens in one millisecond
	const writers = 100
	titles := make([]string, writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() { titles[i] = f.createObjective(fmt.Sprint(i)).GetId() })
	}
	all.Wait()
	for i, id := range titles {
		if got := f.getObjective(id).GetTitle(); got != fmt.Sprint(i) {
			t.Errorf("the id that client %d got names the objective of client %s", i, got)
		}
	}
}

func TestDefect8ValuesThatMakeNoSenseAreRefusedWithTheFieldAndChangeNothing(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	k := f.createKeyResult(o.GetId(), "By ten")
	before, log := f.getObjective(o.GetId()), len(f.changes(ceo))
	set := func(attainment *int32) error {
		_, err := f.SetKeyResultAttainment(f.as(ceo), &okrv1.SetKeyResultAttainmentRequest{KeyResultId: k.GetId(), Attainment: attainment})
		return err
	}
	createObjective := func(title string) error {
		_, err := f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: title}})
		return err
	}
	createKeyResult := func(title string) error {
		_, err := f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: title}})
		return err
	}
	rename := func(title string) error {
		_, err := f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{
			KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: title}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"title"}},
		})
		return err
	}
	refused := map[string]struct {
		err   error
		field string
	}{
		"an attainment of 1000":    {set(new(int32(1000))), "attainment"},
		"an attainment of 101":     {set(new(int32(101))), "attainment"},
		"an attainment of -5":      {set(new(int32(-5))), "attainment"},
		"no attainment":            {set(nil), "attainment"},
		"an objective of nothing":  {createObjective(""), "objective.title"},
		"an objective of blanks":   {createObjective("\u00a0 \u2003"), "objective.title"},
		"an objective of 5 lines":  {createObjective("a\nb\nc\nd\ne"), "objective.title"},
		"a key result of nothing":  {createKeyResult(""), "key_result.title"},
		"a key result of a NUL":    {createKeyResult("a\x00"), "key_result.title"},
		"a key result of 1 MB":     {createKeyResult(strings.Repeat("x", 1<<20)), "key_result.title"},
		"a name of nothing":        {rename(""), "key_result.title"},
		"a name that is too long":  {rename(strings.Repeat("ä", 501)), "key_result.title"},
		"a name that runs in turn": {rename("a\u2066b"), "key_result.title"},
	}
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			wantReason(t, test.err, codes.InvalidArgument, "FIELD_INVALID")
			if !strings.Contains(test.err.Error(), test.field+": ") {
				t.Errorf("error %v does not name %s", test.err, test.field)
			}
		})
	}
	wantEqual(t, f.getObjective(o.GetId()), before)
	if n := len(f.changes(ceo)); n != log {
		t.Errorf("%d changes were written", n-log)
	}
}

func TestDefect10UnknownIDsAreNotFoundAlsoWhenTheyAreDeleted(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	all := methods()
	for _, name := range []string{
		"GetObjective", "UpdateObjective", "CloseObjective", "ReopenObjective", "ArchiveObjective", "RestoreObjective",
		"DeleteObjective", "CreateKeyResult", "ListKeyResults",
	} {
		_, err := all[name](f, f.as(ceo), unknownObjective, "")
		wantReason(t, err, codes.NotFound, "OBJECTIVE_NOT_FOUND")
	}
	for _, name := range []string{
		"GetKeyResult", "UpdateKeyResult", "SetKeyResultAttainment", "CreateCheckIn", "ListCheckIns", "DeleteKeyResult",
	} {
		_, err := all[name](f, f.as(ceo), o.GetId(), unknownKeyResult)
		wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
	}
	t.Run("and what was deleted is unknown", func(t *testing.T) {
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
		_, err := f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()})
		wantReason(t, err, codes.NotFound, "OBJECTIVE_NOT_FOUND")
	})
	t.Run("and ids of every shape are only unknown", func(t *testing.T) {
		for _, id := range []string{"x", "../o", "o/okr_1", "\x00", "h", strings.Repeat("x", 64), "okr_" + strings.Repeat("Z", 13)} {
			_, err := f.GetObjective(f.as(ceo), &okrv1.GetObjectiveRequest{ObjectiveId: id})
			wantReason(t, err, codes.NotFound, "OBJECTIVE_NOT_FOUND")
			_, err = f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: id})
			wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
		}
	})
}

func TestDefect20AnswersAndWritesDoNotGrowWithTheOrganization(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	first := f.createKeyResult(o.GetId(), "By ten")
	for i := range 300 {
		f.plant(acme, &okrv1.Objective{Id: fmt.Sprintf("okr_%04d", i), Title: "Another"})
	}
	if later := f.createKeyResult(o.GetId(), "By six"); proto.Size(later) > proto.Size(first)+16 {
		t.Errorf("the answer has grown from %d to %d bytes", proto.Size(first), proto.Size(later))
	}
	page := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{}))(t)
	if len(page.GetObjectives()) != defaultPageSize || page.GetNextPageToken() == "" {
		t.Errorf("a list has %d objectives and the next page %q", len(page.GetObjectives()), page.GetNextPageToken())
	}
	log := f.changes(ceo)
	if size := proto.Size(log[len(log)-1]); size > 1024 {
		t.Errorf("the change of one key result has %d bytes", size)
	}
}

func TestDefect21WhoMayReportOnKeyResultsFindsThemWithoutReadingObjectives(t *testing.T) {
	f := newFixture(t)
	k := f.createKeyResult(f.createObjective("Grow").GetId(), "By ten")
	_, err := f.ListObjectives(f.as(reporter), &okrv1.ListObjectivesRequest{})
	wantReason(t, err, codes.PermissionDenied, "SCOPE_MISSING")
	found := must(f.ListKeyResults(f.as(reporter), &okrv1.ListKeyResultsRequest{}))(t).GetKeyResults()
	if len(found) != 1 || found[0].GetId() != k.GetId() {
		t.Fatalf("found %v", found)
	}
	got := must(f.SetKeyResultAttainment(f.as(reporter), &okrv1.SetKeyResultAttainmentRequest{
		KeyResultId: found[0].GetId(), Attainment: new(int32(40)),
	}))(t)
	if got.GetAttainment() != 40 {
		t.Errorf("the attainment is %d", got.GetAttainment())
	}
	t.Run("and who may not read key results sees none in any answer", func(t *testing.T) {
		for name, call := range map[string]aimed{
			"GetObjective":    methods()["GetObjective"],
			"ListObjectives":  methods()["ListObjectives"],
			"UpdateObjective": methods()["UpdateObjective"],
			"ListChanges":     methods()["ListChanges"],
		} {
			answer := must(call(f, f.as(objectivesAgent), k.GetObjectiveId(), ""))(t)
			text := fmt.Sprint(answer)
			if strings.Contains(text, k.GetId()) || strings.Contains(text, k.GetTitle()) || strings.Contains(text, "progress") {
				t.Errorf("%s answers %s", name, text)
			}
		}
		_, err := f.ListKeyResults(f.as(objectivesAgent), &okrv1.ListKeyResultsRequest{})
		wantReason(t, err, codes.PermissionDenied, "SCOPE_MISSING")
	})
}
