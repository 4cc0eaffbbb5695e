/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One dm-linear device that lies on one path or on the other; or on none, dm-error, where the one in use was lost: its
 * device is let go then, so that it can be connected anew while nothing can be sent there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "path/control.h"

static void format(uint64_t rdev, uint64_t sectors, struct mapper_row *row)
{
	*row = (struct mapper_row){ .length_sectors = sectors, .type = "linear" };
	snprintf(row->parameters, sizeof(row->parameters), "%u:%u 0", major(rdev), minor(rdev));
}

static int set_paths(const struct control *control, const uint64_t rdev[PATHS], uint64_t sectors)
{
	uint64_t device, below = 0;
	struct mapper_row row;

	for (int i = PATHS - 1; i >= 0; i--)
		below = rdev[i] ? rdev[i] : below;
	format(below, sectors, &row);
	if (mapper_find(control->uuid, &device))
		return mapper_create(control->name, control->uuid, &row, 1, &device);
	return 0; /* only --switch moves it */
}

static int read_state(const struct control *control, struct control_state *state)
{
	unsigned number[2];
	struct mapper_row row;
	int r = mapper_table(state->device, &row);

	(void)control;
	if (r)
		return r;
	if (!strcmp(row.type, "error"))
		return 0;
	if (strcmp(row.type, "linear") != 0 || sscanf(row.parameters, "%u:%u 0", &number[0], &number[1]) != 2)
		return -EPROTO;
	state->active = (int)control_kind_of(makedev(number[0], number[1]));
	state->path[state->active].is_in = true;
	state->path[state->active].rdev = makedev(number[0], number[1]);
	return 0;
}

/*
 * The requests under way end on the old path, whichever way; then those to come go to the new one, or fail. On the old one
 * they would hang as well: so it goes on where that takes its time.
 */
static int move(const struct control *control, const struct control_state *state, uint64_t rdev)
{
	struct mapper_row old, row;
	int r = mapper_table(state->device, &old);

	if (r)
		return r;
	row = (struct mapper_row){ .length_sectors = old.length_sectors, .type = "error" };
	if (rdev)
		format(rdev, old.length_sectors, &row);
	return control_swap(control, state->device, &row, true);
}

static int use(const struct control *control, const struct control_state *state, enum path_kind kind)
{
	return move(control, state, state->path[kind].rdev);
}

static int fail(const struct control *control, const struct control_state *state, enum path_kind kind)
{
	(void)kind; /* the one in use: it has no other */
	return move(control, state, 0);
}

const struct control_ops control_manual = { .set_paths = set_paths, .read = read_state, .fail = fail, .use = use };
