package e2e

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

const observability = "../observability/"

// expression is a piece of PromQL and where it stands.
type expression struct{ where, text string }

// alerts reads the alert rules, each of which must say what to do.
func alerts(t *testing.T) []expression {
	t.Helper()
	data, err := os.ReadFile(observability + "alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var all []expression
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Annotations["summary"] == "" || rule.Annotations["runbook"] == "" || rule.Labels["severity"] == "" {
				t.Errorf("the alert %s does not say what it is, what to do and how urgent that is", rule.Alert)
			}
			all = append(all, expression{"the alert " + rule.Alert, rule.Expr})
		}
	}
	return all
}

// panels reads the queries of the dashboard.
func panels(t *testing.T) []expression {
	t.Helper()
	files, err := filepath.Glob(observability + "grafana/dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no dashboard: %v", err)
	}
	var all []expression
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(data, &dashboard); err != nil {
			t.Fatal(err)
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				all = append(all, expression{"the panel " + panel.Title, target.Expr})
			}
		}
	}
	return all
}

var (
	text      = regexp.MustCompile(`"[^"]*"`)
	selector  = regexp.MustCompile(`\b([a-z_:][a-z0-9_:]*)\{([^}]*)\}`)
	grouping  = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	duration  = regexp.MustCompile(`\[[^\]]*\]`)
	word      = regexp.MustCompile(`\b[a-z_:][a-z0-9_:]*\b(\s*\()?`)
	labelName = regexp.MustCompile(`([a-z_]+)\s*(?:=|!)`)
)

// metricsIn are the metrics that an expression is about, with the labels that it selects them by.
func metricsIn(promQL string) map[string][]string {
	promQL = text.ReplaceAllString(promQL, `""`)
	found := map[string][]string{}
	for _, match := range selector.FindAllStringSubmatch(promQL, -1) {
		for _, label := range labelName.FindAllStringSubmatch(match[2], -1) {
			found[match[1]] = append(found[match[1]], label[1])
		}
	}
	promQL = selector.ReplaceAllString(promQL, "$1")
	promQL = duration.ReplaceAllString(grouping.ReplaceAllString(promQL, ""), "")
	for _, name := range word.FindAllString(promQL, -1) {
		if !strings.HasSuffix(name, "(") && name != "and" && name != "or" && name != "unless" {
			found[name] = append(found[name], []string{}...)
		}
	}
	return found
}

// scrape reads the metrics of an address: their names, with the names of their labels.
func scrape(t *testing.T, addr string, into map[string][]string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if leaks := heard.in(string(body)); len(leaks) > 0 {
		t.Errorf("the metrics tell %q", leaks)
	}
	sample := regexp.MustCompile(`^([a-z_:0-9]+)(?:\{(.*)\})? `)
	for line := range strings.Lines(string(body)) {
		match := sample.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		labels := into[match[1]]
		for _, label := range labelName.FindAllStringSubmatch(text.ReplaceAllString(match[2], `""`), -1) {
			if !slices.Contains(labels, label[1]) {
				labels = append(labels, label[1])
			}
		}
		into[match[1]] = labels
	}
}

// An alert or a panel about a metric that nobody has would stay silent for ever.
func TestWhatIsWatchedIsMeasured(t *testing.T) {
	log := &kittest.Log{}
	settings := map[string]string{"OKR_DATA_DIR": t.TempDir()}
	for _, box := range []string{"REST", "MCP", "AUTHZ", "STORE"} {
		settings["OKR_"+box+"_METRICS_ADDR"] = "127.0.0.1:0"
	}
	started, err := stack.Start(t.Context(), stack.Config{
		EphemeralPorts: true, Environment: settings, Logger: telemetry.NewLogger(log, slog.LevelInfo, "e2e"),
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := connect(started)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	// Some of everything that is measured by what it was called for.
	ceo, _ := s.found(t)
	ceo.objective(t, "What is measured is done")
	agent := ceo.letIn(t, "Meter", "openid", "read:okrs")
	agent.overMCP(s).must(t, "listObjectives")
	watch := s.watch(t, "rest", http.Header{"Authorization": {"Bearer " + agent.AccessToken}}, "")
	watch.next(t)

	addrs := regexp.MustCompile(`"msg":"serving","service":"e2e","what":"metrics","addr":"([^"]+)"`).FindAllStringSubmatch(log.String(), -1)
	if len(addrs) != 4 {
		t.Fatalf("%d boxes serve metrics, want 4", len(addrs))
	}
	measured := map[string][]string{"up": nil}
	for _, addr := range addrs {
		scrape(t, addr[1], measured)
	}
	rules, queries := alerts(t), panels(t)
	if len(rules) < 10 || len(queries) < 15 {
		t.Errorf("there are %d alerts and %d queries", len(rules), len(queries))
	}
	for _, e := range slices.Concat(rules, queries) {
		metrics := metricsIn(e.text)
		if len(metrics) == 0 {
			t.Errorf("%s is about nothing: %s", e.where, e.text)
		}
		for metric, labels := range metrics {
			has, ok := measured[metric]
			if !ok {
				t.Errorf("%s is about %s, which no box has", e.where, metric)
				continue
			}
			for _, label := range labels {
				if label != "job" && label != "instance" && !slices.Contains(has, label) {
					t.Errorf("%s selects %s by %s, which it does not have", e.where, metric, label)
				}
			}
		}
	}
}
