package api

import (
	"cmp"
	"slices"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// appView is what every answer says about an application.
type appView struct {
	ConnectedAppID string `json:"connected_app_id"`
	Name           string `json:"name"`
	Description    string `json:"description"`
	ClientType     string `json:"client_type"`
	LogoURL        string `json:"logo_url"`
}

func viewApp(a state.App) appView {
	return appView{a.ClientID, a.Name, a.Description, a.Type, a.LogoURL}
}

type memberAppsAnswer struct {
	ConnectedApps []memberApp `json:"connected_apps"`
}

type memberApp struct {
	appView
	ScopesGranted string `json:"scopes_granted"` // Separated by spaces.
}

// pathMember resolves the organization and the member that the path names.
func (c *call) pathMember() (state.Member, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return state.Member{}, err
	}
	return c.member(org, c.r.PathValue("member_id"))
}

// memberApps lists the applications that act for the member.
func (c *call) memberApps(struct{}) (any, error) {
	m, err := c.pathMember()
	if err != nil {
		return nil, err
	}
	if err := c.allowOn(m, "get.connected-apps", selfToo); err != nil {
		return nil, err
	}
	answer := memberAppsAnswer{ConnectedApps: []memberApp{}}
	for _, consent := range c.tx.Consents().Holding(m.MemberID) {
		if app, found := c.tx.Apps().Get(consent.ClientID); found && consent.MemberID == m.MemberID {
			answer.ConnectedApps = append(answer.ConnectedApps, memberApp{viewApp(app), state.Grant{Scopes: consent.Scopes}.Scope()})
		}
	}
	return answer, nil
}

// revokeMemberApp takes back the member's consent and everything that the application holds for them.
func (c *call) revokeMemberApp(struct{}) (any, error) {
	m, err := c.pathMember()
	if err != nil {
		return nil, err
	}
	if err := c.allowOn(m, "revoke.connected-app", selfToo); err != nil {
		return nil, err
	}
	if !c.tx.RevokeConsent(m.MemberID, c.r.PathValue("connected_app_id")) {
		return nil, appNotFound()
	}
	return nil, nil
}

func appNotFound() *Error {
	return notFound("connected_app_not_found", "There is no such connected app.")
}

type organizationAppsAnswer struct {
	ConnectedApps []appView `json:"connected_apps"`
}

// organizationApps lists the applications that act for any member of the organization.
func (c *call) organizationApps(struct{}) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	if err := c.allow(org.OrganizationID, resourceOrganization, "get.connected-apps"); err != nil {
		return nil, err
	}
	apps := map[string]appView{}
	for _, consent := range c.tx.Consents().All() {
		if app, found := c.tx.Apps().Get(consent.ClientID); found && consent.OrganizationID == org.OrganizationID {
			apps[app.ClientID] = viewApp(app)
		}
	}
	answer := organizationAppsAnswer{ConnectedApps: []appView{}}
	for _, app := range apps {
		answer.ConnectedApps = append(answer.ConnectedApps, app)
	}
	slices.SortFunc(answer.ConnectedApps, func(a, b appView) int { return cmp.Compare(a.ConnectedAppID, b.ConnectedAppID) })
	return answer, nil
}

type organizationAppAnswer struct {
	appView
	ActiveMembers []activeMember `json:"active_members"`
}

type activeMember struct {
	MemberID      string   `json:"member_id"`
	GrantedScopes []string `json:"granted_scopes"`
}

// organizationApp says for whom in the organization an application acts.
func (c *call) organizationApp(struct{}) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	if err := c.allow(org.OrganizationID, resourceOrganization, "get.connected-apps"); err != nil {
		return nil, err
	}
	app, found := c.tx.Apps().Get(c.r.PathValue("connected_app_id"))
	answer := organizationAppAnswer{appView: viewApp(app)}
	for _, consent := range c.tx.Consents().All() {
		if consent.OrganizationID == org.OrganizationID && consent.ClientID == app.ClientID {
			answer.ActiveMembers = append(answer.ActiveMembers, activeMember{consent.MemberID, consent.Scopes})
		}
	}
	if !found || len(answer.ActiveMembers) == 0 {
		return nil, appNotFound()
	}
	return answer, nil
}

// dropForbiddenApps takes back the consents to applications that the organization does not allow any more.
func (c *call) dropForbiddenApps(org state.Organization) {
	var dropped []state.Consent
	for _, consent := range c.tx.Consents().All() {
		if consent.OrganizationID == org.OrganizationID && !org.AllowsThirdPartyApp(consent.ClientID) {
			dropped = append(dropped, consent)
		}
	}
	for _, consent := range dropped {
		c.tx.RevokeConsent(consent.MemberID, consent.ClientID)
	}
}
