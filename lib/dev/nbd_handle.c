/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/nbd_handle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nbd.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "dev/backend.h"
#include "dev/nbd_error.h"

enum {
	/* Each request has its own deadline, so that a slow line is not mistaken for a dead server. */
	REQUEST_BYTES_MAX = 4 * 1024 * 1024,
};

struct timespec deadline_after(unsigned seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += seconds;
	return t;
}

int deadline_milliseconds(const struct timespec *deadline)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (deadline->tv_sec - now.tv_sec) * INT64_C(1000000000) + deadline->tv_nsec - now.tv_nsec;
	return ns <= 0 ? 0 : (int)((ns + 999999) / 1000000);
}

short handle_events(struct nbd_handle *nbd)
{
	unsigned direction = nbd_aio_get_direction(nbd);

	return (short)((direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
	               (direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
}

int handle_notify(struct nbd_handle *nbd, short seen)
{
	unsigned direction = nbd_aio_get_direction(nbd);

	if ((direction & LIBNBD_AIO_DIRECTION_READ) && (seen & (POLLIN | POLLHUP | POLLERR | POLLNVAL)))
		return nbd_aio_notify_read(nbd);
	if ((direction & LIBNBD_AIO_DIRECTION_WRITE) && seen)
		return nbd_aio_notify_write(nbd);
	return 0;
}

int handle_error(int code)
{
	switch (code) {
	case 0:
		return 0;
	case EPERM: /* the protocol's word for a read-only export */
		return -EROFS;
	case ENOSPC:
	case ENOMEM:
	case ENOTSUP:
		return -code;
	default:
		return -EIO;
	}
}

static int handle_configure(struct nbd_handle *nbd, const struct dev_options *options)
{
	if (nbd_set_uri_allow_transports(nbd, LIBNBD_ALLOW_TRANSPORT_TCP | LIBNBD_ALLOW_TRANSPORT_UNIX) < 0 ||
	    nbd_set_uri_allow_local_file(nbd, true) < 0 || nbd_set_uri_allow_tls(nbd, LIBNBD_TLS_ALLOW) < 0 ||
	    nbd_add_meta_context(nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0)
		return -1;
	/* Buffers are not cleared before each read: an incomplete answer is an error, see connection_reap. */
	if (nbd_set_pread_initialize(nbd, false) < 0)
		return -1;
	if (options->tls_certificates && nbd_set_tls_certificates(nbd, options->tls_certificates) < 0)
		return -1;
	if (options->tls_psk_file && nbd_set_tls_psk_file(nbd, options->tls_psk_file) < 0)
		return -1;
	return options->tls_username ? nbd_set_tls_username(nbd, options->tls_username) : 0;
}

/* Notes libnbd's last error, which the next call of libnbd in this thread forgets. */
static void note_error(struct nbd_failure *failure)
{
	const char *text = nbd_get_error();

	if (!text)
		return;
	failure->code = nbd_get_errno();
	snprintf(failure->text, sizeof(failure->text), "%s", text);
}

/* Begins by the URI, or on a socket, which is libnbd's from then on. 0, or -1 with *failure filled. */
static int handle_connect(struct nbd_handle *nbd, const char *uri, int *socket, const struct timespec *deadline,
                          int stop_fd, struct nbd_failure *failure)
{
	int r = socket ? nbd_aio_connect_socket(nbd, *socket) : nbd_aio_connect_uri(nbd, uri);

	if (socket)
		*socket = -1;
	if (r < 0) {
		note_error(failure);
		return -1;
	}
	while (!nbd_aio_is_ready(nbd)) {
		struct pollfd fd[2] = {
			{ .fd = nbd_aio_get_fd(nbd), .events = handle_events(nbd) },
			{ .fd = stop_fd, .events = POLLIN },
		};
		int left = deadline_milliseconds(deadline);
		int n;

		if (nbd_aio_is_dead(nbd) || nbd_aio_is_closed(nbd) || nbd_aio_is_created(nbd))
			return -1;
		n = poll(fd, 2, left);
		if (fd[1].revents || (n == 0 && !left)) {
			*failure = (struct nbd_failure){ .code = ETIMEDOUT };
			return -1;
		}
		if (n > 0 && fd[0].revents) {
			handle_notify(nbd, fd[0].revents);
			note_error(failure);
		}
	}
	return 0;
}

static int export_read(struct nbd_handle *nbd, struct nbd_export *export)
{
	int64_t size = nbd_get_size(nbd);
	int64_t least = nbd_get_block_size(nbd, LIBNBD_SIZE_MINIMUM);
	int64_t most = nbd_get_block_size(nbd, LIBNBD_SIZE_MAXIMUM);

	if (size < 0 || least < 0 || most < 0)
		return -1;
	/* 0: the server did not say. */
	least = least ? least : 1;
	if (least > DEV_ALIGN_MAX || (least & (least - 1)) || (most && most < least))
		return -1;
	if (!most || most > REQUEST_BYTES_MAX)
		most = REQUEST_BYTES_MAX;
	*export = (struct nbd_export){
		.size_bytes = (uint64_t)size,
		.align_bytes = (unsigned)least,
		.request_bytes = (uint32_t)(most - most % least),
		.is_read_only = nbd_is_read_only(nbd) != 0,
		.has_flush = nbd_can_flush(nbd) > 0,
		.has_multi_connection = nbd_can_multi_conn(nbd) > 0,
		.has_allocation = nbd_can_meta_context(nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0,
	};
	return 0;
}

int handle_open(const char *uri, const struct dev_options *options, int stop_fd, struct nbd_handle **nbd,
                struct nbd_export *export, struct svc_error *error)
{
	unsigned timeout = options->timeout_seconds ? options->timeout_seconds : DEV_TIMEOUT_SECONDS;
	struct timespec deadline = deadline_after(timeout);
	struct nbd_failure failure = { 0 };
	int r;

	*nbd = nbd_create();
	if (!*nbd)
		return error_set(error, -ENOMEM, LOCATOR ": out of memory", uri);
	if (handle_configure(*nbd, options) < 0) {
		note_error(&failure);
		r = nbd_dev_refuse(uri, timeout, &failure, error);
	} else if (handle_connect(*nbd, uri, NULL, &deadline, stop_fd, &failure) < 0) {
		r = nbd_dev_refuse(uri, timeout, &failure, error);
	} else if (export_read(*nbd, export) < 0) {
		r = error_set(error, -EIO, LOCATOR ": the server says nonsense about its size or its block size", uri);
		error_next(error, "check the server; export with qemu-nbd --cache=none");
	} else {
		return 0;
	}
	nbd_close(*nbd);
	*nbd = NULL;
	return r;
}

/* The transmission flags as they were on the wire: libnbd only tells them one by one. */
static uint64_t kernel_flags(struct nbd_handle *nbd)
{
	return NBD_FLAG_HAS_FLAGS | (nbd_is_read_only(nbd) ? NBD_FLAG_READ_ONLY : 0) |
	       (nbd_can_flush(nbd) > 0 ? NBD_FLAG_SEND_FLUSH : 0) | (nbd_can_fua(nbd) > 0 ? NBD_FLAG_SEND_FUA : 0) |
	       (nbd_can_trim(nbd) > 0 ? NBD_FLAG_SEND_TRIM : 0) |
	       (nbd_can_multi_conn(nbd) > 0 ? NBD_FLAG_CAN_MULTI_CONN : 0);
}

int handle_open_for_kernel(const char *uri, int tunnel, const struct dev_options *options,
                           struct nbd_kernel_export *export, struct svc_error *error)
{
	unsigned timeout = options->timeout_seconds ? options->timeout_seconds : DEV_TIMEOUT_SECONDS;
	struct timespec deadline = deadline_after(timeout);
	struct nbd_handle *nbd = nbd_create();
	struct nbd_failure failure = { 0 };
	struct nbd_export said;
	int r = 0;

	if (!nbd) {
		r = error_set(error, -ENOMEM, LOCATOR ": out of memory", uri);
		goto out;
	}
	/* drivers/block/nbd.c knows simple replies alone. */
	if (handle_configure(nbd, options) < 0 || nbd_clear_meta_contexts(nbd) < 0 ||
	    nbd_set_request_structured_replies(nbd, false) < 0) {
		note_error(&failure);
		r = nbd_dev_refuse(uri, timeout, &failure, error);
		goto out;
	}
	if (handle_connect(nbd, uri, tunnel >= 0 ? &tunnel : NULL, &deadline, -1, &failure) < 0) {
		r = nbd_dev_refuse(uri, timeout, &failure, error);
		goto out;
	}
	export->socket = export_read(nbd, &said) < 0 ? -1 : fcntl(nbd_aio_get_fd(nbd), F_DUPFD_CLOEXEC, 3);
	if (export->socket < 0) {
		r = error_set(error, -EIO, LOCATOR ": the server says nonsense about its size or its block size", uri);
		error_next(error, "check the server; export with svc-pathcheck --export");
		goto out;
	}
	fcntl(export->socket, F_SETFL, 0); /* libnbd's is non-blocking */
	export->size_bytes = said.size_bytes;
	export->align_bytes = said.align_bytes;
	export->request_bytes = said.request_bytes;
	export->flags = kernel_flags(nbd);
out:
	if (tunnel >= 0)
		close(tunnel);
	if (nbd)
		nbd_close(nbd); /* without a farewell to the server: the other descriptor of the socket goes on */
	return r;
}
