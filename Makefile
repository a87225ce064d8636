# Two commands are all a newcomer needs: `make run` and `make test`.
.PHONY: run build web test test-cpp test-asan test-e2e test-web test-speed bench tsan soak fuzz tidy format clean
.DEFAULT_GOAL := build

PORT ?= 7717
JOBS ?= $(shell nproc)
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(JOBS)
# A compiler cache is used where there is one; nothing depends on it.
export CMAKE_CXX_COMPILER_LAUNCHER ?= $(shell command -v ccache)
# Without these it leaves alone what uses a precompiled header.
export CCACHE_SLOPPINESS ?= pch_defines,time_macros

## Installs the packages, builds, seeds the service-desk example and serves it.
run:
	scripts/setup.sh run
	$(MAKE) --no-print-directory build web
	exec build/release/kith demo --port $(PORT)

build:
	cmake --preset release >/dev/null
	cmake --build --preset release

web:
	scripts/build_web.sh

## Unit, golden, integration and end-to-end tests; builds what they need.
test:
	scripts/setup.sh test
	$(MAKE) --no-print-directory web
	$(MAKE) --no-print-directory test-cpp test-asan test-e2e test-web
	$(MAKE) --no-print-directory test-speed

test-cpp:
	cmake --preset test >/dev/null
	cmake --build --preset test
	ctest --preset test -j $(JOBS)

## The parsers of bytes from outside, on their fuzz corpora and mutations of them, under AddressSanitizer and UBSan.
test-asan:
	cmake --preset asan >/dev/null
	cmake --build --preset asan --target kith_fuzz_replays
	ctest --preset asan -j $(JOBS) -L fuzz

test-e2e:
	scripts/test_e2e.sh

test-web:
	scripts/test_web.sh

## Everything that runs on many threads, under ThreadSanitizer; minutes, not part of `make test`.
tsan:
	scripts/tsan.sh

## The gated figures of bench/bars.toml at 0.85 of their bars. Last and alone: what runs beside it is measured too.
test-speed:
	tools/bench_bars.py --gate

## Every figure of bench/bars.toml against its bar, as a table and in build/bench/bench.json. On a quiet machine.
bench:
	scripts/setup.sh test
	cmake --preset test >/dev/null
	cmake --build --preset test --target kith
	tools/bench_bars.py --out build/bench/bench.json

## Long suites live here; they are not part of `make test`.
soak:
	scripts/soak.sh

## Looks for new inputs that break a parser, each for FUZZ_SECONDS.
FUZZ_SECONDS ?= 60
fuzz:
	scripts/setup.sh clang
	scripts/fuzz.sh $(FUZZ_SECONDS)

## clang-tidy over what has changed since it last passed; the trainer is left out.
tidy:
	scripts/setup.sh clang
	JOBS=$(JOBS) scripts/tidy.sh

format:
	git ls-files '*.h' '*.cc' | xargs clang-format-14 -i

clean:
	rm -rf build web/dist
