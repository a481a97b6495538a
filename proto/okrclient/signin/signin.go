// Package signin signs a person in to OKR Manager from a program on their own machine, as RFC 8252 says: in the browser,
// at the same authorization server and consent page as AI agents, with the answer coming back to a port of 127.0.0.1. The
// refresh token stays in a file that only its owner can read, so that one sign-in lasts for months and for every program
// that uses the same folder.
//
// All that has to be known is the public address. The authorization server follows from its metadata (RFC 9728, RFC 8414),
// and without a client id the program registers itself (RFC 7591). PKCE with S256, a state and the issuer in the answer
// (RFC 9207) keep codes of others out.
package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

const (
	// httpTimeout bounds one request to the authorization server.
	httpTimeout = 30 * time.Second
	// scopeOffline asks for a refresh token.
	scopeOffline = "offline_access"
)

// ErrSignedOut says that nobody is signed in, or not any more: the person has to sign in again.
var ErrSignedOut = errors.New("not signed in")

// Config says where to sign in and where to keep it.
type Config struct {
	// Server is the public address of OKR Manager: scheme, host and port.
	Server string
	// Dir is the folder for the sign-ins, one file a server. It is made with mode 0700. Empty means the folder okr-manager
	// in the user's configuration folder ($XDG_CONFIG_HOME, ~/.config and what other systems have instead).
	Dir string
	// ClientID is that of an application that was registered by hand, with Port in its redirect address if the authorization
	// server asks for that. Empty: the program registers itself, and uses that registration again.
	ClientID string
	// ClientName is what the consent page calls the program when it registers itself.
	ClientName string
	// Scopes are what to ask for; offline_access is always added. Empty means everything that the server has. The person
	// grants all or less on the consent page.
	Scopes []string
	// Port is where on 127.0.0.1 the answer comes back. Zero means any port that is free.
	Port int
	// HTTP makes the requests to the authorization server. Nil means one with a timeout.
	HTTP *http.Client
}

// Account is a person's sign-in at one server. It is an okrclient.TokenSource, and safe for concurrent use, also by several
// processes.
type Account struct {
	cfg  Config
	http *http.Client
	file file

	mu     sync.Mutex
	cached record
}

// New checks the configuration. It neither reads the sign-in nor asks the network.
func New(cfg Config) (*Account, error) {
	origin, err := originOf(cfg.Server)
	if err != nil {
		return nil, fmt.Errorf("the server %q: %w", cfg.Server, err)
	}
	cfg.Server = origin
	if cfg.Dir == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return nil, fmt.Errorf("finding the configuration folder: %w", err)
		}
		cfg.Dir = filepath.Join(base, "okr-manager")
	}
	if cfg.ClientName == "" {
		cfg.ClientName = "okrclient"
	}
	client := http.Client{Timeout: httpTimeout}
	if cfg.HTTP != nil {
		client = *cfg.HTTP
	}
	// Codes and tokens go to the address that the metadata names and to no other.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Account{
		cfg: cfg, http: &client,
		file: file{dir: cfg.Dir, name: url.QueryEscape(origin) + ".json", server: origin},
	}, nil
}

// Server is the address without anything that does not belong to it.
func (a *Account) Server() string { return a.cfg.Server }

// Path is the file that the sign-in is kept in.
func (a *Account) Path() string { return a.file.path() }

// Granted is what a sign-in has led to.
type Granted struct {
	// Scopes are what the person and their role have allowed.
	Scopes []string
	// Lasting says that there is a refresh token.
	Lasting bool
}

// SignIn signs a person in and keeps it, in place of what was kept before. open gets the address that the person has to
// open in a browser on this machine; its error ends the sign-in. It waits for the person until the context ends.
func (a *Account) SignIn(ctx context.Context, open func(address string) error) (Granted, error) {
	metadata, err := a.discover(ctx)
	if err != nil {
		return Granted{}, fmt.Errorf("finding out how to sign in at %s: %w", a.cfg.Server, err)
	}
	before, err := a.file.read()
	if err != nil && !errors.Is(err, ErrSignedOut) {
		return Granted{}, err
	}
	landing, err := listen(ctx, a.port(before, metadata))
	if err != nil {
		return Granted{}, err
	}
	defer landing.close()
	client, err := a.client(ctx, metadata, before, landing.address)
	if err != nil {
		return Granted{}, fmt.Errorf("registering at %s: %w", metadata.server.Issuer, err)
	}
	scopes := a.scopes(metadata)
	config := oauth2.Config{
		ClientID: client, RedirectURL: landing.address, Scopes: scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL: metadata.server.AuthorizationEndpoint, TokenURL: metadata.server.TokenEndpoint, AuthStyle: oauth2.AuthStyleInParams,
		},
	}
	verifier, resource := oauth2.GenerateVerifier(), oauth2.SetAuthURLParam("resource", metadata.resource.Resource)
	landing.expect(metadata.server)
	if err := open(config.AuthCodeURL(landing.state, oauth2.S256ChallengeOption(verifier), resource)); err != nil {
		return Granted{}, err
	}
	code, err := landing.wait(ctx)
	if err != nil {
		return Granted{}, err
	}
	token, err := config.Exchange(a.withClient(ctx), code, oauth2.VerifierOption(verifier), resource)
	if err != nil {
		return Granted{}, fmt.Errorf("exchanging the code: %w", plain(err))
	}
	kept := record{
		Server: a.cfg.Server, Issuer: metadata.server.Issuer, TokenEndpoint: metadata.server.TokenEndpoint,
		RevocationEndpoint: metadata.server.RevocationEndpoint, ClientID: client, RedirectURI: landing.address, Scopes: scopes,
	}
	kept.take(token)
	unlock, err := a.file.lock(ctx)
	if err != nil {
		return Granted{}, err
	}
	defer unlock()
	if err := a.file.write(kept); err != nil {
		return Granted{}, err
	}
	a.mu.Lock()
	a.cached = kept
	a.mu.Unlock()
	return Granted{Scopes: kept.Scopes, Lasting: kept.RefreshToken != ""}, nil
}

// SignOut forgets the sign-in and has the authorization server take its tokens back (RFC 7009). The file is gone even when
// that fails. Without a sign-in it does nothing.
func (a *Account) SignOut(ctx context.Context) error {
	unlock, err := a.file.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	kept, err := a.file.read()
	if errors.Is(err, ErrSignedOut) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := a.file.remove(); err != nil {
		return err
	}
	a.mu.Lock()
	a.cached = record{}
	a.mu.Unlock()
	if err := a.revoke(ctx, kept); err != nil {
		return fmt.Errorf("signed out here, but the tokens were not taken back: %w", err)
	}
	return nil
}

// scopes are those to ask for.
func (a *Account) scopes(m metadata) []string {
	scopes := slices.Clone(a.cfg.Scopes)
	if len(scopes) == 0 {
		scopes = slices.Clone(m.resource.ScopesSupported)
	}
	if !slices.Contains(scopes, scopeOffline) {
		scopes = append(scopes, scopeOffline)
	}
	return scopes
}

// withClient makes package oauth2 use the account's HTTP client.
func (a *Account) withClient(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, a.http)
}

// originOf is an address without a path. Tokens are kept under it, so that each has one spelling.
func originOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("is not an address")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" || u.Host == "" {
		return "", errors.New("must be a scheme, a host and perhaps a port, such as https://okr.example.com")
	}
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	return origin, checkAddress(origin)
}

// checkAddress refuses to send secrets in plain text to another machine.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is not an address", address)
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && addr.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%s must begin with https: only this machine itself is spoken to in plain text", address)
}
