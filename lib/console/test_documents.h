/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests alone: what the commands would have said. */
#ifndef SVC_CONSOLE_TEST_DOCUMENTS_H
#define SVC_CONSOLE_TEST_DOCUMENTS_H

#include <stdio.h>
#include <string.h>

#include "console/console.h"

struct said {
	const char *verdict, *authority;
	int exit;
	const char *states[3];
	bool has_content; /* compared */
	int files;
	int events; /* evidence */
	const char *reason;
};

static inline char *say(const struct said *said, const char *plan)
{
	static const char *const names[] = { "flash-a", "shared", "flash-b" };
	static char text[32768];
	size_t at = 0;

#define PUT(...) (at += (size_t)snprintf(text + at, sizeof(text) - at, __VA_ARGS__))
	PUT("{\"schema\":\"svc/1\",\"command\":\"%s\",\"verdict\":\"%s\",\"authority\":", plan ? "resync" : "compare",
	    said->verdict);
	PUT(said->authority ? "\"%s\"" : "null%s", said->authority ? said->authority : "");
	PUT(",\"status\":\"the sentence\",\"reasons\":[{\"id\":\"%s\",\"copy\":null,\"text\":\"so it "
	    "is\",\"next\":\"do "
	    "this\"}],\"copies\":[",
	    said->reason ? said->reason : "SVC-ACCUSED");
	for (int i = 0; i < 3 && said->states[i]; i++) {
		PUT("%s{\"name\":\"%s\",\"locator\":\"/dev/x%d\",\"state\":\"%s\",\"size\":12582912,\"live\":false,"
		    "\"evidence\":{\"raid\":{\"events\":%d},\"fs\":{\"write_time\":1772352000,\"mount_time\":"
		    "1772350000},"
		    "\"record\":{\"owner\":\"a\",\"epoch\":3,\"open\":false}}",
		    i ? "," : "", names[i], i, said->states[i], said->events);
		PUT(said->has_content ? ",\"content\":{\"differing_bytes\":%d}}" : "}",
		    i ? said->files * 4096 : 0); /* the first is what the others are measured by */
	}
	PUT("],\"compared\":{\"mode\":\"%s\",\"bytes\":%d},\"differences\":{\"bytes\":%d,\"free_bytes\":0,\"files\":[",
	    said->has_content ? "allocated" : "fast", said->has_content ? 4096 : 0, said->files * 4096);
	for (int i = 0; i < said->files; i++)
		PUT("%s{\"path\":\"/cfg/"
		    "file-%d\",\"bytes\":4096,\"kind\":\"%s\",\"inode\":%d,\"only_on\":null,\"sides\":["
		    "{\"copy\":\"flash-a\",\"bytes\":%d,\"modified\":1772352000}]}",
		    i ? "," : "", i, i % 5 == 4 ? "directory" : "file", 20 + i, i);
	PUT("],\"metadata_bytes\":8192,\"journal_bytes\":0,\"unattributed_bytes\":0}%s,\"exit\":%d}", plan ? plan : "",
	    said->exit);
#undef PUT
	return text;
}

#define TEST_PLAN                                                                                                 \
	",\"plan\":[{\"action\":\"mark\",\"copy\":\"flash-a\",\"state\":\"todo\",\"text\":\"flash-a: mark it\"}," \
	"{\"action\":\"used\",\"copy\":\"flash-a\",\"state\":\"todo\",\"text\":\"flash-a: overwrite it\"},"       \
	"{\"action\":\"forgive\",\"copy\":\"shared\",\"state\":\"todo\",\"text\":\"shared: forgive\"}],"          \
	"\"from\":\"shared\",\"forced\":false,\"plan_id\":\"0badcafe\",\"undo\":\"/var/lib/svc/"                  \
	"undo-1\",\"refusals\":[]"

#define TEST_REFUSED                                                                                           \
	",\"plan\":[],\"from\":null,\"plan_id\":null,\"undo\":null,\"refusals\":[{\"id\":\"SVC-NAME-TARGET\"," \
	"\"copy\":\"flash-a\",\"text\":\"flash-a holds something else\",\"next\":\"name it\"}]"

#define TEST_ONE_TOO_MANY                                                                                            \
	",\"plan\":[],\"from\":\"shared\",\"plan_id\":null,\"undo\":null,\"refusals\":[{\"id\":\"SVC-LEG-UNKNOWN\"," \
	"\"copy\":\"flash-b\",\"text\":\"flash-b: there is a copy for each leg\",\"next\":\"name it\"}]"

#define TEST_NO_ROOM                                                                                               \
	",\"plan\":[],\"from\":\"shared\",\"forced\":true,\"plan_id\":null,\"undo\":null,\"unsaved\":\"no room\"," \
	"\"refusals\":[{\"id\":\"SVC-UNDO-ROOM\",\"copy\":\"\",\"text\":\"no room\",\"next\":\"elsewhere\"}]"

#define TEST_UNSAVED                                                                                             \
	",\"plan\":[{\"action\":\"used\",\"copy\":\"flash-a\",\"state\":\"todo\",\"text\":\"flash-a: overwrite " \
	"it\"}],"                                                                                                \
	"\"from\":\"shared\",\"forced\":true,\"plan_id\":\"0badf00d\",\"undo\":null,\"refusals\":[]"

/* flash-a's history ends: a file of its own, and its version of one that both have; flash-b goes whole. */
#define TEST_LOSSES                                                                                                 \
	TEST_UNSAVED                                                                                                \
	",\"gives_up\":[{\"copy\":\"flash-a\",\"everything\":false,\"files\":["                                     \
	"{\"path\":\"/both\",\"bytes\":8192,\"kind\":\"file\",\"inode\":12,\"only_on\":null,\"lost\":\"version\"}," \
	"{\"path\":\"/only/"                                                                                        \
	"a\",\"bytes\":4096,\"kind\":\"file\",\"inode\":13,\"only_on\":\"flash-a\",\"lost\":\"file\"}]},"           \
	"{\"copy\":\"flash-b\",\"everything\":true,\"files\":null,\"files_known\":false}]"

#define TEST_UNDOS                                                                                                    \
	"{\"schema\":\"svc/1\",\"command\":\"undo-list\",\"undos\":["                                                 \
	"{\"path\":\"/var/lib/svc/"                                                                                   \
	"undo-2\",\"time\":1772352000,\"bytes\":9999,\"usable\":true,\"copies\":[\"flash-a\",\"shared\"]},"           \
	"{\"path\":\"/var/lib/svc/undo-1\",\"time\":1772350000,\"bytes\":99,\"usable\":false,\"why\":\"was put back " \
	"already\",\"copies\":[\"flash-a\"]}]}"

#define TEST_VIEW                                                                               \
	"{\"schema\":\"svc/1\",\"command\":\"view\",\"versions\":["                             \
	"{\"copy\":\"flash-a\",\"present\":true,\"bytes\":20,\"modified\":1772352000,\"text\":" \
	"\"one\\ntwo\\nthree\\nfive\\n\"},"                                                     \
	"{\"copy\":\"shared\",\"present\":true,\"bytes\":24,\"modified\":1772352001,\"text\":"  \
	"\"one\\n2\\nthree\\nfour\\nfive\\n\"}]}"

#define TEST_PATHS                                                                                                \
	"{\"schema\":\"svc/1\",\"command\":\"pathcheck\",\"paths\":["                                             \
	"{\"name\":\"direct\",\"locator\":\"/dev/sdb\",\"state\":\"down\",\"latency_us\":null},"                  \
	"{\"name\":\"nbd\",\"locator\":\"nbd://peer/shared\",\"state\":\"good\",\"latency_us\":900}],"            \
	"\"active\":\"direct\",\"reasons\":[{\"id\":\"SVC-PATH-DOWN\",\"copy\":null,\"text\":\"direct is down\"," \
	"\"next\":\"bring it back\"}],\"exit\":5}"

/* An ended job and what it printed, given to the console as one that it waits for. */
static inline void tell(struct console *console, enum task task, const char *text, bool is_awaited)
{
	static uint64_t serial;
	struct job job = { .task = task, .state = JOB_ENDED, .started = 1772353000, .ended = 1772353001 };

	job.serial = ++serial;
	if (task_row(task)->lane == LANE_WORK)
		job.number = (unsigned)serial;
	if (job.number)
		snprintf(job.name, sizeof(job.name), "%u", job.number);
	else
		snprintf(job.name, sizeof(job.name), "%s", task_row(task)->name);
	snprintf(job.command, sizeof(job.command), "svc-x --json");
	if (is_awaited) {
		struct request request = { .kind = REQUEST_RUN, .task = task };

		if (task == TASK_PLAN)
			request = console->planned;
		request.kind = REQUEST_RUN;
		request.task = task;
		console_taken(console, &request, job.name);
	}
	console_jobs(console, &job, 1);
	console_answer(console, &job, text, text ? strlen(text) : 0);
}

#endif
