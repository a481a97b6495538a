package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// revenue is a key result that is measured in money.
func (f *fixture) revenue(objectiveID string) *okrv1.KeyResult {
	f.t.Helper()
	return must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
		ObjectiveId: objectiveID,
		KeyResult: &okrv1.KeyResult{
			Title: "Revenue", StartValue: "100", TargetValue: "200", Unit: "EUR", Format: okrv1.ValueFormat_VALUE_FORMAT_CURRENCY,
		},
	}))(f.t)
}

func (f *fixture) getKeyResult(id string) *okrv1.KeyResult {
	f.t.Helper()
	return must(f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: id}))(f.t)
}

func (f *fixture) checkIn(keyResultID string, c *okrv1.CheckIn) *okrv1.CheckIn {
	f.t.Helper()
	return must(f.CreateCheckIn(f.as(ceo), &okrv1.CreateCheckInRequest{KeyResultId: keyResultID, CheckIn: c}))(f.t)
}

func TestACheckInMovesItsKeyResultAndIsKeptWithItsAuthor(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	k := f.revenue(o.GetId())
	f.clock.advance(time.Hour)
	given := &okrv1.CheckIn{
		Value: "0150.00", Confidence: okrv1.Confidence_CONFIDENCE_AT_RISK, Note: "Two large\n\tcustomers",
		Evidence: []*okrv1.Evidence{{Url: "https://example.com/report", ObservedValue: "150", ObservedTime: timestamppb.New(f.clock.Now())}},
		Id:       "chk_mine", KeyResultId: "kr_other", ObjectiveId: "okr_other", PreviousValue: "7", Attainment: new(int32(99)),
		Author: &okrv1.Member{MemberId: "somebody"}, Via: &okrv1.Via{ClientId: "someone's"}, CreateTime: timestamppb.New(time.Unix(1, 0)),
	}
	got := must(f.CreateCheckIn(f.as(reporter), &okrv1.CreateCheckInRequest{
		KeyResultId: k.GetId(), ObjectiveId: o.GetId(), Etag: k.GetEtag(), CheckIn: given,
	}))(t)
	at := timestamppb.New(f.clock.Now())
	author := &okrv1.Member{MemberId: "member-ceo-acme", DisplayName: "Name of member-ceo-acme"}
	want := &okrv1.CheckIn{
		Id: got.GetId(), KeyResultId: k.GetId(), ObjectiveId: o.GetId(), Value: "150.00", PreviousValue: "100", Attainment: new(int32(50)),
		Confidence: given.GetConfidence(), Note: given.GetNote(), Evidence: given.GetEvidence(), Author: author, CreateTime: at,
		Via: &okrv1.Via{Surface: accessv1.Surface_SURFACE_MCP, ClientId: "connected-app-test", ClientName: "Test Agent"},
	}
	wantEqual(t, got, want)
	if !strings.HasPrefix(got.GetId(), "chk_") || got.GetId() == "chk_mine" {
		t.Errorf("id %q", got.GetId())
	}
	list := must(f.ListCheckIns(f.as(employee), &okrv1.ListCheckInsRequest{KeyResultId: k.GetId()}))(t)
	if len(list.GetCheckIns()) != 1 || list.GetNextPageToken() != "" {
		t.Fatalf("listed %v", list)
	}
	wantEqual(t, list.GetCheckIns()[0], want)

	moved := f.getKeyResult(k.GetId())
	after := okr.Copy(k)
	after.CurrentValue, after.Attainment, after.Confidence, after.CheckInCount = "150.00", new(int32(50)), given.GetConfidence(), 1
	after.LastCheckInTime, after.UpdateTime, after.Updater, after.Etag = at, at, author, moved.GetEtag()
	after.AgentReport = &okrv1.AgentReport{CheckInId: got.GetId(), ClientId: got.GetVia().GetClientId(), ClientName: got.GetVia().GetClientName()}
	wantEqual(t, moved, after)
	if moved.GetEtag() == k.GetEtag() {
		t.Error("the etag did not change")
	}
	if whole := f.getObjective(o.GetId()); whole.GetProgress() != 50 || whole.GetEtag() != o.GetEtag() {
		t.Errorf("the objective became %v", whole)
	}

	log := f.changes(ceo)
	c := log[len(log)-1]
	if c.GetKind() != okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN || c.GetPermission().GetResource() != "key_result" {
		t.Errorf("the change is %v", c)
	}
	wantEqual(t, c.GetCheckIn(), want)
	wantEqual(t, c.GetBefore(), snapshotOfKeyResult(k))
	wantEqual(t, c.GetAfter(), snapshotOfKeyResult(after))
	t.Run("which who may not read key results sees nothing of", func(t *testing.T) {
		for _, c := range f.changes(objectivesAgent) {
			if c.GetCheckIn() != nil || c.GetBefore().GetKeyResult() != nil || c.GetAfter().GetKeyResult() != nil {
				t.Errorf("it sees %v", c)
			}
		}
		_, err := f.ListCheckIns(f.as(objectivesAgent), &okrv1.ListCheckInsRequest{KeyResultId: k.GetId()})
		wantReason(t, err, codes.PermissionDenied, "SCOPE_MISSING")
		_, err = f.CreateCheckIn(f.as(objectivesAgent), &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: given})
		wantReason(t, err, codes.PermissionDenied, "SCOPE_MISSING")
	})
}

func TestACheckInThatIsRefusedLeavesNothing(t *testing.T) {
	f := newFixture(t)
	o, elsewhere := f.createObjective("Grow"), f.createObjective("Shrink")
	k := f.revenue(o.GetId())
	step := must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
		ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "Ship", Kind: okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE},
	}))(t)
	before, log := f.getObjective(o.GetId()), len(f.changes(ceo))
	value := &okrv1.CheckIn{Value: "7"}
	tests := map[string]struct {
		req    *okrv1.CreateCheckInRequest
		code   codes.Code
		reason string
		field  string
	}{
		"with an old etag":               {&okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: value, Etag: "0000000000000"}, codes.Aborted, "ETAG_MISMATCH", ""},
		"under another objective":        {&okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: value, ObjectiveId: elsewhere.GetId()}, codes.NotFound, "KEY_RESULT_NOT_FOUND", ""},
		"of nothing":                     {&okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{}}, codes.InvalidArgument, "FIELD_INVALID", "check_in.value"},
		"of a value in words":            {&okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "some"}}, codes.InvalidArgument, "FIELD_INVALID", "check_in.value"},
		"of half a milestone":            {&okrv1.CreateCheckInRequest{KeyResultId: step.GetId(), CheckIn: value}, codes.InvalidArgument, "FIELD_INVALID", "check_in.value"},
		"with evidence in a script":      {&okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "7", Evidence: []*okrv1.Evidence{{Url: "javascript:alert(1)"}}}}, codes.InvalidArgument, "FIELD_INVALID", "check_in.evidence[0].url"},
		"with a time that JSON has none": {&okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "7", Evidence: []*okrv1.Evidence{{Url: "https://example.com", ObservedTime: &timestamppb.Timestamp{Seconds: 1 << 60}}}}}, codes.InvalidArgument, "FIELD_INVALID", "check_in.evidence[0].observed_time"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := f.CreateCheckIn(f.as(ceo), test.req)
			wantReason(t, err, test.code, test.reason)
			if test.field != "" && !strings.Contains(err.Error(), test.field+": ") {
				t.Errorf("error %v does not name %s", err, test.field)
			}
		})
	}
	wantEqual(t, f.getObjective(o.GetId()), before)
	if n := len(f.changes(ceo)); n != log {
		t.Errorf("%d changes were written", n-log)
	}
	if n := f.keys(acme, prefixCheckIn); n != 0 {
		t.Errorf("%d check-ins were written", n)
	}
}

func TestListCheckIns(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	k, other := f.revenue(o.GetId()), f.revenue(o.GetId())
	var want []string
	for i := range 7 {
		if i%2 == 0 {
			f.clock.advance(time.Minute) // the rest happens in the same millisecond
		}
		want = append(want, f.checkIn(k.GetId(), &okrv1.CheckIn{Value: fmt.Sprint(i)}).GetId())
		f.checkIn(other.GetId(), &okrv1.CheckIn{Note: "Elsewhere"})
	}
	reversed := slices.Clone(want)
	slices.Reverse(reversed)
	for order, want := range map[string][]string{"": reversed, "create_time desc": reversed, "create_time": want} {
		for _, size := range []int32{1, 2, 3, 7, 0} {
			var got []string
			eachPage(t, func(token string) string {
				page := must(f.ListCheckIns(f.as(employee), &okrv1.ListCheckInsRequest{
					KeyResultId: k.GetId(), OrderBy: order, PageSize: size, PageToken: token,
				}))(t)
				for _, c := range page.GetCheckIns() {
					got = append(got, c.GetId())
				}
				return page.GetNextPageToken()
			})
			if !slices.Equal(got, want) {
				t.Errorf("in the order %q in pages of %d: %v, want %v", order, size, got, want)
			}
		}
	}
	t.Run("a page's token is of no use for another key result or order", func(t *testing.T) {
		token := must(f.ListCheckIns(f.as(ceo), &okrv1.ListCheckInsRequest{KeyResultId: k.GetId(), PageSize: 1}))(t).GetNextPageToken()
		for _, req := range []*okrv1.ListCheckInsRequest{
			{KeyResultId: other.GetId(), PageToken: token},
			{KeyResultId: k.GetId(), OrderBy: "create_time", PageToken: token},
		} {
			_, err := f.ListCheckIns(f.as(ceo), req)
			wantReason(t, err, codes.InvalidArgument, "PAGE_TOKEN_INVALID")
		}
	})
	t.Run("what a deleted key result had stays and cannot be reached, while the log has it", func(t *testing.T) {
		must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId()}))(t)
		_, err := f.ListCheckIns(f.as(ceo), &okrv1.ListCheckInsRequest{KeyResultId: k.GetId()})
		wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
		if n := f.keys(acme, prefixCheckIn); n != 14 {
			t.Errorf("%d check-ins are left, want all 14", n)
		}
		var logged []string
		for _, c := range f.changes(ceo) {
			if c.GetCheckIn().GetKeyResultId() == k.GetId() {
				logged = append(logged, c.GetCheckIn().GetId())
			}
		}
		if !slices.Equal(logged, want) {
			t.Errorf("the log has %v, want %v", logged, want)
		}
	})
}

func TestSettingAnAttainmentIsACheckInOfAPercentageAndNothingElse(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	simple := f.createKeyResult(o.GetId(), "By ten")
	f.setAttainment(simple.GetId(), 40)
	f.setAttainment(simple.GetId(), 40)
	list := must(f.ListCheckIns(f.as(ceo), &okrv1.ListCheckInsRequest{KeyResultId: simple.GetId()}))(t).GetCheckIns()
	if len(list) != 1 || list[0].GetValue() != "40" || list[0].GetPreviousValue() != "0" || list[0].GetAttainment() != 40 {
		t.Errorf("the check-ins are %v", list)
	}
	t.Run("while a value that comes to the same stays as exact as it was", func(t *testing.T) {
		f.checkIn(simple.GetId(), &okrv1.CheckIn{Value: "40.4"})
		if k := f.setAttainment(simple.GetId(), 40); k.GetCurrentValue() != "40.4" || k.GetCheckInCount() != 2 {
			t.Errorf("the key result became %v", k)
		}
	})
	money := f.revenue(o.GetId())
	step := must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
		ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "Ship", Kind: okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE},
	}))(t)
	for _, test := range []struct {
		k     *okrv1.KeyResult
		says  string
		metas map[string]string
	}{
		{money, "it goes from 100 to 200 EUR: check in with the value that it has come to", map[string]string{"start_value": "100", "target_value": "200", "unit": "EUR"}},
		{step, `it is a milestone: check in with the value "100" when it is done`, map[string]string{"start_value": "0", "target_value": "100", "unit": ""}},
	} {
		log := len(f.changes(ceo))
		_, err := f.SetKeyResultAttainment(f.as(ceo), &okrv1.SetKeyResultAttainmentRequest{KeyResultId: test.k.GetId(), Attainment: new(int32(0))})
		wantReason(t, err, codes.FailedPrecondition, "ATTAINMENT_NOT_SETTABLE")
		for key, want := range test.metas {
			if got := rpcerr.InfoOf(err).GetMetadata()[key]; got != want {
				t.Errorf("the error's %s is %q, want %q", key, got, want)
			}
		}
		if !strings.Contains(err.Error(), test.says) {
			t.Errorf("the error %q does not say %q", err, test.says)
		}
		wantEqual(t, f.getKeyResult(test.k.GetId()), test.k)
		if n := len(f.changes(ceo)); n != log {
			t.Errorf("%d changes were written", n-log)
		}
	}
}

func TestACheckInUnderARequestIDIsMadeOnce(t *testing.T) {
	f := newFixture(t)
	k := f.revenue(f.createObjective("Grow").GetId())
	req := &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "150"}, RequestId: "once", Etag: k.GetEtag()}
	first := must(f.CreateCheckIn(f.as(ceo), req))(t)
	wantEqual(t, must(f.CreateCheckIn(f.as(ceo), req))(t), first)
	if k := f.getKeyResult(k.GetId()); k.GetCheckInCount() != 1 {
		t.Errorf("%d check-ins were made", k.GetCheckInCount())
	}
	other := proto.CloneOf(req)
	other.CheckIn.Value = "160"
	_, err := f.CreateCheckIn(f.as(ceo), other)
	wantReason(t, err, codes.InvalidArgument, "REQUEST_ID_REUSED")
}

func TestAMeasuredKeyResultIsCheckedAsAWholeWhenItIsMadeAndChanged(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	_, err := f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
		ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "K", StartValue: "5", TargetValue: "5.0"},
	})
	wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
	if !strings.Contains(err.Error(), "key_result.target_value: must differ from start_value") {
		t.Errorf("the error says %v", err)
	}
	k := f.revenue(o.GetId())
	f.checkIn(k.GetId(), &okrv1.CheckIn{Value: "150"})
	update := func(k *okrv1.KeyResult, paths ...string) (*okrv1.KeyResult, error) {
		return f.UpdateKeyResult(f.as(manager), &okrv1.UpdateKeyResultRequest{KeyResult: k, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	for field, edit := range map[string]func(*okrv1.KeyResult){
		"kind":         func(k *okrv1.KeyResult) { k.Kind = okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE },
		"target_value": func(k *okrv1.KeyResult) { k.TargetValue = "100" },
		"start_value":  func(k *okrv1.KeyResult) { k.StartValue = "x" },
		"unit":         func(k *okrv1.KeyResult) { k.Unit = "euros" },
		"weight":       func(k *okrv1.KeyResult) { k.Weight = new(int32(0)) },
	} {
		changed := &okrv1.KeyResult{Id: k.GetId()}
		edit(changed)
		_, err := update(changed, field)
		wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
		if !strings.Contains(err.Error(), "key_result."+field+": ") {
			t.Errorf("the error %v does not name %s", err, field)
		}
	}
	got := must(update(&okrv1.KeyResult{Id: k.GetId(), TargetValue: "300", OwnerId: "me"}, "target_value", "owner_id"))(t)
	if got.GetAttainment() != 25 || got.GetOwnerId() != "member-manager-acme" || got.GetCurrentValue() != "150" {
		t.Errorf("the key result became %v", got)
	}
	log := f.changes(ceo)
	if last := log[len(log)-1]; last.GetKind() != okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_UPDATED || last.GetCheckIn() != nil {
		t.Errorf("the change is %v", last)
	}
	wantEqual(t, must(update(&okrv1.KeyResult{Id: k.GetId(), Title: "Revenue", StartValue: "100", TargetValue: "300", Unit: "EUR", Format: k.GetFormat(), OwnerId: "me"}, "*"))(t), got)
}
