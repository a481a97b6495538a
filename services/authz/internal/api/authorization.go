package api

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// authorization is a request as it was shown to a member: what will be submitted, and what the page said. It travels
// sealed, so that the page that shows it can only say yes or no to all of it.
type authorization struct {
	// ID is random, so that an authorization can be recognized when it comes again.
	ID     string    `json:"id"`
	Expire time.Time `json:"expire"`

	ClientID      string   `json:"client_id"`
	RedirectURI   string   `json:"redirect_uri"`
	Scopes        []string `json:"scopes"`
	State         string   `json:"state,omitempty"`
	Nonce         string   `json:"nonce,omitempty"`
	CodeChallenge string   `json:"code_challenge,omitempty"`
	Prompt        string   `json:"prompt,omitempty"`
	Resources     []string `json:"resources,omitempty"`

	ClientName       string `json:"client_name"`
	OrganizationName string `json:"organization_name"`
	EmailAddress     string `json:"email_address"`
}

func newAuthorization(a stytch.Authorization, shown *stytch.Consent, expire time.Time) *authorization {
	return &authorization{
		ID: rand.Text(), Expire: expire,
		ClientID: a.ClientID, RedirectURI: a.RedirectURI, Scopes: a.Scopes, State: a.State, Nonce: a.Nonce,
		CodeChallenge: a.CodeChallenge, Prompt: a.Prompt, Resources: a.Resources,
		ClientName: shown.ClientName, OrganizationName: shown.Organization.Name, EmailAddress: shown.Member.EmailAddress,
	}
}

// request is what is submitted.
func (a *authorization) request() stytch.Authorization {
	return stytch.Authorization{
		ClientID: a.ClientID, RedirectURI: a.RedirectURI, Scopes: a.Scopes, State: a.State, Nonce: a.Nonce,
		CodeChallenge: a.CodeChallenge, Prompt: a.Prompt, Resources: a.Resources,
	}
}

// holds says whether what was shown is true still: the same application, organization and account, and every scope
// grantable.
func (a *authorization) holds(now *stytch.Consent) bool {
	return a.ClientName == now.ClientName && a.OrganizationName == now.Organization.Name &&
		a.EmailAddress == now.Member.EmailAddress && slices.Equal(a.Scopes, now.Grantable)
}

// seal makes an authorization good for one member and session.
func (s *consentService) seal(p *person, a *authorization) (string, error) {
	content, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("writing an authorization: %w", err)
	}
	return s.sealer.Seal(content, p.sealContext()), nil
}

// open reads an authorization that was sealed for this member and session. AUTHORIZATION_INVALID, AUTHORIZATION_EXPIRED.
func (s *consentService) open(p *person, sealed string) (*authorization, error) {
	content, err := s.sealer.Open(sealed, p.sealContext())
	if err != nil {
		return nil, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_AUTHORIZATION_INVALID,
			"this request was not shown to you, in this session").Wrap(err)
	}
	var a authorization
	if err := json.Unmarshal(content, &a); err != nil {
		return nil, fmt.Errorf("reading an authorization: %w", err)
	}
	if !s.cfg.Now().Before(a.Expire) {
		return nil, authorizationExpired(errors.New("it is too old"))
	}
	return &a, nil
}

// sealContext binds a seal to who sees it. None of the ids has a NUL.
func (p *person) sealContext() []byte {
	return []byte(strings.Join([]string{"authorization", p.organization.ID, p.member.ID, p.sessionID}, "\x00"))
}
