/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Putting back what a rebuild overwrote. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "locate/pv.h"
#include "rebuild/rebuild.h"
#include "rebuild/undo.h"

/* A device is the one that was saved from if it is as long and carries no other PV than it may. */
static int check_device(const struct undo_copy *saved, struct dev *device, struct svc_error *error)
{
	uint8_t head[PV_SCAN_BYTES] = { 0 };
	struct pv_label label;
	const char *why;
	int code;

	if (device->size_bytes != saved->device_bytes)
		return error_set(error, -EINVAL, "%s: %" PRIu64 " bytes were saved from a device of %" PRIu64,
		                 saved->name, device->size_bytes, saved->device_bytes);
	if (!saved->pv_uuid[0])
		return 0;
	code = dev_read(device, head, device->size_bytes < sizeof(head) ? device->size_bytes : sizeof(head), 0);
	if (code)
		return error_set(error, code, "%s: its label cannot be read: %s", saved->name, strerror(-code));
	if (pv_parse_label(head, sizeof(head), &label, &why) == PV_VALID && strcmp(label.uuid, saved->pv_uuid) &&
	    strcmp(label.uuid, saved->rebuilt_uuid))
		return error_set(error, -EINVAL, "%s: PV %s was saved, this device is PV %s", saved->name,
		                 saved->pv_uuid, label.uuid);
	return 0;
}

static int flush_all(const struct undo_header *header, struct dev *const device[])
{
	int code = 0;

	for (int i = 0; i < header->copies && !code; i++)
		if (device[i])
			code = dev_flush(device[i]);
	return code;
}

/* One entry: written only where it is not there already, so that a second run writes nothing. */
static int put_back(struct undo *undo, size_t entry, struct dev *const device[], uint32_t *group, void *saved,
                    void *now, uint64_t *written_bytes)
{
	const struct undo_header *header = undo_header(undo);
	uint64_t offset;
	uint32_t of;
	size_t length;
	int copy, code = undo_entry(undo, entry, &copy, &of, &offset, saved, &length);

	if (code || !length)
		return code;
	if (!device[copy])
		return -ENODEV;
	if (of != *group) {
		code = flush_all(header, device);
		*group = of;
	}
	if (!code)
		code = dev_read(device[copy], now, length, offset);
	if (code || !memcmp(saved, now, length))
		return code;
	code = dev_write(device[copy], saved, length, offset);
	if (!code)
		*written_bytes += length;
	return code;
}

int rebuild_undo(struct undo *undo, struct dev *const device[], const volatile sig_atomic_t *stop,
                 uint64_t *written_bytes, struct svc_error *error)
{
	const struct undo_header *header = undo_header(undo);
	void *saved = dev_buffer(UNDO_CHUNK_BYTES), *now = dev_buffer(UNDO_CHUNK_BYTES);
	uint32_t group = UINT32_MAX;
	int code = saved && now ? 0 : -ENOMEM;

	*written_bytes = 0;
	if (code)
		error_set(error, code, "out of memory");
	for (int i = 0; i < header->copies && !code; i++)
		if (device[i])
			code = check_device(&header->copy[i], device[i], error);
	if (code)
		goto out;
	for (size_t entry = undo_entries(undo); entry-- && !code;) {
		code = stop && *stop ? -EINTR : put_back(undo, entry, device, &group, saved, now, written_bytes);
		if (code)
			error_set(error, code, "entry %zu of the undo file cannot be put back: %s", entry,
			          strerror(-code));
	}
	if (!code) {
		code = flush_all(header, device);
		if (!code && !undo_is_finished(undo)) /* no rebuild goes on with this file any more */
			code = undo_finish(undo);
		if (code)
			error_set(error, code, "what was put back cannot be made durable: %s", strerror(-code));
	}
out:
	free(saved);
	free(now);
	return code;
}
