# SPDX-License-Identifier: GPL-2.0-or-later
# `make help` lists the targets.
VERSION = 0.1.0
PREFIX  ?= /usr
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
SHAREDIR ?= $(PREFIX)/share/svc
COMPDIR ?= $(PREFIX)/share/bash-completion/completions
# Where others look for theirs.
INITRAMFS_TOOLS ?= $(PREFIX)/share/initramfs-tools
DRACUT  ?= $(PREFIX)/lib/dracut/modules.d
OCF     ?= $(PREFIX)/lib/ocf/resource.d
B       ?= build

CC      ?= cc
CFLAGS  ?= -O2 -g
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

LIBS     = libnbd ext2fs com_err blkid mount zlib smartcols jansson devmapper ncurses libmnl
# inih ships no .pc name that all distributions share; its library is always -linih.
pkg_cflags := $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
cflags  := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSVC_VERSION='"$(VERSION)"' -Ilib -Wall -Wextra -Wshadow \
           -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -fno-strict-aliasing -pthread $(pkg_cflags) $(SANITIZE) $(WERROR)
ldlibs   = $(shell pkg-config --libs $(LIBS)) -linih -pthread

lib_src := $(filter-out %_test.c %_fuzz.c lib/base/replay.c,$(wildcard lib/*.c lib/*/*.c))
cmd_src := $(wildcard cmd/*.c)
test_src := $(wildcard lib/*/*_test.c)
fuzz_src := $(wildcard lib/*/*_fuzz.c)
cmds    := svc-compare svc-resync svc-boot svc-console svc-pathcheck svc-promote

lib_obj := $(lib_src:%.c=$(B)/obj/%.o)
cmd_obj := $(cmd_src:%.c=$(B)/obj/%.o)
tests   := $(test_src:lib/%.c=$(B)/test/%)
# A fuzz target linked with its own replay main: runs every file of its corpus.
replays := $(fuzz_src:lib/%.c=$(B)/replay/%)

mans    := svc.8 svc-compare.8 svc-resync.8 svc-boot.8 svc-console.8 svc-pathcheck.8 svc-promote.8 svc.conf.5 svc-initramfs.7 svc-failover.7

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

# The keys, and the screens as the tests expect them.
screens := $(sort $(wildcard test-images/console.d/*.screens))
$(B)/man/svc-console.8: man/svc-console.8.in man/console lib/console/keys.def $(screens)
	@mkdir -p $(@D)
	@echo "  MAN   $@"
	$(Q)man/console lib/console/keys.def $< $(screens) > $@.new && mv $@.new $@

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
build-fuzzers = +$(Q)$(MAKE) --no-print-directory B=$(B)/fuzz CC=clang CFLAGS="-g -O1" \
	  SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" fuzzers
fuzz: ## run every fuzz target for FUZZ_SECONDS (60)
	@.ci/deps fuzz
	$(build-fuzzers)
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

demo: ## boot the recovery image on a real mirror with a stale flash, in QEMU, and watch it
	@.ci/deps demo
	$(sub) all
	@test-images/demo $(B)

demo-console: ## the same, and you stay on its serial console
	@.ci/deps demo
	$(sub) all
	@test-images/demo $(B) --console

check: ## run all tests
	@.ci/deps check
	$(sub) WERROR=-Werror all $(patsubst %,$(B)/test/%_test,compare/corrupt verdict/simulation promote/protocol rebuild/crash rebuild/nth rebuild/sectors)
	$(sub) B=$(B)-asan WERROR=-Werror CFLAGS="-O1 -g" SANITIZE="$(SAN)" all tests replays
	@.ci/suite $(B) $(B)-asan

SEED    ?= $(shell date +%s)
SECONDS ?= 600
torture: ## run the long campaigns, all together SECONDS (600); SEED repeats one
	@.ci/deps check fuzz
	$(sub) all $(patsubst %,$(B)/test/%_test,verdict/simulation promote/protocol rebuild/crash rebuild/nth rebuild/sectors)
	$(sub) B=$(B)-asan CFLAGS="-O1 -g" SANITIZE="$(SAN)" $(B)-asan/svc
	$(build-fuzzers)
	@.ci/torture $(B) $(B)/fuzz $(SEED) $(SECONDS)
.PHONY: torture

lint: ## formatting, static checks, manual pages
	@.ci/deps lint
	$(sub) all WERROR=-Werror
	@.ci/lint

image: ## make the recovery image: kernel, initramfs, bootable ISO (CONF=FILE MODULES="..." KERNEL=VMLINUZ)
	@.ci/deps image
	$(sub) all
	@initramfs/image/mkimage -b $(B) $(if $(CONF),-c $(CONF)) $(if $(MODULES),-m "$(MODULES)") $(if $(KERNEL),-k $(KERNEL)) $(B)/recovery

bench: ## measure speed and memory against peers, side by side
	@.ci/deps bench
	$(sub) all
	@test-images/bench $(B)
	@test-images/bench-boot $(B)

install: all ## install below DESTDIR
	install -d $(addprefix $(DESTDIR),$(SBINDIR) $(SHAREDIR) $(COMPDIR) $(MANDIR)/man5 $(MANDIR)/man7 $(MANDIR)/man8)
	install -m 755 $(B)/svc $(DESTDIR)$(SBINDIR)/svc
	install -d $(DESTDIR)$(UNITDIR)
	install -m 644 cmd/units/*.service $(DESTDIR)$(UNITDIR)/
	for c in $(cmds); do ln -sf svc $(DESTDIR)$(SBINDIR)/$$c; done
	for m in $(mans); do install -m 644 $(B)/man/$$m $(DESTDIR)$(MANDIR)/man$${m##*.}/; done
	install -m 644 initramfs/image-lib.sh $(DESTDIR)$(SHAREDIR)/
	install -m 644 cmd/svc.bash $(DESTDIR)$(COMPDIR)/svc
	for c in $(cmds); do ln -sf svc $(DESTDIR)$(COMPDIR)/$$c; done

install-initramfs-tools: install ## ... and the boot gate for the images of initramfs-tools
	install -d $(addprefix $(DESTDIR)$(INITRAMFS_TOOLS)/,hooks scripts/init-top scripts/init-premount)
	for f in hooks scripts/init-top scripts/init-premount; do \
	  install -m 755 initramfs/initramfs-tools/$$f/svc $(DESTDIR)$(INITRAMFS_TOOLS)/$$f/ || exit; done
	install -m 755 initramfs/initramfs-tools/network-up $(DESTDIR)$(SHAREDIR)/

install-dracut: install ## ... and for those of dracut
	install -d $(DESTDIR)$(DRACUT)/90svc
	install -m 755 initramfs/dracut/90svc/*.sh $(DESTDIR)$(DRACUT)/90svc/

install-cluster: install ## ... and the resource agent for Pacemaker
	install -d $(DESTDIR)$(OCF)/svc
	install -m 755 cmd/ocf/svc/mirror $(DESTDIR)$(OCF)/svc/mirror

deb: ## build the Debian packages into build/deb/
	@.ci/deps deb
	$(Q)debian/build-packages $(B)/deb

help: ## list the targets
	@echo "make              build the commands into $(B)/"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18
	@echo "V=1 shows the commands, B=DIR builds elsewhere, DEPS=no installs nothing"

clean: ## remove what was built
	rm -rf $(B) $(B)-asan

.PHONY: all tests replays fuzz fuzzers demo demo-console check lint image bench install install-initramfs-tools install-dracut deb help clean
.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
