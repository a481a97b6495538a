package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/seal"
)

func sealer(t *testing.T, key []byte, purpose string) *seal.Sealer {
	t.Helper()
	s, err := seal.New(key, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatWasSealedOpensForItsUseAlone(t *testing.T) {
	key := bytes.Repeat([]byte{1}, seal.KeySize)
	sealed := sealer(t, key, "states").Seal([]byte("secret"), "caller 1")
	if plain, err := sealer(t, key, "states").Open(sealed, "caller 1"); err != nil || string(plain) != "secret" {
		t.Fatalf("another replica: %q, %v", plain, err)
	}
	flipped := []byte(sealed)
	flipped[len(flipped)/2] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another caller":  func() ([]byte, error) { return sealer(t, key, "states").Open(sealed, "caller 2") },
		"another purpose": func() ([]byte, error) { return sealer(t, key, "sessions").Open(sealed, "caller 1") },
		"another key": func() ([]byte, error) {
			return sealer(t, bytes.Repeat([]byte{2}, seal.KeySize), "states").Open(sealed, "caller 1")
		},
		"a key of its own": func() ([]byte, error) { return sealer(t, nil, "states").Open(sealed, "caller 1") },
		"a changed text":   func() ([]byte, error) { return sealer(t, key, "states").Open(string(flipped), "caller 1") },
		"a longer text":    func() ([]byte, error) { return sealer(t, key, "states").Open(sealed+"A", "caller 1") },
		"a shorter text":   func() ([]byte, error) { return sealer(t, key, "states").Open(sealed[:len(sealed)-4], "caller 1") },
		"a broken line":    func() ([]byte, error) { return sealer(t, key, "states").Open(sealed[:8]+"\n"+sealed[8:], "caller 1") },
		"nothing":          func() ([]byte, error) { return sealer(t, key, "states").Open("", "caller 1") },
		"other characters": func() ([]byte, error) { return sealer(t, key, "states").Open("$$$", "caller 1") },
	} {
		if plain, err := open(); !errors.Is(err, seal.ErrForeign) {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
}

func TestTheSameIsNeverSealedTheSameWay(t *testing.T) {
	s := sealer(t, nil, "states")
	if s.Seal([]byte("a"), "") == s.Seal([]byte("a"), "") {
		t.Error("two seals are equal")
	}
}

func TestAKeyOfAnotherSizeIsRefused(t *testing.T) {
	if _, err := seal.New([]byte("short"), "states"); err == nil {
		t.Error("accepted")
	}
}
