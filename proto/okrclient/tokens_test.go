package okrclient

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// renewing gives a new token whenever one was refused.
type renewing struct{ current, next string }

func (r *renewing) Token(_ context.Context, refused string) (string, error) {
	if refused == r.current {
		r.current = r.next
	}
	return r.current, nil
}

func TestATokenThatHasExpiredIsReplacedOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		good string
		// want are the tokens that the server gets in two calls.
		want string
		fine bool
	}{
		{"and the call is repeated", "new", "old new new", true},
		{"and a second expired one is an error", "neither", "old new new new", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			s := &scripted{create: func(ctx context.Context, req *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
				got = append(got, bearerOf(ctx))
				if bearerOf(ctx) != c.good {
					return nil, refusal(t, codes.Unauthenticated, "TOKEN_EXPIRED")
				}
				return req.GetObjective(), nil
			}}
			client, waits := client(t, s, func(cfg *Config) { cfg.Tokens = &renewing{"old", "new"} })
			for range 2 {
				_, err := client.CreateObjective(t.Context(), &okrv1.CreateObjectiveRequest{})
				if (err == nil) != c.fine || !c.fine && ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED {
					t.Errorf("it answers %v", err)
				}
			}
			if strings.Join(got, " ") != c.want || len(waits.list()) != 0 {
				t.Errorf("the server got %q, with waits of %v", got, waits.list())
			}
		})
	}
}

func TestATokenOfAProgramEndsWithItself(t *testing.T) {
	s := &scripted{get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
		return nil, refusal(t, codes.Unauthenticated, "TOKEN_EXPIRED")
	}}
	static := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "one"})
	for name, source := range map[string]TokenSource{"static": StaticToken("one"), "oauth2": OAuth2(static)} {
		c, _ := client(t, s, func(cfg *Config) { cfg.Tokens = source })
		_, err := c.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{})
		var e *Error
		if !errors.As(err, &e) || e.Code != codes.Unauthenticated || !errors.Is(err, errExpired) {
			t.Errorf("%s: it answers %v", name, err)
		}
	}
}

// Whoever reads an access token can use it: it leaves this machine encrypted, or because somebody said so.
func TestTokensLeaveTheMachineEncrypted(t *testing.T) {
	for _, c := range []struct {
		target string
		cfg    Config
		want   string
	}{
		{"127.0.0.1:9001", Config{}, "insecure"},
		{"localhost:9001", Config{}, "insecure"},
		{"[::1]:9001", Config{}, "insecure"},
		{"dns:///127.0.0.1:9001", Config{}, "insecure"},
		{"okr.internal:9001", Config{}, "tls"},
		{"localhost.evil.example:9001", Config{}, "tls"},
		{"127.0.0.1.evil.example:9001", Config{}, "tls"},
		{"10.0.0.7:9001", Config{}, "tls"},
		{"okr.internal", Config{}, "tls"},
		{"xds:///localhost:9001", Config{}, "tls"},
		{"10.0.0.7:9001", Config{Plaintext: true}, "insecure"},
		{"localhost:9001", Config{TLS: &tls.Config{MinVersion: tls.VersionTLS13}}, "tls"},
	} {
		c.cfg.Target = c.target
		if got := transport(c.cfg).Info().SecurityProtocol; got != c.want {
			t.Errorf("%s is spoken to by %s, want %s", c.target, got, c.want)
		}
	}
}

func TestEveryMistakeInAConfigIsReported(t *testing.T) {
	_, err := Dial(Config{Plaintext: true, TLS: &tls.Config{MinVersion: tls.VersionTLS13}, Timeout: -1, MaxAttempts: -1})
	for _, want := range []string{"Target", "Tokens", "Plaintext", "Timeout", "MaxAttempts"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in %v", want, err)
		}
	}
}
