package authz_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Short names for the reasons that tests of administration are about.
const (
	denied            = accessv1.ErrorReason_ERROR_REASON_STYTCH_DENIED
	memberMissing     = accessv1.ErrorReason_ERROR_REASON_MEMBER_NOT_FOUND
	memberExists      = accessv1.ErrorReason_ERROR_REASON_MEMBER_EXISTS
	memberActive      = accessv1.ErrorReason_ERROR_REASON_MEMBER_ACTIVE
	memberRemoved     = accessv1.ErrorReason_ERROR_REASON_MEMBER_DEACTIVATED
	ownAccount        = accessv1.ErrorReason_ERROR_REASON_OWN_ACCOUNT
	lastAdministrator = accessv1.ErrorReason_ERROR_REASON_LAST_ADMINISTRATOR
	noWayToSignIn     = accessv1.ErrorReason_ERROR_REASON_NO_WAY_TO_SIGN_IN
	connectionMissing = accessv1.ErrorReason_ERROR_REASON_SSO_CONNECTION_NOT_FOUND
)

// as is a context for calls by a member in person.
func (w *world) as(email, organization string) context.Context {
	w.t.Helper()
	return w.with(w.signIn(email, organization))
}

// roles is an update that gives a member exactly these roles.
func roles(member string, ids ...string) *authzv1.UpdateMemberRequest {
	return &authzv1.UpdateMemberRequest{
		Member: &authzv1.MemberAccount{MemberId: member, Roles: ids}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"roles"}},
	}
}

func rename(member, name string) *authzv1.UpdateMemberRequest {
	return &authzv1.UpdateMemberRequest{Member: &authzv1.MemberAccount{MemberId: member, DisplayName: name}}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Each persona against each method. What a role lacks is named, with the roles that have it.
func TestTheAccessRulesDecideWhoAdministers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	people := map[string]context.Context{
		"CEO": w.as(devidptest.AdaEmail, devidptest.Acme), "manager": w.as(devidptest.MaxEmail, devidptest.Acme),
		"employee": w.as(devidptest.EmmaEmail, devidptest.Acme),
	}
	call := func(f func(ctx context.Context) error) func(context.Context) error { return f }
	for _, test := range []struct {
		name, permission, roles string
		call                    func(context.Context) error
		manager, employee       bool
	}{
		{"searching members", "stytch.member:search", "manager stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.SearchMembers(ctx, &authzv1.SearchMembersRequest{})
			return err
		}), true, false},
		{"getting a member", "stytch.member:search", "manager stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.GetMember(ctx, &authzv1.GetMemberRequest{MemberId: devidptest.Emma})
			return err
		}), true, false},
		{"inviting without a role", "stytch.member:create", "manager stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.InviteMember(ctx, &authzv1.InviteMemberRequest{EmailAddress: fmt.Sprintf("n%d@acme.test", w.proxy.total(""))})
			return err
		}), true, false},
		{"inviting with a role", "stytch.member:update.settings.roles", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.InviteMember(ctx, &authzv1.InviteMemberRequest{EmailAddress: "boss@acme.test", Roles: []string{"stytch_admin"}})
			return err
		}), false, false},
		{"changing another's name", "stytch.member:update.info.name", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.UpdateMember(ctx, rename(devidptest.Ada, "Ada A."))
			return err
		}), false, false},
		{"changing another's roles", "stytch.member:update.settings.roles", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.UpdateMember(ctx, roles(devidptest.Emma))
			return err
		}), false, false},
		{"removing a member", "stytch.member:delete", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.DeactivateMember(ctx, &authzv1.DeactivateMemberRequest{MemberId: "member-test-nobody"})
			return err
		}), false, false},
		{"bringing a member back", "stytch.member:create", "manager stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.ReactivateMember(ctx, &authzv1.ReactivateMemberRequest{MemberId: "member-test-nobody"})
			return err
		}), true, false},
		{"inviting again", "stytch.member:create", "manager stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.ResendInvitation(ctx, &authzv1.ResendInvitationRequest{MemberId: "member-test-nobody"})
			return err
		}), true, false},
		{"renaming the organization", "stytch.organization:update.info.name", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.UpdateOrganization(ctx, &authzv1.UpdateOrganizationRequest{Organization: &authzv1.Organization{DisplayName: "Acme"}})
			return err
		}), false, false},
		{"seeing the sign-in settings", "stytch.organization:update.settings.allowed-auth-methods", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.GetSignInSettings(ctx, &authzv1.GetSignInSettingsRequest{})
			return err
		}), false, false},
		{"changing the invitation rule", "stytch.organization:update.settings.email-invites", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.UpdateSignInSettings(ctx, &authzv1.UpdateSignInSettingsRequest{
				SignInSettings: &authzv1.SignInSettings{EmailInvites: authzv1.Admission_ADMISSION_ALL_ALLOWED},
			})
			return err
		}), false, false},
		{"listing connections", "stytch.sso:get", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.ListSsoConnections(ctx, &authzv1.ListSsoConnectionsRequest{})
			return err
		}), false, false},
		{"creating a connection", "stytch.sso:create", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.CreateSsoConnection(ctx, &authzv1.CreateSsoConnectionRequest{
				Kind: authzv1.SsoConnectionKind_SSO_CONNECTION_KIND_OIDC, DisplayName: "x",
			})
			return err
		}), false, false},
		{"changing a connection", "stytch.sso:update", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.UpdateSsoConnection(ctx, &authzv1.UpdateSsoConnectionRequest{
				SsoConnection: &authzv1.SsoConnection{Id: devidptest.AcmeConnection, DisplayName: "x"},
			})
			return err
		}), false, false},
		{"listing connected applications", "stytch.organization:get.connected-apps", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.ListMemberConnectedApps(ctx, &authzv1.ListMemberConnectedAppsRequest{})
			return err
		}), false, false},
		{"disconnecting an application", "stytch.member:revoke.connected-app", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.RevokeMemberConnectedApp(ctx, &authzv1.RevokeMemberConnectedAppRequest{MemberId: "member-test-nobody", ClientId: "none"})
			return err
		}), false, false},
		{"listing a member's sessions", "stytch.member:revoke-sessions", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.ListMemberSessions(ctx, &authzv1.ListMemberSessionsRequest{MemberId: "member-test-nobody"})
			return err
		}), false, false},
		{"ending a session", "stytch.member:revoke-sessions", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.RevokeMemberSession(ctx, &authzv1.RevokeMemberSessionRequest{MemberId: "member-test-nobody", MemberSessionId: "none"})
			return err
		}), false, false},
		{"ending all sessions", "stytch.member:revoke-sessions", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.RevokeAllMemberSessions(ctx, &authzv1.RevokeAllMemberSessionsRequest{MemberId: "member-test-nobody"})
			return err
		}), false, false},
		{"deleting a connection", "stytch.sso:delete", "stytch_admin", call(func(ctx context.Context) error {
			_, err := w.organization.DeleteSsoConnection(ctx, &authzv1.DeleteSsoConnectionRequest{SsoConnectionId: "none"})
			return err
		}), false, false},
	} {
		for person, allowed := range map[string]bool{"CEO": true, "manager": test.manager, "employee": test.employee} {
			t.Run(test.name+" as "+person, func(t *testing.T) {
				err := test.call(people[person])
				if allowed {
					if reason := rpcerr.ReasonOf(err); err != nil && reason != memberMissing && reason != connectionMissing {
						t.Fatal(err)
					}
					return
				}
				expect(t, err, denied)
				want := map[string]string{"permission": test.permission, "roles": test.roles}
				if person == "employee" && test.name == "inviting with a role" {
					want = map[string]string{"permission": "stytch.member:create", "roles": "manager stytch_admin"}
				}
				if got := rpcerr.InfoOf(err).GetMetadata(); got["permission"] != want["permission"] || got["roles"] != want["roles"] {
					t.Errorf("the refusal says %v, want %v", got, want)
				}
			})
		}
	}
}

// The roles of the caller that authz knows and the policy that it has may be out of date; Stytch's are not.
func TestStytchHasTheLastWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	manager := w.as(devidptest.MaxEmail, devidptest.Acme)
	_, err := w.organization.SearchMembers(manager, &authzv1.SearchMembersRequest{})
	ok(t, err)
	w.stytch("PUT", acmeMembers+devidptest.Max, map[string]any{"roles": []string{}})
	asked := w.proxy.total("POST /v1/b2b/organizations/members/search")
	_, err = w.organization.SearchMembers(manager, &authzv1.SearchMembersRequest{})
	expect(t, err, denied)
	if n := w.proxy.total("POST /v1/b2b/organizations/members/search") - asked; n != 1 {
		t.Errorf("Stytch was asked %d times", n)
	}
	if got := rpcerr.InfoOf(err).GetMetadata()["permission"]; got != "stytch.member:search" {
		t.Errorf("the refusal names %q", got)
	}
	_, err = w.organization.SearchMembers(manager, &authzv1.SearchMembersRequest{})
	expect(t, err, denied)
	if n := w.proxy.total("POST /v1/b2b/organizations/members/search") - asked; n != 1 {
		t.Errorf("what Stytch said was forgotten: it was asked %d times", n)
	}
}

func TestAnotherOrganizationsMembersDoNotExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	app := w.register("An agent", callback)
	w.connect(w.signIn(devidptest.GusEmail, devidptest.Globex), request(app))
	w.connect(w.signIn(devidptest.EmmaEmail, devidptest.Acme), request(app))
	for name, call := range map[string]func(id string) error{
		"getting": func(id string) error {
			_, err := w.organization.GetMember(ada, &authzv1.GetMemberRequest{MemberId: id})
			return err
		},
		"renaming": func(id string) error {
			_, err := w.organization.UpdateMember(ada, rename(id, "X"))
			return err
		},
		"changing roles": func(id string) error {
			_, err := w.organization.UpdateMember(ada, roles(id, "stytch_admin"))
			return err
		},
		"removing": func(id string) error {
			_, err := w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: id})
			return err
		},
		"bringing back": func(id string) error {
			_, err := w.organization.ReactivateMember(ada, &authzv1.ReactivateMemberRequest{MemberId: id})
			return err
		},
		"disconnecting an application": func(id string) error {
			_, err := w.organization.RevokeMemberConnectedApp(ada, &authzv1.RevokeMemberConnectedAppRequest{MemberId: id, ClientId: app})
			return err
		},
		"listing sessions": func(id string) error {
			_, err := w.organization.ListMemberSessions(ada, &authzv1.ListMemberSessionsRequest{MemberId: id})
			return err
		},
		"ending sessions": func(id string) error {
			_, err := w.organization.RevokeAllMemberSessions(ada, &authzv1.RevokeAllMemberSessionsRequest{MemberId: id})
			return err
		},
		"inviting again": func(id string) error {
			_, err := w.organization.ResendInvitation(ada, &authzv1.ResendInvitationRequest{MemberId: id})
			return err
		},
	} {
		for which, id := range map[string]string{"another's member": devidptest.Gus, "nobody": "member-test-nobody", "a path": "../" + devidptest.Emma} {
			t.Run(name+" "+which, func(t *testing.T) { expect(t, call(id), memberMissing) })
		}
	}
	gina := w.as(devidptest.GinaEmail, devidptest.Globex)
	got, err := w.organization.GetMember(gina, &authzv1.GetMemberRequest{MemberId: devidptest.Gus})
	ok(t, err)
	if got.GetDisplayName() != "Gus Grünwald" || len(got.GetRoles()) != 0 || got.GetStatus() != authzv1.MemberStatus_MEMBER_STATUS_ACTIVE {
		t.Errorf("Gus is now %v", got)
	}
}

func TestAChangeOfRolesTakesEffectWithTheNextCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	max := w.signIn(devidptest.MaxEmail, devidptest.Acme)
	agent := w.idp.MintAgent(devidptest.Max, "manage:krs")
	for _, req := range []*authzv1.AuthenticateRequest{bySession(max), bySessionJWT(max)} {
		if got := permits(w.authenticate(req).GetPrincipal()); got != asManager {
			t.Fatalf("before, Max may %q", got)
		}
	}
	w.authenticate(byAccessToken(agent.AccessToken))

	changed, err := w.organization.UpdateMember(ada, roles(devidptest.Max))
	ok(t, err)
	if len(changed.GetRoles()) != 0 || len(changed.GetEffectiveRoles()) != 1 {
		t.Errorf("Max has %v", changed)
	}
	for _, req := range []*authzv1.AuthenticateRequest{bySession(max), bySessionJWT(max)} {
		if got := permits(w.authenticate(req).GetPrincipal()); got != asEmployee {
			t.Errorf("after, Max may %q", got)
		}
	}
	if got := permits(w.authenticate(byAccessToken(agent.AccessToken)).GetPrincipal()); got != "key_result:read key_result:update" {
		t.Errorf("after, the agent may %q", got)
	}

	_, err = w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: devidptest.Max})
	ok(t, err)
	for _, req := range []*authzv1.AuthenticateRequest{bySession(max), bySessionJWT(max), byAccessToken(agent.AccessToken)} {
		w.refuse(req, invalid)
	}
}

// Where the answer to a change got lost, what is known from before does not serve on.
func TestAChangeWhoseAnswerGotLostTakesEffectAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	max := w.signIn(devidptest.MaxEmail, devidptest.Acme)
	w.authenticate(bySession(max))
	w.proxy.behave(acmeMembers+devidptest.Max, func(rw http.ResponseWriter, r *http.Request) {
		w.stytch("PUT", r.URL.Path, map[string]any{"roles": []string{}})
		hangUp(rw, r)
	})
	_, err := w.organization.UpdateMember(ada, roles(devidptest.Max))
	expect(t, err, unavailable)
	w.proxy.behave("", nil)
	if got := permits(w.authenticate(bySession(max)).GetPrincipal()); got != asEmployee {
		t.Errorf("after, Max may %q", got)
	}
}

func TestNobodyChangesTheirOwnAccountByMistake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, emma := w.as(devidptest.AdaEmail, devidptest.Acme), w.as(devidptest.EmmaEmail, devidptest.Acme)
	_, err := w.organization.UpdateMember(ada, roles(devidptest.Ada))
	expect(t, err, ownAccount)
	_, err = w.organization.UpdateMember(ada, roles(devidptest.Ada, "stytch_admin", "manager"))
	expect(t, err, ownAccount)
	_, err = w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: devidptest.Ada})
	expect(t, err, ownAccount)

	// A form that sends everything, the roles as they are among it, changes the name alone.
	named, err := w.organization.UpdateMember(ada, &authzv1.UpdateMemberRequest{
		Member:     &authzv1.MemberAccount{MemberId: devidptest.Ada, DisplayName: "Ada A.", Roles: []string{"stytch_member", "stytch_admin"}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}},
	})
	ok(t, err)
	if named.GetDisplayName() != "Ada A." || !slices.Equal(named.GetRoles(), []string{"stytch_admin"}) {
		t.Errorf("Ada is now %v", named)
	}
	// One's own name is one's own affair.
	named, err = w.organization.UpdateMember(emma, rename(devidptest.Emma, "Emma E."))
	ok(t, err)
	if named.GetDisplayName() != "Emma E." {
		t.Errorf("Emma is now %v", named)
	}
	_, err = w.organization.UpdateMember(emma, roles(devidptest.Emma, "stytch_admin"))
	expect(t, err, denied)
}

// letManagersDo gives managers every right on members, so that somebody who is no administrator could remove the last one,
// and starts an authz that knows it from the beginning.
func (w *world) letManagersDo(resource string) {
	w.t.Helper()
	path := "/v1/projects/" + w.idp.ProjectID + "/rbac_policy"
	var managed struct {
		Policy map[string]any `json:"policy"`
	}
	w.stytchAs(w.idp.WorkspaceKeyID, w.idp.WorkspaceKeySecret, "GET", path, nil, &managed)
	for _, role := range managed.Policy["custom_roles"].([]any) {
		role := role.(map[string]any)
		role["permissions"] = append(role["permissions"].([]any), map[string]any{"resource_id": resource, "actions": []string{"*"}})
	}
	w.stytchAs(w.idp.WorkspaceKeyID, w.idp.WorkspaceKeySecret, "PUT", path, managed, nil)
	w.start(nil)
}

func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.letManagersDo("stytch.member")
	manager := w.as(devidptest.MaxEmail, devidptest.Acme)
	remove := &authzv1.DeactivateMemberRequest{MemberId: devidptest.Ada}
	_, err := w.organization.UpdateMember(manager, roles(devidptest.Ada, "manager"))
	expect(t, err, lastAdministrator)
	_, err = w.organization.DeactivateMember(manager, remove)
	expect(t, err, lastAdministrator)

	// An administrator who has never signed in is not one who could take over.
	_, err = w.organization.InviteMember(manager, &authzv1.InviteMemberRequest{EmailAddress: "next@acme.test", Roles: []string{"stytch_admin"}})
	ok(t, err)
	_, err = w.organization.DeactivateMember(manager, remove)
	expect(t, err, lastAdministrator)

	// Searching lags behind: what it finds counts only if it is an administrator still.
	w.proxy.behave("/v1/b2b/organizations/members/search", answering(http.StatusOK, `{"status_code":200,"members":[{"organization_id":"`+
		devidptest.Acme+`","member_id":"`+devidptest.Emma+`","status":"active","roles":[{"role_id":"stytch_member"}]}]}`))
	_, err = w.organization.DeactivateMember(manager, remove)
	expect(t, err, lastAdministrator)
	w.proxy.behave("", nil)

	_, err = w.organization.UpdateMember(manager, roles(devidptest.Emma, "stytch_admin"))
	ok(t, err)
	_, err = w.organization.DeactivateMember(manager, remove)
	ok(t, err)
	_, err = w.organization.UpdateMember(manager, roles(devidptest.Emma))
	expect(t, err, lastAdministrator)
}

func TestTwoAdministratorsWhoAreDemotedAtTheSameTimeLeaveOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.letManagersDo("stytch.member")
	w.stytch("PUT", acmeMembers+devidptest.Emma, map[string]any{"roles": []string{"stytch_admin"}})
	manager := w.as(devidptest.MaxEmail, devidptest.Acme)
	targets := []string{devidptest.Ada, devidptest.Emma}
	// Each answer that there is another administrator is held back until there is one to the other, too, or that is long
	// overdue: they must not be decided side by side.
	var both atomic.Int32
	met := make(chan struct{})
	w.proxy.afterwards("/v1/b2b/organizations/members/search", func() {
		if int(both.Add(1)) == len(targets) {
			close(met)
		}
		select {
		case <-met:
		case <-time.After(time.Second):
		}
	})
	results := make(chan error, len(targets))
	for _, target := range targets {
		go func() {
			_, err := w.organization.UpdateMember(manager, roles(target))
			results <- err
		}()
	}
	succeeded := 0
	for range targets {
		switch err := <-results; {
		case err == nil:
			succeeded++
		case rpcerr.ReasonOf(err) != lastAdministrator:
			t.Error(err)
		}
	}
	if succeeded != 1 {
		t.Errorf("%d of the two succeeded", succeeded)
	}
}

func TestInvitedMembersEnterByTheirLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, manager := w.as(devidptest.AdaEmail, devidptest.Acme), w.as(devidptest.MaxEmail, devidptest.Acme)
	before, err := w.organization.ListMembers(ada, &authzv1.ListMembersRequest{})
	ok(t, err)
	invited, err := w.organization.InviteMember(ada, &authzv1.InviteMemberRequest{EmailAddress: "Nora@acme.test", DisplayName: "Nora North", Roles: []string{"manager"}})
	ok(t, err)
	if invited.GetStatus() != authzv1.MemberStatus_MEMBER_STATUS_INVITED || invited.GetDisplayName() != "Nora North" || !slices.Equal(invited.GetRoles(), []string{"manager"}) {
		t.Errorf("invited %v", invited)
	}
	after, err := w.organization.ListMembers(ada, &authzv1.ListMembersRequest{})
	ok(t, err)
	if len(after.GetMembers()) != len(before.GetMembers())+1 {
		t.Errorf("the list of names still has %d members", len(after.GetMembers()))
	}

	_, err = w.organization.InviteMember(manager, &authzv1.InviteMemberRequest{EmailAddress: "nora@ACME.test"})
	expect(t, err, memberExists)
	if got := rpcerr.InfoOf(err).GetMetadata(); got["member_id"] != invited.GetMemberId() || got["status"] != "INVITED" {
		t.Errorf("the refusal says %v", got)
	}
	first := w.idp.Link("Nora@acme.test")
	_, err = w.organization.ResendInvitation(manager, &authzv1.ResendInvitationRequest{MemberId: invited.GetMemberId()})
	ok(t, err)
	second := w.idp.Link("Nora@acme.test")
	if first == second {
		t.Error("no second letter was sent")
	}

	link, err := url.Parse(second)
	ok(t, err)
	if !strings.HasPrefix(second, publicURL+"/authenticate?") {
		t.Errorf("the link leads to %s", second)
	}
	signIn, err := w.sessions.AuthenticateRedirect(t.Context(), &authzv1.AuthenticateRedirectRequest{
		TokenType: authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_MULTI_TENANT_MAGIC_LINKS, Token: link.Query().Get("token"),
	})
	ok(t, err)
	if p := signIn.GetSession().GetPrincipal(); p.GetMemberId() != invited.GetMemberId() || p.GetOrganizationId() != devidptest.Acme || permits(p) != asManager {
		t.Errorf("signed in as %v", p)
	}
	_, err = w.organization.ResendInvitation(manager, &authzv1.ResendInvitationRequest{MemberId: invited.GetMemberId()})
	expect(t, err, memberActive)
	_, err = w.organization.InviteMember(ada, &authzv1.InviteMemberRequest{EmailAddress: "nora@acme.test"})
	expect(t, err, memberExists)
	_, err = w.organization.InviteMember(ada, &authzv1.InviteMemberRequest{EmailAddress: "king@acme.test", Roles: []string{"king"}})
	expect(t, err, fieldInvalid)
	w.stytch("PUT", "/v1/b2b/organizations/"+devidptest.Acme, map[string]any{"email_invites": "RESTRICTED"})
	_, err = w.organization.InviteMember(ada, &authzv1.InviteMemberRequest{EmailAddress: "x@elsewhere.test"})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_INVITATION_NOT_ALLOWED)
}

func TestARemovedMemberComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada, manager := w.as(devidptest.AdaEmail, devidptest.Acme), w.as(devidptest.MaxEmail, devidptest.Acme)
	_, err := w.organization.ReactivateMember(ada, &authzv1.ReactivateMemberRequest{MemberId: devidptest.Emma})
	expect(t, err, memberActive)
	for _, id := range []string{devidptest.Emma, devidptest.Max} {
		removed, err := w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: id})
		ok(t, err)
		got, err := w.organization.GetMember(ada, &authzv1.GetMemberRequest{MemberId: id})
		ok(t, err)
		if removed.GetStatus() != authzv1.MemberStatus_MEMBER_STATUS_DELETED || removed.GetEtag() != got.GetEtag() {
			t.Errorf("removed %v, then got %v", removed, got)
		}
		_, err = w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: id})
		expect(t, err, memberRemoved)
		_, err = w.organization.UpdateMember(ada, rename(id, "X"))
		expect(t, err, memberRemoved)
		_, err = w.organization.ResendInvitation(ada, &authzv1.ResendInvitationRequest{MemberId: id})
		expect(t, err, memberRemoved)
	}
	_, err = w.organization.ReactivateMember(manager, &authzv1.ReactivateMemberRequest{MemberId: devidptest.Emma})
	expect(t, err, invalid) // Max is out as well
	back, err := w.organization.ReactivateMember(ada, &authzv1.ReactivateMemberRequest{MemberId: devidptest.Max})
	ok(t, err)
	if back.GetStatus() != authzv1.MemberStatus_MEMBER_STATUS_ACTIVE || !slices.Equal(back.GetRoles(), []string{"manager"}) {
		t.Errorf("back is %v", back)
	}
	// Who may add members may bring one back, but not with roles to which they could not have appointed anybody.
	manager = w.as(devidptest.MaxEmail, devidptest.Acme)
	_, err = w.organization.ReactivateMember(manager, &authzv1.ReactivateMemberRequest{MemberId: devidptest.Emma})
	ok(t, err)
	_, err = w.organization.UpdateMember(ada, roles(devidptest.Emma, "stytch_admin"))
	ok(t, err)
	_, err = w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: devidptest.Emma})
	ok(t, err)
	_, err = w.organization.ReactivateMember(manager, &authzv1.ReactivateMemberRequest{MemberId: devidptest.Emma})
	expect(t, err, denied)

	invited, err := w.organization.InviteMember(ada, &authzv1.InviteMemberRequest{EmailAddress: "nora@acme.test"})
	ok(t, err)
	_, err = w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: invited.GetMemberId()})
	ok(t, err)
	_, err = w.organization.ReactivateMember(ada, &authzv1.ReactivateMemberRequest{MemberId: invited.GetMemberId()})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_MEMBER_UNVERIFIED)
	// The address is free again.
	_, err = w.organization.InviteMember(ada, &authzv1.InviteMemberRequest{EmailAddress: "nora@acme.test"})
	ok(t, err)
}

func TestMembersAreFoundPageByPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	_, err := w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: devidptest.Emma})
	ok(t, err)
	invited, err := w.organization.InviteMember(ada, &authzv1.InviteMemberRequest{EmailAddress: "nora@acme.test"})
	ok(t, err)
	type statuses = []authzv1.MemberStatus
	for name, test := range map[string]struct {
		req  *authzv1.SearchMembersRequest
		want []string
	}{
		"everybody but the removed": {&authzv1.SearchMembersRequest{}, []string{devidptest.Ada, devidptest.Max, invited.GetMemberId()}},
		"one at a time":             {&authzv1.SearchMembersRequest{PageSize: 1}, []string{devidptest.Ada, devidptest.Max, invited.GetMemberId()}},
		"by part of the address":    {&authzv1.SearchMembersRequest{EmailContains: "AX@"}, []string{devidptest.Max}},
		"the invited":               {&authzv1.SearchMembersRequest{Statuses: statuses{authzv1.MemberStatus_MEMBER_STATUS_INVITED}}, []string{invited.GetMemberId()}},
		"the removed":               {&authzv1.SearchMembersRequest{Statuses: statuses{authzv1.MemberStatus_MEMBER_STATUS_DELETED}}, []string{devidptest.Emma}},
		"nobody":                    {&authzv1.SearchMembersRequest{EmailContains: "zebra"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for pages := 0; ; pages++ {
				page, err := w.organization.SearchMembers(ada, test.req)
				ok(t, err)
				if int(page.GetTotalSize()) != len(test.want) {
					t.Errorf("the total is %d", page.GetTotalSize())
				}
				for _, m := range page.GetMembers() {
					got = append(got, m.GetMemberId())
					if m.GetEmailAddress() == "" || m.GetEtag() == "" || m.GetCreateTime() == nil || m.GetUpdateTime() == nil || len(m.GetEffectiveRoles()) == 0 {
						t.Errorf("a member is incomplete: %v", m)
					}
				}
				if test.req.PageToken = page.GetNextPageToken(); test.req.PageToken == "" || pages > 9 {
					break
				}
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("found %v, want %v", got, test.want)
			}
		})
	}

	page, err := w.organization.SearchMembers(ada, &authzv1.SearchMembersRequest{PageSize: 1})
	ok(t, err)
	names, err := w.organization.ListMembers(ada, &authzv1.ListMembersRequest{PageSize: 1})
	ok(t, err)
	const tokenInvalid = accessv1.ErrorReason_ERROR_REASON_PAGE_TOKEN_INVALID
	for name, req := range map[string]*authzv1.SearchMembersRequest{
		"another search's":  {PageToken: page.GetNextPageToken(), EmailContains: "acme"},
		"the list of names": {PageToken: names.GetNextPageToken()},
		"nobody's":          {PageToken: "AAAA"},
	} {
		t.Run("a page token of "+name, func(t *testing.T) {
			_, err := w.organization.SearchMembers(ada, req)
			expect(t, err, tokenInvalid)
		})
	}
	_, err = w.organization.SearchMembers(w.as(devidptest.GinaEmail, devidptest.Globex), &authzv1.SearchMembersRequest{PageToken: page.GetNextPageToken()})
	expect(t, err, tokenInvalid)
}

func TestRolesTellWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	w.stytch("PUT", "/v1/b2b/organizations/"+devidptest.Acme, map[string]any{
		"rbac_email_implicit_role_assignments": []map[string]string{{"domain": "acme.test", "role_id": "manager"}},
	})
	got, err := w.organization.GetMember(ada, &authzv1.GetMemberRequest{MemberId: devidptest.Max})
	ok(t, err)
	var text []string
	for _, r := range got.GetEffectiveRoles() {
		for _, s := range r.GetSources() {
			text = append(text, strings.TrimSpace(r.GetRoleId()+" "+s.GetKind().String()+" "+s.GetDetail()))
		}
	}
	want := []string{"manager KIND_DIRECT", "manager KIND_EMAIL_DOMAIN acme.test", "stytch_member KIND_IMPLICIT"}
	if !slices.Equal(text, want) || !slices.Equal(got.GetRoles(), []string{"manager"}) {
		t.Errorf("the roles are %v, directly %v; want %v", text, got.GetRoles(), want)
	}
}

func TestAMemberIsNotChangedFromAStateThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	old, err := w.organization.GetMember(ada, &authzv1.GetMemberRequest{MemberId: devidptest.Emma})
	ok(t, err)
	fresh, err := w.organization.UpdateMember(ada, rename(devidptest.Emma, "Emma E."))
	ok(t, err)
	if fresh.GetEtag() == old.GetEtag() {
		t.Error("the etag did not change")
	}
	const mismatch = accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH
	stale := rename(devidptest.Emma, "Emma X.")
	stale.Member.Etag = old.GetEtag()
	_, err = w.organization.UpdateMember(ada, stale)
	expect(t, err, mismatch)
	if got := rpcerr.InfoOf(err).GetMetadata()["etag"]; got != fresh.GetEtag() {
		t.Errorf("the refusal names %q", got)
	}
	_, err = w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: devidptest.Emma, Etag: old.GetEtag()})
	expect(t, err, mismatch)
	_, err = w.organization.DeactivateMember(ada, &authzv1.DeactivateMemberRequest{MemberId: devidptest.Emma, Etag: fresh.GetEtag()})
	ok(t, err)
}

func TestUpdatesOfMembersThatSayNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	for name, req := range map[string]*authzv1.UpdateMemberRequest{
		"no field":                        {Member: &authzv1.MemberAccount{MemberId: devidptest.Emma}},
		"an unknown field":                {Member: &authzv1.MemberAccount{MemberId: devidptest.Emma}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"shoe_size"}}},
		"only a read-only one":            {Member: &authzv1.MemberAccount{MemberId: devidptest.Emma, EmailAddress: "x@acme.test"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"email_address"}}},
		"a wildcard and a path":           {Member: &authzv1.MemberAccount{MemberId: devidptest.Emma}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*", "roles"}}},
		"a name of nothing":               {Member: &authzv1.MemberAccount{MemberId: devidptest.Emma}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}},
		"a name with a control character": rename(devidptest.Emma, "Emma\u202e"),
		"an unknown role":                 roles(devidptest.Emma, "king"),
		"a role twice":                    roles(devidptest.Emma, "manager", "manager"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.organization.UpdateMember(ada, req)
			expect(t, err, fieldInvalid)
		})
	}
}

func TestAdministrationWhileStytchIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	_, err := w.organization.SearchMembers(ada, &authzv1.SearchMembersRequest{})
	ok(t, err)
	w.proxy.behave("/v1/b2b/organizations", hangUp)
	_, err = w.organization.SearchMembers(ada, &authzv1.SearchMembersRequest{})
	expect(t, err, unavailable)
	_, err = w.organization.UpdateMember(ada, rename(devidptest.Emma, "X"))
	expect(t, err, unavailable)
	w.proxy.behave("/v1/b2b/organizations", answering(http.StatusOK, `{"status_code":200}`))
	_, err = w.organization.UpdateMember(ada, rename(devidptest.Emma, "X"))
	expect(t, err, unavailable) // an answer about nobody is none
}

func TestWhatMayBeDoneIsKnownBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	granted := func(email string) (out []string) {
		access, err := w.organization.GetAdministrationAccess(w.as(email, devidptest.Acme), &authzv1.GetAdministrationAccessRequest{})
		ok(t, err)
		for _, p := range access.GetPermissions() {
			if p.GetGranted() {
				out = append(out, p.GetPermission())
			}
			if p.GetPermission() == "stytch.member:create" && !slices.Equal(p.GetRoles(), []string{"manager", "stytch_admin"}) {
				t.Errorf("members are created by %v", p.GetRoles())
			}
		}
		slices.Sort(out)
		return out
	}
	if got := granted(devidptest.AdaEmail); len(got) != 29 {
		t.Errorf("the CEO may %v", got)
	}
	if got, want := granted(devidptest.MaxEmail), []string{"stytch.member:create", "stytch.member:search", "stytch.self:revoke-sessions", "stytch.self:update.info.name"}; !slices.Equal(got, want) {
		t.Errorf("the manager may %v, want %v", got, want)
	}
	if got, want := granted(devidptest.EmmaEmail), []string{"stytch.self:revoke-sessions", "stytch.self:update.info.name"}; !slices.Equal(got, want) {
		t.Errorf("the employee may %v, want %v", got, want)
	}
	roles, err := w.organization.ListRoles(w.as(devidptest.EmmaEmail, devidptest.Acme), &authzv1.ListRolesRequest{})
	ok(t, err)
	var text []string
	for _, r := range roles.GetRoles() {
		text = append(text, fmt.Sprintf("%s %s %t %t", r.GetRoleId(), r.GetDisplayName(), r.GetImplicit(), r.GetAdministrator()))
		if r.GetDescription() == "" {
			t.Errorf("%s has no description", r.GetRoleId())
		}
	}
	if want := []string{"stytch_member Employee true false", "stytch_admin CEO false true", "manager Manager false false"}; !slices.Equal(text, want) {
		t.Errorf("the roles are %q", text)
	}
}

func TestAgentsDoNotAdminister(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	agent := w.idp.MintAgent(devidptest.Ada, "manage:objectives", "manage:krs")
	ctx := kittest.With(t.Context(), "authorization", "Bearer "+agent.AccessToken)
	_, err := w.organization.SearchMembers(ctx, &authzv1.SearchMembersRequest{})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED)
	_, err = w.organization.DeactivateMember(ctx, &authzv1.DeactivateMemberRequest{MemberId: devidptest.Emma})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED)
	_, err = w.organization.ListMemberConnectedApps(ctx, &authzv1.ListMemberConnectedAppsRequest{})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED)
	_, err = w.organization.RevokeMemberConnectedApp(ctx, &authzv1.RevokeMemberConnectedAppRequest{MemberId: devidptest.Ada, ClientId: agent.ClientID})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED)
	_, err = w.organization.ListMemberSessions(ctx, &authzv1.ListMemberSessionsRequest{MemberId: devidptest.Ada})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED)
	_, err = w.organization.RevokeAllMemberSessions(ctx, &authzv1.RevokeAllMemberSessionsRequest{MemberId: devidptest.Ada})
	expect(t, err, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED)
	// The same person in person, by a bearer token.
	jwt := w.signIn(devidptest.AdaEmail, devidptest.Acme).GetSessionJwt()
	_, err = w.organization.SearchMembers(kittest.With(t.Context(), "authorization", "Bearer "+jwt), &authzv1.SearchMembersRequest{})
	ok(t, err)
}
