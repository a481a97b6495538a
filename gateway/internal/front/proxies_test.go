package front_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// clientOf is where a front takes a request to come from, and what it would tell the box behind it.
func clientOf(t *testing.T, proxies front.Proxies, peer string, header http.Header) (client string, told http.Header) {
	t.Helper()
	told = http.Header{"X-Forwarded-For": {"invented"}, "Forwarded": {"for=invented"}}
	h, err := front.New(front.Config{
		Proxies: proxies, Logger: kittest.Logger(&kittest.Log{}), Registry: telemetry.NewRegistry(),
	}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		client = front.Client(r.Context()).String()
		proxies.Name(r.Context(), told)
	}))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.RemoteAddr, r.Header = peer, header
	h.ServeHTTP(httptest.NewRecorder(), r)
	return client, told
}

func TestOnlyTrustedProxiesSayWhereARequestComesFrom(t *testing.T) {
	trusted := []string{"10.0.0.0/8", "192.0.2.7", "fd00::/8"}
	xff := func(lines ...string) http.Header { return http.Header{"X-Forwarded-For": lines} }
	rfc := func(lines ...string) http.Header { return http.Header{"Forwarded": lines} }
	for name, c := range map[string]struct {
		header string // the setting; X-Forwarded-For if it is empty
		peer   string
		sent   http.Header
		want   string
	}{
		"a client without a proxy":                       {"", "203.0.113.5:1", nil, "203.0.113.5"},
		"a client that invents one":                      {"", "203.0.113.5:1", xff("198.51.100.9"), "203.0.113.5"},
		"a client behind a proxy":                        {"", "10.1.1.1:1", xff("203.0.113.5"), "203.0.113.5"},
		"a client behind a proxy, invents another":       {"", "10.1.1.1:1", xff("198.51.100.9, 203.0.113.5"), "203.0.113.5"},
		"in a header of its own":                         {"", "10.1.1.1:1", xff("198.51.100.9", "203.0.113.5"), "203.0.113.5"},
		"an invented address that is trusted":            {"", "10.1.1.1:1", xff("10.9.9.9, 203.0.113.5"), "203.0.113.5"},
		"a row of proxies":                               {"", "10.1.1.1:1", xff("198.51.100.9, 203.0.113.5, 192.0.2.7, 10.2.2.2"), "203.0.113.5"},
		"nobody but proxies":                             {"", "10.1.1.1:1", xff("10.3.3.3, 10.2.2.2"), "10.3.3.3"},
		"a proxy that says nothing":                      {"", "10.1.1.1:1", nil, "10.1.1.1"},
		"a proxy that says something else":               {"", "10.1.1.1:1", xff("203.0.113.5, unknown"), "10.1.1.1"},
		"garbage before what counts":                     {"", "10.1.1.1:1", xff(`"', ,,<>, 203.0.113.5`), "203.0.113.5"},
		"an open quote before what counts":               {"", "10.1.1.1:1", xff(`198.51.100.9, "x, 203.0.113.5`), "203.0.113.5"},
		"an address with a port":                         {"", "10.1.1.1:1", xff("203.0.113.5:4711"), "203.0.113.5"},
		"IPv6":                                           {"", "[fd00::1]:1", xff("2001:db8::5"), "2001:db8::5"},
		"IPv6 with a port":                               {"", "[fd00::1]:1", xff("[2001:db8::5]:4711"), "2001:db8::5"},
		"IPv4 written as IPv6":                           {"", "[::ffff:10.1.1.1]:1", xff("::ffff:203.0.113.5"), "203.0.113.5"},
		"the other header, which the proxy hands on":     {"", "10.1.1.1:1", rfc("for=198.51.100.9"), "10.1.1.1"},
		"Forwarded":                                      {"Forwarded", "10.1.1.1:1", rfc(`for=203.0.113.5;proto=https`), "203.0.113.5"},
		"Forwarded, in any case":                         {"forwarded", "10.1.1.1:1", rfc(`Proto=https; For=203.0.113.5`), "203.0.113.5"},
		"Forwarded with IPv6":                            {"Forwarded", "10.1.1.1:1", rfc(`for="[2001:db8::5]:4711"`), "2001:db8::5"},
		"Forwarded with an invented element":             {"Forwarded", "10.1.1.1:1", rfc(`for=198.51.100.9, for=203.0.113.5`), "203.0.113.5"},
		"Forwarded with a comma in quotes":               {"Forwarded", "10.1.1.1:1", rfc(`for=198.51.100.9, for=203.0.113.5;host="a,for=10.9.9.9"`), "203.0.113.5"},
		"Forwarded with an open quote before":            {"Forwarded", "10.1.1.1:1", rfc(`for="198.51.100.9, for=203.0.113.5`), "203.0.113.5"},
		"Forwarded that hides":                           {"Forwarded", "10.1.1.1:1", rfc(`for=203.0.113.5, for=_secret`), "10.1.1.1"},
		"X-Forwarded-For where Forwarded is what counts": {"Forwarded", "10.1.1.1:1", xff("198.51.100.9"), "10.1.1.1"},
		"more hops than anybody has":                     {"", "10.1.1.1:1", xff("203.0.113.5" + strings.Repeat(", 10.2.2.2", 100)), "10.2.2.2"},
	} {
		t.Run(name, func(t *testing.T) {
			proxies, err := front.ParseProxies(trusted, c.header)
			if err != nil {
				t.Fatal(err)
			}
			got, told := clientOf(t, proxies, c.peer, c.sent)
			if got != c.want {
				t.Errorf("it comes from %s, want %s", got, c.want)
			}
			// The box behind, which trusts this one, must come to the same.
			if behind, _ := clientOf(t, proxies, "10.0.0.1:1", told); behind != c.want {
				t.Errorf("the box behind is told %v and takes it to come from %s, want %s", told, behind, c.want)
			}
			if strings.Contains(told.Get("X-Forwarded-For")+told.Get("Forwarded"), "invented") {
				t.Errorf("what a client wrote goes on: %v", told)
			}
		})
	}
}

func TestProxiesThatCannotBeMeant(t *testing.T) {
	for _, c := range []struct {
		networks []string
		header   string
		ok       bool
	}{
		{nil, "", true},
		{[]string{"10.0.0.0/8", "::1"}, "x-forwarded-for", true},
		{[]string{"ten"}, "", false},
		{[]string{"10.0.0.0/33"}, "", false},
		{[]string{""}, "", false},
		{nil, "X-Real-IP", false},
	} {
		if _, err := front.ParseProxies(c.networks, c.header); (err == nil) != c.ok {
			t.Errorf("%v %q: %v", c.networks, c.header, err)
		}
	}
}
