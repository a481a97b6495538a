package api

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

const (
	defaultSearchLimit = 100
	maxSearchLimit     = 1000
)

type searchMembersRequest struct {
	OrganizationIDs []string `json:"organization_ids"`
	Cursor          string   `json:"cursor"`
	Limit           int      `json:"limit"`
	Query           *struct {
		Operator string `json:"operator"`
		Operands []struct {
			FilterName  string          `json:"filter_name"`
			FilterValue json.RawMessage `json:"filter_value"`
		} `json:"operands"`
	} `json:"query"`
}

type searchMembersAnswer struct {
	Members         []memberView                `json:"members"`
	Organizations   map[string]organizationView `json:"organizations"`
	ResultsMetadata searchMetadata              `json:"results_metadata"`
}

type searchMetadata struct {
	Total      int    `json:"total"`
	NextCursor string `json:"next_cursor"`
}

// memberFilter reports whether a member matches one operand.
type memberFilter func(state.Member, state.Organization) bool

// searchMembers lists members by the order of their creation. Deleted ones appear only to a filter on their status.
func (c *call) searchMembers(req searchMembersRequest) (any, error) {
	if len(req.OrganizationIDs) == 0 {
		return nil, badRequest("invalid_organization_id", "organization_ids is required.")
	}
	orgs := map[string]state.Organization{}
	for _, id := range req.OrganizationIDs {
		org, err := c.organization(id)
		if err != nil {
			return nil, err
		}
		if err := c.allow(org.OrganizationID, resourceMember, "search"); err != nil {
			return nil, err
		}
		orgs[org.OrganizationID] = org
	}
	limit := req.Limit
	switch {
	case limit == 0:
		limit = defaultSearchLimit
	case limit < 0 || limit > maxSearchLimit:
		return nil, badRequest("invalid_argument", "limit must be from 1 to %d.", maxSearchLimit)
	}
	matches, deletedToo, err := c.compileSearch(req)
	if err != nil {
		return nil, err
	}

	var found []state.Member
	for _, m := range c.tx.Members().All() {
		org, wanted := orgs[m.OrganizationID]
		if wanted && (deletedToo || m.Status != state.StatusDeleted) && matches(m, org) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b state.Member) int { return cmp.Compare(searchKey(a), searchKey(b)) })

	answer := searchMembersAnswer{
		Members: []memberView{}, Organizations: map[string]organizationView{},
		ResultsMetadata: searchMetadata{Total: len(found)},
	}
	after, err := base64.RawURLEncoding.DecodeString(req.Cursor)
	if err != nil {
		return nil, badRequest("invalid_argument", "The cursor is not one of this search.")
	}
	for _, m := range found {
		if searchKey(m) <= string(after) {
			continue
		}
		if len(answer.Members) == limit {
			last := answer.Members[limit-1]
			answer.ResultsMetadata.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(searchKey(state.Member{CreatedAt: last.CreatedAt, MemberID: last.MemberID})))
			break
		}
		org := orgs[m.OrganizationID]
		answer.Members = append(answer.Members, c.viewMember(m, org))
		answer.Organizations[org.OrganizationID] = c.viewOrganization(org)
	}
	return answer, nil
}

// searchKey orders members; the cursor is the key of the last one shown.
func searchKey(m state.Member) string {
	return m.CreatedAt.Format("20060102T150405") + " " + m.MemberID
}

func (c *call) compileSearch(req searchMembersRequest) (matches memberFilter, deletedToo bool, err error) {
	if req.Query == nil || len(req.Query.Operands) == 0 {
		return func(state.Member, state.Organization) bool { return true }, false, nil
	}
	var filters []memberFilter
	for _, operand := range req.Query.Operands {
		filter, err := c.compileFilter(operand.FilterName, operand.FilterValue)
		if err != nil {
			return nil, false, err
		}
		filters = append(filters, filter)
		deletedToo = deletedToo || operand.FilterName == "statuses"
	}
	either := req.Query.Operator == "OR"
	if !either && req.Query.Operator != "AND" {
		return nil, false, badRequest("invalid_argument", "operator must be AND or OR.")
	}
	return func(m state.Member, org state.Organization) bool {
		for _, filter := range filters {
			if filter(m, org) == either {
				return either
			}
		}
		return !either
	}, deletedToo, nil
}

func (c *call) compileFilter(name string, raw json.RawMessage) (memberFilter, error) {
	var list []string
	var text string
	var flag bool
	var err error
	switch name {
	case "member_ids", "member_emails", "statuses", "member_roles":
		err = json.Unmarshal(raw, &list)
	case "member_email_fuzzy":
		err = json.Unmarshal(raw, &text)
	case "member_is_breakglass":
		err = json.Unmarshal(raw, &flag)
	default:
		return nil, badRequest("member_search_filter_name_not_recognized", "There is no filter %q.", name)
	}
	if err != nil {
		return nil, badRequest("invalid_argument", "The value of %s has the wrong type.", name)
	}
	p := c.tx.Policy()
	switch name {
	case "member_ids":
		return func(m state.Member, _ state.Organization) bool { return slices.Contains(list, m.MemberID) }, nil
	case "member_emails":
		return func(m state.Member, _ state.Organization) bool {
			return slices.ContainsFunc(list, func(e string) bool { return state.NormalEmail(e) == state.NormalEmail(m.Email) })
		}, nil
	case "statuses":
		return func(m state.Member, _ state.Organization) bool { return slices.Contains(list, m.Status) }, nil
	case "member_roles":
		return func(m state.Member, org state.Organization) bool {
			return slices.ContainsFunc(m.EffectiveRoles(org, p), func(id string) bool { return slices.Contains(list, id) })
		}, nil
	case "member_email_fuzzy":
		return func(m state.Member, _ state.Organization) bool {
			return strings.Contains(state.NormalEmail(m.Email), state.NormalEmail(text))
		}, nil
	default: // member_is_breakglass
		return func(m state.Member, _ state.Organization) bool { return m.IsBreakglass == flag }, nil
	}
}
