# scn: `make` alone lists what can be made. Every target does the set-up that it needs; a second run does none again.
PREFIX ?= /usr/local
VERSION := $(shell scripts/build/version.sh)
LIBRARY := build/lib/libscn.so.$(VERSION)
# Folders too: their time changes when a file goes.
LIBRARY_SOURCES := $(shell find Sources include) Package.swift exports.map scripts/build/build_lib.sh \
	scripts/build/swift_runtime_flags.sh
# The moment that archives state: that of the commit; outside of a repository, the first that every format knows.
SOURCE_DATE_EPOCH := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),315532800)
SWIFT_FOLDERS := $(wildcard Sources Tests examples bindings)

.DEFAULT_GOAL := help
EXAMPLES := tabletop terrain shapenet scannet assamese chinese

.PHONY: help setup lib layers-page demo $(EXAMPLES:%=example-%) example-pendigits example-spacetime example-instances example-instances-live example-mpi test test-kernels test-arm bench bench-torch bench-peers check-abi bindings docc doxygen site site-serve pictures lint format asan ubsan tsan fuzz coverage random-networks install uninstall tarball wheel release check-reproducible check-from-source clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

setup: build/.setup-library .venv/.ready .venv/.torch .venv/.mpi build/.setup-tests build/.setup-browser ## prepare this machine for all that follows

build/.setup-library: scripts/build/setup.sh
	@scripts/build/setup.sh library
	@mkdir -p build && touch $@

build/.setup-tests: scripts/build/setup.sh
	@scripts/build/setup.sh tests
	@mkdir -p build && touch $@

build/.setup-browser: scripts/build/setup.sh
	@scripts/build/setup.sh browser
	@mkdir -p build && touch $@

build/.setup-arm: scripts/build/setup.sh
	@scripts/build/setup.sh arm
	@mkdir -p build && touch $@

.venv/.ready: scripts/build/setup.sh requirements.txt
	@scripts/build/setup.sh python
	@touch $@

.venv/.torch: .venv/.ready
	@scripts/build/setup.sh torch
	@touch $@

.venv/.mpi: .venv/.ready
	@scripts/build/setup.sh mpi
	@touch $@

.venv/.site: .venv/.torch docs/tools/site/requirements.txt
	@scripts/build/setup.sh site
	@touch $@

$(LIBRARY): $(LIBRARY_SOURCES) | build/.setup-library
	scripts/build/build_lib.sh $(VERSION)

lib: $(LIBRARY) ## build/lib/libscn.so, which needs only the C and C++ libraries and OpenBLAS

demo: $(LIBRARY) .venv/.ready ## train a network on handwritten digits and read those of other writers
	.venv/bin/python examples/pendigits/train.py $(ARGS)

example-tabletop: ## table or object, in scenes of a depth camera; DATA=folder, ARGS=--quick: see docs/examples.md
example-terrain: ## ground or object, in airborne laser scans; DATA, ARGS as above
example-shapenet: ## parts of shapes, in ShapeNet's annotation; without DATA on synthetic shapes
example-scannet: ## classes of rooms' surfaces, as ScanNet's benchmark has them; without DATA on synthetic rooms
example-assamese: ## read Assamese characters from pen strokes; DATA=folder, ARGS='--network ResNet': see docs/examples.md
example-chinese: ## read Chinese characters from pen strokes; DATA, ARGS as above

$(EXAMPLES:%=example-%): example-%: $(LIBRARY) .venv/.ready
	.venv/bin/python examples/$*/train.py $(if $(DATA),--data '$(DATA)') $(ARGS)

example-pendigits: $(LIBRARY) .venv/.ready ## compare three networks on handwritten digits
	.venv/bin/python examples/pendigits/compare.py $(ARGS)

example-spacetime: $(LIBRARY) .venv/.ready ## train a (3+1)-D autoencoder on shapes that fly through space and time
	.venv/bin/python examples/spacetime/train.py $(ARGS)

example-instances: $(LIBRARY) .venv/.ready ## find solids in generated rooms: which sites belong together; ARGS=--quick
	.venv/bin/python examples/instances/train.py $(ARGS)

example-instances-live: $(LIBRARY) .venv/.ready ## a C++ program labels a map that grows by frames; after example-instances
	.venv/bin/python examples/instances/live.py $(ARGS)

# OpenMPI does not run as root, as in a container, unless it is told so twice.
PROCESSES ?= 2
example-mpi: $(LIBRARY) .venv/.mpi ## train with several processes that add up their gradients; PROCESSES=2
	OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 .venv/bin/mpirun -n $(PROCESSES) --oversubscribe \
		--bind-to none .venv/bin/python examples/mpi/train.py $(ARGS)

test: setup ## build and run every test; the last line is `N passed, N failed`
	@python3 scripts/check/run_tests.py

test-kernels: build/.setup-library ## test the library's C parts on each instruction set of this cpu
	@scripts/check/test_kernels.sh

test-arm: build/.setup-library build/.setup-arm ## the same for Arm, through qemu-aarch64
	@scripts/check/test_kernels.sh aarch64

build/scn-bench: $(LIBRARY) $(wildcard Benchmarks/*.[ch])
	$(CC) -std=c11 -D_DEFAULT_SOURCE -O2 -Wall -Wextra -Werror -Iinclude $(filter %.c,$^) -o $@ \
		-Lbuild/lib -lscn -lopenblas -lm -pthread -Wl,-rpath,'$$ORIGIN/lib'

JSON ?= build/bench.json
PLOTS ?= build
bench: build/scn-bench ## measure speed and draw it; DATA=folder, ARGS=--quick, ARGS=--check: see docs/performance.md
ifneq ($(filter --check --record,$(ARGS)),)
	@python3 Benchmarks/guard.py $(if $(DATA),--data '$(DATA)') $(ARGS)
else
	build/scn-bench --json '$(JSON)' $(if $(DATA),--data '$(DATA)') $(ARGS)
	@$(firstword $(wildcard .venv/bin/python) python3) Benchmarks/plot.py '$(JSON)' '$(PLOTS)'
endif

bench-torch: build/scn-bench .venv/.torch ## a training step through scn.torch, next to the same through C; DATA, ARGS=--quick
	@.venv/bin/python Benchmarks/torch_step.py $(if $(DATA),--data '$(DATA)') $(ARGS)

PEERS_JSON ?= build/peers.json
# SPARSECONVNET, MINKOWSKIENGINE, TORCHSPARSE (2.0.0): folders with their source. WRITE: pages whose tables change.
bench-peers: build/scn-bench ## compare with SparseConvNet, MinkowskiEngine, spconv: docs/performance.md#compared-with-others
	@scripts/build/peers.sh sparseconvnet='$(SPARSECONVNET)' MinkowskiEngine='$(MINKOWSKIENGINE)' \
		torchsparse='$(TORCHSPARSE)'
	@build/peers-venv/bin/python Benchmarks/peers/compare.py --json '$(PEERS_JSON)' --plots '$(PLOTS)' \
		$(if $(DATA),--data '$(DATA)') $(if $(WRITE),--write $(WRITE)) $(ARGS)

check-abi: $(LIBRARY) ## compare the header with the library, with what is made of it for Python, and with scn.hpp
	@python3 scripts/check/check_abi.py
	@python3 scripts/check/check_bindings.py
	@python3 scripts/check/public_names.py cpp
	@python3 scripts/build/generate_layers_page.py --check
	@python3 scripts/build/generate_c_reference.py --check

bindings: ## make what Python repeats of scn.h, after a change there
	@python3 scripts/build/generate_bindings.py

layers-page: $(LIBRARY) ## make docs/layers.md of what the library says of its layers
	@python3 scripts/build/generate_layers_page.py

docc: build/.setup-library ## build/docc: pages of the Swift library, without a warning
	@python3 scripts/check/docc.py

doxygen: ## build/doxygen: pages of scn.h, without a warning; needs doxygen
	@command -v doxygen >/dev/null || { echo 'doxygen is missing (Debian: doxygen); nothing else needs it' >&2; exit 1; }
	@mkdir -p build && doxygen docs/tools/Doxyfile
	@echo build/doxygen/html/scn_8h.html

REPOSITORY ?=
site: $(LIBRARY) .venv/.site docc ## build/site: all pages and references, searchable; REPOSITORY=address of its files
	@SCN_SITE_REPOSITORY='$(REPOSITORY)' NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build -f docs/tools/site/mkdocs.yml
	@python3 scripts/check/check_site.py build/site

site-serve: ## show build/site at http://localhost:8000; PORT=8000
	@python3 -m http.server --bind 127.0.0.1 --directory build/site $(or $(PORT),8000)

pictures: $(LIBRARY) .venv/.ready ## draw the pictures of docs/concepts.md
	.venv/bin/python docs/tools/pictures.py

lint: build/.setup-library .venv/.torch ## check formatting, types of Python and the rules of the house
	@swift format lint --strict --parallel --recursive Package.swift $(SWIFT_FOLDERS)
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .
	@scripts/check/check_types.sh
	@python3 scripts/check/lint.py

format: .venv/.ready ## format Swift and Python; break comments and prose with lines that are too long
	swift format --in-place --parallel --recursive Package.swift $(SWIFT_FOLDERS)
	.venv/bin/ruff check --fix --quiet .
	.venv/bin/ruff format --quiet .
	@python3 scripts/check/reflow.py

asan: build/.setup-library ## run the C and the Swift tests under AddressSanitizer with leak detection
	scripts/check/sanitize.sh address

ubsan: build/.setup-library ## run the C tests with the C parts under UndefinedBehaviorSanitizer
	scripts/check/sanitize.sh undefined

tsan: build/.setup-library ## run programs of many threads under ThreadSanitizer
	scripts/check/sanitize.sh thread

SECONDS ?= 60
fuzz: build/.setup-library ## look for inputs that crash, each target for SECONDS (60); REPRODUCE=file runs one again
	@scripts/check/fuzz.py --seconds $(SECONDS) $(if $(REPRODUCE),--reproduce '$(REPRODUCE)') $(ARGS)

coverage: $(LIBRARY) .venv/.torch ## build/coverage: which lines the tests of Swift and of Python reach
	@scripts/check/coverage.sh

random-networks: $(LIBRARY) .venv/.torch ## check random networks for SECONDS (60); ARGS='--first-seed N', '--seed N'
	@.venv/bin/python bindings/python/tests/networks/random_networks.py --seconds $(SECONDS) $(ARGS)

install: $(LIBRARY) ## install into PREFIX (/usr/local); LIBDIR and DESTDIR are honoured
	@PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' DESTDIR='$(DESTDIR)' scripts/package/install.sh $(VERSION)

uninstall: ## remove what `make install` put into PREFIX
	@PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' DESTDIR='$(DESTDIR)' scripts/package/install.sh --uninstall

tarball wheel release: export SOURCE_DATE_EPOCH := $(SOURCE_DATE_EPOCH)

tarball: $(LIBRARY) ## dist/scn-*.tar.gz: library, headers and examples for C and C++, to unpack anywhere
	@scripts/package/tarball.sh $(VERSION)

wheel: $(LIBRARY) .venv/.ready ## dist/scn_engine-*.whl, the Python package with the library and OpenBLAS inside
	@scripts/package/wheel.sh $(VERSION)

release: .venv/.ready ## dist: packages, notes, bill of materials, SHA256SUMS; ARGS=--trial before the version is dated
	@python3 scripts/package/release.py check $(VERSION) $(ARGS)
	@$(MAKE) --no-print-directory tarball wheel $(if $(findstring --no-site,$(ARGS)),,site)
	@.venv/bin/python scripts/package/release.py pack $(VERSION) $(ARGS)

check-reproducible: .venv/.ready ## make all packages of the last commit twice, in different folders, and compare them
	@.venv/bin/python scripts/check/reproducible.py $(ARGS)

check-from-source: $(LIBRARY) ## build scn as projects of others do: FetchContent, Conan, vcpkg, SwiftPM; ARGS=swift: one
	@scripts/check/test_from_source.sh $(ARGS)

clean: ## remove what was built; .venv stays
	rm -rf .build build dist demo-output examples/*/.build bindings/python/build
