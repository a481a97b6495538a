package main

import (
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestEveryAlertIsTried(t *testing.T) {
	var rules struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	readYAML(t, "../observability/alerts.yaml", &rules)
	tests, err := os.ReadFile("../observability/alerts.test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fires := regexp.MustCompile(`alertname="(\w+)",alertstate="firing"[^\n]*value: 1|alertname: (\w+)\n +exp_alerts:\n`).FindAllStringSubmatch(string(tests), -1)
	alerts := 0
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			alerts++
			if !slices.ContainsFunc(fires, func(found []string) bool { return found[1]+found[2] == rule.Alert }) {
				t.Errorf("no test has %s fire", rule.Alert)
			}
		}
	}
	if alerts < 18 {
		t.Errorf("only %d alerts were found", alerts)
	}
}

// The collector refuses to start on a pipeline with a part that is not defined, and ignores a part that no pipeline has.
func TestTheCollectorTakesTracesAndHandsThemOn(t *testing.T) {
	var config struct {
		Receivers map[string]struct {
			Protocols map[string]struct{ Endpoint string }
		}
		Processors map[string]any
		Exporters  map[string]struct{ Endpoint string }
		Service    struct {
			Pipelines map[string]map[string][]string
		}
	}
	readYAML(t, "../observability/collector.yaml", &config)
	used := map[string][]string{}
	for name, pipeline := range config.Service.Pipelines {
		for kind, parts := range pipeline {
			used[kind] = append(used[kind], parts...)
		}
		if order := pipeline["processors"]; len(order) == 0 || order[0] != "memory_limiter" || order[len(order)-1] != "batch" {
			t.Errorf("the processors of %s are %v: what bounds memory comes first and what batches last", name, order)
		}
	}
	for kind, defined := range map[string][]string{"receivers": keys(config.Receivers), "processors": keys(config.Processors), "exporters": keys(config.Exporters)} {
		slices.Sort(used[kind])
		if got := slices.Compact(used[kind]); !slices.Equal(got, defined) {
			t.Errorf("of the %s, %v are defined and %v used", kind, defined, got)
		}
	}
	if got := config.Receivers["otlp"].Protocols["http"].Endpoint; got != "0.0.0.0:4318" {
		t.Errorf("traces are sent to port 4318 over HTTP and taken at %q", got)
	}
	c := readCompose(t)
	for name, exporter := range config.Exporters {
		reaches(t, c, "collector", "the exporter "+name, exporter.Endpoint)
	}
}

func TestGrafanaLooksWhereThingsAre(t *testing.T) {
	var provisioned struct {
		Datasources []struct{ UID, Type, URL string }
	}
	readYAML(t, "../observability/grafana/provisioning/datasources/datasources.yaml", &provisioned)
	c := readCompose(t)
	types := map[string]string{}
	for _, source := range provisioned.Datasources {
		types[source.UID] = source.Type
		address, err := url.Parse(source.URL)
		if err != nil {
			t.Fatal(err)
		}
		reaches(t, c, "grafana", "the data source "+source.UID, address.Host)
	}
	dashboard, err := os.ReadFile("../observability/grafana/dashboards/okr-manager.json")
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`"datasource": \{\s*"type": "(\w+)",\s*"uid": "([^"]+)"`).FindAllStringSubmatch(string(dashboard), -1)
	if len(asked) < 10 {
		t.Errorf("only %d panels name a data source", len(asked))
	}
	for _, source := range asked {
		if types[source[2]] != source[1] {
			t.Errorf("the dashboard asks %s of the type %s; there are %v", source[2], source[1], types)
		}
	}
	// Both paths are those inside of the container.
	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	readYAML(t, "../observability/grafana/provisioning/dashboards/dashboards.yaml", &providers)
	for _, provider := range providers.Providers {
		if !slices.Contains(c.Services["grafana"].Volumes, "./deploy/observability/grafana/dashboards:"+provider.Options.Path+":ro") {
			t.Errorf("dashboards are looked for in %s, where nothing is mounted", provider.Options.Path)
		}
	}
	if home := c.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]; !strings.HasSuffix(home, "/okr-manager.json") {
		t.Errorf("the first page is %q", home)
	}
}

// reaches reports an address that is of no service, or of one that shares no network with who asks.
func reaches(t *testing.T, c composed, from, what, address string) {
	t.Helper()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		t.Errorf("%s has the address %q: %v", what, address, err)
		return
	}
	service, ok := c.Services[host]
	if !ok || !slices.ContainsFunc(service.Networks, func(network string) bool { return slices.Contains(c.Services[from].Networks, network) }) {
		t.Errorf("%s is at %s, which %s does not reach", what, address, from)
	}
}

func keys[V any](m map[string]V) []string {
	var all []string
	for key := range m {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}
