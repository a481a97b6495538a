package e2e

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const unavailable = "AUTHZ_UNAVAILABLE"

// While Stytch says nothing of use, those who were known before go on, and nobody is told to sign in again. When it is
// back, everybody goes on: nothing has to be restarted.
func TestAnOutageOfStytchStopsNobodyWhoIsKnownAndLogsNobodyOut(t *testing.T) {
	t.Parallel()
	s := ownSystem(t, time.Second)
	ceo, domain := s.found(t)
	ceo.objective(t, "Grow")
	for name, tc := range map[string]struct {
		fault map[string]any
		// signIn is the status for who asks for a code. Of that, Stytch says no more than whether it was sent.
		signIn int
	}{
		"Stytch is down":              {map[string]any{"status": 503}, 503},
		"Stytch has too much to do":   {map[string]any{"status": 429, "error_type": "too_many_requests"}, 429},
		"Stytch hangs":                {map[string]any{"delay_ms": 10_000}, 503}, // longer than anybody waits
		"Stytch answers with nothing": {map[string]any{"status": 200, "body": "{}"}, 204},
		"Stytch answers with a page":  {map[string]any{"status": 200, "body": "<html>maintenance</html>"}, 503},
		"Stytch knows nothing":        {map[string]any{"status": 404, "error_type": "route_not_found"}, 500},
	} {
		t.Run(name, func(t *testing.T) {
			email := "newcomer-" + time.Now().Format("150405.000000") + "@" + domain
			newcomer := ceo.hire(t, email) // signed in, and has not asked for anything
			let := newcomer.letIn(t, "Agent of "+email, "read:okrs")
			seen := &authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_Session{
				Session: &authzv1.SessionCredentials{SessionToken: ceo.cookie(t, cookieSession)},
			}}
			if _, err := s.authenticator().Authenticate(t.Context(), seen); err != nil {
				t.Fatal(err)
			}
			tc.fault["path_prefix"] = "/v1/"
			s.provider.fault(t, tc.fault)

			// Longer than between two checks, so that verdicts have to outlive a check that fails.
			tick := time.NewTicker(100 * time.Millisecond)
			for range 25 {
				<-tick.C
				if _, err := s.authenticator().Authenticate(t.Context(), seen); err != nil {
					t.Fatalf("who is known: %v", err)
				}
			}
			tick.Stop()
			ceo.must(t, http.MethodGet, "/api/v1/objectives", "")

			// Side by side: each may take as long as authz waits for Stytch.
			var agentGot, signInGot answer
			var agentErr error
			var calls sync.WaitGroup
			calls.Go(func() { agentGot = s.asAgent(let.AccessToken).call(t, http.MethodGet, "/api/v1/objectives", "") })
			calls.Go(func() {
				_, agentErr = s.okr().ListObjectives(bearing(t.Context(), let.AccessToken), &okrv1.ListObjectivesRequest{})
			})
			calls.Go(func() {
				signInGot = s.newPerson(t).call(t, http.MethodPost, "/api/v1/session:sendEmailCode", `{"emailAddress":"`+email+`"}`)
			})
			newcomerGot := newcomer.call(t, http.MethodGet, "/api/v1/objectives", "")
			calls.Wait()
			for who, got := range map[string]answer{"the newcomer": newcomerGot, "the newcomer's agent": agentGot} {
				if got.status != http.StatusServiceUnavailable || got.reason != unavailable || got.header.Get("Retry-After") == "" {
					t.Errorf("%s gets %d %v %s", who, got.status, got.header, got.body)
				}
			}
			if newcomer.cookie(t, cookieSession) == "" {
				t.Error("the newcomer is logged out")
			}
			if status.Code(agentErr) != codes.Unavailable || rpcerr.InfoOf(agentErr).GetReason() != unavailable {
				t.Errorf("over gRPC the newcomer's agent gets %v", agentErr)
			}
			if signInGot.status != tc.signIn {
				t.Errorf("a sign-in that begins gets %d %s, want %d", signInGot.status, signInGot.body, tc.signIn)
			}
			// What a token says of itself needs nobody else.
			if got := s.asAgent("garbage").call(t, http.MethodGet, "/api/v1/objectives", ""); got.reason != "TOKEN_INVALID" {
				t.Errorf("garbage gets %d %s", got.status, got.body)
			}

			s.provider.heal(t)
			for who, p := range map[string]*person{"the newcomer": newcomer, "the newcomer's agent": s.asAgent(let.AccessToken), "the CEO": ceo} {
				eventually(t, who+" is let in", func() bool {
					got := p.call(t, http.MethodGet, "/api/v1/objectives", "")
					if got.status == http.StatusUnauthorized {
						t.Errorf("%s gets %s", who, got.body)
					}
					return got.status == http.StatusOK
				})
			}
		})
	}
}
