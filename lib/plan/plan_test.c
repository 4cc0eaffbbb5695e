/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan as a table: copies, verdict, comparison and wish -> the actions in their order, or why there are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "plan/plan.h"

enum { LEG_BYTES = 1 << 20, DEVICE_BYTES = 2 << 20, MAPPED_BYTES = 300 << 10, MAX_COPIES = 4 };

/* One copy, briefly: a usable leg of a raid1 unless said otherwise. */
struct row {
	const char *name;
	enum copy_state state;
	enum copy_condition condition;
	enum mirror_type type;
	unsigned legs;       /* of the mirror; 0: no leg was found */
	unsigned leg;        /* which of them */
	uint64_t failed;     /* its superblock's list */
	uint64_t used, free; /* differing from the reference */
	uint64_t unread_used, unread_free;
	uint64_t seqno; /* of the LVM metadata; 0: as all others */
	uint64_t device_bytes, leg_bytes;
	uint64_t pv_bytes; /* what each leg's PV needs by this copy's metadata */
	const char *pv;    /* of a PV that lost its leg */
	bool is_live, is_rebuilt, is_recovering, is_resyncing, needs_recovery, is_other_vg, is_not_compared,
		is_newer_record, is_read_only, has_no_flush;
	unsigned removes;  /* bit per leg whose PV its metadata no longer has */
	unsigned moves;    /* bit per leg that its metadata has in another place */
	unsigned metaless; /* bit per leg whose rmeta its metadata has elsewhere */
};

struct testcase {
	const char *name;
	enum verdict_kind kind;
	int authority;
	struct row row[MAX_COPIES];
	const char *wish; /* "from=1 to=0 forced allocated fast reference=0 any=4096 legs=0,1 clone paths" */
	int code;
	const char *says; /* the actions, or the reason's ID */
	uint64_t failed;  /* plan->failed_devices */
};

/* clang-format off */
#define LEG(n, i, s, ...) { .name = n, .type = MIRROR_RAID1, .legs = 2, .leg = i, .state = s, __VA_ARGS__ }
#define LEG3(n, i, s, ...) { .name = n, .type = MIRROR_RAID1, .legs = 3, .leg = i, .state = s, __VA_ARGS__ }
#define OLD(n, i, s, ...) { .name = n, .type = MIRROR_OLD, .legs = 2, .leg = i, .state = s, __VA_ARGS__ }
#define BARE(n, s, ...) { .name = n, .type = MIRROR_NONE, .state = s, __VA_ARGS__ }
#define GONE(n, c, s, ...) { .name = n, .condition = c, .state = s, .legs = 0, __VA_ARGS__ }
#define A STATE_AUTHORITY
#define S STATE_STALE
#define D STATE_DIVERGED
#define I STATE_IN_SYNC

static const struct testcase cases[] = {
	/* ---- what is done, in its order ---- */
	{ "nothing differs", VERDICT_IN_SYNC, -1, { LEG("a", 0, I), LEG("s", 1, I) }, "", 0, "", 0 },
	{ "nothing differs, and a copy is named", VERDICT_IN_SYNC, -1, { LEG("a", 0, I), LEG("s", 1, I) }, "from=1", 0, "", 0 },
	{ "one is stale", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 8192, .free = 4096), LEG("s", 1, A, .failed = 1) }, "", 0,
	  "mark0 used0=8192 free0=4096 prove0=12288 superblock0 forgive1 unmark0", 0 },
	{ "blocks in use alone", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 8192, .free = 4096), LEG("s", 1, A, .failed = 1) }, "allocated", 0,
	  "mark0 used0=8192 prove0=8192 superblock0 forgive1 unmark0", 0 },
	{ "stale by history and equal by content", VERDICT_STALE, 1, { LEG("a", 0, S), LEG("s", 1, A, .failed = 1) }, "", 0, "mark0 superblock0 forgive1 unmark0", 0 },
	{ "old LVM metadata", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 4096, .seqno = 3), LEG("s", 1, A, .failed = 1) }, "", 0,
	  "mark0 used0=4096 prove0=4096 metadata0 superblock0 forgive1 unmark0", 0 },
	{ "three, one stale", VERDICT_STALE, 0, { LEG3("a", 0, A, .failed = 2), LEG3("b", 1, S, .used = 4096), LEG3("s", 2, I, .failed = 2) }, "", 0,
	  "mark1 used1=4096 prove1=4096 superblock1 forgive0 forgive2 unmark1", 0 },
	{ "three, two stale", VERDICT_STALE, 0, { LEG3("a", 0, A, .failed = 6), LEG3("b", 1, S, .used = 4096), LEG3("s", 2, S, .free = 512) }, "", 0,
	  "mark1 used1=4096 prove1=4096 superblock1 mark2 free2=512 prove2=512 superblock2 forgive0 unmark1 unmark2", 0 },
	{ "three, and only one of two is named", VERDICT_STALE, 0, { LEG3("a", 0, A, .failed = 6), LEG3("b", 1, S, .used = 4096), LEG3("s", 2, S, .used = 512) }, "to=2", 0,
	  "mark2 used2=512 prove2=512 superblock2 forgive0 unmark2", 2 },
	{ "an equal one is not rebuilt", VERDICT_STALE, 0, { LEG3("a", 0, A), LEG3("b", 1, I, .free = 4096), LEG3("s", 2, I) }, "", 0,
	  "mark1 free1=4096 prove1=4096 superblock1 forgive0 forgive2 unmark1", 0 },
	{ "crashed while mirrored", VERDICT_DIRTY, 0, { LEG("a", 0, A), LEG("s", 1, S, .used = 4096) }, "", 0,
	  "mark1 used1=4096 prove1=4096 superblock1 forgive0 unmark1", 0 },
	{ "crashed while mirrored, the other side is chosen", VERDICT_DIRTY, 0, { LEG("a", 0, A), LEG("s", 1, S, .used = 4096) }, "from=1 forced", 0,
	  "mark0 used0=4096 prove0=4096 superblock0 forgive1 unmark0", 0 },
	{ "split brain and a choice", VERDICT_SPLIT_BRAIN, -1, { LEG("a", 0, D, .failed = 2), LEG("s", 1, D, .failed = 1, .used = 4096) }, "from=0 forced reference=0", 0,
	  "mark1 used1=4096 prove1=4096 superblock1 forgive0 unmark1", 0 },
	{ "compared with another than the authority: what differs anywhere", VERDICT_STALE, 2,
	  { LEG3("a", 0, S, .used = 4096), LEG3("b", 1, S, .used = 512), LEG3("s", 2, A, .failed = 3) }, "reference=0 any=5120", 0,
	  "mark0 used0=5120 prove0=5120 superblock0 mark1 used1=5120 prove1=5120 superblock1 forgive2 unmark0 unmark1", 0 },
	{ "blank", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK), LEG("s", 1, A, .failed = 1) }, "fast", 0,
	  "layout0 mark0 used0=307200 free0=741376 prove0=1048576 superblock0 forgive1 unmark0", 0 },
	{ "blank, blocks in use alone", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK), LEG("s", 1, A, .failed = 1) }, "fast allocated", 0,
	  "layout0 mark0 used0=307200 prove0=307200 superblock0 forgive1 unmark0", 0 },
	{ "a damaged leg that could be found", VERDICT_SINGLE, 1, { LEG("a", 0, STATE_DAMAGED, .condition = COPY_DAMAGED, .is_not_compared = true), LEG("s", 1, A) }, "", 0,
	  "mark0 used0=307200 free0=741376 prove0=1048576 superblock0 forgive1 unmark0", 0 },
	{ "blank, one of three, and its leg from svc.conf", VERDICT_SINGLE, 2, { GONE("a", COPY_BLANK, STATE_BLANK), LEG3("s", 2, A, .failed = 3) }, "fast legs=1,2", 0,
	  "layout0 mark0 used0=307200 free0=741376 prove0=1048576 superblock0 forgive1 unmark0", 1 },
	{ "damaged metadata, its label still says which leg it is", VERDICT_SINGLE, 1,
	  { GONE("b", COPY_DAMAGED, STATE_DAMAGED, .pv = "pv1"), LEG3("s", 2, A, .failed = 3) }, "fast", 0,
	  "layout0 mark0 used0=307200 free0=741376 prove0=1048576 superblock0 forgive1 unmark0", 1 },
	{ "a leg that is there but not to be rebuilt is not the blank one's", VERDICT_STALE, 0,
	  { LEG3("a", 0, A, .failed = 6), LEG3("b", 1, S, .used = 4096), GONE("s", COPY_BLANK, STATE_BLANK) }, "to=2", 0,
	  "layout2 mark2 used2=307200 free2=741376 prove2=1048576 superblock2 forgive0 unmark2", 2 },
	{ "somebody's data, named", VERDICT_UNRELATED, -1, { GONE("a", COPY_FOREIGN, STATE_FOREIGN), LEG("s", 1, D) }, "from=1 to=0 forced fast", 0,
	  "layout0 mark0 used0=307200 free0=741376 prove0=1048576 superblock0 forgive1 unmark0", 0 },
	{ "another mirror's leg, named", VERDICT_UNRELATED, -1, { LEG("a", 0, STATE_FOREIGN, .is_other_vg = true, .is_not_compared = true), LEG("s", 1, D) }, "from=1 to=0 forced fast", 0,
	  "layout0 mark0 used0=307200 free0=741376 prove0=1048576 superblock0 forgive1 unmark0", 0 },
	{ "another mirror's leg of the same length: where it differed in its old place says nothing", VERDICT_UNKNOWN, -1,
	  { LEG("a", 0, STATE_FOREIGN, .is_other_vg = true, .used = 4096), LEG("s", 1, D) }, "from=1 to=0 forced reference=1", 0,
	  "layout0 mark0 used0=307200 free0=741376 prove0=1048576 superblock0 forgive1 unmark0", 0 },

	{ "another mirror's leg of which something cannot be read", VERDICT_SINGLE, 1,
	  { LEG("a", 0, STATE_UNREADABLE, .condition = COPY_UNREADABLE, .device_bytes = DEVICE_BYTES, .is_other_vg = true, .is_not_compared = true), LEG("s", 1, A) }, "to=0", 0,
	  "layout0 mark0 used0=307200 free0=741376 prove0=1048576 superblock0 forgive1 unmark0", 0 },

	/* ---- what could not be read ---- */
	{ "blocks of the target are written anew", VERDICT_STALE, 1,
	  { LEG("a", 0, S, .used = 8192, .unread_used = 4096, .unread_free = 512), LEG("s", 1, A, .failed = 1) }, "", 0,
	  "mark0 used0=12288 free0=512 prove0=12800 superblock0 forgive1 unmark0", 0 },
	{ "those not in use stay as they are with --allocated", VERDICT_STALE, 1,
	  { LEG("a", 0, S, .used = 8192, .unread_used = 4096, .unread_free = 512), LEG("s", 1, A, .failed = 1) }, "allocated", 0,
	  "mark0 used0=12288 prove0=12288 superblock0 forgive1 unmark0", 0 },
	{ "nothing differs, but a block of one copy is not known", VERDICT_IN_SYNC, -1, { LEG("a", 0, I, .unread_used = 4096), LEG("s", 1, I) }, "from=1", 0,
	  "mark0 used0=4096 prove0=4096 superblock0 forgive1 unmark0", 0 },
	{ "a member that is right but for a block", VERDICT_STALE, 0, { LEG3("a", 0, A), LEG3("b", 1, I, .unread_used = 4096), LEG3("s", 2, I) }, "", 0,
	  "mark1 used1=4096 prove1=4096 superblock1 forgive0 forgive2 unmark1", 0 },
	{ "blocks in use of the one to keep", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 8192), LEG("s", 1, A, .failed = 1, .unread_used = 4096) }, "", 5, "SVC-READ-ERROR", 0 },
	{ "its blocks not in use", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 8192), LEG("s", 1, A, .failed = 1, .unread_free = 4096) }, "", 5, "SVC-READ-ERROR", 0 },
	{ "its blocks not in use, and nobody needs them", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 8192), LEG("s", 1, A, .failed = 1, .unread_free = 4096) }, "allocated", 0,
	  "mark0 used0=8192 prove0=8192 superblock0 forgive1 unmark0", 0 },
	{ "its blocks, and nothing is to be rebuilt", VERDICT_IN_SYNC, -1, { LEG("a", 0, I), LEG("s", 1, I, .unread_used = 4096) }, "from=1", 0, "", 0 },
	{ "bare file systems", VERDICT_UNKNOWN, -1, { BARE("a", D), BARE("s", D, .used = 4096) }, "from=0 forced", 0, "mark1 used1=4096 prove1=4096 unmark1", 0 },
	{ "a blank device for a bare file system", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK, .device_bytes = LEG_BYTES), BARE("s", A) }, "fast", 0,
	  "layout0 mark0 used0=307200 free0=741376 prove0=1048576 unmark0", 0 },
	{ "a bare file system over something else: all of that goes", VERDICT_UNRELATED, -1, { GONE("a", COPY_FOREIGN, STATE_FOREIGN, .device_bytes = LEG_BYTES), BARE("s", D) },
	  "from=1 to=0 forced fast allocated", 0, "layout0 mark0 used0=307200 free0=741376 prove0=1048576 unmark0", 0 },
	{ "an old mirror", VERDICT_STALE, 0, { OLD("a", 0, A), OLD("s", 1, S, .used = 4096, .seqno = 3) }, "", 0, "mark1 used1=4096 prove1=4096 metadata1 unmark1", 0 },
	{ "a rebuild goes on", VERDICT_SINGLE, 1, { LEG("a", 0, S, .used = 4096, .is_rebuilt = true), LEG("s", 1, A, .failed = 1) }, "", 0,
	  "mark0 used0=4096 prove0=4096 metadata0 superblock0 forgive1 unmark0", 0 },

	/* ---- legs that are not here ---- */
	{ "an absent leg stays named failed", VERDICT_STALE, 1, { LEG3("a", 0, S, .used = 4096), LEG3("s", 2, A, .failed = 3) }, "", 0,
	  "mark0 used0=4096 prove0=4096 superblock0 forgive1 unmark0", 2 },
	{ "an absent leg that nobody names failed stays so", VERDICT_STALE, 1, { LEG3("a", 0, S, .used = 4096), LEG3("s", 2, A, .failed = 1) }, "", 0,
	  "mark0 used0=4096 prove0=4096 superblock0 forgive1 unmark0", 0 },
	{ "after a crash an absent leg is not settled", VERDICT_DIRTY, 0, { LEG3("a", 0, A), LEG3("s", 2, S, .used = 4096) }, "", 0,
	  "mark1 used1=4096 prove1=4096 superblock1 forgive0 unmark1", 2 },
	{ "after a choice neither", VERDICT_SPLIT_BRAIN, -1, { LEG3("a", 0, D, .failed = 4), LEG3("s", 2, D, .failed = 1, .used = 4096) }, "from=0 forced reference=0", 0,
	  "mark1 used1=4096 prove1=4096 superblock1 forgive0 unmark1", 2 },
	{ "nor before the first synchronisation", VERDICT_STALE, 1, { LEG3("a", 0, S, .used = 4096), LEG3("s", 2, A, .failed = 1, .is_resyncing = true) }, "", 0,
	  "mark0 used0=4096 prove0=4096 superblock0 forgive1 unmark0", 2 },
	{ "an unreachable copy is left out and stays named", VERDICT_STALE, 0,
	  { LEG3("a", 0, A, .failed = 6), GONE("b", COPY_UNREADABLE, STATE_UNREADABLE), LEG3("s", 2, S, .used = 4096) }, "", 0,
	  "mark2 used2=4096 prove2=4096 superblock2 forgive0 unmark2", 2 },

	/* ---- what --to leaves out ---- */
	{ "all three went on alone: the one left out stays apart", VERDICT_SPLIT_BRAIN, -1,
	  { LEG3("a", 0, D, .failed = 6), LEG3("b", 1, D, .failed = 5), LEG3("s", 2, D, .failed = 3, .used = 4096) }, "from=1 to=2 forced reference=1", 0,
	  "mark2 used2=4096 prove2=4096 superblock2 forgive1 unmark2 left0", 1 },
	{ "what was right is left out and would look older", VERDICT_STALE, 0,
	  { LEG3("a", 0, A, .failed = 2), LEG3("b", 1, S), LEG3("s", 2, I, .failed = 2, .used = 4096) }, "from=1 to=2 forced reference=1", 4, "SVC-LEFT-OUT", 0 },
	{ "nobody names anybody failed: neither may one be left out", VERDICT_MISMATCH, -1, { LEG3("a", 0, D), LEG3("b", 1, D), LEG3("s", 2, D, .used = 4096) },
	  "from=1 to=2 forced reference=1", 4, "SVC-LEFT-OUT", 0 },
	{ "both are named: none is left out", VERDICT_MISMATCH, -1, { LEG3("a", 0, D, .used = 512), LEG3("b", 1, D), LEG3("s", 2, D, .used = 4096) },
	  "from=1 to=2 also=0 forced reference=1", 0,
	  "mark0 used0=512 prove0=512 superblock0 mark2 used2=4096 prove2=4096 superblock2 forgive1 unmark0 unmark2", 0 },
	{ "a side of a crash is valid too", VERDICT_DIRTY, 0, { LEG3("a", 0, A), LEG3("b", 1, S), LEG3("s", 2, S, .used = 4096) }, "from=1 to=2 forced reference=1", 0,
	  "mark2 used2=4096 prove2=4096 superblock2 forgive1 unmark2 left0", 1 },
	{ "another path to the target is named", VERDICT_STALE, 0, { LEG("a", 0, A, .failed = 2), LEG("s@direct", 1, S, .used = 4096), LEG("s@nbd", 1, S) }, "to=2", 0,
	  "mark1 used1=4096 prove1=4096 superblock1 forgive0 unmark1", 0 },
	{ "two paths to a blank device", VERDICT_SINGLE, 0, { LEG("a", 0, A), GONE("s@direct", COPY_BLANK, STATE_BLANK), GONE("s@nbd", COPY_BLANK, STATE_BLANK) }, "fast", 0,
	  "layout1 mark1 used1=307200 free1=741376 prove1=1048576 superblock1 forgive0 unmark1", 0 },
	{ "a blank device, its first path down", VERDICT_SINGLE, 0, { LEG("a", 0, A), GONE("s@direct", COPY_UNREADABLE, STATE_UNREADABLE), GONE("s@nbd", COPY_BLANK, STATE_BLANK) }, "fast", 0,
	  "layout2 mark2 used2=307200 free2=741376 prove2=1048576 superblock2 forgive0 unmark2", 0 },
	{ "a device that holds all the extents of its PV", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK), LEG("s", 1, A, .pv_bytes = DEVICE_BYTES) }, "fast", 0,
	  "layout0 mark0 used0=307200 free0=741376 prove0=1048576 superblock0 forgive1 unmark0", 0 },

	/* ---- why not ---- */
	{ "a device that holds the leg but not all the extents of its PV", VERDICT_SINGLE, 1,
	  { GONE("a", COPY_BLANK, STATE_BLANK), LEG("s", 1, A, .pv_bytes = DEVICE_BYTES + 1) }, "fast", 4, "SVC-TARGET-SIZE", 0 },
	{ "a larger device for a bare file system", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK), BARE("s", A) }, "fast", 4, "SVC-TARGET-SIZE", 0 },
	{ "the one that is right is to be overwritten", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 4096), LEG("s", 1, A) }, "to=1", 4, "SVC-TO-AUTHORITY", 0 },
	{ "onto itself", VERDICT_SPLIT_BRAIN, -1, { LEG("a", 0, D), LEG("s", 1, D) }, "from=0 to=0 forced", 4, "SVC-TO-AUTHORITY", 0 },
	{ "a newer version's record on the target", VERDICT_UNKNOWN, -1, { LEG("a", 0, D, .used = 4096, .is_newer_record = true), LEG("s", 1, D) }, "from=1 forced", 2, "SVC-RECORD-VERSION", 0 },
	{ "a newer version's record on the one to keep", VERDICT_UNKNOWN, -1, { LEG("a", 0, D, .used = 4096), LEG("s", 1, D, .is_newer_record = true) }, "from=1 forced", 2, "SVC-RECORD-VERSION", 0 },
	{ "split brain", VERDICT_SPLIT_BRAIN, -1, { LEG("a", 0, D), LEG("s", 1, D) }, "", 2, "SVC-NEEDS-CHOICE", 0 },
	{ "mismatch", VERDICT_MISMATCH, -1, { LEG("a", 0, D), LEG("s", 1, D) }, "forced", 2, "SVC-NEEDS-CHOICE", 0 },
	{ "nothing is usable", VERDICT_NONE, -1, { GONE("a", COPY_BLANK, STATE_BLANK), GONE("s", COPY_BLANK, STATE_BLANK) }, "", 3, "SVC-NO-WHOLE", 0 },
	{ "a choice that is not confirmed", VERDICT_SPLIT_BRAIN, -1, { LEG("a", 0, D), LEG("s", 1, D) }, "from=0", 4, "SVC-NOT-CONFIRMED", 0 },
	{ "against the verdict, not confirmed", VERDICT_STALE, 1, { LEG("a", 0, S), LEG("s", 1, A) }, "from=0", 4, "SVC-NOT-CONFIRMED", 0 },
	{ "from a blank one", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK), LEG("s", 1, A) }, "from=0 forced", 4, "SVC-FROM-UNUSABLE", 0 },
	{ "from an unreachable one", VERDICT_SINGLE, 1, { GONE("a", COPY_UNREADABLE, STATE_UNREADABLE), LEG("s", 1, A) }, "from=0 forced", 4, "SVC-FROM-UNUSABLE", 0 },
	{ "from a half-rebuilt one", VERDICT_SINGLE, 1, { LEG("a", 0, S, .is_rebuilt = true), LEG("s", 1, A) }, "from=0 forced", 4, "SVC-FROM-UNUSABLE", 0 },
	{ "from one that the kernel was rebuilding", VERDICT_SINGLE, 1, { LEG("a", 0, S, .is_recovering = true), LEG("s", 1, A) }, "from=0 forced", 4, "SVC-FROM-UNUSABLE", 0 },
	{ "somebody's data, not named", VERDICT_UNRELATED, -1, { GONE("a", COPY_FOREIGN, STATE_FOREIGN), LEG("s", 1, D) }, "from=1 forced", 4, "SVC-NAME-TARGET", 0 },
	{ "another mirror's leg, not named", VERDICT_UNRELATED, -1, { LEG("a", 0, STATE_FOREIGN, .is_other_vg = true), LEG("s", 1, D) }, "from=1 forced", 4, "SVC-NAME-TARGET", 0 },
	{ "a bare one and a leg", VERDICT_UNRELATED, -1, { BARE("a", STATE_FOREIGN), LEG("s", 1, D) }, "from=1 forced", 4, "SVC-NAME-TARGET", 0 },
	{ "in use", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK, .is_live = true), LEG("s", 1, A) }, "fast", 4, "SVC-IN-USE", 0 },
	{ "the one to keep is in use: its superblock could not be written", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 4096), LEG("s", 1, A, .is_live = true) }, "", 4, "SVC-IN-USE", 0 },
	{ "in use, and nothing to do", VERDICT_IN_SYNC, -1, { LEG("a", 0, I, .is_live = true), LEG("s", 1, I, .is_live = true) }, "", 0, "", 0 },
	{ "write-protected", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 4096, .is_read_only = true), LEG("s", 1, A) }, "", 4, "SVC-READ-ONLY", 0 },
	{ "the one to keep is write-protected: its record could not be written", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 4096), LEG("s", 1, A, .is_read_only = true) }, "", 4, "SVC-READ-ONLY", 0 },
	{ "a server without flush", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 4096, .has_no_flush = true), LEG("s", 1, A) }, "", 4, "SVC-NO-FLUSH", 0 },
	{ "the one to keep is on a server without flush", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 4096), LEG("s", 1, A, .has_no_flush = true) }, "", 4, "SVC-NO-FLUSH", 0 },
	{ "a server without flush, and nothing to do", VERDICT_IN_SYNC, -1, { LEG("a", 0, I, .has_no_flush = true), LEG("s", 1, I) }, "", 0, "", 0 },
	{ "write-protected, and nothing to do", VERDICT_IN_SYNC, -1, { LEG("a", 0, I, .is_read_only = true), LEG("s", 1, I) }, "", 0, "", 0 },
	{ "blank, one of three, and nobody knows which", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK), LEG3("s", 2, A) }, "fast", 4, "SVC-LEG-UNKNOWN", 0 },
	{ "svc.conf names a leg that is there", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK), LEG3("s", 2, A) }, "fast legs=2,2", 4, "SVC-LEG-UNKNOWN", 0 },
	{ "svc.conf names the leg of a copy that is not to be rebuilt", VERDICT_STALE, 0,
	  { LEG3("a", 0, A, .failed = 6), LEG3("b", 1, S, .used = 4096), GONE("s", COPY_BLANK, STATE_BLANK) }, "to=2 legs=0,1,1", 4, "SVC-LEG-UNKNOWN", 0 },
	{ "two blank ones that would be the same leg", VERDICT_SINGLE, 2,
	  { GONE("a", COPY_BLANK, STATE_BLANK), GONE("b", COPY_BLANK, STATE_BLANK), LEG3("s", 2, A) }, "fast legs=1,1,2", 4, "SVC-LEG-UNKNOWN", 0 },
	{ "a leg that newer metadata took out of the mirror", VERDICT_UNKNOWN, -1, { LEG("a", 0, D, .seqno = 3), LEG("s", 1, D, .removes = 1) }, "from=1 forced", 2, "SVC-LAYOUT", 0 },
	{ "back to before it was taken out", VERDICT_UNKNOWN, -1, { LEG("a", 0, D, .seqno = 3), LEG("s", 1, D, .removes = 1) }, "from=0 forced", 2, "SVC-LAYOUT", 0 },
	{ "metadata with another number of legs", VERDICT_UNKNOWN, -1, { LEG("a", 0, D), LEG3("s", 1, D) }, "from=0 forced", 2, "SVC-LAYOUT", 0 },
	{ "a leg that newer metadata has elsewhere", VERDICT_STALE, 1, { LEG("a", 0, S, .seqno = 3, .used = 4096), LEG("s", 1, A, .moves = 1) }, "", 2, "SVC-LAYOUT", 0 },
	{ "the one to keep is elsewhere by the target's newer metadata", VERDICT_STALE, 1, { LEG("a", 0, S, .moves = 2), LEG("s", 1, A, .seqno = 3) }, "", 2, "SVC-LAYOUT", 0 },
	{ "two texts of one number and two places", VERDICT_STALE, 1, { LEG("a", 0, S, .used = 4096), LEG("s", 1, A, .moves = 1) }, "", 2, "SVC-LAYOUT", 0 },
	{ "the newest metadata is the third's", VERDICT_STALE, 2, { LEG3("a", 0, S, .seqno = 3, .used = 4096), LEG3("b", 1, S, .moves = 1), LEG3("s", 2, A, .seqno = 5) }, "", 2, "SVC-LAYOUT", 0 },
	{ "the newest metadata is that of one left out", VERDICT_STALE, 2, { LEG3("a", 0, S, .seqno = 3, .used = 4096), LEG3("b", 1, S, .moves = 1), LEG3("s", 2, A, .seqno = 5) }, "to=0", 2,
	  "SVC-LAYOUT", 0 },
	{ "an equal one is elsewhere by the newest metadata", VERDICT_STALE, 2, { LEG3("a", 0, S, .used = 4096), LEG3("b", 1, I, .seqno = 3), LEG3("s", 2, A, .moves = 2) }, "", 2,
	  "SVC-LAYOUT", 0 },
	{ "a blank one would be laid out where newer metadata does not have it", VERDICT_STALE, 1,
	  { LEG3("a", 0, S, .moves = 4), LEG3("b", 1, A, .seqno = 3), GONE("s", COPY_BLANK, STATE_BLANK) }, "fast", 2, "SVC-LAYOUT", 0 },
	{ "the newest metadata is on a damaged one", VERDICT_STALE, 2,
	  { LEG3("a", 0, S, .seqno = 3, .used = 4096), LEG3("b", 1, STATE_DAMAGED, .condition = COPY_DAMAGED, .is_not_compared = true, .moves = 1), LEG3("s", 2, A, .seqno = 5) }, "to=0", 2,
	  "SVC-LAYOUT", 0 },
	{ "older metadata has another leg elsewhere: that one has moved since", VERDICT_STALE, 1, { LEG("a", 0, S, .seqno = 3, .used = 4096, .moves = 2), LEG("s", 1, A) }, "", 0,
	  "mark0 used0=4096 prove0=4096 metadata0 superblock0 forgive1 unmark0", 0 },
	{ "moved, and nothing to do", VERDICT_IN_SYNC, -1, { LEG("a", 0, I, .seqno = 3), LEG("s", 1, I, .moves = 1) }, "", 0, "", 0 },
	{ "a target's rmeta is elsewhere", VERDICT_SINGLE, 1, { LEG("a", 0, S, .used = 4096, .metaless = 1), LEG("s", 1, A, .metaless = 1) }, "", 4, "SVC-LEG-METADATA", 0 },
	{ "the rmeta of the one to keep is elsewhere", VERDICT_SINGLE, 0, { LEG("a", 0, A, .metaless = 2), LEG("s", 1, S, .metaless = 2) }, "from=1 forced", 4, "SVC-LEG-METADATA", 0 },
	{ "a blank one's rmeta would be elsewhere", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK), LEG("s", 1, A, .metaless = 1) }, "fast", 4, "SVC-LEG-METADATA", 0 },
	{ "the rmeta of one that is left out is elsewhere", VERDICT_STALE, 2, { LEG3("a", 0, S, .used = 4096), LEG3("b", 1, S, .metaless = 2), LEG3("s", 2, A) }, "to=0", 0,
	  "mark0 used0=4096 prove0=4096 superblock0 forgive2 unmark0", 0 },
	{ "an old mirror has none", VERDICT_STALE, 0, { OLD("a", 0, A), OLD("s", 1, S, .used = 4096) }, "", 0, "mark1 used1=4096 prove1=4096 unmark1", 0 },
	{ "a leg of another size", VERDICT_STALE, 1, { LEG("a", 0, S, .leg_bytes = LEG_BYTES + 65536), LEG("s", 1, A) }, "", 4, "SVC-TARGET-SIZE", 0 },
	{ "a device that is too small", VERDICT_SINGLE, 1, { GONE("a", COPY_BLANK, STATE_BLANK, .device_bytes = LEG_BYTES - 512), LEG("s", 1, A) }, "fast", 4, "SVC-TARGET-SIZE", 0 },
	{ "the one that is named cannot be reached", VERDICT_SINGLE, 1, { GONE("a", COPY_UNREADABLE, STATE_UNREADABLE), LEG("s", 1, A) }, "to=0", 5, "SVC-OPEN", 0 },
	{ "one that answers, though not everywhere, is left", VERDICT_SINGLE, 1, { GONE("a", COPY_UNREADABLE, STATE_UNREADABLE, .device_bytes = DEVICE_BYTES), LEG("s", 1, A) }, "fast", 0, "", 0 },
	{ "a clone", VERDICT_UNKNOWN, -1, { LEG("a", 0, D), LEG("s", 1, D) }, "from=0 forced clone", 2, "SVC-CLONE", 0 },
	{ "paths that differ", VERDICT_UNKNOWN, -1, { LEG("s", 1, D), LEG("s", 1, D) }, "from=0 forced paths", 2, "SVC-PATHS-DIFFER", 0 },
};
/* clang-format on */

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static void fill_copy(const struct row *row, struct copy *copy)
{
	struct lvm_evidence *lvm = &copy->evidence.lvm;
	bool has_leg = row->legs || row->type == MIRROR_NONE;

	snprintf(copy->name, sizeof(copy->name), "%s", row->name);
	snprintf(copy->group, sizeof(copy->group), "%.*s", (int)strcspn(row->name, "@"), row->name);
	copy->condition = row->condition;
	copy->is_live = row->is_live;
	copy->is_read_only = row->is_read_only;
	copy->has_no_flush = row->has_no_flush;
	copy->device_bytes = row->device_bytes                   ? row->device_bytes
	                     : row->condition == COPY_UNREADABLE ? 0
	                                                         : DEVICE_BYTES;
	if (row->condition == COPY_USABLE || row->legs)
		copy->leg_bytes = has_leg ? row->leg_bytes ? row->leg_bytes : LEG_BYTES : 0;
	strcpy(copy->evidence.fs.uuid, row->is_other_vg ? "other" : "fs");
	if (row->pv) {
		lvm->present = true;
		strcpy(lvm->pv_uuid, row->pv);
	}
	if (!row->legs)
		return;
	lvm->present = true;
	lvm->type = row->type;
	lvm->leg_count = row->legs;
	lvm->leg_index = row->leg;
	lvm->seqno = row->seqno ? row->seqno : 9;
	strcpy(lvm->vg_uuid, row->is_other_vg ? "other" : "vg");
	strcpy(lvm->lv_uuid, row->is_other_vg ? "other" : "lv");
	copy->evidence.record.is_newer = row->is_newer_record;
	for (unsigned k = 0; k < row->legs; k++)
		lvm->leg_pv_bytes[k] = row->pv_bytes;
	for (unsigned k = 0; k < row->legs; k++)
		lvm->leg_place[k] = row->moves >> k & 1 ? 200 + k : 100 + k;
	lvm->legs_with_meta = row->type == MIRROR_RAID1 ? ~(uint64_t)row->metaless : 0;
	for (unsigned k = 0; k < row->legs; k++)
		snprintf(lvm->leg_pv_uuid[k], LVM_UUID_SIZE, "%s%u",
		         row->is_other_vg        ? "x"
		         : row->removes >> k & 1 ? "new"
		                                 : "pv",
		         k);
	strcpy(lvm->pv_uuid, lvm->leg_pv_uuid[row->leg]);
	copy->evidence.raid.present = row->type == MIRROR_RAID1;
	copy->evidence.raid.array_position = row->leg;
	copy->evidence.raid.failed_devices = row->failed;
	copy->evidence.raid.recovery_offset = row->is_recovering ? 100 : UINT64_MAX;
	copy->evidence.raid.resync_offset = row->is_resyncing ? 100 : UINT64_MAX;
	copy->evidence.fs.needs_recovery = row->needs_recovery;
	copy->evidence.record.present = row->is_rebuilt;
	copy->evidence.record.record.rebuild = row->is_rebuilt ? REBUILD_CONTENT : REBUILD_NONE;
}

static int number(const char *wish, const char *key, int otherwise)
{
	const char *at = strstr(wish, key);

	return at ? atoi(at + strlen(key)) : otherwise;
}

struct facts {
	struct copy copy[MAX_COPIES];
	int copies;
	struct verdict verdict;
	struct comparison comparison;
	struct plan_wish wish;
	int leg_of[SVC_COPIES_MAX];
};

static void fill(const struct testcase *t, struct facts *f)
{
	const char *legs = strstr(t->wish, "legs=");

	memset(f, 0, sizeof(*f));
	for (; f->copies < MAX_COPIES && t->row[f->copies].name; f->copies++)
		fill_copy(&t->row[f->copies], &f->copy[f->copies]);
	f->verdict.kind = t->kind;
	f->verdict.authority = t->authority >= f->copies ? f->copies - 1 : t->authority;
	f->comparison.done = !strstr(t->wish, "fast");
	f->comparison.reference = number(t->wish, "reference=", f->verdict.authority >= 0 ? f->verdict.authority : 0);
	f->comparison.mapped_bytes = MAPPED_BYTES;
	for (int i = 0; i < f->copies; i++) {
		const struct row *row = &t->row[i];
		struct content_difference *content = &f->comparison.copy[i];

		f->verdict.state[i] = row->state;
		content->compared = f->comparison.done && row->condition == COPY_USABLE && !row->is_not_compared;
		content->used_bytes = row->used;
		content->free_bytes = row->free;
		content->unread_used_bytes = row->unread_used;
		content->unread_free_bytes = row->unread_free;
		content->errors.count = row->unread_used || row->unread_free;
		f->comparison.used_bytes += row->used;
		f->comparison.free_bytes += row->free;
		f->leg_of[i] = legs ? legs[5 + 2 * i] - '0' : -1;
	}
	f->comparison.used_bytes = (uint64_t)number(t->wish, "any=", (int)f->comparison.used_bytes);
	f->wish.from = number(t->wish, "from=", -1);
	if (strstr(t->wish, "to=")) {
		f->wish.has_to = true;
		f->wish.to[number(t->wish, "to=", 0)] = true;
		f->wish.to[number(t->wish, "also=", number(t->wish, "to=", 0))] = true;
	}
	f->wish.is_forced = strstr(t->wish, "forced") != NULL;
	f->wish.is_allocated = strstr(t->wish, "allocated") != NULL;
	if (strstr(t->wish, "clone"))
		reason_add(&f->verdict.reasons, REASON_CLONE, 1, "a clone");
	if (strstr(t->wish, "paths"))
		reason_add(&f->verdict.reasons, REASON_PATHS_DIFFER, 1, "paths");
}

/* The actions, then the copies that are left as they are where a choice was made. */
static void write_actions(const struct plan *plan, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (int a = 0; a < plan->actions; a++) {
		const struct action *action = &plan->action[a];

		at += (size_t)snprintf(text + at, size - at, "%s%s%d", a ? " " : "", action_name(action->kind),
		                       action->copy);
		if (action->bytes)
			at += (size_t)snprintf(text + at, size - at, "=%llu", (unsigned long long)action->bytes);
	}
	for (int i = 0; i < MAX_COPIES && plan->is_forced; i++)
		if (plan->is_left[i])
			at += (size_t)snprintf(text + at, size - at, " left%d", i);
}

static bool is_reached[256];

static const char *run(const struct testcase *t, char *got, size_t size)
{
	struct reasons refusals = { 0 };
	struct facts *f = malloc(sizeof(*f));
	struct plan plan = { 0 }, again = { 0 };
	uint64_t bytes = 0;
	int code;

	assert_non_null(f);
	fill(t, f);
	code = plan_make(f->copy, f->copies, &f->verdict, &f->comparison, &f->wish, f->leg_of, &plan, &refusals);
	write_actions(&plan, got, size);
	if (refusals.count) {
		is_reached[refusals.item[0].id] = true;
		snprintf(got, size, "%s", reason_row(refusals.item[0].id)->id);
	}
	plan_make(f->copy, f->copies, &f->verdict, &f->comparison, &f->wish, f->leg_of, &again, &refusals);
	free(f);
	if (code != t->code)
		return "the exit code";
	if (strcmp(got, t->says) != 0)
		return "what it says";
	if (code)
		return plan.actions ? "actions in spite of a refusal" : NULL;
	if (plan.failed_devices != t->failed)
		return "failed_devices";
	for (int a = 0; a < plan.actions; a++)
		if (plan.action[a].kind == ACTION_USED || plan.action[a].kind == ACTION_FREE)
			bytes += plan.action[a].bytes;
	if (plan.bytes != bytes)
		return "bytes";
	return memcmp(&plan, &again, sizeof(plan)) ? "it is not a function of its arguments" : NULL;
}

static void test_cases(void **state)
{
	char got[500];
	int wrong = 0;

	(void)state;
	for (int i = 0; i < CASES; i++) {
		const char *what = run(&cases[i], got, sizeof(got));

		if (!what)
			continue;
		wrong++;
		print_error("%s: wrong: %s\n  got  %s\n  want %s\n", cases[i].name, what, got, cases[i].says);
	}
	assert_int_equal(wrong, 0);
}

/* Each refusal of svc-resync that the plan decides has a case that reaches it. */
static void test_refusals_reached(void **state)
{
	static const enum reason_id ids[] = { REASON_NEEDS_CHOICE,  REASON_NO_WHOLE,    REASON_FROM_UNUSABLE,
		                              REASON_NOT_CONFIRMED, REASON_NAME_TARGET, REASON_IN_USE,
		                              REASON_LEG_UNKNOWN,   REASON_TARGET_SIZE, REASON_OPEN,
		                              REASON_CLONE,         REASON_LAYOUT,      REASON_PATHS_DIFFER,
		                              REASON_TO_AUTHORITY,  REASON_LEFT_OUT,    REASON_RECORD_VERSION,
		                              REASON_READ_ONLY,     REASON_READ_ERROR };

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (!is_reached[ids[i]])
			fail_msg("no case ends with %s", reason_row(ids[i])->id);
}

/* In every plan: no target's content before its mark, no superblock before the proof, the mark off last. */
static void test_order(void **state)
{
	struct facts *f = malloc(sizeof(*f));
	struct reasons refusals = { 0 };
	struct plan plan = { 0 };

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < CASES; i++) {
		int stage[MAX_COPIES] = { 0 };

		fill(&cases[i], f);
		refusals.count = 0;
		if (plan_make(f->copy, f->copies, &f->verdict, &f->comparison, &f->wish, f->leg_of, &plan, &refusals))
			continue;
		for (int a = 0; a < plan.actions; a++) {
			static const int stage_of[] = {
				[ACTION_LAYOUT] = 1,  [ACTION_MARK] = 2,       [ACTION_USED] = 3,
				[ACTION_FREE] = 4,    [ACTION_PROVE] = 5,      [ACTION_METADATA] = 6,
				[ACTION_FORGIVE] = 8, [ACTION_SUPERBLOCK] = 7, [ACTION_UNMARK] = 9,
			};
			int copy = plan.action[a].copy, now = stage_of[plan.action[a].kind];

			assert_true(now > stage[copy]);
			assert_true(plan.is_member[copy]);
			if (now == 8)
				for (int c = 0; c < f->copies; c++)
					assert_true(!plan.is_target[c] || stage[c] >= 2);
			else
				assert_true(plan.is_target[copy] && copy != plan.authority);
			stage[copy] = now;
		}
		for (int c = 0; c < f->copies; c++)
			assert_true(!plan.is_target[c] || stage[c] == 9);
	}
	free(f);
}

/* Every action has its word and its sentence, which names the copy. */
static void test_words(void **state)
{
	struct plan plan = { .authority = 1 };
	struct copy *copy = calloc(2, sizeof(*copy));
	char text[300];

	(void)state;
	assert_non_null(copy);
	strcpy(copy[0].name, "flash-a");
	strcpy(copy[1].name, "shared");
	for (int kind = ACTION_MARK; kind <= ACTION_UNMARK; kind++) {
		struct action action = { (enum action_kind)kind, 0, 4096 };

		action_describe(&plan, copy, &action, text, sizeof(text));
		assert_true(!strncmp(text, "flash-a: ", 9) && strlen(text) > 20);
		assert_true(strlen(action_name(action.kind)) > 2);
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_refusals_reached),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
