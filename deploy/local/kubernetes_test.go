package main

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/df0f9dda/okr-manager/gateway/mcp"
	"github.com/df0f9dda/okr-manager/gateway/rest"
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// A pod whose settings its box refuses would only be noticed on a cluster.
func TestTheBoxesTakeTheSettingsOfTheirPods(t *testing.T) {
	boxes := map[string]func(map[string]string) error{
		"rest":      check[rest.Config],
		"mcp":       check[mcp.Config],
		"authz":     check[authz.Config],
		"okr-store": check[okrstore.Config],
		"devidp":    check[devidp.Config],
	}
	read := table(allSettings(t))
	for overlay, folders := range map[string][]string{
		"local":           {"../k8s/base", "../k8s/local"},
		"cluster":         {"../k8s/base", "../k8s/local", "../k8s/cluster"},
		"production":      {"../k8s/base", "../k8s/production"},
		"production-mtls": {"../k8s/base", "../k8s/production", "../k8s/mtls"},
	} {
		t.Run(overlay, func(t *testing.T) {
			pods, shared := settings(t, folders...)
			delete(pods, "etcd") // it is none of ours
			if overlay == "production" || overlay == "production-mtls" {
				delete(pods, "devidp") // it has none
				// References to secrets that are made by hand; production/kustomization.yaml names them.
				shared["authz"] = map[string]string{
					"OKR_STYTCH_PROJECT_ID": "project-live-0", "OKR_STYTCH_SECRET": "secret-live-0", "OKR_STYTCH_PUBLIC_TOKEN": "public-token-live-0",
				}
			}
			if len(pods) < 4 {
				t.Fatalf("only %d boxes have settings", len(pods))
			}
			for box, own := range pods {
				all := maps.Clone(shared[""])
				maps.Copy(all, shared[box])
				maps.Copy(all, own)
				for _, name := range slices.Sorted(maps.Keys(all)) {
					if !strings.Contains(read, "`"+name+"`") {
						t.Errorf("%s has %s, which no box reads", box, name)
					}
				}
				delete(all, "OKR_TXN_KEY_FILE") // a file of the pod
				if err := boxes[box](all); err != nil {
					t.Errorf("%s does not take its settings: %v", box, err)
				}
				if encrypts := all["OKR_TLS_DIR"] != ""; encrypts != (overlay == "production-mtls") || encrypts && all["OKR_PLAIN_NETWORK"] != "" {
					t.Errorf("%s encrypts: %t", box, encrypts)
				}
			}
		})
	}
}

// A store that names a member wrongly works all the same, until the others fail.
func TestTheStoresReachTheMembersOfEtcdByTheirNames(t *testing.T) {
	pods, _ := settings(t, "../k8s/cluster")
	endpoints := strings.Split(pods["okr-store"]["OKR_STORE_ETCD_ENDPOINTS"], ",")
	manifests, err := os.ReadFile("../k8s/cluster/etcd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, members, found := strings.Cut(string(manifests), "--initial-cluster=")
	members, _, _ = strings.Cut(members, "\n")
	if !found || len(endpoints) != 3 {
		t.Fatalf("the stores have %q, and the members are %q", endpoints, members)
	}
	for i, member := range strings.Split(members, ",") {
		_, peer, _ := strings.Cut(member, "=")
		if want := strings.Replace(peer, ":2380", ":2379", 1); endpoints[i] != want {
			t.Errorf("the stores have %q, and the member is %q", endpoints[i], want)
		}
	}
}

func check[C any](settings map[string]string) error {
	_, err := config.LoadOver[C](settings)
	return err
}

// manifest is what matters here of any object of the folders.
type manifest struct {
	Metadata struct{ Name string }
	Spec     struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Env []struct{ Name, Value string }
				}
			}
		}
	}
	// Of a kustomization.
	ConfigMaps []generator `yaml:"configMapGenerator"`
	Secrets    []generator `yaml:"secretGenerator"`
}

type generator struct {
	Name     string
	Literals []string
}

// settings reads the variables of each box's containers, and those that boxes share: by box, and under "" for all.
func settings(t *testing.T, folders ...string) (pods, shared map[string]map[string]string) {
	t.Helper()
	pods, shared = map[string]map[string]string{}, map[string]map[string]string{"": {}}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no manifests: %v", folder, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			documents := yaml.NewDecoder(bytes.NewReader(data))
			for {
				var m manifest
				if err := documents.Decode(&m); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				for _, container := range m.Spec.Template.Spec.Containers {
					for _, variable := range container.Env {
						if pods[m.Metadata.Name] == nil {
							pods[m.Metadata.Name] = map[string]string{}
						}
						pods[m.Metadata.Name][variable.Name] = variable.Value
					}
				}
				for _, generator := range slices.Concat(m.ConfigMaps, m.Secrets) {
					box := strings.TrimPrefix(strings.TrimPrefix(generator.Name, "okr-manager"), "-")
					if shared[box] == nil {
						shared[box] = map[string]string{}
					}
					for _, literal := range generator.Literals {
						name, value, _ := strings.Cut(literal, "=")
						shared[box][name] = value
					}
				}
			}
		}
	}
	return pods, shared
}
