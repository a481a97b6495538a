package okrstore_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

func TestSettingsOfEtcdThatCannotWorkAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*okrstore.Config)
		want   string
	}{
		"an engine that there is not":        {func(c *okrstore.Config) { c.Engine = "paper" }, "OKR_STORE_ENGINE"},
		"no endpoint":                        {func(c *okrstore.Config) { c.EtcdEndpoints = nil }, "OKR_STORE_ETCD_ENDPOINTS"},
		"an endpoint without a scheme":       {func(c *okrstore.Config) { c.EtcdEndpoints = []string{"etcd:2379"} }, "OKR_STORE_ETCD_ENDPOINTS"},
		"some encrypted and others not":      {func(c *okrstore.Config) { c.EtcdEndpoints = []string{"http://a:1", "https://b:1"} }, "all be http or all https"},
		"authorities for what is plain":      {func(c *okrstore.Config) { c.EtcdCA = "ca.pem" }, "OKR_STORE_ETCD_CA"},
		"a certificate without its key":      {func(c *okrstore.Config) { c.EtcdEndpoints, c.EtcdCert = []string{"https://a:1"}, "cert.pem" }, "OKR_STORE_ETCD_KEY"},
		"a user without a password":          {func(c *okrstore.Config) { c.EtcdUser = "okr" }, "OKR_STORE_ETCD_PASSWORD"},
		"authorities in a file that is away": {func(c *okrstore.Config) { c.EtcdEndpoints, c.EtcdCA = []string{"https://a:1"}, "no-such.pem" }, "OKR_STORE_ETCD_CA"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := okrstore.Config{Addr: "127.0.0.1:0", AuthzAddr: "127.0.0.1:1", Heartbeat: time.Minute, ProposalLifetime: time.Hour, Logger: slog.New(slog.DiscardHandler)}
			cfg.Engine, cfg.EtcdEndpoints = "etcd", []string{"http://127.0.0.1:1"}
			test.change(&cfg)
			if err := okrstore.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// authority makes certificates for this machine, in files.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	a.sign("ca", a.cert, a.key)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name+".pem") }

// issue writes NAME.pem and NAME-key.pem.
func (a *authority) issue(name string) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.sign(name, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, key)
	pair, err := tls.LoadX509KeyPair(a.file(name), a.file(name+"-key"))
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

func (a *authority) sign(name string, cert *x509.Certificate, key *ecdsa.PrivateKey) {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name: {Type: "CERTIFICATE", Bytes: der}, name + "-key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

// encrypted stands before etcd and lets in who has a certificate of the authority. It answers its URL.
func (a *authority) encrypted(endpoint string) string {
	a.t.Helper()
	authorities := x509.NewCertPool()
	text, err := os.ReadFile(a.file("ca"))
	if err != nil || !authorities.AppendCertsFromPEM(text) {
		a.t.Fatal(err)
	}
	listener := tls.NewListener(kittest.Listen(a.t), &tls.Config{
		Certificates: []tls.Certificate{a.issue("etcd")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authorities,
		NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	a.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				etcd, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(endpoint, "http://"))
				if err != nil {
					return
				}
				defer etcd.Close()
				go func() { _, _ = io.Copy(etcd, client) }()
				_, _ = io.Copy(client, etcd)
			}()
		}
	}()
	return "https://" + listener.Addr().String()
}

// Both prove who they are, and the store has a user of etcd that may do no more than it has to.
func TestTheStoreReachesAnEtcdThatAsksWhoItIs(t *testing.T) {
	etcd := kittest.StartEtcd(t, 1)
	for _, args := range [][]string{
		{"user", "add", "root:secret-of-root"},
		{"user", "grant-role", "root", "root"},
		{"user", "add", "okr:secret-of-okr"},
		{"role", "add", "okr"},
		{"role", "grant-permission", "okr", "readwrite", "--prefix", "mine/"},
		{"user", "grant-role", "okr", "okr"},
		{"auth", "enable"},
	} {
		etcd.Control(args...)
	}
	a, other := newAuthority(t), newAuthority(t)
	a.issue("store")
	other.issue("store")
	secured := okrstore.Config{
		Engine: "etcd", EtcdEndpoints: []string{a.encrypted(etcd.Endpoints[0])}, EtcdPrefix: "mine/",
		EtcdUser: "okr", EtcdPassword: "secret-of-okr", EtcdCA: a.file("ca"), EtcdCert: a.file("store"), EtcdKey: a.file("store-key"),
		Heartbeat: time.Minute, ProposalLifetime: time.Hour, Logger: slog.New(slog.DiscardHandler), Authenticator: kittest.Authenticator{"ceo": kittest.CEO("acme")},
	}
	conn, _ := run(t, "", func(cfg *okrstore.Config) {
		listener := cfg.Listener
		*cfg = secured
		cfg.Listener = listener
	})
	ctx := kittest.As(t.Context(), "ceo")
	if _, err := okrv1.NewOkrServiceClient(conn).CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow"}}); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*okrstore.Config){
		"another password":                     func(c *okrstore.Config) { c.EtcdPassword = "a-guess" },
		"no user":                              func(c *okrstore.Config) { c.EtcdUser, c.EtcdPassword = "", "" },
		"another prefix than the user's":       func(c *okrstore.Config) { c.EtcdPrefix = "theirs/" },
		"no certificate":                       func(c *okrstore.Config) { c.EtcdCert, c.EtcdKey = "", "" },
		"another authority's certificate":      func(c *okrstore.Config) { c.EtcdCert, c.EtcdKey = other.file("store"), other.file("store-key") },
		"an etcd that another one vouches for": func(c *okrstore.Config) { c.EtcdCA = other.file("ca") },
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			cfg := secured
			cfg.Listener = kittest.Listen(t)
			var log bytes.Buffer
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			change(&cfg)
			err := okrstore.Run(t.Context(), cfg)
			if err == nil {
				t.Fatal("it ended without an error")
			}
			if strings.Contains(err.Error()+log.String(), "secret-of-okr") {
				t.Errorf("the password is told: %v\n%s", err, log.String())
			}
		})
	}
}
