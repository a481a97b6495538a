package jsontext_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/df0f9dda/okr-manager/services/kit/jsontext"
)

// standard is a text as the standard library writes it, without what it does for pages.
func standard(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

func FuzzTextsAreWrittenAsTheStandardLibraryDoes(f *testing.F) {
	for _, text := range []string{
		"", "Grow", `a "quoted" \ path`, "line\nline\r\n\ttab\b\f\x00\x1f\x7f", "<b>&amp;</b>",
		"größer → 100 % 🎯", "a\u2028b\u2029c\u2027\u202a", "\xff\xfe half of \xe2\x80", "\xe2\x80\xa8\xe2\x80\xa9", "\ufffd",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := string(jsontext.Append([]byte("x"), text)), "x"+standard(t, text); got != want {
			t.Errorf("%q is written as %s, want %s", text, got, want)
		}
	})
}
