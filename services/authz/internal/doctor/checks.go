package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
)

// authorizePath is the product's consent page, and landingPath where sign-ins end.
const (
	authorizePath = "/oauth/authorize"
	landingPath   = "/authenticate"
)

// environment compares what can be told from the texts alone. What has another form than Stytch's is devidp's.
func environment(_ context.Context, c Config, r *Report) {
	of := func(text string) string {
		for _, name := range []string{"test", "live"} {
			for _, kind := range []string{"project-", "secret-", "public-token-"} {
				if strings.HasPrefix(text, kind+name+"-") {
					return name
				}
			}
		}
		return ""
	}
	project := of(c.ProjectID)
	for name, value := range map[string]string{"OKR_STYTCH_SECRET": c.Secret, "OKR_STYTCH_PUBLIC_TOKEN": c.PublicToken} {
		if other := of(value); other != "" && project != "" && other != project {
			r.wrong("set "+name+" to that of the environment that OKR_STYTCH_PROJECT_ID names (Stytch's dashboard, API keys)",
				"OKR_STYTCH_PROJECT_ID is of the %s environment and %s of the %s environment", project, name, other)
		}
	}
	hosts := map[string]string{"test.stytch.com": "test", "api.stytch.com": "live"}
	if base, err := url.Parse(c.BaseURI); err == nil && hosts[base.Hostname()] != "" && project != "" && hosts[base.Hostname()] != project {
		r.wrong("leave OKR_STYTCH_BASE_URI empty: the project's id says which address it is",
			"OKR_STYTCH_BASE_URI is the address of the %s environment and OKR_STYTCH_PROJECT_ID of the %s environment", hosts[base.Hostname()], project)
	}
}

// reachable asks for the project's keys, which needs no secret, and compares clocks.
func reachable(ctx context.Context, c Config, r *Report) bool {
	got, err := c.get(ctx, c.BaseURI+"/v1/b2b/sessions/jwks/"+url.PathEscape(c.ProjectID), false)
	switch {
	case err != nil:
		r.wrong("correct OKR_STYTCH_BASE_URI (empty for Stytch's own address), or let this machine out to it",
			"Stytch cannot be reached at %s: %v", c.BaseURI, err)
		return false
	case got.status == http.StatusNotFound || got.status == http.StatusBadRequest:
		r.wrong("copy the project's id into OKR_STYTCH_PROJECT_ID (Stytch's dashboard, API keys)",
			"%s knows no project %s", c.BaseURI, c.ProjectID)
		return false
	case got.status != http.StatusOK:
		r.wrong("correct OKR_STYTCH_BASE_URI, or try again when Stytch is well",
			"%s answers %d to the question for the project's keys", c.BaseURI, got.status)
		return false
	}
	there, err := http.ParseTime(got.header.Get("Date"))
	if err != nil {
		r.skip("clocks were not compared: the answer of %s has no date", c.BaseURI)
	} else if skew := c.Now().Sub(there).Round(time.Second); skew.Abs() > maxSkew {
		r.wrong("set the clock of this machine, by NTP for example", "the clock of this machine differs from Stytch's by %s", skew)
	}
	return true
}

// accessPolicy asks for the policy, which needs the secret.
func accessPolicy(ctx context.Context, c Config, r *Report) {
	got, err := c.get(ctx, c.BaseURI+"/v1/b2b/rbac/policy", true)
	switch {
	case err != nil:
		r.skip("the access policy was not read: %v", err)
		return
	case got.status == http.StatusUnauthorized || got.status == http.StatusForbidden:
		r.wrong("copy a secret of the project into OKR_STYTCH_SECRET (Stytch's dashboard, API keys)",
			"Stytch refuses OKR_STYTCH_SECRET for the project %s (%s)", c.ProjectID, got.reason())
		return
	case got.status != http.StatusOK:
		r.skip("the access policy was not read: Stytch answers %d %s", got.status, got.reason())
		return
	}
	lacks, err := policy.LackedByRuntime(got.body)
	if err != nil {
		r.skip("the access policy was not understood: %v", err)
		return
	}
	for _, lack := range lacks {
		r.wrong("authz policy push", "the access policy of the project lacks %s", lack)
	}
}

// redirect starts a sign-in as a browser would, and goes no further.
func redirect(ctx context.Context, c Config, r *Report) {
	landing := c.PublicURL + landingPath
	got, err := c.get(ctx, c.StytchURL+"/v1/b2b/public/oauth/google/discovery/start?"+url.Values{
		"public_token": {c.PublicToken}, "discovery_redirect_url": {landing},
	}.Encode(), false)
	switch reason := got.reason(); {
	case err != nil:
		r.wrong("correct OKR_STYTCH_PUBLIC_URL: it is where browsers reach Stytch, empty for OKR_STYTCH_BASE_URI",
			"Stytch cannot be reached at %s: %v", c.StytchURL, err)
	case got.status < http.StatusBadRequest:
	case strings.Contains(reason, "public_token"):
		r.wrong("copy a public token of the project into OKR_STYTCH_PUBLIC_TOKEN (Stytch's dashboard, API keys)",
			"Stytch does not know OKR_STYTCH_PUBLIC_TOKEN (%s)", reason)
	case strings.Contains(reason, "redirect") || strings.Contains(reason, "no_match_for_provided"):
		r.wrong("authz setup, or register "+landing+" for login, signup, invite and discovery (Stytch's dashboard, Redirect URLs; with devidp OKR_DEVIDP_REDIRECT_ORIGINS), or correct OKR_PUBLIC_URL",
			"the redirect URL %s is not registered (%s)", landing, reason)
	default:
		r.skip("a sign-in with Google could not be started: Stytch answers %d %s", got.status, reason)
	}
}

// authorizationServer reads what agents read (RFC 8414).
func authorizationServer(ctx context.Context, c Config, r *Report) {
	if c.Issuer == "" {
		r.skip("the authorization server for agents was not looked at: OKR_OAUTH_ISSUER is not set here")
		return
	}
	got, err := c.get(ctx, c.IssuerBase+"/.well-known/oauth-authorization-server", false)
	if err != nil || got.status != http.StatusOK {
		r.wrong("set OKR_OAUTH_ISSUER to the domain of the project (Stytch's dashboard, Custom Domains), without a path",
			"the authorization server does not answer at %s: %s", c.IssuerBase, failure(got.status, err))
		return
	}
	var metadata struct {
		Issuer                string `json:"issuer"`
		AuthorizationEndpoint string `json:"authorization_endpoint"`
		RegistrationEndpoint  string `json:"registration_endpoint"`
	}
	if err := json.Unmarshal(got.body, &metadata); err != nil {
		r.wrong("set OKR_OAUTH_ISSUER to the domain of the project", "what %s answers is not the metadata of an authorization server", c.IssuerBase)
		return
	}
	if strings.TrimRight(metadata.Issuer, "/") != c.Issuer {
		r.wrong("set OKR_OAUTH_ISSUER to "+plain(metadata.Issuer), "OKR_OAUTH_ISSUER is %s, and the authorization server there is %q", c.Issuer, metadata.Issuer)
	}
	consent := c.PublicURL + authorizePath
	switch metadata.AuthorizationEndpoint {
	case consent:
	case "":
		r.wrong("authz setup, or enable Connected Apps with the authorization URL "+consent+" (Stytch's dashboard, Connected Apps)",
			"Connected Apps are off: the authorization server names no authorization URL")
	default:
		r.wrong("authz setup, or set the authorization URL to "+consent+" (Stytch's dashboard, Connected Apps; with devidp OKR_DEVIDP_AUTHORIZATION_URL), or correct OKR_PUBLIC_URL",
			"agents are sent to %q for consent, and the product's page is %s", metadata.AuthorizationEndpoint, consent)
	}
	if metadata.RegistrationEndpoint == "" {
		r.wrong(`authz setup, or enable "Allow dynamic client registration" (Stytch's dashboard, Connected Apps)`,
			"agents cannot register themselves: dynamic client registration is off")
	}
}

// replicas looks at what has to be the same in all of them.
func replicas(_ context.Context, c Config, r *Report) {
	if c.Replicas < 2 {
		return
	}
	if c.Keys == "" {
		r.wrong("set OKR_TXN_KEY_FILE to one file for all replicas of authz (authz keys makes it)",
			"each replica of authz would make a key of its own, and okr-store would refuse the tokens of all but one")
	}
	if !c.SealKey {
		r.wrong("set OKR_MCP_SEAL_KEY to the same random text for all replicas of the MCP edge (openssl rand -hex 24)",
			"each replica of the MCP edge would make a sealing key of its own, and not understand what clients of another bring")
	}
}

// certificate reads the files of OKR_TLS_DIR as the boxes do.
func certificate(_ context.Context, c Config, r *Report) {
	if c.Certificate == nil {
		return
	}
	switch issued, expires, err := c.Certificate(); {
	case err != nil:
		r.wrong("put tls.crt, tls.key and ca.crt that belong together into OKR_TLS_DIR, for both server auth and client auth (deploy/operating.md)",
			"the other boxes would refuse this one: %v", err)
	case expires.Sub(c.Now()) < expires.Sub(issued)/renewal:
		r.wrong("renew the certificate in OKR_TLS_DIR: the boxes take a new one up without a restart",
			"the certificate for connections among the boxes expires at %s", expires.UTC().Format(time.RFC3339))
	}
}

// transactionKeys compares the key file with what the running authz says to okr-store.
func transactionKeys(ctx context.Context, c Config, r *Report) {
	if c.Keys == "" {
		return
	}
	running, err := c.RunningKeys(ctx)
	if err != nil {
		r.skip("the key of transaction tokens was not compared: authz does not answer (%v)", err)
		return
	}
	ours, theirs := keyIDs(c.Keys), keyIDs(running)
	if !slices.ContainsFunc(ours, func(id string) bool { return slices.Contains(theirs, id) }) {
		r.wrong("give the authz at OKR_AUTHZ_ADDR the file of OKR_TXN_KEY_FILE and restart it, or point OKR_AUTHZ_ADDR of okr-store at this one",
			"the authz that okr-store asks has other keys of transaction tokens than OKR_TXN_KEY_FILE: okr-store would refuse the tokens that are signed with it")
	}
}

// keyIDs are those of a JWK set.
func keyIDs(jwks string) []string {
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	_ = json.Unmarshal([]byte(jwks), &set) // what is no JSON has no keys
	ids := make([]string, len(set.Keys))
	for i, key := range set.Keys {
		ids[i] = key.ID
	}
	return ids
}

func failure(status int, err error) string {
	if err != nil {
		return err.Error()
	}
	return strconv.Itoa(status) + " " + http.StatusText(status)
}

// plain makes what a server said safe for a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
