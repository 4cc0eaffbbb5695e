# SPDX-License-Identifier: GPL-2.0-or-later
# `make help` lists the targets.
VERSION = 0.1.0
PREFIX  ?= /usr
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man
B       ?= build

CC      ?= cc
CFLAGS  ?= -O2 -g
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

LIBS     = libnbd ext2fs com_err blkid mount zlib smartcols jansson devmapper
# inih ships no .pc name that all distributions share; its library is always -linih.
pkg_cflags := $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
cflags  := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSVC_VERSION='"$(VERSION)"' -Ilib -Wall -Wextra -Wshadow \
           -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -fno-strict-aliasing -pthread $(pkg_cflags) $(SANITIZE) $(WERROR)
ldlibs   = $(shell pkg-config --libs $(LIBS)) -linih -pthread

lib_src := $(filter-out %_test.c %_fuzz.c lib/base/replay.c,$(wildcard lib/*.c lib/*/*.c))
cmd_src := $(wildcard cmd/*.c)
test_src := $(wildcard lib/*/*_test.c)
fuzz_src := $(wildcard lib/*/*_fuzz.c)
cmds    := svc-compare svc-resync

lib_obj := $(lib_src:%.c=$(B)/obj/%.o)
cmd_obj := $(cmd_src:%.c=$(B)/obj/%.o)
tests   := $(test_src:lib/%.c=$(B)/test/%)
# A fuzz target linked with its own replay main: runs every file of its corpus.
replays := $(fuzz_src:lib/%.c=$(B)/replay/%)

mans    := svc.8 svc-compare.8 svc-resync.8 svc.conf.5

all: $(cmds:%=$(B)/%) $(mans:%=$(B)/man/%)

# One multi-call binary; the commands are names of it.
$(B)/svc: $(cmd_obj) $(B)/libsvc.a
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(cflags) $(LDFLAGS) -o $@ $^ $(ldlibs)

$(cmds:%=$(B)/%): $(B)/svc
	$(Q)ln -sf svc $@

$(B)/man/%: man/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# Pages with the table of reasons in them.
$(B)/man/%: man/%.in man/reasons lib/verdict/reason.def lib/model.h
	@mkdir -p $(@D)
	@echo "  MAN   $@"
	$(Q)man/reasons lib/verdict/reason.def lib/model.h $< > $@.new && mv $@.new $@

$(B)/libsvc.a: $(lib_obj)
	@echo "  AR    $@"
	$(Q)rm -f $@ && $(AR) qcs $@ $^

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(cflags) -MMD -MP -c -o $@ $<

$(B)/test/%: $(B)/obj/lib/%.o $(B)/libsvc.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(cflags) -o $@ $^ $(ldlibs) -lcmocka

# Writes records into the images of scenarios that are about records.
$(B)/test/record-tool: $(B)/obj/test-images/record-tool.o $(B)/libsvc.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(cflags) -o $@ $^ $(ldlibs)

tests: $(tests)

# $(call corpus,lib/locate/pv_fuzz.c) is lib/locate/corpus/pv; .ci/suite runs every file of it.
corpus  = $(dir $(1))corpus/$(patsubst %_fuzz.c,%,$(notdir $(1)))
replays: $(replays)

$(B)/replay/%: $(B)/obj/lib/%.o $(B)/obj/lib/base/replay.o $(B)/libsvc.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(cflags) -o $@ $^ $(ldlibs)

# Each target for FUZZ_SECONDS on top of its corpus; finds go to build/fuzz/finds.
FUZZ_SECONDS ?= 60
fuzzers := $(fuzz_src:lib/%.c=$(B)/fuzzer/%)
fuzz: ## run every fuzz target for FUZZ_SECONDS (60)
	@.ci/deps fuzz
	+$(Q)$(MAKE) --no-print-directory B=$(B)/fuzz CC=clang CFLAGS="-g -O1" \
	  SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" fuzzers
	@mkdir -p $(B)/fuzz/finds
	$(Q)$(foreach f,$(fuzz_src),echo "  FUZZ  $(f)" && mkdir -p $(B)/fuzz/$(call corpus,$(f)) && \
	  $(f:lib/%.c=$(B)/fuzz/fuzzer/%) -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -verbosity=0 \
	  -print_final_stats=1 -artifact_prefix=$(B)/fuzz/finds/ $(B)/fuzz/$(call corpus,$(f)) $(call corpus,$(f)) && ) true

fuzzers: $(fuzzers)
$(B)/fuzzer/%: $(B)/obj/lib/%.o $(B)/libsvc.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) $(cflags) -fsanitize=fuzzer -o $@ $^ $(ldlibs)

# --- what people type; each installs what it is missing (DEPS=no: nothing) -----------------------

SAN = -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
sub = +$(Q)$(MAKE) --no-print-directory -j$(shell nproc)

demo: ## run the main job on a real stale pair of copies and show the screen
	@.ci/deps images
	$(sub) all
	@test-images/demo $(B)

check: ## run all tests
	@.ci/deps check
	$(sub) WERROR=-Werror all $(patsubst %,$(B)/test/%_test,compare/corrupt verdict/simulation rebuild/crash rebuild/nth)
	$(sub) B=$(B)-asan WERROR=-Werror CFLAGS="-O1 -g" SANITIZE="$(SAN)" all tests replays
	@.ci/suite $(B) $(B)-asan

lint: ## formatting, static checks, manual pages
	@.ci/deps lint
	$(sub) all WERROR=-Werror
	@.ci/lint

bench: ## measure speed and memory against peers, side by side
	@.ci/deps bench
	$(sub) all
	@test-images/bench $(B)

install: all ## install below DESTDIR
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8
	install -m 755 $(B)/svc $(DESTDIR)$(SBINDIR)/svc
	for c in $(cmds); do ln -sf svc $(DESTDIR)$(SBINDIR)/$$c; done
	for m in $(mans); do install -m 644 $(B)/man/$$m $(DESTDIR)$(MANDIR)/man$${m##*.}/; done

help: ## list the targets
	@echo "make              build the commands into $(B)/"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18
	@echo "V=1 shows the commands, B=DIR builds elsewhere, DEPS=no installs nothing"

clean: ## remove what was built
	rm -rf $(B) $(B)-asan

.PHONY: all tests replays fuzz fuzzers demo check lint bench install help clean
.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
