# SPDX-License-Identifier: Apache-2.0
#
# Everything from one place. On a fresh Debian 12, as root, nothing is needed but make:
#
#   make run         sets up, builds, starts a group of three replicas on this machine; Ctrl-C ends it
#   make test        sets up, builds, runs unit, property, conformance and end-to-end tests
#   make test-slow   clang with its sanitizers, mutated inputs, process tests, the second JDK
#   make simulate    many whole groups with faults and rollbacks, one seed each: SEEDS=1000 FIRST_SEED=1
#   make chaos       processes killed, stopped and cut off under load; CHAOS_SECONDS=600 for the long run
#   make chaos-client  a replica dies at each step of backups and restores: CHAOS_KILLS=1000
#   make bench       benchmarks of the core, the bridge and the host; bench-failover: kills the leader;
#                    bench-transitions: what crosses the enclave's boundary
#   make dist        one archive to install: build/svr2-VERSION.tar.gz
#   make build       what run needs; make enclave: just the signed enclave images
#   make enclave-oe  the enclave images for Open Enclave; needs an installed SDK, as OE_SDK=/path/to/it
#   make lint        formats, include graph, banned features (part of make test)
#   make format      formats everything in place
#   make clean       removes all that was made

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
MVN := mvn -B -ntp
# More arguments for Maven.
MVN_ARGS ?=

BUILD_PACKAGES := g++ make pkg-config dpkg-dev protobuf-compiler libprotobuf-dev libsodium-dev libssl-dev openssl \
  openjdk-17-jdk-headless maven $(if $(shell command -v npm),,npm)
TEST_PACKAGES := libgtest-dev libgmock-dev nlohmann-json3-dev clang clang-format libclang-rt-14-dev argon2 redis-server dnsmasq-base prometheus
BENCH_PACKAGES := libbenchmark-dev python3

.PHONY: dist help setup setup-test setup-bench build enclave enclave-oe native java run test test-fast test-slow lint format bench clean \
  totals sanitizers clang second-jdk

help:
	@sed -n '3,20s/^# \{0,1\}//p' Makefile

setup:
	@.ci/setup $(BUILD_PACKAGES)
setup-test: setup
	@.ci/setup $(TEST_PACKAGES)
setup-bench: setup
	@.ci/setup $(BENCH_PACKAGES)

enclave: setup
	@$(MAKE) --no-print-directory -C enclave-cpp -j$(JOBS) object
	@$(MAKE) --no-print-directory -C jni -j$(JOBS) images

# The same sources as a signed SGX image. Without an SDK it says what is missing, and fails.
enclave-oe: setup
	@enclave-cpp/platform_oe/find_sdk >/dev/null
	@.ci/setup clang
	@$(MAKE) --no-print-directory -C enclave-cpp -j$(JOBS) object-oe
	@$(MAKE) --no-print-directory -C jni -j$(JOBS) images-oe

# All Java, without its tests. Maven calls Make for the native parts of jni.
build: enclave
	@echo "== maven: proto, jni, client-java, host-java"
	@$(MVN) -q install -DskipTests $(MVN_ARGS)

run: build
	@exec ./svr2 cluster --replicas 3

lint: setup-test
	@$(MAKE) --no-print-directory -C enclave-cpp lint
	@$(MAKE) --no-print-directory -C jni lint

format: setup-test
	@$(MAKE) --no-print-directory -C enclave-cpp format
	@$(MAKE) --no-print-directory -C jni format
	@$(MVN) -q com.spotify.fmt:fmt-maven-plugin:format

TEST_LOG := build/test.log
test: setup-test
	@mkdir -p build; status=0; \
	$(MAKE) --no-print-directory test-fast 2>&1 | tee $(TEST_LOG) || status=$$?; \
	.ci/oe-count '$(OE_PC)' | tee build/oe-simulation.line || status=1; \
	.ci/totals $(TEST_LOG) $$status "make test"

comma := ,
# Where an SDK is, the tests of oe-simulation run too, and must pass. SVR2_REQUIRE_OE=1: no SDK is a failure.
OE_PC := $(shell enclave-cpp/platform_oe/find_sdk --quiet)
SVR2_REQUIRE_OE ?=
TEST_MVN_ARGS := $(if $(OE_PC),-Dsvr2.platforms=local$(comma)oe-simulation)

test-fast: lint enclave $(if $(OE_PC)$(filter 1,$(SVR2_REQUIRE_OE)),enclave-oe)
ifeq (,$(OE_PC))
	@echo "[  SKIPPED ] 1 suite: oe-simulation: no Open Enclave SDK"
endif
	@.ci/totals --self-test && .ci/oe-count --self-test
	@$(MAKE) --no-print-directory -C enclave-cpp -j$(JOBS) check
	@$(MAKE) --no-print-directory -C jni -j$(JOBS) check
	@echo "== simulator" && $(MAKE) --no-print-directory -C enclave-cpp -j$(JOBS) simulate
	@echo "== maven verify"
	@$(MVN) install -Dit.test='*IT,!ChaosIT,!RollingRestartIT,!HeapExhaustionIT,!StatusPageIT' -Dfailsafe.failIfNoSpecifiedTests=false $(TEST_MVN_ARGS) $(MVN_ARGS) | .ci/maven-lines

TEST_SLOW_LOG := build/test-slow.log
test-slow: setup-test
	@mkdir -p build; status=0; \
	$(MAKE) --no-print-directory sanitizers process-tests browser exhaustion reproducible second-jdk 2>&1 | tee $(TEST_SLOW_LOG) || status=$$?; \
	.ci/totals $(TEST_SLOW_LOG) $$status "make test-slow"

# The second compiler and the sanitizers in one: clang's warnings and thread-safety analysis, its instrumentation
# (which compiles in half of g++'s time), every unit test twice. `make clang` has what it makes without them.
clang:
	@$(MAKE) --no-print-directory -C enclave-cpp -j$(JOBS) CXX=clang++ check
	@$(MAKE) --no-print-directory -C jni -j$(JOBS) CXX=clang++ check
# Mutated inputs keep one core busy for minutes, while the other compiles for the next sanitizer.
FUZZ_LOG := build/fuzz.log
sanitizers:
	@mkdir -p build
	@$(MAKE) --no-print-directory -C enclave-cpp -j$(JOBS) CXX=clang++ SAN=address check fuzz-programs
	@$(MAKE) --no-print-directory -C jni -j$(JOBS) CXX=clang++ SAN=address check
	@status=0; $(MAKE) --no-print-directory -C enclave-cpp CXX=clang++ fuzz >$(FUZZ_LOG) 2>&1 & fuzz=$$!; \
	$(MAKE) --no-print-directory -C enclave-cpp -j$(JOBS) CXX=clang++ SAN=thread check || status=$$?; \
	wait $$fuzz || status=$$?; cat $(FUZZ_LOG); exit $$status
	@$(MAKE) --no-print-directory -C jni -j$(JOBS) CXX=clang++ SAN=thread check

# A measurement that depends on where somebody builds cannot be checked by anybody else.
.PHONY: reproducible
reproducible: enclave $(if $(OE_PC),enclave-oe)
	@$(MAKE) --no-print-directory -C enclave-cpp reproducible
ifneq (,$(OE_PC))
	@$(MAKE) --no-print-directory -C enclave-cpp reproducible-oe
else
	@echo "[  SKIPPED ] 1 test: the image for Open Enclave is reproducible: no Open Enclave SDK"
endif

# Three hosts as processes, under load. SEED=… repeats a run's choices (not its timing).
CHAOS_SECONDS ?= 40
SEED ?=
.PHONY: process-tests chaos bench-failover simulate
simulate: setup-test
	@$(MAKE) --no-print-directory -C enclave-cpp -j$(JOBS) simulate

process-tests: build
	@echo "== process tests, $(CHAOS_SECONDS) s"
	@status=0; $(MVN) -f host-java/pom.xml failsafe:integration-test failsafe:verify -Dit.test='ChaosIT,RollingRestartIT' \
	  -Dsvr2.chaos.seconds=$(CHAOS_SECONDS) $(if $(SEED),-Dsvr2.seed=$(SEED)) $(MVN_ARGS) | .ci/maven-lines || status=$$?; \
	tail -n 3 host-java/target/chaos/report.txt; exit $$status

# The status page in a real browser.
.PHONY: browser
browser: build
	@.ci/setup chromium
	@echo "== status page in Chromium"
	@$(MVN) -f host-java/pom.xml failsafe:integration-test failsafe:verify -Dit.test=StatusPageIT $(MVN_ARGS) | .ci/maven-lines

# Real enclaves with little heap, filled with rows and then with sessions: two minutes a platform, so where an SDK is, it is
# that one. EXHAUSTION_PLATFORMS=local,oe-simulation for both.
EXHAUSTION_PLATFORMS ?= $(if $(OE_PC),oe-simulation,local)
.PHONY: exhaustion
exhaustion: build $(if $(OE_PC),enclave-oe)
	@echo "== heap exhaustion"
	@$(MAKE) -s --no-print-directory -C jni small-images $(if $(OE_PC),small-images-oe)
	@$(MVN) -f host-java/pom.xml failsafe:integration-test failsafe:verify -Dit.test=HeapExhaustionIT -Dsvr2.platforms=$(EXHAUSTION_PLATFORMS) $(MVN_ARGS) | .ci/maven-lines

# What tests are made of, with a main of its own. To be used behind build.
TEST_MAIN = java -Dsvr2.root=$(CURDIR) -cp 'host-java/target/test-classes:host-java/target/classes:host-java/target/lib/*'
chaos: build
	@$(TEST_MAIN) dev.svr2.host.chaos.ChaosRun host-java/target/chaos $(CHAOS_SECONDS) $(SEED)

# A replica dies at each step of backups and restores; every result must be true.
CHAOS_KILLS ?= 1000
.PHONY: chaos-client
chaos-client: build
	@$(TEST_MAIN) dev.svr2.host.chaos.ClientChaos $(CHAOS_KILLS) $(SEED) 2>host-java/target/chaos-client.log

FAILOVER_KILLS ?= 50
bench-failover: build
	@$(TEST_MAIN) dev.svr2.host.chaos.FailoverBench host-java/target/failover $(FAILOVER_KILLS)

# With an SDK, on oe-simulation too.
TRANSITIONS_SESSIONS ?= 2000
.PHONY: bench-transitions
bench-transitions: build $(if $(OE_PC),enclave-oe)
	@for platform in local $(if $(OE_PC),oe-simulation); do \
	  $(TEST_MAIN) dev.svr2.host.e2e.TransitionsBench $$platform $(TRANSITIONS_SESSIONS); done

# The same class files and tests on a second JDK, where one is installed; of the tests with processes, those of one host.
JDK25 ?= $(firstword $(wildcard /usr/lib/jvm/*25*/bin/java))
second-jdk: build
ifneq (,$(JDK25))
	@echo "== tests on $$($(JDK25) -version 2>&1 | sed -n '/version/{s/Picked.*//;p;q}')"
	@$(MVN) install -Dsvr2.test.java=$(JDK25) -Dit.test=ProcessIT -Dfailsafe.failIfNoSpecifiedTests=false $(MVN_ARGS) | .ci/maven-lines
else
	@echo "== tests on JDK 25"
	@echo "[  SKIPPED ] 1 suite: no JDK 25 below /usr/lib/jvm"
endif

bench: setup-bench build
	@$(MAKE) --no-print-directory -C enclave-cpp -j$(JOBS) bench
	@$(MAKE) --no-print-directory -C jni bench
	@$(MAKE) --no-print-directory bench-host
	@$(MAKE) --no-print-directory bench-client
	@$(MAKE) --no-print-directory bench-idle
	@$(MAKE) --no-print-directory bench-failover
	@$(MAKE) --no-print-directory bench-transitions

# CPU of a client: evidence (needs ../shared/vectors or SVR2_VECTORS) and handshakes.
.PHONY: bench-client
bench-client: build
	@java -Dsvr2.root=$(CURDIR) -cp 'client-java/target/test-classes:client-java/target/classes:host-java/target/lib/*' dev.svr2.client.evidence.ClientBench

# Sessions that say nothing, on a host with a heap of 192 MiB and 64 MiB of direct buffers.
IDLE_SESSIONS ?= 10000
.PHONY: bench-idle
bench-idle: build
	@$(TEST_MAIN) dev.svr2.host.load.IdleSessionsBench $(IDLE_SESSIONS)

.PHONY: bench-host
bench-host: build
	@$(MVN) -q -f host-java/pom.xml -Pbench verify -DskipTests

# Everything that a machine needs but Java, in one file; the same input makes the same bytes.
dist: build
	@rm -rf build/dist && mkdir -p build/dist/lib build/dist/docs build/dist/deploy
	@cp host-java/target/lib/*.jar build/dist/lib/
	@cp $$(ls host-java/target/svr2-host-*.jar | grep -Ev -- '-(tests|sources|javadoc)\.jar$$') build/dist/lib/svr2-host.jar
	@cp svr2 LICENSE README.md SECURITY.md svr2.conf build/enclave.signed.local build/dist/
	@$(if $(OE_PC),if [ -f build/enclave.signed ]; then cp build/enclave.signed build/dist/; fi)
	@cp -r docs/. build/dist/docs/ && cp -r deploy/. build/dist/deploy/
	@version=$$(sed -n 's:.*<version>\(.*\)</version>.*:\1:p' pom.xml | head -n 1); \
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --transform "s:^\.:svr2-$$version:" -C build/dist -cf - . | gzip -n >build/svr2-$$version.tar.gz; \
	echo "== build/svr2-$$version.tar.gz: $$(du -h build/svr2-$$version.tar.gz | cut -f1)"

clean:
	@rm -rf build .run
	@$(MAKE) --no-print-directory -C enclave-cpp clean
	@$(MAKE) --no-print-directory -C jni clean
	@rm -rf */target target
