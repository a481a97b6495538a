package authz_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/authz/internal/txntoken"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func TestTheKeysCommandPrintsAKeyFile(t *testing.T) {
	t.Parallel()
	var public []string
	for range 2 {
		var out bytes.Buffer
		if err := authz.KeysCommand().Run(t.Context(), nil, run.Stdio{Out: &out}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := txntoken.LoadKeys(path)
		if err != nil {
			t.Fatal(err)
		}
		set, err := keys.JWKS()
		if err != nil {
			t.Fatal(err)
		}
		public = append(public, set)
	}
	if public[0] == public[1] {
		t.Error("it printed the same key twice")
	}
	if err := authz.KeysCommand().Run(t.Context(), []string{"new"}, run.Stdio{}); !errors.Is(err, run.ErrUsage) {
		t.Errorf("with an argument: %v", err)
	}
}
