package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAPersonSignsInOnceAndStaysSignedIn(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	c := running.newTerminal(t)
	if got := c.try(t, "objectives", "list"); got.code != 1 || !strings.Contains(got.err, "run okrctl login") || got.out != "" {
		t.Errorf("before the sign-in: %+v", got)
	}
	printed, code := c.login(t, ceo, true)
	if code != 0 || !strings.Contains(printed, "Company") || !strings.Contains(printed, "manage:objectives") || !strings.Contains(printed, "offline_access") {
		t.Errorf("login: %d %s", code, printed)
	}
	who := c.json(t, "whoami")
	if who.text("principal", "memberId") != ceo.member || who.text("principal", "organizationId") != ceo.organization ||
		who.text("principal", "clientName") != "okrctl" || who.text("emailAddress") != "founder@"+domain {
		t.Errorf("whoami: %v", who)
	}
	if text := c.must(t, "whoami"); !strings.Contains(text, "stytch_admin") || !strings.Contains(text, running.PublicURL) {
		t.Errorf("whoami: %s", text)
	}

	// What is kept is the owner's alone.
	kept := filepath.Join(c.home, ".config", "okr-manager", url.QueryEscape(running.PublicURL)+".json")
	for path, want := range map[string]os.FileMode{kept: 0o600, filepath.Dir(kept): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	// An access token that ends is renewed by whoever notices, and by nobody else: devidp ends the sign-in when a refresh
	// token comes twice.
	first := strings.TrimSpace(c.must(t, "token"))
	ageSignIn(t, kept)
	var all sync.WaitGroup
	tokens := make([]string, 12)
	for i := range tokens {
		all.Go(func() { tokens[i] = strings.TrimSpace(c.must(t, "token")) })
	}
	all.Wait()
	if slices.Sort(tokens); tokens[0] != tokens[len(tokens)-1] || tokens[0] == first || strings.Count(tokens[0], ".") != 2 {
		t.Errorf("the tokens are %q after %q", tokens, first)
	}
	c.must(t, "objectives", "list")

	// The token is for other tools, too.
	if got := running.asAgent(tokens[0]).call(t, http.MethodGet, "/api/v1/objectives", ""); got.status != http.StatusOK {
		t.Errorf("over REST: %d %s", got.status, got.body)
	}

	c.must(t, "logout")
	if _, err := os.Stat(kept); !os.IsNotExist(err) {
		t.Errorf("after the logout there is %s: %v", kept, err)
	}
	if got := c.try(t, "token"); got.code != 1 || got.out != "" {
		t.Errorf("after the logout: %+v", got)
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"gone"}, "client_id": {who.text("principal", "clientId")}}
	if got := running.provider.form(t, tokenPath, refresh); got.reason != "invalid_grant" {
		t.Errorf("the refresh token lives on: %s", got.body)
	}
}

// ageSignIn makes the kept access token one that has expired.
func ageSignIn(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := parse(t, string(text))
	kept["expiry"] = time.Now().Add(-time.Minute).Format(time.RFC3339)
	if err := os.WriteFile(path, []byte(kept.json(t)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestASignInThatIsDeclinedOrGivenUpKeepsNothing(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	c := running.newTerminal(t)
	if printed, code := c.login(t, ceo, false); code != 1 || !strings.Contains(printed, "declined") {
		t.Errorf("declined: %d %s", code, printed)
	}
	b := c.start(t, "login", "--no-browser")
	line(t, b.err, "/oauth/authorize?")
	if code := b.interrupt(t); code != 130 {
		t.Errorf("interrupted: %d", code)
	}
	if got := c.try(t, "token"); got.code != 1 {
		t.Errorf("signed in is %+v", got)
	}
}

func TestAPersonCanAllowOkrctlLessThanEverything(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	c := running.newTerminal(t)
	if printed, code := c.login(t, ceo, true, "--scope", "read:okrs"); code != 0 {
		t.Fatalf("login: %d %s", code, printed)
	}
	c.must(t, "objectives", "list")
	got := c.try(t, "objectives", "create", "Not with this scope")
	if got.code != 1 || !strings.Contains(got.err, "SCOPE_MISSING") || !strings.Contains(got.err, "manage:objectives") {
		t.Errorf("creating: %+v", got)
	}
	// And somebody whose role does not allow it learns who could.
	emma := ceo.hire(t, "emma@"+domain).terminal(t)
	if got := emma.try(t, "objectives", "create", "Not with this role"); got.code != 1 || !strings.Contains(got.err, "ROLE_MISSING") || !strings.Contains(got.err, "stytch_admin") {
		t.Errorf("creating: %+v", got)
	}
}
