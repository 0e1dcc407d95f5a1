# Headway. `make` lists the targets.
#
# You need Go, Node, make, and git. The targets install everything else.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := bin
GO_SOURCES = $(shell git ls-files -co --exclude-standard '*.go' '*.sql' '*.yaml' go.mod go.sum)
WEB_SOURCES = $(shell git ls-files -co --exclude-standard web clients/ts package.json package-lock.json | grep -v '^web/dist/')
MODULES := . gen clients/go

# Most tests wait more than they compute, so -p 3 is faster on two cores. The longest ones begin first, so that none runs alone at
# the end. The timeout only ends tests that hang: on a slow machine, the tests of the real binary take more than the default of 10
# minutes.
TEST_TIMEOUT := 30m
LONGEST := ./e2e ./e2e/cluster ./services/jobs ./services/importer

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: web examples ## Build bin/headway, one binary per service, and the example workers
	go build -trimpath -o $(BIN)/ ./cmd/headway ./cmd/jobs ./cmd/importer ./cmd/edge $(GO_WORKERS)

GO_WORKERS := ./examples/character ./examples/crawl ./examples/cluster

# The worker in Python needs packages of the operating system. Without them, it is left out.
BULK = $(shell for python in python3 /usr/bin/python3; do \
  $$python examples/bulk/bulk.py --check 2>/dev/null && { echo "$$python examples/bulk/bulk.py"; break; }; done)

# Workers to run next to the services. WORKERS= runs none.
WORKERS ?= $(BIN)/character; $(BIN)/crawl; $(BIN)/cluster; node examples/media/dist/src/main.js; node examples/story/dist/src/main.js; $(BULK)

.PHONY: run
run: build ## Run everything, and print the address of the web UI. DATABASE_URL=… imports into that database
	@test -n '$(BULK)' || echo 'The example worker bulk is left out. On Debian or Ubuntu, install its packages with: sudo apt-get install -y $(BULK_PACKAGES)'
	@if test -n "$${DATABASE_URL:-}"; then export HEADWAY_RECORDS="$$DATABASE_URL"; fi; exec ./$(BIN)/headway serve --worker '$(WORKERS)' $(ARGS)

.PHONY: test
test: build $(BIN)/grpcurl test-programs ## Run every test: Go, client, browser
	go test -p 3 -timeout $(TEST_TIMEOUT) $(LONGEST) ./...
	@for module in $(filter-out .,$(MODULES)); do (cd $$module && go test -timeout $(TEST_TIMEOUT) ./...); done
	npm test
	npm run test:browser

.PHONY: race
race: build $(BIN)/grpcurl test-programs ## Run the Go tests under the race detector
	@for module in $(MODULES); do (cd $$module && go test -race -timeout $(TEST_TIMEOUT) ./...); done

.PHONY: e2e
e2e: build $(BIN)/grpcurl test-programs ## Run only the tests that drive the real binary
	go test -count=1 -timeout $(TEST_TIMEOUT) ./e2e/...
	npm run test:browser

.PHONY: lint
lint: prose $(BIN)/buf $(BIN)/golangci-lint $(BIN)/check-deploy node_modules ## Check style: Go, protobuf, TypeScript, prose, and deploy
	./$(BIN)/buf lint
	./$(BIN)/buf format --diff --exit-code proto
	@for module in $(MODULES); do (cd $$module && $(CURDIR)/$(BIN)/golangci-lint run ./...); done
	npm run lint
	./$(BIN)/check-deploy

.PHONY: prose
prose: ## Check the words of comments, messages, docs, and test names (HEADWAY_PROSE_DIR=DIR for one folder)
	go test ./internal/prosetest -count=1 -v

.PHONY: generate
generate: $(BIN)/buf $(BIN)/protoc-gen-openapiv3 node_modules ## Regenerate gen/ and the client's types from the protos
	$(BIN)/buf format -w proto
	$(BIN)/buf generate
	go run ./services/edge/internal/genopenapi
	npm run generate

.PHONY: check-generate
check-generate: generate ## Fail if the generated code is out of date
	@git diff --exit-code -- gen clients/ts web/src/messages proto || { echo 'Generated code is out of date. Run make generate, and commit the result.' >&2; exit 1; }
	@test -z "$$(git status --porcelain -- gen)" || { git status --short -- gen; echo 'Generated files are not committed. Run make generate, and commit the result.' >&2; exit 1; }

# The commit to compare with: main, or on main itself, the commit before.
AGAINST ?= $(shell test "$$(git rev-parse HEAD)" != "$$(git rev-parse -q --verify main)" && echo main || git rev-parse -q --verify HEAD~1)

.PHONY: breaking
breaking: $(BIN)/buf ## Fail if the protos break clients of main (AGAINST=REV for another commit)
	@if git cat-file -e '$(AGAINST):buf.yaml' 2>/dev/null; then $(BIN)/buf breaking --against '.git#ref=$(AGAINST)'; \
	else echo 'breaking: $(or $(AGAINST),the history) has no protos to compare with'; fi

.PHONY: bench
bench: ## Run the benchmarks of docs/benchmarks.md
	go test -run '^$$' -bench . -benchtime 1x -timeout 60m ./...

.PHONY: cluster
cluster: $(BIN)/versitygw test-programs ## Run a cluster to try: two of each service on PostgreSQL, NATS, and S3, behind nginx
	@go test -tags cluster -count 1 -timeout 0 -run TestServeCluster ./e2e/cluster -v

.PHONY: skew
skew: $(BIN)/versitygw test-programs ## Disturb a cluster in which each service is sometimes the release before (AGAINST=REV)
	rm -rf $(BIN)/earlier && mkdir -p $(BIN)/earlier/source
	git archive '$(AGAINST)' | tar -x -C $(BIN)/earlier/source
	cd $(BIN)/earlier/source && go build -o .. ./cmd/jobs ./cmd/importer ./cmd/edge
	rm -rf $(BIN)/earlier/source
	HEADWAY_CHAOS_EARLIER='$(CURDIR)/$(BIN)/earlier' HEADWAY_CHAOS_SECONDS=300 go test ./e2e/cluster -count 1 -timeout 60m -v -run Disturbances

.PHONY: chaos
chaos: $(BIN)/versitygw test-programs ## Kill, freeze, and disconnect the services and their databases for about two hours
	for seed in $(or $(SEEDS),1 2 3); do \
	  HEADWAY_CHAOS_SEED=$$seed HEADWAY_CHAOS_SECONDS=1200 go test ./e2e/cluster -count 1 -timeout 60m -v; done
	HEADWAY_TEST_CRASHES=1000 HEADWAY_TEST_FREEZE=15s go test ./services/jobs -count 1 -timeout 120m -run 'LosesNothingAcknowledged' -v
	HEADWAY_TEST_CRASHES=300 go test ./services/importer -count 1 -timeout 120m -run 'CrashesLeavePostgreSQLConsistent' -v

.PHONY: bench-messy
bench-messy: ## Score how well messy files from public benchmarks are read (DIR=their folder; needs Python 3)
	@test -n '$(DIR)' || { echo 'bench-messy: set DIR to the folder of the benchmarks' >&2; exit 2; }
	@go run ./services/importer/internal/messybench '$(DIR)'

.PHONY: libreoffice
libreoffice: ## Compare the workbooks of the corpus with what LibreOffice makes of them, as ODS and CSV (needs libreoffice-calc)
	go test -tags libreoffice -count 1 -timeout 20m -run TestLibreOffice ./services/importer

.PHONY: java
java: ## Check that Java reads the deepest and largest documents of jobs (needs a JDK and the runtime of protobuf)
	go test -tags java -count 1 -timeout 20m -run TestJava ./services/jobs

.PHONY: memory
memory: ## Import the worst files within small memory budgets, and a million rows with errors (about 20 minutes)
	HEADWAY_WORST_FILES=all go test ./services/importer -count 1 -timeout 90m -run 'TestWorstFilesStayWithinMemoryBudget|TestWaitingRowsStayWithinMemoryBudget|TestDownloadsHoldEachRowExactlyOnce' -v

.PHONY: tidy
tidy: ## Tidy every module
	@for module in $(MODULES); do (cd $$module && GOWORK=off go mod tidy); done

.PHONY: clean
clean: ## Remove all build output, but not the data
	rm -rf $(BIN) web/dist/assets web/dist/index.html node_modules

# The web UI.

.PHONY: web
web: web/dist/index.html
web/dist/index.html: node_modules $(WEB_SOURCES)
	npm run build
	@touch $@

# The example workers in TypeScript, made from the protos alone.

NODE_WORKERS := worker media story
NODE_SOURCES = $(shell git ls-files -co --exclude-standard $(NODE_WORKERS:%=examples/%) package-lock.json) $(shell git ls-files proto third_party)
.PHONY: examples
examples: examples/story/dist/src/main.js
examples/story/dist/src/main.js: node_modules $(NODE_SOURCES)
	npm run build $(NODE_WORKERS:%=--workspace @headway/example-%)
	@touch $@

node_modules: package.json package-lock.json
	npm ci --no-fund --no-audit
	@touch $@

# Tools, in the versions of tools/. They are outside the workspace, so their dependencies don't affect ours.

TOOLS := buf grpcurl protoc-gen-go protoc-gen-go-grpc protoc-gen-grpc-gateway protoc-gen-openapiv3
$(addprefix $(BIN)/,$(TOOLS)) &: tools/go.mod tools/go.sum
	cd tools && GOWORK=off go build -o $(CURDIR)/$(BIN)/ tool
	@touch $(addprefix $(BIN)/,$(TOOLS))

$(BIN)/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	cd tools/lint && GOWORK=off go build -o $(CURDIR)/$(BIN)/ tool
	@touch $@

# The S3 server that the tests start.
$(BIN)/versitygw: tools/s3/go.mod tools/s3/go.sum
	cd tools/s3 && GOWORK=off go build -o $(CURDIR)/$(BIN)/ tool
	@touch $@

# Checks the files for Compose and Helm.
$(BIN)/check-deploy: tools/deploy/go.mod tools/deploy/go.sum tools/deploy/main.go
	cd tools/deploy && GOWORK=off go build -o $(CURDIR)/$@ .

# Programs that the tests run, from packages of the operating system.
TEST_PROGRAMS := curl jq chromium nginx caddy sqlite3
BULK_PACKAGES := python3-grpcio python3-protobuf protobuf-compiler libprotobuf-dev
.PHONY: test-programs
test-programs: $(BIN)/versitygw $(BIN)/node-20 $(BIN)/node-22 $(BIN)/node-24
	@export PATH="$$PATH:/usr/sbin"; for program in $(TEST_PROGRAMS); do command -v $$program >/dev/null || e2e/install-packages $$program; done
	@/usr/bin/python3 -c 'import tusclient' 2>/dev/null || e2e/install-packages python3-tuspy
	@compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null || e2e/install-packages postgresql
	@/usr/bin/python3 examples/bulk/bulk.py --check 2>/dev/null || e2e/install-packages $(BULK_PACKAGES)

# The versions of Node that the client supports.
NODE_20 := 20.20.2
NODE_22 := 22.23.3
NODE_24 := 24.20.0
$(BIN)/node-%: e2e/install-node
	e2e/install-node $(NODE_$*) $@
	@touch $@
