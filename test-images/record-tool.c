/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a recovery record into a scenario's image: `record-tool IMAGE [KEY=VALUE...]`. Keys: generation
 * and history (letters, one per generation, newest first), epoch, owner, open, rebuild (1: content),
 * source, done, total, pv (another PV's UUID). What is not given is as a first record has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/evidence.h"
#include "locate/locate.h"
#include "rebuild/mark.h"

static int set(struct record *record, const char *key, const char *value)
{
	if (!strcmp(key, "generation"))
		memset(record->generation, *value, 16);
	else if (!strcmp(key, "history"))
		for (int i = 0; i < SVC_RECORD_HISTORY && value[i]; i++)
			memset(record->history[i], value[i], 16);
	else if (!strcmp(key, "epoch"))
		record->epoch = strtoull(value, NULL, 10);
	else if (!strcmp(key, "owner"))
		record->owner = *value;
	else if (!strcmp(key, "open"))
		record->is_open = *value == '1';
	else if (!strcmp(key, "rebuild"))
		record->rebuild = (enum rebuild_state)atoi(value);
	else if (!strcmp(key, "source"))
		snprintf(record->rebuild_source, sizeof(record->rebuild_source), "%s", value);
	else if (!strcmp(key, "done"))
		record->rebuild_done_bytes = strtoull(value, NULL, 10);
	else if (!strcmp(key, "total"))
		record->rebuild_total_bytes = strtoull(value, NULL, 10);
	else if (!strcmp(key, "pv"))
		snprintf(record->pv_uuid, sizeof(record->pv_uuid), "%s", value);
	else
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct locate_options options = { .dev = { .access = DEV_WRITE } };
	struct copy copy = { 0 };
	struct access access;
	struct svc_error error;
	struct record record = { .changed_time = 1772352000 };

	if (argc < 2 || locate_parse(argv[1], &copy, &error) || locate_copy(&copy, &options, &access, &error) ||
	    copy.condition != COPY_USABLE || !access.record) {
		fprintf(stderr, "record-tool: no copy with a place for a record\n");
		return 1;
	}
	evidence_read(&copy, 0, &access);
	if (copy.evidence.record.present)
		record = copy.evidence.record.record;
	snprintf(record.pv_uuid, sizeof(record.pv_uuid), "%s", copy.evidence.lvm.pv_uuid);
	snprintf(record.lv_uuid, sizeof(record.lv_uuid), "%s", copy.evidence.lvm.lv_uuid);
	for (int i = 2; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (value)
			*value++ = '\0';
		if (!value || set(&record, argv[i], value)) {
			fprintf(stderr, "record-tool: %s: no such key\n", argv[i]);
			return 1;
		}
	}
	if (record_store(access.record, &record)) {
		fprintf(stderr, "record-tool: the record cannot be written\n");
		return 1;
	}
	access_close(&access);
	return 0;
}
