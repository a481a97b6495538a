package api

import (
	"testing"
	"time"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// proposalsWatch is a stream with the last that it said of proposals.
type proposalsWatch struct {
	t      *testing.T
	stream changeStream
	etag   string
}

// watchProposals opens a stream after a position and takes its first message.
func (f *fixture) watchProposals(caller, after string) *proposalsWatch {
	f.t.Helper()
	stream := must(f.WatchChanges(f.as(caller), &okrv1.WatchChangesRequest{AfterCursor: after}))(f.t)
	first := must(stream.Recv())(f.t)
	if first.GetProposalsEtag() == "" {
		f.t.Error("the first message says nothing of proposals")
	}
	return &proposalsWatch{f.t, stream, first.GetProposalsEtag()}
}

// others takes messages until one says that the proposals are others.
func (w *proposalsWatch) others() {
	w.t.Helper()
	for {
		m := must(w.stream.Recv())(w.t)
		switch etag := m.GetProposalsEtag(); {
		case m.GetChange() != nil:
			if etag != "" {
				w.t.Errorf("the change %d says something of proposals", m.GetChange().GetSeq())
			}
		case etag == "":
			w.t.Error("a heartbeat says nothing of proposals")
		case etag != w.etag:
			w.etag = etag
			return
		}
	}
}

// same takes messages up to the change of a title, and finds that none says that the proposals are others.
func (w *proposalsWatch) same(title string) {
	w.t.Helper()
	for {
		m := must(w.stream.Recv())(w.t)
		if etag := m.GetProposalsEtag(); etag != "" && etag != w.etag {
			w.t.Errorf("the proposals are others than before, up to %s", title)
			w.etag = etag
		}
		after := m.GetChange().GetAfter()
		if after.GetObjective().GetTitle() == title || after.GetKeyResult().GetTitle() == title {
			return
		}
	}
}

// In the fixture a heartbeat that is not for the proposals' sake comes later than any test waits.
func TestAWatchSaysAtOnceThatProposalsAreOthers(t *testing.T) {
	f := newFixture(t)
	o, _, writes := f.setUp()
	w := f.watchProposals(ceo, "")
	seen := map[string]string{w.etag: "before"}
	step := func(what string, do func()) {
		t.Helper()
		do()
		w.others()
		if earlier := seen[w.etag]; earlier != "" {
			t.Errorf("%s is like %s", what, earlier)
		}
		seen[w.etag] = what
	}
	var p *okrv1.Proposal
	step("one is made", func() { p = f.propose(assistant, writes["UpdateObjective"]) })
	step("it is withdrawn", func() {
		must(f.WithdrawProposal(f.as(assistant), &okrv1.WithdrawProposalRequest{ProposalId: p.GetId()}))(t)
	})
	step("a second is made", func() { p = f.propose(assistant, writes["UpdateObjective"]) })
	step("it is rejected", func() {
		must(f.RejectProposal(f.as(ceo), &okrv1.RejectProposalRequest{ProposalId: p.GetId()}))(t)
	})
	step("a third is made", func() { p = f.propose(assistant, writes["UpdateKeyResult"]) })
	step("it is approved", func() { f.approve(ceo, p.GetId()) })
	step("a fourth is made", func() { p = f.propose(assistant, writes["UpdateObjective"]) })

	// Nothing else is like that, and what supersedes a proposal is a change.
	must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Moved"}}))(t)
	w.same("Moved")
	f.wantState(p.GetId(), superseded)
	step("that it is superseded is found", func() {
		if _, err := f.ApproveProposal(f.as(ceo), &okrv1.ApproveProposalRequest{ProposalId: p.GetId()}); err == nil {
			t.Error("it is approved")
		}
	})
	if found := checked(t, f.engine); found.Found != 0 {
		t.Errorf("the check finds %v", found.Problems)
	}
}

func TestAWatchThatComesBackSeesWhetherProposalsWereOthersMeanwhile(t *testing.T) {
	f := newFixture(t)
	_, _, writes := f.setUp()
	f.propose(assistant, writes["UpdateObjective"])
	first := f.watchProposals(ceo, "")
	f.createObjective("Else")
	if again := f.watchProposals(ceo, f.server.cursor(acme, 1)); again.etag != first.etag {
		t.Error("nothing was proposed, and it says otherwise")
	}
	if other := f.watchProposals(employee, ""); other.etag != first.etag {
		t.Error("who may read the same is told another state")
	}
	f.propose(assistant, writes["UpdateKeyResult"])
	if again := f.watchProposals(ceo, f.server.cursor(acme, 1)); again.etag == first.etag {
		t.Error("what was proposed meanwhile is not seen")
	}
}

func TestAWatchSaysNothingOfProposalsThatItsCallerMayNotRead(t *testing.T) {
	f := newFixture(t)
	o, _, writes := f.setUp()
	objectives, results, other := f.watchProposals(objectivesAgent, ""), f.watchProposals(reporter, ""), f.watchProposals(globexCEO, "")
	marks := 0
	mark := func() (objective, keyResult string) { // changes that end what each has to look through
		marks++
		objective, keyResult = "Mark "+string(rune('a'+marks)), "Mark "+string(rune('A'+marks))
		f.createObjective(objective)
		f.createKeyResult(o.GetId(), keyResult)
		return objective, keyResult
	}
	p := f.propose(assistant, writes["CreateCheckIn"])
	results.others()
	must(f.RejectProposal(f.as(ceo), &okrv1.RejectProposalRequest{ProposalId: p.GetId()}))(t)
	results.others()
	objective, keyResult := mark()
	objectives.same(objective)
	results.same(keyResult)

	p = f.propose(assistant, writes["UpdateObjective"])
	objectives.others()
	f.clock.advance(time.Minute)
	f.propose(assistant, writes["DeleteObjective"])
	objectives.others()
	f.approve(ceo, p.GetId())
	objectives.others()
	_, keyResult = mark()
	results.same(keyResult)

	must(f.CreateObjective(f.as(globexCEO), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Theirs"}}))(t)
	other.same("Theirs")
}

func TestAWatchSaysThatProposalsHaveExpired(t *testing.T) {
	f := newFixtureOn(t, newEngine(t), 20*time.Millisecond)
	_, _, writes := f.setUp()
	f.propose(assistant, writes["UpdateKeyResult"])
	f.clock.advance(time.Hour)
	f.propose(assistant, writes["UpdateObjective"])
	everything, objectives := f.watchProposals(ceo, ""), f.watchProposals(objectivesAgent, "")
	f.clock.advance(14*24*time.Hour - time.Hour) // the first
	everything.others()
	f.createObjective("Between")
	objectives.same("Between")
	f.clock.advance(time.Hour) // the second
	everything.others()
	objectives.others()
	f.createObjective("Behind")
	everything.same("Behind")
	objectives.same("Behind")
}

func TestAWatchOnOneReplicaHearsOfProposalsMadeOnAnother(t *testing.T) {
	a, b := newReplicas(t)
	here, there := newFixtureOn(t, a, 15*time.Second), newFixtureOn(t, b, 15*time.Second)
	_, _, writes := here.setUp()
	w, own := here.watchProposals(ceo, ""), there.watchProposals(ceo, "")
	if w.etag != own.etag {
		t.Error("two replicas call the same state by two names")
	}
	p := there.propose(assistant, writes["UpdateObjective"])
	w.others()
	own.others()
	here.approve(ceo, p.GetId())
	w.others()
	own.others()
	if w.etag != own.etag {
		t.Error("two replicas call the same state by two names")
	}
}
