/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The paths to the shared volume: what a look at each of them shows (path_facts, plain data), and what that
 * makes of it (path_judge, pure).
 */
#ifndef SVC_PATH_H
#define SVC_PATH_H

#include <errno.h>

#include "base/error.h"
#include "dev/dev.h"
#include "locate/conf.h"
#include "model.h"

enum path_kind { PATH_DIRECT, PATH_NBD, PATHS };

/* The words of the JSON. */
enum path_state {
	PATH_GOOD,
	PATH_SLOW,         /* it works, and takes longer than is configured */
	PATH_STALE,        /* what was written through the other path is not what is read through this one */
	PATH_OTHER_VOLUME, /* it leads somewhere else */
	PATH_READ_ONLY,
	PATH_DOWN,
};

enum path_coherence {
	COHERENCE_UNTESTED,
	COHERENCE_PROVEN,  /* what goes in at either path comes out at the other */
	COHERENCE_STALE,   /* this path shows old data */
	COHERENCE_FAILED,  /* the test could not be made, for no fault of the path */
	COHERENCE_REFUSED, /* what was written through this path was refused */
	COHERENCE_BROKEN,  /* this path gave an error when it was written or read, or did not come back */
};

enum {
	PATH_READS = 5, /* of the latency */
	PATH_TIMEOUT_SECONDS = 5,
	PATH_SLOW_MS = 500,
	SERIAL_SIZE = 128,
};

struct path_facts {
	bool is_configured;
	char locator[SVC_LOCATOR_SIZE]; /* as configured or given */
	char device[SVC_LOCATOR_SIZE];  /* what was read: the locator, or the block device attached for it */
	int error;                      /* 0, or -errno: nothing below counts then */
	struct svc_error why;           /* of `error` */
	bool is_block;
	uint64_t rdev; /* of a block device */
	/* The block device attached for an NBD server has lost its connection; what follows is what the server says. */
	bool is_detached;
	uint64_t size_bytes;
	bool is_read_only;
	bool has_no_flush;               /* nobody can tell when what is written to it is durable */
	uint64_t latency_us[PATH_READS]; /* sorted */
	enum copy_condition condition;   /* of the copy that is there */
	struct lvm_evidence lvm;
	struct record_evidence record;
	char serial[SERIAL_SIZE];     /* of the SCSI unit; empty: none, or not known */
	char designator[SERIAL_SIZE]; /* VPD page 0x83 of the unit, in hex; empty */
	enum path_coherence coherence;
	struct svc_error coherence_why;
};

static inline uint64_t path_latency_us(const struct path_facts *facts)
{
	return facts->latency_us[PATH_READS / 2];
}

/* What the volume has to be where no path alone can tell: from the other copies' metadata. */
struct path_expected {
	char vg_uuid[LVM_UUID_SIZE]; /* empty: nothing is known */
	unsigned pvs;                /* PVs that may be the shared volume */
	char pv_uuid[SVC_LEGS_MAX][LVM_UUID_SIZE];
};

struct path_verdict {
	enum path_state state[PATHS];
	struct reasons reasons; /* `copy` is the path */
	enum svc_exit exit;
};

/*
 * What each configured path is. Pure. A path that holds something else than the other one is told by
 * `expected`. Where nothing tells the NBD path is the one that is called another volume, and neither of them may be used
 * (paths_may_use): what is in use already stays.
 */
void path_judge(const struct path_facts facts[PATHS], const struct path_expected *expected, unsigned slow_ms,
                struct path_verdict *verdict);

/* Not merely slow: its connection is gone, or it gives errors. */
static inline bool path_is_lost(const struct path_facts *facts)
{
	return facts->is_detached || (facts->error && facts->error != -ETIMEDOUT);
}

/* Whether I/O may go there. */
static inline bool path_is_usable(enum path_state state)
{
	return state == PATH_GOOD || state == PATH_SLOW;
}

const char *path_name(enum path_kind kind);         /* direct, nbd */
const char *path_state_name(enum path_state state); /* good, slow, ... */

#endif
