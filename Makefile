# `make` alone lists what there is. `make check` is what CI runs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The linters that cargo does not bring are in .tools/bin, put there by `make tools`.
TOOLS := .tools/bin
# The last release, against which the API must stay compatible; none before the first.
RELEASE := $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null)
# How long `make chaos` goes on.
CHAOS_SECONDS ?= 1200
# How long `make fuzz` runs each fuzzer.
FUZZ_SECONDS ?= 60
# The checks of `make lint`, in order, the quick ones first. CI runs and times them one by one.
LINTS := fmt-check buf-lint buf-format buf-breaking deny clippy doc

.PHONY: help demo test chaos fuzz check fmt lint lint-steps tools bench bench-quotes bench-instructions $(LINTS)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build and run a shop with sample data
	cargo run --release --locked -- demo

test: ## Run every test beside throw-away PostgreSQL and Redis servers
	scripts/with-services cargo test --locked

chaos: ## Let shoppers loose on two processes that are killed, for CHAOS_SECONDS
	CARTWRIGHT_TEST_CHAOS_SECONDS=$(CHAOS_SECONDS) scripts/with-services cargo test --locked --test it -- chaos:: --nocapture

fuzz: ## Run each fuzzer for FUZZ_SECONDS
	scripts/fuzz run $(FUZZ_SECONDS)

bench: ## Measure what pricing costs
	cargo bench --locked --bench pricing

bench-quotes: ## Measure what shipping options cost, beside throw-away servers
	scripts/with-services cargo bench --locked --bench quotes

bench-instructions: ## Count the instructions of pricing once, under valgrind
	scripts/count-instructions

check: test lint ## Run the tests and every lint

fmt: tools ## Format the Rust code and the API
	cargo fmt --all
	$(TOOLS)/buf format --write

lint: $(LINTS) ## Run every lint below

fmt-check: ## Check the format of the Rust code
	cargo fmt --all --check

buf-lint: tools ## Check the API's style and that all of it is documented
	$(TOOLS)/buf lint

buf-format: tools ## Check the format of the API
	$(TOOLS)/buf format --diff --exit-code

buf-breaking: tools ## Check that the API breaks no client of the last release
ifeq ($(RELEASE),)
	@echo "buf breaking: skipped, there is no release tag to compare with"
else
	$(TOOLS)/buf breaking --against "$$(git rev-parse --git-common-dir)#tag=$(RELEASE)"
endif

deny: tools ## Check the licences, bans and sources of the dependencies
	$(TOOLS)/cargo-deny --locked check licenses bans sources

clippy: ## Check the Rust code with clippy
	cargo clippy --locked --all-targets -- -D warnings

doc: ## Check the Rust documentation
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

tools: ## Install the tools that the tests and lints need into .tools
	@scripts/install-test-tools

lint-steps:
	@echo $(LINTS)
