/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict as a table: what each copy shows, what the comparison showed -> one row of the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "verdict/verdict.h"

#define MAX UINT64_MAX

enum record_kind { NO_RECORD, GEN, FOREIGN_RECORD, NEWER_RECORD };

/* One copy, briefly. Positions are the order of the rows unless `position` says otherwise. */
struct row {
	const char *name;
	enum copy_condition condition;
	enum mirror_type type; /* MIRROR_NONE: a bare file system */
	uint64_t events, failed;
	unsigned legs;
	enum record_kind record;
	char generation;     /* letter; 0: none */
	const char *history; /* letters, newest first */
	enum rebuild_state rebuild;
	uint64_t recovery, resync; /* 0: complete, else the sector it stopped at */
	uint64_t dirty;
	bool is_outdated;
	bool is_beyond;
	unsigned record_legs;
	bool needs_recovery, is_live, no_fs, is_other_vg, is_other_fs;
	const char *pv;               /* NULL: after the name's group */
	unsigned superblock_position; /* +1; 0: as LVM says */
	unsigned superblock_legs;
	uint64_t seqno, missing, leg_bytes;
	unsigned moves; /* bit per leg that its metadata has in another place */
	/* what the comparison showed against the reference */
	uint64_t used, free, settled, own, theirs, errors;
	int64_t mounted;
	enum checksum_voice voice;
	enum copy_state state; /* expected */
};

struct testcase {
	const char *name;
	struct row row[4];
	bool is_fast;
	enum verdict_kind kind;
	int authority;
	enum svc_exit exit;
	enum reason_id reason; /* must be among the reasons */
};

/* A usable leg of a two-leg raid1, and one of a three-leg one. */
/* A case is a line, or few. */
/* clang-format off */
#define LEG(n, e, f, ...) { .name = n, .type = MIRROR_RAID1, .legs = 2, .events = e, .failed = f, __VA_ARGS__ }
#define LEG3(n, e, f, ...) { .name = n, .type = MIRROR_RAID1, .legs = 3, .events = e, .failed = f, __VA_ARGS__ }
#define OLD(n, s, m, ...) { .name = n, .type = MIRROR_OLD, .legs = 2, .seqno = s, .missing = m, __VA_ARGS__ }
#define BARE(n, ...) { .name = n, .type = MIRROR_NONE, __VA_ARGS__ }
#define AUTHORITY .state = STATE_AUTHORITY
#define IN_SYNC .state = STATE_IN_SYNC
#define STALE .state = STATE_STALE
#define DIVERGED .state = STATE_DIVERGED

static const struct testcase cases[] = {
	{ "clean", { LEG("flash-a", 5, 0, IN_SYNC), LEG("shared", 5, 0, IN_SYNC) }, false, VERDICT_IN_SYNC, -1, 0, REASON_SAME_HISTORY },
	{ "clean, all equal", { LEG("flash-a", 5, 0, IN_SYNC), LEG("shared", 5, 0, IN_SYNC) }, false, VERDICT_IN_SYNC, -1, 0, REASON_EQUAL },
	{ "clean, evidence only", { LEG("flash-a", 5, 0, IN_SYNC), LEG("shared", 5, 0, IN_SYNC) }, true, VERDICT_IN_SYNC, -1, 0, REASON_FAST },
	{ "stale flash", { LEG("flash-a", 5, 0, STALE), LEG("shared", 9, 1, AUTHORITY, .used = 4096) }, false, VERDICT_STALE, 1, 1, REASON_ACCUSED },
	{ "stale shared", { LEG("flash-a", 9, 2, AUTHORITY), LEG("shared", 5, 0, STALE, .used = 4096) }, false, VERDICT_STALE, 0, 1, REASON_ACCUSED },
	{ "stale shared with the higher counter", { LEG("flash-a", 9, 2, AUTHORITY), LEG("shared", 50, 0, STALE) }, false, VERDICT_STALE, 0, 1, REASON_ACCUSED },
	{ "stale, content equal by chance", { LEG("flash-a", 9, 2, AUTHORITY), LEG("shared", 5, 0, STALE) }, true, VERDICT_STALE, 0, 1, REASON_ACCUSED },
	{ "three legs, one stale", { LEG3("flash-a", 9, 2, AUTHORITY), LEG3("flash-b", 5, 0, STALE), LEG3("shared", 9, 2, IN_SYNC) }, false, VERDICT_STALE, 0, 1, REASON_ACCUSED },
	{ "three legs, two stale", { LEG3("flash-a", 9, 6, AUTHORITY), LEG3("flash-b", 5, 0, STALE), LEG3("shared", 7, 2, STALE) }, false, VERDICT_STALE, 0, 1, REASON_ACCUSED },
	{ "three legs, A over S over B though A and B accuse each other",
	  { LEG3("flash-a", 9, 6, AUTHORITY), LEG3("flash-b", 5, 1, STALE), LEG3("shared", 7, 2, STALE) }, false, VERDICT_STALE, 0, 1, REASON_ACCUSED },
	{ "S over both flashes, which accuse each other",
	  { LEG3("flash-a", 7, 2, STALE), LEG3("flash-b", 5, 1, STALE), LEG3("shared", 9, 3, AUTHORITY) }, false, VERDICT_STALE, 2, 1, REASON_ACCUSED },
	{ "the two flashes alone", { LEG3("flash-a", 7, 2, DIVERGED), LEG3("flash-b", 5, 1, DIVERGED) }, false, VERDICT_UNKNOWN, -1, 2, REASON_MUTUAL_THIRD },
	{ "the two flashes alone, settled by their records",
	  { LEG3("flash-a", 7, 2, STALE, .record = GEN, .generation = 'x'), LEG3("flash-b", 5, 1, AUTHORITY, .record = GEN, .generation = 'y', .history = "x") },
	  false, VERDICT_STALE, 1, 1, REASON_GENERATION },
	{ "split, counters equal", { LEG("flash-a", 7, 2, DIVERGED), LEG("shared", 7, 1, DIVERGED, .used = 4096) }, false, VERDICT_SPLIT_BRAIN, -1, 2, REASON_MUTUAL },
	{ "split, counters unequal", { LEG("flash-a", 7, 2, DIVERGED), LEG("shared", 70, 1, DIVERGED, .used = 4096) }, false, VERDICT_SPLIT_BRAIN, -1, 2, REASON_MUTUAL },
	{ "split, evidence only", { LEG("flash-a", 7, 2, DIVERGED), LEG("shared", 7, 1, DIVERGED) }, true, VERDICT_SPLIT_BRAIN, -1, 2, REASON_MUTUAL },
	{ "split of three, all apart",
	  { LEG3("flash-a", 7, 6, DIVERGED), LEG3("flash-b", 7, 5, DIVERGED), LEG3("shared", 7, 3, DIVERGED) }, false, VERDICT_SPLIT_BRAIN, -1, 2, REASON_MUTUAL },
	{ "a split is not healed by a record",
	  { LEG("flash-a", 7, 2, DIVERGED, .record = GEN, .generation = 'x'), LEG("shared", 7, 1, DIVERGED, .record = GEN, .generation = 'y', .history = "x") },
	  false, VERDICT_SPLIT_BRAIN, -1, 2, REASON_MUTUAL },
	{ "in sync by history, different in content", { LEG("flash-a", 5, 0, DIVERGED), LEG("shared", 5, 0, DIVERGED, .used = 4096, .settled = 4096) }, false, VERDICT_MISMATCH, -1, 2, REASON_SILENT },
	{ "dirty regions do not excuse what is outside of them",
	  { LEG("flash-a", 5, 0, DIVERGED, .dirty = 1), LEG("shared", 5, 0, DIVERGED, .used = 8192, .settled = 4096) }, false, VERDICT_MISMATCH, -1, 2, REASON_SILENT },
	{ "crashed while mirrored", { LEG("flash-a", 5, 0, AUTHORITY, .dirty = 1), LEG("shared", 5, 0, STALE, .dirty = 1, .used = 4096) }, false, VERDICT_DIRTY, 0, 1, REASON_UNSETTLED },
	{ "crashed while mirrored, and only the later leg's checksums are right",
	  { LEG("flash-a", 5, 0, STALE, .dirty = 1), LEG("shared", 5, 0, AUTHORITY, .dirty = 1, .used = 4096, .voice = CHECKSUM_COPY) },
	  false, VERDICT_DIRTY, 1, 1, REASON_UNSETTLED },
	{ "crashed while mirrored, and only the first leg's checksums are right",
	  { LEG("flash-a", 5, 0, AUTHORITY, .dirty = 1), LEG("shared", 5, 0, STALE, .dirty = 1, .used = 4096, .voice = CHECKSUM_REFERENCE) },
	  false, VERDICT_DIRTY, 0, 1, REASON_UNSETTLED },
	{ "first synchronisation unfinished: what the kernel reads counts, not a checksum",
	  { LEG("flash-a", 5, 0, AUTHORITY, .resync = 100), LEG("shared", 5, 0, STALE, .resync = 100, .used = 4096, .settled = 4096, .voice = CHECKSUM_COPY) },
	  false, VERDICT_DIRTY, 0, 1, REASON_INITIAL_SYNC },
	{ "crashed while mirrored, evidence only", { LEG("flash-a", 5, 0, AUTHORITY, .dirty = 1), LEG("shared", 5, 0, STALE, .dirty = 1) }, true, VERDICT_DIRTY, 0, 1, REASON_UNSETTLED },
	{ "crashed while mirrored, content equal", { LEG("flash-a", 5, 0, IN_SYNC, .dirty = 1), LEG("shared", 5, 0, IN_SYNC) }, false, VERDICT_IN_SYNC, -1, 0, REASON_EQUAL },
	{ "degraded mirror: bits for the absent leg are no crash",
	  { LEG3("flash-a", 5, 2, IN_SYNC, .dirty = 4), LEG3("shared", 5, 2, IN_SYNC, .dirty = 4, .superblock_position = 3) }, true, VERDICT_IN_SYNC, -1, 0, REASON_FAST },
	{ "degraded mirror: bits for the absent leg excuse nothing",
	  { LEG3("flash-a", 5, 2, DIVERGED, .dirty = 4), LEG3("shared", 5, 2, DIVERGED, .dirty = 4, .used = 4096, .superblock_position = 3) }, false, VERDICT_MISMATCH, -1, 2, REASON_SILENT },
	{ "degraded mirror that crashed",
	  { LEG3("flash-a", 5, 2, AUTHORITY, .dirty = 4, .needs_recovery = true), LEG3("shared", 5, 2, STALE, .dirty = 4, .used = 4096, .superblock_position = 3) },
	  false, VERDICT_DIRTY, 0, 1, REASON_UNSETTLED },
	{ "a live mirror's bits excuse nothing", { LEG("flash-a", 5, 0, DIVERGED, .dirty = 1, .is_live = true), LEG("shared", 5, 0, DIVERGED, .used = 4096, .is_live = true) },
	  false, VERDICT_MISMATCH, -1, 2, REASON_SILENT },
	{ "started alone, written and cut off before it named the other failed",
	  { LEG("flash-a", 5, 0, STALE), LEG("shared", 5, 0, AUTHORITY, .dirty = 2, .used = 4096, .own = 4096) }, false, VERDICT_STALE, 1, 1, REASON_WRITTEN_ALONE },
	{ "the same, the reference was alone",
	  { LEG("flash-a", 5, 0, AUTHORITY, .dirty = 2), LEG("shared", 5, 0, STALE, .used = 4096, .theirs = 4096) }, false, VERDICT_STALE, 0, 1, REASON_WRITTEN_ALONE },
	{ "both started alone and cut off",
	  { LEG("flash-a", 5, 0, DIVERGED, .dirty = 2), LEG("shared", 5, 0, DIVERGED, .dirty = 2, .used = 8192, .own = 4096, .theirs = 4096) }, false, VERDICT_SPLIT_BRAIN, -1, 2, REASON_WRITTEN_APART },
	{ "one went on alone and says so, the other one did too and was cut off",
	  { LEG("flash-a", 9, 2, DIVERGED, .dirty = 2), LEG("shared", 5, 0, DIVERGED, .dirty = 2, .used = 8192, .own = 4096, .theirs = 4096) }, false, VERDICT_SPLIT_BRAIN, -1, 2, REASON_WRITTEN_APART },
	{ "bits differ, evidence only", { LEG("flash-a", 5, 0, DIVERGED), LEG("shared", 5, 0, DIVERGED, .dirty = 2) }, true, VERDICT_UNKNOWN, -1, 2, REASON_UNEVEN },
	{ "crashed, but mounted at different times",
	  { LEG("flash-a", 5, 0, DIVERGED, .dirty = 2, .mounted = 7), LEG("shared", 5, 0, DIVERGED, .dirty = 2, .mounted = 8, .used = 4096) }, false, VERDICT_UNKNOWN, -1, 2, REASON_MOUNTED_APART },
	{ "torn between two superblock writes", { LEG("flash-a", 5, 0, AUTHORITY), LEG("shared", 6, 0, STALE, .used = 4096) }, false, VERDICT_DIRTY, 0, 1, REASON_COUNTER_TORN },
	{ "counters apart without an accusation", { LEG("flash-a", 5, 0, DIVERGED), LEG("shared", 8, 0, DIVERGED) }, false, VERDICT_UNKNOWN, -1, 2, REASON_COUNTER_GAP },
	{ "first synchronisation unfinished", { LEG("flash-a", 5, 0, AUTHORITY, .resync = 100), LEG("shared", 5, 0, STALE, .resync = 100, .used = 4096, .settled = 4096) },
	  false, VERDICT_DIRTY, 0, 1, REASON_INITIAL_SYNC },
	{ "only free blocks differ", { LEG("flash-a", 5, 0, AUTHORITY), LEG("shared", 5, 0, STALE, .free = 4096) }, false, VERDICT_DIRTY, 0, 1, REASON_FREE_DIFFERS },
	{ "checksums call the copy damaged", { LEG("flash-a", 5, 0, AUTHORITY), LEG("shared", 5, 0, .used = 4096, .settled = 4096, .voice = CHECKSUM_REFERENCE, .state = STATE_DAMAGED) },
	  false, VERDICT_SINGLE, 0, 1, REASON_CHECKSUM },
	{ "checksums call the reference damaged", { LEG("flash-a", 5, 0, .state = STATE_DAMAGED), LEG("shared", 5, 0, AUTHORITY, .used = 4096, .settled = 4096, .voice = CHECKSUM_COPY) },
	  false, VERDICT_SINGLE, 1, 1, REASON_CHECKSUM },
	{ "blank flash", { { .name = "flash-a", .condition = COPY_BLANK, .state = STATE_BLANK }, LEG("shared", 5, 0, AUTHORITY) }, false, VERDICT_SINGLE, 1, 1, REASON_ONE_WHOLE },
	{ "damaged shared that was left behind", { LEG("flash-a", 5, 2, AUTHORITY), { .name = "shared", .condition = COPY_DAMAGED, .state = STATE_DAMAGED } }, false, VERDICT_SINGLE, 0, 1, REASON_ONE_WHOLE },
	{ "damaged shared, nothing rules out that it is newer", { LEG("flash-a", 5, 0, AUTHORITY), { .name = "shared", .condition = COPY_DAMAGED, .state = STATE_DAMAGED } },
	  false, VERDICT_SINGLE, 0, 1, REASON_MAY_BE_NEWER },
	{ "damaged shared that went on without the flash", { LEG("flash-a", 5, 0, DIVERGED), LEG("shared", 9, 1, .no_fs = true, .state = STATE_DAMAGED) },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_MAY_BE_NEWER },
	{ "damaged shared with the higher counter", { LEG("flash-a", 5, 0, AUTHORITY), LEG("shared", 9, 0, .no_fs = true, .state = STATE_DAMAGED) },
	  false, VERDICT_SINGLE, 0, 1, REASON_MAY_BE_NEWER },
	{ "a stale leg, and a damaged one that may be the newest", { LEG3("flash-a", 9, 2, AUTHORITY), LEG3("flash-b", 5, 0, STALE), { .name = "shared", .condition = COPY_DAMAGED, .state = STATE_DAMAGED } },
	  false, VERDICT_STALE, 0, 1, REASON_MAY_BE_NEWER },
	{ "leg without a file system", { LEG("flash-a", 5, 0, AUTHORITY), LEG("shared", 5, 0, .no_fs = true, .state = STATE_DAMAGED) }, false, VERDICT_SINGLE, 0, 1, REASON_FS_DAMAGED },
	{ "no file system anywhere", { LEG("flash-a", 5, 0, IN_SYNC, .no_fs = true), LEG("shared", 5, 0, IN_SYNC, .no_fs = true) }, false, VERDICT_IN_SYNC, -1, 0, REASON_NO_FS },
	{ "two equal and a blank one", { LEG3("flash-a", 5, 2, AUTHORITY), { .name = "flash-b", .condition = COPY_BLANK, .state = STATE_BLANK }, LEG3("shared", 5, 2, IN_SYNC) },
	  false, VERDICT_STALE, 0, 1, REASON_SAME_HISTORY },
	{ "unreachable copy", { LEG("flash-a", 5, 0, AUTHORITY), { .name = "shared", .condition = COPY_UNREADABLE, .state = STATE_UNREADABLE } }, false, VERDICT_SINGLE, 0, 5, REASON_ONE_WHOLE },
	{ "nothing reachable", { { .name = "flash-a", .condition = COPY_UNREADABLE, .state = STATE_UNREADABLE }, { .name = "shared", .condition = COPY_UNREADABLE, .state = STATE_UNREADABLE } },
	  false, VERDICT_NONE, -1, 5, REASON_NO_WHOLE },
	{ "nothing usable", { { .name = "flash-a", .condition = COPY_BLANK, .state = STATE_BLANK }, { .name = "shared", .condition = COPY_DAMAGED, .state = STATE_DAMAGED } },
	  false, VERDICT_NONE, -1, 3, REASON_NO_WHOLE },
	{ "something else on it", { LEG("flash-a", 5, 0, DIVERGED), { .name = "shared", .condition = COPY_FOREIGN, .state = STATE_FOREIGN } }, false, VERDICT_UNRELATED, -1, 2, 0 },
	{ "another mirror", { LEG("flash-a", 5, 0, DIVERGED), LEG("shared", 5, 0, .is_other_vg = true, .state = STATE_FOREIGN) }, false, VERDICT_UNRELATED, -1, 2, REASON_UNRELATED },
	{ "a clone", { LEG("flash-a", 5, 0, DIVERGED, .pv = "p"), LEG("shared", 5, 0, DIVERGED, .pv = "p", .superblock_position = 2) }, false, VERDICT_UNKNOWN, -1, 2, REASON_CLONE },
	{ "positions swapped", { LEG("flash-a", 5, 0, DIVERGED, .superblock_position = 2), LEG("shared", 5, 0, DIVERGED) }, false, VERDICT_UNKNOWN, -1, 2, REASON_POSITION },
	{ "superblock of another layout", { LEG("flash-a", 5, 0, DIVERGED, .superblock_legs = 3), LEG("shared", 5, 0, DIVERGED) }, false, VERDICT_UNKNOWN, -1, 2, REASON_LAYOUT },
	{ "legs of different length", { LEG("flash-a", 5, 0, DIVERGED), LEG("shared", 5, 0, DIVERGED, .leg_bytes = 77) }, false, VERDICT_UNKNOWN, -1, 2, REASON_LAYOUT },
	{ "LVM metadata older on the stale one", { LEG("flash-a", 5, 0, STALE, .seqno = 3), LEG("shared", 9, 1, AUTHORITY, .seqno = 4) }, false, VERDICT_STALE, 1, 1, REASON_METADATA_OLD },
	{ "a leg that newer LVM metadata has elsewhere", { LEG("flash-a", 5, 0, DIVERGED, .seqno = 3), LEG("shared", 9, 1, DIVERGED, .seqno = 4, .moves = 1) }, false, VERDICT_UNKNOWN, -1, 2, REASON_LAYOUT },
	{ "the newer one is elsewhere by older LVM metadata", { LEG("flash-a", 5, 0, STALE, .seqno = 3, .moves = 2), LEG("shared", 9, 1, AUTHORITY, .seqno = 4) }, false, VERDICT_STALE, 1, 1, REASON_METADATA_OLD },
	{ "two places by LVM metadata of one number", { LEG("flash-a", 5, 0, DIVERGED), LEG("shared", 5, 0, DIVERGED, .moves = 1) }, false, VERDICT_UNKNOWN, -1, 2, REASON_LAYOUT },
	{ "interrupted svc-resync: the target with the higher counter",
	  { LEG("flash-a", 90, 2, STALE, .record = GEN, .rebuild = REBUILD_CONTENT), LEG("shared", 5, 0, AUTHORITY) }, false, VERDICT_STALE, 1, 1, REASON_REBUILD_TARGET },
	{ "interrupted svc-resync in its last step", { LEG("flash-a", 5, 0, STALE, .record = GEN, .rebuild = REBUILD_METADATA), LEG("shared", 5, 0, AUTHORITY) },
	  false, VERDICT_STALE, 1, 1, REASON_REBUILD_TARGET },
	{ "only the target of an interrupted svc-resync is left",
	  { LEG("flash-a", 90, 2, STALE, .record = GEN, .rebuild = REBUILD_CONTENT), { .name = "shared", .condition = COPY_BLANK, .state = STATE_BLANK } },
	  false, VERDICT_NONE, -1, 3, REASON_NO_WHOLE },
	{ "interrupted rebuild by the kernel", { LEG("flash-a", 5, 0, STALE, .recovery = 128), LEG("shared", 5, 0, AUTHORITY) }, false, VERDICT_STALE, 1, 1, REASON_RECOVERING },
	{ "cut-off rebuild of a leg that names the only whole copy failed",
	  { LEG3("flash-b", 6, 4, STALE, .recovery = 8, .superblock_position = 2), LEG3("shared", 4, 0, DIVERGED, .superblock_position = 3) }, false, VERDICT_UNKNOWN, -1, 2, REASON_NEWER_ELSEWHERE },
	{ "the mirror went on without the only copies here",
	  { LEG3("shared", 5, 0, DIVERGED, .record = GEN, .generation = 'x', .is_outdated = true), LEG3("flash-b", 5, 0, DIVERGED, .record = GEN, .generation = 'x') },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_NEWER_ELSEWHERE },
	{ "the mirror went on without shared, and here is where",
	  { LEG("flash-a", 5, 0, AUTHORITY, .record = GEN, .generation = 'y', .history = "x"), LEG("shared", 5, 0, STALE, .record = GEN, .generation = 'x', .is_outdated = true) },
	  false, VERDICT_STALE, 0, 1, REASON_GENERATION },
	{ "records say newer where superblocks say same",
	  { LEG("flash-a", 5, 0, STALE, .record = GEN, .generation = 'x'), LEG("shared", 5, 0, AUTHORITY, .record = GEN, .generation = 'y', .history = "x") },
	  false, VERDICT_STALE, 1, 1, REASON_GENERATION },
	{ "the older by the records went on without a leg of its own generation, and names the newer one failed",
	  { LEG3("flash-a", 9, 6, DIVERGED, .record = GEN, .generation = 'x', .record_legs = 5), LEG3("shared", 8, 3, DIVERGED, .record = GEN, .generation = 'y', .history = "x") },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_MUTUAL_THIRD },
	{ "the same, without a leg that never had its generation",
	  { LEG3("flash-a", 9, 6, STALE, .record = GEN, .generation = 'x', .record_legs = 1), LEG3("shared", 8, 3, AUTHORITY, .record = GEN, .generation = 'y', .history = "x") },
	  false, VERDICT_STALE, 1, 1, REASON_GENERATION },
	{ "the same, and its record says that it holds more",
	  { LEG3("flash-a", 9, 6, DIVERGED, .record = GEN, .generation = 'x', .record_legs = 1, .is_beyond = true), LEG3("shared", 8, 3, DIVERGED, .record = GEN, .generation = 'y', .history = "x") },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_MUTUAL_THIRD },
	{ "record and superblock contradict each other",
	  { LEG("flash-a", 9, 2, DIVERGED, .record = GEN, .generation = 'x'), LEG("shared", 5, 0, DIVERGED, .record = GEN, .generation = 'y', .history = "x") },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_CONTRADICTION },
	{ "who would be newer was never claimed, and the other was",
	  { LEG("flash-a", 9, 2, DIVERGED), LEG("shared", 5, 0, DIVERGED, .record = GEN, .generation = 'y', .history = "x") },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_CONTRADICTION },
	{ "who is newer was claimed, and the other never was",
	  { LEG("flash-a", 9, 2, AUTHORITY, .record = GEN, .generation = 'y'), LEG("shared", 5, 0, STALE) },
	  false, VERDICT_STALE, 0, 1, REASON_ACCUSED },
	{ "records without a common generation",
	  { LEG("flash-a", 5, 0, DIVERGED, .record = GEN, .generation = 'x'), LEG("shared", 5, 0, DIVERGED, .record = GEN, .generation = 'y') },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_CONTRADICTION },
	{ "records split though the kernel has merged the legs",
	  { LEG("flash-a", 5, 0, DIVERGED, .record = GEN, .generation = 'x', .history = "o"), LEG("shared", 5, 0, DIVERGED, .record = GEN, .generation = 'y', .history = "o") },
	  false, VERDICT_SPLIT_BRAIN, -1, 2, REASON_GENERATION_SPLIT },
	{ "a circle of accusations",
	  { LEG3("flash-a", 5, 2, STALE), LEG3("flash-b", 5, 4, STALE), LEG3("shared", 5, 1, STALE) }, false, VERDICT_UNKNOWN, -1, 2, REASON_CONTRADICTION },
	{ "record of another device", { LEG("flash-a", 5, 0, DIVERGED, .record = FOREIGN_RECORD), LEG("shared", 5, 0, DIVERGED) }, false, VERDICT_UNKNOWN, -1, 2, REASON_RECORD_FOREIGN },
	{ "record of a newer version", { LEG("flash-a", 5, 0, DIVERGED, .record = NEWER_RECORD), LEG("shared", 5, 0, DIVERGED) }, false, VERDICT_UNKNOWN, -1, 2, REASON_RECORD_VERSION },
	{ "old mirror, clean", { OLD("flash-a", 4, 0, IN_SYNC), OLD("shared", 4, 0, IN_SYNC) }, false, VERDICT_IN_SYNC, -1, 0, REASON_SAME_HISTORY },
	{ "old mirror, one missing", { OLD("flash-a", 6, 2, AUTHORITY), OLD("shared", 4, 0, STALE) }, false, VERDICT_STALE, 0, 1, REASON_ACCUSED },
	{ "old mirror, newer without an accusation", { OLD("flash-a", 6, 0, DIVERGED), OLD("shared", 4, 0, DIVERGED) }, false, VERDICT_UNKNOWN, -1, 2, REASON_COUNTER_GAP },
	{ "bare file systems, equal", { BARE("flash-a", IN_SYNC), BARE("shared", IN_SYNC) }, false, VERDICT_IN_SYNC, -1, 0, REASON_EQUAL },
	{ "bare file systems, different", { BARE("flash-a", DIVERGED), BARE("shared", DIVERGED, .used = 4096) }, false, VERDICT_UNKNOWN, -1, 2, REASON_NO_HISTORY },
	{ "bare file systems, evidence only", { BARE("flash-a", DIVERGED), BARE("shared", DIVERGED) }, true, VERDICT_UNKNOWN, -1, 2, REASON_NO_HISTORY },
	{ "bare file systems of different size", { BARE("flash-a", DIVERGED), BARE("shared", DIVERGED, .leg_bytes = 77) }, false, VERDICT_UNKNOWN, -1, 2, REASON_NO_HISTORY },
	{ "bare file systems of different origin", { BARE("flash-a", DIVERGED), BARE("shared", .is_other_fs = true, .state = STATE_FOREIGN) }, false, VERDICT_UNRELATED, -1, 2, REASON_UNRELATED },
	{ "read errors on one of two equals", { LEG("flash-a", 5, 0, AUTHORITY), LEG("shared", 5, 0, .errors = 512, .state = STATE_UNREADABLE) }, false, VERDICT_SINGLE, 0, 5, REASON_READ_ERROR },
	{ "read errors on the other of two equals", { LEG("flash-a", 5, 0, .errors = 512, .state = STATE_UNREADABLE), LEG("shared", 5, 0, AUTHORITY) }, false, VERDICT_SINGLE, 1, 5, REASON_READ_ERROR },
	{ "read errors on both", { LEG("flash-a", 5, 0, .errors = 512, .state = STATE_UNREADABLE), LEG("shared", 5, 0, .errors = 512, .state = STATE_UNREADABLE) },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_READ_ERROR },
	{ "read errors on the authority", { LEG("flash-a", 5, 0, STALE), LEG("shared", 9, 1, AUTHORITY, .errors = 512) }, false, VERDICT_STALE, 1, 5, REASON_READ_ERROR },
	{ "read errors beside a mismatch", { LEG("flash-a", 5, 0, DIVERGED), LEG("shared", 5, 0, DIVERGED, .used = 4096, .settled = 4096, .errors = 512) },
	  false, VERDICT_MISMATCH, -1, 2, REASON_READ_ERROR },
	{ "two paths, one volume",
	  { LEG("flash-a", 5, 0, IN_SYNC), LEG("shared@direct", 5, 0, IN_SYNC), LEG("shared@nbd", 5, 0, IN_SYNC, .superblock_position = 2) }, false, VERDICT_IN_SYNC, -1, 0, REASON_SAME_HISTORY },
	{ "two paths, one stale volume",
	  { LEG("flash-a", 9, 2, AUTHORITY), LEG("shared@direct", 5, 0, STALE), LEG("shared@nbd", 5, 0, STALE, .superblock_position = 2) }, false, VERDICT_STALE, 0, 1, REASON_ACCUSED },
	{ "a path that serves other bytes",
	  { LEG("flash-a", 5, 0, DIVERGED), LEG("shared@direct", 5, 0, DIVERGED), LEG("shared@nbd", 5, 0, DIVERGED, .superblock_position = 2, .used = 4096) },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_PATHS_DIFFER },
	{ "a path to another volume",
	  { LEG("flash-a", 5, 0, DIVERGED), LEG("shared@direct", 5, 0, DIVERGED), LEG("shared@nbd", 5, 0, DIVERGED, .superblock_position = 2, .pv = "q") },
	  false, VERDICT_UNKNOWN, -1, 2, REASON_PATHS_DIFFER },
	{ "a path that is down",
	  { LEG("flash-a", 5, 0, IN_SYNC), LEG("shared@direct", 5, 0, IN_SYNC), { .name = "shared@nbd", .condition = COPY_UNREADABLE, .state = STATE_UNREADABLE } },
	  false, VERDICT_IN_SYNC, -1, 5, REASON_PATH_DOWN },
	{ "only two paths to one copy", { LEG("shared@direct", 5, 0, IN_SYNC), LEG("shared@nbd", 5, 0, IN_SYNC, .superblock_position = 1) }, false, VERDICT_IN_SYNC, -1, 0, REASON_EQUAL },
	{ "one copy alone", { LEG("flash-a", 5, 0, AUTHORITY) }, false, VERDICT_SINGLE, 0, 1, REASON_ONE_GIVEN },
};
/* clang-format on */

/* Reasons that copies bring along from lib/locate and lib/evidence, tested there. */
static const enum reason_id findings[] = {
	REASON_OPEN,
	REASON_BLANK,
	REASON_FOREIGN,
	REASON_OTHER_VG,
	REASON_LABEL_DAMAGED,
	REASON_METADATA_DAMAGED,
	REASON_METADATA_COPY_BAD,
	REASON_LEG_TRUNCATED,
	REASON_LEG_SCATTERED,
	REASON_LEG_AMBIGUOUS,
	REASON_NO_MIRROR,
	REASON_SUPERBLOCK_DAMAGED,
	REASON_FS_CHECKSUM,
	REASON_JOURNAL_REPLAY,
	REASON_MMP_ACTIVE,
	REASON_LIVE,
	REASON_BITMAP_STALE,
	REASON_RECORD_DAMAGED,
	REASON_RECORD_AREA,
};

/* Reasons not to write, from lib/plan and lib/rebuild, tested there. */
static const enum reason_id refusals[] = {
	REASON_NEEDS_CHOICE, REASON_FROM_UNUSABLE, REASON_NOT_CONFIRMED, REASON_NAME_TARGET, REASON_IN_USE,
	REASON_LEG_UNKNOWN,  REASON_TARGET_SIZE,   REASON_CHANGED,       REASON_UNDO_LIMIT,  REASON_USED_AGAIN,
	REASON_UNDO_DEVICE,  REASON_TO_AUTHORITY,  REASON_LEFT_OUT,      REASON_LVM_MISSING, REASON_UNDO_ROOM,
	REASON_READ_ONLY,    REASON_NO_FLUSH,      REASON_LEG_METADATA,  REASON_UNDO_CUT,
};

/* What svc-boot did (lib/gate). */
static const enum reason_id boots[] = {
	REASON_BOOT_WORD, REASON_BOOT_OFF,  REASON_STANDBY,     REASON_AUTOACTIVATION, REASON_ACTIVE_EARLY,
	REASON_DEGRADED,  REASON_ACTIVATED, REASON_NOT_CLAIMED, REASON_NOT_ACTIVATED,  REASON_HUNG,
	REASON_NOBODY,    REASON_BOOT_CONF, REASON_NO_PLACE,
};

/* What svc-pathcheck finds (lib/path). */
static const enum reason_id paths[] = {
	REASON_PATH_LOST, REASON_PATH_OTHER_VOLUME, REASON_PATH_STALE, REASON_PATH_UNPROVEN, REASON_PATH_READ_ONLY,
	REASON_PATH_SLOW, REASON_LVM_FILTER,        REASON_EXPORTED,   REASON_EXPORT_PLAIN,  REASON_PATH_NO_QUEUE,
};

/* What a takeover finds, and why it is refused (lib/promote). */
static const enum reason_id takeovers[] = {
	REASON_NO_CONTROLLER, REASON_FLASH_ALONE,  REASON_ELSEWHERE,     REASON_PEER_CRASHED,     REASON_UNSEEN,
	REASON_NOT_FENCED,    REASON_PEER_ALIVE,   REASON_PREEMPTED,     REASON_FENCED,           REASON_KEPT_OUT,
	REASON_NOT_LASTING,   REASON_NOT_RESERVED, REASON_LEFT_ON_FLASH, REASON_WRONG_CONTROLLER, REASON_NOT_SERVED,
};

static bool seen[REASON_COUNT];

static void set_generation(uint8_t generation[16], char letter)
{
	memset(generation, letter, 16);
}

static void set_record(struct copy *copy, const struct row *row)
{
	struct record_evidence *evidence = &copy->evidence.record;
	struct record *record = &evidence->record;

	evidence->has_area = true;
	evidence->is_newer = row->record == NEWER_RECORD;
	evidence->present = row->record == GEN || row->record == FOREIGN_RECORD;
	strcpy(record->pv_uuid, row->record == FOREIGN_RECORD ? "elsewhere" : copy->evidence.lvm.pv_uuid);
	set_generation(record->generation, row->generation);
	for (int i = 0; row->history && row->history[i]; i++)
		set_generation(record->history[i], row->history[i]);
	record->rebuild = row->rebuild;
	record->is_outdated = row->is_outdated;
	record->is_beyond = row->is_beyond;
	record->legs = row->record_legs;
	strcpy(record->rebuild_source, "shared");
}

static void set_copy(struct copy *copy, const struct row *row, unsigned index)
{
	struct lvm_evidence *lvm = &copy->evidence.lvm;
	struct raid_evidence *raid = &copy->evidence.raid;

	memset(copy, 0, sizeof(*copy));
	strcpy(copy->name, row->name);
	strcpy(copy->group, row->name);
	copy->group[strcspn(copy->group, "@")] = '\0';
	copy->condition = row->condition;
	copy->is_live = row->is_live;
	if (row->condition != COPY_USABLE)
		return;
	copy->leg_bytes = row->leg_bytes ? row->leg_bytes : 1 << 20;
	copy->evidence.fs.present = !row->no_fs;
	copy->evidence.fs.needs_recovery = row->needs_recovery;
	copy->evidence.fs.mount_time = row->mounted;
	strcpy(copy->evidence.fs.uuid, row->is_other_fs ? "other-fs" : "fs");
	lvm->type = row->type;
	if (row->type == MIRROR_NONE)
		return;
	lvm->present = true;
	strcpy(lvm->pv_uuid, row->pv ? row->pv : copy->group);
	strcpy(lvm->vg_uuid, row->is_other_vg ? "other" : "vg");
	strcpy(lvm->lv_uuid, "lv");
	lvm->seqno = row->seqno;
	lvm->missing_legs = row->missing;
	lvm->leg_count = row->legs;
	lvm->leg_index = index;
	copy->evidence.unsettled.present = true;
	copy->evidence.unsettled.dirty_regions = row->dirty;
	set_record(copy, row);
	if (row->type != MIRROR_RAID1)
		return;
	/* superblock_position stands in where LVM and superblock agree on another leg than the row's number */
	if (row->superblock_position && row->superblock_position != index + 1 && strcmp(row->name, "flash-a"))
		lvm->leg_index = row->superblock_position - 1;
	raid->present = true;
	raid->num_devices = row->superblock_legs ? row->superblock_legs : row->legs;
	raid->array_position = row->superblock_position ? row->superblock_position - 1 : lvm->leg_index;
	raid->events = row->events;
	raid->failed_devices = row->failed;
	raid->recovery_offset = row->recovery ? row->recovery : MAX;
	raid->resync_offset = row->resync ? row->resync : MAX;
}

static void set_content(struct content_difference *content, const struct row *row)
{
	memset(content, 0, sizeof(*content));
	content->compared = row->condition == COPY_USABLE;
	content->used_bytes = row->used;
	content->free_bytes = row->free;
	content->settled_bytes = row->settled;
	content->own_bytes = row->own;
	content->reference_bytes = row->theirs;
	content->checksums = row->voice;
	content->errors.bytes = row->errors;
	content->errors.count = row->errors != 0;
}

static bool has_reason(const struct verdict *verdict, enum reason_id id)
{
	bool is_found = false;

	for (size_t i = 0; i < verdict->reasons.count; i++) {
		seen[verdict->reasons.item[i].id] = true;
		is_found |= verdict->reasons.item[i].id == id;
	}
	return is_found;
}

static void test_case(void **state)
{
	const struct testcase *test = *state;
	struct copy copy[4];
	struct comparison comparison = { .done = !test->is_fast };
	struct verdict verdict;
	int n = 0;

	for (; n < 4 && test->row[n].name; n++) {
		set_copy(&copy[n], &test->row[n], (unsigned)n);
		set_content(&comparison.copy[n], &test->row[n]);
		comparison.copy[n].compared &= copy[n].leg_bytes == copy[0].leg_bytes;
	}
	for (int x = 0; x < n; x++) /* every PV's metadata knows every other's */
		for (int y = 0; y < n; y++) {
			unsigned leg = copy[y].evidence.lvm.leg_index;

			strcpy(copy[x].evidence.lvm.leg_pv_uuid[leg], copy[y].evidence.lvm.pv_uuid);
			copy[x].evidence.lvm.leg_place[leg] = test->row[x].moves >> leg & 1 ? 2 : 1;
		}
	verdict_judge(copy, n, NULL, test->is_fast, &verdict);
	comparison.reference = verdict_reference(copy, n, &verdict);
	if (!test->is_fast && comparison.reference >= 0)
		verdict_judge(copy, n, &comparison, true, &verdict);
	assert_string_equal(verdict_name(verdict.kind), verdict_name(test->kind));
	assert_int_equal(verdict.authority, test->authority);
	assert_int_equal(verdict.exit, test->exit);
	for (int i = 0; i < n; i++)
		assert_string_equal(state_name(verdict.state[i]), state_name(test->row[i].state));
	assert_true(has_reason(&verdict, test->reason) || !test->reason);
	assert_int_equal(has_reason(&verdict, REASON_MAY_BE_NEWER), test->reason == REASON_MAY_BE_NEWER);
	for (size_t i = 0; i < verdict.reasons.count; i++)
		assert_true(verdict.reasons.item[i].text[0] != '\0');
}

/* Of two bare file systems of different size the reason says why they were not compared. */
static void test_sizes(void **state)
{
	static const struct row small = BARE("a.img"), large = BARE("b.img", .leg_bytes = 77);
	struct verdict verdict;
	struct copy copy[2];

	(void)state;
	set_copy(&copy[0], &small, 0);
	set_copy(&copy[1], &large, 1);
	verdict_judge(copy, 2, NULL, true, &verdict);
	assert_int_equal(verdict.reasons.item[0].id, REASON_NO_HISTORY);
	assert_non_null(strstr(verdict.reasons.item[0].text, "cannot be compared: they are 1048576 and 77 bytes long"));
}

/* Every row of the table is unique, and reached: by a case above, or by the folder that finds it. */
static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(findings) / sizeof(findings[0]); i++)
		seen[findings[i]] = true;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		seen[refusals[i]] = true;
	for (size_t i = 0; i < sizeof(boots) / sizeof(boots[0]); i++)
		seen[boots[i]] = true;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		seen[paths[i]] = true;
	for (size_t i = 0; i < sizeof(takeovers) / sizeof(takeovers[0]); i++)
		seen[takeovers[i]] = true;
	for (int i = 0; i < REASON_COUNT; i++) {
		if (!seen[i])
			fail_msg("%s is never given as a reason", reason_row(i)->id);
		for (int k = 0; k < i; k++) {
			assert_string_not_equal(reason_row(i)->id, reason_row(k)->id);
			assert_string_not_equal(reason_row(i)->meaning, reason_row(k)->meaning);
		}
		assert_int_equal(strncmp(reason_row(i)->id, "SVC-", 4), 0);
		assert_ptr_equal(reason_find(reason_row(i)->id), reason_row(i));
	}
	assert_null(reason_find("SVC-NO-SUCH"));
}

/* The list of reasons never overflows and never looks empty. */
static void test_reasons_full(void **state)
{
	struct reasons list = { 0 };

	(void)state;
	for (int i = 0; i < 2 * REASONS_MAX; i++)
		reason_add(&list, REASON_EQUAL, -1, "%d", i);
	assert_int_equal(list.count, REASONS_MAX);
	assert_string_equal(list.item[REASONS_MAX - 1].text, "47");
}

int main(void)
{
	enum { CASES = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[CASES + 3];

	for (int i = 0; i < CASES; i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, test_case, NULL, NULL, (void *)&cases[i] };
	tests[CASES] = (struct CMUnitTest)cmocka_unit_test(test_rows);
	tests[CASES + 1] = (struct CMUnitTest)cmocka_unit_test(test_reasons_full);
	tests[CASES + 2] = (struct CMUnitTest)cmocka_unit_test(test_sizes);
	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
