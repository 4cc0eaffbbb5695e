/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "path/attach.h"
#include "path/coherence.h"
#include "path/export.h"
#include "path/notify.h"

#define RUN_DIRECTORY "/run/svc"

enum {
	INTERVAL_MS = 1000,
	/*
	 * Of one round, one after the other, without the legs': connecting, the looks (two at most), the test of
	 * coherence (two), the reservation, the sign of life, the device, and some time for all else.
	 */
	TOUCHES_MAX = 9,
	RETRY_ROUNDS = 5,      /* a connection to a wrong volume is made anew every so many rounds */
	COHERENCE_ROUNDS = 10, /* both paths are tested at least every so many rounds */
};

int monitor_configure(struct monitor *monitor, const char *const argument[], int arguments, const struct svc_conf *conf,
                      const struct locate_options *locate, struct svc_error *error)
{
	struct paths paths;
	int r = paths_init(&paths, argument, arguments, conf, locate, error);

	if (r)
		return r;
	/* Looks that never came back, and what the flash said, stay. */
	memcpy(&paths.check, &monitor->paths.check, sizeof(paths.check));
	monitor->paths = paths;
	monitor->limits.good_probes = conf->paths_good_probes ? conf->paths_good_probes : DECIDE_GOOD_PROBES;
	monitor->limits.bad_probes = conf->paths_bad_probes ? conf->paths_bad_probes : DECIDE_BAD_PROBES;
	monitor->interval_ms = conf->paths_interval_ms ? conf->paths_interval_ms : INTERVAL_MS;
	monitor->metrics = conf->paths_metrics;
	return 0;
}

int monitor_lock(struct svc_error *error)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET }, other = lock;
	int fd;

	mkdir(RUN_DIRECTORY, 0755);
	/* Left open. Not flock(2), whose lock the children would keep, that wait for a dead device perhaps. */
	fd = open(RUN_DIRECTORY "/monitor.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(error, -errno, RUN_DIRECTORY "/monitor.lock: %s", strerror(errno));
	if (!fcntl(fd, F_SETLK, &lock))
		return 0;
	fcntl(fd, F_GETLK, &other);
	close(fd);
	error_set(error, -EBUSY, "a monitor runs already (process %d)", (int)other.l_pid);
	error_next(error, "to have it read svc.conf again: systemctl reload svc-paths, or SIGHUP");
	return -EBUSY;
}

uint64_t monitor_round_ms(const struct monitor *monitor)
{
	unsigned seconds = monitor->paths.options.locate.dev.timeout_seconds;

	return (uint64_t)(seconds ? seconds : PATH_TIMEOUT_SECONDS) * 1000 * TOUCHES_MAX +
	       legs_update_ms(&monitor->paths.options) + monitor->interval_ms;
}

/* ---- looking ---- */

/* In a child: a server that is half there must not hold up the round. */
static int attach_in_child(void *shared)
{
	const struct paths *paths = shared;
	char device[NBD_DEVICE_SIZE];
	struct svc_error error;

	/* The server behind a connection that is alive may be another one than whoever listens by now. */
	if (decide_is_wrong(paths->check.verdict.state[PATH_NBD]) && !paths->state.path[PATH_NBD].is_in &&
	    !nbd_find(paths->places.path[PATH_NBD], device))
		nbd_detach(device, &error);
	return nbd_attach(paths->places.path[PATH_NBD], &paths->options.locate.dev, device, &error);
}

/*
 * Connects the NBD path, unless the kernel would send requests there before anybody has seen where it leads now: it is
 * failed first, see decide.c.
 */
static void attach(struct monitor *monitor)
{
	static pid_t stuck;
	struct paths *paths = &monitor->paths;
	unsigned seconds = paths->options.locate.dev.timeout_seconds;
	char device[NBD_DEVICE_SIZE];
	bool is_attached = !nbd_find(paths->places.path[PATH_NBD], device);

	if (!paths_may_connect(paths))
		return;
	if (is_attached && monitor->is_seen && path_is_usable(monitor->state[PATH_NBD]))
		return;
	/* What is wrong is seldom right a moment later. */
	if (is_attached && decide_is_wrong(monitor->state[PATH_NBD]) && monitor->rounds % RETRY_ROUNDS)
		return;
	path_call(&stuck, attach_in_child, paths, (seconds ? seconds : PATH_TIMEOUT_SECONDS) * 1000);
}

static bool wants_coherence(const struct monitor *monitor)
{
	const struct decide_memory *memory = &monitor->memory;
	bool is_soon = false;

	for (int i = 0; i < PATHS; i++)
		is_soon |= memory->good[i] < monitor->limits.good_probes;
	return monitor->paths.options.controller &&
	       (is_soon || monitor->state[PATH_NBD] == PATH_STALE || monitor->rounds % COHERENCE_ROUNDS == 0);
}

/* A sign of life where no test of coherence leaves one. */
static void beat(const struct monitor *monitor)
{
	const struct paths *paths = &monitor->paths;
	int active = paths_active(paths);

	if (active >= 0 && paths->check.facts[active].coherence == COHERENCE_UNTESTED && paths->options.controller &&
	    path_is_usable(paths->check.verdict.state[active]))
		coherence_beat_run(&paths->check.facts[active], active, paths->options.controller,
		                   &paths->options.locate.dev);
}

/* ---- telling ---- */

/* What lasts is told once. `text` is empty where there is nothing. */
static void tell_trouble(struct monitor *monitor, enum monitor_trouble trouble, const struct notify_field *field,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

static void tell_trouble(struct monitor *monitor, enum monitor_trouble trouble, const struct notify_field *field,
                         const char *format, ...)
{
	char text[sizeof(monitor->trouble[0])];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (*text && strcmp(text, monitor->trouble[trouble]) != 0)
		notify_event(LOG_ERR, field, "%s", text);
	memcpy(monitor->trouble[trouble], text, sizeof(text));
}

static void tell_path(const struct monitor *monitor, enum path_kind kind)
{
	const struct path_verdict *verdict = &monitor->paths.check.verdict;
	const char *text = "", *id = "";
	struct notify_field field[] = {
		{ "SVC_PATH", path_name(kind) },
		{ "SVC_STATE", path_state_name(verdict->state[kind]) },
		{ "SVC_REASON", "" },
		{ NULL, NULL },
	};

	for (size_t i = 0; i < verdict->reasons.count && !*id; i++)
		if (verdict->reasons.item[i].copy == (int)kind) {
			text = verdict->reasons.item[i].text;
			id = reason_row(verdict->reasons.item[i].id)->id;
		}
	field[2].value = id;
	notify_event(path_is_usable(verdict->state[kind]) ? LOG_NOTICE : LOG_ERR, field, "path %s is %s%s%s%s%s",
	             path_name(kind), path_state_name(verdict->state[kind]), *id ? " (" : "", id, *id ? "): " : "",
	             text);
}

static void tell_changes(struct monitor *monitor)
{
	const struct paths *paths = &monitor->paths;
	int active = paths_active(paths);

	for (int i = 0; i < PATHS; i++) {
		enum path_state now = paths->check.verdict.state[i];

		if (paths->check.facts[i].is_configured && (!monitor->is_seen || now != monitor->state[i]))
			tell_path(monitor, i);
		monitor->state[i] = now;
	}
	if (!monitor->is_seen || active != monitor->active) {
		struct notify_field field[] = { { "SVC_ACTIVE", active < 0 ? "none" : path_name(active) },
			                        { NULL, NULL } };

		notify_event(active < 0 ? LOG_CRIT : LOG_NOTICE, field, "I/O goes by %s",
		             active < 0 ? "no path" : path_name(active));
		monitor->switches += monitor->is_seen;
	}
	monitor->active = active;
	monitor->is_seen = true;
}

static void tell_legs(struct monitor *monitor, const struct legs_state *now)
{
	static const char *const what[] = {
		[LEGS_LOST] = "a leg of the mirror is written no more; the others have a new generation from here on",
		[LEGS_RETURNED] = "the mirror's legs are in sync again, and their records say so",
		[LEGS_OUTDATED] =
			"a leg that was left behind can be reached again, and its record says now that it is outdated",
	};
	const struct legs_state *before = &monitor->legs;
	struct notify_field field[] = { { "SVC_LEGS", now->health }, { NULL, NULL } };
	struct notify_field refused[] = { { "SVC_LEGS", now->health },
		                          { "SVC_REASON", reason_row(REASON_PREEMPTED)->id },
		                          { NULL, NULL } };

	if (now->is_active && (!before->is_active || strcmp(now->health, before->health) != 0))
		notify_event(strchr(now->health, 'D') ? LOG_ERR : LOG_NOTICE, field, "legs of the mirror: %s",
		             now->health);
	if (now->change != LEGS_NONE)
		notify_event(LOG_WARNING, field, "%s", what[now->change]);
	tell_trouble(monitor, TROUBLE_RECORDS, now->error == -EBADE ? refused : field, "%s%s",
	             now->error ? "records: " : "", now->error ? now->why.text : "");
	/* What could not be looked at is as it was seen last. */
	if (now->error && !now->is_active)
		return;
	monitor->legs = *now;
}

int monitor_write_metrics(const struct monitor *monitor)
{
	const struct path_check *check = &monitor->paths.check;
	FILE *out;
	int r = *monitor->metrics ? notify_file_begin(monitor->metrics, &out) : -ENOENT;

	if (r)
		return r == -ENOENT && !*monitor->metrics ? 0 : r;
	fprintf(out, "# TYPE svc_path_usable gauge\n# TYPE svc_path_active gauge\n# TYPE svc_path_state gauge\n"
	             "# TYPE svc_path_read_seconds gauge\n");
	for (int i = 0; i < PATHS; i++) {
		const char *name = path_name(i);

		if (!check->facts[i].is_configured)
			continue;
		fprintf(out, "svc_path_usable{path=\"%s\"} %d\n", name, path_is_usable(check->verdict.state[i]));
		fprintf(out, "svc_path_active{path=\"%s\"} %d\n", name, monitor->active == i);
		fprintf(out, "svc_path_state{path=\"%s\",state=\"%s\"} 1\n", name,
		        path_state_name(check->verdict.state[i]));
		if (!check->facts[i].error)
			fprintf(out, "svc_path_read_seconds{path=\"%s\"} %.6f\n", name,
			        (double)path_latency_us(&check->facts[i]) / 1e6);
	}
	fprintf(out, "# TYPE svc_path_switches_total counter\nsvc_path_switches_total %" PRIu64 "\n",
	        monitor->switches);
	fprintf(out, "# TYPE svc_mirror_active gauge\nsvc_mirror_active %d\n", monitor->legs.is_active);
	if (monitor->legs.is_active)
		fprintf(out, "# TYPE svc_mirror_leg_in_sync gauge\n");
	for (unsigned leg = 0; monitor->legs.is_active && leg < monitor->legs.legs; leg++)
		fprintf(out, "svc_mirror_leg_in_sync{leg=\"%u\"} %d\n", leg, monitor->legs.health[leg] == 'A');
	fprintf(out,
	        "# TYPE svc_paths_looked_timestamp_seconds gauge\nsvc_paths_looked_timestamp_seconds %" PRId64 "\n",
	        (int64_t)time(NULL));
	return notify_file_end(monitor->metrics, out);
}

/* ---- acting ---- */

static void fill_input(const struct monitor *monitor, struct decide_input *input)
{
	const struct paths *paths = &monitor->paths;
	char device[NBD_DEVICE_SIZE];

	memset(input, 0, sizeof(*input));
	for (int i = 0; i < PATHS; i++) {
		input->is_configured[i] = paths->check.facts[i].is_configured;
		input->state[i] = paths->check.verdict.state[i];
		input->may_use[i] = paths_may_use(&paths->check, i, NULL);
		input->rdev[i] = paths->check.facts[i].rdev;
		input->is_lost[i] = path_is_lost(&paths->check.facts[i]);
	}
	/* Its requests failed, so that the kernel has failed the path: nothing goes there any more. */
	input->is_given_up[PATH_NBD] =
		dev_is_uri(paths->places.path[PATH_NBD]) && nbd_find(paths->places.path[PATH_NBD], device);
	input->fails_over = paths->control.ops->reinstate != NULL;
	input->control = paths->state;
	input->pinned = paths_pinned();
}

static int perform(struct monitor *monitor, enum decide_verb verb, enum path_kind path, const uint64_t set[PATHS])
{
	struct paths *paths = &monitor->paths;
	const struct control_ops *ops = paths->control.ops;
	uint64_t bytes = 0;

	switch (verb) {
	case DECIDE_FAIL:
		return ops->fail(&paths->control, &paths->state, path);
	case DECIDE_REINSTATE:
		return ops->reinstate(&paths->control, &paths->state, path);
	case DECIDE_USE:
		if (!ops->reinstate) /* it lies on none, and knows none */
			paths->state.path[path].rdev = paths->check.facts[path].rdev;
		return ops->use(&paths->control, &paths->state, path);
	default:
		for (int i = 0; i < PATHS; i++)
			bytes = set[i] && paths->check.facts[i].size_bytes ? paths->check.facts[i].size_bytes : bytes;
		return ops->set_paths(&paths->control, set, bytes / 512);
	}
}

static void act(struct monitor *monitor)
{
	static const char *const word[] = { [DECIDE_SET_PATHS] = "the device gets its paths",
		                            [DECIDE_FAIL] = "is failed",
		                            [DECIDE_REINSTATE] = "is reinstated",
		                            [DECIDE_USE] = "is switched to" };
	struct decide_actions actions;
	struct decide_input input;
	char failed[sizeof(monitor->trouble[0])] = "";
	size_t length = 0;

	fill_input(monitor, &input);
	decide(&monitor->limits, &input, &monitor->memory, &actions);
	for (unsigned i = 0; i < actions.count; i++) {
		enum decide_verb verb = actions.item[i].verb;
		const char *path = path_name(actions.item[i].path);
		struct notify_field field[] = { { "SVC_PATH", path }, { NULL, NULL } };
		char what[64];
		int r = perform(monitor, verb, actions.item[i].path, actions.set);

		if (verb == DECIDE_SET_PATHS)
			snprintf(what, sizeof(what), "%s:%s%s", word[verb], actions.set[PATH_DIRECT] ? " direct" : "",
			         actions.set[PATH_NBD] ? " nbd" : "");
		else
			snprintf(what, sizeof(what), "path %s %s", path, word[verb]);
		if (!r)
			notify_event(LOG_NOTICE, verb == DECIDE_SET_PATHS ? NULL : field, "%s", what);
		else if (length < sizeof(failed))
			length += (size_t)snprintf(failed + length, sizeof(failed) - length, "%s%s, which fails: %s",
			                           length ? "; " : "", what, strerror(-r));
	}
	tell_trouble(monitor, TROUBLE_ACTION, NULL, "%s", failed);
	control_read(&monitor->paths.control, &monitor->paths.state);
}

/* What a takeover of the other one's took away is there again once that one has the mirror. */
static void serve(struct monitor *monitor)
{
	struct svc_error error;
	int r = export_find() > 0 ? export_register(&monitor->paths, &error) : 0;

	if (r > 0)
		notify_event(LOG_NOTICE, NULL, "the drive array takes the other controller's writes by this one");
	tell_trouble(monitor, TROUBLE_SERVE, NULL, "%s", r < 0 ? error.text : "");
}

void monitor_round(struct monitor *monitor)
{
	struct paths *paths = &monitor->paths;
	char device[SVC_LOCATOR_SIZE];
	struct legs_state legs;
	struct svc_error error;
	bool is_tested = wants_coherence(monitor);
	int r;

	if (control_read(&paths->control, &paths->state))
		tell_trouble(monitor, TROUBLE_DEVICE, NULL, "/dev/mapper/%s is not a device of ours",
		             paths->control.name);
	else
		tell_trouble(monitor, TROUBLE_DEVICE, NULL, "%s", "");
	path_watch_keep(&monitor->watch, paths->control.ops && dev_is_uri(paths->places.path[PATH_NBD])
	                                         ? paths->places.path[PATH_NBD]
	                                         : "");
	attach(monitor);
	r = paths_look(paths, is_tested ? COHERENCE_IF_POSSIBLE : COHERENCE_NOT_WANTED, &error);
	tell_trouble(monitor, TROUBLE_LOOK, NULL, "%s", r ? error.text : "");
	serve(monitor);
	beat(monitor);
	if (paths->control.ops)
		act(monitor);
	tell_changes(monitor);
	/* By the device that is written, where there is one: only then can it be told apart from another one. */
	control_device(&paths->control, paths->places.path[PATH_DIRECT], device, sizeof(device));
	if (paths->control.ops && !paths->state.is_set_up)
		device[0] = '\0';
	legs_update(&paths->places, device, &paths->options, &legs);
	tell_legs(monitor, &legs);
	r = monitor_write_metrics(monitor);
	if (r)
		tell_trouble(monitor, TROUBLE_METRICS, NULL, "%s cannot be written: %s", monitor->metrics,
		             strerror(-r));
	else
		tell_trouble(monitor, TROUBLE_METRICS, NULL, "%s", "");
	monitor->rounds++;
}
