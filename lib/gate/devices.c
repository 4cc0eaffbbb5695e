/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "path/attach.h"
#include "path/setup.h"

enum {
	LOOK_MS = 100,
	BLOCK_BYTES = 4096,
	NETWORK_PATIENCE = 3,            /* of these time-outs: a switch lets a port wait, DHCP asks again and again */
	PATIENCE = 6 + NETWORK_PATIENCE, /* several touches one after another */
};

static bool is_there(const char *locator)
{
	struct stat status;

	return dev_is_uri(locator) || !stat(locator, &status);
}

/* Waits until all are there, or the time is up. */
static void wait_for(const struct copy *copy, int copies, unsigned seconds, struct watch *watch)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };

	for (unsigned ms = 0; ms < seconds * 1000; ms += LOOK_MS) {
		bool is_missing = false;

		for (int i = 0; i < copies; i++)
			is_missing |= strcmp(copy[i].name, "shared@nbd") && !is_there(copy[i].locator);
		if (!is_missing)
			return;
		watch_beat(watch);
		nanosleep(&pause, NULL);
	}
}

/* Whether it answers; if not, *error says why. */
static bool answers(const struct gate_options *options, const char *locator, struct svc_error *error)
{
	struct dev_options reading = options->locate.dev;
	struct dev *dev = NULL;
	uint8_t *block = dev_buffer(BLOCK_BYTES);
	int code = block ? dev_open(locator, &reading, &dev, error) : -ENOMEM;

	if (!code && dev->size_bytes >= BLOCK_BYTES) {
		code = dev_read(dev, block, BLOCK_BYTES, 0);
		if (code)
			error_set(error, code, "%.300s: %s", locator, strerror(-code));
	}
	dev_close(dev);
	free(block);
	return !code;
}

static const char *name_argument(const struct copy *copy, char argument[SVC_NAME_SIZE + SVC_LOCATOR_SIZE])
{
	snprintf(argument, SVC_NAME_SIZE + SVC_LOCATOR_SIZE, "%.*s=%.*s", SVC_NAME_SIZE - 1, copy->name,
	         SVC_LOCATOR_SIZE - 1, copy->locator);
	return argument;
}

static int find(const struct copy *copy, int copies, const char *name)
{
	for (int i = 0; i < copies; i++)
		if (!strcmp(copy[i].name, name))
			return i;
	return -1;
}

/*
 * An image may have its own way to bring the network up, svc-initramfs(7): it is used when a server has to be reached, and
 * not before, because a boot that waits for an address is a slow one.
 */
static void bring_network_up(const struct gate_options *options, struct gate_log *log)
{
	static const char *const program[] = { "/usr/lib/svc/network-up", NULL };
	int status;

	if (access(program[0], X_OK))
		return;
	status = spawn_run(program, NULL, NETWORK_PATIENCE * options->policy.device_seconds * 1000, NULL);
	if (status)
		log_step(log, options->out, "the network did not come up: %s",
		         status < 0 ? strerror(-status) : "network-up failed");
}

/* The paths to shared as `copy` has them; to be given back with free(). NULL: *error says why. */
static struct paths *open_paths(const struct gate_options *options, const struct copy *copy, int copies,
                                struct svc_error *error)
{
	static char argument[SVC_COPIES_MAX][SVC_NAME_SIZE + SVC_LOCATOR_SIZE];
	const char *pointer[SVC_COPIES_MAX];
	struct paths *paths = calloc(1, sizeof(*paths));

	if (!paths) {
		error_set(error, -ENOMEM, "out of memory");
		return NULL;
	}
	for (int i = 0; i < copies; i++)
		pointer[i] = name_argument(&copy[i], argument[i]);
	if (!paths_init(paths, pointer, copies, options->conf, &options->locate, error))
		return paths;
	free(paths);
	return NULL;
}

/*
 * Puts the kernel's device for the server into copy[nbd], where that is the volume that is meant; a dry run leaves the
 * kernel alone, and libnbd reads from the server itself. -errno: it is not to be used; -ESTALE: nor to be read.
 */
static int attach(const struct gate_options *options, struct gate_log *log, struct copy *copy, int copies, int nbd)
{
	bool is_server = dev_is_uri(copy[nbd].locator) && !options->is_dry_run;
	char device[NBD_DEVICE_SIZE];
	struct svc_error error;
	struct paths *paths;
	int code;

	if (is_server)
		bring_network_up(options, log);
	paths = open_paths(options, copy, copies, &error);
	code = paths ? paths_look_nbd(paths, &error) : -EIO;
	free(paths);
	if (!code && is_server)
		code = nbd_attach(copy[nbd].locator, &options->locate.dev, device, &error);
	if (code) {
		log_step(log, options->out, "the path over NBD is not used: %.250s", error.text);
		return code;
	}
	if (is_server) {
		log_step(log, options->out, "%s is %s now", copy[nbd].name, device);
		memcpy(copy[nbd].locator, device, sizeof(device));
	}
	return 0;
}

/*
 * Where svc.conf wants one device made of both paths, that is what the mirror stands on. False where there is none: then
 * the copies are looked at as they are.
 */
static bool set_up_paths(const struct gate_options *options, struct gate_log *log, const struct copy *copy, int copies,
                         char device[SVC_LOCATOR_SIZE])
{
	struct svc_error error;
	struct paths *paths = open_paths(options, copy, copies, &error);
	int code = paths ? 0 : -EIO;

	if (!code && dev_is_uri(paths->places.path[PATH_NBD]))
		bring_network_up(options, log);
	if (!code)
		code = paths_setup(paths, &error);
	if (code)
		log_step(log, options->out, "the paths to shared cannot be set up: %.250s", error.text);
	else
		control_device(&paths->control, paths->places.path[PATH_DIRECT], device, SVC_LOCATOR_SIZE);
	free(paths);
	return !code;
}

/* Which of the paths to shared is left out of the survey; the other one's locator may change. -1: none. */
static int choose_path(const struct gate_options *options, struct gate_log *log, struct copy *copy, int copies)
{
	bool is_controlled =
		options->conf->paths_control == PATHS_MULTIPATH || options->conf->paths_control == PATHS_MANUAL;
	int direct = find(copy, copies, "shared@direct"), nbd = find(copy, copies, "shared@nbd");
	char device[SVC_LOCATOR_SIZE];
	struct svc_error error;

	if (direct < 0)
		direct = find(copy, copies, "shared");
	/* A dry run makes no device. */
	if (is_controlled && !options->is_dry_run && direct >= 0 && set_up_paths(options, log, copy, copies, device)) {
		memcpy(copy[direct].locator, device, sizeof(device));
		return nbd;
	}
	if (nbd < 0)
		return -1;
	if (direct < 0)
		return attach(options, log, copy, copies, nbd) == -ESTALE ? nbd : -1;
	if (answers(options, copy[direct].locator, &error))
		return nbd;
	log_step(log, options->out, "the direct path is down: %.250s", error.text);
	return attach(options, log, copy, copies, nbd) ? nbd : direct;
}

void devices_bring_up(const struct gate_options *options, struct watch *watch, struct gate_log *log,
                      struct gate_devices *devices)
{
	unsigned seconds = options->policy.device_seconds;
	struct copy copy[SVC_COPIES_MAX];
	int copies = conf_copies(options->conf, copy), left_out;

	watch_step(watch, 0, "waiting for the devices");
	wait_for(copy, copies, seconds, watch);
	/* Each step under this has a deadline of its own: the probe, libnbd's, and one read after an answer. */
	watch_step(watch, PATIENCE * seconds, "looking at the paths to shared");
	left_out = choose_path(options, log, copy, copies);
	devices->count = 0;
	for (int i = 0; i < copies; i++) {
		int n = devices->count;

		if (i == left_out)
			continue;
		devices->pointer[n] = name_argument(&copy[i], devices->argument[n]);
		devices->count++;
	}
}
