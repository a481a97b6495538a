package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

func open(t *testing.T) (*state.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "devidp.db")
	store, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store, path
}

func TestAFailedUpdateLeavesNothing(t *testing.T) {
	store, _ := open(t)
	failure := errors.New("no")
	err := store.Update(func(tx *state.Tx) error {
		tx.Apps().Put("a", state.App{Name: "kept?"})
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	err = store.View(func(tx *state.Tx) error {
		if app, found := tx.Apps().Get("a"); found {
			t.Errorf("found %+v", app)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAFailureSticksToItsTransaction(t *testing.T) {
	store, path := open(t)
	err := store.View(func(tx *state.Tx) error {
		tx.Apps().Put("a", state.App{}) // A snapshot takes no writes.
		return nil
	})
	if err == nil {
		t.Error("a write to a snapshot was ignored")
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	// A value that is not what the bucket holds.
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte("apps"))
		if err != nil {
			return err
		}
		return bucket.Put([]byte("a"), []byte("nonsense"))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	store, err = state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for name, look := range map[string]func(*state.Tx){
		"Get": func(tx *state.Tx) { tx.Apps().Get("a") },
		"All": func(tx *state.Tx) {
			for range tx.Apps().All() {
				t.Error("nonsense was yielded")
			}
		},
	} {
		err := store.View(func(tx *state.Tx) error { look(tx); return nil })
		if err == nil || !strings.Contains(err.Error(), `apps "a"`) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAFileThatIsNoneIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devidp.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("nonsense", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestTheOutboxKeepsTheNewest(t *testing.T) {
	store, _ := open(t)
	const sent = 520
	err := store.Update(func(tx *state.Tx) error {
		for i := range sent {
			tx.Mail(state.Message{To: "a@b.test", Subject: strings.Repeat("x", i)})
		}
		kept := tx.Outbox("")
		if len(kept) != 500 || len(kept[0].Subject) != sent-1 || len(kept[499].Subject) != sent-500 {
			t.Errorf("%d messages, from %d to %d", len(kept), len(kept[0].Subject), len(kept[len(kept)-1].Subject))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestASweepTakesWhatHasExpiredAndNothingElse(t *testing.T) {
	store, _ := open(t)
	now := time.Now()
	err := store.Update(func(tx *state.Tx) error {
		for name, at := range map[string]time.Time{"old": now, "new": now.Add(time.Second)} {
			tx.Sessions().Put(name, state.Session{ExpiresAt: at})
			tx.IntermediateSessions().Put(name, state.IntermediateSession{ExpiresAt: at})
			tx.Passcodes().Put(name, state.Passcode{ExpiresAt: at})
			tx.Landings().Put(name, state.Landing{ExpiresAt: at})
			tx.Codes().Put(name, state.Code{ExpiresAt: at})
			tx.RefreshTokens().Put(name, state.RefreshToken{ExpiresAt: at})
			tx.AccessTokens().Put(name, state.AccessToken{ExpiresAt: at})
		}
		tx.Sweep(now)
		left := map[string][]bool{}
		for _, name := range []string{"old", "new"} {
			_, a := tx.Sessions().Get(name)
			_, b := tx.IntermediateSessions().Get(name)
			_, c := tx.Passcodes().Get(name)
			_, d := tx.Landings().Get(name)
			_, e := tx.Codes().Get(name)
			_, f := tx.RefreshTokens().Get(name)
			_, g := tx.AccessTokens().Get(name)
			left[name] = []bool{a, b, c, d, e, f, g}
		}
		for i := range left["old"] {
			if left["old"][i] || !left["new"][i] {
				t.Errorf("kind %d: expired kept %v, fresh kept %v", i, left["old"][i], left["new"][i])
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestMembersAreFoundByTheirAddressHoweverItIsWritten(t *testing.T) {
	for stored, asked := range map[string]string{
		"ada@acme.test":    "ada@acme.test",
		"Ada@Acme.test":    " ADA@acme.TEST ",
		"a&b<c>@acme.test": "A&B<C>@acme.test",
		"jürgen@acme.test": "JÜRGEN@acme.test",
		`"a\b"@acme.test`:  `"A\B"@acme.test`,
	} {
		store, _ := open(t)
		err := store.Update(func(tx *state.Tx) error {
			tx.Members().Put("m", state.Member{MemberID: "m", OrganizationID: "o", Email: stored})
			tx.Members().Put("n", state.Member{MemberID: "n", OrganizationID: "o", Email: "x" + stored})
			if m, found := tx.FindMemberByEmail("o", asked); !found || m.MemberID != "m" {
				t.Errorf("%q finds %v under %q", asked, m.MemberID, stored)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
