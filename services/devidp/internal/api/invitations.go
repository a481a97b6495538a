package api

import (
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

type inviteRequest struct {
	newMemberRequest
	OrganizationID    string `json:"organization_id"`
	InviteRedirectURL string `json:"invite_redirect_url"`
	InvitedByMemberID string `json:"invited_by_member_id"`
	ExpirationMinutes *int   `json:"invite_expiration_minutes"`
}

// invite creates an invited member and puts the link into the outbox. Inviting somebody again sends another link.
func (c *call) invite(req inviteRequest) (any, error) {
	org, err := c.organization(req.OrganizationID)
	if err != nil {
		return nil, err
	}
	if err := c.checkNew(org, req.newMemberRequest); err != nil {
		return nil, err
	}
	if org.EmailInvites == state.NotAllowed || org.EmailInvites == state.Restricted && !org.AllowsDomain(req.EmailAddress) {
		return nil, badRequest("invalid_email_for_invites", "The organization does not let this address be invited.")
	}
	target := req.InviteRedirectURL
	if target == "" {
		target = c.RedirectOrigins[0] + "/authenticate"
	}
	if !c.allowsRedirect(target, redirectInvite) {
		return nil, badRequest("no_match_for_provided_magic_link_url", "The invite_redirect_url is not registered.")
	}
	life := state.InvitationLife
	if m := req.ExpirationMinutes; m != nil {
		if *m < 5 || *m > 7*24*60 {
			return nil, badRequest("invalid_expiration", "invite_expiration_minutes must be from 5 to 10080.")
		}
		life = time.Duration(*m) * time.Minute
	}
	inviter := ""
	if req.InvitedByMemberID != "" {
		by, err := c.member(org, req.InvitedByMemberID)
		if err != nil {
			return nil, err
		}
		inviter = " by " + by.Name
	}

	m, found := c.tx.FindMemberByEmail(org.OrganizationID, req.EmailAddress)
	switch {
	case found && m.Status == state.StatusActive:
		return nil, badRequest("duplicate_member_email", "The organization has a member with this address.")
	case !found:
		m = c.newMember(org, req.EmailAddress, req.Name, state.StatusInvited)
	}
	m.Status, m.UpdatedAt = state.StatusInvited, c.now
	if len(req.Roles) > 0 { // Without any, an earlier invitation's roles stay.
		m.Roles = directRoles(req.Roles)
	}
	m.TrustedMetadata = mergeMetadata(m.TrustedMetadata, req.TrustedMetadata)
	m.UntrustedMetadata = mergeMetadata(m.UntrustedMetadata, req.UntrustedMetadata)
	if req.Name != "" {
		m.Name = req.Name
	}
	c.tx.Members().Put(m.MemberID, m)

	secret := c.land(state.Landing{
		Kind: state.LandingMagicLink, Email: m.Email, Name: m.Name, OrganizationID: org.OrganizationID, MemberID: m.MemberID,
	}, life)
	link, err := withLanding(target, state.LandingMagicLink, secret)
	if err != nil {
		return nil, err
	}
	c.tx.Mail(state.Message{To: m.Email, Subject: "You are invited to " + org.Name + inviter, Link: link, CreateTime: c.now})
	return c.answerMember(m, org), nil
}

// land remembers what a token in a landing address stands for, and returns the token.
func (c *call) land(l state.Landing, life time.Duration) string {
	secret := state.NewSecret()
	l.ExpiresAt = c.now.Add(life)
	c.tx.Landings().Put(state.Hash(secret), l)
	return secret
}

// takeLanding spends a landing token of the given kind. One that fails the PKCE check is spent as well: whoever brings
// it did not start the flow.
func (c *call) takeLanding(kind, secret, verifier string) (landing state.Landing, fresh bool, err error) {
	key := state.Hash(secret)
	landing, found := c.tx.Landings().Get(key)
	if !found || landing.Kind != kind {
		return state.Landing{}, false, nil
	}
	if landing.Used || !c.now.Before(landing.ExpiresAt) {
		return landing, false, nil
	}
	landing.Used = true
	c.tx.Landings().Put(key, landing)
	if refusal := checkPKCE(landing.CodeChallenge, verifier); refusal != nil {
		return state.Landing{}, false, refusal.keeping()
	}
	return landing, true, nil
}

type authenticateMagicLinkRequest struct {
	sessionRequest
	Token        string `json:"magic_links_token"`
	CodeVerifier string `json:"pkce_code_verifier"`
}

// authenticateMagicLink signs in whoever holds an invitation's link.
func (c *call) authenticateMagicLink(req authenticateMagicLinkRequest) (any, error) {
	landing, fresh, err := c.takeLanding(state.LandingMagicLink, req.Token, req.CodeVerifier)
	if err != nil {
		return nil, err
	}
	if !fresh {
		if landing.Kind == "" {
			return nil, notFound("magic_link_not_found", "The link does not exist.")
		}
		return nil, unauthorized("unable_to_auth_magic_link", "The link was used or has expired.")
	}
	org, err := c.organization(landing.OrganizationID)
	if err != nil {
		return nil, err
	}
	m, err := c.member(org, landing.MemberID)
	if err != nil {
		return nil, err
	}
	p := proof{email: m.Email, name: m.Name, factors: []state.Factor{c.emailFactor("magic_link", m.Email)}}
	answer, err := c.signIn(m, org, p, req.sessionRequest)
	if err != nil {
		return nil, err
	}
	answer.MethodID = m.EmailID
	return answer, nil
}
