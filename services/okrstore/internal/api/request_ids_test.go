package api

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// Every mutation goes through the same code, so one call of each shows that each takes part.
func TestEveryMutationIsSafeToRepeatUnderItsRequestID(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	k := f.createKeyResult(o.GetId(), "By ten")
	doomed, doomedResult := f.createObjective("Doomed"), f.createKeyResult(o.GetId(), "Doomed")
	calls := map[string]func(context.Context) (proto.Message, error){
		"CreateObjective": func(ctx context.Context) (proto.Message, error) {
			return f.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "X"}, RequestId: "1"})
		},
		"UpdateObjective": func(ctx context.Context) (proto.Message, error) {
			return f.UpdateObjective(ctx, &okrv1.UpdateObjectiveRequest{
				Objective: &okrv1.Objective{Id: o.GetId(), Title: "Y", Etag: o.GetEtag()}, RequestId: "1",
			})
		},
		"DeleteObjective": func(ctx context.Context) (proto.Message, error) {
			return f.DeleteObjective(ctx, &okrv1.DeleteObjectiveRequest{ObjectiveId: doomed.GetId(), RequestId: "1"})
		},
		"CreateKeyResult": func(ctx context.Context) (proto.Message, error) {
			return f.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{
				ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "X"}, RequestId: "1",
			})
		},
		"UpdateKeyResult": func(ctx context.Context) (proto.Message, error) {
			return f.UpdateKeyResult(ctx, &okrv1.UpdateKeyResultRequest{
				KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "Y"}, RequestId: "1",
			})
		},
		"SetKeyResultAttainment": func(ctx context.Context) (proto.Message, error) {
			return f.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{
				KeyResultId: k.GetId(), Attainment: new(int32(7)), RequestId: "1",
			})
		},
		"DeleteKeyResult": func(ctx context.Context) (proto.Message, error) {
			return f.DeleteKeyResult(ctx, &okrv1.DeleteKeyResultRequest{KeyResultId: doomedResult.GetId(), RequestId: "1"})
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			before := len(f.changes(ceo))
			first := must(call(f.as(ceo)))(t)
			f.clock.advance(time.Second)
			wantEqual(t, must(call(f.as(ceo)))(t), first)
			log := f.changes(ceo)
			if n := len(log) - before; n != 1 {
				t.Errorf("%d changes, want 1", n)
			}
			if id := log[len(log)-1].GetRequestId(); id != "1" {
				t.Errorf("the change has the request id %q", id)
			}
		})
	}
}

func TestRequestIDs(t *testing.T) {
	create := func(f *fixture, caller, title, id string) (*okrv1.Objective, error) {
		return f.CreateObjective(f.as(caller), &okrv1.CreateObjectiveRequest{
			Objective: &okrv1.Objective{Title: title}, RequestId: id,
		})
	}
	t.Run("with another payload are refused", func(t *testing.T) {
		f := newFixture(t)
		must(create(f, ceo, "A", "1"))(t)
		_, err := create(f, ceo, "B", "1")
		wantReason(t, err, codes.InvalidArgument, "REQUEST_ID_REUSED")
		if n := len(f.changes(ceo)); n != 1 {
			t.Errorf("%d changes, want 1", n)
		}
	})
	t.Run("of calls without effect count, too", func(t *testing.T) {
		f := newFixture(t)
		o := f.createObjective("A")
		update := func(title string) error {
			_, err := f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{
				Objective: &okrv1.Objective{Id: o.GetId(), Title: title}, RequestId: "1",
			})
			return err
		}
		if err := update("A"); err != nil {
			t.Fatal(err)
		}
		wantReason(t, update("B"), codes.InvalidArgument, "REQUEST_ID_REUSED")
	})
	t.Run("stay the same when the caller has read a newer etag in between", func(t *testing.T) {
		f := newFixture(t)
		o := f.createObjective("A")
		update := func(etag string) *okrv1.Objective {
			return must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{
				Objective: &okrv1.Objective{Id: o.GetId(), Title: "B", Etag: etag}, RequestId: "1",
			}))(t)
		}
		first := update(o.GetEtag())
		wantEqual(t, update(first.GetEtag()), first)
		remove := func(etag string) {
			must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId(), Etag: etag, RequestId: "2"}))(t)
		}
		remove(first.GetEtag())
		remove("")
		if n := len(f.changes(ceo)); n != 3 {
			t.Errorf("%d changes, want 3", n)
		}
	})
	t.Run("of calls that failed are free", func(t *testing.T) {
		f := newFixture(t)
		_, err := f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: unknownObjective, RequestId: "1"})
		wantReason(t, err, codes.NotFound, "OBJECTIVE_NOT_FOUND")
		o := f.createObjective("A")
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId(), RequestId: "1"}))(t)
	})
	t.Run("belong to their method", func(t *testing.T) {
		f := newFixture(t)
		o := must(create(f, ceo, "A", "1"))(t)
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId(), RequestId: "1"}))(t)
	})
	t.Run("belong to their member", func(t *testing.T) {
		f := newFixture(t)
		o := f.createObjective("A")
		seen := map[string]bool{}
		for _, caller := range []string{ceo, manager} {
			k := must(f.CreateKeyResult(f.as(caller), &okrv1.CreateKeyResultRequest{
				ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "Same"}, RequestId: "1",
			}))(t)
			seen[k.GetId()] = true
		}
		if len(seen) != 2 {
			t.Error("two members share the answer to their request ids")
		}
	})
	t.Run("belong to their client and organization", func(t *testing.T) {
		f := newFixture(t)
		seen := map[string]string{}
		for _, caller := range []string{ceo, objectivesAgent, globexCEO} {
			o := must(create(f, caller, "Same", "1"))(t)
			if other, ok := seen[o.GetId()]; ok {
				t.Errorf("%s got the objective of %s", caller, other)
			}
			seen[o.GetId()] = caller
		}
	})
	t.Run("last for sixty minutes", func(t *testing.T) {
		f := newFixture(t)
		first := must(create(f, ceo, "A", "1"))(t)
		f.clock.advance(time.Hour - time.Millisecond)
		if again := must(create(f, ceo, "A", "1"))(t); again.GetId() != first.GetId() {
			t.Error("a request id was forgotten early")
		}
		f.clock.advance(time.Millisecond)
		if again := must(create(f, ceo, "A", "1"))(t); again.GetId() == first.GetId() {
			t.Error("a request id was remembered for too long")
		}
		if n := f.keys(acme, prefixRequest) + f.keys(acme, prefixRequestByTime); n != 2 {
			t.Errorf("%d keys, want the two of one request id", n)
		}
	})
	t.Run("that were used again after they had expired last for sixty minutes more", func(t *testing.T) {
		f := newFixture(t)
		must(create(f, ceo, "A", "1"))(t)
		f.clock.advance(time.Hour)
		second := must(create(f, ceo, "A", "1"))(t)
		f.clock.advance(time.Hour - time.Millisecond)
		must(create(f, ceo, "B", "2"))(t) // sweeps
		if again := must(create(f, ceo, "A", "1"))(t); again.GetId() != second.GetId() {
			t.Error("the sweep of the first use took the second along")
		}
	})
	t.Run("that have expired are swept away a few at a time", func(t *testing.T) {
		f := newFixture(t)
		for i := range 2*maxSwept + 3 {
			must(create(f, ceo, "A", fmt.Sprint(i)))(t)
		}
		f.clock.advance(time.Hour + time.Millisecond)
		for i, want := range []int{maxSwept + 4, 5, 3, 4} { // with the new one of each time
			must(create(f, ceo, "B", fmt.Sprint("new-", i)))(t)
			if n, m := f.keys(acme, prefixRequest), f.keys(acme, prefixRequestByTime); n != want || m != want {
				t.Errorf("%d request ids and %d times are left, want %d", n, m, want)
			}
		}
	})
}

func TestConcurrentCallsWithOneRequestIDHaveOneEffectAndOneAnswer(t *testing.T) {
	f := newFixture(t)
	const callers = 32
	answers := make([]*okrv1.Objective, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			var err error
			answers[i], err = f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{
				Objective: &okrv1.Objective{Title: "Once"}, RequestId: "1",
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, answer := range answers {
		wantEqual(t, answer, answers[0])
	}
	if n := len(f.changes(ceo)); n != 1 {
		t.Errorf("%d changes, want 1", n)
	}
}

func TestARepeatedAnswerShowsWhatItsCallerMayReadNow(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	f.createKeyResult(o.GetId(), "By ten")
	update := &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Shrink"}, RequestId: "1"}
	wide := kittest.Agent(kittest.CEO(acme), "manage:objectives", "manage:krs")
	narrow := kittest.Agent(kittest.CEO(acme), "manage:objectives") // the same member and client
	answer := func(p *authzv1.Principal) *okrv1.Objective {
		return must(f.server.UpdateObjective(directly(t.Context(), p), update))(t)
	}
	if first := answer(wide); len(first.GetKeyResults()) != 1 || first.Progress == nil {
		t.Fatalf("the first answer is %v", first)
	}
	second := answer(narrow)
	if len(second.GetKeyResults()) != 0 || second.Progress != nil || second.GetTitle() != "Shrink" {
		t.Errorf("the repeated answer is %v", second)
	}
	if n := len(f.changes(ceo)); n != 3 {
		t.Errorf("%d changes, want 3", n)
	}
}
