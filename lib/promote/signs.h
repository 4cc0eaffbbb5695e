/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other controller's signs of life on shared: its probe slot, and ext4's multiple-mount protection. */
#ifndef SVC_PROMOTE_SIGNS_H
#define SVC_PROMOTE_SIGNS_H

#include "dev/dev.h"
#include "promote/fence.h"

struct signs {
	bool has_beat;     /* the probe slot was written at least once */
	uint64_t beat;     /* counts up */
	int64_t beat_time; /* by the clock of who wrote it, seconds since 1970 */
	bool has_mmp;      /* the file system has MMP and was not unmounted in good order */
	uint32_t mmp;
	unsigned mmp_wait_seconds; /* how long a mount would watch it */
};

/* As ext4's own mount waits (fs/ext4/mmp.c, ext4_multi_mount_protect): twice the interval and one second, or a minute more. Pure. */
unsigned signs_mmp_wait(unsigned interval_seconds);

/*
 * Reads them anew from the medium. `area` is shared's place for a record, `leg` its file system; either may be NULL: there
 * is none. A file system that makes no sense has no MMP: the verdict has more to say of it. -EIO ... with a sentence.
 */
int signs_read(struct dev *area, struct dev *leg, char peer, struct signs *signs, struct svc_error *error);

/* What two readings, so long apart, say. Pure. */
void signs_compare(const struct signs *first, const struct signs *last, uint64_t watched_ms, uint64_t interval_ms,
                   struct fence_facts *facts);

/*
 * Runs the hook that stops the other controller, within the deadline: its arguments are that controller's letter and the
 * VG's UUID. It has proven it where it ends with 0, and only then; else *error says how it ended. An empty path: HOOK_NONE.
 */
enum fence_hook signs_ask_hook(const char *path, char peer, const char *vg_uuid, unsigned deadline_ms,
                               struct svc_error *error);

#endif
