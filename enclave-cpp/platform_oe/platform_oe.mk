# SPDX-License-Identifier: Apache-2.0
#
# The same modules as an Open Enclave image: `make object-oe` makes $(B)/oe/enclave.bin, not yet signed. All that is
# linked in is compiled here, by clang and with the SDK's flags (speculative-load hardening among them), from sources that
# are pinned by version and hash.

OE_BUILD := $(B)/oe
OE_DEPS := $(DEPS_B)/oe
OE_CLANG ?= clang
OE_CLANGXX ?= clang++
OE_IMAGE := $(OE_BUILD)/enclave.bin
OE_PLATFORM_MODULES := ecalls platform_oe
OE_SOURCES := $(LIB_SOURCES) $(foreach m,$(OE_PLATFORM_MODULES),$(filter-out %_test.cc %_bench.cc %_fuzz.cc,$(wildcard $(m)/*.cc)))
# More objects to link in, and the ecalls' place taken: the bridge's tests put an echo enclave there.
OE_OBJECT_EXTRA ?=

.PHONY: object-oe
ifeq (,$(filter object-oe reproducible-oe $(OE_IMAGE),$(MAKECMDGOALS)))
OE_PC :=
else
OE_PC := $(shell platform_oe/find_sdk)
ifeq (,$(OE_PC))
$(error make enclave-oe stops here)
endif
endif

ifneq (,$(OE_PC))
OE_PKG_CONFIG := PKG_CONFIG_PATH=$(OE_PC) pkg-config
OE_INCLUDE := $(realpath $(shell $(OE_PKG_CONFIG) --variable=includedir oeenclave-clang++))
OE_PREFIX := $(realpath $(OE_INCLUDE)/..)
OE_EDGER8R := $(OE_PREFIX)/bin/oeedger8r
# Headers of the SDK as those of a system: our warnings do not judge them.
OE_FLAGS_OF = $(foreach f,$(shell $(OE_PKG_CONFIG) --cflags $(1)),$(if $(filter -I%,$f),-isystem $(realpath $(f:-I%=%)),$f)) \
  -idirafter $(shell $(OE_CLANG) -print-resource-dir)/include -DOE_API_VERSION=2
OE_CFLAGS := $(call OE_FLAGS_OF,oeenclave-clang)
OE_CXXFLAGS := $(call OE_FLAGS_OF,oeenclave-clang++)
# Without the first, some thousand names of the C and C++ libraries stay visible. The last: an id would be measured, and
# depends on what debuggers are told, folders among it.
OE_LINK_FLAGS := -Wl,--exclude-libs,liboelibcxx.a:liboelibc.a \
  $(shell $(OE_PKG_CONFIG) --libs oeenclave-clang++) $(shell $(OE_PKG_CONFIG) --variable=mbedtlslibs oeenclave-clang++) \
  -Wl,--build-id=none
endif

SODIUM_VERSION := 1.0.18
SODIUM_SOURCE := $(DEPS_B)/deps/libsodium-$(SODIUM_VERSION)
SODIUM_ROOT := $(SODIUM_SOURCE)/src/libsodium
# One list, in words of make: sources are only there once they are unpacked.
SODIUM := $(shell sed '/^#/d' platform_oe/sodium_sources)

# The bytes made do not depend on the folders of anything.
OE_PREFIX_MAPS = $(PREFIX_MAPS) -ffile-prefix-map=$(OE_PREFIX)=openenclave \
  $(foreach d,PROTOBUF SODIUM PQCLEAN,$(call SOURCE_MAP,$($d_SOURCE),./$d)) \
  -fdebug-compilation-dir=.
OE_C_COMMON = $(OE_CFLAGS) -O2 -g $(OE_PREFIX_MAPS)
OE_CXX_COMMON = $(OE_CXXFLAGS) -O2 -g $(OE_PREFIX_MAPS) -std=c++17 -isystem $(abspath $(PROTOBUF_SOURCE))/src -isystem $(GEN)
OE_WARNINGS := $(filter-out -Wthread-safety%,$(WARNINGS)) -Wthread-safety -Wthread-safety-beta

OE_OBJECTS := $(OE_SOURCES:%.cc=$(OE_BUILD)/%.o) $(PROTOS:%=$(OE_BUILD)/gen/%.pb.o) $(OE_BUILD)/edge/svr2_t.o
OE_DEPS_OBJECTS := $(PROTOBUF_LITE:%=$(OE_DEPS)/protobuf/%.o) $(PQCLEAN:%=$(OE_DEPS)/pqclean/%.o) $(addprefix $(OE_DEPS)/sodium/,$(addsuffix .o,$(SODIUM)))
OE_UNPACKED := $(PROTOBUF_SOURCE)/.unpacked $(SODIUM_SOURCE)/.unpacked $(PQCLEAN_SOURCE)/.unpacked
# Other flags make another measurement: what is built with the old ones must not stay.
OE_RULES := platform_oe/platform_oe.mk
$(OE_OBJECTS) $(OE_DEPS_OBJECTS): $(OE_RULES)

object-oe: $(OE_IMAGE)
$(OE_IMAGE): $(OE_OBJECTS) $(OE_OBJECT_EXTRA) $(OE_DEPS_OBJECTS) $(OE_RULES)
	$(call SAY,LINK,$@)
	$(Q)$(OE_CLANGXX) -o $@.tmp $(filter %.o,$^) $(OE_LINK_FLAGS)
	@objcopy --only-keep-debug $@.tmp $@.debug && objcopy --strip-debug $@.tmp && mv $@.tmp $@

.PHONY: reproducible-oe
reproducible-oe: $(OE_IMAGE)
	+@platform_local/check_reproducible object-oe $(OE_IMAGE)

$(OE_BUILD)/edge/svr2_t.c: ../edl/svr2.edl
	@mkdir -p $(@D)
	$(call SAY,EDGE,$<)
	$(Q)$(OE_EDGER8R) $< --trusted --trusted-dir $(@D) --search-path $(OE_INCLUDE) --search-path $(OE_INCLUDE)/openenclave/edl/sgx >$(@D)/log || { cat $(@D)/log; exit 1; }
$(OE_BUILD)/edge/svr2_t.o: $(OE_BUILD)/edge/svr2_t.c
	$(Q)$(OE_CLANG) $(OE_C_COMMON) -w -c $< -o $@
$(OE_BUILD)/platform_oe/%.o: OE_EXTRA = -isystem $(OE_BUILD)/edge
$(OE_BUILD)/platform_oe/oe_entry.o: $(OE_BUILD)/edge/svr2_t.c
$(OE_BUILD)/crypto/ml_kem.o: OE_EXTRA = -isystem $(abspath $(PQCLEAN_ROOT))

$(OE_BUILD)/%.o: %.cc $(OE_UNPACKED) | $(PB_HEADERS)
	@mkdir -p $(@D)
	$(call SAY,OE-CXX,$<)
	$(Q)$(OE_CLANGXX) $(OE_CXX_COMMON) $(OE_WARNINGS) -I. -isystem $(abspath $(SODIUM_ROOT))/include $(OE_EXTRA) -MD -MP -c $< -o $@
$(OE_BUILD)/gen/%.pb.o: $(GEN)/svr2/%.pb.cc $(OE_UNPACKED) | $(PB_HEADERS)
	@mkdir -p $(@D)
	$(call SAY,OE-CXX,$<)
	$(Q)$(OE_CLANGXX) $(OE_CXX_COMMON) -w -MD -MP -c $< -o $@

$(OE_DEPS)/protobuf/%.o: $(PROTOBUF_SOURCE)/.unpacked
	@mkdir -p $(@D)
	$(call SAY,OE-CXX,protobuf/$*.cc)
	$(Q)$(OE_CLANGXX) $(OE_CXX_COMMON) -w -DHAVE_PTHREAD=1 -c $(abspath $(PROTOBUF_SOURCE))/src/google/protobuf/$*.cc -o $@

# As for `local` (../Makefile): its arithmetic in one piece.
$(OE_DEPS)/pqclean/%.o: $(PQCLEAN_SOURCE)/.unpacked
	@mkdir -p $(@D)
	$(call SAY,OE-CC,pqclean/$*.c)
	$(Q)$(OE_CLANG) $(OE_C_COMMON) -std=c99 -O3 -fexceptions -w -Dmalloc=svr2_kem_allocate -Dfree=svr2_kem_release \
	  -Dexit=svr2_kem_exit -I$(abspath $(PQCLEAN_ROOT))/common $(PQCLEAN_FLAGS) -c $(abspath $(PQCLEAN_ROOT))/$*.c -o $@
$(OE_DEPS)/pqclean/$(PQCLEAN_KEM)/polyvec.o: PQCLEAN_FLAGS = \
  $(foreach f,reduce ntt poly,-include $(abspath $(PQCLEAN_ROOT))/$(PQCLEAN_KEM)/$(f).c)

# libsodium without its configure script, which would ask this machine and not the enclave. Nothing of it takes random
# bytes from anywhere but env/rdrand.h: without that it has no source at all.
SODIUM_DEFINES := SODIUM_STATIC CONFIGURED NATIVE_LITTLE_ENDIAN HAVE_TI_MODE HAVE_WEAK_SYMBOLS HAVE_INLINE_ASM HAVE_AMD64_ASM \
  HAVE_AVX_ASM HAVE_CPUID HAVE_PTHREAD HAVE_MMINTRIN_H HAVE_EMMINTRIN_H HAVE_PMMINTRIN_H HAVE_TMMINTRIN_H HAVE_SMMINTRIN_H \
  HAVE_AVXINTRIN_H HAVE_AVX2INTRIN_H HAVE_WMMINTRIN_H RANDOMBYTES_CUSTOM_IMPLEMENTATION RANDOMBYTES_DEFAULT_IMPLEMENTATION=0
# clang ignores the pragmas in the files that turn these on.
SODIUM_CPU_aesni := -mssse3 -maes -mpclmul
SODIUM_CPU_ssse3 := -mssse3
SODIUM_CPU_sse41 := -msse4.1
SODIUM_CPU_avx2 := -mavx2
$(SODIUM_SOURCE)/.unpacked: deps/debian_source deps/libsodium.sha256
	deps/debian_source libsodium $(SODIUM_VERSION) $(SODIUM_SOURCE)
	@sed -e 's/@VERSION@/$(SODIUM_VERSION)/; s/@SODIUM_LIBRARY_VERSION_MAJOR@/10/; s/@SODIUM_LIBRARY_VERSION_MINOR@/3/; /@SODIUM_LIBRARY_MINIMAL_DEF@/d' \
	  $(SODIUM_ROOT)/include/sodium/version.h.in >$(SODIUM_ROOT)/include/sodium/version.h
	@touch $@
$(OE_DEPS)/sodium/%.o: $(SODIUM_SOURCE)/.unpacked
	@mkdir -p $(@D)
	$(call SAY,OE-CC,libsodium/$*)
	$(Q)$(OE_CLANG) $(OE_C_COMMON) -w $(SODIUM_DEFINES:%=-D%) $(foreach c,aesni ssse3 sse41 avx2,$(if $(findstring $(c),$*),$(SODIUM_CPU_$(c)))) \
	  -I$(SODIUM_ROOT)/include/sodium \
	  -c $(abspath $(SODIUM_ROOT))/$* -o $@
