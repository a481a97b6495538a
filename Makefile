# Every target fetches what it needs, fails where a tool is missing, and prints its figures last. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

BIN     := $(CURDIR)/.bin
NODE    := .tools/node/node_modules
MODULES := proto services gateway deploy deploy/clients
export PATH := $(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test bench conformance clients browser screenshots vendor gen lint breaking compose modules tools ci

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  %-12s %s\n", $$1, $$2 }'

run: ## run the whole system on this machine
	go run ./deploy/local

test: ## run every test of every module, with the race detector
	go vet work
	go test -race $$(go list work | grep -v /deploy/e2e$$)
	go test -race ./deploy/e2e # by itself: it runs whole systems under load, which other tests would starve

bench: ## measure each figure beside its floor, in one run
	go run ./deploy/bench

conformance: $(NODE)/.package-lock.json ## run MCP's conformance suite against its fixtures on our engine
	go run -race ./gateway/mcp/internal/conformance/cmd/conformance suite .tools/node

clients: $(NODE)/.package-lock.json ## connect the official MCP client, and hold the provider against the conformance suite
	cd deploy/clients && GOWORK=off go vet ./... && GOWORK=off go test -race -count=1 -v ./...

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

compose: $(BIN)/grpcurl ## build, run, use and restart the system in containers
	deploy/compose.sh

modules: ## check that every module is tidy and builds by itself
	@for m in $(MODULES); do \
	  echo "$$m"; \
	  (cd $$m && GOWORK=off go mod tidy -diff && GOWORK=off go build -o /dev/null ./... && GOWORK=off go vet ./...); \
	done

ci: ## run everything that has to hold
	.ci/run

tools: $(BIN)/buf $(BIN)/protoc-gen-go $(BIN)/golangci-lint $(BIN)/grpcurl ## build the tools that the other targets use

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

$(BIN)/grpcurl: .tools/check/go.mod .tools/check/go.sum
	GOWORK=off go -C .tools/check build -trimpath -o $(BIN)/ tool
	@touch $@
