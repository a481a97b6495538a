package state

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/policy"
)

//go:embed seed.json
var builtInSeed []byte

// Seed is what a fresh or reset provider holds.
type Seed struct {
	Organizations []SeedOrganization `json:"organizations"`
	Personas      []string           `json:"personas"` // Addresses offered for one-click sign-in, in this order.
	Policy        policy.Policy      `json:"policy"`
}

// SeedOrganization is an organization with its people.
type SeedOrganization struct {
	OrganizationID      string           `json:"organization_id"`
	Name                string           `json:"organization_name"`
	Slug                string           `json:"organization_slug"`
	EmailAllowedDomains []string         `json:"email_allowed_domains"` // Given any, their owners may join by themselves.
	Connections         []SeedConnection `json:"sso_connections"`
	Members             []SeedMember     `json:"members"`
}

// SeedConnection is an SSO connection.
type SeedConnection struct {
	ConnectionID     string `json:"connection_id"`
	Kind             string `json:"kind"`
	DisplayName      string `json:"display_name"`
	IdentityProvider string `json:"identity_provider"`
}

// SeedMember is an active member.
type SeedMember struct {
	MemberID string   `json:"member_id"`
	Email    string   `json:"email_address"`
	Name     string   `json:"name"`
	Roles    []string `json:"roles"`
}

// BuiltInSeed returns the two organizations that come with devidp.
func BuiltInSeed() (Seed, error) { return ParseSeed(builtInSeed) }

// ParseSeed reads and checks a seed.
func ParseSeed(data []byte) (Seed, error) {
	var seed Seed
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&seed); err != nil {
		return Seed{}, fmt.Errorf("parsing the seed: %w", err)
	}
	if err := seed.validate(); err != nil {
		return Seed{}, fmt.Errorf("checking the seed: %w", err)
	}
	return seed, nil
}

func (s Seed) validate() error {
	mistakes := []error{s.Policy.Validate()}
	complain := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	seen := map[string]bool{}
	unique := func(kind, value string) {
		if value == "" || seen[kind+value] {
			complain("%s %q is empty or used twice", kind, value)
		}
		seen[kind+value] = true
	}
	known := map[string]bool{}
	for _, org := range s.Organizations {
		unique("organization_id", org.OrganizationID)
		unique("organization_slug", org.Slug)
		for _, c := range org.Connections {
			unique("connection_id", c.ConnectionID)
			if c.Kind != ConnectionOIDC && c.Kind != ConnectionSAML {
				complain("connection %s: kind %q is neither oidc nor saml", c.ConnectionID, c.Kind)
			}
		}
		for _, m := range org.Members {
			unique("member_id", m.MemberID)
			unique("address in "+org.Slug+" ", NormalEmail(m.Email))
			known[NormalEmail(m.Email)] = true
			for _, role := range m.Roles {
				if !s.Policy.HasRole(role) {
					complain("member %s: the policy has no role %q", m.MemberID, role)
				}
			}
		}
	}
	for _, p := range s.Personas {
		if !known[NormalEmail(p)] {
			complain("persona %s is nobody's address", p)
		}
	}
	return errors.Join(mistakes...)
}

// Keys are what must outlive a reset: whoever verifies tokens may have cached the public key for minutes.
type Keys struct {
	SigningKey []byte `json:"signing_key"` // PKCS #8, DER.
	MACKey     []byte `json:"mac_key"`
}

const (
	metaBucket  = "meta"
	keysKey     = "keys"
	personasKey = "personas"
)

// Keys returns the stored keys, and on the first start those that it makes, with newSigningKey for the signing key.
func (tx *Tx) Keys(newSigningKey func() ([]byte, error)) (Keys, error) {
	table := Table[Keys]{tx, metaBucket}
	if keys, found := table.Get(keysKey); found || tx.err != nil {
		return keys, tx.err
	}
	signing, err := newSigningKey()
	if err != nil {
		return Keys{}, err
	}
	keys := Keys{SigningKey: signing, MACKey: make([]byte, 32)}
	rand.Read(keys.MACKey) // Never fails: see crypto/rand.
	table.Put(keysKey, keys)
	return keys, nil
}

// MAC returns the authenticator that uses these keys.
func (k Keys) MAC() MAC { return MAC{key: k.MACKey} }

// Seeded reports whether the store was ever seeded.
func (tx *Tx) Seeded() bool {
	_, found := tx.policies().Get(policyKey)
	return found
}

// Personas returns the addresses for one-click sign-in.
func (tx *Tx) Personas() []string {
	personas, _ := Table[[]string]{tx, metaBucket}.Get(personasKey)
	return personas
}

// Reset replaces everything but the keys by the seed.
func (tx *Tx) Reset(seed Seed, now time.Time) {
	var buckets [][]byte
	err := tx.btx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if string(name) != metaBucket {
			buckets = append(buckets, slices.Clone(name))
		}
		return nil
	})
	for _, name := range buckets {
		err = errors.Join(err, tx.btx.DeleteBucket(name))
	}
	if err != nil {
		tx.fail(fmt.Errorf("clearing the store: %w", err))
	}

	tx.SetPolicy(seed.Policy)
	Table[[]string]{tx, metaBucket}.Put(personasKey, seed.Personas)
	for _, so := range seed.Organizations {
		org := NewOrganization(so.OrganizationID, so.Name, so.Slug, now)
		if len(so.EmailAllowedDomains) > 0 {
			org.EmailAllowedDomains, org.EmailJITProvisioning = so.EmailAllowedDomains, Restricted
		}
		for i, sc := range so.Connections {
			if i == 0 {
				org.SSODefaultConnectionID = sc.ConnectionID
			}
			tx.Connections().Put(sc.ConnectionID, seededConnection(sc, org.OrganizationID, now))
		}
		tx.Organizations().Put(org.OrganizationID, org)
		for _, sm := range so.Members {
			tx.Members().Put(sm.MemberID, Member{
				MemberID: sm.MemberID, OrganizationID: org.OrganizationID, EmailID: seededEmailID(sm), Email: sm.Email,
				Name: sm.Name, Status: StatusActive, EmailVerified: true, Roles: sm.Roles, CreatedAt: now, UpdatedAt: now,
			})
		}
	}
}

// seededConnection is configured as an administrator would have done it.
func seededConnection(sc SeedConnection, organizationID string, now time.Time) Connection {
	conn := Connection{
		ConnectionID: sc.ConnectionID, OrganizationID: organizationID, Kind: sc.Kind,
		DisplayName: sc.DisplayName, IdentityProvider: sc.IdentityProvider,
	}
	const provider = "https://idp.example"
	if sc.Kind == ConnectionOIDC {
		conn.Issuer, conn.ClientID, conn.ClientSecret = provider, "okr-manager", "not-a-secret"
		conn.Discover()
		return conn
	}
	conn.IDPEntityID, conn.IDPSSOURL = provider+"/saml", provider+"/saml/sso"
	conn.AttributeMapping = map[string]any{"email": "NameID", "full_name": "displayName"}
	conn.Certificates = []Certificate{{CertificateID: sc.ConnectionID + "-certificate", Issuer: conn.IDPEntityID, CreatedAt: now, UpdatedAt: now}}
	return conn
}

// seededEmailID is stable across resets, as the ids in the seed are.
func seededEmailID(m SeedMember) string {
	return "email-test-" + uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.ToLower(m.MemberID+m.Email))).String()
}
