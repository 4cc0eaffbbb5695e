/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words and sentences that both the screen and the JSON use. */
#include <inttypes.h>
#include <string.h>

#include "report/report.h"
#include "verdict/verdict.h"

const char *report_mode_name(enum compare_mode mode)
{
	static const char *const name[] = {
		[COMPARE_FAST] = "fast", [COMPARE_ALLOCATED] = "allocated", [COMPARE_FULL] = "full"
	};

	return name[mode];
}

const char *report_metadata_name(enum metadata_kind kind)
{
	static const char *const name[] = {
		[METADATA_SUPERBLOCK] = "superblock",
		[METADATA_DESCRIPTORS] = "group_descriptors",
		[METADATA_BLOCK_BITMAP] = "block_bitmap",
		[METADATA_INODE_BITMAP] = "inode_bitmap",
		[METADATA_INODE_TABLE] = "inode_table",
		[METADATA_MMP] = "mmp",
		[METADATA_OTHER] = "other",
	};

	return name[kind];
}

const char *report_owner_name(enum owner_kind kind)
{
	static const char *const name[] = { [OWNER_FILE] = "file",
		                            [OWNER_DIRECTORY] = "directory",
		                            [OWNER_XATTR] = "xattr",
		                            [OWNER_MAPPING] = "mapping" };

	return name[kind];
}

uint64_t report_metadata_bytes(const struct attribution *owners)
{
	uint64_t bytes = 0;

	for (int k = 0; k < METADATA_KINDS; k++)
		bytes += owners->metadata_bytes[k];
	return bytes;
}

/* The names of all copies in a state, as "a", "a and b", "a, b and c". Returns how many. */
static int list_names(const struct report *report, enum copy_state state, char *text, size_t size)
{
	int total = 0, n = 0;

	text[0] = '\0';
	for (int i = 0; i < report->copies; i++)
		total += report->verdict->state[i] == state;
	for (int i = 0; i < report->copies; i++) {
		size_t length = strlen(text);

		if (report->verdict->state[i] != state)
			continue;
		n++;
		snprintf(text + length, size - length, "%s%s",
		         n == 1       ? ""
		         : n == total ? " and "
		                      : ", ",
		         report->copy[i].name);
	}
	return total;
}

static void status_of_authority(const struct report *report, char *text, size_t size)
{
	static const struct {
		enum copy_state state;
		const char *one, *many;
	} words[] = {
		{ STATE_IN_SYNC, "is equal to it", "are equal to it" },
		{ STATE_STALE, "is an older version of it", "are older versions of it" },
		{ STATE_BLANK, "is blank", "are blank" },
		{ STATE_DAMAGED, "is damaged", "are damaged" },
		{ STATE_UNREADABLE, "cannot be read", "cannot be read" },
	};
	char names[3 * SVC_NAME_SIZE];
	size_t length;

	snprintf(text, size, "%s is the authority", report->copy[report->verdict->authority].name);
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		int n = list_names(report, words[w].state, names, sizeof(names));
		const char *what = n == 1 ? words[w].one : words[w].many;

		if (words[w].state == STATE_STALE && report->verdict->kind == VERDICT_DIRTY)
			what = n == 1 ? "differs from it in unsettled regions only"
			              : "differ from it in unsettled regions only";
		length = strlen(text);
		if (n)
			snprintf(text + length, size - length, "; %s %s", names, what);
	}
}

void report_status(const struct report *report, char *text, size_t size)
{
	const struct comparison *comparison = report->comparison;

	switch (report->verdict->kind) {
	case VERDICT_IN_SYNC:
		snprintf(text, size,
		         comparison->done ? "the copies agree"
		                          : "the copies have one history; their content was not compared");
		break;
	case VERDICT_SPLIT_BRAIN:
		snprintf(text, size,
		         "the copies were written apart from each other and none contains the others; an operator must "
		         "choose");
		break;
	case VERDICT_UNRELATED:
		snprintf(text, size, "these are not all copies of one mirror; nothing was compared");
		break;
	case VERDICT_MISMATCH:
		snprintf(text, size,
		         "the copies should be equal and are not, and nothing tells which is right; an operator must "
		         "choose");
		break;
	case VERDICT_NONE:
		snprintf(text, size, "there is no whole and usable copy");
		break;
	case VERDICT_UNKNOWN:
		snprintf(text, size,
		         report->copies ? "the evidence does not tell which copy is right; an operator must choose"
		                        : "nothing is known of the copies");
		break;
	default:
		status_of_authority(report, text, size);
		break;
	}
}
