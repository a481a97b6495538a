package signin

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
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// resourceMetadata is what of RFC 9728 section 2 is used here.
type resourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported"`
}

// serverMetadata is what of RFC 8414 section 2 is used here.
type serverMetadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	// SendsIssuer is from RFC 9207 section 3.
	SendsIssuer bool `json:"authorization_response_iss_parameter_supported"`
}

type metadata struct {
	resource resourceMetadata
	server   serverMetadata
}

// discover finds the authorization server of the public address. Each document has to name what it was asked about, or
// else somebody could pass off another server as this one's (RFC 9728 section 3.3, RFC 8414 section 3.3).
func (a *Account) discover(ctx context.Context) (metadata, error) {
	var m metadata
	if err := a.get(ctx, a.cfg.Server+"/.well-known/oauth-protected-resource", &m.resource); err != nil {
		return m, err
	}
	if m.resource.Resource != a.cfg.Server {
		return m, fmt.Errorf("its metadata is that of %s: use that address", m.resource.Resource)
	}
	if len(m.resource.AuthorizationServers) == 0 {
		return m, errors.New("its metadata names no authorization server")
	}
	issuer := m.resource.AuthorizationServers[0]
	address, err := wellKnown(issuer)
	if err != nil {
		return m, fmt.Errorf("the authorization server: %w", err)
	}
	if err := a.get(ctx, address, &m.server); err != nil {
		return m, err
	}
	if m.server.Issuer != issuer {
		return m, fmt.Errorf("the metadata of the authorization server %s is that of %s", issuer, m.server.Issuer)
	}
	if !slices.Contains(m.server.ChallengeMethods, "S256") {
		return m, fmt.Errorf("the authorization server %s does not offer PKCE with S256", issuer)
	}
	for _, endpoint := range []string{m.server.AuthorizationEndpoint, m.server.TokenEndpoint, m.server.RegistrationEndpoint, m.server.RevocationEndpoint} {
		if endpoint == "" {
			continue
		}
		if err := checkAddress(endpoint); err != nil {
			return m, fmt.Errorf("an endpoint of the authorization server: %w", err)
		}
	}
	if m.server.AuthorizationEndpoint == "" || m.server.TokenEndpoint == "" {
		return m, fmt.Errorf("the authorization server %s names no endpoints", issuer)
	}
	return m, nil
}

// wellKnown is where an issuer's metadata is: between host and path (RFC 8414 section 3.1).
func wellKnown(issuer string) (string, error) {
	if err := checkAddress(issuer); err != nil {
		return "", err
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return "", err
	}
	return u.Scheme + "://" + u.Host + "/.well-known/oauth-authorization-server" + strings.TrimSuffix(u.EscapedPath(), "/"), nil
}

// registration is what a program says of itself (RFC 7591 section 2).
type registration struct {
	ClientName      string   `json:"client_name"`
	RedirectURIs    []string `json:"redirect_uris"`
	ApplicationType string   `json:"application_type"`
	AuthMethod      string   `json:"token_endpoint_auth_method"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
}

// client is the client id to use: the one that was given, the one of before, or a new one.
func (a *Account) client(ctx context.Context, m metadata, before record, redirect string) (string, error) {
	if a.cfg.ClientID != "" {
		return a.cfg.ClientID, nil
	}
	if before.Issuer == m.server.Issuer && before.RedirectURI == redirect && before.ClientID != "" {
		return before.ClientID, nil
	}
	if m.server.RegistrationEndpoint == "" {
		return "", errors.New("the authorization server takes no registrations: a client id is needed")
	}
	var answer struct {
		ClientID string `json:"client_id"`
	}
	err := a.post(ctx, m.server.RegistrationEndpoint, registration{
		ClientName: a.cfg.ClientName, RedirectURIs: []string{redirect}, ApplicationType: "native", AuthMethod: "none",
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
	}, &answer)
	if err == nil && answer.ClientID == "" {
		err = errors.New("the answer has no client id")
	}
	return answer.ClientID, err
}

// port is where to listen: where the registration of before says, so that it can be used again.
func (a *Account) port(before record, m metadata) portChoice {
	choice := portChoice{port: a.cfg.Port, fixed: a.cfg.Port != 0}
	if u, err := url.Parse(before.RedirectURI); err == nil && !choice.fixed && a.cfg.ClientID == "" && before.Issuer == m.server.Issuer {
		choice.wish = u.Port()
	}
	return choice
}

// revoke has the authorization server take tokens back; the refresh token takes the access tokens with it.
func (a *Account) revoke(ctx context.Context, kept record) error {
	if kept.RevocationEndpoint == "" {
		return errors.New("the authorization server has no endpoint for that")
	}
	form := url.Values{"client_id": {kept.ClientID}, "token": {kept.RefreshToken}, "token_type_hint": {"refresh_token"}}
	if kept.RefreshToken == "" {
		form.Set("token", kept.AccessToken)
		form.Set("token_type_hint", "access_token")
	}
	return a.send(ctx, http.MethodPost, kept.RevocationEndpoint, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()), nil)
}

func (a *Account) get(ctx context.Context, address string, answer any) error {
	return a.send(ctx, http.MethodGet, address, "", nil, answer)
}

func (a *Account) post(ctx context.Context, address string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	return a.send(ctx, http.MethodPost, address, "application/json", bytes.NewReader(text), answer)
}

// send makes a request and reads its JSON, unless answer is nil.
func (a *Account) send(ctx context.Context, method, address, contentType string, body io.Reader, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	if resp.StatusCode/100 != 2 {
		var failure struct {
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}
		if json.Unmarshal(text, &failure) == nil && failure.Code != "" {
			return fmt.Errorf("%s answers %s: %s", address, failure.Code, failure.Description)
		}
		return fmt.Errorf("%s answers %s", address, resp.Status)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("the answer of %s is not the JSON that was expected: %w", address, err)
	}
	return nil
}
