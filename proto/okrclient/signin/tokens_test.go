package signin

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

// age makes the kept access token one that has expired.
func age(t *testing.T, a *Account) {
	t.Helper()
	r, err := a.file.read()
	if err != nil {
		t.Fatal(err)
	}
	r.Expiry = time.Now().Add(margin - time.Second)
	if err := a.file.write(r); err != nil {
		t.Fatal(err)
	}
}

func TestATokenIsRenewedBeforeItsEndAndWhenItIsRefused(t *testing.T) {
	p := newProvider(t)
	a := p.signedIn(t)
	other := p.account(t, filepath.Dir(a.Path()))
	for _, step := range []struct {
		name    string
		account *Account
		age     bool
		refused string
		want    string
	}{
		{"a good one stays", a, false, "", "access-1"},
		{"for others as well", other, false, "", "access-1"},
		{"one that was refused is replaced", a, false, "access-1", "access-2"},
		{"once", a, false, "access-1", "access-2"},
		{"and what another process has renewed is used", other, false, "access-1", "access-2"},
	} {
		if got, err := step.account.Token(t.Context(), step.refused); err != nil || got != step.want {
			t.Errorf("%s: %q, %v, want %q", step.name, got, err, step.want)
		}
	}
	age(t, a)
	if got, err := p.account(t, filepath.Dir(a.Path())).Token(t.Context(), ""); err != nil || got != "access-3" {
		t.Errorf("one that ends soon: %q, %v", got, err)
	}
	if text := kept(t, a); !strings.Contains(text, `"refresh-3"`) || strings.Contains(text, `"refresh-2"`) {
		t.Errorf("kept is %s", text)
	}
}

// A refresh token is good for one use: many accounts, as many processes have them, must use each once.
func TestManyProcessesUseARefreshTokenOnce(t *testing.T) {
	p := newProvider(t)
	a := p.signedIn(t)
	for round := range 5 {
		age(t, a)
		before := p.issued
		var all sync.WaitGroup
		for range 16 {
			account := p.account(t, filepath.Dir(a.Path()))
			all.Go(func() {
				if _, err := account.Token(t.Context(), ""); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		all.Wait()
		if p.issued != before+1 || p.refresh == "" {
			t.Fatalf("round %d: %d tokens were issued; the sign-in ended: %v", round, p.issued-before, p.refresh == "")
		}
	}
}

func TestWhoGivesUpDoesNotLoseTheRefreshToken(t *testing.T) {
	p := newProvider(t)
	a := p.signedIn(t)
	age(t, a)
	ctx, cancel := context.WithCancel(t.Context())
	// The caller gives up while the request is on its way.
	a.http.Transport = transportFunc(func(r *http.Request) (*http.Response, error) {
		cancel()
		time.Sleep(10 * time.Millisecond)
		return http.DefaultTransport.RoundTrip(r)
	})
	a.cached = record{}
	if got, err := a.Token(ctx, ""); err != nil || got != "access-2" {
		t.Errorf("the token is %q, %v", got, err)
	}
	if text := kept(t, a); !strings.Contains(text, "refresh-2") {
		t.Errorf("kept is %s", text)
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWhyATokenCannotBeRenewedDecidesWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*testing.T, *provider, *Account)
		signOut bool // the person has to sign in again
		passes  bool // it is worth another try
	}{
		{"the sign-in was ended", func(_ *testing.T, p *provider, _ *Account) { p.refresh = "" }, true, false},
		{"the provider is down", func(_ *testing.T, p *provider, _ *Account) { p.Close() }, false, true},
		{"the provider has a problem", func(_ *testing.T, p *provider, _ *Account) { p.tokenStatus = http.StatusBadGateway }, false, true},
		{"the provider does not understand", func(_ *testing.T, p *provider, _ *Account) { p.tokenStatus = http.StatusNotFound }, false, false},
		{"there is no refresh token", func(t *testing.T, _ *provider, a *Account) {
			r, err := a.file.read()
			if err != nil {
				t.Fatal(err)
			}
			r.RefreshToken = ""
			if err := a.file.write(r); err != nil {
				t.Fatal(err)
			}
		}, true, false},
		{"it was forgotten", func(t *testing.T, _ *provider, a *Account) {
			if err := os.Remove(a.Path()); err != nil {
				t.Fatal(err)
			}
		}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProvider(t)
			a := p.signedIn(t)
			age(t, a)
			c.change(t, p, a)
			_, err := p.account(t, filepath.Dir(a.Path())).Token(t.Context(), "")
			var e *okrclient.Error
			passes := errors.As(err, &e) && e.Code == codes.Unavailable
			if err == nil || errors.Is(err, ErrSignedOut) != c.signOut || passes != c.passes {
				t.Errorf("it answers %v", err)
			}
		})
	}
}

func TestAFileThatIsNotPrivateIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(path string) error
		want   string
	}{
		{"others can read it", func(path string) error { return os.Chmod(path, 0o604) }, "open to others"},
		{"its group can read it", func(path string) error { return os.Chmod(path, 0o640) }, "open to others"},
		{"others can write it", func(path string) error { return os.Chmod(path, 0o602) }, "open to others"},
		{"it is damaged", func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) }, "damaged"},
		{"it is another server's", func(path string) error {
			return os.WriteFile(path, []byte(`{"server":"https://evil.example","access_token":"x"}`), 0o600)
		}, "https://evil.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProvider(t)
			a := p.signedIn(t)
			if err := c.change(a.Path()); err != nil {
				t.Fatal(err)
			}
			fresh := p.account(t, filepath.Dir(a.Path()))
			for what, err := range map[string]error{
				"Token":   func() error { _, err := fresh.Token(t.Context(), ""); return err }(),
				"SignIn":  func() error { _, err := fresh.SignIn(t.Context(), p.consents); return err }(),
				"SignOut": fresh.SignOut(t.Context()),
			} {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s answers %v", what, err)
				}
			}
		})
	}
}

func TestAFolderThatIsNotPrivateIsRefused(t *testing.T) {
	p := newProvider(t)
	a := p.signedIn(t)
	age(t, a)
	if err := os.Chmod(filepath.Dir(a.Path()), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := p.account(t, filepath.Dir(a.Path())).Token(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "open to others") || p.issued != 1 {
		t.Errorf("it answers %v, with %d tokens", err, p.issued)
	}
}

func TestAWriteThatFailsLeavesWhatWasThere(t *testing.T) {
	p := newProvider(t)
	a := p.signedIn(t)
	before := kept(t, a)
	broken := a.file
	broken.name = filepath.Join("no-such-folder", "x.json") // the temporary file is written, its renaming fails
	if err := broken.write(record{Server: "x"}); err == nil {
		t.Error("it was written")
	}
	if kept(t, a) != before || len(files(t, a)) != 1 {
		t.Errorf("left are %v", files(t, a))
	}
}

// Two servers on one machine have a sign-in each, however alike their addresses are.
func TestEachServerHasItsOwnSignIn(t *testing.T) {
	one, two := newProvider(t), newProvider(t)
	a := one.signedIn(t)
	b := two.account(t, filepath.Dir(a.Path()))
	if _, err := b.Token(t.Context(), ""); !errors.Is(err, ErrSignedOut) || a.Path() == b.Path() {
		t.Errorf("the other server's is %v", err)
	}
	paths := map[string]bool{}
	for _, server := range []string{"http://localhost:3000", "https://localhost:3000", "https://localhost", "https://a-b", "https://a_b", "https://a:80", "https://a.80"} {
		account, err := New(Config{Server: server, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		paths[filepath.Base(account.Path())] = true
	}
	if len(paths) != 7 {
		t.Errorf("the files are %v", paths)
	}
}
