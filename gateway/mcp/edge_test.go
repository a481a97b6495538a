package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// world is a running edge between fakes of its services. The tests of the whole have the real ones; these here make the
// services answer what real ones hardly do.
type world struct {
	t     *testing.T
	url   string
	authz *fakeAuthz
	store *fakeStore
	log   *kittest.Log
	stop  func()
}

func start(t *testing.T, alter ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, authz: newFakeAuthz(), store: &fakeStore{}, log: &kittest.Log{}}
	listener := kittest.Listen(t)
	w.url = "http://" + listener.Addr().String()
	cfg := Config{
		PublicURL: w.url,
		Issuer:    "http://127.0.0.1:1",
		AuthzAddr: serve(t, grpcserver.Config{
			Register: func(r grpc.ServiceRegistrar) {
				authzv1.RegisterAuthzServiceServer(r, w.authz)
				authzv1.RegisterOrganizationServiceServer(r, w.authz)
			},
			Authenticator: memberAuthenticator{w.authz},
		}),
		StoreAddr: serve(t, grpcserver.Config{
			Register:      func(r grpc.ServiceRegistrar) { okrv1.RegisterOkrServiceServer(r, w.store) },
			Authenticator: storeAuthenticator{w.authz},
		}),
		EdgeKey:   config.Secret("the-edge-key"),
		BodyLimit: 1 << 20,
		Listener:  listener,
		Logger:    telemetry.NewLogger(w.log, slog.LevelDebug, "mcp"),
	}
	for _, a := range alter {
		a(&cfg)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := Run(ctx, cfg); err != nil {
			t.Errorf("the edge stopped with: %v", err)
		}
	}()
	w.stop = func() { stop(); <-stopped }
	t.Cleanup(w.stop)
	return w
}

// serve runs a gRPC server and answers where.
func serve(t *testing.T, cfg grpcserver.Config) string {
	t.Helper()
	cfg.Listener = kittest.Listen(t)
	kittest.Serve(t, cfg)
	return cfg.Listener.Addr().String()
}

// fakeAuthz knows agents by their access tokens.
type fakeAuthz struct {
	authzv1.UnimplementedAuthzServiceServer
	authzv1.UnimplementedOrganizationServiceServer

	mu         sync.Mutex
	principals map[string]*authzv1.Principal
	tokens     map[string]*access.Identity // by transaction token
	edgeKey    string
	lifetime   time.Duration // of what it says of a caller
	// members are those of every organization; listed counts how often somebody asked for them. With endless, there is
	// always another page.
	members      []*authzv1.MemberName
	listed       int
	endless      bool
	listingFails error
}

func newFakeAuthz() *fakeAuthz {
	ceo := kittest.CEO("acme")
	return &fakeAuthz{
		principals: map[string]*authzv1.Principal{
			"all":      kittest.Agent(ceo, "read:okrs", "manage:objectives", "manage:krs", "report_kr_status"),
			"reader":   kittest.Agent(ceo, "read:okrs"),
			"employee": kittest.Agent(kittest.Employee("acme"), "read:okrs", "manage:objectives", "manage:krs", "report_kr_status"),
		},
		lifetime: 30 * time.Second,
		tokens:   map[string]*access.Identity{},
		members:  []*authzv1.MemberName{{MemberId: "member-1", DisplayName: "Ada"}, {MemberId: "member-2", DisplayName: "Max"}},
	}
}

// let makes a token that of a caller from now on; nil makes it nobody's.
func (f *fakeAuthz) let(token string, p *authzv1.Principal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.principals[token] = p
	if p == nil {
		delete(f.principals, token)
	}
}

// agentOfCEO is an agent that a CEO let in with some scopes.
func agentOfCEO(scopes ...string) *authzv1.Principal {
	return kittest.Agent(kittest.CEO("acme"), scopes...)
}

func (f *fakeAuthz) Authenticate(ctx context.Context, req *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.edgeKey = strings.Join(md.Get(access.MetadataEdgeKey), "")
	p, ok := f.principals[req.GetAccessToken()]
	if !ok {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "unknown token")
	}
	expire := time.Now().Add(f.lifetime)
	txn := "txn-of-" + req.GetAccessToken()
	f.tokens[txn] = &access.Identity{Principal: p, Expire: expire}
	return &authzv1.AuthenticateResponse{Principal: p, TransactionToken: txn, ExpireTime: timestamppb.New(expire)}, nil
}

func (*fakeAuthz) GetAccessPolicy(ctx context.Context, _ *authzv1.GetAccessPolicyRequest) (*authzv1.AccessPolicy, error) {
	policy := &authzv1.AccessPolicy{}
	for _, p := range access.AllPermissions() {
		roles, scopes := kittest.Authenticator{}.Grantors(ctx, p.GetResource(), p.GetAction())
		policy.Grants = append(policy.Grants, &authzv1.PermissionGrants{Permission: p, Roles: roles, Scopes: scopes})
	}
	return policy, nil
}

func (*fakeAuthz) GetOrganization(ctx context.Context, _ *authzv1.GetOrganizationRequest) (*authzv1.Organization, error) {
	return &authzv1.Organization{Id: access.PrincipalFrom(ctx).GetOrganizationId(), DisplayName: "Acme"}, nil
}

func (f *fakeAuthz) ListMembers(context.Context, *authzv1.ListMembersRequest) (*authzv1.ListMembersResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listed++
	if f.listingFails != nil {
		return nil, f.listingFails
	}
	answer := &authzv1.ListMembersResponse{Members: f.members}
	if f.endless {
		answer.NextPageToken = "more"
	}
	return answer, nil
}

// memberAuthenticator is how authz knows who calls its other methods: by the access token itself.
type memberAuthenticator struct{ *fakeAuthz }

func (a memberAuthenticator) Authenticate(ctx context.Context) (*access.Identity, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return kittest.Authenticator(a.principals).Authenticate(ctx)
}

// storeAuthenticator is how okr-store knows who calls: by transaction tokens alone.
type storeAuthenticator struct{ *fakeAuthz }

func (a storeAuthenticator) Authenticate(ctx context.Context) (*access.Identity, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	identity, ok := a.tokens[strings.Join(md.Get(access.MetadataTxnToken), "")]
	if !ok || len(md.Get(access.MetadataAuthorization)) > 0 {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "not one transaction token")
	}
	return identity, nil
}

// reply is what the edge answers to a request of MCP.
type reply struct {
	*http.Response
	body   string
	Result struct {
		Content           []struct{ Text string }
		StructuredContent json.RawMessage
		IsError           bool
		Tools             []json.RawMessage
	}
	Error *struct {
		Code    int
		Message string
	}
}

func (r reply) text() string {
	if len(r.Result.Content) == 0 {
		return ""
	}
	return r.Result.Content[0].Text
}

// client has no connections that outlive a request.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ask makes a request of MCP. It may be called by goroutines: without an answer, the reply is empty.
func (w *world) ask(token, method, params string) reply {
	w.t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/mcp", strings.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return reply{}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("MCP-Protocol-Version", "2025-11-25")
	r := w.do(req)
	text := []byte(r.body)
	if i := bytes.LastIndex(text, []byte("data:")); i >= 0 {
		text = text[i+len("data:"):]
	}
	if err := json.Unmarshal(text, &r); err != nil {
		w.t.Errorf("%s: %v: %s", method, err, r.body)
	}
	return r
}

func (w *world) do(req *http.Request) reply {
	w.t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		w.t.Error(err)
		return reply{Response: &http.Response{Header: http.Header{}}}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Error(err)
	}
	return reply{Response: resp, body: string(body)}
}

func (w *world) get(path string) reply {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(req)
}

// call calls a tool.
func (w *world) call(token, tool, arguments string) reply {
	w.t.Helper()
	return w.ask(token, "tools/call", `{"name":"`+tool+`","arguments":`+arguments+`}`)
}
