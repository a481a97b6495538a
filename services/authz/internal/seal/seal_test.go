package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/df0f9dda/okr-manager/services/authz/internal/seal"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, seal.KeySize) }

func sealer(t *testing.T, keys ...[]byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOnlyTheRightKeyAndContextOpenASeal(t *testing.T) {
	t.Parallel()
	sealed := sealer(t, key(1)).Seal([]byte("content"), []byte("context"))
	for name, tc := range map[string]struct {
		keys    [][]byte
		sealed  string
		context string
		opens   bool
	}{
		"the same key":              {[][]byte{key(1)}, sealed, "context", true},
		"a newer key before it":     {[][]byte{key(2), key(1)}, sealed, "context", true},
		"after the key was dropped": {[][]byte{key(2)}, sealed, "context", false},
		"another context":           {[][]byte{key(1)}, sealed, "another", false},
		"no context":                {[][]byte{key(1)}, sealed, "", false},
		"nothing":                   {[][]byte{key(1)}, "", "context", false},
		"less than a nonce":         {[][]byte{key(1)}, "AAAA", "context", false},
		"no base64":                 {[][]byte{key(1)}, "!" + sealed, "context", false},
		"one character less":        {[][]byte{key(1)}, sealed[:len(sealed)-1], "context", false},
	} {
		content, err := sealer(t, tc.keys...).Open(tc.sealed, []byte(tc.context))
		switch {
		case tc.opens && (err != nil || string(content) != "content"):
			t.Errorf("%s: %q, %v", name, content, err)
		case !tc.opens && !errors.Is(err, seal.ErrBroken):
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
}

func TestTheFirstKeySeals(t *testing.T) {
	t.Parallel()
	sealed := sealer(t, key(2), key(1)).Seal([]byte("content"), nil)
	if _, err := sealer(t, key(1)).Open(sealed, nil); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("the second key opens it: %v", err)
	}
	if content, err := sealer(t, key(2)).Open(sealed, nil); err != nil || string(content) != "content" {
		t.Errorf("the first key: %q, %v", content, err)
	}
}

func TestASealTellsNothingOfItsContent(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1))
	one, other := s.Seal([]byte("content"), nil), s.Seal([]byte("content"), nil)
	if one == other {
		t.Error("the same content is sealed to the same text")
	}
	raw, err := base64.RawURLEncoding.DecodeString(one)
	if err != nil || bytes.Contains(raw, []byte("content")) {
		t.Errorf("the content can be read: %v", err)
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][][]byte{"none": nil, "a short one": {key(1), key(2)[1:]}} {
		if _, err := seal.New(keys); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
