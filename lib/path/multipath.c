/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/multipath.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/spawn.h"

enum {
	WORDS_MAX = 64, /* more than two groups of one path each ever need */
	REPEAT_COUNT = 1000,
	MODPROBE_MS = 10000,
};

#define QUEUE_TIMEOUT "/sys/module/dm_multipath/parameters/queue_if_no_path_timeout_secs"

void multipath_format(const uint64_t rdev[PATHS], bool is_queueing, char *text, size_t size)
{
	int groups = 0, length;

	for (int i = 0; i < PATHS; i++)
		groups += rdev[i] != 0;
	/* Request-based mode over nbd trips over an RCU warning in nbd_send_cmd. */
	length = snprintf(text, size, "%s 0 %d 1",
	                  is_queueing ? "3 queue_if_no_path queue_mode bio" : "2 queue_mode bio", groups);
	for (int i = 0; i < PATHS; i++)
		if (rdev[i] && length > 0 && (size_t)length < size)
			length += snprintf(text + length, size - (size_t)length, " round-robin 0 1 1 %u:%u %d",
			                   major(rdev[i]), minor(rdev[i]), REPEAT_COUNT);
}

struct words {
	char text[MAPPER_PARAMETERS_SIZE];
	const char *word[WORDS_MAX];
	unsigned count, at;
};

static const char *next(struct words *words)
{
	return words->at < words->count ? words->word[words->at++] : "";
}

static unsigned next_number(struct words *words)
{
	return (unsigned)strtoul(next(words), NULL, 10);
}

/* "N word ... word": N words that mean nothing here. */
static void skip_arguments(struct words *words)
{
	unsigned n = next_number(words);

	words->at = n < words->count - words->at ? words->at + n : words->count;
}

static bool parse_path(struct words *words, unsigned arguments, bool is_current, struct control_state *state)
{
	unsigned number[2];
	const char *device = next(words), *health = next(words);
	enum path_kind kind;
	uint64_t rdev;

	if (sscanf(device, "%u:%u", &number[0], &number[1]) != 2 || (*health != 'A' && *health != 'F'))
		return false;
	rdev = makedev(number[0], number[1]);
	kind = control_kind_of(rdev);
	if (state->path[kind].is_in)
		return false;
	state->path[kind].is_in = true;
	state->path[kind].is_failed = *health == 'F';
	state->path[kind].rdev = rdev;
	next(words); /* times it failed */
	for (unsigned i = 0; i < arguments; i++)
		next(words);
	/* A group that is current and has no path left is one that I/O leaves with the next request. */
	if (is_current && *health == 'A')
		state->active = (int)kind;
	return true;
}

bool multipath_parse_status(const char *parameters, struct control_state *state)
{
	struct words words = { 0 };
	char *rest = NULL;
	unsigned groups, group;

	snprintf(words.text, sizeof(words.text), "%s", parameters);
	for (char *at = strtok_r(words.text, " ", &rest); at; at = strtok_r(NULL, " ", &rest)) {
		if (words.count == WORDS_MAX)
			return false;
		words.word[words.count++] = at;
	}
	state->active = -1;
	skip_arguments(&words); /* features: whether it queues, and times the hardware was initialised */
	skip_arguments(&words); /* hardware handler */
	groups = next_number(&words);
	group = next_number(&words);
	if (!groups || groups > PATHS)
		return false;
	for (unsigned g = 1; g <= groups; g++) {
		const char *group_state = next(&words);
		unsigned paths, arguments;

		skip_arguments(&words); /* of the path selector */
		paths = next_number(&words);
		arguments = next_number(&words);
		if (paths > PATHS)
			return false;
		for (unsigned p = 0; p < paths; p++)
			if (!parse_path(&words, arguments, *group_state == 'A' || (g == group && *group_state != 'D'),
			                state))
				return false;
	}
	/* Before the first request no group is active: the first with a path will be. */
	for (int i = 0; i < PATHS && state->active < 0; i++)
		if (state->path[i].is_in && !state->path[i].is_failed)
			state->active = i;
	return true;
}

/* The kernel's own bound on holding requests back, so that it holds when nobody of ours is left. False: none. */
static bool bound_queueing(unsigned seconds)
{
	static const char *const argv[] = { "modprobe", "dm-multipath", NULL };
	unsigned now = 0;
	bool is_bound;
	FILE *f;

	if (!seconds)
		return false;
	/* The kernel would load it with the first table, after it was asked. */
	if (access("/sys/module/dm_multipath", F_OK))
		spawn_run(argv, NULL, MODPROBE_MS, NULL);
	f = fopen(QUEUE_TIMEOUT, "r+e");
	if (!f)
		return false;
	is_bound = fscanf(f, "%u", &now) == 1 && now;
	/* It is one for all multipath devices of the host: somebody's own setting stays. */
	if (!is_bound) {
		rewind(f);
		is_bound = fprintf(f, "%u\n", seconds) > 0;
	}
	return !fclose(f) && is_bound;
}

static int set_paths(const struct control *control, const uint64_t rdev[PATHS], uint64_t sectors)
{
	struct mapper_row row = { .length_sectors = sectors, .type = "multipath" };
	uint64_t device;

	multipath_format(rdev, bound_queueing(control->queue_seconds), row.parameters, sizeof(row.parameters));
	if (mapper_find(control->uuid, &device))
		return mapper_create(control->name, control->uuid, &row, 1, &device);
	/* Not at any price: requests that the other path takes would wait for those that one of them keeps. */
	return control_swap(control, device, &row, false);
}

static int read_state(const struct control *control, struct control_state *state)
{
	struct mapper_row row;
	int r = mapper_status(state->device, &row);

	(void)control;
	if (r)
		return r;
	if (strcmp(row.type, "multipath") != 0 || !multipath_parse_status(row.parameters, state))
		return -EPROTO;
	r = mapper_table(state->device, &row);
	state->is_queueing = !r && strstr(row.parameters, "queue_if_no_path");
	return r;
}

static int tell(const struct control_state *state, const char *verb, enum path_kind kind)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %u:%u", verb, major(state->path[kind].rdev), minor(state->path[kind].rdev));
	return mapper_message(state->device, text);
}

static int fail(const struct control *control, const struct control_state *state, enum path_kind kind)
{
	(void)control;
	return tell(state, "fail_path", kind);
}

static int reinstate(const struct control *control, const struct control_state *state, enum path_kind kind)
{
	int r = tell(state, "reinstate_path", kind);

	/* The kernel's bound on queueing ends it for good: begin anew. */
	if (!r && bound_queueing(control->queue_seconds))
		r = mapper_message(state->device, "queue_if_no_path");
	return r;
}

static int use(const struct control *control, const struct control_state *state, enum path_kind kind)
{
	char text[32];
	unsigned group = 1;

	(void)control;
	for (int i = 0; i < (int)kind; i++)
		group += state->path[i].is_in;
	snprintf(text, sizeof(text), "switch_group %u", group);
	return mapper_message(state->device, text);
}

const struct control_ops control_multipath = {
	.set_paths = set_paths,
	.read = read_state,
	.fail = fail,
	.reinstate = reinstate,
	.use = use,
};
