package front_test

import (
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
)

func TestPublicURLs(t *testing.T) {
	for address, want := range map[string]string{
		"http://localhost:3000":     "http://localhost:3000",
		"http://localhost:3000/":    "http://localhost:3000",
		"http://127.0.0.1:80":       "http://127.0.0.1:80",
		"http://[::1]:3000":         "http://[::1]:3000",
		"https://okr.example.com":   "https://okr.example.com",
		"http://okr.example.com":    "", // credentials would travel in clear
		"http://localhost.evil.com": "",
		"https://a.example/path":    "",
		"https://a.example?x":       "",
		"https://user@a.example":    "",
		"okr.example.com":           "",
		"https://":                  "",
		"":                          "",
	} {
		u, err := front.ParseOrigin(address)
		if (err == nil) != (want != "") || err == nil && u.String() != want {
			t.Errorf("%q: %v, %v, want %q", address, u, err, want)
		}
	}
}
