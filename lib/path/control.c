/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/control.h"

#include <errno.h>
#include <linux/major.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "path/probe.h"

#define DEFAULT_NAME "svc-shared"

static const struct {
	const char *name;
	const struct control_ops *ops; /* NULL: there is nothing to set up */
} kinds[] = {
	[PATHS_NONE] = { "none", NULL },
	[PATHS_MULTIPATH] = { "multipath", &control_multipath },
	[PATHS_MANUAL] = { "manual", &control_manual },
	[PATHS_EXTERNAL] = { "external", NULL },
};

void control_init(struct control *control, const struct svc_conf *conf)
{
	const char *name = conf->paths_device[0] ? conf->paths_device : DEFAULT_NAME;

	memset(control, 0, sizeof(*control));
	control->kind = conf->paths_control;
	control->ops = kinds[control->kind].ops;
	control->queue_seconds = conf->paths_queue_seconds;
	snprintf(control->name, sizeof(control->name), "%.*s", CONTROL_NAME_SIZE - 1, name);
	/* Not "mpath-", which multipathd would take for its own. */
	snprintf(control->uuid, sizeof(control->uuid), "svc-paths-%s", control->name);
}

const char *control_device(const struct control *control, const char *direct, char *text, size_t size)
{
	if (control->ops)
		snprintf(text, size, "/dev/mapper/%s", control->name);
	else
		snprintf(text, size, "%s", direct);
	return text;
}

const char *control_kind_name(enum paths_control kind)
{
	return kinds[kind].name;
}

enum path_kind control_kind_of(uint64_t rdev)
{
	return major(rdev) == NBD_MAJOR ? PATH_NBD : PATH_DIRECT;
}

int control_read(const struct control *control, struct control_state *state)
{
	int r;

	memset(state, 0, sizeof(*state));
	state->active = -1;
	if (!control->ops || mapper_find(control->uuid, &state->device))
		return 0;
	r = control->ops->read(control, state);
	state->is_set_up = !r;
	return r;
}

struct swap {
	uint64_t device;
	const struct mapper_row *row;
};

static int swap_in_child(void *shared)
{
	const struct swap *swap = shared;
	int r = mapper_load(swap->device, swap->row, 1);

	return r ? r : mapper_swap(swap->device);
}

int control_swap(const struct control *control, uint64_t device, const struct mapper_row *row, bool goes_on)
{
	static pid_t stuck;
	struct swap swap = { .device = device, .row = row };
	unsigned ms = (control->timeout_seconds ? control->timeout_seconds : PATH_TIMEOUT_SECONDS) * 1000;

	return goes_on ? path_call_on(&stuck, swap_in_child, &swap, ms) : path_call(&stuck, swap_in_child, &swap, ms);
}

int control_remove(const struct control *control)
{
	uint64_t device;

	if (!control->ops || mapper_find(control->uuid, &device))
		return 0;
	return mapper_remove(device);
}
