package authz_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// patient is a configuration that the doctor is to look at.
type patient struct {
	t        *testing.T
	idp      *devidptest.Server
	settings map[string]string
	args     []string
	now      func() time.Time
}

// keyFile makes what OKR_TXN_KEY_FILE names.
func keyFile(t *testing.T) string {
	t.Helper()
	var file bytes.Buffer
	if err := authz.KeysCommand().Run(t.Context(), nil, run.Stdio{Out: &file}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "txn-keys.json")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newPatient is one whom nothing is wrong with, and his authz runs.
func newPatient(t *testing.T) *patient {
	t.Helper()
	listener := kittest.Listen(t)
	idp := devidptest.Start(t, devidp.Config{AuthorizationURL: publicURL + "/oauth/authorize", AllowedRedirects: []string{publicURL}})
	p := &patient{t: t, idp: idp, now: time.Now, settings: map[string]string{
		"OKR_STYTCH_PROJECT_ID": idp.ProjectID, "OKR_STYTCH_SECRET": idp.Secret, "OKR_STYTCH_PUBLIC_TOKEN": idp.PublicToken,
		"OKR_STYTCH_BASE_URI": idp.URL, "OKR_STYTCH_PUBLIC_URL": idp.URL, "OKR_PUBLIC_URL": publicURL,
		"OKR_OAUTH_ISSUER": idp.URL, "OKR_TXN_KEY_FILE": keyFile(t), "OKR_AUTHZ_ADDR": listener.Addr().String(),
		"OKR_MCP_SEAL_KEY": strings.Repeat("s", 32),
	}}
	runAuthz(t, listener, p.settings)
	return p
}

// certify gives the boxes a certificate, which nobody asks with.
func (p *patient) certify(order kittest.Order) {
	p.t.Helper()
	dir := p.t.TempDir()
	order.Names = []string{"authz"}
	kittest.NewAuthority(p.t).Write(p.t, dir, order)
	p.settings["OKR_TLS_DIR"], p.settings["OKR_TXN_KEY_FILE"] = dir, ""
}

// through has the doctor meet the identity provider with its answers to one path changed.
func (p *patient) through(setting, path string, change func(answer map[string]any)) {
	p.t.Helper()
	target, err := url.Parse(p.idp.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Header.Del("Accept-Encoding") },
		ModifyResponse: func(resp *http.Response) error {
			if resp.Request.URL.Path != path {
				return nil
			}
			var answer map[string]any
			if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
				return err
			}
			change(answer)
			text, err := json.Marshal(answer)
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
			resp.Header.Set("Content-Length", strconv.Itoa(len(text)))
			return err
		},
	})
	p.t.Cleanup(server.Close)
	p.settings[setting] = server.URL
}

func (p *patient) examine() (string, error) {
	p.t.Helper()
	for name, value := range p.settings {
		p.t.Setenv(name, value)
	}
	var out bytes.Buffer
	err := authz.DoctorCommand(p.now).Run(p.t.Context(), p.args, run.Stdio{Out: &out, Err: &out})
	if text := out.String(); strings.Contains(text, p.settings["OKR_STYTCH_SECRET"]) {
		p.t.Errorf("the report has the secret: %s", text)
	}
	return out.String(), err
}

const (
	metadataPath = "/.well-known/oauth-authorization-server"
	policyPath   = "/v1/b2b/rbac/policy"
)

func TestTheDoctorFindsWhatIsWrongAndSaysWhereToPutItRight(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*patient)
		wrong string // part of what it says, of this finding alone
		fix   string
	}{
		"another project's id": {
			func(p *patient) {
				p.settings["OKR_STYTCH_PROJECT_ID"] = "project-test-11111111-0000-4000-8000-000000000000"
			},
			"knows no project project-test-11111111", "OKR_STYTCH_PROJECT_ID",
		},
		"another project's secret": {
			func(p *patient) { p.settings["OKR_STYTCH_SECRET"] = "secret-test-of-another-project" },
			"refuses OKR_STYTCH_SECRET", "OKR_STYTCH_SECRET",
		},
		"another project's public token": {
			func(p *patient) { p.settings["OKR_STYTCH_PUBLIC_TOKEN"] = "public-token-test-of-another-project" },
			"does not know OKR_STYTCH_PUBLIC_TOKEN", "OKR_STYTCH_PUBLIC_TOKEN",
		},
		"a secret of the live environment": {
			func(p *patient) { p.settings["OKR_STYTCH_SECRET"] = "secret-live-1" },
			"OKR_STYTCH_SECRET of the live environment", "of the environment that OKR_STYTCH_PROJECT_ID names",
		},
		"a resource that the policy lacks": {
			func(p *patient) {
				p.through("OKR_STYTCH_BASE_URI", policyPath, func(answer map[string]any) {
					answer["policy"].(map[string]any)["resources"] = []any{}
				})
			},
			"lacks resource objective", "authz policy push",
		},
		"a role and a scope that the policy lacks": {
			func(p *patient) {
				p.through("OKR_STYTCH_BASE_URI", policyPath, func(answer map[string]any) {
					policy := answer["policy"].(map[string]any)
					policy["scopes"] = policy["scopes"].([]any)[1:]
					policy["roles"] = policy["roles"].([]any)[:2]
				})
			},
			"lacks role manager", "authz policy push",
		},
		"a redirect URL that is not registered": {
			func(p *patient) {
				p.idp = devidptest.Start(p.t, devidp.Config{AuthorizationURL: publicURL + "/oauth/authorize", AllowedRedirects: []string{"http://localhost:9"}})
				p.settings["OKR_STYTCH_PUBLIC_URL"] = p.idp.URL
			},
			"redirect URL " + publicURL + "/authenticate is not registered", "register " + publicURL + "/authenticate",
		},
		"another product's authorization URL": {
			func(p *patient) {
				p.through("OKR_OAUTH_ISSUER_INTERNAL_URL", metadataPath, func(answer map[string]any) {
					answer["authorization_endpoint"] = "https://elsewhere.example/authorize"
				})
			},
			`sent to "https://elsewhere.example/authorize"`, "set the authorization URL to " + publicURL + "/oauth/authorize",
		},
		"Connected Apps that are off": {
			func(p *patient) {
				p.through("OKR_OAUTH_ISSUER_INTERNAL_URL", metadataPath, func(answer map[string]any) {
					delete(answer, "authorization_endpoint")
				})
			},
			"Connected Apps are off", "enable Connected Apps",
		},
		"clients that cannot register": {
			func(p *patient) {
				p.through("OKR_OAUTH_ISSUER_INTERNAL_URL", metadataPath, func(answer map[string]any) {
					delete(answer, "registration_endpoint")
				})
			},
			"dynamic client registration is off", "Allow dynamic client registration",
		},
		"another public address": {
			func(p *patient) { p.settings["OKR_PUBLIC_URL"] = "https://okr.example.com" },
			"the product's page is https://okr.example.com/oauth/authorize", "correct OKR_PUBLIC_URL",
		},
		"an issuer that is another's": {
			func(p *patient) {
				p.settings["OKR_OAUTH_ISSUER"], p.settings["OKR_OAUTH_ISSUER_INTERNAL_URL"] = "https://word-word-1.customers.stytch.dev", p.idp.URL
			},
			"OKR_OAUTH_ISSUER is https://word-word-1", "set OKR_OAUTH_ISSUER to",
		},
		"a clock that is wrong": {
			func(p *patient) { p.now = func() time.Time { return time.Now().Add(-3 * time.Minute) } },
			"differs from Stytch's by -", "set the clock",
		},
		"an address where nobody is": {
			func(p *patient) { p.settings["OKR_STYTCH_BASE_URI"] = "http://127.0.0.1:1" },
			"cannot be reached at http://127.0.0.1:1", "OKR_STYTCH_BASE_URI",
		},
		"keys that the running authz does not have": {
			func(p *patient) { p.settings["OKR_TXN_KEY_FILE"] = keyFile(p.t) },
			"has other keys", "OKR_TXN_KEY_FILE",
		},
		"a certificate for servers alone": {
			func(p *patient) {
				p.certify(kittest.Order{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
			},
			"would refuse this one", "both server auth and client auth",
		},
		"a certificate that is about to end": {
			func(p *patient) { p.certify(kittest.Order{NotAfter: time.Now().Add(time.Minute)}) },
			"among the boxes expires at", "renew the certificate",
		},
		"replicas without a common key": {
			func(p *patient) {
				p.args, p.settings["OKR_TXN_KEY_FILE"] = []string{"--replicas", "2"}, ""
			},
			"each replica of authz would make a key", "set OKR_TXN_KEY_FILE",
		},
		"replicas without a common sealing key": {
			func(p *patient) { p.args, p.settings["OKR_MCP_SEAL_KEY"] = []string{"--replicas", "2"}, "" },
			"each replica of the MCP edge", "set OKR_MCP_SEAL_KEY",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t)
			if text, err := p.examine(); err != nil || strings.Contains(text, "WRONG") || strings.Contains(text, "skipped") {
				t.Fatalf("before anything is wrong: %v\n%s", err, text)
			}
			c.spoil(p)
			text, err := p.examine()
			if !errors.Is(err, authz.ErrFindings) {
				t.Errorf("the doctor says %v", err)
			}
			_, found, _ := strings.Cut(text, c.wrong)
			if _, fix, _ := strings.Cut(found, "fix: "); !strings.Contains(strings.SplitN(fix, "\n", 2)[0], c.fix) {
				t.Errorf("the report does not say %q and how to put it right by %q:\n%s", c.wrong, c.fix, text)
			}
		})
	}
}

func TestTheDoctorDoesNotMakeAKeyFile(t *testing.T) {
	p := newPatient(t)
	path := filepath.Join(t.TempDir(), "none.json")
	p.settings["OKR_TXN_KEY_FILE"] = path
	if _, err := p.examine(); err == nil {
		t.Error("a key file that is not there was read")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key file: %v", err)
	}
}

// runAuthz runs authz with settings until the test ends.
func runAuthz(t *testing.T, listener net.Listener, settings map[string]string) {
	t.Helper()
	cfg, err := config.LoadOver[authz.Config](settings)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listener, cfg.Logger = listener, kittest.Logger(&kittest.Log{})
	stopped := make(chan error, 1)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() { stopped <- authz.Run(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("authz: %v", err)
		}
	})
}
