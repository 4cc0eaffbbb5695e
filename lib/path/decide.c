/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/decide.h"

#include <limits.h>
#include <string.h>

static void add(struct decide_actions *actions, enum decide_verb verb, enum path_kind path)
{
	if (actions->count == DECIDE_ACTIONS_MAX)
		return;
	actions->item[actions->count].verb = verb;
	actions->item[actions->count++].path = path;
}

static bool is_ready(const struct decide_input *input, int path)
{
	return input->control.path[path].is_in && !input->control.path[path].is_failed;
}

static void count(const struct decide_input *input, struct decide_memory *memory)
{
	for (int i = 0; i < PATHS; i++) {
		/* A request failed that a look does not see fail, a write for one: what was good before counts no more. */
		if (memory->was_ready[i] && input->control.path[i].is_failed)
			memory->good[i] = 0;
		memory->was_ready[i] = is_ready(input, i);
		unsigned *up = input->may_use[i] ? &memory->good[i] : &memory->bad[i];

		*(input->may_use[i] ? &memory->bad[i] : &memory->good[i]) = 0;
		if (*up < UINT_MAX)
			(*up)++;
	}
}

bool decide_is_wrong(enum path_state state)
{
	return state == PATH_STALE || state == PATH_OTHER_VOLUME || state == PATH_READ_ONLY;
}

static bool must_fail(const struct decide_limits *limits, const struct decide_input *input,
                      const struct decide_memory *memory, int path)
{
	if (!is_ready(input, path) || input->may_use[path])
		return false;
	if (decide_is_wrong(input->state[path]))
		return true;
	/*
	 * A path that is not in use is failed at once: its connection must not be renewed, to whatever is there then,
	 * while the kernel would send requests to it.
	 */
	if (input->control.active != path)
		return true;
	/* The last one is left to the kernel: requests that fail tell it themselves, and there is nowhere to go. */
	return memory->bad[path] >= limits->bad_probes && is_ready(input, !path) && input->may_use[!path];
}

static void decide_paths(const struct decide_limits *limits, const struct decide_input *input,
                         const struct decide_memory *memory, struct decide_actions *actions, bool is_ready_then[PATHS])
{
	for (int i = 0; i < PATHS; i++) {
		is_ready_then[i] = is_ready(input, i);
		if (must_fail(limits, input, memory, i)) {
			add(actions, DECIDE_FAIL, i);
			is_ready_then[i] = false;
		}
	}
	for (int i = 0; i < PATHS; i++) {
		if (!input->control.path[i].is_in || !input->control.path[i].is_failed || !input->may_use[i] ||
		    input->control.path[i].rdev != input->rdev[i])
			continue;
		if (memory->good[i] >= limits->good_probes || !is_ready_then[!i]) {
			add(actions, DECIDE_REINSTATE, i);
			is_ready_then[i] = true;
		}
	}
}

/* Where there is no other one, sooner is better than surer. */
static bool is_proven(const struct decide_limits *limits, const struct decide_input *input,
                      const struct decide_memory *memory, int path)
{
	return input->may_use[path] && (memory->good[path] >= limits->good_probes ||
	                                (!is_ready(input, PATH_DIRECT) && !is_ready(input, PATH_NBD)));
}

/* A path that the device lacks, or has under the number of a device that was given up. */
static bool lacks(const struct decide_limits *limits, const struct decide_input *input,
                  const struct decide_memory *memory, int path)
{
	return is_proven(limits, input, memory, path) &&
	       (!input->control.path[path].is_in || input->control.path[path].rdev != input->rdev[path]);
}

/*
 * A wrong path leaves the device, so that its connection can be given up and made anew, and one that was given up does,
 * so that it is free; the last one that is ready stays, for a device without a path cannot be.
 */
static bool must_leave(const struct decide_input *input, int path)
{
	bool is_useless = input->is_given_up[path] && input->control.path[path].is_failed;

	return input->control.path[path].is_in && (decide_is_wrong(input->state[path]) || is_useless) &&
	       is_ready(input, !path) && input->may_use[!path];
}

/* A new table forgets which paths failed: it gets those that are ready or proven, and no other. */
static bool decide_set(const struct decide_limits *limits, const struct decide_input *input,
                       const struct decide_memory *memory, struct decide_actions *actions)
{
	bool is_other = false;

	for (int i = 0; i < PATHS; i++) {
		is_other |= must_leave(input, i);
		if (lacks(limits, input, memory, i)) {
			is_other = true;
			actions->set[i] = input->rdev[i];
		} else if (is_ready(input, i) && (input->may_use[i] || input->control.active == i) &&
		           !decide_is_wrong(input->state[i])) {
			actions->set[i] = input->control.path[i].rdev;
		} else if (is_proven(limits, input, memory, i)) {
			actions->set[i] = input->rdev[i];
		}
	}
	return is_other;
}

static void decide_first(const struct decide_input *input, struct decide_actions *actions)
{
	bool is_any = false;

	for (int i = 0; i < PATHS; i++) {
		actions->set[i] = input->may_use[i] ? input->rdev[i] : 0;
		is_any |= input->may_use[i];
	}
	if (is_any)
		add(actions, DECIDE_SET_PATHS, PATH_DIRECT);
}

/*
 * A device that lies on one path, which a person or the fail-over package chose: it is not moved to the other one. Where
 * the NBD path in use is lost it lies on none until that is back and known to lead where it should. A direct path comes
 * back by itself.
 */
static void decide_single(const struct decide_limits *limits, const struct decide_input *input,
                          const struct decide_memory *memory, struct decide_actions *actions)
{
	int active = input->control.active;

	if (active >= 0 && decide_is_wrong(input->state[active]))
		add(actions, DECIDE_FAIL, active);
	else if (active == PATH_NBD && input->is_lost[PATH_NBD] && memory->bad[PATH_NBD] >= limits->bad_probes)
		add(actions, DECIDE_FAIL, PATH_NBD);
	else if (active < 0 && input->pinned != PATH_DIRECT && input->may_use[PATH_NBD] &&
	         memory->good[PATH_NBD] >= limits->good_probes)
		add(actions, DECIDE_USE, PATH_NBD);
	else if (active < 0 && input->pinned != PATH_NBD && input->may_use[PATH_DIRECT] &&
	         memory->good[PATH_DIRECT] >= limits->good_probes)
		add(actions, DECIDE_USE, PATH_DIRECT);
}

void decide(const struct decide_limits *limits, const struct decide_input *input, struct decide_memory *memory,
            struct decide_actions *actions)
{
	bool is_ready_then[PATHS];
	int active = input->control.active, wanted = -1;

	memset(actions, 0, sizeof(*actions));
	count(input, memory);
	if (!input->control.is_set_up) {
		decide_first(input, actions);
		return;
	}
	if (!input->fails_over) {
		decide_single(limits, input, memory, actions);
		return;
	}
	if (decide_set(limits, input, memory, actions)) {
		add(actions, DECIDE_SET_PATHS, PATH_DIRECT);
		return; /* the next round sees what came of it */
	}
	decide_paths(limits, input, memory, actions, is_ready_then);
	/* One bad probe is not yet a reason to leave. */
	if (active >= 0 && is_ready_then[active] && !input->may_use[active] && memory->bad[active] < limits->bad_probes)
		return;
	for (int i = PATHS - 1; i >= 0; i--)
		if (is_ready_then[i] && input->may_use[i] && memory->good[i] >= limits->good_probes)
			wanted = i;
	if (input->pinned >= 0 && is_ready_then[input->pinned] && input->may_use[input->pinned])
		wanted = input->pinned;
	if (wanted >= 0 && wanted != active)
		add(actions, DECIDE_USE, wanted);
}
