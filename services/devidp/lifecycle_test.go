package devidp_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/idp"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/otp/email/discovery"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

func TestARestartKeepsTheKeyAndTheState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, api := start(t, devidp.Config{DataDir: dir})
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	agent := s.MintAgent(devidptest.Ada, "read:okrs")
	created, err := api.Organizations.Members.Create(t.Context(), &members.CreateParams{OrganizationID: devidptest.Acme, EmailAddress: "kept@acme.test"})
	ok(t, err)
	s.Stop()

	s, again := start(t, devidp.Config{DataDir: dir})
	_, err = again.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken})
	ok(t, err)
	_, err = again.Sessions.AuthenticateJWTLocal(t.Context(), session.SessionJWT, time.Minute, nil)
	ok(t, err)
	_, err = again.Organizations.Members.Get(t.Context(), &members.GetParams{OrganizationID: devidptest.Acme, MemberID: created.MemberID})
	ok(t, err)
	wantActive(t, again.IDP.IntrospectTokenNetwork, agent)
	// A verifier that fetched the keys before the restart takes a token from after it.
	_, err = api.IDP.IntrospectTokenLocal(t.Context(), &idp.IntrospectTokenLocalParams{Token: s.MintAgent(devidptest.Max, "read:okrs").AccessToken})
	ok(t, err)
}

func TestTheFileHoldsNoTokenInTheClear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, api := start(t, devidp.Config{DataDir: dir})
	proof := prove(t, s, api, devidptest.AdaEmail)
	session := signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme)
	agent := s.MintAgent(devidptest.Ada, "read:okrs", "offline_access")
	c, _ := register(t, s, `{"client_name":"Server","redirect_uris":["`+callback+`"],"token_endpoint_auth_method":"client_secret_post"}`)
	code := c.authorize(api, session.SessionJWT, "read:okrs")
	landing := s.Choose(googleStart(s, ""), devidptest.AdaEmail).Query().Get("token")
	s.Stop()

	path := filepath.Join(dir, "devidp.db")
	data, err := os.ReadFile(path)
	ok(t, err)
	if !strings.Contains(string(data), devidptest.AdaEmail) {
		t.Fatal("the file does not hold what it must: this test proves nothing")
	}
	for name, secret := range map[string]string{
		"intermediate session token": proof.IntermediateSessionToken, "session token": session.SessionToken, "session JWT": session.SessionJWT,
		"access token": agent.AccessToken, "refresh token": agent.RefreshToken, "client secret": c.secret,
		"authorization code": code, "landing token": landing,
	} {
		if secret == "" || strings.Contains(string(data), secret) {
			t.Errorf("the %s is empty or in the file", name)
		}
	}
	info, err := os.Stat(path)
	ok(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v", info.Mode())
	}
}

func TestASecondProcessIsTurnedAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, devidp.Config{DataDir: dir})
	err := devidp.Run(t.Context(), validConfig(t, dir))
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("got %v", err)
	}
}

// validConfig is one that Run accepts, with a listener of its own.
func validConfig(t *testing.T, dir string) devidp.Config {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	ok(t, err)
	t.Cleanup(func() { listener.Close() })
	return devidp.Config{
		Listener: listener, PublicURL: "http://localhost:4000", ProjectID: "project-test-x", Secret: "s", PublicToken: "p",
		WorkspaceKeyID: "k", WorkspaceKeySecret: "w", AuthorizationURL: "http://localhost:3000/oauth/authorize",
		AllowedRedirects: []string{"http://localhost:3000"}, DataDir: dir, Logger: slog.New(slog.DiscardHandler),
	}
}

func TestConfigurationsAreRefusedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*devidp.Config)
		want   string
	}{
		{"a live project", func(c *devidp.Config) { c.ProjectID = "project-live-11111111-1111-4111-8111-111111111111" }, "OKR_STYTCH_PROJECT_ID"},
		{"an address that others reach", func(c *devidp.Config) { c.Listener, c.Addr = nil, "0.0.0.0:0" }, "OKR_DEVIDP_ALLOW_NON_LOOPBACK"},
		{"every address", func(c *devidp.Config) { c.Listener, c.Addr = nil, ":0" }, "OKR_DEVIDP_ALLOW_NON_LOOPBACK"},
		{"an address that is none", func(c *devidp.Config) { c.Listener, c.Addr = nil, "localhost" }, "OKR_DEVIDP_ADDR"},
		{"an empty secret", func(c *devidp.Config) { c.Secret = "" }, "OKR_STYTCH_SECRET"},
		{"a public address with a path", func(c *devidp.Config) { c.PublicURL = "http://localhost:4000/" }, "OKR_DEVIDP_PUBLIC_URL"},
		{"no redirect origins", func(c *devidp.Config) { c.AllowedRedirects = nil }, "OKR_DEVIDP_REDIRECT_ORIGINS"},
		{"a redirect origin with a path", func(c *devidp.Config) { c.AllowedRedirects = []string{"http://localhost:3000/x"} }, "OKR_DEVIDP_REDIRECT_ORIGINS"},
		{"a seed that is not there", func(c *devidp.Config) { c.SeedFile = "nowhere.json" }, "reading the seed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			cfg := validConfig(t, dir)
			test.change(&cfg)
			err := devidp.Run(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a mention of %s", err, test.want)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("the data directory was made")
			}
		})
	}
	t.Run("all mistakes are told at once", func(t *testing.T) {
		err := devidp.Config{}.Validate()
		for _, want := range []string{"OKR_STYTCH_PROJECT_ID", "OKR_STYTCH_SECRET", "OKR_DEVIDP_ADDR", "OKR_DEVIDP_PUBLIC_URL", "OKR_DEVIDP_REDIRECT_ORIGINS", "OKR_DATA_DIR"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not mention %s", err, want)
			}
		}
	})
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	cfg := devidp.Config{Secret: "hush"}
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", cfg.Secret)
	for _, printed := range []string{fmt.Sprint(cfg.Secret), fmt.Sprintf("%v %+v %#v %q", cfg, cfg, cfg, cfg.Secret), log.String()} {
		if strings.Contains(printed, "hush") {
			t.Errorf("printed %s", printed)
		}
	}
}

func TestASeedFileReplacesTheBuiltInOne(t *testing.T) {
	t.Parallel()
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "seed.json")
		ok(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	const policy = `"policy":{"stytch_member":{"permissions":[]},"stytch_admin":{"permissions":[]},"custom_roles":[],"custom_resources":[],"custom_scopes":[]}`
	seed := write(`{"organizations":[{"organization_id":"o","organization_name":"Only","organization_slug":"only",
		"members":[{"member_id":"m","email_address":"one@only.test","name":"One","roles":["stytch_admin"]}]}],"personas":["one@only.test"],` + policy + `}`)
	s, api := start(t, devidp.Config{SeedFile: seed})
	if session := signIn(t, s, api, "one@only.test", "only"); session.MemberID != "m" || !session.Member.IsAdmin {
		t.Errorf("signed in as %+v", session.Member)
	}
	for name, content := range map[string]string{
		"an unknown field":   `{"organisations":[],` + policy + `}`,
		"an unknown role":    `{"organizations":[{"organization_id":"o","organization_slug":"s","members":[{"member_id":"m","email_address":"a@b.test","roles":["king"]}]}],` + policy + `}`,
		"an id used twice":   `{"organizations":[{"organization_id":"o","organization_slug":"s"},{"organization_id":"o","organization_slug":"t"}],` + policy + `}`,
		"an unknown persona": `{"personas":["x@y.test"],` + policy + `}`,
	} {
		cfg := validConfig(t, t.TempDir())
		cfg.SeedFile = write(content)
		if err := devidp.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "seed") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestRunEndsWithItsContextAndLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	cfg := validConfig(t, t.TempDir())
	var armed atomic.Bool
	arrived, proceed := make(chan struct{}), make(chan struct{})
	cfg.Clock = func() time.Time { // Every request asks for the time once.
		if armed.CompareAndSwap(true, false) {
			close(arrived)
			<-proceed
		}
		return time.Now()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- devidp.Run(ctx, cfg) }()
	base := "http://" + cfg.Listener.Addr().String()
	if got := do(t, http.MethodGet, base+"/readyz", ""); got.status != http.StatusOK {
		t.Errorf("ready: %d", got.status)
	}
	armed.Store(true)
	answered := make(chan int, 1)
	go func() { answered <- do(t, http.MethodGet, base+"/_dev/personas", "").status }()
	<-arrived
	cancel()
	close(proceed)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("a running request got %d", status)
	}
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if conn, err := net.DialTimeout("tcp", cfg.Listener.Addr().String(), time.Second); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
}

func TestManyPeopleSignInAtOnce(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			email := fmt.Sprintf("p%d@acme.test", i)
			_, err := api.OTPs.Email.Discovery.Send(t.Context(), &discovery.SendParams{EmailAddress: email})
			if err != nil {
				t.Error(err)
				return
			}
			session := signIn(t, s, api, email, devidptest.Acme)
			if session.Member.EmailAddress != email {
				t.Errorf("%s signed in as %s", email, session.Member.EmailAddress)
			}
		})
	}
	all.Wait()
	found, err := api.Organizations.Members.Search(t.Context(), &members.SearchParams{OrganizationIds: []string{devidptest.Acme}, Limit: 1000})
	ok(t, err)
	if len(found.Members) != 27 {
		t.Errorf("Acme has %d members", len(found.Members))
	}
}
