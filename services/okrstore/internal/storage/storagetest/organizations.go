package storagetest

import (
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var organizationTests = map[string]func(*testing.T, Factory){
	"organizations share no key":               testIsolation,
	"no key reaches into another organization": testHostileKeys,
}

// similarIDs are ids of which one is the beginning of another, or that look
// like a length, a separator or the end of a range.
var similarIDs = []string{"a", "aa", "ab", "a.", "a~", "b", "A", "0", "1", "~", "~~", ".", "..", "-"}

func testIsolation(t *testing.T, f Factory) {
	e := f.New(t)
	for _, id := range similarIDs {
		put(t, e, id, "k", id, "b", id, "\xff\xff", id)
	}
	for _, id := range similarIDs {
		wantContent(t, e, id, "b="+id, "k="+id, "\xff\xff="+id)
	}
	// A delete of everything that one organization can see leaves the others.
	err := e.Update(t.Context(), "a", func(tx storage.Tx) error {
		for kv, err := range tx.Range(storage.Range{Reverse: true}) {
			if err != nil {
				return err
			}
			if err := tx.Delete(kv.Key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range similarIDs {
		if id == "a" {
			wantContent(t, e, id)
		} else {
			wantContent(t, e, id, "b="+id, "k="+id, "\xff\xff="+id)
		}
	}
	wantContent(t, e, "never-written")
}

func testHostileKeys(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, "victim", "secret", "s")
	hostile := []string{
		"\x06victimsecret", "victim/secret", "/victim/secret", "../victim/secret",
		"\x00victim\x00secret", "victim\x00secret", "secret", "\xff\xff\xff\xff",
	}
	for _, attacker := range []string{"v", "victi", "victimx", "x"} {
		err := e.Update(t.Context(), attacker, func(tx storage.Tx) error {
			for _, key := range hostile {
				wantValue(t, tx, key, nil)
				if err := tx.Delete([]byte(key)); err != nil {
					return err
				}
			}
			for _, r := range []storage.Range{
				{},
				{Reverse: true},
				{Start: []byte("\x00"), End: []byte("\xff\xff\xff\xff\xff")},
				{Prefix: []byte("\x06victim")},
				{Prefix: []byte("m")},
				{Start: []byte("\xff\xff\xff\xff\xff")},
			} {
				if got, err := list(tx, r); err != nil || len(got) > 0 {
					t.Errorf("%s sees %q (%v)", attacker, got, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	wantContent(t, e, "victim", "secret=s")
}
