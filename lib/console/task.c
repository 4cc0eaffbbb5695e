// SPDX-License-Identifier: GPL-2.0-or-later
/* The tasks, and the command that each of them is. */
#include <stdio.h>
#include <string.h>

#include "console/console.h"

const struct task_row *task_row(enum task task)
{
	static const struct task_row rows[TASKS] = {
		[TASK_NONE] = { "none", LANE_WORK, false, "nothing" },
#define TASK(symbol, name, lane, is_writing, title) [TASK_##symbol] = { name, lane, is_writing, title },
#include "console/task.def"
#undef TASK
	};

	return &rows[task < TASKS ? task : TASK_NONE];
}

struct writer {
	struct task_line *line;
	int arguments, stored;
};

static void put(struct writer *writer, const char *argument)
{
	if (writer->arguments + 1 < JOB_ARGUMENTS_MAX)
		writer->line->argument[writer->arguments++] = argument;
	writer->line->argument[writer->arguments] = NULL;
}

/* "--name=value"; nothing where the value is empty. */
static void put_value(struct writer *writer, const char *name, const char *value)
{
	char *text = writer->line->store[writer->stored];

	if (!value || !*value || writer->stored == sizeof(writer->line->store) / sizeof(writer->line->store[0]))
		return;
	snprintf(text, sizeof(writer->line->store[0]), "--%s=%s", name, value);
	writer->stored++;
	put(writer, text);
}

static void put_task(struct writer *writer, const struct request *request, const struct task_options *options)
{
	switch (request->task) {
	case TASK_LOOK:
	case TASK_COMPARE:
	case TASK_COMPARE_FULL:
		put(writer, "svc-compare");
		put(writer, request->task == TASK_LOOK      ? "--fast"
		            : request->task == TASK_COMPARE ? "--allocated"
		                                            : "--full");
		put(writer, "--quiet"); /* nothing that grows with the volume */
		break;
	case TASK_PLAN:
	case TASK_RESYNC:
		put(writer, "svc-resync");
		put(writer, "--quiet");
		if (request->task == TASK_PLAN)
			put(writer, "--dry-run");
		else
			put_value(writer, "confirmed", request->word);
		put_value(writer, "from", request->from);
		put_value(writer, "to", request->to);
		put_value(writer, "save", request->save);
		if (request->is_unsaved)
			put(writer, "--no-save");
		break;
	case TASK_UNDO:
		put(writer, "svc-resync");
		put_value(writer, "undo", request->word);
		put(writer, "--yes");
		break;
	case TASK_VIEW:
		put(writer, "svc-console");
		put_value(writer, "view", request->word);
		break;
	case TASK_UNDOS:
		put(writer, "svc-console");
		put(writer, "--undo-list");
		put_value(writer, "undo-file", request->word);
		break;
	case TASK_BUNDLE:
		put(writer, "svc-console");
		put_value(writer, "bundle", request->word);
		put_value(writer, "jobs", options->jobs);
		break;
	case TASK_PROMOTE_PLAN:
	case TASK_DEMOTE_PLAN:
	case TASK_PROMOTE:
	case TASK_DEMOTE:
		put(writer, "svc-promote");
		if (request->task == TASK_DEMOTE || request->task == TASK_DEMOTE_PLAN)
			put(writer, "--demote");
		if (!strcmp(request->word, TASK_WORD_OFF))
			put(writer, "--peer-fenced");
		put(writer, task_row(request->task)->is_writing ? "--yes" : "--dry-run");
		break;
	default:
		put(writer, "svc-pathcheck");
		put_value(writer, "switch", request->task == TASK_SWITCH ? request->word : "");
		if (request->task == TASK_COHERENCE)
			put(writer, "--coherence");
		if (request->task == TASK_EXPORT)
			put(writer, "--export");
		if (request->task == TASK_UNEXPORT)
			put(writer, "--unexport");
		break;
	}
}

void task_command(const struct request *request, const struct task_options *options, struct task_line *line)
{
	struct writer writer = { .line = line };
	char number[16] = "";

	put_task(&writer, request, options);
	if (strcmp(line->argument[0], "svc-console") != 0)
		put(&writer, "--json");
	put(&writer, "--progress=always");
	if (options->config) {
		put(&writer, "-c");
		put(&writer, options->config);
	}
	if (options->lv) {
		put(&writer, "--lv");
		put(&writer, options->lv);
	}
	if (options->timeout_seconds)
		snprintf(number, sizeof(number), "%u", options->timeout_seconds);
	put_value(&writer, "timeout", number);
	if (options->copies)
		put(&writer, "--"); /* whatever a copy is called, it is no option */
	for (int i = 0; i < options->copies; i++)
		put(&writer, options->copy[i]);
}
