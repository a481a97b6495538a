package rest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// once is a rate that lets one request through, and the next after 100 seconds.
const once = 0.01

// forwardedFor is the header that a proxy writes, after whatever its client wrote.
func forwardedFor(value string) http.Header { return http.Header{"X-Forwarded-For": {value}} }

// Whoever can choose the address that is counted has no limit, and can use up that of others.
func TestAnInventedAddressNeitherDodgesTheLimitNorLocksOthersOut(t *testing.T) {
	guess := ask{method: http.MethodGet, path: "/api/v1/objectives", bearer: "guessed"}
	t.Run("without a proxy", func(t *testing.T) {
		w := start(t, func(c *Config) { c.AddressRate = once })
		if r := w.do(guess); r.StatusCode != http.StatusUnauthorized {
			t.Fatalf("the first guess: %d %s", r.StatusCode, r.body)
		}
		for i := range 5 {
			guess.bearer, guess.header = fmt.Sprintf("guessed-%d", i), forwardedFor(fmt.Sprintf("198.51.100.%d", i))
			r := w.do(guess)
			w.wantFault(r, http.StatusTooManyRequests, "RATE_LIMITED")
			if r.Header.Get("Retry-After") != "100" {
				t.Errorf("it is told to come back after %q", r.Header.Get("Retry-After"))
			}
		}
	})
	t.Run("behind a proxy", func(t *testing.T) {
		w := start(t, func(c *Config) { c.AddressRate, c.TrustedProxies = once, []string{"127.0.0.1"} })
		const attacker, victim = "203.0.113.5", "203.0.113.6"
		guess := guess
		guess.header = forwardedFor(victim + ", " + attacker) // the victim's address is the attacker's own word
		if r := w.do(guess); r.StatusCode != http.StatusUnauthorized {
			t.Fatalf("the first guess: %d %s", r.StatusCode, r.body)
		}
		for _, invented := range []string{"198.51.100.1", "127.0.0.1", "::1", `"`, ",,,"} {
			guess.header = forwardedFor(invented + ", " + attacker)
			w.wantFault(w.do(guess), http.StatusTooManyRequests, "RATE_LIMITED")
		}
		guess.header = http.Header{"X-Forwarded-For": {attacker}, "Forwarded": {"for=198.51.100.7"}, "X-Real-Ip": {"198.51.100.8"}}
		w.wantFault(w.do(guess), http.StatusTooManyRequests, "RATE_LIMITED")
		guess.header = forwardedFor(victim)
		if r := w.do(guess); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("somebody else: %d %s", r.StatusCode, r.body)
		}
	})
}

func TestWhoIsKnownIsNotKeptOutByOthersAtTheSameAddress(t *testing.T) {
	w := start(t, func(c *Config) { c.AddressRate = once })
	read := ask{path: "/api/v1/objectives", session: "ceo-session"}
	if r := w.do(read); r.StatusCode != http.StatusOK { // takes what the address has
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	w.wantFault(w.do(ask{path: "/api/v1/objectives", bearer: "guessed"}), http.StatusTooManyRequests, "RATE_LIMITED")
	w.wantFault(w.do(ask{path: "/api/v1/objectives"}), http.StatusTooManyRequests, "RATE_LIMITED")
	for range 5 {
		if r := w.do(read); r.StatusCode != http.StatusOK {
			t.Errorf("a member who is known: %d %s", r.StatusCode, r.body)
		}
	}
	// A sign-in is never somebody's who is known, and asks Stytch.
	if r := w.do(ask{path: "/signin/google", session: "ceo-session"}); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/signin?problem=RATE_LIMITED" {
		t.Errorf("a sign-in: %d to %s", r.StatusCode, r.Header.Get("Location"))
	}
	for path, want := range map[string]int{"/": http.StatusOK, "/livez": http.StatusOK, "/readyz": http.StatusOK} {
		if r := w.do(ask{path: path}); r.StatusCode != want { // costs no more than to refuse it
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

func TestMembersAndOrganizationsHaveLimitsOfTheirOwn(t *testing.T) {
	w := start(t, func(c *Config) { c.CallerRate = once })
	read := func(session string) reply { return w.do(ask{path: "/api/v1/objectives", session: session}) }
	if r := read("ceo-session"); r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	fault := w.wantFault(read("ceo-session"), http.StatusTooManyRequests, "RATE_LIMITED")
	if !hasRetryInfo(fault) {
		t.Errorf("the error does not say when to come back: %v", fault.Details)
	}
	if r := read("employee-session"); r.StatusCode != http.StatusOK {
		t.Errorf("another member: %d %s", r.StatusCode, r.body)
	}

	w = start(t, func(c *Config) { c.OrganizationRate = once })
	w.authz.change(func(f *fakeAuthz) { f.principals["globex"] = kittest.CEO("globex") })
	if r := read("ceo-session"); r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	w.wantFault(read("employee-session"), http.StatusTooManyRequests, "RATE_LIMITED")
	if r := read("globex"); r.StatusCode != http.StatusOK {
		t.Errorf("another organization: %d %s", r.StatusCode, r.body)
	}
}

func hasRetryInfo(f fault) bool {
	for _, detail := range f.Details {
		if detail["@type"] == "type.googleapis.com/google.rpc.RetryInfo" {
			return true
		}
	}
	return false
}

func TestTheMCPEdgeIsToldWhereARequestComesFrom(t *testing.T) {
	w, mcp := startForwarding(t, func(http.ResponseWriter, *http.Request) {})
	w.do(ask{path: "/mcp", header: http.Header{"X-Forwarded-For": {"198.51.100.1"}, "Forwarded": {"for=198.51.100.1"}}})
	got, _ := mcp.last()
	if got.Header.Get("X-Forwarded-For") != "127.0.0.1" || got.Header.Get("Forwarded") != "" {
		t.Errorf("it is told %v", got.Header)
	}
}
