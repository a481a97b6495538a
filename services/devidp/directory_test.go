package devidp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/stytchauth/stytch-go/v16/stytch"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/magiclinks"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/magiclinks/email"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/rbac"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

func TestOrganizationsAreReadAndChanged(t *testing.T) {
	t.Parallel()
	_, api := start(t, devidp.Config{})
	bySlug, err := api.Organizations.Get(t.Context(), &organizations.GetParams{OrganizationID: "acme"})
	ok(t, err)
	if o := bySlug.Organization; o.OrganizationID != devidptest.Acme || o.EmailJITProvisioning != "RESTRICTED" || len(o.SSOActiveConnections) != 1 {
		t.Errorf("acme is %+v", o)
	}
	_, err = api.Organizations.Get(t.Context(), &organizations.GetParams{OrganizationID: "nowhere"})
	wantError(t, err, http.StatusNotFound, "organization_not_found")

	updated, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, OrganizationName: "Acme Inc.", EmailAllowedDomains: []string{"acme.test", "acme.example"}})
	ok(t, err)
	if o := updated.Organization; o.OrganizationName != "Acme Inc." || len(o.EmailAllowedDomains) != 2 || o.OrganizationSlug != "acme" {
		t.Errorf("after the update acme is %+v", o)
	}

	// The SDK leaves out empty lists; its transport sends them.
	var emptied organizations.UpdateResponse
	ok(t, api.Organizations.C.NewRequest(t.Context(), stytch.RequestParams{
		Method: http.MethodPut, Path: "/v1/b2b/organizations/" + devidptest.Acme, Body: []byte(`{"email_allowed_domains":[]}`), V: &emptied,
	}))
	if len(emptied.Organization.EmailAllowedDomains) != 0 {
		t.Errorf("an empty list left %v", emptied.Organization.EmailAllowedDomains)
	}
	for _, test := range []struct {
		name      string
		params    organizations.UpdateParams
		status    int
		errorType string
	}{
		{"a slug that is taken", organizations.UpdateParams{OrganizationSlug: "globex"}, 400, "organization_slug_already_used"},
		{"a slug that is none", organizations.UpdateParams{OrganizationSlug: "Not a slug"}, 400, "invalid_organization_slug"},
		{"a domain where anybody gets an address", organizations.UpdateParams{EmailAllowedDomains: []string{"Gmail.com"}}, 400, "organization_settings_domain_too_common"},
		{"a setting that does not exist", organizations.UpdateParams{EmailInvites: "SOMETIMES"}, 400, "invalid_organization_auth_factor_setting"},
		{"a policy for second factors that does not exist", organizations.UpdateParams{MFAPolicy: "SOMETIMES"}, 400, "invalid_organization_auth_factor_setting"},
		{"a role that does not exist", organizations.UpdateParams{RBACEmailImplicitRoleAssignments: []*organizations.EmailImplicitRoleAssignment{{Domain: "acme.test", RoleID: "king"}}}, 400, "invalid_rbac_role_assignment"},
	} {
		t.Run(test.name+" is refused", func(t *testing.T) {
			test.params.OrganizationID = devidptest.Acme
			_, err := api.Organizations.Update(t.Context(), &test.params)
			wantError(t, err, test.status, test.errorType)
		})
	}
}

func TestADomainGivesItsMembersARole(t *testing.T) {
	t.Parallel()
	_, api := start(t, devidp.Config{})
	_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{
		OrganizationID:                   devidptest.Acme,
		RBACEmailImplicitRoleAssignments: []*organizations.EmailImplicitRoleAssignment{{Domain: "acme.test", RoleID: "manager"}},
	})
	ok(t, err)
	emma, err := api.Organizations.Members.Get(t.Context(), &members.GetParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma})
	ok(t, err)
	if r := emma.Member.Roles; len(r) != 2 || r[0].RoleID != "manager" || r[0].Sources[0].Type != "email_assignment" {
		t.Errorf("Emma's roles are %+v", r)
	}
}

func TestMembersAreCreatedReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	_, api := start(t, devidp.Config{})
	m := api.Organizations.Members
	created, err := m.Create(t.Context(), &members.CreateParams{OrganizationID: devidptest.Acme, EmailAddress: "Nora@acme.test", Name: "Nora North", Roles: []string{"manager"}})
	ok(t, err)
	byEmail, err := m.Get(t.Context(), &members.GetParams{OrganizationID: devidptest.Acme, EmailAddress: "nora@ACME.test"})
	ok(t, err)
	if byEmail.MemberID != created.MemberID || byEmail.Member.Status != "active" || byEmail.Member.Name != "Nora North" {
		t.Errorf("got %+v", byEmail.Member)
	}
	_, err = m.Create(t.Context(), &members.CreateParams{OrganizationID: devidptest.Acme, EmailAddress: "NORA@acme.test"})
	wantError(t, err, http.StatusBadRequest, "duplicate_member_email")
	_, err = m.Create(t.Context(), &members.CreateParams{OrganizationID: devidptest.Acme, EmailAddress: "x@acme.test", Roles: []string{"king"}})
	wantError(t, err, http.StatusBadRequest, "invalid_role")

	updated, err := m.Update(t.Context(), &members.UpdateParams{OrganizationID: devidptest.Acme, MemberID: created.MemberID, Name: "Nora South", Roles: &[]string{"stytch_admin"}})
	ok(t, err)
	if !updated.Member.IsAdmin || updated.Member.Name != "Nora South" || len(updated.Member.Roles) != 2 {
		t.Errorf("updated to %+v", updated.Member)
	}
	_, err = m.Update(t.Context(), &members.UpdateParams{OrganizationID: devidptest.Globex, MemberID: created.MemberID, Name: "x"})
	wantError(t, err, http.StatusNotFound, "member_not_found")

	_, err = m.Delete(t.Context(), &members.DeleteParams{OrganizationID: devidptest.Acme, MemberID: created.MemberID})
	ok(t, err)
	_, err = m.Get(t.Context(), &members.GetParams{OrganizationID: devidptest.Acme, MemberID: created.MemberID})
	wantError(t, err, http.StatusNotFound, "member_not_found")
	_, err = m.Create(t.Context(), &members.CreateParams{OrganizationID: devidptest.Acme, EmailAddress: "nora@acme.test", CreateMemberAsPending: true})
	ok(t, err)
}

func TestMembersAreSearched(t *testing.T) {
	t.Parallel()
	_, api := start(t, devidp.Config{})
	search := func(params members.SearchParams) *members.SearchResponse {
		t.Helper()
		found, err := api.Organizations.Members.Search(t.Context(), &params)
		ok(t, err)
		return found
	}
	filter := func(operator organizations.SearchQueryOperator, operands ...map[string]any) *organizations.SearchQuery {
		return &organizations.SearchQuery{Operator: operator, Operands: operands}
	}
	operand := func(name string, value any) map[string]any {
		return map[string]any{"filter_name": name, "filter_value": value}
	}
	for _, test := range []struct {
		name  string
		query *organizations.SearchQuery
		want  []string
	}{
		{"no filter finds all", nil, []string{devidptest.Ada, devidptest.Max, devidptest.Emma}},
		{"ids", filter("AND", operand("member_ids", []string{devidptest.Max})), []string{devidptest.Max}},
		{"addresses in any case", filter("AND", operand("member_emails", []string{"ADA@acme.test"})), []string{devidptest.Ada}},
		{"part of an address", filter("AND", operand("member_email_fuzzy", "emm")), []string{devidptest.Emma}},
		{"roles", filter("AND", operand("member_roles", []string{"manager"})), []string{devidptest.Max}},
		{"status", filter("AND", operand("statuses", []string{"invited"})), nil},
		{"both of two", filter("AND", operand("statuses", []string{"active"}), operand("member_email_fuzzy", "max")), []string{devidptest.Max}},
		{"either of two", filter("OR", operand("member_email_fuzzy", "ada"), operand("member_email_fuzzy", "max")), []string{devidptest.Ada, devidptest.Max}},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := search(members.SearchParams{OrganizationIds: []string{devidptest.Acme}, Query: test.query})
			var got []string
			for _, m := range found.Members {
				got = append(got, m.MemberID)
			}
			if !slices.Equal(got, test.want) || int(found.ResultsMetadata.Total) != len(test.want) {
				t.Errorf("found %v, want %v", got, test.want)
			}
		})
	}
	t.Run("pages follow each other", func(t *testing.T) {
		var got []string
		params := members.SearchParams{OrganizationIds: []string{devidptest.Acme, devidptest.Globex}, Limit: 4}
		for {
			page := search(params)
			for _, m := range page.Members {
				got = append(got, m.MemberID)
			}
			if params.Cursor = page.ResultsMetadata.NextCursor; params.Cursor == "" {
				break
			}
		}
		if len(got) != 6 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 6 {
			t.Errorf("the pages hold %v", got)
		}
	})
	t.Run("an unknown filter is refused", func(t *testing.T) {
		_, err := api.Organizations.Members.Search(t.Context(), &members.SearchParams{OrganizationIds: []string{devidptest.Acme}, Query: filter("AND", operand("shoe_size", 1))})
		wantError(t, err, http.StatusBadRequest, "member_search_filter_name_not_recognized")
	})
}

// A member's session may do what its roles allow in its own organization; the secret alone may do everything.
func TestMemberSessionsAreHeldToTheirRoles(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	ceo := as(signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme))
	manager := as(signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme))
	employee := as(signIn(t, s, api, devidptest.EmmaEmail, devidptest.Acme))
	foreign := as(signIn(t, s, api, devidptest.GinaEmail, devidptest.Globex))
	m := api.Organizations.Members
	create := func(auth authorization, email string, roles ...string) error {
		_, err := m.Create(t.Context(), &members.CreateParams{OrganizationID: devidptest.Acme, EmailAddress: email, Roles: roles}, &members.CreateRequestOptions{Authorization: auth})
		return err
	}
	update := func(auth authorization, member string, change members.UpdateParams) error {
		change.OrganizationID, change.MemberID = devidptest.Acme, member
		_, err := m.Update(t.Context(), &change, &members.UpdateRequestOptions{Authorization: auth})
		return err
	}
	search := func(auth authorization) error {
		_, err := m.Search(t.Context(), &members.SearchParams{OrganizationIds: []string{devidptest.Acme}}, &members.SearchRequestOptions{Authorization: auth})
		return err
	}
	invite := func(auth authorization, address string) error {
		_, err := api.MagicLinks.Email.Invite(t.Context(), &email.InviteParams{OrganizationID: devidptest.Acme, EmailAddress: address}, &email.InviteRequestOptions{Authorization: auth})
		return err
	}
	rename := func(auth authorization) error {
		_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, OrganizationName: "Acme"}, &organizations.UpdateRequestOptions{Authorization: auth})
		return err
	}
	connections := func(auth authorization) error {
		_, err := api.SSO.GetConnections(t.Context(), &sso.GetConnectionsParams{OrganizationID: devidptest.Acme}, &sso.GetConnectionsRequestOptions{Authorization: auth})
		return err
	}
	revoke := func(auth authorization, member string) error {
		_, err := api.Sessions.Revoke(t.Context(), &sessions.RevokeParams{MemberID: member}, &sessions.RevokeRequestOptions{Authorization: auth})
		return err
	}
	const allowed, denied, tenancy = "", "session_authorization_error", "session_authorization_tenancy_error"
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"a CEO creates a member with a role", create(ceo, "a@acme.test", "manager"), allowed},
		{"a manager creates a member", create(manager, "b@acme.test"), allowed},
		{"a manager cannot create an administrator", create(manager, "c@acme.test", "stytch_admin"), denied},
		{"an employee creates nobody", create(employee, "d@acme.test"), denied},
		{"another organization's CEO creates nobody", create(foreign, "e@acme.test"), tenancy},
		{"a manager searches", search(manager), allowed},
		{"an employee does not search", search(employee), denied},
		{"another organization's CEO does not search", search(foreign), tenancy},
		{"a manager invites", invite(manager, "f@acme.test"), allowed},
		{"an employee does not invite", invite(employee, "g@acme.test"), denied},
		{"an employee changes their own name", update(employee, devidptest.Emma, members.UpdateParams{Name: "Emma E."}), allowed},
		{"an employee does not change another's name", update(employee, devidptest.Max, members.UpdateParams{Name: "Max M."}), denied},
		{"an employee does not raise their own role", update(employee, devidptest.Emma, members.UpdateParams{Roles: &[]string{"stytch_admin"}}), denied},
		{"an employee does not change their own address", update(employee, devidptest.Emma, members.UpdateParams{EmailAddress: "boss@acme.test"}), denied},
		{"a manager does not change roles", update(manager, devidptest.Emma, members.UpdateParams{Roles: &[]string{"manager"}}), denied},
		{"a CEO changes roles", update(ceo, devidptest.Emma, members.UpdateParams{Roles: &[]string{}}), allowed},
		{"a CEO does not write trusted metadata", update(ceo, devidptest.Emma, members.UpdateParams{TrustedMetadata: map[string]any{"a": 1}}), denied},
		{"another organization's CEO changes nobody", update(foreign, devidptest.Emma, members.UpdateParams{Name: "x"}), tenancy},
		{"a CEO renames the organization", rename(ceo), allowed},
		{"a manager does not rename it", rename(manager), denied},
		{"a CEO sees the SSO connections", connections(ceo), allowed},
		{"an employee does not", connections(employee), denied},
		{"an employee does not end another's sessions", revoke(employee, devidptest.Ada), denied},
		{"another organization's CEO ends no sessions", revoke(foreign, devidptest.Ada), tenancy},
		{"an employee ends their own", revoke(employee, devidptest.Emma), allowed},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == allowed {
				ok(t, test.err)
				return
			}
			wantError(t, test.err, http.StatusForbidden, test.want)
		})
	}
	_, err := m.Search(t.Context(), &members.SearchParams{OrganizationIds: []string{devidptest.Acme}}, &members.SearchRequestOptions{Authorization: employee})
	wantError(t, err, http.StatusNotFound, "session_not_found") // It was ended above.
}

func TestAnInvitedPersonJoinsByTheLink(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	invited, err := api.MagicLinks.Email.Invite(t.Context(), &email.InviteParams{
		OrganizationID: devidptest.Globex, EmailAddress: "ivy@elsewhere.test", Name: "Ivy Ito", Roles: []string{"manager"},
		InviteRedirectURL: s.RedirectOrigin + "/landing?from=mail", InvitedByMemberID: devidptest.Gina,
	})
	ok(t, err)
	if invited.Member.Status != "invited" {
		t.Errorf("invited %+v", invited.Member)
	}
	link, err := url.Parse(s.Link("ivy@elsewhere.test"))
	ok(t, err)
	query := link.Query()
	if link.Path != "/landing" || query.Get("from") != "mail" || query.Get("stytch_token_type") != "multi_tenant_magic_links" {
		t.Errorf("the link is %s", link)
	}
	params := &magiclinks.AuthenticateParams{MagicLinksToken: query.Get("token")}
	joined, err := api.MagicLinks.Authenticate(t.Context(), params)
	ok(t, err)
	if joined.MemberID != invited.MemberID || joined.Member.Status != "active" || !joined.Member.EmailAddressVerified || joined.SessionJWT == "" {
		t.Errorf("joined as %+v", joined.Member)
	}
	_, err = api.MagicLinks.Authenticate(t.Context(), params)
	wantError(t, err, http.StatusUnauthorized, "unable_to_auth_magic_link")
	_, err = api.MagicLinks.Authenticate(t.Context(), &magiclinks.AuthenticateParams{MagicLinksToken: "nonsense"})
	wantError(t, err, http.StatusNotFound, "magic_link_not_found")
	_, err = api.MagicLinks.Email.Invite(t.Context(), &email.InviteParams{OrganizationID: devidptest.Globex, EmailAddress: "ivy@elsewhere.test"})
	wantError(t, err, http.StatusBadRequest, "duplicate_member_email")
}

func TestAnInvitedPersonAlsoJoinsByACode(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	_, err := api.MagicLinks.Email.Invite(t.Context(), &email.InviteParams{OrganizationID: devidptest.Globex, EmailAddress: "ivy@elsewhere.test"})
	ok(t, err)
	if found := prove(t, s, api, "ivy@elsewhere.test").DiscoveredOrganizations; len(found) != 1 || found[0].Membership.Type != "invited_member" {
		t.Errorf("discovered %+v", found)
	}
	if session := signIn(t, s, api, "ivy@elsewhere.test", devidptest.Globex); session.Member.Status != "active" {
		t.Errorf("joined as %+v", session.Member)
	}
}

func TestInvitationsAreRefused(t *testing.T) {
	t.Parallel()
	_, api := start(t, devidp.Config{})
	_, err := api.MagicLinks.Email.Invite(t.Context(), &email.InviteParams{OrganizationID: devidptest.Acme, EmailAddress: "x@acme.test", InviteRedirectURL: "http://evil.test/landing"})
	wantError(t, err, http.StatusBadRequest, "no_match_for_provided_magic_link_url")
	_, err = api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, EmailInvites: "RESTRICTED"})
	ok(t, err)
	_, err = api.MagicLinks.Email.Invite(t.Context(), &email.InviteParams{OrganizationID: devidptest.Acme, EmailAddress: "x@elsewhere.test"})
	wantError(t, err, http.StatusBadRequest, "invalid_email_for_invites")
}

func TestBothPolicyAPIsShowOnePolicy(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	before, err := api.RBAC.Policy(t.Context(), &rbac.PolicyParams{})
	ok(t, err)
	if p := before.Policy; len(p.Roles) != 3 || len(p.Resources) != 2 || len(p.Scopes) != 4 || len(p.Resources[0].Actions) != 4 {
		t.Errorf("the policy is %+v", p)
	}
	address := s.URL + "/v1/projects/" + s.ProjectID + "/rbac_policy"
	basic := "Authorization: Basic " + basicAuth(s.WorkspaceKeyID, s.WorkspaceKeySecret)
	got := do(t, http.MethodGet, address, "", basic)
	var managed struct {
		Policy map[string]any `json:"policy"`
	}
	ok(t, json.Unmarshal([]byte(got.body), &managed))
	roles := managed.Policy["custom_roles"].([]any)
	managed.Policy["custom_roles"] = append(roles, map[string]any{
		"role_id": "auditor", "description": "Reads.", "permissions": []any{map[string]any{"resource_id": "objective", "actions": []string{"read"}}},
	})
	body, err := json.Marshal(managed)
	ok(t, err)
	if put := do(t, http.MethodPut, address, string(body), basic, "Content-Type: application/json"); put.status != http.StatusOK {
		t.Fatalf("replacing the policy: %d %s", put.status, put.body)
	}
	after, err := api.RBAC.Policy(t.Context(), &rbac.PolicyParams{})
	ok(t, err)
	if r := after.Policy.Roles; len(r) != 4 || r[3].RoleID != "auditor" {
		t.Errorf("after the change the roles are %+v", r)
	}

	for name, test := range map[string]struct {
		url, body, auth string
		status          int
	}{
		"the project's secret is no workspace key": {address, "{}", "Authorization: Basic " + basicAuth(s.ProjectID, s.Secret), http.StatusUnauthorized},
		"another project is not found":             {s.URL + "/v1/projects/project-test-other/rbac_policy", "{}", basic, http.StatusNotFound},
		"no policy is not an empty one":            {address, "{}", basic, http.StatusBadRequest},
		"a permission on an unknown resource":      {address, `{"policy":{"stytch_member":{"permissions":[{"resource_id":"car","actions":["*"]}]}}}`, basic, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			if got := do(t, http.MethodPut, test.url, test.body, test.auth, "Content-Type: application/json"); got.status != test.status {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}
