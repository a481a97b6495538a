// Package devidptest runs a devidp inside a test, and does for the test what a person would do in a browser.
package devidptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/token"
)

// Ids and addresses of the built-in seed.
const (
	Acme   = "organization-test-a0000000-0000-4000-8000-000000000001"
	Globex = "organization-test-b0000000-0000-4000-8000-000000000002"

	Ada  = "member-test-a0000000-0000-4000-8000-000000000001" // CEO of Acme.
	Max  = "member-test-a0000000-0000-4000-8000-000000000002" // Manager at Acme.
	Emma = "member-test-a0000000-0000-4000-8000-000000000003" // Employee of Acme.
	Gina = "member-test-b0000000-0000-4000-8000-000000000001" // CEO of Globex.
	Gus  = "member-test-b0000000-0000-4000-8000-000000000002" // Employee of Globex.

	MaxAtGlobex = "member-test-b0000000-0000-4000-8000-000000000003" // The same address as Max; an employee there.

	AdaEmail  = "ada@acme.test"
	MaxEmail  = "max@acme.test"
	EmmaEmail = "emma@acme.test"
	GinaEmail = "gina@globex.test"
	GusEmail  = "gus@globex.test"

	AcmeConnection = "oidc-connection-test-a0000000-0000-4000-8000-000000000001" // Acme's SSO.
)

// Server is a running devidp.
type Server struct {
	URL                string // The API's base, without a trailing slash.
	ProjectID          string
	Secret             string
	PublicToken        string
	WorkspaceKeyID     string
	WorkspaceKeySecret string
	RedirectOrigin     string // The first origin that browsers may be sent back to.

	t    testing.TB
	stop func()
}

// signingKey is one key for all servers of a process: to make one takes longer than most tests.
var signingKey = sync.OnceValues(token.NewKey)

// Start runs a devidp on a port of its own until the test ends. Of cfg, what is empty gets a default; DataDir a
// temporary directory.
func Start(t testing.TB, cfg devidp.Config) *Server {
	t.Helper()
	if cfg.Listener == nil {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg.Listener = listener
	}
	base := "http://" + cfg.Listener.Addr().String()
	def := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	def(&cfg.PublicURL, base)
	def(&cfg.ProjectID, "project-test-00000000-0000-4000-8000-000000000000")
	def((*string)(&cfg.Secret), "secret-test-local-only")
	def(&cfg.PublicToken, "public-token-test-local-only")
	def(&cfg.WorkspaceKeyID, "workspace-key-test-local")
	def((*string)(&cfg.WorkspaceKeySecret), "workspace-secret-test-local-only")
	def(&cfg.AuthorizationURL, "http://localhost:3000/oauth/authorize")
	if len(cfg.AllowedRedirects) == 0 {
		cfg.AllowedRedirects = []string{"http://localhost:3000"}
	}
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	if cfg.NewSigningKey == nil {
		cfg.NewSigningKey = signingKey
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := devidp.Run(ctx, cfg); err != nil {
			t.Errorf("devidp: %v", err)
		}
	}()
	s := &Server{
		URL: base, ProjectID: cfg.ProjectID, Secret: string(cfg.Secret), PublicToken: cfg.PublicToken,
		WorkspaceKeyID: cfg.WorkspaceKeyID, WorkspaceKeySecret: string(cfg.WorkspaceKeySecret),
		RedirectOrigin: cfg.AllowedRedirects[0], t: t,
		stop: func() {
			cancel()
			<-done
		},
	}
	t.Cleanup(s.Stop)
	return s
}

// Stop ends the server before the test does; the data directory stays.
func (s *Server) Stop() { s.stop() }

// Message is a mail in the outbox.
type Message struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Code    string `json:"code"`
	Link    string `json:"link"`
}

// Outbox returns the mails to the address, newest first.
func (s *Server) Outbox(email string) []Message {
	s.t.Helper()
	var answer struct {
		Messages []Message `json:"messages"`
	}
	s.call(http.MethodGet, "/_dev/outbox?format=json&to="+url.QueryEscape(email), nil, &answer)
	return answer.Messages
}

// Code returns the newest one-time code that was sent to the address.
func (s *Server) Code(email string) string {
	s.t.Helper()
	for _, m := range s.Outbox(email) {
		if m.Code != "" {
			return m.Code
		}
	}
	s.t.Fatalf("the outbox holds no code for %s", email)
	return ""
}

// Link returns the newest invitation link that was sent to the address.
func (s *Server) Link(email string) string {
	s.t.Helper()
	for _, m := range s.Outbox(email) {
		if m.Link != "" {
			return m.Link
		}
	}
	s.t.Fatalf("the outbox holds no link for %s", email)
	return ""
}

// Agent is an application that acts for a member.
type Agent struct {
	AccessToken  string `json:"access_token"`
	ClientID     string `json:"client_id"`
	RefreshToken string `json:"refresh_token"` // With the scope offline_access.
}

// Mint says what MintAgent makes.
type Mint struct {
	MemberID         string   `json:"member_id"`
	ClientName       string   `json:"client_name"`
	Scopes           []string `json:"scopes"`
	Resources        []string `json:"resources,omitempty"`          // In the audience beside the project.
	ExpiresInSeconds *int     `json:"expires_in_seconds,omitempty"` // An hour if nil; below zero it has expired already.
}

// MintAgent lets an application act for the member, as if the member had consented to it.
func (s *Server) MintAgent(memberID string, scopes ...string) Agent {
	s.t.Helper()
	return s.Mint(Mint{MemberID: memberID, ClientName: "Test agent", Scopes: scopes})
}

// Mint is MintAgent with every choice.
func (s *Server) Mint(m Mint) Agent {
	s.t.Helper()
	var agent Agent
	s.call(http.MethodPost, "/_dev/tokens", m, &agent)
	return agent
}

// Fault makes requests go wrong on purpose.
type Fault struct {
	PathPrefix string  `json:"path_prefix"`
	Status     int     `json:"status,omitempty"` // Zero: the request is only delayed.
	ErrorType  string  `json:"error_type,omitempty"`
	DelayMS    int     `json:"delay_ms,omitempty"`
	Count      int     `json:"count,omitempty"` // Requests to hit; zero: all until ClearFaults.
	Body       *string `json:"body,omitempty"`  // Sent as it is, in place of an error object.
}

// Fault puts a fault in force.
func (s *Server) Fault(f Fault) {
	s.t.Helper()
	s.call(http.MethodPost, "/_dev/faults", f, nil)
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.t.Helper()
	s.call(http.MethodDelete, "/_dev/faults", nil, nil)
}

// Reset puts back the seed. Keys stay.
func (s *Server) Reset() {
	s.t.Helper()
	s.call(http.MethodPost, "/_dev/reset", nil, nil)
}

// Choose does what a person does on a persona page: it opens the start address, which a redirect led to, picks the
// address of the persona, and returns where the browser is sent then.
func (s *Server) Choose(startURL, email string) *url.URL {
	s.t.Helper()
	body := url.Values{"email": {email}}.Encode()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, startURL, bytes.NewBufferString(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	landing, err := resp.Location()
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("choosing %s: status %d, %v", email, resp.StatusCode, err)
	}
	return landing
}

func (s *Server) call(method, path string, body, answer any) {
	s.t.Helper()
	if err := s.try(method, path, body, answer); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (s *Server) try(method, path string, body, answer any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var buffer bytes.Buffer
	if _, err := buffer.ReadFrom(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", resp.StatusCode, buffer.String())
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(buffer.Bytes(), answer)
}

// TOTPCode is what an authenticator app with the secret shows at a moment.
func TOTPCode(secret string, at time.Time) string { return state.TOTPCode(secret, at) }
