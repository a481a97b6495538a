package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"
)

// traffic writes down the requests that a client makes, as "POST /v1/oauth2/token", and what their answers were.
type traffic struct {
	mu       sync.Mutex
	requests []string
	forms    []url.Values
}

// RoundTrip implements http.RoundTripper.
func (tr *traffic) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil && req.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.requests = append(tr.requests, fmt.Sprintf("%s %s %d", req.Method, req.URL.Path, resp.StatusCode))
	if form, err := url.ParseQuery(string(body)); err == nil && len(body) > 0 {
		tr.forms = append(tr.forms, form)
	}
	return resp, nil
}

func (tr *traffic) seen(request string) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Contains(tr.requests, request)
}

// grants counts the exchanges at the token endpoint by grant type.
func (tr *traffic) grants(kind string) (n int, last url.Values) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, form := range tr.forms {
		if form.Get("grant_type") == kind {
			n, last = n+1, form
		}
	}
	return n, last
}

// agent is an MCP client of the official SDK that knows nothing but the address of the server.
type agent struct {
	traffic  *traffic
	handler  *auth.AuthorizationCodeHandler
	asked    []*question
	requests []url.Values // of authorization
	tokens   oauth2.TokenSource
	token    *oauth2.Token // the first one
	config   *oauth2.Config
}

// newAgent makes a client whose person allows what it asks for. At first it asks for scopes; nil for what the server names.
func newAgent(t *testing.T, p *person, scopes []string) *agent {
	t.Helper()
	const redirect = "http://127.0.0.1:49321/callback"
	a := &agent{traffic: &traffic{}}
	config := &auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "Test of the official client", RedirectURIs: []string{redirect},
			GrantTypes: []string{"authorization_code", "refresh_token"},
		}},
		RedirectURL: redirect, RequestRefreshToken: true,
		Client: &http.Client{Transport: a.traffic, Timeout: patience},
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			u, err := url.Parse(args.URL)
			if err != nil {
				return nil, err
			}
			a.requests = append(a.requests, u.Query())
			asked, to, err := p.authorize(ctx, args.URL, true)
			if err != nil {
				return nil, err
			}
			a.asked = append(a.asked, asked)
			if !strings.HasPrefix(to.String(), redirect+"?") {
				return nil, fmt.Errorf("the answer goes to %s", to)
			}
			q := to.Query()
			return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
		},
		NewTokenSource: func(ctx context.Context, config *oauth2.Config, token *oauth2.Token) (oauth2.TokenSource, error) {
			a.config, a.token = config, token
			a.tokens = config.TokenSource(ctx, token)
			return a.tokens, nil
		},
	}
	if scopes != nil {
		config.ScopeFilter = func(named []string) []string {
			if len(a.requests) > 0 { // what a refused call has named
				return named
			}
			return scopes
		}
	}
	var err error
	if a.handler, err = auth.NewAuthorizationCodeHandler(config); err != nil {
		t.Fatal(err)
	}
	return a
}

// connect connects through the public address.
func (a *agent) connect(t *testing.T) *mcp.ClientSession {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	client := mcp.NewClient(&mcp.Implementation{Name: "okr-manager-clients", Version: "1.0.0"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: running.PublicURL + "/mcp", HTTPClient: &http.Client{Transport: a.traffic, Timeout: patience}, OAuthHandler: a.handler,
	}, nil)
	if err != nil {
		t.Fatalf("connecting: %v\n%s", err, strings.Join(a.traffic.requests, "\n"))
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// use calls a tool that has to succeed, and answers its structured content.
func use(t *testing.T, s *mcp.ClientSession, tool string, arguments fields) fields {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError || len(result.Content) == 0 {
		t.Fatalf("%s fails: %s", tool, text(result))
	}
	content, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var out fields
	if err := json.Unmarshal(content, &out); err != nil {
		t.Fatalf("%s: %v in %s", tool, err, content)
	}
	return out
}

func text(result *mcp.CallToolResult) string {
	var all []string
	for _, content := range result.Content {
		if t, ok := content.(*mcp.TextContent); ok {
			all = append(all, t.Text)
		}
	}
	return strings.Join(all, "\n")
}

func TestTheOfficialClientConnectsAndWorks(t *testing.T) {
	t.Parallel()
	p := founder(t, "Official")
	a := newAgent(t, p, nil)
	s := a.connect(t)

	// Everything on the way was found out, and nothing was set.
	for _, request := range []string{
		"POST /mcp 401", "GET /.well-known/oauth-protected-resource/mcp 200", "GET /.well-known/oauth-authorization-server 200",
		"POST /v1/oauth2/register 201", "POST /v1/oauth2/token 200", "POST /mcp 200",
	} {
		if !a.traffic.seen(request) {
			t.Errorf("%q was not seen", request)
		}
	}
	if len(a.requests) != 1 || len(a.asked) != 1 {
		t.Fatalf("the person was asked %d times", len(a.asked))
	}
	q, asked := a.requests[0], a.asked[0]
	if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("resource") != running.PublicURL+"/mcp" || q.Get("state") == "" {
		t.Errorf("the authorization request is %v", q)
	}
	want := []string{
		"email", "manage:krs", "manage:objectives", "offline_access", "openid", "profile", "read:okrs", "report_kr_status",
	}
	if !slices.Equal(asked.Scopes, want) || !asked.ConsentRequired || asked.Client.RedirectKind != "REDIRECT_KIND_LOOPBACK" ||
		asked.Client.Name != "Test of the official client" || asked.OrganizationName != "Official" {
		asked.Authorization = "…"
		t.Errorf("the person is asked %+v", asked)
	}
	if _, form := a.traffic.grants("authorization_code"); form.Get("resource") != running.PublicURL+"/mcp" || form.Get("code_verifier") == "" {
		t.Errorf("the code is exchanged with %v", form)
	}

	tools, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range tools.Tools {
		names = append(names, tool.Name)
		if tool.Annotations == nil || tool.Description == "" || tool.OutputSchema == nil {
			t.Errorf("%s has no hints, description or output schema", tool.Name)
		}
	}
	for _, name := range []string{
		"whoAmI", "listObjectives", "addObjective", "deleteObjective", "addKeyResult", "setKeyResultAttainment", "deleteKeyResult",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("the tool %s is not listed among %v", name, names)
		}
	}
	theToolsWork(t, s)
	theResourcesWork(t, s)
}

// theToolsWork does with the tools what they are for.
func theToolsWork(t *testing.T, s *mcp.ClientSession) {
	t.Helper()
	who := use(t, s, "whoAmI", nil)
	if client, _ := who["client"].(map[string]any); client["name"] != "Test of the official client" {
		t.Errorf("it is told to be %v", who)
	}
	objective := idOf(t, use(t, s, "addObjective", fields{"objectiveText": "Grow"}), "okrID")
	keyResult := idOf(t, use(t, s, "addKeyResult", fields{"okrID": objective, "keyResultText": "Ten customers"}), "keyResultID")
	use(t, s, "setKeyResultAttainment", fields{"okrID": objective, "keyResultID": keyResult, "attainment": 40})
	listed, err := json.Marshal(use(t, s, "listObjectives", nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{objective, keyResult, `"Grow"`, `"Ten customers"`, ":40"} {
		if !strings.Contains(string(listed), part) {
			t.Errorf("%s is not in %s", part, listed)
		}
	}
	use(t, s, "deleteKeyResult", fields{"okrID": objective, "keyResultID": keyResult})
	use(t, s, "deleteObjective", fields{"okrID": objective})
	listed, err = json.Marshal(use(t, s, "listObjectives", nil))
	if err != nil || strings.Contains(string(listed), objective) {
		t.Errorf("after deleting it lists %s, %v", listed, err)
	}
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "deleteObjective", Arguments: fields{"okrID": objective}})
	if err != nil || !result.IsError {
		t.Errorf("deleting it again: %v, %v", result, err)
	}
}

// idOf finds the id of what a tool has made.
func idOf(t *testing.T, answer fields, name string) string {
	t.Helper()
	id, _ := answer[name].(string)
	if id == "" {
		t.Fatalf("there is no %s in %v", name, answer)
	}
	return id
}

// theResourcesWork lists and reads both kinds of resources.
func theResourcesWork(t *testing.T, s *mcp.ClientSession) {
	t.Helper()
	objective := idOf(t, use(t, s, "addObjective", fields{"objectiveText": "Read me"}), "okrID")
	keyResult := idOf(t, use(t, s, "addKeyResult", fields{"okrID": objective, "keyResultText": "Measure me"}), "keyResultID")
	templates, err := s.ListResourceTemplates(t.Context(), nil)
	if err != nil || len(templates.ResourceTemplates) != 2 {
		t.Fatalf("the templates are %v, %v", templates, err)
	}
	listed := map[string]bool{}
	for resource, err := range s.Resources(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		listed[resource.URI] = true
	}
	for uri, want := range map[string]string{
		"okrmanager://objectives/" + objective: "Read me", "okrmanager://key_result/" + keyResult: "Measure me",
	} {
		if !listed[uri] {
			t.Errorf("%s is not listed", uri)
		}
		read, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
		if err != nil || len(read.Contents) != 1 || !strings.Contains(read.Contents[0].Text, want) {
			t.Errorf("%s is %v, %v", uri, read, err)
		}
	}
}

func TestTheOfficialClientRefreshesItsToken(t *testing.T) {
	t.Parallel()
	a := newAgent(t, founder(t, "Refreshing"), nil)
	a.connect(t)
	if a.token == nil || a.token.RefreshToken == "" {
		t.Fatalf("the token is %+v", a.token)
	}
	// As when the access token has expired: the client's own code exchanges the refresh token.
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: a.traffic, Timeout: patience})
	spent := &oauth2.Token{RefreshToken: a.token.RefreshToken}
	fresh, err := a.config.TokenSource(ctx, spent).Token()
	if err != nil {
		t.Fatal(err)
	}
	if fresh.AccessToken == a.token.AccessToken || fresh.RefreshToken == "" || fresh.RefreshToken == a.token.RefreshToken {
		t.Errorf("the tokens did not rotate")
	}
	if n, _ := a.traffic.grants("refresh_token"); n != 1 {
		t.Errorf("there were %d refreshes", n)
	}
	again := &agent{traffic: a.traffic}
	if again.handler, err = auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		PreregisteredClient: &oauthex.ClientCredentials{ClientID: a.config.ClientID}, RedirectURL: a.config.RedirectURL,
		InitialTokenSource: oauth2.StaticTokenSource(fresh),
		AuthorizationCodeFetcher: func(context.Context, *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			return nil, errors.New("the person was asked again")
		},
	}); err != nil {
		t.Fatal(err)
	}
	use(t, again.connect(t), "whoAmI", nil)

	// A refresh token that comes twice was copied: it ends everything that came of it.
	var refused *oauth2.RetrieveError
	if _, err := a.config.TokenSource(ctx, spent).Token(); !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
		t.Errorf("the spent refresh token: %v", err)
	}
	if _, err := a.config.TokenSource(ctx, &oauth2.Token{RefreshToken: fresh.RefreshToken}).Token(); !errors.As(err, &refused) || refused.ErrorCode != "invalid_grant" {
		t.Errorf("the refresh token of the same family: %v", err)
	}
}

// A client that was given too little asks for exactly what is missing, at the call that needs it, and goes on.
func TestTheOfficialClientStepsUp(t *testing.T) {
	t.Parallel()
	a := newAgent(t, founder(t, "Stepping up"), []string{"read:okrs"})
	s := a.connect(t)
	use(t, s, "listObjectives", nil)
	if asked := a.asked[0].Scopes; !slices.Equal(asked, []string{"offline_access", "read:okrs"}) {
		t.Errorf("at first it asks for %v", asked)
	}
	use(t, s, "addObjective", fields{"objectiveText": "Grow"})
	if len(a.asked) != 2 || !slices.Equal(a.asked[1].Scopes, []string{"manage:objectives", "offline_access", "read:okrs"}) {
		t.Errorf("the person was asked %d times, at last for %v", len(a.asked), a.asked[len(a.asked)-1].Scopes)
	}
}

func TestAPersonWhoDeclinesConnectsNothing(t *testing.T) {
	t.Parallel()
	p := founder(t, "Declining")
	a := newAgent(t, p, nil)
	var err error
	a.handler, err = auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "Declined", RedirectURIs: []string{"http://127.0.0.1:49321/callback"},
		}},
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			_, to, err := p.authorize(ctx, args.URL, false)
			if err != nil {
				return nil, err
			}
			return nil, errors.New("declined: " + to.Query().Get("error"))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "okr-manager-clients", Version: "1.0.0"}, nil)
	_, err = client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: running.PublicURL + "/mcp", OAuthHandler: a.handler}, nil)
	if err == nil || !strings.Contains(err.Error(), "declined: access_denied") {
		t.Errorf("connecting: %v", err)
	}
}
