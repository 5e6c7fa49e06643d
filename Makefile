# Two commands: `make run` starts the service with a demo market, `make test` runs every test there is.

GO ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

.PHONY: run build test check storm bench guide golden vuln release clean

run: build
	@scripts/need postgres
	@exec bin/cho40 serve --demo

build:
	@mkdir -p bin
	@$(BUILD) -o bin/cho40 ./cmd/cho40

# Under the race detector a program computes ten times as long. Of packages that only compute it sees the tests that do several things at
# once; of the service it sees every route, but not again how a browser draws the pages.
COMPUTING := ./printing ./qrgen/... ./vendor_registry/ledger
BROWSER := InABrowser$$|^TestApp[A-Z]

test: check
	@scripts/need postgres browser pdf scan c
	CGO_ENABLED=1 scripts/logs $(GO) test -race -count=1 -timeout 20m -skip '$(BROWSER)' $$($(GO) list ./... | grep -v -E '/(printing|qrgen|qrgen/photo|vendor_registry/ledger)$$')
	CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 20m -run AtOnce $(COMPUTING)
	$(GO) test -count=1 -timeout 20m $(COMPUTING)
	scripts/logs $(GO) test -count=1 -timeout 20m -run '$(BROWSER)' ./web

# What can be said without running anything.
check:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags storm ./cmd/cho40
	cd internal/bench && $(GO) vet ./...
	@if grep -rlE 'func Test(\w*InABrowser|App[A-Z]\w*)\(' --include=*_test.go . | grep -v '^./web/'; then echo "tests in a browser belong to ./web: elsewhere they would not run"; exit 1; fi
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	$(GO) mod verify

# What docs/benchmarks.md reports; BENCH takes the program's flags. Within a package: go test -bench . ./qrgen
bench:
	@cd internal/bench && $(GO) run . $(BENCH)

# The pictures of the guides in web/guide, taken of the real pages anew.
guide:
	@scripts/need postgres browser
	CHO40_GUIDE=1 $(GO) test -count=1 -run TestGuidePictures ./web

# The pictures in web/testdata/golden, which the pages are held to, of the pages as they are now. Look at what changed before it is committed.
golden:
	@scripts/need postgres browser
	CHO40_GOLDEN=1 $(GO) test -count=1 -run TestGoldenPagesInABrowser ./web
	@git status --short web/testdata/golden

# Faults at full: 50 kills of the service and 25 of its database while 2,000 stalls are registered at once, two processes replaced under load, a
# full disk, a slow and a silent database; the service behind PgBouncer and beside a standby; 60 visits of a phone without a signal, and 500 of
# three over a line that drops, cuts, doubles and delays. Eight minutes; Linux, as root, with apt-get install pgbouncer. One of them: make storm
# STORM=TestStandby. docs/operations.md, docs/phone.md and docs/scale.md say what came of it.
STORM := TestKillsDuring|TestReplacedUnderLoad|TestFullDisk|TestSlowDatabase|TestThroughPgBouncer|TestStandby|TestAppWithoutASignal|TestAppOnABadLine
storm:
	@scripts/need postgres browser
	CHO40_PHONE_VISITS=500 $(GO) test -tags storm -count=1 -v -timeout 60m -run '$(STORM)' ./cmd/cho40 ./web

# Known vulnerabilities in what is built in, by https://vuln.go.dev or, without it, by a copy: make vuln VULNDB=DIR. A module that a copy
# leaves out was not checked.
vuln:
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.8.0 $(if $(VULNDB),-db "file://$(abspath $(VULNDB))") ./...

clean:
	rm -rf bin dist

# Programs for six systems, Debian packages, what they are made of, and their sums, in dist.
RELEASE := dist/cho40-$(VERSION)
DEBIAN := $(shell echo $(VERSION) | sed -E 's/^v//; t; s/^/0.0.0+git./')
release:
	@rm -rf dist && mkdir -p dist
	@set -e; for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
		os=$${target%/*}; arch=$${target#*/}; case $$os in windows) ext=.exe ;; *) ext= ;; esac; \
		GOOS=$$os GOARCH=$$arch $(BUILD) -o $(RELEASE)-$$os-$$arch$$ext ./cmd/cho40; done
	@set -e; for arch in amd64 arm64; do ARCH=$$arch VERSION=$(DEBIAN) BINARY=$(RELEASE)-linux-$$arch \
		$(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0 package -f packaging/nfpm.yaml -p deb -t dist/; done
	@$(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 app -json -licenses -main cmd/cho40 -output $(RELEASE).sbom.json
	@cd dist && sha256sum * > SHA256SUMS && cat SHA256SUMS
