package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	unknownProposal = "prp_0000000000000"
	proposing       = accessv1.WriteMode_WRITE_MODE_PROPOSE
	validating      = accessv1.WriteMode_WRITE_MODE_VALIDATE

	isOpen     = okrv1.ProposalState_PROPOSAL_STATE_OPEN
	approved   = okrv1.ProposalState_PROPOSAL_STATE_APPROVED
	rejected   = okrv1.ProposalState_PROPOSAL_STATE_REJECTED
	superseded = okrv1.ProposalState_PROPOSAL_STATE_SUPERSEDED
	expired    = okrv1.ProposalState_PROPOSAL_STATE_EXPIRED
	withdrawn  = okrv1.ProposalState_PROPOSAL_STATE_WITHDRAWN
)

// call makes the write of a request, whichever it is, in a mode.
func (f *fixture) call(caller string, req proto.Message, mode accessv1.WriteMode) (proto.Message, error) {
	f.t.Helper()
	req = proto.Clone(req)
	switch r := req.(type) {
	case *okrv1.CreateObjectiveRequest:
		r.Mode = mode
		return f.CreateObjective(f.as(caller), r)
	case *okrv1.UpdateObjectiveRequest:
		r.Mode = mode
		return f.UpdateObjective(f.as(caller), r)
	case *okrv1.CloseObjectiveRequest:
		r.Mode = mode
		return f.CloseObjective(f.as(caller), r)
	case *okrv1.ReopenObjectiveRequest:
		r.Mode = mode
		return f.ReopenObjective(f.as(caller), r)
	case *okrv1.ArchiveObjectiveRequest:
		r.Mode = mode
		return f.ArchiveObjective(f.as(caller), r)
	case *okrv1.RestoreObjectiveRequest:
		r.Mode = mode
		return f.RestoreObjective(f.as(caller), r)
	case *okrv1.DeleteObjectiveRequest:
		r.Mode = mode
		return f.DeleteObjective(f.as(caller), r)
	case *okrv1.CreateKeyResultRequest:
		r.Mode = mode
		return f.CreateKeyResult(f.as(caller), r)
	case *okrv1.UpdateKeyResultRequest:
		r.Mode = mode
		return f.UpdateKeyResult(f.as(caller), r)
	case *okrv1.SetKeyResultAttainmentRequest:
		r.Mode = mode
		return f.SetKeyResultAttainment(f.as(caller), r)
	case *okrv1.CreateCheckInRequest:
		r.Mode = mode
		return f.CreateCheckIn(f.as(caller), r)
	case *okrv1.DeleteKeyResultRequest:
		r.Mode = mode
		return f.DeleteKeyResult(f.as(caller), r)
	}
	f.t.Fatalf("no write: %T", req)
	return nil, nil
}

// parkedAs is the id in the answer to a write that was parked.
func parkedAs(t testing.TB, err error, reason string) string {
	t.Helper()
	wantReason(t, err, codes.FailedPrecondition, reason)
	id := rpcerr.InfoOf(err).GetMetadata()["proposal_id"]
	if !strings.HasPrefix(id, "prp_") {
		t.Fatalf("there is no proposal in %v", err)
	}
	return id
}

func (f *fixture) propose(caller string, req proto.Message) *okrv1.Proposal {
	f.t.Helper()
	_, err := f.call(caller, req, proposing)
	return f.proposal(parkedAs(f.t, err, "PROPOSED"))
}

func (f *fixture) proposal(id string) *okrv1.Proposal {
	f.t.Helper()
	return must(f.GetProposal(f.as(ceo), &okrv1.GetProposalRequest{ProposalId: id}))(f.t)
}

func (f *fixture) approve(caller, id string) *okrv1.Proposal {
	f.t.Helper()
	return must(f.ApproveProposal(f.as(caller), &okrv1.ApproveProposalRequest{ProposalId: id}))(f.t)
}

func (f *fixture) wantState(id string, want okrv1.ProposalState) {
	f.t.Helper()
	if got := f.proposal(id).GetState(); got != want {
		f.t.Errorf("the proposal is %v, want %v", got, want)
	}
}

// theWrites is one write of every kind that can be proposed, on an objective and a key result that came from setUp.
func theWrites(o *okrv1.Objective, k *okrv1.KeyResult, closed, archived string) map[string]proto.Message {
	return map[string]proto.Message{
		"CreateObjective":        &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "New", ParentId: o.GetId(), OwnerId: "me"}},
		"UpdateObjective":        &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Other", OwnerId: "me"}},
		"CloseObjective":         &okrv1.CloseObjectiveRequest{ObjectiveId: o.GetId(), Score: "0.7", ClosingNote: "Nearly"},
		"ReopenObjective":        &okrv1.ReopenObjectiveRequest{ObjectiveId: closed},
		"ArchiveObjective":       &okrv1.ArchiveObjectiveRequest{ObjectiveId: o.GetId()},
		"RestoreObjective":       &okrv1.RestoreObjectiveRequest{ObjectiveId: archived},
		"DeleteObjective":        &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()},
		"CreateKeyResult":        &okrv1.CreateKeyResultRequest{ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "New", OwnerId: "me"}},
		"UpdateKeyResult":        &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "Other", OwnerId: "me"}},
		"SetKeyResultAttainment": &okrv1.SetKeyResultAttainmentRequest{KeyResultId: k.GetId(), Attainment: new(int32(40))},
		"CreateCheckIn":          &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "30", Note: "On the way"}},
		"DeleteKeyResult":        &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId()},
	}
}

// setUp is an objective with a key result, and writes of every kind.
func (f *fixture) setUp() (*okrv1.Objective, *okrv1.KeyResult, map[string]proto.Message) {
	f.t.Helper()
	o := f.createObjective("Grow")
	k := f.createKeyResult(o.GetId(), "By ten")
	closed, archived := f.createObjective("Closed"), f.createObjective("Archived")
	must(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: closed.GetId(), Score: "1"}))(f.t)
	must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: archived.GetId()}))(f.t)
	o = f.getObjective(o.GetId())
	return o, k, theWrites(o, k, closed.GetId(), archived.GetId())
}

func TestAnAgentOfAnEmployeeProposesAndNothingChangesUntilTheCEOApproves(t *testing.T) {
	service := okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService").Methods()
	tested := 0
	for i := range service.Len() {
		name := string(service.Get(i).Name())
		if service.Get(i).Input().Fields().ByName("mode") == nil {
			continue
		}
		tested++
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			_, _, writes := f.setUp()
			req := writes[name]
			before, seq := f.everything(), f.seq()

			p := f.propose(assistant, req)
			wantEqual(t, f.everything(), before)
			if f.seq() != seq {
				t.Fatal("a proposal wrote a change")
			}
			if p.GetState() != isOpen || p.GetProposer().GetMemberId() != "member-employee-acme" || p.GetVia().GetClientId() != assistantClient ||
				p.GetBefore() == nil && p.GetAfter() == nil || p.GetWrite().GetRequest() == nil ||
				p.GetExpireTime().AsTime().Sub(p.GetCreateTime().AsTime()) != 14*24*time.Hour {
				t.Errorf("the proposal is %v", p)
			}

			done := f.approve(ceo, p.GetId())
			changes := f.changes(ceo)
			c := changes[len(changes)-1]
			if done.GetState() != approved || done.GetChangeSeq() != c.GetSeq() || c.GetSeq() != seq+1 ||
				done.GetDecider().GetMemberId() != "member-ceo-acme" || done.GetDecideTime() == nil {
				t.Errorf("approved it is %v", done)
			}
			if c.GetActor().GetMemberId() != "member-ceo-acme" || c.GetVia().GetClientId() != "" ||
				c.GetProposal().GetProposer().GetMemberId() != "member-employee-acme" || c.GetProposal().GetVia().GetClientId() != assistantClient ||
				c.GetProposal().GetProposalId() != p.GetId() || !proto.Equal(c.GetPermission(), p.GetPermission()) {
				t.Errorf("the change is %v", c)
			}
			if objectiveID, keyResultID := subject(c); done.GetObjectiveId() != objectiveID || done.GetKeyResultId() != keyResultID {
				t.Errorf("it is about %s and %s, the change about %s and %s", done.GetObjectiveId(), done.GetKeyResultId(), objectiveID, keyResultID)
			}
			if owner := c.GetAfter().GetObjective().GetOwnerId() + c.GetAfter().GetKeyResult().GetOwnerId(); owner != "" && owner != "member-employee-acme" {
				t.Errorf(`the proposer's "me" became %s`, owner)
			}

			// What came about is what a direct write would have brought about.
			direct := newFixture(t)
			_, _, writes = direct.setUp()
			must(direct.call(ceo, writes[name], 0))(t)
			wantSameButNames(t, f.everything(), direct.everything())
		})
	}
	if tested != 12 {
		t.Errorf("%d kinds of writes were tested", tested)
	}
}

// wantSameButNames compares objectives but for ids, times and people.
func wantSameButNames(t *testing.T, got, want *okrv1.ListObjectivesResponse) {
	t.Helper()
	for _, list := range []*okrv1.ListObjectivesResponse{got, want} {
		for _, o := range list.GetObjectives() {
			o.Id, o.ParentId, o.OwnerId, o.CreateTime, o.Creator, o.CloseTime, o.ArchiveTime = "", "", "", nil, nil, nil, nil
			for _, k := range o.GetKeyResults() {
				k.Id, k.ObjectiveId, k.OwnerId, k.CreateTime, k.Creator, k.LastCheckInTime = "", "", "", nil, nil, nil
			}
		}
	}
	wantEqual(t, got, want)
}

func TestAWriteThatIsTriedAnswersWhatWouldBecomeOfItAndChangesNothing(t *testing.T) {
	for name := range theWrites(nil, nil, "", "") {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			_, _, writes := f.setUp()
			before, seq, keys := f.everything(), f.seq(), f.keys(acme, "")
			tried := must(f.call(ceo, writes[name], validating))(t)
			wantEqual(t, f.everything(), before)
			if f.seq() != seq || f.keys(acme, "") != keys {
				t.Error("it left something behind")
			}
			m := tried.ProtoReflect()
			for _, field := range []string{"etag", "id"} {
				d := m.Descriptor().Fields().ByTextName(field)
				made := field == "etag" || strings.HasPrefix(name, "Create")
				if d != nil && made && m.Has(d) {
					t.Errorf("it names what there is not: %v", tried)
				}
			}
			done := must(f.call(ceo, writes[name], 0))(t)
			for _, m := range []proto.Message{tried, done} {
				for _, field := range []string{"etag", "id"} {
					if d := m.ProtoReflect().Descriptor().Fields().ByTextName(field); d != nil {
						m.ProtoReflect().Clear(d)
					}
				}
			}
			wantEqual(t, tried, done)
		})
	}
	t.Run("what is wrong with it is said", func(t *testing.T) {
		f := newFixture(t)
		_, err := f.call(ceo, &okrv1.DeleteObjectiveRequest{ObjectiveId: unknownObjective}, validating)
		wantReason(t, err, codes.NotFound, "OBJECTIVE_NOT_FOUND")
		_, err = f.call(employee, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "New"}}, validating)
		wantReason(t, err, codes.PermissionDenied, "ROLE_MISSING")
	})
}

func TestAProposalThatCouldNotBeMadeIsRefusedAtOnce(t *testing.T) {
	f := newFixture(t)
	o, _, _ := f.setUp()
	for _, test := range []struct {
		name, caller string
		req          proto.Message
		code         codes.Code
		reason       string
	}{
		{"what is not there", assistant, &okrv1.DeleteObjectiveRequest{ObjectiveId: unknownObjective}, codes.NotFound, "OBJECTIVE_NOT_FOUND"},
		{"a stale etag", assistant, &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId(), Etag: "stale"}, codes.Aborted, "ETAG_MISMATCH"},
		{"an empty title", assistant, &okrv1.UpdateObjectiveRequest{
			Objective: &okrv1.Objective{Id: o.GetId()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"title"}},
		}, codes.InvalidArgument, "FIELD_INVALID"},
		{"a scope that does not cover it", reader, &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}, codes.PermissionDenied, "SCOPE_MISSING"},
		{"an unknown mode", ceo, &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId(), Mode: 17}, codes.InvalidArgument, "FIELD_INVALID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mode := proposing
			if test.caller == ceo {
				mode = 17
			}
			_, err := f.call(test.caller, test.req, mode)
			wantReason(t, err, test.code, test.reason)
		})
	}
	if n := f.keys(acme, prefixProposal) + f.keys(acme, prefixUndecided); n != 0 {
		t.Errorf("%d keys of proposals", n)
	}
	same := must(f.call(assistant, &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: o.GetTitle()}}, proposing))(t)
	if got := same.(*okrv1.Objective); got.GetEtag() != o.GetEtag() || f.keys(acme, prefixProposal) != 0 {
		t.Errorf("what is so already is answered with %v", got)
	}
}

func TestNoAccessTokenDecidesOnAProposal(t *testing.T) {
	f := newFixture(t)
	o, _, _ := f.setUp()
	p := f.propose(assistant, &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()})
	for _, agent := range []string{assistant, deputy, objectivesAgent, reporter, reader, creator} {
		_, err := f.ApproveProposal(f.as(agent), &okrv1.ApproveProposalRequest{ProposalId: p.GetId()})
		wantReason(t, err, codes.PermissionDenied, "SESSION_REQUIRED")
		_, err = f.RejectProposal(f.as(agent), &okrv1.RejectProposalRequest{ProposalId: p.GetId()})
		wantReason(t, err, codes.PermissionDenied, "SESSION_REQUIRED")
		_, err = f.SetProposeOnly(f.as(agent), &okrv1.SetProposeOnlyRequest{})
		wantReason(t, err, codes.PermissionDenied, "SESSION_REQUIRED")
	}
	for _, member := range []string{employee, manager} { // in person, and without the permission
		_, err := f.ApproveProposal(f.as(member), &okrv1.ApproveProposalRequest{ProposalId: p.GetId()})
		wantReason(t, err, codes.PermissionDenied, "ROLE_MISSING")
		if needed := rpcerr.InfoOf(err).GetMetadata()["permission"]; needed != "objective:delete" {
			t.Errorf("it names %s", needed)
		}
		_, err = f.RejectProposal(f.as(member), &okrv1.RejectProposalRequest{ProposalId: p.GetId()})
		wantReason(t, err, codes.PermissionDenied, "ROLE_MISSING")
		_, err = f.SetProposeOnly(f.as(member), &okrv1.SetProposeOnlyRequest{})
		wantReason(t, err, codes.PermissionDenied, "ROLE_MISSING")
	}
	f.wantState(p.GetId(), isOpen)
	f.getObjective(o.GetId())
}

func TestAProposalNeverAppliesToWhatHasMoved(t *testing.T) {
	change := map[string]func(f *fixture, o *okrv1.Objective, k *okrv1.KeyResult){
		"the objective was changed": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Moved"}}))(f.t)
		},
		"the objective was changed and changed back": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			for _, title := range []string{"Moved", o.GetTitle()} {
				must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: title}}))(f.t)
			}
		},
		"the objective was deleted": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(f.t)
		},
		"the objective was deleted and brought back": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(f.t)
			f.undo(ceo, f.seq())
		},
		"the key result was changed": func(f *fixture, _ *okrv1.Objective, k *okrv1.KeyResult) {
			must(f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "Moved"}}))(f.t)
		},
		"somebody checked in": func(f *fixture, _ *okrv1.Objective, k *okrv1.KeyResult) { f.setAttainment(k.GetId(), 77) },
		"a key result was added": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			f.createKeyResult(o.GetId(), "Another")
		},
		"the key result was deleted": func(f *fixture, _ *okrv1.Objective, k *okrv1.KeyResult) {
			must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId()}))(f.t)
		},
	}
	ofObjective := []string{"CreateObjective", "UpdateObjective", "CloseObjective", "ArchiveObjective", "CreateKeyResult"}
	ofKeyResult := []string{"UpdateKeyResult", "SetKeyResultAttainment", "CreateCheckIn", "DeleteKeyResult"}
	moves := map[string][]string{
		"the objective was changed":                  append([]string{"DeleteObjective"}, ofObjective...),
		"the objective was changed and changed back": append([]string{"DeleteObjective"}, ofObjective...),
		"the objective was deleted":                  append(append([]string{"DeleteObjective"}, ofObjective...), ofKeyResult...),
		"the objective was deleted and brought back": append([]string{"DeleteObjective"}, ofObjective...),
		"the key result was changed":                 append([]string{"DeleteObjective"}, ofKeyResult...),
		"somebody checked in":                        append([]string{"DeleteObjective"}, ofKeyResult...),
		"a key result was added":                     {"DeleteObjective"},
		"the key result was deleted":                 append([]string{"DeleteObjective"}, ofKeyResult...),
	}
	for name, move := range change {
		for _, write := range moves[name] {
			t.Run(name+", "+write, func(t *testing.T) {
				f := newFixture(t)
				o, k, writes := f.setUp()
				p := f.propose(assistant, writes[write])
				move(f, o, k)
				before, seq := f.everything(), f.seq()
				f.wantState(p.GetId(), superseded)
				for range 2 {
					_, err := f.ApproveProposal(f.as(ceo), &okrv1.ApproveProposalRequest{ProposalId: p.GetId(), RequestId: "once"})
					wantReason(t, err, codes.Aborted, "PROPOSAL_SUPERSEDED")
				}
				_, err := f.RejectProposal(f.as(ceo), &okrv1.RejectProposalRequest{ProposalId: p.GetId()})
				wantReason(t, err, codes.Aborted, "PROPOSAL_SUPERSEDED")
				wantEqual(t, f.everything(), before)
				if f.seq() != seq {
					t.Error("it was applied")
				}
				if got := f.proposal(p.GetId()); got.GetState() != superseded || got.GetDecideTime() == nil || f.keys(acme, prefixUndecided) != 0 {
					t.Errorf("it is %v", got)
				}
			})
		}
	}
	t.Run("what others change elsewhere does not matter", func(t *testing.T) {
		f := newFixture(t)
		o, k, writes := f.setUp()
		p := f.propose(assistant, writes["UpdateObjective"])
		change["somebody checked in"](f, o, k)
		change["a key result was added"](f, o, k)
		f.createObjective("Elsewhere")
		f.approve(ceo, p.GetId())
	})
}

func TestAProposalExpires(t *testing.T) {
	f := newFixture(t)
	o, _, writes := f.setUp()
	p := f.propose(assistant, writes["UpdateObjective"])
	f.clock.advance(14*24*time.Hour - time.Second)
	f.wantState(p.GetId(), isOpen)
	f.clock.advance(time.Second)
	f.wantState(p.GetId(), expired)
	_, err := f.ApproveProposal(f.as(ceo), &okrv1.ApproveProposalRequest{ProposalId: p.GetId()})
	wantReason(t, err, codes.FailedPrecondition, "PROPOSAL_NOT_OPEN")
	if state := rpcerr.InfoOf(err).GetMetadata()["state"]; state != "EXPIRED" {
		t.Errorf("it says %s", state)
	}
	_, err = f.WithdrawProposal(f.as(assistant), &okrv1.WithdrawProposalRequest{ProposalId: p.GetId()})
	wantReason(t, err, codes.FailedPrecondition, "PROPOSAL_NOT_OPEN")
	if got := f.getObjective(o.GetId()); got.GetTitle() != "Grow" {
		t.Errorf("the objective is %v", got)
	}
	open := must(f.ListProposals(f.as(ceo), &okrv1.ListProposalsRequest{State: isOpen}))(t)
	past := must(f.ListProposals(f.as(ceo), &okrv1.ListProposalsRequest{State: expired}))(t)
	if len(open.GetProposals()) != 0 || len(past.GetProposals()) != 1 {
		t.Errorf("open are %v, expired %v", open, past)
	}

	// It makes room for others, and is gone after a time.
	f.propose(assistant, writes["UpdateObjective"])
	if n := f.keys(acme, prefixUndecided); n != 1 {
		t.Errorf("%d are counted as open", n)
	}
	f.clock.advance(proposalRetention)
	f.propose(assistant, writes["UpdateObjective"])
	_, err = f.GetProposal(f.as(ceo), &okrv1.GetProposalRequest{ProposalId: p.GetId()})
	wantReason(t, err, codes.NotFound, "PROPOSAL_NOT_FOUND")
}

func TestAProposalIsRejectedOrWithdrawnOnce(t *testing.T) {
	f := newFixture(t)
	_, _, writes := f.setUp()
	reject := f.propose(assistant, writes["UpdateObjective"]).GetId()
	p := must(f.RejectProposal(f.as(ceo), &okrv1.RejectProposalRequest{ProposalId: reject, Reason: "Not now"}))(t)
	if p.GetState() != rejected || p.GetReason() != "Not now" || p.GetDecider().GetMemberId() != "member-ceo-acme" {
		t.Errorf("rejected it is %v", p)
	}
	_, err := f.ApproveProposal(f.as(ceo), &okrv1.ApproveProposalRequest{ProposalId: reject})
	wantReason(t, err, codes.FailedPrecondition, "PROPOSAL_NOT_OPEN")

	withdraw := f.propose(assistant, writes["UpdateObjective"]).GetId()
	for _, other := range []string{ceo, manager, deputy, reader} {
		_, err := f.WithdrawProposal(f.as(other), &okrv1.WithdrawProposalRequest{ProposalId: withdraw})
		wantReason(t, err, codes.NotFound, "PROPOSAL_NOT_FOUND")
	}
	p = must(f.WithdrawProposal(f.as(assistant), &okrv1.WithdrawProposalRequest{ProposalId: withdraw}))(t)
	if p.GetState() != withdrawn {
		t.Errorf("withdrawn it is %v", p)
	}
	_, err = f.ApproveProposal(f.as(ceo), &okrv1.ApproveProposalRequest{ProposalId: withdraw})
	wantReason(t, err, codes.FailedPrecondition, "PROPOSAL_NOT_OPEN")

	byAgent := f.propose(assistant, writes["UpdateObjective"]).GetId()
	must(f.WithdrawProposal(f.as(employee), &okrv1.WithdrawProposalRequest{ProposalId: byAgent}))(t)
	inPerson := f.propose(employee, writes["UpdateObjective"]).GetId()
	_, err = f.WithdrawProposal(f.as(assistant), &okrv1.WithdrawProposalRequest{ProposalId: inPerson})
	wantReason(t, err, codes.NotFound, "PROPOSAL_NOT_FOUND")
}

func TestProposalsAndDecisionsCanBeRepeated(t *testing.T) {
	f := newFixture(t)
	o, _, _ := f.setUp()
	req := &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Other"}, RequestId: "propose-1"}
	_, err := f.call(assistant, req, proposing)
	id := parkedAs(t, err, "PROPOSED")
	_, err = f.call(assistant, req, proposing)
	if again := parkedAs(t, err, "PROPOSED"); again != id || f.keys(acme, prefixProposal) != 1 {
		t.Errorf("repeated it is %s, first %s", again, id)
	}
	_, err = f.call(ceo, req, proposing)
	if other := parkedAs(t, err, "PROPOSED"); other == id {
		t.Error("another caller's request id gets the same answer")
	}
	_, err = f.call(assistant, &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "X"}, RequestId: "propose-1"}, proposing)
	wantReason(t, err, codes.InvalidArgument, "REQUEST_ID_REUSED")

	approve := &okrv1.ApproveProposalRequest{ProposalId: id, RequestId: "approve-1"}
	first := must(f.ApproveProposal(f.as(ceo), approve))(t)
	seq := f.seq()
	wantEqual(t, must(f.ApproveProposal(f.as(ceo), approve))(t), first)
	if f.seq() != seq {
		t.Error("it was approved twice")
	}
	_, err = f.ApproveProposal(f.as(ceo), &okrv1.ApproveProposalRequest{ProposalId: id})
	wantReason(t, err, codes.FailedPrecondition, "PROPOSAL_NOT_OPEN")
}

func TestACallerSeesProposalsAboutWhatItMayRead(t *testing.T) {
	f := newFixture(t)
	o, k, writes := f.setUp()
	byKind := map[string]string{}
	for _, name := range []string{"UpdateObjective", "DeleteObjective", "UpdateKeyResult", "CreateCheckIn"} {
		byKind[name] = f.propose(assistant, writes[name]).GetId()
	}
	listed := func(caller string, req *okrv1.ListProposalsRequest) []string {
		var ids []string
		req.PageSize = 1
		eachPage(t, func(token string) string {
			req.PageToken = token
			page := must(f.ListProposals(f.as(caller), req))(t)
			for _, p := range page.GetProposals() {
				ids = append(ids, p.GetId())
			}
			return page.GetNextPageToken()
		})
		return ids
	}
	all := []string{byKind["CreateCheckIn"], byKind["UpdateKeyResult"], byKind["DeleteObjective"], byKind["UpdateObjective"]}
	for _, test := range []struct {
		name, caller string
		req          *okrv1.ListProposalsRequest
		want         []string
	}{
		{"everything, newest first", ceo, &okrv1.ListProposalsRequest{}, all},
		{"those that are open", employee, &okrv1.ListProposalsRequest{State: isOpen}, all},
		{"objectives alone", objectivesAgent, &okrv1.ListProposalsRequest{}, all[2:]},
		{"key results alone", reporter, &okrv1.ListProposalsRequest{State: isOpen}, all[:2]},
		{"the caller's", assistant, &okrv1.ListProposalsRequest{MemberId: "me", ClientId: assistantClient}, all},
		{"somebody else's", ceo, &okrv1.ListProposalsRequest{MemberId: "me"}, nil},
		{"another client's", ceo, &okrv1.ListProposalsRequest{ClientId: testClient}, nil},
		{"those that were approved", ceo, &okrv1.ListProposalsRequest{State: approved}, nil},
		{"of another organization", globexCEO, &okrv1.ListProposalsRequest{}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := listed(test.caller, test.req); fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	_, err := f.GetProposal(f.as(reporter), &okrv1.GetProposalRequest{ProposalId: byKind["UpdateObjective"]})
	wantReason(t, err, codes.NotFound, "PROPOSAL_NOT_FOUND")
	deletion := must(f.GetProposal(f.as(objectivesAgent), &okrv1.GetProposalRequest{ProposalId: byKind["DeleteObjective"]}))(t)
	if text := deletion.String(); strings.Contains(text, k.GetId()) || !strings.Contains(text, o.GetId()) {
		t.Errorf("who may not read key results sees %s", text)
	}
	if text := f.proposal(byKind["DeleteObjective"]).String(); !strings.Contains(text, k.GetId()) {
		t.Errorf("who may read key results sees %s", text)
	}
}

func TestAProposalHoldsNothingThatWouldNotBeSet(t *testing.T) {
	f := newFixture(t)
	o, _, _ := f.setUp()
	p := f.propose(assistant, &okrv1.UpdateObjectiveRequest{
		Objective: &okrv1.Objective{
			Id: o.GetId(), Etag: o.GetEtag(), Title: "Other", Description: "\u202ehidden", KeyResults: []*okrv1.KeyResult{{Title: "smuggled"}},
			ClosingNote: "smuggled",
		},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"title"}}, RequestId: "one",
	})
	wantEqual(t, p.GetWrite().GetUpdateObjective(), &okrv1.UpdateObjectiveRequest{
		Objective:  &okrv1.Objective{Id: o.GetId(), Etag: o.GetEtag(), Title: "Other"},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"title"}},
	})
}

func TestOnlySoManyProposalsAreOpen(t *testing.T) {
	f := newFixture(t)
	o, _, _ := f.setUp()
	propose := func(caller string) error {
		_, err := f.call(caller, &okrv1.CreateKeyResultRequest{ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "One more"}}, proposing)
		return err
	}
	var last string
	for range maxOpenProposalsOfOne {
		last = parkedAs(t, propose(assistant), "PROPOSED")
	}
	err := propose(assistant)
	wantReason(t, err, codes.FailedPrecondition, "PROPOSAL_LIMIT_REACHED")
	if limit := rpcerr.InfoOf(err).GetMetadata()["limit"]; limit != "50" {
		t.Errorf("the limit is %s", limit)
	}
	parkedAs(t, propose(employee), "PROPOSED") // others go on
	must(f.WithdrawProposal(f.as(assistant), &okrv1.WithdrawProposalRequest{ProposalId: last}))(t)
	parkedAs(t, propose(assistant), "PROPOSED")
	wantReason(t, propose(assistant), codes.FailedPrecondition, "PROPOSAL_LIMIT_REACHED")

	// What is superseded makes room when it is needed.
	must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Moved"}}))(t)
	parkedAs(t, propose(assistant), "PROPOSED")

	for n := range maxOpenProposals { // of members that the fixture does not know
		err := f.server.engine.Update(t.Context(), acme, putUndecided(fmt.Sprintf("prp_%013d", n), f.clock.Now().Add(time.Hour)))
		if err != nil {
			t.Fatal(err)
		}
	}
	err = propose(ceo)
	if status.Code(err) != codes.FailedPrecondition || rpcerr.InfoOf(err).GetMetadata()["limit"] != "200" {
		t.Errorf("the organization's limit: %v", err)
	}
}

func TestAClientOfWhichAnAdminSaysSoOnlyProposes(t *testing.T) {
	for _, test := range []struct {
		name string
		req  *okrv1.SetProposeOnlyRequest
	}{
		{"one client", &okrv1.SetProposeOnlyRequest{ClientId: testClient, ProposeOnly: true}},
		{"every agent", &okrv1.SetProposeOnlyRequest{ProposeOnly: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			o, _, writes := f.setUp()
			must(f.SetProposeOnly(f.as(ceo), &okrv1.SetProposeOnlyRequest{ClientId: "another", ProposeOnly: true}))(t)
			must(f.call(deputy, writes["CreateKeyResult"], 0))(t)
			must(f.SetProposeOnly(f.as(ceo), test.req))(t)
			before, seq := f.everything(), f.seq()
			for name, write := range writes {
				_, err := f.call(deputy, write, 0)
				p := f.proposal(parkedAs(t, err, "PROPOSE_ONLY"))
				if p.GetVia().GetClientId() != testClient || p.GetState() != isOpen {
					t.Errorf("%s is parked as %v", name, p)
				}
			}
			_, err := f.UndoChange(f.as(deputy), &okrv1.UndoChangeRequest{Seq: 1})
			wantReason(t, err, codes.FailedPrecondition, "PROPOSE_ONLY")
			_, err = f.UndoClientChanges(f.as(deputy), &okrv1.UndoClientChangesRequest{ClientId: testClient})
			wantReason(t, err, codes.FailedPrecondition, "PROPOSE_ONLY")
			_, err = methods()["ImportObjectives"](f, f.as(deputy), "okr_0000000000001", "kr_0000000000001")
			wantReason(t, err, codes.FailedPrecondition, "PROPOSE_ONLY")
			wantEqual(t, f.everything(), before)
			if f.seq() != seq {
				t.Error("something was written")
			}
			tried := must(f.call(deputy, writes["UpdateObjective"], validating))(t).(*okrv1.Objective)
			if tried.GetTitle() != "Other" {
				t.Errorf("it tries %v", tried)
			}
			must(f.call(ceo, writes["CreateObjective"], 0))(t) // members in person write as ever
			if got := f.getObjective(o.GetId()).GetTitle(); got != "Grow" {
				t.Errorf("the objective is %s", got)
			}
			off := proto.CloneOf(test.req)
			off.ProposeOnly = false
			must(f.SetProposeOnly(f.as(ceo), off))(t)
			must(f.call(deputy, writes["UpdateObjective"], 0))(t)
		})
	}
}

func TestTheSettingsOfAgentsAreKept(t *testing.T) {
	f := newFixture(t)
	if settings := must(f.GetAgentSettings(f.as(reader), &okrv1.GetAgentSettingsRequest{}))(t); !proto.Equal(settings, &okrv1.AgentSettings{}) {
		t.Errorf("at first they are %v", settings)
	}
	for _, id := range []string{"b", "a", "c", "a"} {
		must(f.SetProposeOnly(f.as(ceo), &okrv1.SetProposeOnlyRequest{ClientId: id, ProposeOnly: true}))(t)
	}
	must(f.SetProposeOnly(f.as(ceo), &okrv1.SetProposeOnlyRequest{ClientId: "c"}))(t)
	settings := must(f.GetAgentSettings(f.as(employee), &okrv1.GetAgentSettingsRequest{}))(t)
	if len(settings.GetClients()) != 2 || settings.GetClients()[0].GetClientId() != "a" || settings.GetClients()[1].GetClientId() != "b" ||
		settings.GetClients()[0].GetCreator().GetMemberId() != "member-ceo-acme" || settings.GetUpdater() == nil || settings.GetProposeOnly() {
		t.Errorf("they are %v", settings)
	}
	for n := range maxAgentClients - 2 {
		must(f.SetProposeOnly(f.as(ceo), &okrv1.SetProposeOnlyRequest{ClientId: fmt.Sprint("d", n), ProposeOnly: true}))(t)
	}
	_, err := f.SetProposeOnly(f.as(ceo), &okrv1.SetProposeOnlyRequest{ClientId: "one more", ProposeOnly: true})
	wantReason(t, err, codes.FailedPrecondition, "AGENT_LIMIT_REACHED")
	if settings := must(f.GetAgentSettings(f.as(globexCEO), &okrv1.GetAgentSettingsRequest{}))(t); len(settings.GetClients()) != 0 {
		t.Errorf("another organization has %v", settings)
	}
}

func TestWhatAClientProposedCountsAsItsOwn(t *testing.T) {
	f := newFixture(t)
	_, _, writes := f.setUp()
	seq := f.seq()
	before := f.everything()
	for _, name := range []string{"UpdateObjective", "UpdateKeyResult"} {
		f.approve(ceo, f.propose(assistant, writes[name]).GetId())
	}
	for _, req := range []*okrv1.ListChangesRequest{{ClientId: assistantClient}, {MemberId: "member-employee-acme"}} {
		if got := must(f.ListChanges(f.as(ceo), req))(t).GetChanges(); len(got) != 2 || got[0].GetSeq() != seq+1 {
			t.Errorf("listed by %v are %v", req, got)
		}
	}
	results := f.undoClient(ceo, &okrv1.UndoClientChangesRequest{ClientId: assistantClient})
	if counts := outcomes(results); counts[undone] != 2 || len(results) != 2 {
		t.Errorf("undone are %v", results)
	}
	wantEqual(t, f.everything(), before)
}
