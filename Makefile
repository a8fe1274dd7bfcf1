# `make` lists what there is. CARGO, SECONDS and PARTICIPANTS can be set: make demo SECONDS=60
CARGO ?= cargo
NPM ?= npm
SECONDS ?= 20
PARTICIPANTS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup setup-run build demo test check fmt bench

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the system packages that build, run and test need (Debian 12 or 13)
	@scripts/setup.sh build run test

setup-run:
	@scripts/setup.sh build run

build: setup-run ## build target/release/meetingcast
	$(CARGO) build --release --locked

demo: setup-run ## a conference of PARTICIPANTS=3 test people, cast live for SECONDS=20
	$(CARGO) run --locked -- demo --participants $(PARTICIPANTS) --seconds $(SECONDS)

check: setup-run ## format, lints and the laws, without running tests
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	scripts/check-laws.sh

test: setup check ## everything that continuous integration runs
	$(NPM) --prefix tests/web ci --no-audit --no-fund
	$(NPM) --prefix web ci --no-audit --no-fund
	$(NPM) --prefix web test
	$(NPM) --prefix web run check
	$(CARGO) test --locked

fmt: ## format the code
	$(CARGO) fmt

bench: setup-run ## measure what the README claims, side by side with what one would use instead (ROWS=delays chooses)
	$(CARGO) bench --locked --bench program_picture --bench casts
