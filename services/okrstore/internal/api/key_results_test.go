package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func TestACreatedKeyResultStartsAtZeroWhateverTheRequestSays(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	got := must(f.CreateKeyResult(f.as(manager), &okrv1.CreateKeyResultRequest{
		ObjectiveId: o.GetId(),
		KeyResult: &okrv1.KeyResult{
			Id: "kr_mine", ObjectiveId: "okr_other", Title: "By ten", Attainment: new(int32(100)), Etag: "mine",
			Creator: &okrv1.Member{MemberId: "somebody"}, CurrentValue: "99", CheckInCount: 7, Stale: true,
			Confidence: okrv1.Confidence_CONFIDENCE_ON_TRACK, LastCheckInTime: timestamppb.New(time.Unix(1, 0)),
			ExpectedAttainment: new(int32(1)),
		},
	}))(t)
	author := &okrv1.Member{MemberId: "member-manager-acme", DisplayName: "Name of member-manager-acme"}
	now := timestamppb.New(f.clock.Now())
	wantEqual(t, got, &okrv1.KeyResult{
		Id: got.GetId(), ObjectiveId: o.GetId(), Title: "By ten", Attainment: new(int32(0)), Etag: got.GetEtag(),
		CreateTime: now, UpdateTime: now, Creator: author, Updater: author,
		Kind: okrv1.KeyResultKind_KEY_RESULT_KIND_METRIC, StartValue: "0", TargetValue: "100", CurrentValue: "0",
		Format: okrv1.ValueFormat_VALUE_FORMAT_PERCENT, Weight: new(int32(1)),
	})
	if !strings.HasPrefix(got.GetId(), "kr_") || got.GetId() == "kr_mine" || got.GetEtag() == "mine" {
		t.Errorf("id %q, etag %q", got.GetId(), got.GetEtag())
	}
	wantEqual(t, must(f.GetKeyResult(f.as(manager), &okrv1.GetKeyResultRequest{KeyResultId: got.GetId()}))(t), got)
	whole := f.getObjective(o.GetId())
	if whole.Progress == nil || whole.GetProgress() != 0 || len(whole.GetKeyResults()) != 1 {
		t.Errorf("the objective became %v", whole)
	}
	wantEqual(t, whole.GetKeyResults()[0], got)
}

func TestUpdatesOfAKeyResult(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	elsewhere := f.createObjective("Shrink")
	k := f.createKeyResult(o.GetId(), "By ten")
	f.clock.advance(time.Minute)

	set := must(f.SetKeyResultAttainment(f.as(employee), &okrv1.SetKeyResultAttainmentRequest{
		KeyResultId: k.GetId(), ObjectiveId: o.GetId(), Etag: k.GetEtag(), Attainment: new(int32(40)),
	}))(t)
	want := k
	want.Attainment, want.CurrentValue, want.Etag = new(int32(40)), "40", set.GetEtag()
	want.UpdateTime = timestamppb.New(f.clock.Now())
	want.LastCheckInTime, want.CheckInCount = want.GetUpdateTime(), 1
	want.Updater = &okrv1.Member{MemberId: "member-employee-acme", DisplayName: "Name of member-employee-acme"}
	wantEqual(t, set, want)

	update := func(title, objective, etag string, paths ...string) (*okrv1.KeyResult, error) {
		req := &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{
			Id: k.GetId(), ObjectiveId: objective, Title: title, Etag: etag, Attainment: new(int32(99)),
		}}
		if len(paths) > 0 {
			req.UpdateMask = &fieldmaskpb.FieldMask{Paths: paths}
		}
		return f.UpdateKeyResult(f.as(employee), req)
	}
	tests := map[string]struct {
		title, objective, etag string
		paths                  []string
		code                   codes.Code
		reason                 string
	}{
		"the old etag is refused":                   {"New", "", k.GetEtag() + "X", nil, codes.Aborted, "ETAG_MISMATCH"},
		"another objective is refused":              {"New", elsewhere.GetId(), "", nil, codes.NotFound, "KEY_RESULT_NOT_FOUND"},
		"an unknown objective is refused":           {"New", unknownObjective, "", nil, codes.NotFound, "KEY_RESULT_NOT_FOUND"},
		"an emptied title is refused":               {"", "", "", []string{"title"}, codes.InvalidArgument, "FIELD_INVALID"},
		"a mask of the attainment alone is refused": {"New", "", "", []string{"attainment"}, codes.InvalidArgument, "FIELD_INVALID"},
		"the attainment alone without a mask, too":  {"", "", "", nil, codes.InvalidArgument, "FIELD_INVALID"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := update(test.title, test.objective, test.etag, test.paths...)
			wantReason(t, err, test.code, test.reason)
		})
	}
	got := must(update("New", o.GetId(), set.GetEtag()))(t)
	want.Title, want.Etag = "New", got.GetEtag()
	wantEqual(t, got, want)
	if got.GetEtag() == set.GetEtag() {
		t.Error("the etag did not change")
	}
	if whole := f.getObjective(o.GetId()); whole.GetProgress() != 40 || whole.GetEtag() != o.GetEtag() {
		t.Errorf("the objective became %v", whole)
	}
}

func TestAKeyResultIsFoundUnderItsObjectiveAlone(t *testing.T) {
	f := newFixture(t)
	o, elsewhere := f.createObjective("Grow"), f.createObjective("Shrink")
	k := f.createKeyResult(o.GetId(), "By ten")
	for _, parent := range []string{elsewhere.GetId(), unknownObjective} {
		_, err := f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: k.GetId(), ObjectiveId: parent})
		wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
		_, err = f.SetKeyResultAttainment(f.as(ceo), &okrv1.SetKeyResultAttainmentRequest{
			KeyResultId: k.GetId(), ObjectiveId: parent, Attainment: new(int32(1)),
		})
		wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
		_, err = f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId(), ObjectiveId: parent})
		wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
	}
	wantEqual(t, must(f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: k.GetId(), ObjectiveId: o.GetId()}))(t), k)

	_, err := f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId(), Etag: "0000000000000"})
	wantReason(t, err, codes.Aborted, "ETAG_MISMATCH")
	must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId(), ObjectiveId: o.GetId(), Etag: k.GetEtag()}))(t)
	_, err = f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: k.GetId()})
	wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
	if whole := f.getObjective(o.GetId()); whole.Progress != nil || len(whole.GetKeyResults()) != 0 {
		t.Errorf("the objective became %v", whole)
	}
}

func TestAnObjectiveTakes250KeyResultsAndNoMore(t *testing.T) {
	f := newFixture(t)
	o := &okrv1.Objective{Id: "okr_FULL", Title: "Full"}
	for i := range okr.MaxKeyResults - 1 {
		o.KeyResults = append(o.KeyResults, &okrv1.KeyResult{Id: fmt.Sprintf("kr_%04d", i), ObjectiveId: o.GetId(), Title: "K"})
	}
	f.plant(acme, o)
	f.createKeyResult(o.GetId(), "The last one")
	_, err := f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
		ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "One too many"},
	})
	wantReason(t, err, codes.FailedPrecondition, "KEY_RESULT_LIMIT_REACHED")
	if got := rpcerr.InfoOf(err).GetMetadata()["limit"]; got != "250" {
		t.Errorf("the error says that the limit is %q", got)
	}
}

func TestOfConcurrentUpdatesWithTheSameEtagExactlyOneWins(t *testing.T) {
	f := newFixture(t)
	k := f.createKeyResult(f.createObjective("Grow").GetId(), "By ten")
	const callers = 32
	errs := make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			_, errs[i] = f.SetKeyResultAttainment(f.as(ceo), &okrv1.SetKeyResultAttainmentRequest{
				KeyResultId: k.GetId(), Attainment: new(int32(i + 1)), Etag: k.GetEtag(),
			})
		})
	}
	all.Wait()
	current := must(f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: k.GetId()}))(t)
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			if current.GetAttainment() != int32(i+1) {
				t.Errorf("caller %d won, but the attainment is %d", i, current.GetAttainment())
			}
			continue
		}
		wantReason(t, err, codes.Aborted, "ETAG_MISMATCH")
		if got := rpcerr.InfoOf(err).GetMetadata()["etag"]; got != current.GetEtag() {
			t.Errorf("the error says that the etag is %q, it is %q", got, current.GetEtag())
		}
	}
	if won != 1 {
		t.Errorf("%d callers won", won)
	}
}
