package api

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// reportedValue is an objective's key result of which an agent has reported a value, with the check-in.
func reportedValue(t *testing.T) (f *fixture, k *okrv1.KeyResult, c *okrv1.CheckIn) {
	t.Helper()
	f = newFixture(t)
	k = f.createKeyResult(f.createObjective("Grow").GetId(), "By ten")
	f.clock.advance(time.Minute)
	c = f.checkInAs(reporter, k.GetId(), "40")
	f.clock.advance(time.Minute)
	return f, f.getKeyResult(k.GetId()), c
}

func (f *fixture) checkInAs(caller, keyResultID, value string) *okrv1.CheckIn {
	f.t.Helper()
	return must(f.CreateCheckIn(f.as(caller), &okrv1.CreateCheckInRequest{
		KeyResultId: keyResultID, CheckIn: &okrv1.CheckIn{Value: value},
	}))(f.t)
}

func confirmation(k *okrv1.KeyResult, c *okrv1.CheckIn) *okrv1.ConfirmCheckInRequest {
	return &okrv1.ConfirmCheckInRequest{KeyResultId: k.GetId(), CheckInId: c.GetId()}
}

func TestAValueThatAnAgentReportedWaitsForAMemberToConfirmIt(t *testing.T) {
	f, k, c := reportedValue(t)
	report := k.GetAgentReport()
	if report.GetCheckInId() != c.GetId() || report.GetClientId() != testClient || report.GetClientName() != "Test Agent" {
		t.Errorf("the key result has %v", report)
	}
	if listed := must(f.ListObjectives(f.as(employee), &okrv1.ListObjectivesRequest{}))(t).GetObjectives()[0].GetKeyResults()[0]; listed.GetAgentReport() == nil {
		t.Error("a list does not show it")
	}
	confirmed := must(f.ConfirmCheckIn(f.as(employee), confirmation(k, c)))(t)
	if confirmed.GetAgentReport() != nil || confirmed.GetEtag() == k.GetEtag() || confirmed.GetCurrentValue() != "40" ||
		confirmed.GetCheckInCount() != 1 || confirmed.GetLastCheckInTime().AsTime() != c.GetCreateTime().AsTime() {
		t.Errorf("it became %v", confirmed)
	}
	wantEqual(t, f.getKeyResult(k.GetId()), confirmed)
	change := f.changes(ceo)[f.seq()-1]
	if change.GetKind() != okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CONFIRMED || change.GetActor().GetMemberId() != "member-employee-acme" ||
		change.GetPermission().GetResource() != "key_result" || change.GetVia().GetClientId() != "" {
		t.Errorf("the log has %v", change)
	}
	wantEqual(t, change.GetBefore(), snapshotOfKeyResult(k))
	head := f.seq()
	if again := must(f.ConfirmCheckIn(f.as(ceo), confirmation(k, c)))(t); again.GetEtag() != confirmed.GetEtag() || f.seq() != head {
		t.Errorf("confirming it again made it %v", again)
	}
}

func TestWhatStandsWithoutConfirmation(t *testing.T) {
	f, k, _ := reportedValue(t)
	t.Run("a report in person takes the place of an agent's", func(t *testing.T) {
		if f.checkInAs(employee, k.GetId(), "45"); f.getKeyResult(k.GetId()).GetAgentReport() != nil {
			t.Error("it waits still")
		}
	})
	t.Run("what an agent proposed and somebody approved", func(t *testing.T) {
		p := f.propose(reporter, &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "50"}})
		f.approve(employee, p.GetId())
		if now := f.getKeyResult(k.GetId()); now.GetCurrentValue() != "50" || now.GetAgentReport() != nil || p.GetAfter().GetKeyResult().GetAgentReport() != nil {
			t.Errorf("planned was %v, it became %v", p.GetAfter(), now)
		}
	})
	t.Run("what is reported while the organization trusts reports, from then on", func(t *testing.T) {
		f.checkInAs(reporter, k.GetId(), "60")
		settings := must(f.SetTrustReports(f.as(ceo), &okrv1.SetTrustReportsRequest{TrustReports: true}))(t)
		if !settings.GetTrustReports() || settings.GetUpdater().GetMemberId() != "member-ceo-acme" || settings.GetProposeOnly() {
			t.Errorf("the settings are %v", settings)
		}
		if f.getKeyResult(k.GetId()).GetAgentReport() == nil {
			t.Error("what waited does not wait any more")
		}
		if f.checkInAs(reporter, k.GetId(), "70"); f.getKeyResult(k.GetId()).GetAgentReport() != nil {
			t.Error("it is not trusted")
		}
		must(f.SetTrustReports(f.as(ceo), &okrv1.SetTrustReportsRequest{}))(t)
		if f.checkInAs(reporter, k.GetId(), "80"); f.getKeyResult(k.GetId()).GetAgentReport() == nil {
			t.Error("it is trusted still")
		}
	})
	t.Run("nobody but an administrator in person says so", func(t *testing.T) {
		for caller, reason := range map[string]string{
			manager: "ROLE_MISSING", employee: "ROLE_MISSING", objectivesAgent: "SESSION_REQUIRED", reporter: "SESSION_REQUIRED",
		} {
			_, err := f.SetTrustReports(f.as(caller), &okrv1.SetTrustReportsRequest{TrustReports: true})
			wantReason(t, err, codes.PermissionDenied, reason)
		}
		if must(f.GetAgentSettings(f.as(employee), &okrv1.GetAgentSettingsRequest{}))(t).GetTrustReports() {
			t.Error("it was said")
		}
	})
	t.Run("a trial says by whom it would be, and names no check-in", func(t *testing.T) {
		tried := must(f.SetKeyResultAttainment(f.as(reporter), &okrv1.SetKeyResultAttainmentRequest{
			KeyResultId: k.GetId(), Attainment: new(int32(99)), Mode: validating,
		}))(t)
		if report := tried.GetAgentReport(); report.GetClientId() != testClient || report.GetCheckInId() != "" {
			t.Errorf("tried was %v", tried)
		}
	})
}

func TestACheckInThatIsNotTheLastIsNotConfirmed(t *testing.T) {
	f, k, c := reportedValue(t)
	second := f.checkInAs(reporter, k.GetId(), "50")
	_, err := f.ConfirmCheckIn(f.as(ceo), confirmation(k, c))
	wantReason(t, err, codes.Aborted, "CHECK_IN_OUTDATED")
	if id := rpcerr.InfoOf(err).GetMetadata()["check_in_id"]; id != second.GetId() {
		t.Errorf("the one that waits is said to be %q", id)
	}
	f.clock.advance(time.Minute)
	f.checkInAs(ceo, k.GetId(), "60")
	_, err = f.ConfirmCheckIn(f.as(ceo), confirmation(k, second))
	wantReason(t, err, codes.Aborted, "CHECK_IN_OUTDATED")
	_, err = f.ConfirmCheckIn(f.as(ceo), &okrv1.ConfirmCheckInRequest{KeyResultId: k.GetId(), CheckInId: "chk_none"})
	wantReason(t, err, codes.NotFound, "CHECK_IN_NOT_FOUND")
	_, err = f.ConfirmCheckIn(f.as(ceo), &okrv1.ConfirmCheckInRequest{KeyResultId: "kr_none", CheckInId: c.GetId()})
	wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
	must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: k.GetObjectiveId()}))(t)
	_, err = f.ConfirmCheckIn(f.as(ceo), confirmation(k, second))
	wantReason(t, err, codes.FailedPrecondition, "OBJECTIVE_STATE_CONFLICT")
}

// Every way by which an agent could have what it reported taken for confirmed.
func TestNoAgentConfirmsWhatAnAgentReported(t *testing.T) {
	waits := func(t *testing.T, f *fixture, k *okrv1.KeyResult) {
		t.Helper()
		if now := f.getKeyResult(k.GetId()); now.GetAgentReport() == nil {
			t.Errorf("it does not wait any more: %v", now)
		}
	}
	t.Run("by the method", func(t *testing.T) {
		f, k, c := reportedValue(t)
		for _, caller := range []string{objectivesAgent, reporter, reader} {
			_, err := f.ConfirmCheckIn(f.as(caller), confirmation(k, c))
			wantReason(t, err, codes.PermissionDenied, "SESSION_REQUIRED")
		}
		waits(t, f, k)
	})
	t.Run("by reporting again, or something else", func(t *testing.T) {
		f, k, _ := reportedValue(t)
		f.checkInAs(reporter, k.GetId(), "40")
		must(f.CreateCheckIn(f.as(reporter), &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Note: "Sure"}}))(t)
		must(f.SetKeyResultAttainment(f.as(reporter), &okrv1.SetKeyResultAttainmentRequest{KeyResultId: k.GetId(), Attainment: new(int32(40))}))(t)
		must(f.UpdateKeyResult(f.as(reporter), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{
			Id: k.GetId(), Title: "Other", AgentReport: &okrv1.AgentReport{},
		}}))(t)
		waits(t, f, k)
	})
	t.Run("by undoing what a member did, and undoing that", func(t *testing.T) {
		f, k, c := reportedValue(t)
		must(f.ConfirmCheckIn(f.as(ceo), confirmation(k, c)))(t)
		f.undo(ceo, f.seq()) // another thought
		waits(t, f, k)
		taken := f.seq()
		f.undo(reporter, taken)
		waits(t, f, k)
		f.undo(reporter, f.seq())
		waits(t, f, k)
	})
	t.Run("by undoing a report that stands in person", func(t *testing.T) {
		f, k, _ := reportedValue(t)
		f.checkInAs(employee, k.GetId(), "50")
		f.checkInAs(employee, k.GetId(), "55")
		f.undo(reporter, f.seq())
		waits(t, f, k)
	})
	t.Run("by an import", func(t *testing.T) {
		f := newFixture(t)
		file := fileOf(t, asJSON, &okrv1.TransferObjective{
			Objective: &okrv1.Objective{Id: "okr_0000000000001", Title: "Imported"},
			KeyResults: []*okrv1.TransferKeyResult{{
				KeyResult: &okrv1.KeyResult{Id: "kr_0000000000001", Title: "Imported"},
				CheckIns:  []*okrv1.CheckIn{{Id: "chk_0000000000001", Value: "10"}},
			}},
		})
		f.mustImport(deputy, asJSON, file)
		waits(t, f, &okrv1.KeyResult{Id: "kr_0000000000001"})
	})
}

func TestUndoingBringsBackWhetherAValueWasConfirmed(t *testing.T) {
	f, k, c := reportedValue(t)
	reported := f.seq()
	must(f.ConfirmCheckIn(f.as(employee), confirmation(k, c)))(t)
	f.checkInAs(reporter, k.GetId(), "50")
	f.undo(ceo, f.seq())
	if now := f.getKeyResult(k.GetId()); now.GetCurrentValue() != "40" || now.GetAgentReport() != nil {
		t.Errorf("the confirmed value came back as %v", now)
	}
	f.undo(ceo, reported+1)
	if now := f.getKeyResult(k.GetId()); now.GetAgentReport().GetCheckInId() != c.GetId() {
		t.Errorf("the value came back as %v", now)
	}
	must(f.ConfirmCheckIn(f.as(employee), confirmation(k, c)))(t)
}
