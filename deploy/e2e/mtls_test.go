package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// certified are the boxes that have certificates, as folders of stack.Config.TLSDir.
var certified = []string{"authz", "okr-store", "mcp", "rest"}

// encrypted is a system whose boxes have certificates of one authority.
type encrypted struct {
	*system
	authority *kittest.Authority
	dir       string
	log       *kittest.Log
}

func encryptedSystem(t *testing.T) *encrypted {
	t.Helper()
	e := &encrypted{authority: kittest.NewAuthority(t), dir: t.TempDir(), log: &kittest.Log{}}
	for _, box := range certified {
		e.authority.Write(t, filepath.Join(e.dir, box), kittest.Order{Names: []string{box}})
	}
	started, err := stack.Start(t.Context(), stack.Config{
		EphemeralPorts: true, TLSDir: e.dir, Logger: slog.New(slog.NewTextHandler(e.log, nil)),
		Environment: map[string]string{"OKR_DATA_DIR": t.TempDir(), "OKR_AUTHZ_CHECK_INTERVAL": "1s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.system = &system{Stack: started}
	t.Cleanup(func() {
		if err := started.Close(); err != nil {
			t.Errorf("stopping the system: %v", err)
		}
	})
	if e.provider, err = providerOf(started); err != nil {
		t.Fatal(err)
	}
	return e
}

// client is the encryption of a client that trusts the system; without an issuer it has no certificate.
func (e *encrypted) client(t *testing.T, issuer *kittest.Authority, names ...string) *tls.Config {
	t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13}
	config.RootCAs.AppendCertsFromPEM(e.authority.PEM)
	if issuer != nil {
		cert, key := issuer.Issue(t, kittest.Order{Names: names})
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

// visit asks the MCP edge itself, past the REST edge.
func (e *encrypted) visit(ctx context.Context, config *tls.Config) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+e.MCPAddr+"/livez", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{TLSClientConfig: config, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the MCP edge answers %s", resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// knock asks whether a service would serve. Only who is let in gets an answer.
func knock(ctx context.Context, addr string, with credentials.TransportCredentials) error {
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(with))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	return err
}

// Whoever reads what goes on between the boxes could repeat a transaction token for its thirty seconds, and whoever can
// connect could try stolen ones. Neither can be done by those who have no certificate.
func TestBoxesWithCertificatesLetNobodyElseIn(t *testing.T) {
	t.Parallel()
	e := encryptedSystem(t)
	ceo, _ := e.found(t)
	objective := ceo.objective(t, "Encrypted")
	let := ceo.letIn(t, "Agent", "read:okrs")
	if got := let.overMCP(e.system).must(t, "getObjective", "okrID", objective); got.structured()["objectiveText"] != "Encrypted" {
		t.Errorf("an agent reads %v", got.structured())
	}

	other := kittest.NewAuthority(t)
	everywhere := []string{"authz", "okr-store", "mcp"}
	for name, c := range map[string]struct {
		issuer *kittest.Authority
		names  []string
		ok     map[string]bool
	}{
		"the REST edge":                  {e.authority, []string{"rest"}, map[string]bool{"authz": true, "okr-store": true, "mcp": true}},
		"the MCP edge":                   {e.authority, []string{"mcp"}, map[string]bool{"authz": true, "okr-store": true, "mcp": false}},
		"okr-store":                      {e.authority, []string{"okr-store"}, map[string]bool{"authz": true}},
		"a box that is not named":        {e.authority, []string{"reporting"}, nil},
		"one named almost like a box":    {e.authority, []string{"rest.attacker.test", "*.rest", "REST"}, nil},
		"another authority's REST edge":  {other, []string{"rest"}, nil},
		"a client without a certificate": {nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			config := e.client(t, c.issuer, c.names...)
			for _, box := range everywhere {
				var err error
				switch box {
				case "authz":
					err = knock(t.Context(), e.AuthzAddr, credentials.NewTLS(config))
				case "okr-store":
					err = knock(t.Context(), e.StoreAddr, credentials.NewTLS(config))
				case "mcp":
					err = e.visit(t.Context(), config)
				}
				if (err == nil) != c.ok[box] {
					t.Errorf("at %s: %v, let in: %t, want %t", box, err, err == nil, c.ok[box])
				}
			}
		})
	}
	for box, addr := range map[string]string{"authz": e.AuthzAddr, "okr-store": e.StoreAddr} {
		if err := knock(t.Context(), addr, insecure.NewCredentials()); status.Code(err) != codes.Unavailable {
			t.Errorf("without encryption, %s answers %v", box, err)
		}
	}
	for _, want := range []string{"may not call this service", "unknown authority", "didn't provide a certificate"} {
		if !strings.Contains(e.log.String(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}

// The name lets a client connect and nothing more: who calls is still for its token to say.
func TestACertificateIsNoCredentialOfAMember(t *testing.T) {
	t.Parallel()
	e := encryptedSystem(t)
	ceo, _ := e.found(t)
	let := ceo.letIn(t, "Program", "read:okrs")
	conn, err := grpc.NewClient(e.StoreAddr, grpc.WithTransportCredentials(credentials.NewTLS(e.client(t, e.authority, "rest"))))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := okrv1.NewOkrServiceClient(conn).ListObjectives(t.Context(), &okrv1.ListObjectivesRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
	client, err := okrclient.Dial(okrclient.Config{
		Target: e.StoreAddr, TLS: e.client(t, e.authority, "mcp"), Tokens: okrclient.StaticToken(let.AccessToken),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.ListObjectives(t.Context(), &okrv1.ListObjectivesRequest{}); err != nil {
		t.Errorf("with a token: %v", err)
	}
}

func TestCertificatesAndTheirAuthorityAreReplacedWithoutAFailedCall(t *testing.T) {
	t.Parallel()
	e := encryptedSystem(t)
	ceo, _ := e.found(t)
	agent := ceo.letIn(t, "Agent", "read:okrs", "manage:objectives").overMCP(e.system)

	var calls atomic.Int64
	var load sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	again := func(what string, call func() error) {
		load.Go(func() {
			for ctx.Err() == nil {
				if err := call(); err != nil {
					t.Errorf("%s: %v", what, err)
					stop()
				}
				calls.Add(1)
			}
		})
	}
	again("over REST", func() error {
		if got := ceo.call(t, http.MethodPost, "/api/v1/objectives", `{"title": "Written meanwhile"}`); got.status/100 != 2 {
			return fmt.Errorf("%d %s", got.status, got.body)
		}
		return nil
	})
	again("over MCP", func() error {
		got, err := e.ask(context.WithoutCancel(ctx), rpc{
			method: "tools/call", params: fields{"name": "whoAmI"}, revision: modern, header: bearerHeader(agent.token),
		})
		if err == nil && (got.status != http.StatusOK || got.failure != nil || got.isError()) {
			err = fmt.Errorf("%d %s", got.status, got.body)
		}
		return err
	})
	// Connections that are there go on as they are, so these are new ones.
	again("over new connections", func() error {
		config := e.client(t, e.authority, "rest")
		for _, addr := range []string{e.AuthzAddr, e.StoreAddr} {
			if err := knock(context.WithoutCancel(ctx), addr, credentials.NewTLS(config)); err != nil {
				return err
			}
		}
		return e.visit(context.WithoutCancel(ctx), config)
	})
	more := func(what string) {
		t.Helper()
		until := calls.Load() + 60
		eventually(t, what, func() bool { return calls.Load() >= until || ctx.Err() != nil })
	}
	more("calls with the first certificates")

	// An authority is replaced in three steps: both are trusted, then the new one issues, then the old one is forgotten.
	next := kittest.NewAuthority(t)
	both := append(append([]byte(nil), e.authority.PEM...), next.PEM...)
	write := func(issuer *kittest.Authority, ca []byte) {
		for _, box := range certified {
			cert, key := issuer.Issue(t, kittest.Order{Names: []string{box}})
			kittest.WriteCertificate(t, filepath.Join(e.dir, box), cert, key, ca)
		}
	}
	shownBy := func(addr string) string {
		//nolint:gosec // whatever is shown is to be seen
		raw, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}}).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			return err.Error()
		}
		defer raw.Close()
		return raw.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := shownBy(e.AuthzAddr)
	write(e.authority, both)
	eventually(t, "the second certificate", func() bool { return shownBy(e.AuthzAddr) != before })
	more("calls with the second certificates")

	stop()
	load.Wait()
	write(next, both)
	letsIn := func(issuer *kittest.Authority) bool {
		config := e.client(t, issuer, "rest")
		config.RootCAs.AppendCertsFromPEM(next.PEM)
		return knock(t.Context(), e.AuthzAddr, credentials.NewTLS(config)) == nil &&
			knock(t.Context(), e.StoreAddr, credentials.NewTLS(config)) == nil && e.visit(t.Context(), config) == nil
	}
	eventually(t, "clients of both authorities", func() bool { return letsIn(e.authority) && letsIn(next) })
	write(next, next.PEM)
	eventually(t, "clients of the next authority alone", func() bool { return !letsIn(e.authority) && letsIn(next) })
	ceo.objective(t, "Written under the next authority")
	agent.must(t, "whoAmI")
	t.Logf("%d calls", calls.Load())
}
