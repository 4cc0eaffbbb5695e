/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was written is read back, past this host's cache: content against the authority, metadata as it was written. */
#include "compare/scan.h"
#include "rebuild/parts.h"

int rebuild_open_medium(struct dev *dev, struct dev **medium, struct dev **closed)
{
	int code = dev_open_uncached(dev, closed);

	*medium = *closed ? *closed : dev;
	return code == -ENOTSUP ? 0 : code;
}

/* A medium that does not have what it took. Nobody is to see it in the cache and think so. */
static int distrust(struct rebuild *r, int i, const char *what)
{
	dev_forget(r->device[i]);
	error_set(r->error, -EBADMSG, "%s: %s", r->copy[i].name, what);
	error_next(r->error, "do not trust this device: check it and its path, then run the command again");
	return -EBADMSG;
}

/* The authority is read again for it: what differs may be its doing as well. */
static int distrust_either(struct rebuild *r, int i)
{
	const char *right = rebuild_authority(r)->name;
	int code = -EBADMSG;

	dev_forget(r->device[i]);
	error_set(r->error, code, "%s: what was written does not read back as %s has it now", r->copy[i].name, right);
	error_next(
		r->error,
		"see that nobody else writes to %s (the other controller?); if nobody does, do not trust %s: check it "
		"and its path; then run the command again",
		right, r->copy[i].name);
	return code;
}

/* What the scan of what was written showed. */
static int judge_scan(struct rebuild *r, int i, const struct scan *scan)
{
	if (bitset_count(scan->part[1].differing))
		return distrust_either(r, i);
	if (scan->part[1].unread)
		return rebuild_failed(r, i, -EIO, "cannot be read back");
	if (scan->part[0].unread)
		return rebuild_failed(r, r->plan->authority, -EIO, "cannot be read");
	r->outcome->proven_bytes += scan->done_bytes;
	return 0;
}

static int prove_content(struct rebuild *r, int i, struct dev *medium)
{
	struct scan scan = {
		.part = { { .leg = rebuild_authority_access(r)->leg }, { .leg = medium } },
		.parts = 2,
		.unit_bytes = r->unit_bytes,
		.leg_bytes = r->leg_bytes,
		.wanted = r->member[i].written,
		.stop = r->options->stop,
	};
	int code = 0;

	for (int p = 0; p < scan.parts && !code; p++) {
		scan.part[p].differing = bitset_new(scan.wanted->bits);
		code = scan.part[p].differing ? 0 : -ENOMEM;
	}
	if (!code)
		code = scan_run(&scan);
	if (code == -EINTR)
		error_set(r->error, code, "stopped; %s stays marked as being rebuilt", r->copy[i].name);
	else
		code = code ? rebuild_failed(r, i, code, "cannot be read back") : judge_scan(r, i, &scan);
	for (int p = 0; p < scan.parts; p++) {
		bitset_free(scan.part[p].differing);
		bitset_free(scan.part[p].unread);
	}
	return code;
}

int rebuild_prove(struct rebuild *r, int i)
{
	struct dev *medium, *closed;
	int code = dev_flush(r->member[i].saver);

	if (code)
		return rebuild_failed(r, i, code, "cannot be written");
	code = rebuild_open_medium(r->member[i].plain.leg, &medium, &closed);
	if (code)
		return rebuild_failed(r, i, code, "cannot be read back");
	code = prove_content(r, i, medium);
	dev_close(closed);
	return code;
}

int rebuild_prove_metadata(struct rebuild *r, int i)
{
	struct dev *medium, *closed = NULL;
	int code = dev_flush(r->member[i].saver);

	if (!code)
		code = rebuild_open_medium(r->device[i], &medium, &closed);
	if (!code)
		code = saver_prove(r->member[i].saver, medium);
	dev_close(closed);
	if (code == -EBADMSG)
		return distrust(r, i, "its metadata does not read back as it was written");
	return code ? rebuild_failed(r, i, code, "its metadata cannot be read back") : 0;
}
