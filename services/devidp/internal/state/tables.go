package state

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/policy"
)

// outboxLimit bounds how many messages are kept.
const outboxLimit = 500

// Organizations by id.
func (tx *Tx) Organizations() Table[Organization] { return Table[Organization]{tx, "organizations"} }

// Members by id.
func (tx *Tx) Members() Table[Member] { return Table[Member]{tx, "members"} }

// Connections are the SSO connections by id.
func (tx *Tx) Connections() Table[Connection] { return Table[Connection]{tx, "connections"} }

// SCIMConnections by the id of their organization.
func (tx *Tx) SCIMConnections() Table[SCIMConnection] {
	return Table[SCIMConnection]{tx, "scim_connections"}
}

// Sessions by id.
func (tx *Tx) Sessions() Table[Session] { return Table[Session]{tx, "sessions"} }

// IntermediateSessions by the hash of their token.
func (tx *Tx) IntermediateSessions() Table[IntermediateSession] {
	return Table[IntermediateSession]{tx, "intermediate_sessions"}
}

// Passcodes by normal address.
func (tx *Tx) Passcodes() Table[Passcode] { return Table[Passcode]{tx, "passcodes"} }

// Landings by the hash of their token.
func (tx *Tx) Landings() Table[Landing] { return Table[Landing]{tx, "landings"} }

func (tx *Tx) messages() Table[Message] { return Table[Message]{tx, "outbox"} }

const policyKey = "policy"

func (tx *Tx) policies() Table[policy.Policy] { return Table[policy.Policy]{tx, "policy"} }

// Policy returns the access policy.
func (tx *Tx) Policy() policy.Policy {
	p, _ := tx.policies().Get(policyKey)
	return p
}

// SetPolicy replaces the access policy.
func (tx *Tx) SetPolicy(p policy.Policy) { tx.policies().Put(policyKey, p) }

// FindOrganization finds an organization by id or by slug.
func (tx *Tx) FindOrganization(idOrSlug string) (Organization, bool) {
	if org, found := tx.Organizations().Get(idOrSlug); found {
		return org, true
	}
	for _, org := range tx.Organizations().Holding(idOrSlug) {
		if org.Slug == idOrSlug {
			return org, true
		}
	}
	return Organization{}, false
}

// FindMember finds a member of the organization, one that was not deleted, by id or external id.
func (tx *Tx) FindMember(organizationID, id string) (Member, bool) {
	if m, found := tx.Members().Get(id); found {
		return m, m.OrganizationID == organizationID && m.Status != StatusDeleted
	}
	for _, m := range tx.Members().Holding(id) {
		if m.OrganizationID == organizationID && m.ExternalID == id && m.Status != StatusDeleted {
			return m, true
		}
	}
	return Member{}, false
}

// FindMemberByEmail finds a member of the organization, one that was not deleted, by address.
func (tx *Tx) FindMemberByEmail(organizationID, email string) (Member, bool) {
	for _, m := range tx.MembersByEmail(email) {
		if m.OrganizationID == organizationID {
			return m, true
		}
	}
	return Member{}, false
}

// MembersByEmail returns the address's memberships in all organizations, without deleted ones.
func (tx *Tx) MembersByEmail(email string) []Member {
	var members []Member
	for _, m := range tx.Members().Holding(NormalEmail(email)) {
		if m.Status != StatusDeleted && NormalEmail(m.Email) == NormalEmail(email) {
			members = append(members, m)
		}
	}
	return members
}

// OrganizationConnections returns the organization's SSO connections in the order of their ids.
func (tx *Tx) OrganizationConnections(organizationID string) []Connection {
	var connections []Connection
	for _, c := range tx.Connections().Holding(organizationID) {
		if c.OrganizationID == organizationID {
			connections = append(connections, c)
		}
	}
	return connections
}

// RemoveConnection deletes an SSO connection and what refers to it.
func (tx *Tx) RemoveConnection(org Organization, connectionID string, now time.Time) {
	tx.Connections().Delete(connectionID)
	tx.Landings().DeleteFunc(func(l Landing) bool { return l.ConnectionID == connectionID })
	if org.SSODefaultConnectionID == connectionID {
		org.SSODefaultConnectionID = ""
	}
	org.SSOJITAllowedConnections = slices.DeleteFunc(org.SSOJITAllowedConnections, func(id string) bool { return id == connectionID })
	org.UpdatedAt = now
	tx.Organizations().Put(org.OrganizationID, org)
}

// EndSessions ends every session of the member.
func (tx *Tx) EndSessions(memberID string) {
	tx.Sessions().DeleteFunc(func(s Session) bool { return s.MemberID == memberID })
}

// RemoveMember marks the member as deleted and takes back their sessions, invitations, consents and tokens.
func (tx *Tx) RemoveMember(m Member, now time.Time) {
	m.Status, m.UpdatedAt = StatusDeleted, now
	tx.Members().Put(m.MemberID, m)
	tx.EndSessions(m.MemberID)
	tx.Landings().DeleteFunc(func(l Landing) bool { return l.MemberID == m.MemberID })
	tx.Consents().DeleteFunc(func(c Consent) bool { return c.MemberID == m.MemberID })
	tx.revokeGrants(func(g Grant) bool { return g.MemberID == m.MemberID })
}

// Mail puts a message into the outbox.
func (tx *Tx) Mail(m Message) {
	n := tx.messages().next()
	tx.messages().Put(messageKey(n), m)
	if n > outboxLimit {
		tx.messages().Delete(messageKey(n - outboxLimit))
	}
}

func messageKey(n uint64) string { return fmt.Sprintf("%020d", n) }

// Outbox returns the messages to the address, or all if it is empty, newest first.
func (tx *Tx) Outbox(to string) []Message {
	messages := []Message{}
	for _, m := range tx.messages().Holding(to) {
		if to == "" || strings.EqualFold(m.To, to) {
			messages = append(messages, m)
		}
	}
	slices.Reverse(messages)
	return messages
}

// Sweep removes what has expired.
func (tx *Tx) Sweep(now time.Time) {
	expired := func(t time.Time) bool { return !now.Before(t) }
	tx.Sessions().DeleteFunc(func(s Session) bool { return expired(s.ExpiresAt) })
	tx.IntermediateSessions().DeleteFunc(func(s IntermediateSession) bool { return expired(s.ExpiresAt) })
	tx.Passcodes().DeleteFunc(func(p Passcode) bool { return expired(p.ExpiresAt) })
	tx.Landings().DeleteFunc(func(l Landing) bool { return expired(l.ExpiresAt) })
	tx.Codes().DeleteFunc(func(c Code) bool { return expired(c.ExpiresAt) })
	tx.RefreshTokens().DeleteFunc(func(t RefreshToken) bool { return expired(t.ExpiresAt) })
	tx.AccessTokens().DeleteFunc(func(t AccessToken) bool { return expired(t.ExpiresAt) })
}
