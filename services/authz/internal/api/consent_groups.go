package api

import (
	"cmp"
	"slices"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// consentGroups says in sentences what scopes allow, by what the access policy says of each and not by its name: a project
// may have changed what a scope means, and added scopes. email is the member's; "" where it is not to be told. Every scope
// has at least one sentence.
func consentGroups(scopes []string, table *policy.Table, descriptions map[string]string, email string) []*authzv1.ConsentGroup {
	account := &authzv1.ConsentGroup{Id: "account", Title: "View your account information"}
	objectives := &authzv1.ConsentGroup{Id: "objectives", Title: "Access your objectives"}
	keyResults := &authzv1.ConsentGroup{Id: "key_results", Title: "Access your key results"}
	other := &authzv1.ConsentGroup{Id: "other", Title: "Something else"}
	offline := &authzv1.ConsentGroup{Id: "offline", Title: "Stay connected"}

	for _, scope := range scopes {
		switch scope {
		case scopeOpenID:
			add(account, "Your member and organization IDs", scope)
		case scopeProfile:
			add(account, "Your name", scope)
		case scopeEmail:
			text := "Your email address"
			if email != "" {
				text += " (" + email + ")"
			}
			add(account, text, scope)
		case scopePhone:
			add(account, "Your phone number", scope)
		case scopeOfflineAccess:
			add(offline, "Keep this access while you are away, until you disconnect it", scope)
		default:
			if len(table.ScopePermissions([]string{scope})) == 0 { // a scope that the project has for something that is not ours
				add(other, cmp.Or(descriptions[scope], "The scope "+scope), scope)
			}
		}
	}
	for _, a := range allowances() {
		group := objectives
		if a.resource == access.ResourceKeyResult {
			group = keyResults
		}
		for _, scope := range scopes {
			if slices.ContainsFunc(table.ScopePermissions([]string{scope}), a.covers) {
				add(group, a.text, scope)
			}
		}
	}
	groups := []*authzv1.ConsentGroup{account, objectives, keyResults, other, offline}
	return slices.DeleteFunc(groups, func(g *authzv1.ConsentGroup) bool { return len(g.GetItems()) == 0 })
}

// add adds a sentence to a group, or another scope to the sentence.
func add(group *authzv1.ConsentGroup, text, scope string) {
	i := slices.IndexFunc(group.GetItems(), func(item *authzv1.ConsentItem) bool { return item.GetText() == text })
	if i < 0 {
		i = len(group.Items)
		group.Items = append(group.Items, &authzv1.ConsentItem{Text: text})
	}
	group.Items[i].Scopes = append(group.Items[i].Scopes, scope)
}

// allowance is what a permission lets an application do.
type allowance struct {
	resource string
	action   accessv1.Action
	text     string
}

// allowances are in the order in which they are shown: the mildest of a resource first.
func allowances() []allowance {
	return []allowance{
		{access.ResourceObjective, accessv1.Action_ACTION_READ, "Read your organization's objectives"},
		{access.ResourceObjective, accessv1.Action_ACTION_CREATE, "Create new objectives"},
		{access.ResourceObjective, accessv1.Action_ACTION_UPDATE, "Change existing objectives"},
		{access.ResourceObjective, accessv1.Action_ACTION_DELETE, "Delete existing objectives"},
		{access.ResourceKeyResult, accessv1.Action_ACTION_READ, "Read your organization's key results"},
		{access.ResourceKeyResult, accessv1.Action_ACTION_UPDATE, "Report progress on key results and change them"},
		{access.ResourceKeyResult, accessv1.Action_ACTION_CREATE, "Create new key results"},
		{access.ResourceKeyResult, accessv1.Action_ACTION_DELETE, "Delete existing key results"},
	}
}

func (a allowance) covers(p *accessv1.Permission) bool {
	return p.GetResource() == a.resource && p.GetAction() == a.action
}

// leftOut says why scopes that were asked for are not granted.
func leftOut(notGrantable, unknown []string) []*authzv1.LeftOutScope {
	var out []*authzv1.LeftOutScope
	for _, scope := range notGrantable {
		out = append(out, &authzv1.LeftOutScope{
			Scope: scope, Reason: authzv1.LeftOutReason_LEFT_OUT_REASON_ROLE_MISSING,
			Text: "Your role does not allow everything that " + scope + " covers, so you cannot let an application do it.",
		})
	}
	for _, scope := range unknown {
		out = append(out, &authzv1.LeftOutScope{
			Scope: scope, Reason: authzv1.LeftOutReason_LEFT_OUT_REASON_SCOPE_UNKNOWN,
			Text: "There is no scope " + scope + " here.",
		})
	}
	return out
}
