package seal_test

import (
	"bytes"
	"testing"

	"github.com/df0f9dda/okr-manager/services/authz/internal/seal"
)

// sealed was sealed once in the context, with the first key of the test: the processes that fuzz have to agree on it, and
// each sealing differs.
const sealed = "DEdMhzKDWLpm80rDnP-8f8cZqjmZpV04lF1biU5Pa_5WSps"

// One text alone opens, and only in its context.
func FuzzOpen(f *testing.F) {
	s, err := seal.New([][]byte{key(1), key(2)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, []byte("context"))
	f.Add(sealed+"\r\n", []byte("context"))
	f.Add(sealed, []byte{})
	f.Fuzz(func(t *testing.T, text string, context []byte) {
		content, err := s.Open(text, context)
		if (err == nil) != (text == sealed && string(context) == "context") {
			t.Errorf("%q opens in %q as %q: %v", text, context, content, err)
		}
		again, err := s.Open(s.Seal([]byte(text), context), context)
		if err != nil || !bytes.Equal(again, []byte(text)) {
			t.Errorf("%q comes back as %q: %v", text, again, err)
		}
	})
}
