/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "evidence/evidence.h"
#include "path/attach.h"

enum {
	READ_BYTES = 4096,
	GRACE_MS = 1000, /* for the child to say in its own words that its deadline is over */
	VPD_HEADER_BYTES = 4,
};

uint64_t path_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t path_now_ms(void)
{
	return path_now_us() / 1000;
}

void *path_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void path_memory_free(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

static int compare_latency(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The first block, and places spread over the volume, so that no cache of the array answers all of them. */
static int measure(struct dev *dev, struct path_facts *facts)
{
	void *buffer = dev_buffer(READ_BYTES);
	uint64_t blocks = dev->size_bytes / READ_BYTES;
	int r = buffer ? 0 : -ENOMEM;

	for (unsigned i = 0; i < PATH_READS && blocks && !r; i++) {
		uint64_t begin = path_now_us();

		r = dev_read(dev, buffer, READ_BYTES, blocks / PATH_READS * i * READ_BYTES);
		facts->latency_us[i] = path_now_us() - begin;
	}
	free(buffer);
	qsort(facts->latency_us, PATH_READS, sizeof(facts->latency_us[0]), compare_latency);
	return r;
}

static size_t read_sysfs(uint64_t rdev, const char *attribute, unsigned char *bytes, size_t size)
{
	char name[120];
	size_t got = 0;
	FILE *in;

	snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/device/%s", major(rdev), minor(rdev), attribute);
	in = fopen(name, "re");
	if (in) {
		got = fread(bytes, 1, size, in);
		fclose(in);
	}
	return got;
}

/* What the unit calls itself (SPC: VPD pages 0x80, unit serial number, and 0x83, device identification). */
static void read_scsi(struct path_facts *facts)
{
	unsigned char page[VPD_HEADER_BYTES + SERIAL_SIZE / 2];
	size_t got = read_sysfs(facts->rdev, "vpd_pg80", page, sizeof(page)), n = 0;

	for (size_t i = VPD_HEADER_BYTES; i < got && n < sizeof(facts->serial) - 1; i++)
		if (page[i] > ' ' && page[i] < 0x7f)
			facts->serial[n++] = (char)page[i];
	got = read_sysfs(facts->rdev, "vpd_pg83", page, sizeof(page));
	for (size_t i = VPD_HEADER_BYTES; i < got && 2 * i + 1 < sizeof(facts->designator); i++)
		snprintf(facts->designator + 2 * (i - VPD_HEADER_BYTES), 3, "%02x", page[i]);
}

static int look(const struct path_probe *probe, const struct dev_options *options, struct path_facts *facts)
{
	struct access access = { 0 };
	struct copy copy = { 0 };
	struct stat status;
	int r;

	r = dev_open(facts->device, options, &access.device, &facts->why);
	if (r)
		return r;
	facts->size_bytes = access.device->size_bytes;
	facts->is_read_only = access.device->is_read_only;
	facts->has_no_flush = access.device->has_no_flush;
	facts->is_block = access.device->is_block;
	if (facts->is_block && !stat(facts->device, &status)) {
		facts->rdev = status.st_rdev;
		read_scsi(facts);
	}
	r = measure(access.device, facts);
	if (r)
		error_set(&facts->why, r, "%.300s cannot be read: %s", facts->device, dev_strerror(-r));
	snprintf(copy.name, sizeof(copy.name), "%s", path_name(probe->kind));
	if (!r)
		r = locate_leg(&copy, probe->options->lv, &access, &facts->why);
	if (!r) {
		evidence_read_record(&copy, 0, &access);
		facts->condition = copy.condition;
		facts->lvm = copy.evidence.lvm;
		facts->record = copy.evidence.record;
		if (copy.condition == COPY_UNREADABLE)
			r = error_set(&facts->why, -EIO, "%s",
			              copy.findings.count ? copy.findings.item[0].text : "it cannot be read");
	}
	access_close(&access);
	return r;
}

static unsigned timeout_of(const struct path_probe *probe)
{
	return probe->options->dev.timeout_seconds ? probe->options->dev.timeout_seconds : PATH_TIMEOUT_SECONDS;
}

/*
 * The kernel's device is dead: what does the server say? Only where there is time left; an answer of it never makes a
 * dead device usable.
 */
static void look_at_server(const struct path_probe *probe, const struct dev_options *options, struct path_facts *facts)
{
	struct path_facts said = { .is_configured = true, .is_detached = true };

	memcpy(said.locator, facts->locator, sizeof(said.locator));
	memcpy(said.device, facts->locator, sizeof(said.device));
	said.error = look(probe, options, &said);
	if (said.error)
		return;
	memcpy(said.device, facts->device, sizeof(said.device));
	*facts = said;
}

/* In the child. */
static void look_and_tell(const struct path_probe *probe)
{
	struct dev_options options = probe->options->dev;
	struct path_facts *facts = probe->shared;
	char attached[NBD_DEVICE_SIZE];
	bool is_attached;

	options.access = DEV_READ;
	options.timeout_seconds = timeout_of(probe);
	/* Through the kernel's device where there is one: that is the path which is used. */
	is_attached = dev_is_uri(probe->locator) && !nbd_find(probe->locator, attached);
	if (is_attached)
		snprintf(facts->device, sizeof(facts->device), "%s", attached);
	facts->error = look(probe, &options, facts);
	if (is_attached && facts->error && facts->error != -ETIMEDOUT &&
	    path_now_ms() + options.timeout_seconds * 1000 / 2 < probe->end_ms)
		look_at_server(probe, &options, facts);
}

/*
 * Whether a child that was left behind is still there, or what it started is. One that has ended since is reaped first:
 * it is there for kill(2) until then.
 */
static bool is_stuck(pid_t *child)
{
	if (*child > 0) {
		waitpid(*child, NULL, WNOHANG);
		if (kill(-*child, 0))
			*child = 0;
	}
	return *child > 0;
}

void path_probe_start(struct path_probe *probe)
{
	struct path_facts *facts;

	if (is_stuck(&probe->stuck))
		return;
	if (!probe->shared)
		probe->shared = path_memory(sizeof(*probe->shared));
	if (!probe->shared)
		return;
	facts = probe->shared;
	memset(facts, 0, sizeof(*facts));
	facts->is_configured = true;
	facts->error = -EIO; /* what a child that crashes leaves */
	error_set(&facts->why, -EIO, "the look at it ended without a word");
	snprintf(facts->locator, sizeof(facts->locator), "%s", probe->locator);
	snprintf(facts->device, sizeof(facts->device), "%s", probe->locator);
	probe->end_ms = path_now_ms() + timeout_of(probe) * 1000 + GRACE_MS;
	probe->child = fork();
	if (!probe->child) {
		setpgid(0, 0);
		look_and_tell(probe);
		_exit(0);
	}
}

void path_probe_finish(struct path_probe *probe, struct path_facts *facts)
{
	uint64_t now = path_now_ms();
	int r = -EAGAIN;

	memset(facts, 0, sizeof(*facts));
	if (probe->child > 0)
		r = spawn_wait(probe->child, probe->end_ms > now ? (unsigned)(probe->end_ms - now) : 0);
	if (probe->child > 0 && (r >= 0 || r == -ETIMEDOUT))
		*facts = *probe->shared;
	facts->is_configured = true;
	snprintf(facts->locator, sizeof(facts->locator), "%s", probe->locator);
	if (r == -ETIMEDOUT || probe->stuck > 0) {
		facts->error = error_set(&facts->why, -ETIMEDOUT, "%.300s does not answer within %u s", probe->locator,
		                         timeout_of(probe));
	} else if (r < 0) {
		facts->error =
			error_set(&facts->why, r, "%.300s cannot be looked at: %s", probe->locator, strerror(-r));
	}
	if (probe->child > 0) {
		if (r == -ETIMEDOUT)
			spawn_abandon(probe->child);
		/* Also where it came back itself: what it started may be waiting for the device still. */
		probe->stuck = probe->child;
		is_stuck(&probe->stuck);
	}
	probe->child = 0;
}

static int call(pid_t *stuck, int (*work)(void *shared), void *shared, unsigned deadline_ms, bool is_ended)
{
	pid_t child;
	int r;

	if (is_stuck(stuck))
		return -ETIMEDOUT;
	child = fork();
	if (!child) {
		setpgid(0, 0);
		r = work(shared);
		_exit(r < 0 && r >= -127 ? -r : r != 0);
	}
	if (child < 0)
		return -errno;
	r = spawn_wait(child, deadline_ms);
	if (r == -ETIMEDOUT) {
		if (is_ended)
			spawn_abandon(child);
		*stuck = child;
		is_stuck(stuck);
	}
	return r <= 0 ? r : r > 127 ? -EIO : -r;
}

int path_call(pid_t *stuck, int (*work)(void *shared), void *shared, unsigned deadline_ms)
{
	return call(stuck, work, shared, deadline_ms, true);
}

int path_call_on(pid_t *stuck, int (*work)(void *shared), void *shared, unsigned deadline_ms)
{
	return call(stuck, work, shared, deadline_ms, false);
}
