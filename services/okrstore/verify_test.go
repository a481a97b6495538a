package okrstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	kitrun "github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// verify runs the subcommand.
func verify(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	out, _, err = command(t, append([]string{"verify"}, args...)...)
	return out, err
}

// written is the file of a stopped store with five changes, and its head as -expect-head takes it.
func written(t *testing.T) (path, head string) {
	t.Helper()
	dir := t.TempDir()
	ctx := kittest.As(t.Context(), "ceo")
	conn, stop := run(t, dir, nil)
	c := okrv1.NewOkrServiceClient(conn)
	for i := range 5 {
		if _, err := c.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: fmt.Sprint("Grow ", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	end, err := c.GetChangeLogHead(ctx, &okrv1.GetChangeLogHeadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "okr.db")
	t.Run("a running store is left alone", func(t *testing.T) {
		if _, err := verify(t, path); err == nil || !strings.Contains(err.Error(), "another okr-store has") {
			t.Errorf("answered %v", err)
		}
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return path, fmt.Sprint("acme=", end.GetSeq(), ":", end.GetHash())
}

func TestVerifyChecksTheFileOfAStoppedStore(t *testing.T) {
	path, head := written(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out, err := verify(t, "-expect-head", head, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"acme: 5 changes, head " + strings.TrimPrefix(head, "acme="), "checked 5 changes of 1 organizations in " + path} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
	t.Run("where the configuration says when no file is named", func(t *testing.T) {
		t.Setenv("OKR_DATA_DIR", filepath.Dir(path))
		if again, err := verify(t); err != nil || again != out {
			t.Errorf("answered %v, %q", err, again)
		}
	})
	t.Run("which may be one that nobody may write to", func(t *testing.T) {
		if err := os.Chmod(path, 0o400); err != nil {
			t.Fatal(err)
		}
		if _, err := verify(t, path); err != nil {
			t.Error(err)
		}
	})
	t.Run("and expects heads of organizations that are not there", func(t *testing.T) {
		out, err := verify(t, "--expect-head", strings.Replace(head, "acme", "globex", 1), path)
		if err == nil || !strings.Contains(out, "globex: broken at change 1: it is missing") || !strings.Contains(out, "checked 5 changes of 2") {
			t.Errorf("answered %v, %q", err, out)
		}
	})
	for name, args := range map[string][]string{
		"a head without an organization": {"-expect-head", "5:00", path},
		"a head without a hash":          {"-expect-head", "acme=5", path},
		"an unknown flag":                {"-x", path},
		"two files":                      {path, path},
	} {
		t.Run(name+" is a mistake of usage", func(t *testing.T) {
			if _, err := verify(t, args...); !errors.Is(err, kitrun.ErrUsage) {
				t.Errorf("answered %v", err)
			}
		})
	}
	t.Run("and help is none", func(t *testing.T) {
		if _, err := verify(t, "-h"); err != nil {
			t.Error(err)
		}
	})
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed, %v", err)
	}
	t.Run("and a file that is not there is an error", func(t *testing.T) {
		if _, err := verify(t, path+"x"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("answered %v", err)
		}
	})
	t.Run("and a folder is an error", func(t *testing.T) {
		if _, err := verify(t, filepath.Dir(path)); err == nil {
			t.Error("a folder was verified")
		}
	})
}

// tamper writes to the records of Acme past the service, with good checksums.
func tamper(fn func(storage.Tx) error) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		engine, err := boltengine.Open(t.Context(), boltengine.Config{Path: path, Upgrades: api.Upgrades()})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(engine.Update(t.Context(), "acme", fn), engine.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// scratch flips a bit of a text wherever it stands in a file, so that no checksum fits any more.
func scratch(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.ReplaceAll(content, []byte(text), append([]byte{text[0] ^ 1}, text[1:]...))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyNamesTheFirstBrokenRowOfAFile(t *testing.T) {
	key := func(seq uint64) []byte { return storage.AppendUint64([]byte("c/"), seq) }
	tests := map[string]struct {
		damage func(*testing.T, string)
		says   string
	}{
		"a bit flipped on the disk": {scratch("Grow 2"), "acme: broken at change 3: it cannot be read"},
		"a byte changed": {tamper(func(tx storage.Tx) error {
			value, err := tx.Get(key(3))
			return errors.Join(err, tx.Put(key(3), bytes.Replace(value, []byte("Grow 2"), []byte("Grow 9"), 1)))
		}), "acme: broken at change 3: it is not what was written after change 2"},
		"two changes exchanged": {tamper(func(tx storage.Tx) error {
			second, err := tx.Get(key(2))
			third, err3 := tx.Get(key(3))
			return errors.Join(err, err3, tx.Put(key(3), second), tx.Put(key(2), third))
		}), "acme: broken at change 2: change 3 stands in its place"},
		"a change removed":          {tamper(func(tx storage.Tx) error { return tx.Delete(key(2)) }), "acme: broken at change 2: it is missing"},
		"the last change removed":   {tamper(func(tx storage.Tx) error { return tx.Delete(key(5)) }), "acme: broken at change 5: it is missing"},
		"the head of the log moved": {tamper(func(tx storage.Tx) error { return tx.Delete([]byte("h")) }), "acme: broken at change 1: it was added"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path, _ := written(t)
			test.damage(t, path)
			out, err := verify(t, path)
			if err == nil || !strings.Contains(out, test.says) || !strings.Contains(out, "checked ") {
				t.Errorf("answered %v, %q, want %q", err, out, test.says)
			}
		})
	}
}

// What a disk does to a file, and not a program: no flipped bit passes for the log that was written.
func TestVerifyFindsEveryFlippedByteOfALog(t *testing.T) {
	path, head := written(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	used := len(bytes.TrimRight(whole, "\x00"))
	found := 0
	for at := 0; at < used; at += 61 {
		if _, err := file.WriteAt([]byte{whole[at] ^ 0x10}, int64(at)); err != nil {
			t.Fatal(err)
		}
		out, err := verify(t, "-expect-head", head, path)
		if err != nil {
			found++
		} else if !strings.Contains(out, "acme: 5 changes") { // else the byte is of no change: in a free page, or padding
			t.Fatalf("byte %d: answered %q", at, out)
		}
		if _, err := file.WriteAt(whole[at:at+1], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	if found < 20 {
		t.Errorf("%d found of %d bytes", found, used)
	}
}
