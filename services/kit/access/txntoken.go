package access

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Transaction tokens follow the IETF draft "Transaction Tokens" (draft-ietf-oauth-transaction-tokens): a short-lived JWT
// that carries identity and authorization from the edge that took a request to the service that fulfils it.
//
//nolint:gosec // names of a kind of token, not tokens
const (
	// TxnTokenType is the JWT header "typ".
	TxnTokenType = "txntoken+jwt"
	// TxnTokenIssuer is the claim "iss".
	TxnTokenIssuer = "okr-authz"
	// TxnTokenAudience is the claim "aud".
	TxnTokenAudience = "okr-store"
	// TxnTokenLifetime is the longest time from "iat" to "exp".
	TxnTokenLifetime = 30 * time.Second
)

// Claims are the claims of a transaction token.
type Claims struct {
	jwt.RegisteredClaims
	// TransactionID is the claim "txn".
	TransactionID string `json:"txn"`
	// Scope holds the scopes of an agent's access token, space separated.
	Scope string `json:"scope,omitempty"`
	// Context is the claim "tctx".
	Context TransactionContext `json:"tctx"`
}

// TransactionContext is what a principal is beside its subject and scopes.
type TransactionContext struct {
	Organization     string   `json:"organization"`
	DisplayName      string   `json:"name,omitempty"`
	Kind             string   `json:"kind"`
	Roles            []string `json:"roles,omitempty"`
	RolePermissions  []string `json:"role_permissions,omitempty"`
	ScopePermissions []string `json:"scope_permissions,omitempty"`
	ClientID         string   `json:"client_id,omitempty"`
	ClientName       string   `json:"client_name,omitempty"`
	Surface          string   `json:"surface"`
	// CredentialExpire is when the caller's own credential expires, in seconds since 1970.
	CredentialExpire int64 `json:"credential_exp"`
}

// NewClaims makes the claims for a principal. The token expires after TxnTokenLifetime, or with the credential if that
// is earlier.
func NewClaims(p *authzv1.Principal, transactionID string, now time.Time) Claims {
	expire := now.Add(TxnTokenLifetime)
	if credential := p.GetExpireTime().AsTime(); credential.Before(expire) {
		expire = credential
	}
	return Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    TxnTokenIssuer,
			Subject:   p.GetMemberId(),
			Audience:  jwt.ClaimStrings{TxnTokenAudience},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(expire),
		},
		TransactionID: transactionID,
		Scope:         strings.Join(p.GetScopes(), " "),
		Context: TransactionContext{
			Organization:     p.GetOrganizationId(),
			DisplayName:      p.GetDisplayName(),
			Kind:             p.GetKind().String(),
			Roles:            p.GetRoles(),
			RolePermissions:  permissionStrings(p.GetRolePermissions()),
			ScopePermissions: permissionStrings(p.GetScopePermissions()),
			ClientID:         p.GetClientId(),
			ClientName:       p.GetClientName(),
			Surface:          p.GetSurface().String(),
			CredentialExpire: p.GetExpireTime().GetSeconds(),
		},
	}
}

// Principal is the principal that the claims carry.
func (c *Claims) Principal() *authzv1.Principal {
	return &authzv1.Principal{
		OrganizationId:   c.Context.Organization,
		MemberId:         c.Subject,
		DisplayName:      c.Context.DisplayName,
		Kind:             authzv1.PrincipalKind(authzv1.PrincipalKind_value[c.Context.Kind]),
		Roles:            c.Context.Roles,
		Scopes:           strings.Fields(c.Scope),
		ClientId:         c.Context.ClientID,
		ClientName:       c.Context.ClientName,
		RolePermissions:  parsePermissions(c.Context.RolePermissions),
		ScopePermissions: parsePermissions(c.Context.ScopePermissions),
		ExpireTime:       &timestamppb.Timestamp{Seconds: c.Context.CredentialExpire},
		Surface:          accessv1.Surface(accessv1.Surface_value[c.Context.Surface]),
	}
}

func permissionStrings(permissions []*accessv1.Permission) []string {
	var out []string
	for _, p := range permissions {
		out = append(out, PermissionString(p))
	}
	return out
}

func parsePermissions(in []string) []*accessv1.Permission {
	var out []*accessv1.Permission
	for _, s := range in {
		if p, ok := ParsePermission(s); ok {
			out = append(out, p)
		}
	}
	return out
}

// errUnknownKey says that no key that authz publishes has the token's key id.
var errUnknownKey = errors.New("no published key has the token's key id")

// TxnVerifier verifies transaction tokens by the keys that authz publishes. It is safe for concurrent use.
type TxnVerifier struct {
	fetch    func(context.Context) (jwks string, err error)
	now      func() time.Time
	parser   *jwt.Parser
	verified *lru.Cache[[sha256.Size]byte, *Identity]
	flight   singleflight.Group

	mu        sync.Mutex
	keys      jose.JSONWebKeySet
	nextFetch time.Time
	fetchErr  error // of the last attempt
}

const (
	verifiedCacheSize  = 4096
	keyRefetchInterval = time.Second
	// clockSkew is how far the clock of authz may be ahead of ours.
	clockSkew = 30 * time.Second
)

// NewTxnVerifier makes a verifier. fetch gets the JWK set; it is called for the first token and for an unknown key id,
// and at most once a second.
func NewTxnVerifier(fetch func(context.Context) (string, error), now func() time.Time) *TxnVerifier {
	verified, err := lru.New[[sha256.Size]byte, *Identity](verifiedCacheSize)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return &TxnVerifier{
		fetch:    fetch,
		now:      now,
		verified: verified,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
			jwt.WithIssuer(TxnTokenIssuer),
			jwt.WithAudience(TxnTokenAudience),
			jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(now),
		),
	}
}

// Verify establishes the identity that a token carries. TOKEN_INVALID, TOKEN_EXPIRED; AUTHZ_UNAVAILABLE when the keys
// cannot be fetched.
func (v *TxnVerifier) Verify(ctx context.Context, token string) (*Identity, error) {
	digest := digest(token)
	if identity, ok := v.verified.Get(digest); ok {
		if v.now().Before(identity.Expire) {
			return identity, nil
		}
		v.verified.Remove(digest)
	}
	var claims Claims
	_, err := v.parser.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) { return v.key(ctx, t) })
	switch {
	case err == nil:
	case rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE:
		return nil, err
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED,
			"the transaction token has expired").Wrap(err)
	default:
		return nil, invalidTxnToken(err)
	}
	if claims.IssuedAt == nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > TxnTokenLifetime ||
		claims.ExpiresAt.Sub(v.now()) > TxnTokenLifetime+clockSkew {
		return nil, invalidTxnToken(errors.New("the lifetime is too long"))
	}
	if claims.Subject == "" || claims.Context.Organization == "" {
		return nil, invalidTxnToken(errors.New("a subject and an organization are needed"))
	}
	identity := &Identity{Principal: claims.Principal(), Expire: claims.ExpiresAt.Time}
	v.verified.Add(digest, identity)
	return identity, nil
}

func invalidTxnToken(cause error) error {
	return rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID,
		"the transaction token is not valid").Wrap(cause)
}

// key finds the key for a token, asking authz for an id that is not known yet.
func (v *TxnVerifier) key(ctx context.Context, t *jwt.Token) (any, error) {
	if typ, _ := t.Header["typ"].(string); typ != TxnTokenType {
		return nil, fmt.Errorf("the token's type is %q, want %q", typ, TxnTokenType)
	}
	kid, _ := t.Header["kid"].(string)
	if key, ok := v.known(kid); ok {
		return key, nil
	}
	if err := v.refetch(ctx); err != nil {
		return nil, rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE,
			"the keys of authz cannot be fetched").Wrap(err)
	}
	if key, ok := v.known(kid); ok {
		return key, nil
	}
	return nil, errUnknownKey
}

func (v *TxnVerifier) known(kid string) (any, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i := slices.IndexFunc(v.keys.Keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid })
	if kid == "" || i < 0 {
		return nil, false
	}
	return v.keys.Keys[i].Key, true
}

// refetch gets the keys, once for all who wait. Within a second of the attempt before it answers what that one did:
// tokens with made-up key ids must not turn into calls, least of all while authz is down.
func (v *TxnVerifier) refetch(ctx context.Context) error {
	_, err, _ := v.flight.Do("", func() (any, error) {
		v.mu.Lock()
		recent, err := v.now().Before(v.nextFetch), v.fetchErr
		v.mu.Unlock()
		if recent {
			return nil, err
		}
		keys, err := v.fetchKeys(context.WithoutCancel(ctx)) // for everyone who waits, not for the first alone
		v.mu.Lock()
		defer v.mu.Unlock()
		v.nextFetch, v.fetchErr = v.now().Add(keyRefetchInterval), err
		if err == nil {
			v.keys = keys
		}
		return nil, err
	})
	return err
}

func (v *TxnVerifier) fetchKeys(ctx context.Context) (jose.JSONWebKeySet, error) {
	var keys jose.JSONWebKeySet
	text, err := v.fetch(ctx)
	if err != nil {
		return keys, fmt.Errorf("fetching keys: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &keys); err != nil {
		return keys, fmt.Errorf("reading the JWK set: %w", err)
	}
	return keys, nil
}
