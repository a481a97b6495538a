package stack

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheSealKeyLastsAsLongAsTheData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := sealKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := sealKey(dir); err != nil || again != first {
		t.Errorf("after a restart it is %q instead of %q (%v)", again, first, err)
	}
	other, err := sealKey(t.TempDir())
	if err != nil || other == first || len(other) < 32 {
		t.Errorf("the key of other data is %q (%v), that of the first %q", other, err, first)
	}
	info, err := os.Stat(filepath.Join(dir, "mcp-seal-key"))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("its file has the mode %o", got)
	}
}
