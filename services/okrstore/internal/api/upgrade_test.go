package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// schema1 is a copy of a file that the program wrote when it knew schema 1, see testdata/schema1.
func schema1(t *testing.T) (path string) {
	t.Helper()
	return unpacked(t, "testdata/schema1/okr.db.gz")
}

func unpacked(t *testing.T, name string) (path string) {
	t.Helper()
	packed, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	content := must(gzip.NewReader(packed))(t)
	path = filepath.Join(t.TempDir(), "okr.db")
	file := must(os.Create(path))(t)
	if _, err := io.Copy(file, content); err != nil { //nolint:gosec // our own file
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// openBolt opens a store file, with what brings it to the schema of this program, or as the first program would.
func openBolt(t *testing.T, path string, upgrades []storage.Upgrade) *boltengine.Engine {
	t.Helper()
	engine := must(boltengine.Open(t.Context(), boltengine.Config{Path: path, Upgrades: upgrades}))(t)
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// contents are the records of an organization that have a prefix, by key.
func contents(t *testing.T, engine storage.Engine, organization, prefix string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := engine.View(t.Context(), organization, func(tx storage.Tx) error {
		for kv, err := range tx.Range(storage.Range{Prefix: []byte(prefix)}) {
			if err != nil {
				return err
			}
			found[string(kv.Key)] = bytes.Clone(kv.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// withoutSchema2 takes off what schema 1 did not know.
func withoutSchema2(o *okrv1.Objective) {
	o.State = 0
	for _, k := range o.GetKeyResults() {
		keyResultWithoutSchema2(k)
	}
}

func keyResultWithoutSchema2(k *okrv1.KeyResult) {
	k.Kind, k.StartValue, k.TargetValue, k.CurrentValue, k.Format, k.Weight = 0, "", "", "", 0, nil
}

func TestAFileOfSchema1KeepsEverythingAndGetsWhatItLacks(t *testing.T) {
	old := openBolt(t, schema1(t), nil)
	path := schema1(t)
	upgraded := openBolt(t, path, Upgrades())
	for _, organization := range []string{acme, globex} {
		before, after := contents(t, old, organization, ""), contents(t, upgraded, organization, "")
		for key, value := range before {
			switch got := after[key]; {
			case strings.HasPrefix(key, prefixObjective):
				want, o := must(decode(value, new(okrv1.Objective)))(t), must(decode(got, new(okrv1.Objective)))(t)
				if o.GetState() != active {
					t.Errorf("the objective became %v", o)
				}
				for _, k := range o.GetKeyResults() {
					if k.GetCurrentValue() != fmt.Sprint(k.GetAttainment()) || k.GetTargetValue() != "100" || k.GetWeight() != 1 {
						t.Errorf("the key result became %v", k)
					}
				}
				withoutSchema2(o)
				wantEqual(t, o, want)
			case strings.HasPrefix(key, prefixChange):
				want, c := must(decode(value, new(okrv1.Change)))(t), must(decodeChange(storage.KV{Key: []byte(key), Value: got}))(t)
				c.Kind = 0
				for _, s := range []*okrv1.Snapshot{c.GetBefore(), c.GetAfter()} {
					if o := s.GetObjective(); o != nil {
						withoutSchema2(o)
					}
					if k := s.GetKeyResult(); k != nil {
						keyResultWithoutSchema2(k)
					}
				}
				wantEqual(t, c, want)
			case key == keyHead:
				c, _, err := decodeChained(got)
				wantEqual(t, must(c, err)(t), must(decode(value, new(okrv1.Change)))(t))
			case string(got) != string(value):
				t.Errorf("the record %q became %x, was %x", key, got, value)
			}
		}
		checkIndexes(t, upgraded, organization)
		checkChain(t, upgraded, organization)
	}
	if len(contents(t, upgraded, globex, prefixObjective)) != 1 || len(contents(t, upgraded, acme, prefixObjective)) != 5 {
		t.Error("the objectives of the file are not those that were written")
	}

	f := &fixture{t: t, engine: nil}
	f.server, f.clock = newServer(t, upgraded, time.Minute)
	ctx := directly(t.Context(), callers()[ceo])
	log := must(f.server.ListChanges(ctx, &okrv1.ListChangesRequest{PageSize: 200}))(t).GetChanges()
	kinds := map[okrv1.ChangeKind]int{}
	var deletedKeyResult, deletedObjective string
	for _, c := range log {
		kinds[c.GetKind()]++
		switch c.GetKind() {
		case okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED:
			deletedKeyResult = c.GetBefore().GetKeyResult().GetId()
		case okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED:
			deletedObjective = c.GetBefore().GetObjective().GetId()
		}
	}
	want := map[okrv1.ChangeKind]int{
		okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED: 6, okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_UPDATED: 1,
		okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED: 1, okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED: 9,
		okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_UPDATED: 9, okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED: 1,
	}
	if !maps.Equal(kinds, want) {
		t.Errorf("the changes are of the kinds %v, want %v", kinds, want)
	}
	for request, want := range map[*okrv1.ListChangesRequest]int{
		{KeyResultId: deletedKeyResult}: 3, {ObjectiveId: deletedObjective}: 4,
	} {
		if got := must(f.server.ListChanges(ctx, request))(t).GetChanges(); len(got) != want {
			t.Errorf("the history asked for by %v has %d changes, want %d", request, len(got), want)
		}
	}
	t.Run("and can be worked with", func(t *testing.T) {
		k := must(f.server.ListKeyResults(ctx, &okrv1.ListKeyResultsRequest{}))(t).GetKeyResults()[1]
		must(f.server.CreateCheckIn(ctx, &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "70"}}))(t)
		must(f.server.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "New", OwnerId: "me"}}))(t)
		checkIndexes(t, upgraded, acme)
	})
	t.Run("and the program before refuses it", func(t *testing.T) {
		if err := upgraded.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := boltengine.Open(t.Context(), boltengine.Config{Path: path}); !errors.Is(err, storage.ErrNewerSchema) {
			t.Errorf("it answers %v", err)
		}
	})
}

// More records than one call of the upgrade takes, in more than one organization.
func TestTheUpgradeReachesEveryRecordOfAFile(t *testing.T) {
	const changes = 2_000
	path := filepath.Join(t.TempDir(), "okr.db")
	organizations := large(t, path, changes)
	upgraded := openBolt(t, path, Upgrades())
	done := 0
	for _, organization := range organizations {
		checkIndexes(t, upgraded, organization)
		checkChain(t, upgraded, organization)
		for _, value := range contents(t, upgraded, organization, prefixObjective) {
			if o := must(decode(value, new(okrv1.Objective)))(t); o.GetState() != active || o.GetKeyResults()[3].GetCurrentValue() != "3" {
				t.Fatalf("an objective is %v", o)
			}
			done++
		}
		for key, value := range contents(t, upgraded, organization, prefixChange) {
			if c := must(decodeChange(storage.KV{Key: []byte(key), Value: value}))(t); c.GetKind() == 0 {
				t.Fatalf("a change is %v", c)
			}
			done++
		}
	}
	if done < changes+changes/5 {
		t.Errorf("%d records are there", done)
	}
}

// large writes a file of schema 1: organizations with objectives of four key results each, and a change for every one of
// them.
func large(t *testing.T, path string, changes int) (organizations []string) {
	t.Helper()
	engine := must(boltengine.Open(t.Context(), boltengine.Config{Path: path}))(t)
	const writers = 4
	var work errgroup.Group
	for i := range writers {
		organization := fmt.Sprint("organization-", i)
		organizations = append(organizations, organization)
		work.Go(func() error {
			for seq := 0; seq < changes/writers; {
				err := engine.Update(t.Context(), organization, func(tx storage.Tx) (err error) {
					for range 8 {
						if seq, err = largeObjective(tx, seq); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := errors.Join(work.Wait(), engine.Close()); err != nil {
		t.Fatal(err)
	}
	return organizations
}

// largeObjective writes an objective of schema 1 with its key results, and their changes after the one at seq.
func largeObjective(tx storage.Tx, seq int) (last int, err error) {
	put := func(key []byte, m proto.Message) error {
		value, err := encode(m)
		if err != nil {
			return err
		}
		return tx.Put(key, value)
	}
	change := func(after *okrv1.Snapshot) error {
		seq++
		return put(changeKey(int64(seq)), &okrv1.Change{
			Seq: int64(seq), CreateTime: timestamppb.New(time.Unix(int64(seq), 0)), After: after,
		})
	}
	o := &okrv1.Objective{Id: fmt.Sprintf("okr_%07d", seq), Title: "An objective of a company of middling size"}
	if err := change(snapshotOfObjective(proto.CloneOf(o))); err != nil {
		return seq, err
	}
	for i := range int32(4) {
		k := &okrv1.KeyResult{
			Id: fmt.Sprintf("kr_%07d", seq), ObjectiveId: o.GetId(), Title: fmt.Sprint("Key result ", i, ", which says how one will know"),
			Attainment: &i,
		}
		o.KeyResults = append(o.KeyResults, k)
		if err := put(keyResultKey(k.GetId()), wrapperspb.String(o.GetId())); err != nil {
			return seq, err
		}
		if err := change(snapshotOfKeyResult(k)); err != nil {
			return seq, err
		}
	}
	return seq, put(objectiveKey(o.GetId()), o)
}

// The program that knew schema 5 crashed, and left a journal in its own form.
func TestAFileOfSchema5KeepsWhatIsInItsJournal(t *testing.T) {
	engine := openBolt(t, unpacked(t, "testdata/schema5/okr.db.gz"), Upgrades())
	server, _ := newServer(t, engine, time.Minute)
	ctx := directly(t.Context(), callers()[ceo])
	titles := func() (all []string) {
		list := must(server.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: 100}))(t)
		for _, o := range list.GetObjectives() {
			if k := o.GetKeyResults()[0]; k.GetAttainment() != 50 {
				t.Errorf("%s has the attainment %d", o.GetTitle(), k.GetAttainment())
			}
			all = append(all, strings.TrimPrefix(o.GetTitle(), "Objective "))
		}
		return slices.Sorted(slices.Values(all))
	}
	want := []string{"0", "1", "3", "4", "5", "6", "8", "9"}
	if got := titles(); !slices.Equal(got, want) {
		t.Fatalf("the objectives are %q, want %q", got, want)
	}
	if v := verified(t, engine, acme); v.Broken != nil || v.Checked != 32 {
		t.Errorf("the log is verified as %+v, want 32 changes", v)
	}
	must(server.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Objective x"}}))(t)
	if v := verified(t, engine, acme); v.Broken != nil || v.Checked != 33 {
		t.Errorf("with one change more it is verified as %+v", v)
	}
}
