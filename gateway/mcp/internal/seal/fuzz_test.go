package seal_test

import (
	"bytes"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/seal"
)

// sealed was sealed once for alice, with the key of the test: the processes that fuzz have to agree on it, and each sealing
// differs.
const sealed = "qsrCp98CB15JnFBJsd28mWnXEd63piVrutHUBzeBoAhdpxc"

// One text alone opens, and only for what it was sealed for.
func FuzzOpen(f *testing.F) {
	s, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize), "fuzz")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, "alice")
	f.Add(sealed+"\n", "alice")
	f.Add(sealed, "bob")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, context string) {
		if plain, err := s.Open(text, context); (err == nil) != (text == sealed && context == "alice") {
			t.Errorf("%q opens for %q as %q: %v", text, context, plain, err)
		}
		again, err := s.Open(s.Seal([]byte(text), context), context)
		if err != nil || string(again) != text {
			t.Errorf("%q comes back as %q: %v", text, again, err)
		}
	})
}
