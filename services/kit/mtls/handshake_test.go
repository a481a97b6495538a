package mtls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
)

// patience is how long a test waits for what has to come.
const patience = 10 * time.Second

// service is one that lets rest and a team in, over gRPC and over HTTP, with its log.
func service(t *testing.T, dir string) (grpcAddr, httpAddr string, log *kittest.Log) {
	t.Helper()
	log = &kittest.Log{}
	identity, err := mtls.Load(mtls.Config{Dir: dir, Logger: kittest.Logger(log)})
	if err != nil {
		t.Fatal(err)
	}
	clients := []string{"rest", "spiffe://acme/team"}
	listener := kittest.Listen(t)
	server := grpc.NewServer(grpc.Creds(identity.ServerCredentials(clients)))
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	web := kittest.Listen(t)
	site := &http.Server{
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	go func() { _ = site.Serve(identity.Listen(web, clients)) }()
	t.Cleanup(func() { _ = site.Close() })
	return listener.Addr().String(), web.Addr().String(), log
}

func callGRPC(t *testing.T, addr string, with credentials.TransportCredentials) error {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(with))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	return err
}

func callHTTP(t *testing.T, addr string, dial func(context.Context, string, string) (net.Conn, error)) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialTLSContext: dial, DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func TestOnlyThoseWhoAreNamedAreLetIn(t *testing.T) {
	authority, other, root := kittest.NewAuthority(t), kittest.NewAuthority(t), t.TempDir()
	authority.Write(t, filepath.Join(root, "service"), kittest.Order{Names: []string{"okr-store"}})
	for name, c := range map[string]struct {
		names     []string
		issuer    *kittest.Authority
		wantInLog string // empty for a client that is let in
	}{
		"a named client":                        {[]string{"rest"}, authority, ""},
		"a client named by a URI":               {[]string{"spiffe://acme/team"}, authority, ""},
		"a client with a named one among names": {[]string{"edge-7", "rest"}, authority, ""},
		"a client with another name":            {[]string{"mcp"}, authority, "may not call this service"},
		"a wildcard that would match":           {[]string{"*"}, authority, "may not call this service"},
		"a longer name":                         {[]string{"rest.evil.example"}, authority, "may not call this service"},
		"one with the service's name":           {[]string{"okr-store"}, authority, "may not call this service"},
		"a named client of another authority":   {[]string{"rest"}, other, "unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			grpcAddr, httpAddr, log := service(t, filepath.Join(root, "service"))
			// A client that trusts the service, whoever issued its own certificate.
			cert, key := c.issuer.Issue(t, kittest.Order{Names: c.names})
			pair, err := tls.X509KeyPair(cert, key)
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(authority.PEM)
			config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}
			dial := (&tls.Dialer{Config: config}).DialContext
			overGRPC, overHTTP := callGRPC(t, grpcAddr, credentials.NewTLS(config)), callHTTP(t, httpAddr, dial)
			if c.wantInLog == "" && (overGRPC != nil || overHTTP != nil) || c.wantInLog != "" && (overGRPC == nil || overHTTP == nil) {
				t.Errorf("over gRPC %v, over HTTP %v", overGRPC, overHTTP)
			}
			// A server logs why it ended a handshake when the client has heard already.
			for end := time.Now().Add(patience); !strings.Contains(log.String(), c.wantInLog); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("the log does not say %q: %s", c.wantInLog, log)
				}
			}
		})
	}
}

func TestNobodyWithoutACertificateOrWithOldTLSIsLetIn(t *testing.T) {
	authority, dir := kittest.NewAuthority(t), t.TempDir()
	authority.Write(t, dir, kittest.Order{Names: []string{"rest"}})
	grpcAddr, httpAddr, _ := service(t, dir)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*tls.Config{
		"without a certificate": {RootCAs: roots},
		"with TLS 1.2":          {RootCAs: roots, Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS12},
	} {
		dial := (&tls.Dialer{Config: config}).DialContext
		if err := callGRPC(t, grpcAddr, credentials.NewTLS(config)); err == nil {
			t.Errorf("a client %s is let in over gRPC", name)
		}
		if err := callHTTP(t, httpAddr, dial); err == nil {
			t.Errorf("a client %s is let in over HTTP", name)
		}
	}
	if err := callGRPC(t, grpcAddr, insecure.NewCredentials()); err == nil {
		t.Error("a client without encryption is let in")
	}
}

func TestAClientKnowsTheServiceByItsNameAndAuthority(t *testing.T) {
	authority, other, root := kittest.NewAuthority(t), kittest.NewAuthority(t), t.TempDir()
	dir := func(name string) string { return filepath.Join(root, name) }
	authority.Write(t, dir("service"), kittest.Order{Names: []string{"okr-store"}})
	authority.Write(t, dir("client"), kittest.Order{Names: []string{"rest"}})
	other.Write(t, dir("stranger"), kittest.Order{Names: []string{"rest"}})
	grpcAddr, httpAddr, _ := service(t, dir("service"))
	_, port, err := net.SplitHostPort(grpcAddr)
	if err != nil {
		t.Fatal(err)
	}
	load := func(name string) *mtls.Identity {
		identity, err := mtls.Load(mtls.Config{Dir: dir(name)})
		if err != nil {
			t.Fatal(err)
		}
		return identity
	}
	plain := (&net.Dialer{}).DialContext
	for name, c := range map[string]struct {
		addr   string
		client *mtls.Identity
		ok     bool
	}{
		"the service":                         {grpcAddr, load("client"), true},
		"under a name that it does not have":  {"localhost:" + port, load("client"), false},
		"with an authority that is not known": {grpcAddr, load("stranger"), false},
	} {
		if err := callGRPC(t, c.addr, c.client.ClientCredentials()); (err == nil) != c.ok {
			t.Errorf("%s over gRPC: %v", name, err)
		}
	}
	if err := callHTTP(t, httpAddr, load("client").DialTLS(plain)); err != nil {
		t.Errorf("over HTTP: %v", err)
	}
	if err := callHTTP(t, httpAddr, load("stranger").DialTLS(plain)); err == nil {
		t.Error("a service of another authority was believed over HTTP")
	}
	// A box asks after its own health under whatever address it listens on.
	if err := callGRPC(t, "localhost:"+port, load("service").SelfCredentials()); err != nil {
		t.Errorf("the box itself: %v", err)
	}
}
