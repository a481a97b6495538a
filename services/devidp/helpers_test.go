package devidp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/b2bstytchapi"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/intermediatesessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/idp"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/otp/email/discovery"
	"github.com/stytchauth/stytch-go/v16/stytch/methodoptions"
	"github.com/stytchauth/stytch-go/v16/stytch/stytcherror"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

// start runs a provider and the real SDK against it.
func start(t *testing.T, cfg devidp.Config) (*devidptest.Server, *b2bstytchapi.API) {
	t.Helper()
	s := devidptest.Start(t, cfg)
	return s, connect(t, s)
}

func connect(t *testing.T, s *devidptest.Server) *b2bstytchapi.API {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	api, err := b2bstytchapi.NewClient(s.ProjectID, s.Secret,
		b2bstytchapi.WithBaseURI(s.URL),
		b2bstytchapi.WithHTTPClient(&http.Client{Transport: transport, Timeout: 30 * time.Second}),
		b2bstytchapi.WithInitializationContext(t.Context())) // Ends the SDK's refresh of keys with the test.
	if err != nil {
		t.Fatalf("connecting the SDK: %v", err)
	}
	return api
}

// wantError checks a refusal's status and type, as the SDK decodes them.
func wantError(t *testing.T, err error, status int, errorType string) {
	t.Helper()
	var refusal stytcherror.Error
	if !errors.As(err, &refusal) || refusal.StatusCode != status || string(refusal.ErrorType) != errorType || refusal.RequestID == "" {
		t.Fatalf("got error %v, want %d %s", err, status, errorType)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// prove gets an intermediate session for the address by a one-time code.
func prove(t *testing.T, s *devidptest.Server, api *b2bstytchapi.API, email string) *discovery.AuthenticateResponse {
	t.Helper()
	_, err := api.OTPs.Email.Discovery.Send(t.Context(), &discovery.SendParams{EmailAddress: email})
	ok(t, err)
	answer, err := api.OTPs.Email.Discovery.Authenticate(t.Context(), &discovery.AuthenticateParams{EmailAddress: email, Code: s.Code(email)})
	ok(t, err)
	return answer
}

// signIn gets a session in the organization by a one-time code.
func signIn(t *testing.T, s *devidptest.Server, api *b2bstytchapi.API, email, organizationID string) *intermediatesessions.ExchangeResponse {
	t.Helper()
	answer, err := api.Discovery.IntermediateSessions.Exchange(t.Context(), &intermediatesessions.ExchangeParams{
		IntermediateSessionToken: prove(t, s, api, email).IntermediateSessionToken, OrganizationID: organizationID,
	})
	ok(t, err)
	if !answer.MemberAuthenticated {
		t.Fatalf("signing in as %s fell short: %+v", email, answer)
	}
	return answer
}

// authorization is whose session the SDK sends along.
type authorization = methodoptions.Authorization

func basicAuth(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// as makes a call in the name of a member's session.
func as(session *intermediatesessions.ExchangeResponse) authorization {
	return authorization{SessionToken: session.SessionToken}
}

// introspection is the SDK's call that asks the provider about a token.
type introspection = func(context.Context, *idp.IntrospectTokenNetworkParams) (*idp.IntrospectTokenResponse, error)

func wantActive(t *testing.T, introspect introspection, agent devidptest.Agent) {
	t.Helper()
	answer, err := introspect(t.Context(), &idp.IntrospectTokenNetworkParams{Token: agent.AccessToken, ClientID: agent.ClientID})
	ok(t, err)
	if !answer.Active {
		t.Fatal("the token is not active")
	}
}

func wantInactive(t *testing.T, introspect introspection, agent devidptest.Agent) {
	t.Helper()
	_, err := introspect(t.Context(), &idp.IntrospectTokenNetworkParams{Token: agent.AccessToken, ClientID: agent.ClientID})
	var refusal stytcherror.Error
	if !errors.As(err, &refusal) || refusal.ErrorType != "oauth2_invalid_token_error" {
		t.Fatalf("the token is still active: %v", err)
	}
}

// response is a plain HTTP answer.
type response struct {
	status int
	header http.Header
	body   string
}

// do makes a request without following redirects. Each header is "Name: value".
func do(t *testing.T, method, url, body string, headers ...string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	ok(t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	ok(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	ok(t, err)
	return response{resp.StatusCode, resp.Header, string(data)}
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
