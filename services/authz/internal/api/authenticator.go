// Package api serves authz's part of the contract: who a credential belongs to, signing in, and the organization.
package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/authz/internal/txntoken"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// Config is what the services are made of.
type Config struct {
	// Stytch is asked about credentials and people.
	Stytch *stytch.Client
	// Policy says what roles and scopes allow.
	Policy *policy.Snapshot
	// Keys sign transaction tokens.
	Keys *txntoken.Keys
	// EdgeKeyREST and EdgeKeyMCP are the identity keys of the edges; an empty one is never accepted.
	EdgeKeyREST, EdgeKeyMCP string
	// PublicURL is the address of the product, without a slash at the end.
	PublicURL string
	// CheckInterval is the longest time between questions to Stytch about a credential that is in use.
	CheckInterval time.Duration
	// StaleLimit is how long the last answer serves while Stytch does not answer.
	StaleLimit time.Duration
	// PageTokenKey authenticates page tokens; replicas have to have the same.
	PageTokenKey []byte
	// Now is the clock.
	Now func() time.Time
	// Logger gets what callers are not told.
	Logger *slog.Logger
}

// API holds the services and what they share. It is an access.Authenticator and access.Grantors for the server that they
// run in. It is safe for concurrent use.
type API struct {
	cfg      Config
	verdicts *verdicts
	signer   *txntoken.Signer
	jwks     string
	edges    []edge
	consent  *consentService
}

// edge is an edge's identity key, hashed so that comparing takes the same time for every length.
type edge struct {
	key     [sha256.Size]byte
	surface accessv1.Surface
}

// New makes the services.
func New(cfg Config) (*API, error) {
	jwks, err := cfg.Keys.JWKS()
	if err != nil {
		return nil, err
	}
	publicURL := strings.TrimRight(cfg.PublicURL, "/")
	resources := []string{publicURL, publicURL + "/mcp"}
	a := &API{
		cfg:    cfg,
		signer: txntoken.NewSigner(cfg.Keys, cfg.Now),
		jwks:   jwks,
		verdicts: newVerdicts(verdictsConfig{
			client:     cfg.Stytch,
			interval:   cfg.CheckInterval,
			staleLimit: cfg.StaleLimit,
			resources:  resources,
			now:        cfg.Now,
			logger:     cfg.Logger,
		}),
	}
	for key, surface := range map[string]accessv1.Surface{
		cfg.EdgeKeyREST: accessv1.Surface_SURFACE_REST, cfg.EdgeKeyMCP: accessv1.Surface_SURFACE_MCP,
	} {
		if key != "" {
			a.edges = append(a.edges, edge{sha256.Sum256([]byte(key)), surface})
		}
	}
	if a.consent, err = newConsentService(a); err != nil {
		return nil, err
	}
	return a, nil
}

// Register adds the services to a server.
func (a *API) Register(registrar grpc.ServiceRegistrar) {
	authzv1.RegisterAuthzServiceServer(registrar, &authzService{API: a})
	authzv1.RegisterSessionServiceServer(registrar, &sessionService{API: a})
	administration := newOrganizationService(a)
	authzv1.RegisterOrganizationServiceServer(registrar, administration)
	authzv1.RegisterScimServiceServer(registrar, &scimService{administration: administration})
	authzv1.RegisterConsentServiceServer(registrar, a.consent)
}

// surface is the door that a call came through, by the key of the edge that lets it in. TOKEN_INVALID for a wrong key.
func (a *API) surface(md metadata.MD) (accessv1.Surface, error) {
	key, err := single(md, access.MetadataEdgeKey)
	if err != nil || key == "" {
		return accessv1.Surface_SURFACE_GRPC, err
	}
	sum := sha256.Sum256([]byte(key))
	found := accessv1.Surface_SURFACE_UNSPECIFIED
	for _, e := range a.edges { // all of them, to take the same time whichever it is
		if subtle.ConstantTimeCompare(sum[:], e.key[:]) == 1 {
			found = e.surface
		}
	}
	if found == accessv1.Surface_SURFACE_UNSPECIFIED {
		return found, tokenInvalid(errors.New("the edge key is wrong"))
	}
	return found, nil
}

// caller is a credential's owner as of now.
type caller struct {
	*verdict
	proof     proof
	principal *authzv1.Principal
}

// identify establishes who a credential belongs to and what its owner may do.
func (a *API) identify(ctx context.Context, c credential, surface accessv1.Surface) (*caller, error) {
	found, p, err := a.verdicts.on(ctx, c)
	if err != nil {
		return nil, err
	}
	table, err := a.table(ctx)
	if err != nil {
		return nil, err
	}
	return &caller{verdict: found, proof: p, principal: principal(found, table, surface)}, nil
}

func (a *API) table(ctx context.Context) (*policy.Table, error) {
	table, err := a.cfg.Policy.Table(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return table, nil
}

// principal is what a verdict and the policy together say.
func principal(v *verdict, table *policy.Table, surface accessv1.Surface) *authzv1.Principal {
	p := &authzv1.Principal{
		OrganizationId:  v.organization.ID,
		MemberId:        v.member.ID,
		DisplayName:     v.member.Name,
		Kind:            authzv1.PrincipalKind_PRINCIPAL_KIND_MEMBER,
		Roles:           slices.Clone(v.roles),
		RolePermissions: table.RolePermissions(v.roles),
		ExpireTime:      timestamppb.New(v.expire),
		Surface:         surface,
	}
	if v.clientID != "" {
		p.Kind = authzv1.PrincipalKind_PRINCIPAL_KIND_AGENT
		p.Scopes = slices.Clone(v.scopes)
		p.ClientId, p.ClientName = v.clientID, v.clientName
		p.ScopePermissions = table.ScopePermissions(v.scopes)
	}
	return p
}

// fromMetadata establishes who makes a call to authz itself.
func (a *API) fromMetadata(ctx context.Context, md metadata.MD) (*caller, error) {
	surface, err := a.surface(md)
	if err != nil {
		return nil, err
	}
	c, err := carried(md)
	if err != nil {
		return nil, err
	}
	return a.identify(ctx, c, surface)
}

// Authenticate implements access.Authenticator for calls to authz itself.
func (a *API) Authenticate(ctx context.Context) (*access.Identity, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	found, err := a.fromMetadata(ctx, md)
	if err != nil {
		return nil, err
	}
	expire := a.cfg.Now().Add(access.TxnTokenLifetime)
	if found.expire.Before(expire) {
		expire = found.expire
	}
	return &access.Identity{Principal: found.principal, Expire: expire}, nil
}

// Grantors implements access.Grantors.
func (a *API) Grantors(ctx context.Context, resource string, action accessv1.Action) (roles, scopes []string) {
	table, err := a.table(ctx)
	if err != nil {
		return nil, nil
	}
	for _, g := range table.AccessPolicy().GetGrants() {
		if p := g.GetPermission(); p.GetResource() == resource && p.GetAction() == action {
			return g.GetRoles(), g.GetScopes()
		}
	}
	return nil, nil
}
