/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/setup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path/attach.h"

#define RUN_DIRECTORY "/run/svc"
#define PIN_FILE RUN_DIRECTORY "/path"

enum { SECTOR_BYTES = 512 };

int paths_init(struct paths *paths, const char *const argument[], int arguments, const struct svc_conf *conf,
               const struct locate_options *locate, struct svc_error *error)
{
	memset(paths, 0, sizeof(*paths));
	paths->options = (struct path_check_options){
		.locate = *locate,
		.legs = conf->legs,
		.slow_ms = conf->paths_slow_ms,
		.controller = conf->controller,
	};
	control_init(&paths->control, conf);
	/* That of [nbd] is none for a look: it may be as long as a rebuild over a slow line needs. */
	if (conf->paths_timeout_seconds || locate->dev.timeout_seconds == conf->nbd_timeout_seconds)
		paths_set_timeout(paths, conf->paths_timeout_seconds);
	else
		paths_set_timeout(paths, locate->dev.timeout_seconds);
	return path_places_parse(argument, arguments, &paths->places, error);
}

void paths_set_timeout(struct paths *paths, unsigned seconds)
{
	paths->options.locate.dev.timeout_seconds = seconds;
	paths->control.timeout_seconds = seconds;
}

int paths_look(struct paths *paths, enum path_wish coherence, struct svc_error *error)
{
	int r;

	paths->options.coherence = coherence;
	r = path_check(&paths->places, &paths->options, &paths->check, error);
	if (!r)
		r = control_read(&paths->control, &paths->state);
	if (r && r != -EINVAL && r != -ENOMEM)
		error_set(error, r, "%s is not a device of ours: %s", paths->control.name, strerror(-r));
	return r;
}

/* With nothing to hold it against a volume may be any; and of two that differ either may be. */
static bool is_told(const struct path_check *check, enum path_kind kind, struct svc_error *why)
{
	if (check->expected.vg_uuid[0])
		return true;
	if (!check->facts[!kind].is_configured || check->facts[!kind].error)
		error_set(why, -EPERM,
		          "%s: nothing tells that this is the shared volume: neither the other path nor a flash copy",
		          path_name(kind));
	else if (check->verdict.state[!kind] == PATH_OTHER_VOLUME)
		error_set(why, -EPERM, "%s: the two paths differ, and no flash copy tells which is right",
		          path_name(kind));
	else
		return true;
	error_next(why, "name the flash of this controller too");
	return false;
}

bool paths_may_use(const struct path_check *check, enum path_kind kind, struct svc_error *why)
{
	const struct path_facts *facts = &check->facts[kind];
	struct svc_error ignored = { 0 };

	why = why ? why : &ignored;
	error_set(why, -EPERM, "%s is not fit to be used", path_name(kind));
	if (!facts->is_configured) {
		error_set(why, -EPERM, "there is no path %s", path_name(kind));
		error_next(why, "give it: shared@%s=LOCATOR", path_name(kind));
		return false;
	}
	for (size_t i = 0; i < check->verdict.reasons.count; i++)
		if (check->verdict.reasons.item[i].copy == (int)kind) {
			error_set(why, -EPERM, "%s", check->verdict.reasons.item[i].text);
			error_next(why, "%s", reason_row(check->verdict.reasons.item[i].id)->next);
			break;
		}
	if (!path_is_usable(check->verdict.state[kind]))
		return false;
	if (!facts->is_block) {
		error_set(why, -EPERM, "%s: %.300s is no block device", path_name(kind), facts->device);
		error_next(why, "name a block device, or an NBD URI that svc-pathcheck --setup attaches");
		return false;
	}
	return is_told(check, kind, why);
}

int paths_look_nbd(struct paths *paths, struct svc_error *error)
{
	char *place = paths->places.path[PATH_DIRECT], direct[SVC_LOCATOR_SIZE];
	enum path_state state;
	int r;

	memcpy(direct, place, sizeof(direct));
	place[0] = '\0';
	r = paths_look(paths, COHERENCE_NOT_WANTED, error);
	memcpy(place, direct, sizeof(direct));
	if (r)
		return r;
	state = paths->check.verdict.state[PATH_NBD];
	if (path_is_usable(state))
		return 0;
	paths_may_use(&paths->check, PATH_NBD, error);
	if (state == PATH_STALE)
		return -ESTALE;
	return paths->check.facts[PATH_NBD].error ? paths->check.facts[PATH_NBD].error : -EPERM;
}

static int attach(struct paths *paths, struct svc_error *error)
{
	const char *uri = paths->places.path[PATH_NBD];
	char device[NBD_DEVICE_SIZE];

	return dev_is_uri(uri) ? nbd_attach(uri, &paths->options.locate.dev, device, error) : 0;
}

/* What the kernel would send requests to is taken out before it is connected anew: where it leads by now shows then. */
static int take_out_lost(struct paths *paths, struct svc_error *error)
{
	bool is_in_use =
		paths->state.is_set_up && paths->state.path[PATH_NBD].is_in && !paths->state.path[PATH_NBD].is_failed;
	int r;

	if (!is_in_use || !dev_is_uri(paths->places.path[PATH_NBD]))
		return 0;
	r = paths_look(paths, COHERENCE_NOT_WANTED, error);
	if (r || !path_is_lost(&paths->check.facts[PATH_NBD]))
		return r;
	r = paths->control.ops->fail(&paths->control, &paths->state, PATH_NBD);
	if (!r)
		r = control_read(&paths->control, &paths->state);
	return r ? error_set(error, r, "/dev/mapper/%s: nbd, which is lost, cannot be taken out: %s",
	                     paths->control.name, strerror(-r))
	         : 0;
}

static int attach_and_look(struct paths *paths, struct svc_error *error)
{
	struct svc_error attach_error;
	int attached = 0, r = control_read(&paths->control, &paths->state);

	if (r)
		return error_set(error, r, "%s is not a device of ours: %s", paths->control.name, strerror(-r));
	r = take_out_lost(paths, error);
	if (!r && paths_may_connect(paths))
		attached = attach(paths, &attach_error);
	if (!r)
		r = paths_look(paths, COHERENCE_IF_POSSIBLE, error);
	if (r)
		return r;
	/* Not attached is down, for the device's purpose, also where libnbd reaches it. */
	if (attached && !paths->check.facts[PATH_NBD].error) {
		paths->check.facts[PATH_NBD].error = attached;
		paths->check.facts[PATH_NBD].why = attach_error;
		path_judge(paths->check.facts, &paths->check.expected, paths->options.slow_ms, &paths->check.verdict);
	}
	return 0;
}

/*
 * A device that lies on no path gets the one back that was taken out because it was lost: the one that was chosen, and
 * never the other one instead.
 */
static int put_back(struct paths *paths, struct svc_error *error)
{
	int kind = paths_pinned() >= 0 ? paths_pinned() : PATH_NBD, r;

	if (paths->control.ops->reinstate || !paths->state.is_set_up || paths->state.active >= 0)
		return 0;
	if (!paths_may_use(&paths->check, kind, error)) {
		error_next(error, "correct it, or choose the other one: svc-pathcheck --switch %s", path_name(!kind));
		return -ENODEV;
	}
	paths->state.path[kind].rdev = paths->check.facts[kind].rdev;
	r = paths->control.ops->use(&paths->control, &paths->state, kind);
	if (!r)
		r = control_read(&paths->control, &paths->state);
	return r ? error_set(error, r, "/dev/mapper/%s cannot be put on %s: %s", paths->control.name, path_name(kind),
	                     strerror(-r))
	         : 0;
}

int paths_setup(struct paths *paths, struct svc_error *error)
{
	uint64_t rdev[PATHS] = { 0 }, bytes = 0;
	int r, fit = -1;

	if (!paths->control.ops)
		return paths_look(paths, COHERENCE_NOT_WANTED, error);
	r = attach_and_look(paths, error);
	if (r)
		return r;
	for (int i = PATHS - 1; i >= 0; i--) {
		if (!paths_may_use(&paths->check, i, NULL))
			continue;
		fit = i;
		rdev[i] = paths->check.facts[i].rdev;
		bytes = paths->check.facts[i].size_bytes;
	}
	if (fit < 0) {
		paths_may_use(&paths->check, PATH_DIRECT, error);
		return -ENODEV;
	}
	r = paths->control.ops->set_paths(&paths->control, rdev, bytes / SECTOR_BYTES);
	if (!r)
		r = control_read(&paths->control, &paths->state);
	if (r) {
		error_set(error, r, "%s cannot be set up: %s", paths->control.name, strerror(-r));
		error_next(error, r == -EBUSY ? "stop what holds the paths' devices by themselves (lsblk); LVM perhaps"
		                              : "see dmesg; modules dm-multipath and dm-round-robin are needed");
		return r;
	}
	return put_back(paths, error);
}

int paths_teardown(struct paths *paths, struct svc_error *error)
{
	const char *uri = paths->places.path[PATH_NBD];
	char device[NBD_DEVICE_SIZE];
	int r = control_remove(&paths->control);

	if (r) {
		error_set(error, r, "/dev/mapper/%s cannot be taken away: %s", paths->control.name, strerror(-r));
		error_next(error, "stop what uses it: umount, vgchange -an (dmsetup ls --tree)");
		return r;
	}
	unlink(PIN_FILE);
	return dev_is_uri(uri) && !nbd_find(uri, device) ? nbd_detach(device, error) : 0;
}

int paths_pinned(void)
{
	FILE *in = fopen(PIN_FILE, "re");
	char word[16] = "";
	int kind = -1;

	if (in && fscanf(in, "%15s", word) == 1)
		for (int i = 0; i < PATHS; i++)
			if (!strcmp(word, path_name(i)))
				kind = i;
	if (in)
		fclose(in);
	return kind;
}

static int pin(int kind, struct svc_error *error)
{
	FILE *out;
	int r = 0;

	if (kind < 0)
		return unlink(PIN_FILE) && errno != ENOENT ? error_set(error, -errno, PIN_FILE ": %s", strerror(errno))
		                                           : 0;
	mkdir(RUN_DIRECTORY, 0755);
	out = fopen(PIN_FILE ".new", "we");
	if (!out || fprintf(out, "%s\n", path_name(kind)) < 0)
		r = -EIO;
	if (out && fclose(out))
		r = -EIO;
	if (!r && rename(PIN_FILE ".new", PIN_FILE))
		r = -errno;
	return r ? error_set(error, r, PIN_FILE " cannot be written: %s", strerror(-r)) : 0;
}

bool paths_may_connect(const struct paths *paths)
{
	const struct control_state *state = &paths->state;

	return paths->control.ops && dev_is_uri(paths->places.path[PATH_NBD]) &&
	       !(state->is_set_up && state->path[PATH_NBD].is_in && !state->path[PATH_NBD].is_failed);
}

static int best(const struct path_check *check)
{
	for (int i = 0; i < PATHS; i++)
		if (paths_may_use(check, i, NULL))
			return i;
	return -1;
}

int paths_switch(struct paths *paths, int kind, struct svc_error *error)
{
	const struct control_ops *ops = paths->control.ops;
	struct control_state *state = &paths->state;
	int wanted = kind, r;

	if (!ops) {
		error_set(error, -ENOTSUP, "there is nothing to switch: control = %s",
		          control_kind_name(paths->control.kind));
		error_next(error, "choose control = multipath or manual under [paths] in svc.conf");
		return -ENOTSUP;
	}
	/* Who watches nothing has to bring it up when it is wanted. What is wrong with it shows in the look. */
	if (kind != PATH_DIRECT && !control_read(&paths->control, state) && state->is_set_up &&
	    paths_may_connect(paths))
		attach(paths, error);
	r = paths_look(paths, COHERENCE_IF_POSSIBLE, error);
	if (!r && !state->is_set_up) {
		r = error_set(error, -ENODEV, "/dev/mapper/%s is not there", paths->control.name);
		error_next(error, "set the paths up first: svc-pathcheck --setup");
	}
	if (r)
		return r;
	if (kind < 0)
		wanted = best(&paths->check);
	if (!paths_may_use(&paths->check, wanted < 0 ? PATH_DIRECT : wanted, error))
		return -EPERM;
	if (ops->reinstate &&
	    (!state->path[wanted].is_in || state->path[wanted].rdev != paths->check.facts[wanted].rdev)) {
		error_set(error, -ENODEV, "/dev/mapper/%s has no path %s yet", paths->control.name, path_name(wanted));
		error_next(error, "svc-pathcheck --setup adds it, or the monitor does");
		return -ENODEV;
	}
	state->path[wanted].rdev = paths->check.facts[wanted].rdev;
	if (ops->reinstate && state->path[wanted].is_failed)
		r = ops->reinstate(&paths->control, state, wanted);
	if (!r && state->active != wanted)
		r = ops->use(&paths->control, state, wanted);
	if (!r)
		r = control_read(&paths->control, state);
	if (r == -ETIMEDOUT && !pin(kind, error)) {
		error_set(error, r,
		          "requests under way on /dev/mapper/%s have not ended; the switch follows when they do",
		          paths->control.name);
		error_next(error,
		           "see dmesg for what holds them up; they cannot be taken back from the path they are on");
		return r;
	}
	if (r)
		return error_set(error, r, "/dev/mapper/%s cannot be switched: %s", paths->control.name, strerror(-r));
	return pin(kind, error);
}

int paths_active(const struct paths *paths)
{
	if (paths->control.ops)
		return paths->state.active;
	return path_is_usable(paths->check.verdict.state[PATH_DIRECT]) && paths->check.facts[PATH_DIRECT].is_configured
	               ? PATH_DIRECT
	               : -1;
}
