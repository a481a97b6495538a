package e2e

import (
	"net/http"
	"testing"
	"time"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/config"
)

// What changes at the identity provider is seen at the next check, and lives on in transaction tokens for as long as these
// live: in less than a minute altogether.
func TestTheDefaultsLetPowerOutliveItsLossByAMinuteAtMost(t *testing.T) {
	t.Parallel()
	settings, err := config.LoadOver[authz.Config](map[string]string{
		"OKR_STYTCH_PROJECT_ID": "project-test-1", "OKR_STYTCH_SECRET": "secret", "OKR_STYTCH_PUBLIC_TOKEN": "public",
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum := settings.CheckInterval + access.TxnTokenLifetime; sum > time.Minute {
		t.Errorf("it takes %s", sum)
	}
}

// probe tries what takes the permission to delete key results, without an effect.
func probe(t *testing.T, surfaceName string, headers http.Header) string {
	t.Helper()
	s := map[string]surface{"grpc": overGRPC{running}, "rest": overREST{running}, "mcp": overMCP{running}}[surfaceName]
	for _, op := range s.operations() {
		if op.rpcName() != "okr.v1.OkrService/DeleteKeyResult" {
			continue
		}
		got, err := s.call(t.Context(), op, headers.Clone(), &okrv1.DeleteKeyResultRequest{
			KeyResultId: "kr_0000000000000", ObjectiveId: "okr_0000000000000",
		})
		if err != nil {
			t.Fatal(err)
		}
		return got.reason
	}
	t.Fatalf("there is no such operation over %s", surfaceName)
	return ""
}

// powerful is what probe answers while the permission is there.
const powerful = "KEY_RESULT_NOT_FOUND"

func TestPowerIsLostWithinAMinute(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lose func(t *testing.T, victim *person, let agent)
		// member and agent are the reasons of refusals afterwards; powerful for who keeps the power.
		member, agent string
	}{
		"by a demotion": {
			lose: func(t *testing.T, victim *person, _ agent) {
				victim.system.provider.setRoles(t, victim.organization, victim.member)
			},
			member: "ROLE_MISSING", agent: "ROLE_MISSING",
		},
		"by a logout": {
			lose: func(t *testing.T, victim *person, _ agent) {
				victim.must(t, http.MethodDelete, "/api/v1/session", "")
			},
			member: "TOKEN_INVALID", agent: powerful,
		},
		"by the removal of the member": {
			lose: func(t *testing.T, victim *person, _ agent) {
				victim.system.provider.removeMember(t, victim.organization, victim.member)
			},
			member: "TOKEN_INVALID", agent: "TOKEN_INVALID",
		},
		"by the revocation of the agent": {
			lose: func(t *testing.T, victim *person, let agent) {
				victim.system.provider.throwOut(t, victim.organization, victim.member, let.ClientID)
			},
			member: powerful, agent: "TOKEN_INVALID",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ceo, domain := running.found(t)
			victim := ceo.hire(t, "victim@"+domain, "manager")
			let := victim.letIn(t, "Agent of the victim", "manage:krs")
			held := map[string]map[string]http.Header{"the member": sessionHeaders(t, victim), "the agent": everywhere(bearerHeader(let.AccessToken))}
			for who, headers := range held {
				for surface, h := range headers {
					if got := probe(t, surface, h); got != powerful {
						t.Fatalf("before, %s over %s: %s", who, surface, got)
					}
				}
			}
			streamed := running.watch(t, "rest", held["the member"]["rest"], "")

			tc.lose(t, victim, let)
			for who, headers := range held {
				want := tc.member
				if who == "the agent" {
					want = tc.agent
				}
				if want == powerful {
					continue
				}
				for surface, h := range headers {
					eventually(t, who+" over "+surface+" is refused", func() bool {
						got := probe(t, surface, h)
						if got != want && got != powerful {
							t.Errorf("%s over %s: %s, want %s", who, surface, got, want)
						}
						return got != powerful
					})
				}
			}
			for who, want := range map[string]string{"the member": tc.member, "the agent": tc.agent} {
				for surface, h := range held[who] {
					if got := probe(t, surface, h); got != want {
						t.Errorf("afterwards, %s over %s: %s, want %s", who, surface, got, want)
					}
				}
			}
			if tc.member == "TOKEN_INVALID" {
				if got := end(t, streamed); got != "TOKEN_INVALID" {
					t.Errorf("the stream that was open ends with %s", got)
				}
			}
		})
	}
}

func TestAStreamEndsWhenItsTokenExpires(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	for _, surface := range []string{"grpc", "rest"} {
		t.Run(surface, func(t *testing.T) {
			t.Parallel()
			headers := bearerHeader(running.provider.letIn(t, ceo.member, "Agent in a hurry over "+surface, 10, "read:okrs").AccessToken)
			streamed := running.watch(t, surface, headers, "")
			ceo.objective(t, "Seen over "+surface)
			until(t, streamed, "Seen over "+surface)
			if got := end(t, streamed); got != "TOKEN_EXPIRED" {
				t.Errorf("the stream ends with %s", got)
			}
			if got := end(t, running.watch(t, surface, headers, "")); got != "TOKEN_EXPIRED" {
				t.Errorf("another stream with the token ends with %s", got)
			}
		})
	}
}

// A stream of the store ends with its transaction token. One of the edge goes on: nobody at a browser notices.
func TestAStreamOfTheEdgeOutlivesItsTransactionToken(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	headers := sessionHeaders(t, ceo)
	edge := running.watch(t, "rest", headers["rest"], "")
	ceo.objective(t, "Before")
	until(t, edge, "Before")
	direct := running.watch(t, "grpc", headers["grpc"], "") // its token is not older than that of the edge's stream
	if got := end(t, direct); got != "TOKEN_EXPIRED" {
		t.Errorf("the store ends its stream with %s", got)
	}
	ceo.objective(t, "After")
	if changes := until(t, edge, "After"); len(changes) != 1 {
		t.Errorf("meanwhile the edge sent %v", changes)
	}
	resumed := running.watch(t, "grpc", headers["grpc"], "")
	ceo.objective(t, "Later")
	until(t, resumed, "Later")
}
