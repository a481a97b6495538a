package resourceauth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/resourceauth"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

const origin = "https://okr.example.com"

const (
	metadataPart = `resource_metadata="https://okr.example.com/.well-known/oauth-protected-resource/mcp"`
	allScopes    = `scope="openid profile email offline_access read:okrs manage:objectives manage:krs report_kr_status"`
)

// authzServer is an authz that knows access tokens by name.
type authzServer struct {
	authzv1.UnimplementedAuthzServiceServer
	lifetime time.Duration // of what it knows
}

func (s *authzServer) Authenticate(_ context.Context, req *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
	unauthenticated := func(reason accessv1.ErrorReason) error {
		return rpcerr.New(codes.Unauthenticated, reason, "it says %q", "a \"text\"\r\nof authz").Wrap(errors.New("the cause"))
	}
	switch req.GetAccessToken() {
	case "good", "fleeting":
		p := kittest.Agent(kittest.CEO("acme"), "read:okrs")
		p.ExpireTime = timestamppb.New(time.Now().Add(s.lifetime))
		return &authzv1.AuthenticateResponse{Principal: p, TransactionToken: "txn", ExpireTime: timestamppb.New(time.Now().Add(30 * time.Second))}, nil
	case "expired":
		return nil, unauthenticated(accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED)
	case "unlucky":
		return nil, rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE, "Stytch does not answer")
	case "unlucky-bug":
		return nil, errors.New("a bug with secrets")
	}
	return nil, unauthenticated(accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID)
}

func (*authzServer) GetAccessPolicy(ctx context.Context, _ *authzv1.GetAccessPolicyRequest) (*authzv1.AccessPolicy, error) {
	policy := &authzv1.AccessPolicy{}
	for _, p := range access.AllPermissions() {
		roles, scopes := kittest.Authenticator{}.Grantors(ctx, p.GetResource(), p.GetAction())
		policy.Grants = append(policy.Grants, &authzv1.PermissionGrants{Permission: p, Roles: roles, Scopes: scopes})
	}
	return policy, nil
}

func newGuard(t *testing.T, lifetime time.Duration) (*resourceauth.Guard, *access.Resolver) {
	t.Helper()
	server := &authzServer{lifetime: lifetime}
	conn := kittest.Serve(t, grpcserver.Config{Register: func(r grpc.ServiceRegistrar) { authzv1.RegisterAuthzServiceServer(r, server) }})
	resolver := access.NewResolver(authzv1.NewAuthzServiceClient(conn), time.Now)
	return resourceauth.NewGuard(resolver, origin, nil), resolver
}

func ask(t *testing.T, headers ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://forged.example/mcp?access_token=good", nil)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	return r
}

func TestOnlyOneGoodAccessTokenInTheHeaderLetsIn(t *testing.T) {
	t.Parallel()
	guard, _ := newGuard(t, time.Hour)
	invalid := `Bearer error="invalid_token", error_description="the token is not valid here", ` + metadataPart + ", " + allScopes
	for name, test := range map[string]struct {
		headers   []string
		status    int
		challenge string
	}{
		"a good token":                     {[]string{"Authorization", "Bearer good"}, 0, ""},
		"a good token, scheme in any case": {[]string{"Authorization", "bEARER good"}, 0, ""},
		"none, though the query has one":   {nil, 401, "Bearer " + metadataPart + ", " + allScopes},
		"none, though a cookie has one":    {[]string{"Cookie", "okr_session=good; access_token=good"}, 401, "Bearer " + metadataPart + ", " + allScopes},
		"an empty header":                  {[]string{"Authorization", ""}, 401, invalid},
		"another scheme":                   {[]string{"Authorization", "Basic Z29vZDo="}, 401, invalid},
		"the token alone":                  {[]string{"Authorization", "good"}, 401, invalid},
		"an unknown token":                 {[]string{"Authorization", "Bearer unknown"}, 401, invalid},
		"a token that is too long":         {[]string{"Authorization", "Bearer " + strings.Repeat("a", 16<<10+1)}, 401, invalid},
		"an expired token": {
			[]string{"Authorization", "Bearer expired"},
			401,
			`Bearer error="invalid_token", error_description="the token has expired", ` + metadataPart + ", " + allScopes,
		},
		"two headers":   {[]string{"Authorization", "Bearer good", "Authorization", "Bearer good"}, 400, ""},
		"two tokens":    {[]string{"Authorization", "Bearer good, Bearer good"}, 401, invalid},
		"authz is down": {[]string{"Authorization", "Bearer unlucky"}, 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, err := guard.Authenticate(ask(t, test.headers...))
			if test.status == 0 {
				if err != nil || access.PrincipalFrom(ctx).GetOrganizationId() != "acme" {
					t.Errorf("%v, %v", access.PrincipalFrom(ctx), err)
				}
				return
			}
			refusal, ok := errors.AsType[engine.Refusal](err)
			if !ok {
				t.Fatalf("%v is no refusal", err)
			}
			if refusal.HTTPStatus() != test.status || refusal.Header().Get("WWW-Authenticate") != test.challenge {
				t.Errorf("%d %s\nwant %d %s", refusal.HTTPStatus(), refusal.Header().Get("WWW-Authenticate"), test.status, test.challenge)
			}
			if strings.Contains(refusal.Error(), "the cause") {
				t.Errorf("the caller reads %q", refusal)
			}
			if test.status == 503 && refusal.Header().Get("Retry-After") == "" {
				t.Error("it does not say when to try again")
			}
		})
	}
	t.Run("a defect of ours is none of the caller's", func(t *testing.T) {
		_, err := guard.Authenticate(ask(t, "Authorization", "Bearer unlucky-bug"))
		if _, ok := errors.AsType[engine.Refusal](err); ok || err == nil {
			t.Errorf("%v", err)
		}
	})
}

func TestTheContextOfACallerEndsWithItsToken(t *testing.T) {
	t.Parallel()
	guard, _ := newGuard(t, 200*time.Millisecond)
	ctx, err := guard.Authenticate(ask(t, "Authorization", "Bearer fleeting"))
	if err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	refused := context.Cause(ctx)
	if again := guard.Refuse(t.Context(), refused); again == nil {
		t.Error("a call that ended with it is not refused")
	}
	refusal, ok := errors.AsType[engine.Refusal](refused)
	if !ok || refusal.HTTPStatus() != http.StatusUnauthorized || !strings.Contains(refusal.Header().Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("%v", refused)
	}
}

func TestTheContextOfACallerEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	guard, _ := newGuard(t, time.Hour)
	var caller context.Context
	server, err := front.New(front.Config{Logger: slog.New(slog.DiscardHandler), Registry: telemetry.NewRegistry()},
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var err error
			// A request may go on without its connection.
			if caller, err = guard.Authenticate(r.WithContext(context.WithoutCancel(r.Context()))); err != nil || caller.Err() != nil {
				t.Error(err, caller.Err())
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	server.ServeHTTP(httptest.NewRecorder(), ask(t, "Authorization", "Bearer good"))
	if caller.Err() == nil {
		t.Error("it goes on")
	}
}

func TestAChallengeNamesTheNarrowestScopeThatHelps(t *testing.T) {
	t.Parallel()
	guard, resolver := newGuard(t, time.Hour)
	ceo := kittest.Agent(kittest.CEO("acme"), "openid")
	for permission, want := range map[string]string{
		"objective:read":    "read:okrs",
		"objective:create":  "manage:objectives",
		"objective:delete":  "manage:objectives",
		"key_result:read":   "read:okrs",
		"key_result:create": "manage:krs",
		"key_result:update": "report_kr_status",
		"key_result:delete": "manage:krs",
	} {
		p, _ := access.ParsePermission(permission)
		err := access.Denied(t.Context(), ceo, []*accessv1.Permission{p}, resolver)
		refusal, ok := errors.AsType[engine.Refusal](guard.Refuse(t.Context(), err))
		if !ok {
			t.Fatalf("%s: %v is no refusal", permission, err)
		}
		challenge := `Bearer error="insufficient_scope", error_description="the token's scopes do not allow this", ` + metadataPart + `, scope="` + want + `"`
		if refusal.HTTPStatus() != http.StatusForbidden || refusal.Header().Get("WWW-Authenticate") != challenge {
			t.Errorf("%s: %d %s\nwant %s", permission, refusal.HTTPStatus(), refusal.Header().Get("WWW-Authenticate"), challenge)
		}
	}
	t.Run("what the role does not allow is not challenged", func(t *testing.T) {
		employee := kittest.Agent(kittest.Employee("acme"), "manage:objectives")
		p, _ := access.ParsePermission("objective:create")
		if refused := guard.Refuse(t.Context(), access.Denied(t.Context(), employee, []*accessv1.Permission{p}, resolver)); refused != nil {
			t.Errorf("%v", refused)
		}
	})
	t.Run("a scope that would break out of the header is left out", func(t *testing.T) {
		err := rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_SCOPE_MISSING, "no").With("scopes", "a\"b\\ c")
		refusal, _ := errors.AsType[engine.Refusal](guard.Refuse(t.Context(), err))
		if got := refusal.Header().Get("WWW-Authenticate"); !strings.HasSuffix(got, `scope="c"`) {
			t.Errorf("%s", got)
		}
	})
}

func TestOkrStoreGetsATransactionTokenAndNeverTheCallers(t *testing.T) {
	t.Parallel()
	guard, _ := newGuard(t, time.Hour)
	ctx, err := guard.Authenticate(ask(t, "Authorization", "Bearer good"))
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := guard.StoreMetadata(ctx, "/okr.v1.OkrService/GetObjective")
	if err != nil || !slices.Equal(pairs, []string{access.MetadataTxnToken, "txn"}) {
		t.Errorf("%v, %v", pairs, err)
	}
	if _, err := guard.StoreMetadata(t.Context(), ""); rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING {
		t.Errorf("without a caller: %v", err)
	}
	outgoing := resourceauth.AuthzMetadata("the-key")
	for method, want := range map[string][]string{
		authzv1.AuthzService_Authenticate_FullMethodName:           {access.MetadataEdgeKey, "the-key"},
		authzv1.OrganizationService_GetOrganization_FullMethodName: {access.MetadataEdgeKey, "the-key", access.MetadataAuthorization, "Bearer good"},
	} {
		if pairs, err := outgoing(ctx, method); err != nil || !slices.Equal(pairs, want) {
			t.Errorf("%s: %v, %v", method, pairs, err)
		}
	}
}
