/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "promote/signs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/spawn.h"
#include "base/text.h"
#include "fs/fs.h"
#include "path/slot.h"

/* EXT4_MMP_SEQ_CLEAN, _MIN_CHECK_INTERVAL, _MAX_CHECK_INTERVAL: fs/ext4/ext4.h */
enum { MMP_CLEAN = 0xFF4D4D50u };
enum { MMP_INTERVAL_MIN = 5, MMP_INTERVAL_MAX = 300, MMP_MORE_MAX = 60 };

unsigned signs_mmp_wait(unsigned interval_seconds)
{
	unsigned interval = interval_seconds < MMP_INTERVAL_MIN   ? MMP_INTERVAL_MIN
	                    : interval_seconds > MMP_INTERVAL_MAX ? MMP_INTERVAL_MAX
	                                                          : interval_seconds;

	return interval + 1 < MMP_MORE_MAX ? 2 * interval + 1 : interval + MMP_MORE_MAX;
}

static int read_beat(struct dev *area, char peer, struct signs *signs, struct svc_error *error)
{
	uint64_t offset = probe_slot_offset(peer);
	struct probe_slot slot;
	uint8_t *bytes;
	int code;

	if (!area || area->size_bytes < offset + PROBE_SLOT_BYTES)
		return 0;
	bytes = dev_buffer(PROBE_SLOT_BYTES);
	code = bytes ? dev_read(area, bytes, PROBE_SLOT_BYTES, offset) : -ENOMEM;
	if (code)
		error_set(error, code, "controller %c's probe slot on shared cannot be read: %s", peer,
		          strerror(-code));
	else if (probe_slot_parse(bytes, &slot) && slot.controller == peer) {
		signs->has_beat = true;
		signs->beat = slot.sequence;
		signs->beat_time = slot.time;
	}
	free(bytes);
	return code;
}

static int read_mmp(struct dev *leg, struct signs *signs, struct svc_error *error)
{
	struct fs_evidence evidence = { 0 };
	int code = leg ? fs_read_evidence(leg, &evidence, error) : 0;

	if (code)
		return code;
	signs->has_mmp = evidence.present && evidence.has_mmp && evidence.mmp_sequence != MMP_CLEAN;
	signs->mmp = evidence.mmp_sequence;
	signs->mmp_wait_seconds = signs_mmp_wait(evidence.mmp_interval_seconds);
	return 0;
}

int signs_read(struct dev *area, struct dev *leg, char peer, struct signs *signs, struct svc_error *error)
{
	int code;

	memset(signs, 0, sizeof(*signs));
	code = read_beat(area, peer, signs, error);
	return code ? code : read_mmp(leg, signs, error);
}

/* What was there in one reading and not in the other has moved too. */
static enum fence_motion compare(bool was, bool is, uint64_t first, uint64_t last, uint64_t watched_ms,
                                 uint64_t interval_ms)
{
	if (!was && !is)
		return MOTION_ABSENT;
	return was != is ? MOTION_MOVING : fence_watch(first, last, watched_ms, interval_ms);
}

void signs_compare(const struct signs *first, const struct signs *last, uint64_t watched_ms, uint64_t interval_ms,
                   struct fence_facts *facts)
{
	facts->beats = compare(first->has_beat, last->has_beat, first->beat, last->beat, watched_ms, interval_ms);
	facts->mmp = compare(first->has_mmp, last->has_mmp, first->mmp, last->mmp, watched_ms, interval_ms);
	/* Who unmounts in good order moves it once, and is gone. */
	if (first->has_mmp && !last->has_mmp)
		facts->mmp = MOTION_ABSENT;
}

enum fence_hook signs_ask_hook(const char *path, char peer, const char *vg_uuid, unsigned deadline_ms,
                               struct svc_error *error)
{
	const char letter[2] = { peer, '\0' };
	const char *const argv[] = { path, letter, vg_uuid, NULL };
	struct spawn_output *output;
	char said[200];
	int code;

	if (!*path)
		return HOOK_NONE;
	output = calloc(1, sizeof(*output));
	if (!output) {
		error_set(error, -ENOMEM, "%s: out of memory", path);
		return HOOK_FAILED;
	}
	code = spawn_run(argv, NULL, deadline_ms, output);
	output->err[strcspn(output->err, "\n")] = '\0';
	text_escape(output->err, said, sizeof(said));
	if (code == -ETIMEDOUT)
		error_set(error, code, "%s: was not done within %u ms", path, deadline_ms);
	else if (code < 0)
		error_set(error, code, "%s: cannot be run: %s", path, strerror(-code));
	else if (code)
		error_set(error, -EPERM, "%s: ended with %d%s%s", path, code, *said ? ": " : "", said);
	free(output);
	return code ? HOOK_FAILED : HOOK_PROVEN;
}
