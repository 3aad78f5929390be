# Two commands do everything: `make run` and `make test`. Both install what they need.
# The other targets are their parts, and what a developer wants now and then.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# What building needs, and what the tests need beside it.
BUILD_TOOLS := cc=build-essential
TEST_TOOLS := $(BUILD_TOOLS) /usr/lib/postgresql/*/bin/postgres=postgresql strace=strace \
  script=bsdutils unshare=util-linux setpriv=util-linux ss=iproute2 ffmpeg=ffmpeg \
  /usr/lib/python3/dist-packages/PIL=python3-pil \
  /usr/share/wallpapers/*/contents/images/*.jpg=plasma-workspace-wallpapers \
  /usr/share/backgrounds/mate/*/*.jpg=mate-backgrounds

# What the tools that we are measured against need, to be built, and photographs for both.
PEER_TOOLS := /usr/lib/python3.*/ensurepip=python3-venv /usr/include/python3.*/Python.h=python3-dev \
  m4=m4 /usr/share/wallpapers/Altai=plasma-workspace-wallpapers \
  ffmpeg=ffmpeg taskset=util-linux cmake=cmake pkg-config=pkg-config \
  /usr/include/*/libavcodec/avcodec.h=libavcodec-dev /usr/include/*/libavdevice/avdevice.h=libavdevice-dev \
  /usr/include/*/libavfilter/avfilter.h=libavfilter-dev /usr/include/*/libavformat/avformat.h=libavformat-dev \
  /usr/include/*/libswscale/swscale.h=libswscale-dev

# How long `make fuzz` is at each target.
FUZZ_SECONDS ?= 60

# Arguments for the demo, as in `make run DEMO="--once"`.
DEMO ?=

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

.PHONY: run
run: ## Build Watchhouse, start it with the demo platform, and give the tour
	@scripts/prepare $(BUILD_TOOLS)
	cargo build --release --locked --bins
	target/release/watchhouse demo $(DEMO)

.PHONY: test
test: ## Everything: format, lints, docs, tests on SQLite and on PostgreSQL, the tour
	@scripts/prepare $(TEST_TOOLS)
	$(MAKE) format-check lint test-sqlite test-postgres

.PHONY: format-check
format-check: ## Is the code formatted?
	cargo fmt --all --check

.PHONY: lint
lint: ## Clippy and rustdoc, warnings as errors
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

# The programs lie beside the tests, where some of those look for them. What is built here of the fuzzer's
# targets could not be run: `make fuzz` builds them in its own way.
.PHONY: build
build:
	cargo build --workspace --exclude watchhouse-fuzz --bins --locked

.PHONY: test-sqlite
test-sqlite: build ## All tests, on SQLite
	cargo test --workspace --exclude watchhouse-fuzz --locked

.PHONY: test-postgres
test-postgres: build ## The server's tests and the tour, on a private PostgreSQL
	scripts/with-postgres cargo test --locked --package watchhouse --package watchhouse-demo

.PHONY: bench
bench: ## Measure, beside the field's tools; see bench/README.md
	@scripts/prepare $(BUILD_TOOLS) $(PEER_TOOLS)
	bench/peers/install
	cargo build --release --locked --bins
	cargo run --release --locked --package watchhouse-bench

.PHONY: fuzz
fuzz: ## Fuzz every parser, FUZZ_SECONDS each; see fuzz/README.md
	@scripts/prepare $(BUILD_TOOLS)
	scripts/fuzz $(FUZZ_SECONDS)

.PHONY: deny
deny: ## Licences and sources of what we depend on (installs cargo-deny)
	@command -v cargo-deny >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny --all-features check licenses bans sources

.PHONY: openapi
openapi: build ## Write openapi.json anew
	target/debug/watchhouse openapi > openapi.json

.PHONY: format
format: ## Format the code
	cargo fmt --all

.PHONY: clean
clean: ## Remove what was built and what the demo keeps
	cargo clean
	rm -rf demo-data watchhouse-data bench/out bench/peers/.venv bench/yume/target
