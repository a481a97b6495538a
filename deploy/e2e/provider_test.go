package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// provider is the identity provider, driven as its administrators do (the API of Stytch) and as only tests can (/_dev/).
type provider struct {
	url, id, secret string
}

// call makes a call with the project's secret, which the endpoints of /_dev/ do not look at. Fields of the answer go
// into answer, unless that is nil.
func (p provider) call(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(p.id, p.secret)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode/100 != 2 {
		t.Fatalf("the identity provider answers %s %s with %d %s", method, path, resp.StatusCode, text)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(text, answer); err != nil {
		t.Fatal(err)
	}
}

// code is the newest code that was sent to an address.
func (p provider) code(t *testing.T, email string) string {
	t.Helper()
	var outbox struct {
		Messages []struct {
			Code string `json:"code"`
		} `json:"messages"`
	}
	p.call(t, http.MethodGet, "/_dev/outbox?format=json&to="+url.QueryEscape(email), nil, &outbox)
	if len(outbox.Messages) == 0 {
		t.Fatalf("nothing was sent to %s", email)
	}
	return outbox.Messages[0].Code
}

// addMember makes somebody a member of an organization, with roles beside the one of every member, and answers the
// member's id.
func (p provider) addMember(t *testing.T, organization, email string, roles ...string) string {
	t.Helper()
	var answer struct {
		MemberID string `json:"member_id"`
	}
	p.call(t, http.MethodPost, "/v1/b2b/organizations/"+organization+"/members",
		map[string]any{"email_address": email, "name": "Name of " + email, "roles": roles}, &answer)
	return answer.MemberID
}

// invite invites somebody into an organization and answers the member's id.
func (p provider) invite(t *testing.T, organization, email string) string {
	t.Helper()
	var answer struct {
		MemberID string `json:"member_id"`
	}
	p.call(t, http.MethodPost, "/v1/b2b/magic_links/email/invite",
		map[string]any{"organization_id": organization, "email_address": email}, &answer)
	return answer.MemberID
}

// link is the newest invitation that was sent to an address.
func (p provider) link(t *testing.T, email string) string {
	t.Helper()
	var outbox struct {
		Messages []struct {
			Link string `json:"link"`
		} `json:"messages"`
	}
	p.call(t, http.MethodGet, "/_dev/outbox?format=json&to="+url.QueryEscape(email), nil, &outbox)
	if len(outbox.Messages) == 0 || outbox.Messages[0].Link == "" {
		t.Fatalf("no invitation was sent to %s", email)
	}
	return outbox.Messages[0].Link
}

// addConnection creates a single sign-on connection that is not configured, and answers its id.
func (p provider) addConnection(t *testing.T, organization string) string {
	t.Helper()
	var answer struct {
		Connection struct {
			ConnectionID string `json:"connection_id"`
		} `json:"connection"`
	}
	p.call(t, http.MethodPost, "/v1/b2b/sso/oidc/"+organization, map[string]any{"display_name": "Company login"}, &answer)
	return answer.Connection.ConnectionID
}

// removeScim deletes an organization's SCIM connection, if it has one.
func (p provider) removeScim(t *testing.T, organization string) {
	t.Helper()
	var answer struct {
		Organization struct {
			Connection struct {
				ConnectionID string `json:"connection_id"`
			} `json:"scim_active_connection"`
		} `json:"organization"`
	}
	p.call(t, http.MethodGet, "/v1/b2b/organizations/"+organization, nil, &answer)
	if id := answer.Organization.Connection.ConnectionID; id != "" {
		p.call(t, http.MethodDelete, "/v1/b2b/scim/"+organization+"/connection/"+id, nil, nil)
	}
}

// setRoles replaces the roles that a member has beside the one of every member.
func (p provider) setRoles(t *testing.T, organization, member string, roles ...string) {
	t.Helper()
	p.call(t, http.MethodPut, "/v1/b2b/organizations/"+organization+"/members/"+member,
		map[string]any{"roles": append([]string{}, roles...)}, nil)
}

// removeMember removes a member.
func (p provider) removeMember(t *testing.T, organization, member string) {
	t.Helper()
	p.call(t, http.MethodDelete, "/v1/b2b/organizations/"+organization+"/members/"+member, nil, nil)
}

// agent is a Connected App that a member has let in.
type agent struct {
	AccessToken string `json:"access_token"`
	ClientID    string `json:"client_id"`
	// RefreshToken is there with the scope offline_access.
	RefreshToken string `json:"refresh_token"`
}

// register introduces a public application that anyone can let in (RFC 7591), and answers its client id.
func (p provider) register(t *testing.T, name string, redirects ...string) string {
	t.Helper()
	var answer struct {
		ClientID string `json:"client_id"`
	}
	p.call(t, http.MethodPost, "/v1/oauth2/register", map[string]any{"client_name": name, "redirect_uris": redirects}, &answer)
	return answer.ClientID
}

// form sends a form as a client without a secret does.
func (p provider) form(t *testing.T, path string, form url.Values) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: string(text), reason: parse(t, string(text)).text("error")}
}

// refresh gets new tokens for an agent, as its client does (RFC 6749 section 6).
func (p provider) refresh(t *testing.T, a agent) agent {
	t.Helper()
	got := p.form(t, "/v1/oauth2/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {a.RefreshToken}, "client_id": {a.ClientID},
	})
	fresh := agent{ClientID: a.ClientID}
	if err := json.Unmarshal([]byte(got.body), &fresh); err != nil || fresh.AccessToken == "" {
		t.Fatalf("the identity provider answers %d %s: %v", got.status, got.body, err)
	}
	return fresh
}

// letIn lets an agent in with scopes, for some seconds; below zero the token has expired already.
func (p provider) letIn(t *testing.T, member, name string, seconds int, scopes ...string) agent {
	t.Helper()
	var a agent
	p.call(t, http.MethodPost, "/_dev/tokens", map[string]any{
		"member_id": member, "client_name": name, "scopes": scopes, "expires_in_seconds": seconds,
	}, &a)
	return a
}

// throwOut revokes what a member has let in.
func (p provider) throwOut(t *testing.T, organization, member, client string) {
	t.Helper()
	p.call(t, http.MethodPost,
		"/v1/b2b/organizations/"+organization+"/members/"+member+"/connected_apps/"+client+"/revoke", map[string]any{}, nil)
}

// fault makes the provider misbehave under a path, until heal.
func (p provider) fault(t *testing.T, fault map[string]any) {
	t.Helper()
	p.call(t, http.MethodPost, "/_dev/faults", fault, nil)
}

// heal ends all faults.
func (p provider) heal(t *testing.T) {
	t.Helper()
	p.call(t, http.MethodDelete, "/_dev/faults", nil, nil)
}
