package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// identity is what whoAmI answers.
type identity struct {
	OrganizationID   string       `json:"organizationID"`
	OrganizationName string       `json:"organizationName,omitempty"`
	MemberID         string       `json:"memberID"`
	MemberName       string       `json:"memberName,omitempty"`
	Roles            []string     `json:"roles"`
	Scopes           []string     `json:"scopes"`
	Allowed          []string     `json:"allowed"`
	Denied           []missing    `json:"denied"`
	ProposeOnly      bool         `json:"proposeOnly,omitempty"`
	Expires          string       `json:"expires"`
	Client           clientOfUser `json:"client"`
}

// missing is a permission that the caller has not, and what it would take.
type missing struct {
	Permission string   `json:"permission"`
	Scopes     []string `json:"anyOfScopes,omitempty"`
	Roles      []string `json:"anyOfRoles,omitempty"`
	Propose    bool     `json:"propose,omitempty"`
}

type clientOfUser struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

const identityOutput = `"organizationID":{"type":"string"},"organizationName":{"type":"string"},` +
	`"memberID":{"type":"string"},"memberName":{"type":"string"},` +
	`"roles":{"type":"array","items":{"type":"string"},"description":"The member's roles."},` +
	`"scopes":{"type":"array","items":{"type":"string"},"description":"The token's scopes."},` +
	`"allowed":{"type":"array","items":{"type":"string"},"description":"What roles and scopes allow together."},` +
	`"denied":{"type":"array","description":"What is not allowed, and what one of it would take.","items":{"type":"object","properties":{` +
	`"permission":{"type":"string"},"anyOfScopes":{"type":"array","items":{"type":"string"}},` +
	`"anyOfRoles":{"type":"array","items":{"type":"string"}},"propose":{"type":"boolean","description":"Can be proposed by mode."}},"required":["permission"]}},` +
	`"proposeOnly":{"type":"boolean","description":"Whatever you write becomes a proposal: the organization said so."},` +
	`"expires":{"type":"string","format":"date-time","description":"When the token expires."},` +
	`"client":{"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"}},"required":["id"]}`

func (s *Set) whoAmI() engine.Tool {
	return tool(s, engine.Tool{
		Name:        "whoAmI",
		Title:       "Who am I",
		Description: "Says for which member of which organization you act, what you may do, and which scope or role the rest would take. Needs no scope.",
		Hints:       engine.Hints{ReadOnly: true, Idempotent: true},
		Input:       input(""),
		Output:      output("organizationID memberID roles scopes allowed denied expires client", identityOutput),
	}, nil, func(ctx context.Context, _ struct{}) (*engine.ToolResult, error) {
		return s.identify(ctx), nil
	})
}

func (s *Set) identify(ctx context.Context) *engine.ToolResult {
	p := access.PrincipalFrom(ctx)
	who := identity{
		OrganizationID: p.GetOrganizationId(), MemberID: p.GetMemberId(), MemberName: p.GetDisplayName(),
		Roles: sorted(p.GetRoles()), Scopes: sorted(p.GetScopes()), Allowed: []string{}, Denied: []missing{},
		Expires: p.GetExpireTime().AsTime().Format(time.RFC3339),
		Client:  clientOfUser{ID: p.GetClientId(), Name: p.GetClientName()},
	}
	// The name is a convenience; without it the answer is still one.
	if o, err := s.Organizations.GetOrganization(ctx, &authzv1.GetOrganizationRequest{}); err == nil {
		who.OrganizationName = o.GetDisplayName()
	}
	for _, permission := range access.AllPermissions() {
		name := access.PermissionString(permission)
		if access.Permits(p, permission.GetResource(), permission.GetAction()) {
			who.Allowed = append(who.Allowed, name)
			continue
		}
		m := missing{Permission: name}
		roles, scopes := s.Grantors.Grantors(ctx, permission.GetResource(), permission.GetAction())
		if roleAllows(p, name) {
			m.Scopes = sorted(scopes)
		} else {
			m.Roles = sorted(roles)
			m.Propose = access.MayPropose(writes(permission.GetResource(), permission.GetAction()), p)
		}
		who.Denied = append(who.Denied, m)
	}
	// It needs a permission to read, and without one there is nothing to write either.
	if settings, err := s.Store.GetAgentSettings(ctx, &okrv1.GetAgentSettingsRequest{}); err == nil {
		who.ProposeOnly = settings.GetProposeOnly() || slices.ContainsFunc(settings.GetClients(), func(c *okrv1.AgentClient) bool {
			return c.GetClientId() == p.GetClientId()
		})
	}
	allowed := strings.Join(who.Allowed, ", ")
	if allowed == "" {
		allowed = "nothing with objectives and key results"
	}
	return &engine.ToolResult{
		Text: fmt.Sprintf("You act for %s in the organization %s. You may: %s.%s",
			named(who.MemberName, who.MemberID), named(who.OrganizationName, who.OrganizationID), allowed, who.why()),
		Structured: who,
	}
}

// why says of each permission that is missing what it would take.
func (who *identity) why() string {
	var out strings.Builder
	for i, m := range who.Denied {
		if i == 0 {
			out.WriteString(" You may not:")
		} else {
			out.WriteString(";")
		}
		out.WriteString(" " + m.Permission + " (")
		switch {
		case len(m.Scopes) > 0:
			out.WriteString("takes the scope " + strings.Join(m.Scopes, " or "))
		case len(m.Roles) > 0:
			out.WriteString("takes the role " + strings.Join(m.Roles, " or "))
		default:
			out.WriteString("nothing grants it")
		}
		if m.Propose {
			out.WriteString("; you may propose it")
		}
		out.WriteString(")")
	}
	if len(who.Denied) > 0 {
		out.WriteString(".")
	}
	if who.ProposeOnly {
		out.WriteString(" Whatever you write becomes a proposal, because the organization said so.")
	}
	return out.String()
}

func roleAllows(p *authzv1.Principal, permission string) bool {
	for _, one := range p.GetRolePermissions() {
		if access.PermissionString(one) == permission {
			return true
		}
	}
	return false
}

// named is a name, or an id where there is none.
func named(name, id string) string {
	if name == "" {
		return id
	}
	return quote(name, maxQuoted)
}

func sorted(names []string) []string {
	return append([]string{}, slices.Sorted(slices.Values(names))...)
}
