package rest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// fakeAuthz stands in for authz: it knows principals by credential and remembers what it was sent.
type fakeAuthz struct {
	authzv1.UnimplementedAuthzServiceServer
	authzv1.UnimplementedSessionServiceServer
	authzv1.UnimplementedOrganizationServiceServer

	mu         sync.Mutex
	principals map[string]*authzv1.Principal // by session or access token
	failure    error                         // what Authenticate answers instead
	renewed    *authzv1.SessionCredentials
	lifetime   time.Duration // of transaction tokens
	asked      int
	tokens     map[string]*access.Identity // by transaction token
	seen       map[string]metadata.MD      // the last call's metadata by RPC
	redirect   *authzv1.AuthenticateRedirectRequest
	signIn     *authzv1.SignIn // what steps of signing in answer
	refusal    error           // what they answer instead
	startURL   string
}

func newFakeAuthz() *fakeAuthz {
	return &fakeAuthz{
		principals: map[string]*authzv1.Principal{
			"ceo-session":      kittest.CEO("acme"),
			"employee-session": kittest.Employee("acme"),
			"reader-token":     kittest.Agent(kittest.CEO("acme"), "read:okrs"),
			"manager-token":    kittest.Agent(kittest.CEO("acme"), "manage:objectives", "manage:krs", "read:okrs"),
		},
		lifetime: 30 * time.Second,
		tokens:   map[string]*access.Identity{},
		seen:     map[string]metadata.MD{},
		startURL: "https://stytch.example/start",
	}
}

// change alters the fake while the edge talks to it.
func (f *fakeAuthz) change(alter func(*fakeAuthz)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	alter(f)
}

func (f *fakeAuthz) metadataOf(rpc string) metadata.MD {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[rpc]
}

func (f *fakeAuthz) saw(ctx context.Context, rpc string) {
	md, _ := metadata.FromIncomingContext(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[rpc] = md
}

func (f *fakeAuthz) Authenticate(ctx context.Context, req *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
	f.saw(ctx, "Authenticate")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.failure != nil {
		return nil, f.failure
	}
	credential := req.GetAccessToken() + req.GetSession().GetSessionToken()
	p, ok := f.principals[credential]
	if !ok || (p.GetKind() == authzv1.PrincipalKind_PRINCIPAL_KIND_AGENT) != (req.GetAccessToken() != "") {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "unknown credential")
	}
	expire := time.Now().Add(f.lifetime)
	token := "txn-" + strconv.Itoa(len(f.tokens))
	f.tokens[token] = &access.Identity{Principal: p, Expire: expire}
	return &authzv1.AuthenticateResponse{
		Principal: p, TransactionToken: token, ExpireTime: timestamppb.New(expire), RenewedSession: f.renewed,
	}, nil
}

func (f *fakeAuthz) GetAccessPolicy(ctx context.Context, _ *authzv1.GetAccessPolicyRequest) (*authzv1.AccessPolicy, error) {
	policy := &authzv1.AccessPolicy{}
	for _, p := range access.AllPermissions() {
		roles, scopes := kittest.Authenticator{}.Grantors(ctx, p.GetResource(), p.GetAction())
		policy.Grants = append(policy.Grants, &authzv1.PermissionGrants{Permission: p, Roles: roles, Scopes: scopes})
	}
	return policy, nil
}

// step is the answer of every step of signing in.
func (f *fakeAuthz) step(ctx context.Context, rpc string) (*authzv1.SignIn, error) {
	f.saw(ctx, rpc)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refusal != nil {
		return nil, f.refusal
	}
	return proto.CloneOf(f.signIn), nil
}

func (f *fakeAuthz) AuthenticateEmailCode(ctx context.Context, _ *authzv1.AuthenticateEmailCodeRequest) (*authzv1.SignIn, error) {
	return f.step(ctx, "AuthenticateEmailCode")
}

func (f *fakeAuthz) JoinOrganization(ctx context.Context, _ *authzv1.JoinOrganizationRequest) (*authzv1.SignIn, error) {
	return f.step(ctx, "JoinOrganization")
}

func (f *fakeAuthz) SwitchOrganization(ctx context.Context, _ *authzv1.SwitchOrganizationRequest) (*authzv1.SignIn, error) {
	return f.step(ctx, "SwitchOrganization")
}

func (f *fakeAuthz) RefreshSession(ctx context.Context, _ *authzv1.RefreshSessionRequest) (*authzv1.SignIn, error) {
	return f.step(ctx, "RefreshSession")
}

func (f *fakeAuthz) AuthenticateRedirect(ctx context.Context, req *authzv1.AuthenticateRedirectRequest) (*authzv1.SignIn, error) {
	f.change(func(f *fakeAuthz) { f.redirect = req })
	if req.GetToken() == "used" {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_SIGN_IN_LINK_INVALID, "used before")
	}
	return f.step(ctx, "AuthenticateRedirect")
}

func (f *fakeAuthz) StartOAuth(_ context.Context, req *authzv1.StartOAuthRequest) (*authzv1.StartOAuthResponse, error) {
	return &authzv1.StartOAuthResponse{AuthorizationUrl: f.startURL + "?challenge=" + req.GetCodeChallenge() + "&to=" + req.GetRedirectUri()}, nil
}

func (f *fakeAuthz) StartSso(_ context.Context, req *authzv1.StartSsoRequest) (*authzv1.StartSsoResponse, error) {
	if req.GetOrganizationSlug() != "acme" {
		return nil, rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_SSO_NOT_CONFIGURED, "no single sign-on")
	}
	return &authzv1.StartSsoResponse{AuthorizationUrl: f.startURL}, nil
}

func (f *fakeAuthz) GetSession(ctx context.Context, _ *authzv1.GetSessionRequest) (*authzv1.Session, error) {
	f.saw(ctx, "GetSession")
	return &authzv1.Session{Principal: access.PrincipalFrom(ctx), OrganizationName: "Acme"}, nil
}

func (f *fakeAuthz) SendEmailCode(ctx context.Context, _ *authzv1.SendEmailCodeRequest) (*emptypb.Empty, error) {
	f.saw(ctx, "SendEmailCode")
	return &emptypb.Empty{}, nil
}

func (f *fakeAuthz) ListDiscoveredOrganizations(ctx context.Context, _ *authzv1.ListDiscoveredOrganizationsRequest) (*authzv1.ListDiscoveredOrganizationsResponse, error) {
	f.saw(ctx, "ListDiscoveredOrganizations")
	return &authzv1.ListDiscoveredOrganizationsResponse{}, nil
}

func (f *fakeAuthz) RevokeSession(ctx context.Context, _ *authzv1.RevokeSessionRequest) (*emptypb.Empty, error) {
	f.saw(ctx, "RevokeSession")
	return &emptypb.Empty{}, nil
}

// sessionAuthenticator is how authz itself knows who calls its session methods.
type sessionAuthenticator struct{ *fakeAuthz }

func (a sessionAuthenticator) Authenticate(ctx context.Context) (*access.Identity, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	credential := strings.Join(md.Get(access.MetadataSessionToken), "") +
		strings.TrimPrefix(strings.Join(md.Get(access.MetadataAuthorization), ""), "Bearer ")
	a.mu.Lock()
	defer a.mu.Unlock()
	if p, ok := a.principals[credential]; ok {
		return &access.Identity{Principal: p, Expire: time.Now().Add(time.Hour)}, nil
	}
	return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING, "no session")
}

// storeAuthenticator is how okr-store knows who calls: by the transaction tokens that the fake authz gave out.
type storeAuthenticator struct{ *fakeAuthz }

func (a storeAuthenticator) Authenticate(ctx context.Context) (*access.Identity, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if len(md.Get(access.MetadataAuthorization)) > 0 || len(md.Get(access.MetadataTxnToken)) != 1 {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "not one transaction token")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	identity, ok := a.tokens[md.Get(access.MetadataTxnToken)[0]]
	if !ok {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "unknown transaction token")
	}
	return identity, nil
}

// fakeStore stands in for okr-store. It holds one objective and a log of changes that tests write.
type fakeStore struct {
	okrv1.UnimplementedOkrServiceServer
	files

	mu      sync.Mutex
	seen    metadata.MD
	request proto.Message // the last one
	failure error
	log     []string // titles; the cursor of the n-th is "c<n>"
	// proposals are what heartbeats say of them; one comes when it changes.
	proposals string
	grown     chan struct{}
	watches   int
	panics    bool
	hold      func() // called by each call, without the lock
}

const (
	knownID   = "okr_0123456789abc"
	knownEtag = "etag-1"
)

func newFakeStore() *fakeStore { return &fakeStore{grown: make(chan struct{})} }

func (f *fakeStore) change(alter func(*fakeStore)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	alter(f)
}

func (f *fakeStore) take(ctx context.Context, req proto.Message) error {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil {
		hold()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, _ = metadata.FromIncomingContext(ctx)
	f.request = req
	if f.panics {
		panic("a bug in the store")
	}
	return f.failure
}

func (f *fakeStore) last() (proto.Message, metadata.MD) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.request, f.seen
}

func known(id, etag string) error {
	if id != knownID {
		return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, "no objective %q", id)
	}
	if etag != "" && etag != knownEtag {
		return rpcerr.New(codes.Aborted, accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH, "changed meanwhile").With("etag", knownEtag)
	}
	return nil
}

func (f *fakeStore) CreateObjective(ctx context.Context, req *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
	if err := f.take(ctx, req); err != nil {
		return nil, err
	}
	return &okrv1.Objective{Id: knownID, Title: req.GetObjective().GetTitle(), Etag: knownEtag}, nil
}

func (f *fakeStore) GetObjective(ctx context.Context, req *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
	if err := f.take(ctx, req); err != nil {
		return nil, err
	}
	return &okrv1.Objective{Id: knownID, Title: "Grow", Etag: knownEtag}, known(req.GetObjectiveId(), "")
}

func (f *fakeStore) ListObjectives(ctx context.Context, req *okrv1.ListObjectivesRequest) (*okrv1.ListObjectivesResponse, error) {
	return &okrv1.ListObjectivesResponse{Cursor: "c0"}, f.take(ctx, req)
}

func (f *fakeStore) UpdateObjective(ctx context.Context, req *okrv1.UpdateObjectiveRequest) (*okrv1.Objective, error) {
	if err := f.take(ctx, req); err != nil {
		return nil, err
	}
	return req.GetObjective(), known(req.GetObjective().GetId(), req.GetObjective().GetEtag())
}

func (f *fakeStore) DeleteObjective(ctx context.Context, req *okrv1.DeleteObjectiveRequest) (*emptypb.Empty, error) {
	if err := f.take(ctx, req); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, known(req.GetObjectiveId(), req.GetEtag())
}

func (f *fakeStore) CreateKeyResult(ctx context.Context, req *okrv1.CreateKeyResultRequest) (*okrv1.KeyResult, error) {
	return &okrv1.KeyResult{Id: "kr_1", ObjectiveId: req.GetObjectiveId(), Etag: "kr-etag"}, f.take(ctx, req)
}

func (f *fakeStore) SetKeyResultAttainment(ctx context.Context, req *okrv1.SetKeyResultAttainmentRequest) (*okrv1.KeyResult, error) {
	return &okrv1.KeyResult{Id: req.GetKeyResultId(), Attainment: req.Attainment, Etag: "kr-etag"}, f.take(ctx, req)
}

func (f *fakeStore) ListChanges(ctx context.Context, req *okrv1.ListChangesRequest) (*okrv1.ListChangesResponse, error) {
	return &okrv1.ListChangesResponse{Changes: []*okrv1.Change{{Seq: 7}}}, f.take(ctx, req)
}

// append adds changes to the log and wakes those who watch it.
func (f *fakeStore) append(titles ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, titles...)
	close(f.grown)
	f.grown = make(chan struct{})
}

func (f *fakeStore) WatchChanges(req *okrv1.WatchChangesRequest, stream grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
	if err := f.take(stream.Context(), req); err != nil {
		return err
	}
	f.mu.Lock()
	f.watches++
	at, told := len(f.log), f.proposals
	f.mu.Unlock()
	if c := req.GetAfterCursor(); c != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(c, "c"))
		if err != nil {
			return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CURSOR_INVALID, "not a cursor")
		}
		at = n
	}
	heartbeat := func() error {
		return stream.Send(&okrv1.WatchChangesResponse{Cursor: fmt.Sprintf("c%d", at), ProposalsEtag: told})
	}
	if err := heartbeat(); err != nil {
		return err
	}
	for {
		f.mu.Lock()
		fresh, grown, failure, proposals := f.log[min(at, len(f.log)):], f.grown, f.failure, f.proposals
		f.mu.Unlock()
		if failure != nil {
			return failure
		}
		for _, title := range fresh {
			at++
			change := &okrv1.Change{Seq: int64(at), Cursor: fmt.Sprintf("c%d", at), After: &okrv1.Snapshot{
				Resource: &okrv1.Snapshot_Objective{Objective: &okrv1.Objective{Id: knownID, Title: title}},
			}}
			if err := stream.Send(&okrv1.WatchChangesResponse{Change: change, Cursor: change.GetCursor()}); err != nil {
				return err
			}
		}
		if len(fresh) > 0 {
			continue
		}
		if proposals != told {
			told = proposals
			if err := heartbeat(); err != nil {
				return err
			}
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-grown:
		}
	}
}

// serveAuthz and serveStore run the fakes behind the production interceptors, and answer their addresses.
func serveAuthz(t *testing.T, f *fakeAuthz) string {
	t.Helper()
	listener := kittest.Listen(t)
	kittest.Serve(t, grpcserver.Config{
		Listener: listener, Authenticator: sessionAuthenticator{f}, Grantors: kittest.Authenticator{},
		Register: func(r grpc.ServiceRegistrar) {
			authzv1.RegisterAuthzServiceServer(r, f)
			authzv1.RegisterSessionServiceServer(r, f)
			authzv1.RegisterOrganizationServiceServer(r, f)
		},
	})
	return listener.Addr().String()
}

func serveStore(t *testing.T, f *fakeStore, authz *fakeAuthz, listener net.Listener) string {
	t.Helper()
	kittest.Serve(t, grpcserver.Config{
		Listener: listener, Authenticator: storeAuthenticator{authz}, Grantors: kittest.Authenticator{},
		Register: func(r grpc.ServiceRegistrar) { okrv1.RegisterOkrServiceServer(r, f) },
	})
	return listener.Addr().String()
}
