/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "claim/claim.h"
#include "evidence/evidence.h"
#include "evidence/record.h"
#include "rebuild/mark.h"

/* Whether the area's newest slot is this record. 0, -EBADMSG where it is another one, or -errno. */
static int prove(struct dev *area, const struct record *record)
{
	uint8_t *slot = dev_buffer(RECORD_SLOT_BYTES), wanted[RECORD_SLOT_BYTES];
	int code = slot ? record_format(record, wanted) : -ENOMEM;

	if (!code)
		code = -EBADMSG;
	for (int i = 0; i < RECORD_SLOTS && code == -EBADMSG; i++) {
		int read = dev_read(area, slot, RECORD_SLOT_BYTES, (uint64_t)i * RECORD_SLOT_BYTES);

		code = read ? read : memcmp(slot, wanted, sizeof(wanted)) ? -EBADMSG : 0;
	}
	free(slot);
	return code;
}

int claim_write(const struct claim *claim, const struct copy *copy, struct dev *const area[SVC_COPIES_MAX],
                struct svc_error *error)
{
	for (int n = 0; n < claim->items; n++) {
		int i = claim->item[n].copy;
		struct record record = claim->item[n].record; /* storing it numbers it */
		int code = record_store(area[i], &record);

		if (!code)
			code = prove(area[i], &record);
		if (code) {
			error_set(error, code, "%s: its record cannot be written: %s", copy[i].name,
			          dev_strerror(-code));
			error_next(error, "check the device and its path (dmesg, svc-pathcheck), then try again");
			return code;
		}
	}
	return 0;
}

static int open_area(const struct copy *copy, const struct locate_options *options, struct access *access,
                     struct svc_error *error)
{
	struct dev_options writing = options->dev;
	struct copy now = { 0 };
	int code;

	writing.access = DEV_WRITE;
	code = dev_open(copy->locator, &writing, &access->device, error);
	if (!code && access->device->is_live) {
		error_set(error, -EBUSY, "%s: %s is in use on this host", copy->name, copy->locator);
		error_next(error, "%s", reason_row(REASON_IN_USE)->next);
		code = -EBUSY;
	}
	if (code)
		return code;
	memcpy(now.name, copy->name, sizeof(now.name));
	code = locate_leg(&now, options->lv, access, error);
	if (code)
		return code;
	evidence_read(&now, 0, access);
	if (now.condition == copy->condition && access->record &&
	    !memcmp(&now.evidence, &copy->evidence, sizeof(now.evidence)))
		return 0;
	error_set(error, -ESTALE, "%s: its evidence changed since the verdict; nothing was written", copy->name);
	error_next(error, "%s", reason_row(REASON_CHANGED)->next);
	return -ESTALE;
}

int claim_run(const struct claim *claim, const struct copy *copy, const struct locate_options *options,
              struct svc_error *error)
{
	struct access access[SVC_COPIES_MAX] = { 0 };
	struct dev *area[SVC_COPIES_MAX] = { NULL };
	int code = 0;

	/* All of them are looked at before the first is written. */
	for (int n = 0; n < claim->items && !code; n++) {
		int i = claim->item[n].copy;

		if (!area[i])
			code = open_area(&copy[i], options, &access[i], error);
		area[i] = access[i].record;
	}
	if (!code)
		code = claim_write(claim, copy, area, error);
	for (int i = 0; i < SVC_COPIES_MAX; i++)
		access_close(&access[i]);
	return code;
}
