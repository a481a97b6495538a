package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var limitTests = map[string]func(*testing.T, Factory){
	"the number of operations is limited":             testOperationLimit,
	"the size of a transaction is limited":            testByteLimit,
	"only the last write to a key counts":             testLastWriteCounts,
	"keys have a length between 1 and the longest":    testKeyLimit,
	"organization ids are checked before all else":    testOrganizationIDs,
	"a refused transaction leaves the next one alone": testAfterRefusal,
}

func testOperationLimit(t *testing.T, f Factory) {
	tests := map[string]struct {
		puts, deletes int
		want          error
	}{
		"one below":            {storage.MaxOperations - 1, 0, nil},
		"just as many":         {storage.MaxOperations, 0, nil},
		"one above":            {storage.MaxOperations + 1, 0, storage.ErrTooLarge},
		"just as many, mixed":  {storage.MaxOperations / 2, storage.MaxOperations - storage.MaxOperations/2, nil},
		"one delete above":     {storage.MaxOperations, 1, storage.ErrTooLarge},
		"deletes of nothing":   {0, storage.MaxOperations, nil},
		"one such delete more": {0, storage.MaxOperations + 1, storage.ErrTooLarge},
	}
	e := f.New(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			organization := strings.NewReplacer(" ", "-", ",", "").Replace(name)
			err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
				for i := range test.puts {
					if err := tx.Put(fmt.Appendf(nil, "put-%d", i), nil); err != nil {
						return err
					}
				}
				for i := range test.deletes {
					if err := tx.Delete(fmt.Appendf(nil, "delete-%d", i)); err != nil {
						return err
					}
				}
				return nil
			})
			want := test.puts
			if test.want != nil {
				want = 0
			}
			if !errors.Is(err, test.want) {
				t.Errorf("error is %v, want %v", err, test.want)
			}
			if got := content(t, e, organization); len(got) != want {
				t.Errorf("%d keys are there, want %d", len(got), want)
			}
		})
	}
}

func testByteLimit(t *testing.T, f Factory) {
	// The limit counts both keys and both values and the key of a delete.
	const others = len("first") + len("value") + len("second") + len("deleted")
	e := f.New(t)
	for difference, want := range map[int]error{-1: nil, 0: nil, 1: storage.ErrTooLarge} {
		t.Run(fmt.Sprintf("the limit and %+d", difference), func(t *testing.T) {
			organization := fmt.Sprintf("limit%d", difference)
			err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
				if err := tx.Put([]byte("first"), []byte("value")); err != nil {
					return err
				}
				if err := tx.Delete([]byte("deleted")); err != nil {
					return err
				}
				return tx.Put([]byte("second"), make([]byte, storage.MaxBytes-others+difference))
			})
			if !errors.Is(err, want) {
				t.Errorf("error is %v, want %v", err, want)
			}
			if got := content(t, e, organization); (len(got) == 2) != (want == nil) {
				t.Errorf("%d keys are there", len(got))
			}
		})
	}
}

func testLastWriteCounts(t *testing.T, f Factory) {
	e := f.New(t)
	update(t, e, func(tx storage.Tx) error {
		// Together these would be over both limits.
		for range storage.MaxOperations + 1 {
			if err := tx.Put([]byte("k"), make([]byte, storage.MaxBytes/storage.MaxOperations)); err != nil {
				return err
			}
		}
		if err := tx.Delete([]byte("k")); err != nil {
			return err
		}
		return tx.Put([]byte("k"), make([]byte, storage.MaxBytes-1))
	})
}

func testKeyLimit(t *testing.T, f Factory) {
	e := f.New(t)
	for length, want := range map[int]error{
		0:                       storage.ErrInvalidKey,
		1:                       nil,
		storage.MaxKeyBytes - 1: nil,
		storage.MaxKeyBytes:     nil,
		storage.MaxKeyBytes + 1: storage.ErrInvalidKey,
	} {
		key := []byte(strings.Repeat("k", length))
		err := e.Update(t.Context(), organization, func(tx storage.Tx) error { return tx.Put(key, []byte("v")) })
		if !errors.Is(err, want) {
			t.Errorf("a key of %d bytes: error is %v, want %v", length, err, want)
		}
		err = e.Update(t.Context(), organization, func(tx storage.Tx) error { return tx.Delete(key) })
		if !errors.Is(err, want) {
			t.Errorf("delete of a key of %d bytes: error is %v, want %v", length, err, want)
		}
		view(t, e, func(tx storage.Tx) error {
			wantValue(t, tx, string(key), nil) // reading any key is allowed
			return nil
		})
	}
	// The longest key of the longest organization id must fit as well.
	put(t, e, strings.Repeat("o", storage.MaxOrganizationBytes), strings.Repeat("k", storage.MaxKeyBytes), "v")
}

func testOrganizationIDs(t *testing.T, f Factory) {
	e := f.New(t)
	tests := map[string]bool{
		"":                              false,
		"o":                             true,
		"organization-test-07971b06.x~": true,
		strings.Repeat("o", storage.MaxOrganizationBytes):   true,
		strings.Repeat("o", storage.MaxOrganizationBytes+1): false,
		"a\x00b":     false,
		"a/b":        false,
		"a b":        false,
		"a\n":        false,
		"\xff":       false,
		"ä":          false,
		"a\x00":      false,
		"a:b":        false,
		"%2e":        false,
		"\x01a":      false,
		"a\u200bbcd": false,
	}
	called := false
	fn := func(storage.Tx) error { called = true; return nil }
	for id, ok := range tests {
		called = false
		_, watchErr := e.Watch(t.Context(), id)
		for name, err := range map[string]error{
			"View":   e.View(t.Context(), id, fn),
			"Update": e.Update(t.Context(), id, fn),
			"Watch":  watchErr,
		} {
			if ok && err != nil || !ok && !errors.Is(err, storage.ErrInvalidOrganization) {
				t.Errorf("%s of organization %q: %v", name, id, err)
			}
		}
		if called != ok {
			t.Errorf("organization %q: function called: %t, want %t", id, called, ok)
		}
	}
}

func testAfterRefusal(t *testing.T, f Factory) {
	e := f.New(t)
	err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
		return errors.Join(tx.Put([]byte("small"), nil), tx.Put([]byte("large"), make([]byte, storage.MaxBytes)))
	})
	wantError(t, err, storage.ErrTooLarge)
	wantContent(t, e, organization)
	put(t, e, organization, "k", "v")
	wantContent(t, e, organization, "k=v")
}
