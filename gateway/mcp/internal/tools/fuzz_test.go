package tools

import "testing"

// A text is a cursor only if it is what its parts are written as.
func FuzzCursor(f *testing.F) {
	for _, c := range []cursor{{}, {"AAAA", "", ""}, {"AAAA", "okr_1", "BBBB"}, {"", "", "BBBB"}} {
		f.Add(c.String())
	}
	f.Add("a.b.c.d")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := openCursor(text); err == nil && c.String() != text {
			t.Errorf("%q was read as %v", text, c)
		}
	})
}
