package rest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

func TestTheDefaultsAreValid(t *testing.T) {
	if _, err := config.Load[Config](); err != nil {
		t.Errorf("the defaults have mistakes: %v", err)
	}
}

func TestEveryMistakeInTheSettingsIsReportedAtOnce(t *testing.T) {
	c := Config{
		Addr: "nope", AuthzAddr: "", StoreAddr: "x", MCPAddr: "z", PublicURL: "ftp://a", BodyLimit: 1, ImportLimit: 1, DrainDelay: time.Hour, MetricsAddr: "y",
		AddressRate: -1, CallerRate: -1, OrganizationRate: -1, MaxRequests: -1, TrustedProxies: []string{"everybody"},
	}
	err := c.Validate()
	for _, name := range []string{
		"OKR_REST_ADDR", "OKR_AUTHZ_ADDR", "OKR_STORE_ADDR", "OKR_MCP_ADDR", "OKR_PUBLIC_URL", "OKR_REST_BODY_LIMIT", "OKR_REST_DRAIN_DELAY",
		"OKR_REST_METRICS_ADDR", "OKR_REST_IMPORT_LIMIT", "OKR_ADDRESS_RATE", "OKR_REST_CALLER_RATE", "OKR_ORGANIZATION_RATE",
		"OKR_REST_MAX_REQUESTS", "OKR_TRUSTED_PROXIES",
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the report lacks %s: %v", name, err)
		}
	}
}

func TestTheEdgeKeyDoesNotPrint(t *testing.T) {
	c := Config{EdgeKey: "the-edge-key"}
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "the-edge-key") {
		t.Errorf("the settings print as %s", text)
	}
}

func TestStoppingLetsRequestsFinish(t *testing.T) {
	w := start(t, func(c *Config) { c.DrainDelay = 200 * time.Millisecond })
	entered, release := make(chan struct{}), make(chan struct{})
	w.store.change(func(f *fakeStore) {
		f.hold = func() { close(entered); <-release }
	})
	answered := make(chan reply, 1)
	go func() { answered <- w.do(ask{path: "/api/v1/objectives", session: "ceo-session"}) }()
	<-entered
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.stop() }()
	r := w.do(ask{path: "/readyz"})
	for r.StatusCode == http.StatusOK {
		r = w.do(ask{path: "/readyz"})
	}
	if r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("while draining, /readyz answers %d", r.StatusCode)
	}
	close(release)
	if r := <-answered; r.StatusCode != http.StatusOK {
		t.Errorf("the request that was running got %d", r.StatusCode)
	}
	<-stopped
}

func TestMetricsKnowRoutesAndNotPaths(t *testing.T) {
	listener := kittest.Listen(t)
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil { // its port is free for the edge to take
		t.Fatal(err)
	}
	w := start(t, func(c *Config) { c.MetricsAddr = addr })
	w.do(ask{path: "/api/v1/objectives/" + knownID, session: "ceo-session"})
	w.do(ask{path: "/nope/" + knownID})
	w.do(ask{method: "BREW", path: "/api/v1/objectives"})
	metrics := *w
	metrics.url = "http://" + addr
	kittest.Await(t, addr)
	body := metrics.do(ask{path: "/metrics"}).body
	for _, want := range []string{
		`http_server_request_duration_seconds_count{code="200",method="GET",route="/api/v1/objectives/{objective_id}"} 1`,
		`code="404",method="GET",route="none"`,
		`code="405",method="OTHER",route="none"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(body, knownID) {
		t.Error("the metrics have an id in them")
	}
}
