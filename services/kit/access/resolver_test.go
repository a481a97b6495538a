package access_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// authzServer is an authz whose answers the test decides.
type authzServer struct {
	authzv1.UnimplementedAuthzServiceServer
	authenticate func(context.Context, *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error)
	policy       func(context.Context) (*authzv1.AccessPolicy, error)
	keys         func(context.Context) (string, error)

	calls, policyCalls atomic.Int64
}

func (s *authzServer) Authenticate(ctx context.Context, req *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
	s.calls.Add(1)
	return s.authenticate(ctx, req)
}

func (s *authzServer) GetAccessPolicy(ctx context.Context, _ *authzv1.GetAccessPolicyRequest) (*authzv1.AccessPolicy, error) {
	s.policyCalls.Add(1)
	return s.policy(ctx)
}

func (s *authzServer) GetTransactionTokenKeys(ctx context.Context, _ *authzv1.GetTransactionTokenKeysRequest) (*authzv1.GetTransactionTokenKeysResponse, error) {
	jwks, err := s.keys(ctx)
	return &authzv1.GetTransactionTokenKeysResponse{Jwks: jwks}, err
}

// serve runs authz and makes a resolver that asks it.
func (s *authzServer) serve(t *testing.T, c *clock) *access.Resolver {
	t.Helper()
	conn := kittest.Serve(t, grpcserver.Config{
		Register: func(r grpc.ServiceRegistrar) { authzv1.RegisterAuthzServiceServer(r, s) },
	})
	return access.NewResolver(authzv1.NewAuthzServiceClient(conn), c.Now)
}

func bearer(token string) *authzv1.AuthenticateRequest {
	return &authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_Bearer{Bearer: token}}
}

// answer is an answer of authz that is good for 30 seconds.
func answer(c *clock) *authzv1.AuthenticateResponse {
	return &authzv1.AuthenticateResponse{
		Principal: kittest.CEO("acme"), ExpireTime: timestamppb.New(c.Now().Add(30 * time.Second)),
	}
}

func TestCallersWithTheSameCredentialShareOneQuestion(t *testing.T) {
	c, release := newClock(), make(chan struct{})
	s := &authzServer{authenticate: func(context.Context, *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
		<-release
		return answer(c), nil
	}}
	r := s.serve(t, c)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if got, err := r.Resolve(t.Context(), bearer("token")); err != nil || got.GetPrincipal().GetOrganizationId() != "acme" {
				t.Errorf("Resolve = %v, %v", got, err)
			}
		})
	}
	close(release)
	wg.Wait()
	if n := s.calls.Load(); n != 1 {
		t.Errorf("%d questions to authz, want 1", n)
	}
}

func TestAnAnswerIsRememberedWhileItsTransactionTokenIsGoodForACall(t *testing.T) {
	c := newClock()
	s := &authzServer{authenticate: func(context.Context, *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
		return answer(c), nil
	}}
	r := s.serve(t, c)
	ask := func(req *authzv1.AuthenticateRequest, want int64) {
		t.Helper()
		if _, err := r.Resolve(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if n := s.calls.Load(); n != want {
			t.Errorf("%d questions to authz so far, want %d", n, want)
		}
	}
	ask(bearer("token"), 1)
	ask(bearer("token"), 1)
	ask(bearer("another"), 2)
	ask(&authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_AccessToken{AccessToken: "token"}}, 3) // another kind
	ask(&authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_Session{
		Session: &authzv1.SessionCredentials{SessionToken: "token"},
	}}, 4)
	c.Advance(20 * time.Second)
	ask(bearer("token"), 4)
	c.Advance(time.Nanosecond)
	ask(bearer("token"), 5)
	r.Forget(bearer("token"))
	ask(bearer("token"), 6)
}

func TestARenewedSessionIsNotRemembered(t *testing.T) {
	c := newClock()
	s := &authzServer{authenticate: func(context.Context, *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
		a := answer(c)
		a.RenewedSession = &authzv1.SessionCredentials{SessionJwt: "new"}
		return a, nil
	}}
	r := s.serve(t, c)
	for want := range int64(2) {
		got, err := r.Resolve(t.Context(), bearer("token"))
		if err != nil || got.GetRenewedSession().GetSessionJwt() != "new" {
			t.Fatalf("Resolve = %v, %v", got, err)
		}
		if n := s.calls.Load(); n != want+1 {
			t.Errorf("%d questions to authz, want %d", n, want+1)
		}
	}
}

func TestACallerWhoGivesUpDoesNotFailTheOthers(t *testing.T) {
	c, asked, release := newClock(), make(chan struct{}), make(chan struct{})
	s := &authzServer{authenticate: func(ctx context.Context, _ *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
		close(asked)
		select {
		case <-release:
			return answer(c), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	r := s.serve(t, c)
	first, giveUp := context.WithCancel(t.Context())
	firstDone := make(chan error, 1)
	go func() {
		_, err := r.Resolve(first, bearer("token"))
		firstDone <- err
	}()
	<-asked
	secondDone := make(chan error, 1)
	go func() {
		_, err := r.Resolve(t.Context(), bearer("token"))
		secondDone <- err
	}()
	giveUp()
	if err := <-firstDone; rpcerr.Public(err).Code() != codes.Canceled {
		t.Errorf("who gave up got %v", err)
	}
	close(release)
	if err := <-secondDone; err != nil {
		t.Errorf("who waited got %v", err)
	}
}

func TestWhatAuthzSaysIsToldAndWhatItDoesNotSayIsUnavailable(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		code   codes.Code
		reason string
	}{
		{
			"its verdict on the credential passes through",
			rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "expired"), codes.Unauthenticated, "TOKEN_EXPIRED",
		},
		{
			"that Stytch is down passes through",
			rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE, "Stytch is down"), codes.Unavailable, "AUTHZ_UNAVAILABLE",
		},
		{"an overloaded authz is unavailable", status.Error(codes.ResourceExhausted, "busy"), codes.Unavailable, "AUTHZ_UNAVAILABLE"},
		{"a stopping authz is unavailable", status.Error(codes.Unavailable, "stopping"), codes.Unavailable, "AUTHZ_UNAVAILABLE"},
		{"a bug of authz is a bug to the caller", status.Error(codes.Internal, "nil pointer"), codes.Internal, "UNSPECIFIED"},
		{"a refusal that is not of the contract is not the caller's", status.Error(codes.Unauthenticated, "mesh"), codes.Internal, "UNSPECIFIED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &authzServer{authenticate: func(context.Context, *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
				return nil, test.err
			}}
			r := s.serve(t, newClock())
			for want := range int64(2) {
				_, err := r.Resolve(t.Context(), bearer("token"))
				if st := rpcerr.Public(err); st.Code() != test.code || reason(st.Err()) != test.reason {
					t.Errorf("the caller gets %v", st)
				}
				if n := s.calls.Load(); n != want+1 {
					t.Errorf("%d questions to authz: a failure was remembered", n)
				}
			}
		})
	}
}

func TestAnUnreachableAuthzIsUnavailableNotUnauthenticated(t *testing.T) {
	listener := kittest.Listen(t)
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	r := access.NewResolver(authzv1.NewAuthzServiceClient(kittest.Dial(t, addr)), time.Now)
	if _, err := r.Resolve(t.Context(), bearer("token")); reason(err) != "AUTHZ_UNAVAILABLE" {
		t.Errorf("Resolve = %v", err)
	}
	v := access.NewTxnVerifier(r.Keys, time.Now)
	i := newIssuer(t, "a")
	if _, err := v.Verify(t.Context(), i.sign(t, i.claims(kittest.CEO("acme")))); reason(err) != "AUTHZ_UNAVAILABLE" {
		t.Errorf("Verify = %v", err)
	}
	if roles, scopes := r.Grantors(t.Context(), "objective", accessv1.Action_ACTION_READ); roles != nil || scopes != nil {
		t.Errorf("Grantors = %v, %v", roles, scopes)
	}
}

func TestThePolicyIsAskedForOnceAMinuteAndKeptWhenAuthzFails(t *testing.T) {
	c := newClock()
	var down atomic.Bool
	s := &authzServer{policy: func(context.Context) (*authzv1.AccessPolicy, error) {
		if down.Load() {
			return nil, status.Error(codes.Unavailable, "down")
		}
		return &authzv1.AccessPolicy{Grants: []*authzv1.PermissionGrants{{
			Permission: &accessv1.Permission{Resource: "objective", Action: accessv1.Action_ACTION_READ},
			Roles:      []string{"stytch_admin", "manager"}, Scopes: []string{"read:okrs"},
		}}}, nil
	}}
	r := s.serve(t, c)
	ask := func(wantCalls int64) {
		t.Helper()
		roles, scopes := r.Grantors(t.Context(), "objective", accessv1.Action_ACTION_READ)
		if !slices.Equal(roles, []string{"stytch_admin", "manager"}) || !slices.Equal(scopes, []string{"read:okrs"}) {
			t.Errorf("Grantors = %v, %v", roles, scopes)
		}
		if n := s.policyCalls.Load(); n != wantCalls {
			t.Errorf("%d questions to authz so far, want %d", n, wantCalls)
		}
	}
	ask(1)
	ask(1)
	c.Advance(time.Minute)
	ask(2)
	down.Store(true)
	c.Advance(time.Minute)
	ask(3)
	ask(3) // not again within a second of the failure
	c.Advance(time.Second)
	ask(4)
}

func TestAServiceTakesExactlyOneCredential(t *testing.T) {
	i := newIssuer(t, "a")
	s := &authzServer{
		authenticate: func(_ context.Context, req *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
			if req.GetBearer() != "session-of-a-member" {
				return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "unknown")
			}
			a := answer(i.clock)
			a.TransactionToken = i.sign(t, i.claims(principal(i.clock)))
			return a, nil
		},
		keys: i.jwks,
	}
	r := s.serve(t, i.clock)
	authenticator := access.ServiceAuthenticator{Resolver: r, Verifier: access.NewTxnVerifier(r.Keys, i.clock.Now)}
	good := i.sign(t, i.claims(principal(i.clock)))

	for _, test := range []struct {
		name string
		md   metadata.MD
		want string
	}{
		{"a transaction token", metadata.Pairs("txn-token", good), ""},
		{"a member's own credential", metadata.Pairs("authorization", "Bearer session-of-a-member"), ""},
		{"the scheme in lower case", metadata.Pairs("authorization", "bearer session-of-a-member"), ""},
		{"nothing", metadata.MD{}, "TOKEN_MISSING"},
		{"both kinds", metadata.Pairs("txn-token", good, "authorization", "Bearer session-of-a-member"), "CREDENTIALS_AMBIGUOUS"},
		{"two transaction tokens", metadata.Pairs("txn-token", good, "txn-token", good), "CREDENTIALS_AMBIGUOUS"},
		{"two bearers", metadata.Pairs("authorization", "Bearer a", "authorization", "Bearer b"), "CREDENTIALS_AMBIGUOUS"},
		{"a transaction token as bearer", metadata.Pairs("authorization", "Bearer "+good), "TOKEN_INVALID"},
		{"a member's own credential as transaction token", metadata.Pairs("txn-token", "session-of-a-member"), "TOKEN_INVALID"},
		{"an empty transaction token", metadata.Pairs("txn-token", ""), "TOKEN_INVALID"},
		{"basic authentication", metadata.Pairs("authorization", "Basic dTpw"), "TOKEN_INVALID"},
		{"no scheme", metadata.Pairs("authorization", "session-of-a-member"), "TOKEN_INVALID"},
		{"no token", metadata.Pairs("authorization", "Bearer "), "TOKEN_INVALID"},
		{"two tokens in one header", metadata.Pairs("authorization", "Bearer session-of-a-member, Bearer b"), "TOKEN_INVALID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			identity, err := authenticator.Authenticate(metadata.NewIncomingContext(t.Context(), test.md))
			if got := reason(err); got != test.want {
				t.Fatalf("Authenticate = %v, want %q", err, test.want)
			}
			if err == nil && identity.Principal.GetOrganizationId() != "organization-1" {
				t.Errorf("the principal is %v", identity.Principal)
			}
		})
	}
}

func TestBearerTokens(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"Bearer abc":                "abc",
		"bearer abc":                "abc",
		"BEARER aZ0-._~+/.eyJ9.x==": "aZ0-._~+/.eyJ9.x==",
		"":                          "",
		"Bearer":                    "",
		"Bearer ":                   "",
		"Bearer  abc":               "",
		"Bearer abc def":            "",
		"Bearer abc, Bearer def":    "",
		"Bearer abc\x00":            "",
		"Bearer \u00e4bc":           "",
		`Bearer "abc"`:              "",
		"Basic YTpi":                "",
		"Token abc":                 "",
	} {
		got, err := access.BearerToken(header)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", header, got, err)
		}
		if err != nil && rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func TestATransactionTokenThatIsAboutToExpireIsNotSentAlong(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := &authzServer{}
	s.authenticate = func(context.Context, *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
		return answer(c), nil
	}
	r := s.serve(t, c)
	first, err := r.Resolve(t.Context(), bearer("a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name    string
		advance time.Duration
		asked   int64
	}{
		{"at once", 0, 1},
		{"while it is good", 20 * time.Second, 1},
		{"in its last third", 500 * time.Millisecond, 2},
	} {
		c.Advance(step.advance)
		if _, err := r.Fresh(t.Context(), bearer("a"), first); err != nil || s.calls.Load() != step.asked {
			t.Errorf("%s: %v, authz was asked %d times, want %d", step.name, err, s.calls.Load(), step.asked)
		}
	}
}
