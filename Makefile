# What a developer does with this repository. `make` lists it.
#
#   SUNNY_SCRATCH  where built things are kept (default .build); a folder outside the clone keeps
#                  the dependencies, which cost minutes, between clones
#   SUNNY_VENV     where the Python of the client tests is kept (default .venv)
#   ARGS           passed on to what `demo` and `bench` run

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build demo test wasm model mutants fuzz lint format bench clean

SUNNY_SCRATCH ?= .build
SUNNY_VENV ?= .venv
ARGS ?=

# There is one configuration, so that every command shares every object.
SWIFT_FLAGS := -c release --scratch-path "$(SUNNY_SCRATCH)"
BINARY := $(abspath $(SUNNY_SCRATCH))/release/sunny
SOURCES := Package.swift Sources Tests

# The libraries that the package links, as pkg-config and apt call them, and what else is run.
LIBRARIES := libuv openssl sqlite3
PACKAGES := pkg-config libuv1-dev libssl-dev openssl libsqlite3-dev python3 python3-venv nodejs \
  spin gcc libc6-dev
TOOLS := node openssl spin cc
REQUIREMENTS := Tests/Clients/requirements.txt

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SUNNY_VENV)/installed.txt ## Install what is missing, by apt and pip.

# Looked at each time, as it costs nothing.
.PHONY: system
system:
	@if ! pkg-config --exists $(LIBRARIES) 2>/dev/null \
	    || ! python3 -c 'import ensurepip, venv' 2>/dev/null \
	    || ! type -P $(TOOLS) >/dev/null; then \
	  as_root=; if [ "$$(id -u)" != 0 ]; then as_root=sudo; fi; \
	  echo "installing $(PACKAGES)"; \
	  $$as_root apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -qq -y --no-install-recommends \
	    $(PACKAGES) >/dev/null; \
	fi

# The copy says what was installed, so that a change of the list installs anew.
$(SUNNY_VENV)/installed.txt: $(REQUIREMENTS) | system
	@[ -x "$(SUNNY_VENV)/bin/python" ] || python3 -m venv "$(SUNNY_VENV)"
	@cmp -s "$<" "$@" || "$(SUNNY_VENV)/bin/python" -m pip install -q \
	  --disable-pip-version-check -r "$<"
	@cp "$<" "$@"

build: system ## Build the release binary.
	swift build $(SWIFT_FLAGS) --product sunny

demo: build ## Run three regions and two acquirers on this machine, to try out.
	@"$(BINARY)" demo $(ARGS)

test: setup lint wasm ## Check the format, build everything, and run every test.
	swift build $(SWIFT_FLAGS) --explicit-target-dependency-import-check error
	swift test $(SWIFT_FLAGS) --disable-testable-imports
	cd Tests/Clients && SUNNY_BIN="$(BINARY)" "$(abspath $(SUNNY_VENV))/bin/python" -m pytest -q

# Payments without an operating system: the golden vectors, replayed by Node.js.
WASM := $(abspath $(SUNNY_SCRATCH))/wasm

wasm: system ## Compile Payments to WebAssembly, and replay the golden vectors in it.
	Tests/WebAssembly/build "$(WASM)"
	node Tests/WebAssembly/run.mjs "$(WASM)/payments.wasm" Tests/PaymentsTests/Golden/vectors.txt

# The explorers of the tests with larger bounds; FUZZ mutations for each message handler.
FUZZ ?= 2000000

model: system ## Explore every order of events, within larger bounds, and print the states.
	Tests/Models/run
	SUNNY_MODEL=1 swift test $(SWIFT_FLAGS) --disable-testable-imports --no-parallel \
	  --filter 'Explorer|Model'

mutants: ## Plant known bugs in a copy of the sources, and see that each is found.
	python3 Tests/Mutants/run.py --scratch "$(abspath $(SUNNY_SCRATCH))/mutants" $(ARGS)

fuzz: ## Mutate messages, FUZZ times for each handler.
	SUNNY_FUZZ_COUNT=$(FUZZ) swift test $(SWIFT_FLAGS) --disable-testable-imports --filter Fuzz

lint: ## Say what is not formatted as it should be.
	swift format lint --strict --parallel --recursive $(SOURCES)

format: ## Format the sources.
	swift format format --in-place --parallel --recursive $(SOURCES)

# The second program encodes and decodes the messages of the first with pyiso8583.
bench: build setup ## Measure this machine.
	@"$(BINARY)" bench $(ARGS)
	@cd Tests/Clients && SUNNY_BIN="$(BINARY)" "$(abspath $(SUNNY_VENV))/bin/python" bench_iso8583.py

clean: ## Remove what was built.
	swift package --scratch-path "$(SUNNY_SCRATCH)" clean
