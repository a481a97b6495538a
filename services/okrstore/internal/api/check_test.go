package api

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

// checkable is an organization with a record of every kind.
func checkable(t *testing.T) (engine storage.Engine, o *okrv1.Objective, child string) {
	t.Helper()
	engine = memengine.New()
	server, _ := newServer(t, engine, time.Minute)
	ctx := directly(t.Context(), callers()[ceo])
	o = must(server.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Parent", OwnerId: "m"}, RequestId: "r"}))(t)
	child = must(server.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Child", ParentId: o.GetId()}}))(t).GetId()
	k := must(server.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "K"}}))(t)
	must(server.CreateCheckIn(ctx, &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "10"}}))(t)
	return engine, must(server.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: o.GetId()}))(t), child
}

func checked(t *testing.T, engine storage.Engine) Checked {
	t.Helper()
	var found Checked
	err := engine.View(t.Context(), acme, func(tx storage.Tx) (err error) {
		found, err = Check(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTheCheckCountsWhatIsThereAndKnowsItAgain(t *testing.T) {
	engine, _, _ := checkable(t)
	found := checked(t, engine)
	if found.Objectives != 2 || found.KeyResults != 1 || found.CheckIns != 1 || found.Changes != 4 || found.Head.seq != 4 || found.Found != 0 {
		t.Errorf("found %+v", found)
	}
	if again := checked(t, engine); again.Digest != found.Digest {
		t.Error("the same records have another digest")
	}
	other, _, _ := checkable(t)
	if checked(t, other).Digest == found.Digest {
		t.Error("other records have the same digest")
	}
}

func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	first := func(prefix string) func(t *testing.T, tx storage.Tx) storage.KV {
		return func(t *testing.T, tx storage.Tx) storage.KV {
			t.Helper()
			for kv, err := range tx.Range(storage.Range{Prefix: []byte(prefix), Limit: 1}) {
				if err != nil {
					t.Fatal(err)
				}
				return kv.Clone()
			}
			t.Fatalf("there is no %s", prefix)
			return storage.KV{}
		}
	}
	// remove takes away the first record of a kind, and garble makes it something that was never written.
	remove := func(prefix string) func(*testing.T, storage.Tx, *okrv1.Objective) error {
		return func(t *testing.T, tx storage.Tx, _ *okrv1.Objective) error {
			return tx.Delete(first(prefix)(t, tx).Key)
		}
	}
	garble := func(prefix string) func(*testing.T, storage.Tx, *okrv1.Objective) error {
		return func(t *testing.T, tx storage.Tx, _ *okrv1.Objective) error {
			return tx.Put(first(prefix)(t, tx).Key, []byte("\x09garbled"))
		}
	}
	// add puts a record that leads nowhere.
	add := func(key string, m proto.Message) func(*testing.T, storage.Tx, *okrv1.Objective) error {
		return func(t *testing.T, tx storage.Tx, o *okrv1.Objective) error {
			var value []byte
			if m != nil {
				value = must(encode(m))(t)
			}
			return tx.Put([]byte(strings.ReplaceAll(key, "PARENT", o.GetId())), value)
		}
	}
	for name, test := range map[string]struct {
		damage func(*testing.T, storage.Tx, *okrv1.Objective) error
		says   string
	}{
		"a counter that is gone":        {remove(keyObjectives), "2 objectives, and 0 are counted"},
		"a counter that is wrong":       {add(keyObjectives, wrapperspb.Int64(3)), "2 objectives, and 3 are counted"},
		"a counter that is none":        {garble(keyObjectives), `the record "n"`},
		"an owner who is not led there": {remove(prefixOwned), "is not found by way of"},
		"an owner of nothing":           {add(prefixOwned+"nobody/PARENT", nil), "owns nothing of"},
		"a parent that is not led down": {remove(prefixChild), "is not found by way of"},
		"a child that stands elsewhere": {add(prefixChild+"okr_x/PARENT", nil), "does not stand there"},
		"a child that is not there":     {add(prefixChild+"PARENT/okr_x", nil), "does not stand there"},
		"a key result that is nowhere":  {remove(prefixKeyResult), `is to be found at ""`},
		"a key result that is elsewhere": {func(t *testing.T, tx storage.Tx, _ *okrv1.Objective) error {
			return tx.Put(first(prefixKeyResult)(t, tx).Key, must(encode(wrapperspb.String("okr_x")))(t))
		}, `is to be found at "okr_x"`},
		"a key result's place that is none": {garble(prefixKeyResult), "not the format"},
		"an objective in another's place": {func(t *testing.T, tx storage.Tx, _ *okrv1.Objective) error {
			return tx.Put(objectiveKey("okr_x"), first(prefixObjective)(t, tx).Value)
		}, "stands in the place of okr_x"},
		"an objective that is none": {garble(prefixObjective), "not the format"},
		"a check-in that is none":   {garble(prefixCheckIn), "not the format"},
		"a check-in in another's place": {func(t *testing.T, tx storage.Tx, o *okrv1.Objective) error {
			return tx.Put(checkInKey(o.GetKeyResults()[0].GetId(), "chk_x"), first(prefixCheckIn)(t, tx).Value)
		}, "stands in the place of chk_x"},
		"a check-in of no key result":         {add(prefixCheckIn+"kr_x/chk_x", &okrv1.CheckIn{Id: "chk_x", KeyResultId: "kr_x"}), "is not found by way of"},
		"a change that is gone":               {remove(prefixChange), "broken at change 1"},
		"a change that is none":               {garble(prefixChange), "not the format"},
		"a change that is not led to":         {remove(prefixHistory), "is not found by way of"},
		"a history of what never was":         {add(prefixHistory+"PARENT/\x00\x00\x00\x00\x00\x00\x00\x09", wrapperspb.String("")), "leads to change 9, which is not there"},
		"a history of something else":         {add(prefixHistory+"okr_x/\x00\x00\x00\x00\x00\x00\x00\x01", wrapperspb.String("")), "leads to change 1, which is about something else"},
		"a history of no change":              {add(prefixHistory+"x", wrapperspb.String("")), "hold no number"},
		"a request id that stays for ever":    {remove(prefixRequestByTime), "a request id is not found"},
		"a time of no request id":             {remove(prefixRequest), "leads to a request id that is not there"},
		"a request id that is none":           {garble(prefixRequest), "not the format of a request id"},
		"a time of a request id that is none": {add(prefixRequestByTime+"x", nil), "not the time key"},
		"a head that is gone":                 {remove(keyHead), "the change log"},
		"a head that is none":                 {garble(keyHead), "not the format of a change"},
		"a record of no kind":                 {add("z/1", nil), "of no kind that is known"},
		"a deletion that is none": {func(_ *testing.T, tx storage.Tx, _ *okrv1.Objective) error {
			return tx.Put([]byte(keyDeletion), []byte("x"))
		}, "not the format of Timestamp"},
	} {
		t.Run(name, func(t *testing.T) {
			engine, o, _ := checkable(t)
			if err := engine.Update(t.Context(), acme, func(tx storage.Tx) error { return test.damage(t, tx, o) }); err != nil {
				t.Fatal(err)
			}
			found := checked(t, engine)
			if found.Found == 0 || !strings.Contains(strings.Join(found.Problems, "\n"), test.says) {
				t.Errorf("found %q, want %q", found.Problems, test.says)
			}
		})
	}
}

func TestTheCheckTellsTheFirstProblemsAndCountsTheRest(t *testing.T) {
	engine, _, _ := checkable(t)
	err := engine.Update(t.Context(), acme, func(tx storage.Tx) error {
		for i := range 50 {
			if err := tx.Put([]byte{'z', byte(i)}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found := checked(t, engine); found.Found != 50 || len(found.Problems) != maxProblems {
		t.Errorf("%d problems are told of %d", len(found.Problems), found.Found)
	}
}

func TestADeletedOrganizationIsClosedAndEmpty(t *testing.T) {
	engine, o, _ := checkable(t)
	if got := checked(t, engine).Records; got < 15 {
		t.Fatalf("there are %d records", got)
	}
	now := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	var told []int64
	removed, err := DeleteOrganization(t.Context(), engine, acme, now, func(n int64) { told = append(told, n) })
	if err != nil || removed == 0 || len(told) != 1 || told[0] != removed {
		t.Errorf("removed %d, told %v, %v", removed, told, err)
	}
	left := contents(t, engine, acme, "")
	if len(left) != 1 || left[keyDeletion] == nil {
		t.Errorf("left are %v", left)
	}
	removed, err = DeleteOrganization(t.Context(), engine, acme, now.Add(time.Hour), func(int64) { t.Error("there was nothing to remove") })
	if err != nil || removed != 0 || !bytes.Equal(contents(t, engine, acme, "")[keyDeletion], left[keyDeletion]) {
		t.Errorf("the second time removed %d, %v", removed, err)
	}
	found := checked(t, engine)
	if found.Found != 0 || !found.DeleteTime.Equal(now) || found.Records != 1 {
		t.Errorf("the check finds %+v", found)
	}
	server, _ := newServer(t, engine, time.Minute)
	ctx := directly(t.Context(), callers()[ceo])
	_, err = server.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: o.GetId()})
	if err == nil || !strings.Contains(err.Error(), "ORGANIZATION_DELETED") {
		t.Errorf("a read is answered %v", err)
	}
	_, err = server.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Late"}, RequestId: "r"})
	if err == nil || !strings.Contains(err.Error(), "ORGANIZATION_DELETED") {
		t.Errorf("a write is answered %v", err)
	}
	if _, err := server.CreateObjective(directly(t.Context(), callers()[globexCEO]), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "O"}}); err != nil {
		t.Errorf("another organization is answered %v", err)
	}
}

// fullEngine has no room for any write.
type fullEngine struct{ storage.Engine }

func (fullEngine) Update(context.Context, string, func(storage.Tx) error) error {
	return fmt.Errorf("%w: no space left on device", storage.ErrFull)
}

func TestWithoutRoomAWriteSaysSoAndNotWhatTheDiskSays(t *testing.T) {
	f := newFixtureOn(t, fullEngine{memengine.New()}, time.Minute)
	_, err := f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "O"}})
	wantReason(t, err, codes.Unavailable, "STORAGE_FULL")
	if strings.Contains(err.Error(), "device") {
		t.Errorf("the caller reads %v", err)
	}
	if _, err := f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{}); err != nil {
		t.Errorf("a read is answered %v", err)
	}
}
