package stytch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

func TestConnectingGoesOnUntilTheKeySetIsThere(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(t, nil)
	good := f.keySet(keyID)
	f.answer(keysPath, func(w http.ResponseWriter, r *http.Request) {
		if f.count(keysPath) < 3 {
			reply(http.StatusInternalServerError, `{}`)(w, r)
			return
		}
		good(w, r)
	})
	if err := c.Ready(); !errors.Is(err, stytch.ErrUnavailable) {
		t.Errorf("before connecting: got %v", err)
	}
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(); err != nil {
		t.Error(err)
	}
	if n := f.count(keysPath); n != 3 {
		t.Errorf("got %d fetches, want 3", n)
	}
}

func TestCallsWaitForTheFirstAttemptToConnectAndForNoOther(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(t, nil)
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.answer(keysPath, func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(arrived) })
		<-release
		reply(http.StatusInternalServerError, `{}`)(w, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	tasks.Go(func() { _ = c.Connect(ctx) })

	<-arrived
	impatient, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.VerifySessionJWT(impatient, f.sign(t, sessionClaims())); !errors.Is(err, stytch.ErrUnavailable) {
		t.Errorf("who gives up: got %v", err)
	}
	close(release)
	for range 2 { // the first waits for the attempt, the second for nothing
		if _, err := c.VerifySessionJWT(t.Context(), f.sign(t, sessionClaims())); !errors.Is(err, stytch.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
}

func TestClosingEndsARequestThatHangs(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(t, nil)
	arrived := make(chan struct{})
	f.answer(keysPath, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	done := make(chan error, 1)
	go func() { done <- c.Connect(context.Background()) }()
	<-arrived
	c.Close()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(4 * time.Second): // less than the request's own timeout
		t.Error("connecting goes on")
	}
}

func TestTheSecretGoesNowhereElse(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request was redirected")
	}))
	defer elsewhere.Close()
	f := newFake(t)
	c := f.connected(t)
	f.answer("/v1/b2b/rbac/policy", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != project || password != "secret" {
			t.Errorf("got credentials %q, %q", user, password)
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	if _, err := c.Policy(t.Context()); !errors.Is(err, stytch.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestAnAnswerWithoutEndIsNotReadToTheEnd(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.connected(t)
	sent := make(chan int, 1)
	f.answer("/v1/b2b/rbac/policy", func(w http.ResponseWriter, r *http.Request) {
		megabytes := 0
		defer func() { sent <- megabytes }()
		for ; r.Context().Err() == nil && megabytes < 100; megabytes++ {
			if _, err := fmt.Fprint(w, strings.Repeat(" ", 1<<20)); err != nil {
				return
			}
		}
	})
	if _, err := c.Policy(t.Context()); !errors.Is(err, stytch.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if megabytes := <-sent; megabytes >= 100 { // what is in flight when the client has had enough is far less
		t.Errorf("all of it was read")
	}
}

func TestASlashAtTheEndOfTheBaseURIDoesNoHarm(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(t, func(cfg *stytch.Config) { cfg.BaseURI += "/" })
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.count(keysPath); n != 1 {
		t.Errorf("the key set was asked for %d times at its path", n)
	}
}

func TestBrowsersStartAtThePublicAddress(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(t, func(cfg *stytch.Config) { cfg.PublicURL = "https://login.example/" })
	for got, want := range map[string]string{
		c.OAuthURL("google", "https://app.example/back?x=1", "challenge"): "https://login.example/v1/b2b/public/oauth/google/discovery/start?" +
			"discovery_redirect_url=https%3A%2F%2Fapp.example%2Fback%3Fx%3D1&pkce_code_challenge=challenge&public_token=public-token-test-1",
		c.SSOURL("oidc-connection-test-1", "https://app.example/back", "challenge"): "https://login.example/v1/public/sso/start?" +
			"connection_id=oidc-connection-test-1&login_redirect_url=https%3A%2F%2Fapp.example%2Fback&pkce_code_challenge=challenge" +
			"&public_token=public-token-test-1&signup_redirect_url=https%3A%2F%2Fapp.example%2Fback",
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
