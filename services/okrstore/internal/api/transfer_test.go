package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

const (
	asJSON     = okrv1.TransferFormat_TRANSFER_FORMAT_JSON
	asCSV      = okrv1.TransferFormat_TRANSFER_FORMAT_CSV
	asMarkdown = okrv1.TransferFormat_TRANSFER_FORMAT_MARKDOWN
)

// export reads a whole file. With cut it is cut off after every message, and goes on at the continuation.
func (f *fixture) export(caller string, format okrv1.TransferFormat, cut bool) string {
	f.t.Helper()
	var file bytes.Buffer
	continuation := ""
	for {
		ctx, cancel := context.WithCancel(f.as(caller))
		stream := must(f.ExportObjectives(ctx, &okrv1.ExportObjectivesRequest{Format: format, Continuation: continuation}))(f.t)
		for n := 0; ; n++ {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				cancel()
				return file.String()
			}
			if err != nil {
				f.t.Fatal(err)
			}
			file.Write(m.GetData())
			if continuation = m.GetContinuation(); cut {
				break
			}
		}
		cancel()
	}
}

// imported is what an import answered.
type imported struct {
	summary  *okrv1.ImportProgress
	problems []*okrv1.ImportProblem
	progress []*okrv1.ImportProgress
}

// importFile sends a file in pieces. With stopAfter it hangs up after so many messages of progress.
func (f *fixture) importFile(caller string, start *okrv1.ImportStart, file io.Reader, stopAfter int) (imported, error) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.as(caller))
	defer cancel()
	stream := must(f.ImportObjectives(ctx))(f.t)
	go func() {
		_ = stream.Send(&okrv1.ImportObjectivesRequest{Part: &okrv1.ImportObjectivesRequest_Start{Start: start}}) // Recv says what is wrong
		piece := make([]byte, 32<<10)
		for {
			n, err := file.Read(piece)
			if n > 0 && stream.Send(&okrv1.ImportObjectivesRequest{Part: &okrv1.ImportObjectivesRequest_Data{Data: bytes.Clone(piece[:n])}}) != nil {
				return
			}
			if err != nil {
				_ = stream.CloseSend()
				return
			}
		}
	}()
	var got imported
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		switch part := m.GetPart().(type) {
		case *okrv1.ImportObjectivesResponse_Progress:
			got.progress = append(got.progress, part.Progress)
			if len(got.progress) == stopAfter {
				return got, nil
			}
		case *okrv1.ImportObjectivesResponse_Problem:
			got.problems = append(got.problems, part.Problem)
		case *okrv1.ImportObjectivesResponse_Summary:
			got.summary = part.Summary
		}
	}
}

func (f *fixture) mustImport(caller string, format okrv1.TransferFormat, file string) imported {
	f.t.Helper()
	got, err := f.importFile(caller, &okrv1.ImportStart{Format: format}, strings.NewReader(file), 0)
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

// wantCounts compares a summary: created objectives, key results and check-ins, unchanged, failed.
func wantCounts(t *testing.T, got imported, want ...int32) {
	t.Helper()
	s := got.summary
	counts := []int32{s.GetObjectivesCreated(), s.GetKeyResultsCreated(), s.GetCheckInsCreated(), s.GetUnchanged(), s.GetFailed()}
	if !slices.Equal(counts, want) {
		t.Errorf("imported %v, want %v; the problems are %v", counts, want, got.problems)
	}
}

// rich fills Acme with everything that can travel in a file.
func (f *fixture) rich() {
	f.t.Helper()
	step := func() { f.clock.advance(time.Minute) }
	create := func(o *okrv1.Objective) *okrv1.Objective {
		step()
		return must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: o}))(f.t)
	}
	add := func(o *okrv1.Objective, k *okrv1.KeyResult) *okrv1.KeyResult {
		step()
		return must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{ObjectiveId: o.GetId(), KeyResult: k}))(f.t)
	}
	report := func(k *okrv1.KeyResult, c *okrv1.CheckIn) {
		step()
		must(f.CreateCheckIn(f.as(manager), &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: c}))(f.t)
	}
	top := create(&okrv1.Objective{
		Title: `=HYPERLINK("http://evil.example","Grow, \"fast\"")`, Description: "Line one\nLine two\twith a tab\r\nand three",
		OwnerId: "me", Cycle: "2026-Q4", DueDate: "2026-12-01",
	})
	money := add(top, &okrv1.KeyResult{
		Title: "-Costs down", StartValue: "-12.50", TargetValue: "-100", Unit: "EUR",
		Format: okrv1.ValueFormat_VALUE_FORMAT_CURRENCY, Weight: new(int32(3)), OwnerId: "somebody",
	})
	report(money, &okrv1.CheckIn{
		Value: "-20.00", Confidence: okrv1.Confidence_CONFIDENCE_AT_RISK, Note: "+1\n@all 'quoted'",
		Evidence: []*okrv1.Evidence{{Url: "https://example.com/a?b=c,d", ObservedValue: "=20", ObservedTime: timestamppb.New(f.clock.Now())}},
	})
	report(money, &okrv1.CheckIn{Note: "'Nothing new"})
	add(top, &okrv1.KeyResult{Title: "Untouched"})
	done := add(top, &okrv1.KeyResult{Title: "Done or not", Kind: okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE})
	report(done, &okrv1.CheckIn{Value: "100", Confidence: okrv1.Confidence_CONFIDENCE_ON_TRACK})
	closing := create(&okrv1.Objective{Title: "Closed", ParentId: top.GetId()})
	step()
	must(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: closing.GetId(), Score: "0.7", ClosingNote: "Nearly."}))(f.t)
	away := create(&okrv1.Objective{Title: "Archived"})
	f.setAttainment(add(away, &okrv1.KeyResult{Title: "Half"}).GetId(), 50)
	step()
	must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: away.GetId()}))(f.t)
	orphan := create(&okrv1.Objective{Title: "Parent that goes"})
	create(&okrv1.Objective{Title: "Below one that is gone", ParentId: orphan.GetId()})
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: orphan.GetId()}))(f.t)
	step()
}

// withoutPeople takes off what the server that holds a resource gives: who made it, and its log.
func withoutPeople(t *testing.T, file string) string {
	t.Helper()
	var document any
	if err := json.Unmarshal([]byte(file), &document); err != nil {
		t.Fatalf("the file is no JSON: %v\n%s", err, file)
	}
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "creator")
			delete(v, "author")
			delete(v, jsonHead)
			for _, below := range v {
				strip(below)
			}
		case []any:
			for _, below := range v {
				strip(below)
			}
		}
	}
	strip(document)
	return string(must(json.MarshalIndent(document, "", " "))(t))
}

func TestWhatWasExportedIsImportedElsewhereAndExportedTheSame(t *testing.T) {
	for name, format := range map[string]okrv1.TransferFormat{"JSON": asJSON, "CSV": asCSV} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.rich()
			file := f.export(ceo, format, false)
			got := f.mustImport(globexCEO, format, file)
			wantCounts(t, got, 4, 4, 4, 0, 0)
			want := withoutPeople(t, f.export(ceo, asJSON, false))
			if format == asCSV {
				want = strings.ReplaceAll(want, `\r\n`, `\n`) // as the contract says of line ends
			}
			if again := withoutPeople(t, f.export(globexCEO, asJSON, false)); again != want {
				t.Errorf("exported again:\n%s\nwant\n%s", again, want)
			}
			if format == asJSON && withoutPeople(t, file) != want {
				t.Error("two exports of the same differ")
			}
			t.Run("and derives the same", func(t *testing.T) {
				all := &okrv1.ListObjectivesRequest{States: []okrv1.ObjectiveState{active, closed, archived}}
				ours, theirs := must(f.ListObjectives(f.as(ceo), all))(t).GetObjectives(), must(f.ListObjectives(f.as(globexCEO), all))(t).GetObjectives()
				for i, o := range ours {
					for j, k := range o.GetKeyResults() {
						l := theirs[i].GetKeyResults()[j]
						if k.GetAttainment() != l.GetAttainment() || k.GetConfidence() != l.GetConfidence() || k.GetCheckInCount() != l.GetCheckInCount() ||
							!proto.Equal(k.GetLastCheckInTime(), l.GetLastCheckInTime()) {
							t.Errorf("the key result became %v, was %v", l, k)
						}
					}
				}
			})
			t.Run("and changes nothing when it is imported again", func(t *testing.T) {
				before := len(f.changes(globexCEO))
				wantCounts(t, f.mustImport(globexCEO, format, file), 0, 0, 0, 12, 0)
				wantCounts(t, f.mustImport(ceo, format, file), 0, 0, 0, 12, 0)
				if n := len(f.changes(globexCEO)); n != before {
					t.Errorf("%d changes were written", n-before)
				}
			})
			t.Run("and the importer is the author of everything", func(t *testing.T) {
				log := f.changes(globexCEO)
				kinds := map[okrv1.ChangeKind]string{
					okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED:     "objective 1",
					okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED:    "key_result 1",
					okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN: "key_result 3",
				}
				for i, c := range log {
					permission := fmt.Sprint(c.GetPermission().GetResource(), " ", int(c.GetPermission().GetAction()))
					if c.GetSeq() != int64(i+1) || c.GetActor().GetMemberId() != "member-ceo-globex" || permission != kinds[c.GetKind()] {
						t.Errorf("change %d is %v", i+1, c)
					}
					if in := c.GetCheckIn(); in != nil && in.GetAuthor().GetMemberId() != "member-ceo-globex" {
						t.Errorf("the check-in is %v", in)
					}
				}
				if len(log) != 12 {
					t.Errorf("%d changes", len(log))
				}
			})
		})
	}
}

func TestAnExportThatIsCutOffGoesOnAndIsTheSame(t *testing.T) {
	f := newFixture(t)
	f.rich()
	o := f.createObjective("Long")
	for range 3 {
		k := f.createKeyResult(o.GetId(), "Of many words")
		for range 30 {
			f.clock.advance(time.Second)
			must(f.CreateCheckIn(f.as(ceo), &okrv1.CreateCheckInRequest{
				KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Note: strings.Repeat("word ", 700)},
			}))(t)
		}
	}
	for _, format := range []okrv1.TransferFormat{asJSON, asCSV, asMarkdown} {
		whole := f.export(ceo, format, false)
		if cut := f.export(ceo, format, true); cut != whole {
			t.Errorf("%s: cut off it has %d bytes, whole %d", format, len(cut), len(whole))
		}
	}
	t.Run("and is well-formed when what it stood in was deleted", func(t *testing.T) {
		stream := must(f.ExportObjectives(f.as(ceo), &okrv1.ExportObjectivesRequest{}))(t)
		first := must(stream.Recv())(t)
		all := int32(strings.Count(f.export(ceo, asCSV, false), "\nobjective,"))
		if first.GetObjectiveTotal() != all {
			t.Errorf("the first piece says that there are %d objectives of %d", first.GetObjectiveTotal(), all)
		}
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
		rest := must(f.ExportObjectives(f.as(ceo), &okrv1.ExportObjectivesRequest{Continuation: first.GetContinuation()}))(t)
		file := first.GetData()
		for {
			m, err := rest.Recv()
			if err != nil {
				break
			}
			file = append(file, m.GetData()...)
			if m.GetObjectiveTotal() != all-1 {
				t.Errorf("after the deletion a piece says that there are %d objectives", m.GetObjectiveTotal())
			}
		}
		if !json.Valid(file) {
			t.Errorf("the file ends with %s", file[max(0, len(file)-200):])
		}
	})
	t.Run("and a continuation that is none is refused", func(t *testing.T) {
		for _, continuation := range []string{"x", "1/2/3", "2/0/a/b/c/", "1/-1/a/b/c/", "1/0/a/b/c/z"} {
			stream := must(f.ExportObjectives(f.as(ceo), &okrv1.ExportObjectivesRequest{Format: asJSON, Continuation: continuation}))(t)
			_, err := stream.Recv()
			wantReason(t, err, codes.InvalidArgument, "CONTINUATION_INVALID")
		}
	})
}

func TestAnExportHasWhatItsCallerMayRead(t *testing.T) {
	f := newFixture(t)
	f.rich()
	for _, format := range []okrv1.TransferFormat{asJSON, asCSV, asMarkdown} {
		if file := f.export(objectivesAgent, format, false); strings.Contains(file, "Done or not") || strings.Contains(file, "Nothing new") || !strings.Contains(file, "Archived") {
			t.Errorf("who may read objectives alone gets %s", file)
		}
		stream := must(f.ExportObjectives(f.as(reporter), &okrv1.ExportObjectivesRequest{Format: format}))(t)
		_, err := stream.Recv()
		wantReason(t, err, codes.PermissionDenied, "SCOPE_MISSING")
	}
	if file := f.export(globexCEO, asCSV, false); strings.Count(file, "\n") != 1 {
		t.Errorf("another organization gets %s", file)
	}
}

func TestAFormulaIsTextInCSV(t *testing.T) {
	f := newFixture(t)
	f.rich()
	reader := csv.NewReader(strings.NewReader(f.export(ceo, asCSV, false)))
	negative := regexp.MustCompile(`^-[0-9]+([.][0-9]+)?$`)
	defused, numbers := 0, 0
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		for _, cell := range must(row, err)(t) {
			if number := negative.MatchString(cell); number {
				numbers++
			} else if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
				t.Errorf("a cell is %q", cell)
			}
			if strings.HasPrefix(cell, "'") {
				defused++
			}
		}
	}
	if defused < 4 || numbers < 5 { // two titles and two notes; five values
		t.Errorf("%d cells were defused, and %d are numbers below zero", defused, numbers)
	}
	for _, cell := range []string{"", "a", "=1", "+1", "-1", "-1.50", "-", "-1+1", "-a", "'-1", "@a", "\ta", "\ra", "\na", "'", "'=1", "''a", "'a"} {
		if got := refuse(defuse(cell)); got != cell {
			t.Errorf("%q becomes %q", cell, got)
		}
	}
}

func TestADryRunSaysWhatWouldBeAndChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.rich()
	file := f.export(ceo, asJSON, false)
	got, err := f.importFile(globexCEO, &okrv1.ImportStart{Format: asJSON, DryRun: true}, strings.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, got, 4, 4, 4, 0, 0)
	if n := f.keys(globex, ""); n != 0 {
		t.Errorf("%d records were written", n)
	}
	f.server.maxObjectives = 3
	got, err = f.importFile(globexCEO, &okrv1.ImportStart{Format: asJSON, DryRun: true}, strings.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, got, 3, 4, 4, 0, 1)
	wantCounts(t, f.mustImport(globexCEO, asJSON, file), 3, 4, 4, 0, 1)
}

// bad is a row that cannot be imported, among others that can.
func TestABadRowLosesNothingElse(t *testing.T) {
	const objective, other, keyResult, checkIn = "okr_0000000000001", "okr_0000000000002", "kr_0000000000001", "chk_0000000000001"
	good := func() *okrv1.TransferObjective {
		return &okrv1.TransferObjective{
			Objective: &okrv1.Objective{Id: objective, Title: "Good", CreateTime: timestamppb.New(time.Unix(1, 0))},
			KeyResults: []*okrv1.TransferKeyResult{{
				KeyResult: &okrv1.KeyResult{Id: keyResult, Title: "K"},
				CheckIns:  []*okrv1.CheckIn{{Id: checkIn, Value: "5", CreateTime: timestamppb.New(time.Unix(2, 0))}},
			}},
		}
	}
	for name, test := range map[string]struct {
		change func(o *okrv1.TransferObjective)
		field  string
		failed int32
	}{
		"an objective's title":           {func(o *okrv1.TransferObjective) { o.Objective.Title = " " }, "title", 3},
		"an objective's id":              {func(o *okrv1.TransferObjective) { o.Objective.Id = "okr_1" }, "id", 3},
		"a key result's id as objective": {func(o *okrv1.TransferObjective) { o.Objective.Id = keyResult }, "id", 3},
		"a date":                         {func(o *okrv1.TransferObjective) { o.Objective.DueDate = "2026-02-30" }, "due_date", 3},
		"a score without an end":         {func(o *okrv1.TransferObjective) { o.Objective.Score = "1" }, "score", 3},
		"an end without a score":         {func(o *okrv1.TransferObjective) { o.Objective.State = closed }, "score", 3},
		"a score that is none":           {func(o *okrv1.TransferObjective) { o.Objective.State, o.Objective.Score = closed, "2" }, "score", 3},
		"a time that has not come": {func(o *okrv1.TransferObjective) {
			o.Objective.CreateTime = timestamppb.New(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
		}, "create_time", 3},
		"a parent that is itself": {func(o *okrv1.TransferObjective) { o.Objective.ParentId = objective }, "parent_id", 3},
		"a key result's target":   {func(o *okrv1.TransferObjective) { o.KeyResults[0].KeyResult.TargetValue = "0" }, "target_value", 2},
		"a key result's text":     {func(o *okrv1.TransferObjective) { o.KeyResults[0].KeyResult.Unit = "\u202e" }, "unit", 2},
		"a milestone's value": {func(o *okrv1.TransferObjective) {
			o.KeyResults[0].CheckIns, o.KeyResults[0].KeyResult.Kind, o.KeyResults[0].KeyResult.CurrentValue = nil, 2, "50"
		}, "current_value", 1},
		"a check-in's value": {func(o *okrv1.TransferObjective) { o.KeyResults[0].CheckIns[0].Value = "x" }, "value", 1},
		"a check-in's evidence": {func(o *okrv1.TransferObjective) {
			o.KeyResults[0].CheckIns[0].Evidence = []*okrv1.Evidence{{Url: "javascript:alert(1)"}}
		}, "evidence[0].url", 1},
		"a check-in that says nothing": {func(o *okrv1.TransferObjective) { o.KeyResults[0].CheckIns[0].Value = "" }, "value", 1},
	} {
		for formatName, format := range map[string]okrv1.TransferFormat{"JSON": asJSON, "CSV": asCSV} {
			t.Run(name+" in "+formatName, func(t *testing.T) {
				f := newFixture(t)
				bad, fine := good(), good()
				test.change(bad)
				fine.Objective.Id, fine.KeyResults[0].KeyResult.Id = other, "kr_0000000000002"
				got := f.mustImport(ceo, format, fileOf(t, format, bad, fine))
				if n := got.summary.GetFailed(); n != test.failed || len(got.problems) != int(n) || got.problems[0].GetField() != test.field {
					t.Errorf("%d rows failed: %v", n, got.problems)
				}
				if o := f.getObjective(other); len(o.GetKeyResults()) != 1 || o.GetKeyResults()[0].GetCurrentValue() != "5" {
					t.Errorf("the other objective is %v", o)
				}
			})
		}
	}
}

// fileOf writes a file as an export would.
func fileOf(t *testing.T, format okrv1.TransferFormat, objectives ...*okrv1.TransferObjective) string {
	t.Helper()
	var b bytes.Buffer
	w := newFileWriter(format)
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(w.begin(&b))
	for i, o := range objectives {
		check(w.objective(&b, o.GetObjective(), i == 0))
		for j, k := range o.GetKeyResults() {
			k.KeyResult.ObjectiveId = o.GetObjective().GetId()
			check(w.keyResult(&b, o.GetObjective(), k.GetKeyResult(), j == 0))
			for n, c := range k.GetCheckIns() {
				check(w.checkIn(&b, k.GetKeyResult(), c, n == 0))
			}
			w.endKeyResult(&b)
		}
		w.endObjective(&b)
	}
	check(w.end(&b, &okrv1.ChangeLogHead{}))
	return b.String()
}

func TestARowOfAJSONFileWithHalfOfACharacterIsToldWhichHalf(t *testing.T) {
	f := newFixture(t)
	file := fileOf(t, asJSON, &okrv1.TransferObjective{Objective: &okrv1.Objective{Id: "okr_0000000000001", Title: "cut off"}})
	got := f.mustImport(ceo, asJSON, strings.Replace(file, "cut off", `cut off \ud83c`, 1))
	const want = `half of a surrogate pair, \ud83c, which is no character`
	if len(got.problems) != 1 || got.problems[0].GetMessage() != want {
		t.Errorf("the problems are %v, want %q", got.problems, want)
	}
}

func TestWhatIsThereIsNeverOverwritten(t *testing.T) {
	f := newFixture(t)
	f.rich()
	file := f.export(ceo, asJSON, false)
	o := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{}))(t).GetObjectives()[0]
	k := o.GetKeyResults()[1]
	must(f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "Renamed"}}))(t)
	must(f.CreateCheckIn(f.as(ceo), &okrv1.CreateCheckInRequest{KeyResultId: o.GetKeyResults()[0].GetId(), CheckIn: &okrv1.CheckIn{Value: "-50"}}))(t)
	before := f.getObjective(o.GetId())
	got := f.mustImport(ceo, asJSON, file)
	wantCounts(t, got, 0, 0, 0, 11, 1)
	if p := got.problems[0]; p.GetId() != k.GetId() || p.GetField() != "title" || p.GetRow() != "objectives[0].keyResults[1]" {
		t.Errorf("the problem is %v", p)
	}
	wantEqual(t, f.getObjective(o.GetId()), before)

	must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Renamed"}}))(t)
	wantCounts(t, f.mustImport(ceo, asJSON, file), 0, 0, 0, 5, 7)
}

// What was deleted comes back: with its key results, and with no check-in that the file does not have.
func TestWhatWasDeletedComesBack(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("O")
	k := f.createKeyResult(o.GetId(), "K")
	f.setAttainment(k.GetId(), 10)
	file := f.export(ceo, asJSON, false)
	for i := range int32(120) { // more than one transaction removes
		f.clock.advance(time.Second)
		f.setAttainment(k.GetId(), 11+i%2)
	}
	must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId()}))(t)
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
	wantCounts(t, f.mustImport(ceo, asJSON, file), 1, 1, 1, 0, 0)
	checkIns := must(f.ListCheckIns(f.as(ceo), &okrv1.ListCheckInsRequest{KeyResultId: k.GetId()}))(t).GetCheckIns()
	if len(checkIns) != 1 || checkIns[0].GetValue() != "10" {
		t.Errorf("the check-ins are %v", checkIns)
	}
	if got := withoutPeople(t, f.export(ceo, asJSON, false)); got != withoutPeople(t, file) {
		t.Errorf("exported again: %s", got)
	}
	if got := len(f.history(ceo, &okrv1.ListChangesRequest{KeyResultId: k.GetId()}, 0)); got != 125 {
		t.Errorf("the history of the key result has %d changes", got)
	}
}

func TestAnImportNeedsThePermissionForEachKindOfRow(t *testing.T) {
	f := newFixture(t)
	f.rich()
	file := f.export(ceo, asJSON, false)
	for _, o := range must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{States: []okrv1.ObjectiveState{active, closed, archived}}))(t).GetObjectives() {
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
	}
	got := f.mustImport(objectivesAgent, asJSON, file)
	wantCounts(t, got, 4, 0, 0, 0, 8)
	if p := got.problems[0]; !strings.Contains(p.GetMessage(), "key_result:create") {
		t.Errorf("the problem is %v", p)
	}
	if got = f.mustImport(creator, asJSON, file); got.summary.GetUnchanged() != 4 || got.summary.GetKeyResultsCreated() != 4 || got.summary.GetFailed() != 4 {
		t.Errorf("who may create both and change neither gets %v", got.summary)
	}
	if p := got.problems[0]; !strings.Contains(p.GetMessage(), "key_result:update") {
		t.Errorf("the problem is %v", p)
	}
	for _, caller := range []string{manager, employee, reader, reporter} {
		_, err := f.importFile(caller, &okrv1.ImportStart{Format: asJSON}, strings.NewReader(file), 0)
		if code := "ROLE_MISSING"; caller == manager || caller == employee {
			wantReason(t, err, codes.PermissionDenied, code)
		} else {
			wantReason(t, err, codes.PermissionDenied, "SCOPE_MISSING")
		}
	}
}

func TestFilesThatAreNone(t *testing.T) {
	f := newFixture(t)
	const start = `{"format":"okr-manager","version":1,"objectives":[`
	for name, test := range map[string]struct {
		format okrv1.TransferFormat
		file   string
	}{
		"nothing":                        {asJSON, ""},
		"another document":               {asJSON, `{"a":1}`},
		"an array":                       {asJSON, `[]`},
		"another version":                {asJSON, `{"format":"okr-manager","version":2,"objectives":[]}`},
		"the objectives first":           {asJSON, `{"objectives":[],"format":"okr-manager","version":1}`},
		"a number among the objectives":  {asJSON, start + `1]}`},
		"key results before their owner": {asJSON, start + `{"keyResults":[],"objective":{}}]}`},
		"an end in the middle":           {asJSON, start + `{"objective":{"id":"okr_00000000`},
		"a broken text":                  {asJSON, start + `{"objective":{"id":"okr` + "\n" + `"}}]}`},
		"a resource without end":         {asJSON, start + `{"objective":{"title":"` + strings.Repeat("x", 2*maxRowBytes) + `"}}]}`},
		"CSV without a column name":      {asCSV, "record,colour\n"},
		"CSV with a quote too many":      {asCSV, "record,title\nobjective,\"a\"b\n"},
		"CSV without end":                {asCSV, "record,title\nobjective,\"" + strings.Repeat("x", 2*maxRowBytes) + "\"\n"},
		"a JSON file as CSV":             {asCSV, start + "]}"},
		"a CSV file as JSON":             {asJSON, "record,title\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.importFile(ceo, &okrv1.ImportStart{Format: test.format}, strings.NewReader(test.file), 0)
			wantReason(t, err, codes.InvalidArgument, "IMPORT_MALFORMED")
		})
	}
	t.Run("what comes before the mistake is imported", func(t *testing.T) {
		file := start + `{"objective":{"id":"okr_0000000000001","title":"Whole"},"keyResults":[]},{"objective":`
		_, err := f.importFile(ceo, &okrv1.ImportStart{Format: asJSON}, strings.NewReader(file), 0)
		wantReason(t, err, codes.InvalidArgument, "IMPORT_MALFORMED")
		if o := f.getObjective("okr_0000000000001"); o.GetTitle() != "Whole" {
			t.Errorf("it is %v", o)
		}
	})
	t.Run("a format that cannot be imported is refused", func(t *testing.T) {
		for _, format := range []okrv1.TransferFormat{0, asMarkdown, 9} {
			_, err := f.importFile(ceo, &okrv1.ImportStart{Format: format}, strings.NewReader(""), 0)
			wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
		}
	})
	t.Run("a continuation that is none is refused", func(t *testing.T) {
		_, err := f.importFile(ceo, &okrv1.ImportStart{Format: asJSON, Continuation: "x"}, strings.NewReader(""), 0)
		wantReason(t, err, codes.InvalidArgument, "CONTINUATION_INVALID")
	})
}

// generated writes a JSON file of many objectives as it is read, so that it is never there as a whole.
type generated struct {
	objectives, next int
	rest             bytes.Buffer
	t                *testing.T
}

func (g *generated) Read(p []byte) (int, error) {
	for g.rest.Len() < len(p) && g.next <= g.objectives {
		if g.next == 0 {
			g.rest.WriteString(`{"format":"okr-manager","version":1,"objectives":[`)
		}
		if g.next == g.objectives {
			g.rest.WriteString(`]}`)
		} else {
			if g.next > 0 {
				g.rest.WriteByte(',')
			}
			o := &okrv1.TransferObjective{
				Objective: &okrv1.Objective{Id: fmt.Sprintf("okr_%013d", g.next), Title: fmt.Sprint("Objective ", g.next)},
				KeyResults: []*okrv1.TransferKeyResult{{
					KeyResult: &okrv1.KeyResult{Id: fmt.Sprintf("kr_%013d", g.next), Title: "K"},
					CheckIns:  []*okrv1.CheckIn{{Id: fmt.Sprintf("chk_%013d", g.next), Value: "5", CreateTime: timestamppb.New(time.Unix(1, 0))}},
				}},
			}
			g.rest.Write(must(protojson.Marshal(o))(g.t))
		}
		g.next++
	}
	return g.rest.Read(p)
}

// Of 10,000 objectives, unless the race detector makes each of them slow.
func TestVeryManyObjectivesAreImportedWithProgressAndLittleMemory(t *testing.T) {
	const objectives = manyObjectives
	path := t.TempDir() + "/okr.db"
	engine := openBolt(t, path, Upgrades())
	f := newFixtureOn(t, engine, time.Minute)
	var before, after runtime.MemStats
	peak := uint64(0)
	runtime.GC()
	runtime.ReadMemStats(&before)
	source := &measured{Reader: &generated{objectives: objectives, t: t}, every: 1 << 20, measure: func() {
		runtime.GC()
		runtime.ReadMemStats(&after)
		peak = max(peak, after.HeapAlloc)
	}}
	got, err := f.importFile(ceo, &okrv1.ImportStart{Format: asJSON}, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, got, objectives, objectives, objectives, 0, 0)
	if n := len(got.progress); n < objectives/20 {
		t.Errorf("progress was told %d times", n)
	}
	last := int64(-1)
	for _, p := range got.progress {
		if p.GetOffset() < last {
			t.Fatalf("the offset goes back from %d to %d", last, p.GetOffset())
		}
		last = p.GetOffset()
	}
	t.Logf("the live heap grew by %d MiB at most, for a file of %d MiB", (peak-before.HeapAlloc)>>20, source.read>>20)
	// The documents that are remembered decoded take up to 64 MiB; see maxGenerationBytes.
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// measured measures something each time that so many bytes were read.
type measured struct {
	io.Reader
	every, read, next int
	measure           func()
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if m.read += n; m.read >= m.next {
		m.next += m.every
		m.measure()
	}
	return n, err
}

func TestAnImportThatWasCutOffGoesOn(t *testing.T) {
	const objectives = 300
	for name, format := range map[string]okrv1.TransferFormat{"JSON": asJSON, "CSV": asCSV} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			whole := must(io.ReadAll(&generated{objectives: objectives, t: t}))(t)
			if format == asCSV {
				wantCounts(t, f.mustImport(globexCEO, asJSON, string(whole)), objectives, objectives, objectives, 0, 0)
				whole = []byte(f.export(globexCEO, asCSV, false))
			}
			cut := must(f.importFile(ceo, &okrv1.ImportStart{Format: format}, bytes.NewReader(whole), 5))(t)
			at := cut.progress[len(cut.progress)-1]
			if at.GetOffset() == 0 || at.GetOffset() >= int64(len(whole)) {
				t.Fatalf("it was cut off at %v", at)
			}
			t.Run("with the same file", func(t *testing.T) {
				dry, err := f.importFile(ceo, &okrv1.ImportStart{Format: format, DryRun: true}, bytes.NewReader(whole), 0)
				if s := dry.summary; err != nil || s.GetUnchanged() < at.GetObjectivesCreated()+at.GetKeyResultsCreated()+at.GetCheckInsCreated() ||
					s.GetUnchanged()+s.GetObjectivesCreated()+s.GetKeyResultsCreated()+s.GetCheckInsCreated() != 3*objectives || s.GetFailed() != 0 {
					t.Errorf("the rest is %v, %v", s, err)
				}
			})
			t.Run("with what is left of it", func(t *testing.T) {
				got, err := f.importFile(ceo, &okrv1.ImportStart{Format: format, Continuation: at.GetContinuation()}, bytes.NewReader(whole[at.GetOffset():]), 0)
				if err != nil {
					t.Fatal(err)
				}
				if s := got.summary; s.GetFailed() != 0 || s.GetObjectivesCreated() == objectives || s.GetObjectivesCreated() == 0 {
					t.Errorf("the rest is %v", s)
				}
				all := f.mustImport(ceo, format, string(whole))
				wantCounts(t, all, 0, 0, 0, 3*objectives, 0)
			})
			if n := f.keys(acme, prefixObjective); n != objectives {
				t.Errorf("%d objectives are there", n)
			}
		})
	}
}

func TestWhatOthersChangeDuringAnImportStays(t *testing.T) {
	f := newFixture(t)
	o := &okrv1.TransferObjective{Objective: &okrv1.Objective{Id: "okr_0000000000001", Title: "From the file"}}
	for i := range 60 { // several transactions
		o.KeyResults = append(o.KeyResults, &okrv1.TransferKeyResult{KeyResult: &okrv1.KeyResult{Id: fmt.Sprintf("kr_%013d", i), Title: "K"}})
	}
	file := fileOf(t, asCSV, o)
	half := strings.Index(file, "kr_0000000000040")
	half = strings.LastIndex(file[:half], "\n") + 1
	reading, writing := io.Pipe()
	go func() {
		_, _ = io.WriteString(writing, file[:half]) // the reader sees the end of both
		for {
			got, err := f.GetObjective(f.as(ceo), &okrv1.GetObjectiveRequest{ObjectiveId: o.GetObjective().GetId()})
			if err == nil && len(got.GetKeyResults()) >= 20 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_, err := f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetObjective().GetId(), Title: "Renamed"}})
		if err == nil {
			_, err = io.WriteString(writing, file[half:])
		}
		_ = writing.CloseWithError(err)
	}()
	got, err := f.importFile(ceo, &okrv1.ImportStart{Format: asCSV}, reading, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, got, 1, 60, 0, 0, 0)
	if there := f.getObjective(o.GetObjective().GetId()); there.GetTitle() != "Renamed" || len(there.GetKeyResults()) != 60 {
		t.Errorf("the objective is %v", there)
	}
}
