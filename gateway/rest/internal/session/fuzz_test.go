package session

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Wherever a return path comes from, what becomes of it stays on this host, and does not change when it is cleaned again.
func FuzzReturnPath(f *testing.F) {
	for _, path := range []string{
		"/", "/objectives?cycle=2026-Q3#x", "//evil.example", "/\\evil.example", "/%2f/evil.example", "/\t/evil.example", "/a/..//evil.example",
		"https://evil.example", "javascript:alert(1)", "/%5Cevil.example", "/?a=%zz", "/;//evil", "/.//evil.example",
	} {
		f.Add(path)
	}
	public, err := url.Parse("https://okr.example/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		clean := cleanReturn(path)
		// As a browser resolves it (WHATWG URL): without white space at the ends, tabs and line breaks, and with slashes for
		// backslashes.
		seen := strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(strings.TrimFunc(clean, func(r rune) bool { return r <= ' ' }))
		to, err := public.Parse(seen)
		if err != nil || to.Host != public.Host || to.Scheme != public.Scheme || strings.HasPrefix(seen, "//") {
			t.Errorf("%q became %q, which leads to %v: %v", path, clean, to, err)
		}
		if again := cleanReturn(clean); again != clean {
			t.Errorf("%q became %q, and that %q", path, clean, again)
		}
	})
}

// A cookie of a sign-in that was started is whole and in time, or none.
func FuzzStart(f *testing.F) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	public, err := url.Parse("https://okr.example/")
	if err != nil {
		f.Fatal(err)
	}
	cookies := NewCookies(public, func() time.Time { return now })
	text, err := newStart("/objectives", now).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"verifier":"v","return":"//evil.example","expire":"2027-01-01T00:00:00Z"}`)))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/authenticate", http.NoBody)
		r.AddCookie(&http.Cookie{Name: cookies.signIn, Value: text})
		if s, ok := cookies.takeStart(r); ok && (s.Verifier == "" || !now.Before(s.Expire) || cleanReturn(s.Return) != s.Return) {
			t.Errorf("%q was read as %v", text, s)
		}
	})
}
