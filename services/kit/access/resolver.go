package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	resolverCacheSize = 4096
	resolverTimeout   = 10 * time.Second
	policyLifetime    = time.Minute
	policyRetry       = time.Second

	// tokenMargin is how long a transaction token must still be good to be sent along, where the credential allows it: on
	// a busy machine a call may be on its way for seconds.
	tokenMargin = TxnTokenLifetime / 3
)

// Resolver asks authz who a credential belongs to, and remembers the answer as long as its transaction token can be sent.
// Callers with the same credential share one question. It is safe for concurrent use.
type Resolver struct {
	authz   authzv1.AuthzServiceClient
	now     func() time.Time
	answers *lru.Cache[[sha256.Size]byte, *authzv1.AuthenticateResponse]
	flight  singleflight.Group
	counts  resolverCounts

	mu         sync.Mutex
	grants     map[string]*authzv1.PermissionGrants
	nextPolicy time.Time
}

// NewResolver makes a resolver.
func NewResolver(authz authzv1.AuthzServiceClient, now func() time.Time) *Resolver {
	answers, err := lru.New[[sha256.Size]byte, *authzv1.AuthenticateResponse](resolverCacheSize)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return &Resolver{authz: authz, now: now, answers: answers}
}

// Resolve answers like AuthzService.Authenticate. The answer is shared: never change it. An answer that renews a session
// is given to everyone who asked at that time and is not remembered.
func (r *Resolver) Resolve(ctx context.Context, req *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
	return r.resolve(ctx, credentialKey(req), req)
}

func (r *Resolver) resolve(ctx context.Context, key [sha256.Size]byte, req *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
	if answer := r.remembered(key); answer != nil {
		r.counts.remembered.Add(1)
		return answer, nil
	}
	done := r.flight.DoChan(string(key[:]), func() (any, error) {
		if answer := r.remembered(key); answer != nil { // it came while this one was on its way here
			return answer, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolverTimeout)
		defer cancel()
		answer, err := r.authz.Authenticate(ctx, req)
		r.counts.note(err)
		if err != nil {
			return nil, authzError(err)
		}
		if answer.GetRenewedSession() == nil {
			r.answers.Add(key, answer)
		}
		return answer, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-done:
		answer, _ := result.Val.(*authzv1.AuthenticateResponse)
		return answer, result.Err
	}
}

// remembered is an answer whose transaction token can be sent, or nil.
func (r *Resolver) remembered(key [sha256.Size]byte) *authzv1.AuthenticateResponse {
	answer, ok := r.answers.Get(key)
	if !ok {
		return nil
	}
	if !r.lasts(answer) {
		r.answers.Remove(key)
		return nil
	}
	return answer
}

func (r *Resolver) lasts(answer *authzv1.AuthenticateResponse) bool {
	return answer.GetExpireTime().AsTime().Sub(r.now()) >= tokenMargin
}

// ResolveStranger is Resolve for a credential that may be anybody's: unless it was found good when it was last looked at,
// admit is asked first, and its error is the answer.
func (r *Resolver) ResolveStranger(ctx context.Context, req *authzv1.AuthenticateRequest, admit func() error) (*authzv1.AuthenticateResponse, error) {
	key := credentialKey(req)
	if !r.answers.Contains(key) {
		if err := admit(); err != nil {
			return nil, err
		}
	}
	return r.resolve(ctx, key, req)
}

// Forget drops what is remembered for a credential, after a logout for example.
func (r *Resolver) Forget(req *authzv1.AuthenticateRequest) {
	r.answers.Remove(credentialKey(req))
}

// Renew is Resolve for who must not rely on what is remembered, such as a stream that goes on.
func (r *Resolver) Renew(ctx context.Context, req *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
	r.Forget(req)
	return r.Resolve(ctx, req)
}

// Fresh is the answer that was got for a credential, or a new one where its transaction token is about to expire: after
// a slow upload, say.
func (r *Resolver) Fresh(ctx context.Context, req *authzv1.AuthenticateRequest, answer *authzv1.AuthenticateResponse) (*authzv1.AuthenticateResponse, error) {
	if r.lasts(answer) {
		return answer, nil
	}
	return r.Renew(ctx, req)
}

// Keys gets the JWK set for a TxnVerifier.
func (r *Resolver) Keys(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, resolverTimeout)
	defer cancel()
	answer, err := r.authz.GetTransactionTokenKeys(ctx, &authzv1.GetTransactionTokenKeysRequest{})
	return answer.GetJwks(), err
}

// Grantors implements Grantors with the policy as authz knew it within the last minute.
func (r *Resolver) Grantors(ctx context.Context, resource string, action accessv1.Action) (roles, scopes []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.now().Before(r.nextPolicy) {
		r.fetchPolicy(ctx)
	}
	g := r.grants[PermissionString(&accessv1.Permission{Resource: resource, Action: action})]
	return g.GetRoles(), g.GetScopes()
}

// fetchPolicy replaces the policy if authz answers within a second. The time of the next attempt counts from the end of
// this one, so that those who wait for the lock behind a slow attempt do not each make their own. The caller holds mu.
func (r *Resolver) fetchPolicy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, policyRetry)
	defer cancel()
	policy, err := r.authz.GetAccessPolicy(ctx, &authzv1.GetAccessPolicyRequest{})
	if err != nil {
		r.nextPolicy = r.now().Add(policyRetry)
		return
	}
	r.nextPolicy = r.now().Add(policyLifetime)
	r.grants = map[string]*authzv1.PermissionGrants{}
	for _, g := range policy.GetGrants() {
		r.grants[PermissionString(g.GetPermission())] = g
	}
}

// credentialKey names a credential without containing it.
func credentialKey(req *authzv1.AuthenticateRequest) [sha256.Size]byte {
	var kind, value string
	switch c := req.GetCredential().(type) {
	case *authzv1.AuthenticateRequest_Session:
		kind, value = "session", c.Session.GetSessionToken()+"\x00"+c.Session.GetSessionJwt()
	case *authzv1.AuthenticateRequest_AccessToken:
		kind, value = "access_token", c.AccessToken
	case *authzv1.AuthenticateRequest_Bearer:
		kind, value = "bearer", c.Bearer
	}
	return digest(kind, "\x00", value)
}

// digest is the SHA-256 of texts one after the other. They are put together on the stack, where tokens of the usual
// length fit: every call comes by here, and a copy of its token would be the largest piece of memory that it asks for.
func digest(texts ...string) [sha256.Size]byte {
	var buffer [2048]byte
	joined := buffer[:0]
	for _, text := range texts {
		joined = append(joined, text...)
	}
	return sha256.Sum256(joined)
}

// authzError keeps what authz said, and makes AUTHZ_UNAVAILABLE of every answer that authz did not give. A status without
// a reason of the contract is a bug or something between here and authz: its code must not become the caller's.
func authzError(err error) error {
	if rpcerr.InfoOf(err) != nil {
		return err
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.ResourceExhausted:
		return rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE,
			"who is calling cannot be established right now").Wrap(err).RetryAfter(time.Second)
	}
	return errors.New("asking authz: " + err.Error())
}

// ServiceAuthenticator is the Authenticator of a service behind the edges: it takes a transaction token from an edge, or
// a member's own credential as bearer, which it has authz turn into a transaction token first.
type ServiceAuthenticator struct {
	Resolver *Resolver
	Verifier *TxnVerifier
}

// Authenticate implements Authenticator.
func (a ServiceAuthenticator) Authenticate(ctx context.Context) (*Identity, error) {
	txn, bearer := metadata.ValueFromIncomingContext(ctx, MetadataTxnToken), metadata.ValueFromIncomingContext(ctx, MetadataAuthorization)
	switch {
	case len(txn)+len(bearer) == 0:
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING,
			"the call needs a credential: authorization: Bearer …")
	case len(txn)+len(bearer) > 1:
		return nil, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CREDENTIALS_AMBIGUOUS,
			"the call carries more than one credential")
	case len(txn) == 1:
		return a.Verifier.Verify(ctx, txn[0])
	}
	token, err := BearerToken(bearer[0])
	if err != nil {
		return nil, err
	}
	answer, err := a.Resolver.Resolve(ctx, &authzv1.AuthenticateRequest{
		Credential: &authzv1.AuthenticateRequest_Bearer{Bearer: token},
	})
	if err != nil {
		return nil, err
	}
	return a.Verifier.Verify(ctx, answer.GetTransactionToken())
}

// BearerToken takes the token out of an Authorization header (RFC 6750 section 2.1). TOKEN_INVALID if the header is not
// of that form.
func BearerToken(header string) (string, error) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || !wellFormed(token) {
		return "", rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID,
			"the authorization header must be of the form: Bearer <token>")
	}
	return token, nil
}

// tokenCharacters are those of a token ("b64token" of the RFC).
var tokenCharacters = func() (table [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=" {
		table[c] = true
	}
	return table
}()

// wellFormed says whether a text is a token as far as its characters go.
func wellFormed(token string) bool {
	for i := range len(token) {
		if !tokenCharacters[token[i]] {
			return false
		}
	}
	return token != ""
}
