package api

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

func (f *fixture) activity(caller string, req *okrv1.ListClientActivityRequest) []*okrv1.ClientActivity {
	f.t.Helper()
	var all []*okrv1.ClientActivity
	req = proto.CloneOf(req)
	eachPage(f.t, func(token string) string {
		req.PageToken = token
		page := must(f.ListClientActivity(f.as(caller), req))(f.t)
		all = append(all, page.GetActivities()...)
		return page.GetNextPageToken()
	})
	return all
}

func TestWhatAClientDidIsSummedUp(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	k := f.createKeyResult(o.GetId(), "By ten")
	if got := f.activity(ceo, &okrv1.ListClientActivityRequest{}); len(got) > 0 {
		t.Errorf("what people did counts: %v", got)
	}
	f.clock.advance(time.Hour)
	first := f.clock.Now()
	must(f.UpdateObjective(f.as(objectivesAgent), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "A"}}))(t)
	f.clock.advance(time.Minute)
	must(f.UpdateObjective(f.as(objectivesAgent), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "B"}}))(t)
	f.clock.advance(time.Minute)
	f.checkInAs(reporter, k.GetId(), "40") // another token of the same client
	last := f.clock.Now()
	p := f.propose(reporter, &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "50"}})
	f.approve(employee, p.GetId())
	seq := f.seq()
	all := f.activity(ceo, &okrv1.ListClientActivityRequest{})
	if len(all) != 1 {
		t.Fatalf("there is %v", all)
	}
	got := all[0]
	if got.GetClientId() != testClient || got.GetClientName() != "Test Agent" || got.GetMember().GetMemberId() != "member-ceo-acme" {
		t.Errorf("it names %v", got)
	}
	if of := got.GetObjectives(); of.GetChanges() != 2 || of.GetFirstSeq() != 3 || of.GetLastSeq() != 4 || !of.GetFirstTime().AsTime().Equal(first) {
		t.Errorf("of objectives there is %v", of)
	}
	if of := got.GetKeyResults(); of.GetChanges() != 2 || of.GetLastSeq() != seq || !of.GetLastTime().AsTime().Equal(last) || !got.GetLastUseTime().AsTime().Equal(last) {
		t.Errorf("of key results there is %v", got)
	}
	t.Run("for each caller as far as it may read", func(t *testing.T) {
		others := f.activity(employee, &okrv1.ListClientActivityRequest{})[0]
		if others.GetLastUseTime() != nil || others.GetObjectives().GetChanges() != 2 {
			t.Errorf("another member sees %v", others)
		}
		if limited := f.activity(objectivesAgent, &okrv1.ListClientActivityRequest{})[0]; limited.GetKeyResults() != nil || limited.GetObjectives().GetChanges() != 2 {
			t.Errorf("who may not read key results sees %v", limited)
		}
		if foreign := f.activity(globexCEO, &okrv1.ListClientActivityRequest{}); len(foreign) > 0 {
			t.Errorf("another organization sees %v", foreign)
		}
	})
	t.Run("for the member or the client that is asked for", func(t *testing.T) {
		for _, test := range []struct {
			req  *okrv1.ListClientActivityRequest
			want int
		}{
			{&okrv1.ListClientActivityRequest{MemberId: "me"}, 1},
			{&okrv1.ListClientActivityRequest{MemberId: "member-ceo-acme", ClientId: testClient}, 1},
			{&okrv1.ListClientActivityRequest{MemberId: "member-ceo"}, 0},
			{&okrv1.ListClientActivityRequest{ClientId: "another"}, 0},
		} {
			if got := f.activity(ceo, test.req); len(got) != test.want {
				t.Errorf("%v answers %v", test.req, got)
			}
		}
		if got := f.activity(manager, &okrv1.ListClientActivityRequest{MemberId: "me"}); len(got) > 0 {
			t.Errorf("a member without agents has %v", got)
		}
	})
}

func TestReadingSaysOnceInAWhileThatAClientIsInUse(t *testing.T) {
	f := newFixture(t)
	used := func() time.Time {
		t.Helper()
		all := f.activity(ceo, &okrv1.ListClientActivityRequest{MemberId: "me"})
		if len(all) != 1 || all[0].GetObjectives() != nil || all[0].GetKeyResults() != nil {
			t.Fatalf("there is %v", all)
		}
		return all[0].GetLastUseTime().AsTime()
	}
	read := func() { must(f.ListObjectives(f.as(reader), &okrv1.ListObjectivesRequest{}))(t) }
	start := f.clock.Now()
	read()
	if got := used(); !got.Equal(start) {
		t.Errorf("used at %v, want %v", got, start)
	}
	f.clock.advance(usedEvery - time.Second)
	read()
	if got := used(); !got.Equal(start) {
		t.Errorf("within the hour it was written again: %v", got)
	}
	f.clock.advance(time.Second)
	read()
	if got := used(); !got.Equal(f.clock.Now()) {
		t.Errorf("after an hour it is %v", got)
	}
	if others := f.activity(employee, &okrv1.ListClientActivityRequest{}); len(others) > 0 {
		t.Errorf("others see %v, which changed nothing", others)
	}
	if f.seq() != 0 {
		t.Error("the log has something of it")
	}
}

func TestWhatVeryManyClientsDidComesInPages(t *testing.T) {
	f := newFixture(t)
	const n = 450
	err := f.engine.Update(t.Context(), acme, func(tx storage.Tx) error { return nil })
	for i := 0; err == nil && i < n; i++ {
		p := kittest.Agent(kittest.CEO(acme), "manage:objectives")
		p.ClientId = "client-" + f.server.newID("", f.clock.Now())
		_, err = f.server.CreateObjective(directly(t.Context(), p), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "O"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range f.activity(ceo, &okrv1.ListClientActivityRequest{PageSize: 200}) {
		seen[a.GetClientId()] = true
	}
	if len(seen) != n {
		t.Errorf("%d clients are listed, want %d", len(seen), n)
	}
	_, err = f.ListClientActivity(f.as(ceo), &okrv1.ListClientActivityRequest{PageToken: "AAAA"})
	wantReason(t, err, codes.InvalidArgument, "PAGE_TOKEN_INVALID")
}

func TestAFileOfSchema3GetsItsSums(t *testing.T) {
	f, k, _ := reportedValue(t)
	for range 120 { // more than one call takes
		f.checkInAs(reporter, k.GetId(), "50")
		f.undo(ceo, f.seq())
	}
	f.undo(ceo, f.seq())
	f.undo(reporter, f.seq()-2)
	before := map[string]map[string][]byte{}
	for _, prefix := range []string{prefixUndone, prefixActivity} {
		before[prefix] = contents(t, f.engine, acme, prefix)
	}
	err := f.engine.Update(t.Context(), acme, func(tx storage.Tx) error { return tx.Delete(activityKey("member-ceo-acme", testClient)) })
	for key := range before[prefixUndone] {
		if err == nil {
			err = f.engine.Update(t.Context(), acme, func(tx storage.Tx) error { return tx.Delete([]byte(key)) })
		}
	}
	calls := 0
	for next := []byte(nil); err == nil && (calls == 0 || len(next) > 0); calls++ {
		err = f.engine.Update(t.Context(), acme, func(tx storage.Tx) (err error) {
			next, err = upgradeTo4(tx, next)
			next = bytes.Clone(next)
			return err
		})
	}
	if err != nil || calls < 3 {
		t.Fatalf("in %d calls: %v", calls, err)
	}
	after := contents(t, f.engine, acme, prefixUndone)
	if len(after) != len(before[prefixUndone]) || len(after) < 100 {
		t.Errorf("%d changes are known to be undone, want %d", len(after), len(before[prefixUndone]))
	}
	for key, value := range before[prefixUndone] {
		if string(after[key]) != string(value) {
			t.Errorf("%q became %q, was %q", key, after[key], value)
		}
	}
	key := activityKey("member-ceo-acme", testClient)
	want := must(decode(before[prefixActivity][string(key)], new(okrv1.ClientActivity)))(t)
	want.LastUseTime = nil
	wantEqual(t, must(decode(contents(t, f.engine, acme, prefixActivity)[string(key)], new(okrv1.ClientActivity)))(t), want)
}
