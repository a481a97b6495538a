package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composed is what matters here of docker-compose.yml.
type composed struct {
	Services map[string]struct {
		Profiles    []string
		Image       string
		Environment map[string]string
		EnvFile     []string `yaml:"env_file"`
		Networks    names
		Ports       []string
		Volumes     []string
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		MemLimit    string   `yaml:"mem_limit"`
		CPUs        float64  `yaml:"cpus"`
		PidsLimit   int      `yaml:"pids_limit"`
	}
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]any
}

// names are given as a list, or as the keys of a map.
type names []string

func (n *names) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return node.Decode((*[]string)(n))
	}
	for i := 0; i < len(node.Content); i += 2 {
		*n = append(*n, node.Content[i].Value)
	}
	return nil
}

func readCompose(t *testing.T) composed {
	t.Helper()
	data, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c composed
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatLooksAtTheBoxesIsHeldTightly(t *testing.T) {
	c := readCompose(t)
	observers := 0
	for name, service := range c.Services {
		if !slices.Equal(service.Profiles, []string{"observability"}) {
			continue
		}
		observers++
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) || service.MemLimit == "" || service.CPUs == 0 || service.PidsLimit == 0 {
			t.Errorf("%s is held too loosely", name)
		}
		if tag := service.Image[strings.LastIndex(service.Image, ":")+1:]; !strings.ContainsAny(tag, "0123456789") {
			t.Errorf("%s runs the image %s, which has no version", name, service.Image)
		}
		for _, network := range service.Networks {
			if network != "telemetry" && network != "observers" {
				t.Errorf("%s is in the network %s of the boxes", name, network)
			}
		}
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s is open to other machines: %s", name, port)
			}
		}
		for _, volume := range service.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if _, named := c.Volumes[from]; named {
				continue
			}
			if _, err := os.Stat("../../" + from); err != nil || !strings.HasSuffix(volume, ":ro") {
				t.Errorf("%s mounts %s: %v", name, volume, err)
			}
		}
	}
	if observers != 4 {
		t.Errorf("the profile has %d services, want 4", observers)
	}
	if !c.Networks["telemetry"].Internal {
		t.Error("the network of the metrics has a way out")
	}
}

func TestPrometheusLooksWhereTheBoxesServeTheirMetrics(t *testing.T) {
	data, err := os.ReadFile("../observability/prometheus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Jobs []struct {
			Name    string `yaml:"job_name"`
			Configs []struct {
				Targets []string
			} `yaml:"static_configs"`
			Lookups []struct {
				Names []string
				Port  string
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	targets := map[string]string{}
	for _, job := range config.Jobs {
		for _, c := range job.Configs {
			targets[job.Name] = c.Targets[0]
		}
		for _, l := range job.Lookups {
			for _, name := range l.Names {
				targets[name] = name + ":" + l.Port
			}
		}
	}
	c := readCompose(t)
	for box, variable := range map[string]string{
		"rest": "OKR_REST_METRICS_ADDR", "mcp": "OKR_MCP_METRICS_ADDR", "authz": "OKR_AUTHZ_METRICS_ADDR", "okr-store": "OKR_STORE_METRICS_ADDR",
		"okr-store-2": "OKR_STORE_METRICS_ADDR", "okr-store-3": "OKR_STORE_METRICS_ADDR",
	} {
		service := c.Services[box]
		if want := box + service.Environment[variable]; targets[box] != want {
			t.Errorf("Prometheus looks for %s at %q, which serves at %q", box, targets[box], want)
		}
		if !slices.Contains(service.Networks, "telemetry") {
			t.Errorf("Prometheus does not reach %s", box)
		}
		for _, port := range service.Ports {
			if strings.HasSuffix(port, strings.TrimPrefix(service.Environment[variable], ":")) {
				t.Errorf("the metrics of %s are published: %s", box, port)
			}
		}
	}
}

func TestTracesGoToTheCollectorWhereItRuns(t *testing.T) {
	const profiles = "${COMPOSE_PROFILES:-none}"
	traced := 0
	for box, service := range readCompose(t).Services {
		if _, ok := service.Environment["OTEL_TRACES_SAMPLER"]; !ok {
			continue
		}
		traced++
		if len(service.EnvFile) != 1 || !strings.Contains(service.EnvFile[0], profiles) {
			t.Errorf("%s reads %v", box, service.EnvFile)
			continue
		}
		for on, collector := range map[string]bool{
			"none": false, "cluster": false, "observability": true, "cluster,observability": true, "observability,cluster": true,
		} {
			text, err := os.ReadFile("../../" + strings.Replace(service.EnvFile[0], profiles, on, 1))
			if err != nil {
				t.Fatal(err)
			}
			name, value, _ := strings.Cut(strings.TrimSpace(string(text)), "=")
			want := "${OTEL_EXPORTER_OTLP_ENDPOINT-}"
			if collector {
				want = "${OTEL_EXPORTER_OTLP_ENDPOINT-http://collector:4318}"
			}
			if name != "OTEL_EXPORTER_OTLP_ENDPOINT" || value != want {
				t.Errorf("with the profiles %s, %s has %s=%s, want %s", on, box, name, value, want)
			}
		}
	}
	if traced < 6 {
		t.Errorf("only %d boxes are traced", traced)
	}
}
