# filmcan: `make help` lists the targets.
SHELL       := /bin/sh
GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS     := -s -w -X filmcan/internal/cli.version=$(VERSION)
TOOLS       := $(CURDIR)/bin/tools
LINT        := $(TOOLS)/golangci-lint-v2.13.1
PACKAGES    := ./...
FUZZTIME    ?= 20s
SEEDS       ?= 5
FILE        ?=
export FILE

.PHONY: help
help: ## Show this list.
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-15s %s\n", $$1, $$2}'

.PHONY: ffmpeg postgres chromium clients
ffmpeg:
	@scripts/need ffmpeg:ffmpeg ffprobe:ffmpeg
postgres:
	@scripts/need postgres:postgresql
chromium:
	@scripts/need chromium:chromium
clients:
	@cd test/clients && { [ -f node_modules/.package-lock.json ] && [ node_modules/.package-lock.json -nt package-lock.json ] || npm install --no-save --no-audit --no-fund --loglevel=error; }

.PHONY: build
build: ## Build bin/filmcan (static, no cgo).
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/filmcan ./cmd/filmcan

.PHONY: demo
demo: ffmpeg build ## Walk the master access guide on real media (FILE=film.mp4 for your own film).
	@$(GO) run ./tools/demo -filmcan bin/filmcan -file "$$FILE"

.PHONY: dev
dev: ffmpeg build ## Run the server for development on this machine.
	@bin/filmcan dev

.PHONY: test
test: ffmpeg ## Run the tests (SQLite, folder; under 10 minutes).
	$(GO) test -timeout 10m $(PACKAGES)

.PHONY: test-race
test-race: ffmpeg ## Run the tests with the race detector.
	$(GO) test -race -timeout 20m $(PACKAGES)

.PHONY: test-postgres
test-postgres: ffmpeg postgres ## Run the catalog, the queue, the walk and two processes on PostgreSQL.
	FILMCAN_TEST_POSTGRES=1 $(GO) test -count=1 -timeout 15m ./internal/sqldb/... ./internal/queue/... ./internal/keep/catalog/... ./internal/app/... ./internal/e2e/...

.PHONY: test-media
test-media: ffmpeg ## Send films of every kind through the program; every frame, beep and colour of what comes out is looked at.
	$(GO) test -count=1 -timeout 12m ./internal/e2e/media -every

.PHONY: test-scorched
test-scorched: ffmpeg ## The same with derived/ emptied after every step.
	$(GO) test -count=1 -timeout 15m ./internal/e2e/media -every -scorched

.PHONY: test-crash
test-crash: ffmpeg ## Kill the program at every announced point SEEDS times, and look for what was lost.
	$(GO) test -count=1 -timeout 25m -tags crashtest ./internal/e2e/crash/... -seeds $(SEEDS)

.PHONY: test-hostile
test-hostile: ffmpeg ## Give the program the whole corpus of hostile media, by URL and by upload (6 minutes; a part is in test).
	FILMCAN_TEST_HOSTILE=1 $(GO) test -count=1 -timeout 7m ./internal/e2e/hostile/...

.PHONY: test-clients
test-clients: ffmpeg chromium postgres build clients ## Run the official SDK, CLI, players and uploaders (Node, Chromium; one server and two on PostgreSQL).
	FILMCAN_TEST_CLIENTS=1 FILMCAN_TEST_POSTGRES=1 $(GO) test -count=1 -timeout 15m -v ./internal/e2e/clients/...

.PHONY: bench
bench: ffmpeg build ## Measure against plain references in the same run, with a verdict per line.
	@$(GO) test -tags bench -count=1 -timeout 60m ./internal/e2e/bench -v 2>&1 | grep -vE "^(=== RUN|=== PAUSE|=== CONT|--- PASS|PASS|ok )"

.PHONY: fuzz
fuzz: ## Fuzz every parser for FUZZTIME each.
	@$(GO) run ./tools/fuzz -time $(FUZZTIME)

.PHONY: soak
soak: ffmpeg postgres ## The long runs: many crash seeds on both databases, long films, long fuzzing.
	$(MAKE) test-crash SEEDS=50
	FILMCAN_TEST_POSTGRES=1 $(MAKE) test-crash SEEDS=20
	$(MAKE) fuzz FUZZTIME=10m

.PHONY: check
check: $(LINT) ## Format, vet, lint, architecture, other platforms: what CI asks first.
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'gofmt these:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) vet -tags crashtest ./internal/...
	$(LINT) run
	$(GO) test -count=1 ./internal
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/filmcan
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/filmcan

.PHONY: golden
golden: ## Write the golden files anew; read the diff before you commit it.
	$(GO) test ./internal/... -update

$(LINT):
	@mkdir -p $(TOOLS)
	@echo 'building golangci-lint (once, some minutes)'
	@GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.13.1 && mv $(TOOLS)/golangci-lint $@

.PHONY: clean
clean: ## Remove what was built.
	rm -rf bin
