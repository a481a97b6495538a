package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"testing"
	"time"
)

// person is somebody with a browser who has signed in. The browser keeps cookies and does what the app's pages do; it does
// not follow redirects by itself.
type person struct {
	browser *http.Client
	email   string
}

// persona is a member of the seed, who administers an organization.
const persona = "member-test-a0000000-0000-4000-8000-000000000001"

// founder signs in as somebody new, who creates an organization and so administers it.
func founder(t *testing.T, organization string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{
		email: fmt.Sprintf("founder-%d@clients.test", time.Now().UnixNano()),
		browser: &http.Client{
			Jar: jar, Timeout: patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if err := p.found(t.Context(), organization); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *person) found(ctx context.Context, organization string) error {
	if err := p.post(ctx, "/api/v1/session:sendEmailCode", fields{"emailAddress": p.email}, nil); err != nil {
		return err
	}
	code, err := p.code(ctx)
	if err != nil {
		return err
	}
	if err := p.post(ctx, "/api/v1/session:authenticateEmailCode", fields{"emailAddress": p.email, "code": code}, nil); err != nil {
		return err
	}
	return p.post(ctx, "/api/v1/session:createOrganization", fields{"displayName": organization}, nil)
}

// code reads the one-time code in the outbox of the local identity provider.
func (p *person) code(ctx context.Context) (string, error) {
	var outbox struct {
		Messages []struct {
			Code string `json:"code"`
		} `json:"messages"`
	}
	if err := p.do(ctx, http.MethodGet, running.DevidpURL+"/_dev/outbox?format=json&to="+url.QueryEscape(p.email), nil, &outbox); err != nil {
		return "", err
	}
	if len(outbox.Messages) == 0 {
		return "", errors.New("there is no mail")
	}
	return outbox.Messages[0].Code, nil
}

type fields map[string]any

func (p *person) post(ctx context.Context, path string, body fields, answer any) error {
	return p.do(ctx, http.MethodPost, running.PublicURL+path, body, answer)
}

func (p *person) do(ctx context.Context, method, address string, body fields, answer any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", running.PublicURL)
	resp, err := p.browser.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		return errors.Join(fmt.Errorf("%s %s: %s: %s", method, address, resp.Status, text), err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// question is what the consent page shows.
type question struct {
	Client struct {
		Name         string `json:"name"`
		RedirectKind string `json:"redirectKind"`
	} `json:"client"`
	OrganizationName string   `json:"organizationName"`
	Scopes           []string `json:"scopes"`
	ConsentRequired  bool     `json:"consentRequired"`
	Authorization    string   `json:"authorization"`
	Refusal          *struct {
		Error       string `json:"error"`
		Description string `json:"description"`
	} `json:"refusal"`
}

// parameters are those of an authorization request, and what they are called in the API. "resource" may come often.
var parameters = map[string]string{
	"client_id": "clientId", "redirect_uri": "redirectUri", "response_type": "responseType", "scope": "scope",
	"state": "state", "nonce": "nonce", "code_challenge": "codeChallenge", "code_challenge_method": "codeChallengeMethod",
	"prompt": "prompt",
}

// authorize opens the authorization endpoint as a browser does that an application has sent there, and allows or denies
// what the page asks. It answers the question, and where the browser is sent.
func (p *person) authorize(ctx context.Context, address string, allow bool) (*question, *url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != running.PublicURL+"/oauth/authorize" {
		return nil, nil, fmt.Errorf("the authorization endpoint is %s", got)
	}
	if err := p.open(ctx, address); err != nil {
		return nil, nil, err
	}
	query := u.Query()
	body := fields{"resource": slices.Concat([]string{}, query["resource"])}
	for parameter, name := range parameters {
		if query.Has(parameter) {
			body[name] = query.Get(parameter)
		}
	}
	var asked question
	if err := p.post(ctx, "/api/v1/oauth/authorization:start", body, &asked); err != nil {
		return nil, nil, err
	}
	if asked.Refusal != nil {
		return &asked, nil, fmt.Errorf("the request is refused: %s: %s", asked.Refusal.Error, asked.Refusal.Description)
	}
	var decided struct {
		RedirectURI string `json:"redirectUri"`
	}
	if err := p.post(ctx, "/api/v1/oauth/authorization:decide", fields{"authorization": asked.Authorization, "allow": allow}, &decided); err != nil {
		return &asked, nil, err
	}
	to, err := url.Parse(decided.RedirectURI)
	return &asked, to, err
}

// open loads a page.
func (p *person) open(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := p.browser.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("opening %s: %s", address, resp.Status)
	}
	return nil
}
