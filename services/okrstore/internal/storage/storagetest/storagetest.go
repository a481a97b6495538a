// Package storagetest is the suite that every [storage.Engine] must pass. It
// checks the contract at the interface and knows no engine.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// Factory makes the engines under test.
type Factory struct {
	// New returns a fresh, empty engine and closes it when the test ends. It
	// may register checks of what the engine leaves behind.
	New func(*testing.T) storage.Engine
	// Reopen closes an engine of New and returns one with the same data, to be
	// closed when the test ends. Nil: the engine's data ends with it.
	Reopen func(*testing.T, storage.Engine) storage.Engine
}

// Run runs the suite. Each test gets engines of its own.
func Run(t *testing.T, f Factory) {
	groups := []struct {
		name  string
		tests map[string]func(*testing.T, Factory)
	}{
		{"transactions", transactionTests},
		{"ranges", rangeTests},
		{"limits", limitTests},
		{"organizations", organizationTests},
		{"concurrency", concurrencyTests},
		{"watch", watchTests},
		{"lifetime", lifetimeTests},
		{"model", modelTests},
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) { test(t, f) })
			}
		})
	}
}

// patience is how long the suite waits for what must happen. No test passes
// or fails by how long something took, unless it took this long.
const patience = 30 * time.Second

// organization is what tests use that need only one.
const organization = "organization-test-1"

var errRefused = errors.New("refused by the test")

func update(t *testing.T, e storage.Engine, fn func(storage.Tx) error) {
	t.Helper()
	if err := e.Update(t.Context(), organization, fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func view(t *testing.T, e storage.Engine, fn func(storage.Tx) error) {
	t.Helper()
	if err := e.View(t.Context(), organization, fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// put writes pairs given as key, value, key, value.
func put(t *testing.T, e storage.Engine, organization string, pairs ...string) {
	t.Helper()
	err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("putting into %s: %v", organization, err)
	}
}

// list returns what r selects as "key=value" strings.
func list(tx storage.Tx, r storage.Range) ([]string, error) {
	var got []string
	for kv, err := range tx.Range(r) {
		if err != nil {
			return got, err
		}
		got = append(got, fmt.Sprintf("%s=%s", kv.Key, kv.Value))
	}
	return got, nil
}

// content returns all that an organization has.
func content(t *testing.T, e storage.Engine, organization string) []string {
	t.Helper()
	var got []string
	err := e.View(t.Context(), organization, func(tx storage.Tx) (err error) {
		got, err = list(tx, storage.Range{})
		return err
	})
	if err != nil {
		t.Fatalf("reading %s: %v", organization, err)
	}
	return got
}

func wantContent(t *testing.T, e storage.Engine, organization string, want ...string) {
	t.Helper()
	if got := content(t, e, organization); !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", organization, got, want)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error is %v, want %v", got, want)
	}
}

// wantValue checks one key within a transaction; want nil means absent.
func wantValue(t *testing.T, tx storage.Tx, key string, want []byte) {
	t.Helper()
	got, err := tx.Get([]byte(key))
	switch {
	case want == nil:
		wantError(t, err, storage.ErrNotFound)
	case err != nil:
		t.Errorf("Get(%q): %v", key, err)
	case got == nil || !bytes.Equal(got, want):
		t.Errorf("Get(%q) = %#v, want %q", key, got, want)
	}
}

// receive waits for a value or the close of c.
func receive[T any](t *testing.T, c <-chan T, what string) (v T, open bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case v, open = <-c:
		return v, open
	case <-ctx.Done():
		t.Fatalf("waited in vain for %s", what)
		return v, false
	}
}
