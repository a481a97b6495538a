# Every target fetches what it needs, fails where a tool is missing, and prints its figures last. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

BIN     := $(CURDIR)/.bin
NODE    := .tools/node/node_modules
MODULES := proto services gateway deploy deploy/clients
export PATH := $(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test robust mutants bench bench-cluster conformance clients browser screenshots vendor gen lint breaking alerts compose k8s sbom modules etcd tools ci

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  %-14s %s\n", $$1, $$2 }'

run: ## run the whole system on this machine
	go run ./deploy/local

# All packages but deploy/e2e, those that take longest first.
BEHIND = $$(go list ./services/okrstore/...; go list work | grep -vE '/deploy/e2e$$|/services/okrstore')
test: $(BIN)/etcd ## run every test of every module, with the race detector
	go vet work
	go test -race -p 4 $(BEHIND) # four at a time: they wait for disks and clocks more than for a processor
	go test -race ./deploy/e2e # by itself: it runs whole systems under load, which other tests would starve

robust: $(BIN)/etcd ## soak the system for SOAK (10m), check OPERATIONS (1000000) on a file for linearizability, CLUSTER_OPERATIONS (100000) and PARTED_OPERATIONS (10000) on etcd, fuzz each target for FUZZ (1m), try the mutants
	deploy/robust.sh

mutants: $(BIN)/etcd ## break the product in many places, one at a time, and see that the test named for each notices
	go run ./deploy/mutants

bench: ## measure each figure beside its floor, and the MCP edge beside the official SDK, in turns
	go run ./deploy/bench
	go test -run '^$$' -bench InTurns -benchtime 10x ./services/okrstore/internal/storage/boltengine
	cd deploy/clients && GOWORK=off go run ./bench

bench-cluster: $(BIN)/etcd ## compare the store on a file with one and three replicas over three members of etcd
	go test -run '^$$' -bench Cluster -benchtime 1x ./deploy/bench

conformance: $(NODE)/.package-lock.json ## run MCP's conformance suite against its fixtures on our engine, and against the running system
	go run -race ./gateway/mcp/internal/conformance/cmd/conformance suite .tools/node
	cd deploy/clients && GOWORK=off go test -race -count=1 -v -run TestTheConformanceSuite .

clients: $(NODE)/.package-lock.json ## connect the official MCP clients and the Inspector, and hold the provider against the conformance suite
	cd deploy/clients && GOWORK=off go vet ./... && GOWORK=off go test -race -count=1 -v ./... | \
		awk '{ print } /^ *--- PASS/ { n++ } /^ *--- FAIL/ { failed++ } END { printf "\n%d client tests passed, %d failed\n", n, failed }'

browser: $(NODE)/.package-lock.json ## use the web app in Chromium as each persona, and check its accessibility
	PATH="$(CURDIR)/$(NODE)/.bin:$$PATH" node --test-reporter=spec deploy/browser/run.mjs

screenshots: $(NODE)/.package-lock.json ## take the pictures of the README anew
	PATH="$(CURDIR)/$(NODE)/.bin:$$PATH" node --test-reporter=spec deploy/browser/run.mjs screenshots

vendor: $(NODE)/.package-lock.json ## copy what the web app is made of from its packages
	node .tools/node/vendor.mjs

gen: $(BIN)/buf $(BIN)/protoc-gen-go ## generate Go and OpenAPI from the contract
	buf format -w $(OWN_PROTO)
	buf generate

lint: $(BIN)/buf $(BIN)/golangci-lint $(NODE)/.package-lock.json breaking ## check the contract and the code
	buf lint
	buf format --exit-code $(OWN_PROTO) >/dev/null
	golangci-lint run $$(go list -m -f '{{.Dir}}/...')
	$(NODE)/.bin/tsc -p gateway/rest/web
	node .tools/node/vendor.mjs --check

OWN_PROTO := --path proto/access --path proto/authz --path proto/okr

breaking: $(BIN)/buf ## compare the contract with the one that was last released
	buf build $(OWN_PROTO) --exclude-source-info -o $(BIN)/contract.binpb
	buf breaking $(BIN)/contract.binpb --against proto/baseline.binpb

alerts: $(BIN)/promtool ## try the alerts on series that are made up, and check Prometheus's configuration
	cd deploy/observability && promtool check config --lint=all --lint-fatal prometheus.yaml && promtool test rules alerts.test.yaml

compose: $(BIN)/grpcurl ## build, run, use and restart the system in containers
	deploy/compose.sh

k8s: $(BIN)/grpcurl ## apply, use and shake the system on the Kubernetes cluster that kubectl points at
	deploy/k8s.sh

BOXES := services/okrstore/cmd/okrstore services/authz/cmd/authz services/devidp/cmd/devidp gateway/rest/cmd/rest gateway/mcp/cmd/mcp
# Our own module is given a version: the tool finds the licences of none of the modules that it asks for together with one
# that has no version. It is looked for nowhere.
OURS := github.com/df0f9dda/okr-manager
sbom: $(BIN)/cyclonedx-gomod ## list what each box is made of, with licences, as CycloneDX in .bin/sbom
	@mkdir -p $(BIN)/sbom
	CGO_ENABLED=0 go build -tags grpcnotrace -trimpath -o $(BIN)/sbom/ $(BOXES:%=./%)
	@version=$$(TZ=UTC git log -1 --abbrev=12 --date=format-local:%Y%m%d%H%M%S --format=v0.0.0-%cd-%h); \
	for box in $(notdir $(BOXES)); do \
	  GOPRIVATE='$(OURS)/*' GOVCS=private:off cyclonedx-gomod bin -json -licenses -noserial -version "$$version" -output $(BIN)/sbom/$$box.json $(BIN)/sbom/$$box 2>$(BIN)/sbom/$$box.log || \
	    { cat $(BIN)/sbom/$$box.log >&2; exit 1; }; \
	  list=$(BIN)/sbom/$$box.json; \
	  echo "$$list: $$(grep -c '"purl"' $$list) components, $$(grep -c '"licenses"' $$list) with their licences"; \
	done

modules: ## check that every module is tidy and builds by itself
	@for m in $(MODULES); do \
	  echo "$$m"; \
	  (cd $$m && GOWORK=off go mod tidy -diff && GOWORK=off go build -o /dev/null ./... && GOWORK=off go vet ./...); \
	done

ci: ## run everything that has to hold
	.ci/run

etcd: $(BIN)/etcd ## build etcd and its tools, which tests and the benchmark of the cluster start

tools: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/golangci-lint $(BIN)/grpcurl $(BIN)/etcd ## build the tools that the other targets use

# npm writes this file when it has installed everything that the lock file names.
$(NODE)/.package-lock.json: .tools/node/package-lock.json
	npm ci --prefix .tools/node --no-audit --no-fund
	@touch $@

# A tool is built again when its module changes.
$(BIN)/buf: .tools/buf/go.mod .tools/buf/go.sum
	GOWORK=off go -C .tools/buf build -trimpath -o $(BIN)/ tool
	@touch $@

$(BIN)/protoc-gen-go: .tools/gen/go.mod .tools/gen/go.sum
	GOWORK=off go -C .tools/gen build -trimpath -o $(BIN)/ tool
	@touch $@

$(BIN)/golangci-lint: .tools/lint/go.mod .tools/lint/go.sum
	GOWORK=off go -C .tools/lint build -trimpath -o $(BIN)/ tool
	@touch $@

$(BIN)/cyclonedx-gomod: .tools/sbom/go.mod .tools/sbom/go.sum
	GOWORK=off go -C .tools/sbom build -trimpath -o $(BIN)/ tool
	@touch $@

$(BIN)/grpcurl: .tools/check/go.mod .tools/check/go.sum
	GOWORK=off go -C .tools/check build -trimpath -o $(BIN)/ tool
	@touch $@

# Without what looks for targets in clouds, of which we use none: half of the build.
$(BIN)/promtool: .tools/promtool/go.mod .tools/promtool/go.sum
	GOWORK=off go -C .tools/promtool build -trimpath -tags remove_all_sd,enable_dns_sd -o $(BIN)/ tool
	@touch $@

# The programs carry the names of their modules' folders, not of their commands.
$(BIN)/etcd: .tools/etcd/go.mod .tools/etcd/go.sum
	GOWORK=off go -C .tools/etcd build -trimpath -o $(BIN)/etcd go.etcd.io/etcd/server/v3
	GOWORK=off go -C .tools/etcd build -trimpath -o $(BIN)/etcdctl go.etcd.io/etcd/etcdctl/v3
	GOWORK=off go -C .tools/etcd build -trimpath -o $(BIN)/etcdutl go.etcd.io/etcd/etcdutl/v3
	@touch $@
