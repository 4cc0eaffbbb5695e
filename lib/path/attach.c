/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/nbd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/spawn.h"
#include "dev/backend.h"
#include "path/nbd_netlink.h"
#include "path/tunnel.h"

enum {
	ATTACH_TIMEOUT_SECONDS = 5,
	MODPROBE_MS = 10000,
	BLOCK_BYTES = 4096,
	NAME_SIZE = SVC_LOCATOR_SIZE + 8,
};

/* Kept by the kernel: tells our devices from those of others. */
static void kernel_name(const char *uri, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "svc:%.*s", SVC_LOCATOR_SIZE, uri);
}

static bool read_attribute(const char *device, const char *attribute, char *text, size_t size)
{
	char path[160];
	bool is_read;
	FILE *in;

	snprintf(path, sizeof(path), "/sys/block/%.100s/%s", device, attribute);
	in = fopen(path, "re");
	if (!in)
		return false;
	is_read = fgets(text, (int)size, in) != NULL;
	fclose(in);
	if (is_read)
		text[strcspn(text, "\n")] = '\0';
	return is_read;
}

/* N of /dev/nbdN; false where it is no such name. */
static bool parse_device(const char *device, unsigned *index)
{
	char end;

	return sscanf(device, "/dev/nbd%u%c", index, &end) == 1;
}

/*
 * Whether the connection was given up, by whose attribute `backend` that is. The driver can only be asked in a way that
 * it complains of in the kernel's log where it was; so it is asked until it has said so once. What was given up stays so,
 * and a new connection has a new attribute (drivers/block/nbd.c, nbd_genl_connect), with another inode number.
 */
static bool is_given_up(const char *attribute, unsigned index, const char *name)
{
	static ino_t known[16];
	static unsigned next;
	struct stat st;

	if (stat(attribute, &st))
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == st.st_ino)
			return true;
	if (nbd_netlink_is_bound(index, name))
		return false;
	known[next++ % (sizeof(known) / sizeof(known[0]))] = st.st_ino;
	return true;
}

int nbd_find(const char *uri, char device[NBD_DEVICE_SIZE])
{
	char name[NAME_SIZE], seen[NAME_SIZE];
	glob_t found;
	int r = -ENOENT;

	kernel_name(uri, name);
	if (glob("/sys/block/nbd*/backend", GLOB_NOSORT, NULL, &found))
		return r;
	for (size_t i = 0; i < found.gl_pathc && r; i++) {
		unsigned index;

		if (sscanf(found.gl_pathv[i], "/sys/block/nbd%u/", &index) != 1)
			continue;
		snprintf(device, NBD_DEVICE_SIZE, "nbd%u", index);
		if (!read_attribute(device, "backend", seen, sizeof(seen)) || strcmp(seen, name) != 0)
			continue;
		if (is_given_up(found.gl_pathv[i], index, name))
			continue;
		snprintf(device, NBD_DEVICE_SIZE, "/dev/nbd%u", index);
		r = 0;
	}
	globfree(&found);
	return r;
}

static int load_module(void)
{
	static const char *const argv[] = { "modprobe", "nbd", NULL };

	if (access("/sys/module/nbd", F_OK))
		spawn_run(argv, NULL, MODPROBE_MS, NULL);
	return access("/sys/module/nbd", F_OK) ? -ENOTSUP : 0;
}

/* An idle connection whose other end went away without a word is noticed too. */
static void watch_idle(int socket, unsigned timeout_seconds)
{
	int on = 1, seconds = (int)timeout_seconds;
	unsigned milliseconds = timeout_seconds * 1000;

	/* A Unix socket has none of these, and needs none. */
	setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
	setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
	setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
}

static bool is_tunnelled(const char *uri)
{
	return !strncasecmp(uri, "nbds", 4);
}

/* A socket after the handshake, to the server itself or into a TLS tunnel to it. */
static int connect_server(const char *uri, const struct dev_options *options, struct nbd_kernel_export *export,
                          struct svc_error *error)
{
	struct dev *dev;
	int tunnel = -1, r;

	if (is_tunnelled(uri)) {
		/* Whatever is wrong with TLS is said by libnbd better than by a tunnel that closes. */
		r = dev_open(uri, options, &dev, error);
		if (r)
			return r;
		dev_close(dev);
		r = tunnel_open(uri, options, &tunnel, error);
		if (r)
			return r;
	}
	r = handle_open_for_kernel(uri, tunnel, options, export, error);
	if (r && tunnel >= 0) { /* the tunnel's reasons are not the server's */
		r = error_set(error, -ECONNRESET, LOCATOR ": nbdkit, which speaks TLS with it, could not connect", uri);
		error_next(error, "try again; nbdkit says why in the system's log");
	}
	/* To the driver a disk without flush is one that never loses what it took; libnbd's side refuses it too. */
	if (!r && !(export->flags & (NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_FLUSH))) {
		close(export->socket);
		r = dev_refuse_no_flush(uri, error);
	}
	if (!r)
		watch_idle(export->socket, options->timeout_seconds);
	return r;
}

/*
 * As long as the server takes them, and no longer, which the driver would not mind. Its own 128 KiB would become those
 * of the device made of both paths, and take the direct path's large requests to pieces (blk_stack_limits). Where it
 * cannot be set it is slower.
 */
static void limit_requests(const char *device, uint32_t request_bytes)
{
	char path[160], most[16];
	unsigned long kib = request_bytes / 1024;
	FILE *out;

	if (read_attribute(device + strlen("/dev/"), "queue/max_hw_sectors_kb", most, sizeof(most)) &&
	    strtoul(most, NULL, 10) < kib)
		kib = strtoul(most, NULL, 10);
	snprintf(path, sizeof(path), "/sys/block/%.100s/queue/max_sectors_kb", device + strlen("/dev/"));
	out = fopen(path, "we");
	if (out) {
		fprintf(out, "%lu\n", kib);
		fclose(out);
	}
}

static int refuse(const char *uri, int code, struct svc_error *error)
{
	if (code == -ENOTSUP) {
		error_set(error, code, LOCATOR ": this kernel has no nbd driver", uri);
		error_next(error, "install the kernel's nbd module, and put it into the initramfs");
	} else if (code == -EPERM) {
		error_set(error, code, LOCATOR ": no right to attach a block device", uri);
		error_next(error, "run it as root");
	} else {
		error_set(error, code, LOCATOR ": the kernel's nbd driver refuses it: %s", uri, strerror(-code));
		error_next(error, "see dmesg");
	}
	return code;
}

static struct dev_options with_timeout(const struct dev_options *options)
{
	struct dev_options with = *options;

	with.access = DEV_READ;
	if (!with.timeout_seconds)
		with.timeout_seconds = ATTACH_TIMEOUT_SECONDS;
	return with;
}

static int attach_new(const char *uri, const struct dev_options *options, char device[NBD_DEVICE_SIZE],
                      struct svc_error *error)
{
	struct nbd_kernel_export export;
	char name[NAME_SIZE];
	unsigned index = 0;
	int r = load_module();

	if (r)
		return refuse(uri, r, error);
	r = connect_server(uri, options, &export, error);
	if (r)
		return r;
	kernel_name(uri, name);
	r = nbd_netlink_connect(&export, options->timeout_seconds, name, &index);
	close(export.socket);
	if (r)
		return refuse(uri, r, error);
	snprintf(device, NBD_DEVICE_SIZE, "/dev/nbd%u", index);
	limit_requests(device, export.request_bytes);
	return 0;
}

/* By device-mapper, a mount and the like. */
static bool is_claimed(const char *device)
{
	int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

/* By the kernel's device, past its cache. */
static bool is_answering(const char *device)
{
	int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	void *block = NULL;
	bool is_read = fd >= 0 && !posix_memalign(&block, BLOCK_BYTES, BLOCK_BYTES) &&
	               pread(fd, block, BLOCK_BYTES, 0) == BLOCK_BYTES;

	free(block);
	if (fd >= 0)
		close(fd);
	return is_read;
}

int nbd_attach(const char *uri, const struct dev_options *options, char device[NBD_DEVICE_SIZE],
               struct svc_error *error)
{
	struct dev_options with = with_timeout(options);
	int r;

	if (nbd_find(uri, device))
		return attach_new(uri, &with, device, error);
	r = nbd_reconnect(uri, &with, device, error);
	/*
	 * A tunnel whose server is gone stays, and answers every request with an error: to the kernel its connection is not
	 * lost. Nothing is under way there that could still be done.
	 */
	if ((!r || r == -EBUSY) && is_tunnelled(uri) && !is_answering(device) && !nbd_detach(device, error))
		return attach_new(uri, &with, device, error);
	/* Another export than the device was made for: whoever uses the device must not get it under its feet. */
	if ((r == -ESTALE || r == -EROFS) && !is_claimed(device) && !nbd_detach(device, error))
		return attach_new(uri, &with, device, error);
	return r == -EBUSY ? 0 : r;
}

static bool is_read_only(const char *device)
{
	char text[8];

	return read_attribute(device + strlen("/dev/"), "ro", text, sizeof(text)) && *text == '1';
}

int nbd_reconnect(const char *uri, const struct dev_options *options, const char *device, struct svc_error *error)
{
	struct dev_options with = with_timeout(options);
	struct nbd_kernel_export export;
	char name[NAME_SIZE], sectors[32];
	unsigned index;
	int r;

	if (!parse_device(device, &index))
		return error_set(error, -EINVAL, "%.64s is no nbd device", device);
	r = connect_server(uri, &with, &export, error);
	if (r)
		return r;
	kernel_name(uri, name);
	if (!read_attribute(device + strlen("/dev/"), "size", sectors, sizeof(sectors)) ||
	    strtoull(sectors, NULL, 10) != export.size_bytes / 512) {
		r = error_set(error, -ESTALE, LOCATOR ": the export is no longer the one that %s was made for", uri,
		              device);
		error_next(error, "see what the server exports; svc-pathcheck --teardown and --setup take it anew");
	} else if (!(export.flags & NBD_FLAG_READ_ONLY) != !is_read_only(device)) {
		/* The driver keeps the flags of the first connection: the device would lie about it. */
		r = error_set(error, -EROFS, LOCATOR ": the export is %s, which %s is not", uri,
		              export.flags & NBD_FLAG_READ_ONLY ? "read-only" : "writable", device);
		error_next(error, "see what the server exports; svc-pathcheck --teardown and --setup take it anew");
	} else {
		limit_requests(device, export.request_bytes);
		r = nbd_netlink_reconnect(index, export.socket, name);
		if (r == -ENOSPC)
			r = error_set(error, -EBUSY, "%s: its connection is not lost", device);
		else if (r)
			r = refuse(uri, r, error);
	}
	close(export.socket);
	return r;
}

int nbd_detach(const char *device, struct svc_error *error)
{
	unsigned index;
	int r;

	if (!parse_device(device, &index))
		return error_set(error, -EINVAL, "%.64s is no nbd device", device);
	r = nbd_netlink_disconnect(index);
	return r ? refuse(device, r, error) : 0;
}

static void bury(unsigned index, void *context)
{
	char device[NBD_DEVICE_SIZE], name[NAME_SIZE], seen[NAME_SIZE];

	kernel_name(context, name);
	snprintf(device, sizeof(device), "nbd%u", index);
	if (read_attribute(device, "backend", seen, sizeof(seen)) && !strcmp(seen, name))
		nbd_netlink_bury(index, name);
}

int nbd_watch(const char *uri)
{
	char context[SVC_LOCATOR_SIZE];
	int r = load_module();

	snprintf(context, sizeof(context), "%s", uri);
	return r ? r : nbd_netlink_listen(bury, context);
}
