/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An export of an NBD server as a device. One connection carries many requests; more are opened where
 * the server says that they see the same data, and never at the cost of a request: by a thread of
 * their own, once several requests are under way.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dev/backend.h"
#include "dev/nbd_connection.h"
#include "dev/nbd_tls.h"

enum {
	CONNECTIONS_MAX = 4,
	PARALLEL = 4, /* with the connections as many: more cost the threads' turns, and gain nothing (measured) */
	CHUNK_BYTES = 256 * 1024, /* faster than 512 KiB from the page cache of the server, and no slower elsewhere */
	LOAD_FOR_MORE = 2,        /* requests under way that make more connections worth it */
	STATUS_BYTES = 1024 * 1024 * 1024, /* asked of base:allocation at once */
};

struct server {
	struct dev dev;
	struct nbd_export export;
	char *uri;
	struct dev_options options; /* with strings of its own */
	struct connection *connection[CONNECTIONS_MAX];
	atomic_uint connections; /* usable ones; only grows */
	atomic_int lost;         /* 0, or what every request gets from now on */
	atomic_flag is_growing;  /* taken by who starts the thread */
	bool has_thread;         /* written by that one, read by close alone */
	pthread_t thread;
	int stop_fd; /* tells the thread to give up */
};

/* Opens the further connections. That one cannot be had (qemu-nbd --shared=1) is no error. */
static void *server_grow(void *data)
{
	struct server *server = data;

	for (unsigned i = 1; i < CONNECTIONS_MAX; i++) {
		struct nbd_export export;
		struct svc_error error;

		if (connection_open(server->uri, &server->options, server->stop_fd, &server->connection[i], &export,
		                    &error))
			break;
		/* Another disk behind the same name by now? Then leave it alone. */
		if (export.size_bytes != server->export.size_bytes ||
		    export.align_bytes != server->export.align_bytes) {
			connection_close(server->connection[i]);
			server->connection[i] = NULL;
			break;
		}
		server->connections = i + 1;
	}
	return NULL;
}

static void server_start_growing(struct server *server)
{
	sigset_t all, before;

	if (!server->export.has_multi_connection || atomic_flag_test_and_set(&server->is_growing))
		return;
	/* Signals are for the threads of the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	server->has_thread = !pthread_create(&server->thread, NULL, server_grow, server);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* The connection with the least to do. */
static struct connection *server_pick(struct server *server)
{
	unsigned n = server->connections;
	struct connection *best = server->connection[0];
	unsigned least = connection_load(best);

	for (unsigned i = 1; i < n && least; i++) {
		unsigned load = connection_load(server->connection[i]);

		if (load < least) {
			best = server->connection[i];
			least = load;
		}
	}
	if (least >= LOAD_FOR_MORE)
		server_start_growing(server);
	return best;
}

/* A connection that is lost takes the whole server with it: nobody waits for each of the others in turn. */
static int server_note(struct server *server, struct connection *connection, int r)
{
	int none = 0;

	if (r && connection_state(connection))
		atomic_compare_exchange_strong(&server->lost, &none, r);
	return r;
}

static int nbd_dev_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct server *server = (struct server *)dev;
	unsigned char *to = buffer;
	int r = server->lost;

	while (!r && length) {
		size_t part = length < server->export.request_bytes ? length : server->export.request_bytes;
		struct connection *connection = server_pick(server);

		r = server_note(server, connection, connection_read(connection, to, part, offset));
		to += part;
		offset += part;
		length -= part;
	}
	return r;
}

static int nbd_dev_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct server *server = (struct server *)dev;
	const unsigned char *from = buffer;
	int r = server->lost;

	while (!r && length) {
		size_t part = length < server->export.request_bytes ? length : server->export.request_bytes;
		struct connection *connection = server_pick(server);

		r = server_note(server, connection, connection_write(connection, from, part, offset));
		from += part;
		offset += part;
		length -= part;
	}
	return r;
}

static int nbd_dev_flush(struct dev *dev)
{
	struct server *server = (struct server *)dev;
	struct connection *connection = server->connection[0];

	if (server->lost)
		return server->lost;
	/* Multi-connection means that a flush on one counts for all. */
	return server_note(server, connection, connection_flush(connection));
}

static int nbd_dev_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	struct server *server = (struct server *)dev;
	struct connection *connection = server->connection[0];
	uint64_t asked = 0;
	int r = server->lost;

	if (!server->export.has_allocation)
		return -ENOTSUP;
	offset -= offset % dev->align_bytes;
	/* Each answer covers at least a byte, or is an error. */
	for (; !r && offset < dev->size_bytes; offset += asked) {
		uint64_t length = dev->size_bytes - offset < STATUS_BYTES ? dev->size_bytes - offset : STATUS_BYTES;

		r = connection_next_data(connection, offset, (uint32_t)length, run, &asked);
		r = server_note(server, connection, r);
		if (!r && run->length)
			return 0;
	}
	*run = (struct extent){ .offset = dev->size_bytes };
	return r;
}

static void nbd_dev_close(struct dev *dev)
{
	struct server *server = (struct server *)dev;

	if (server->has_thread) {
		eventfd_write(server->stop_fd, 1);
		pthread_join(server->thread, NULL);
	}
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		connection_close(server->connection[i]);
	if (server->stop_fd >= 0)
		close(server->stop_fd);
	free((char *)server->options.tls_certificates);
	free((char *)server->options.tls_psk_file);
	free((char *)server->options.tls_username);
	free(server->uri);
	free(server);
}

static const struct dev_ops nbd_read_ops = {
	.pread = nbd_dev_pread,
	.next_data = nbd_dev_next_data,
	.close = nbd_dev_close,
};
static const struct dev_ops nbd_write_ops = {
	.pread = nbd_dev_pread,
	.pwrite = nbd_dev_pwrite,
	.flush = nbd_dev_flush,
	.next_data = nbd_dev_next_data,
	.close = nbd_dev_close,
};

static bool copy_string(const char *from, const char **to)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

static struct server *server_new(const char *uri, const struct dev_options *options)
{
	struct server *server = calloc(1, sizeof(*server));
	const char *copy;
	bool is_whole;

	if (!server)
		return NULL;
	server->options = *options;
	is_whole = copy_string(options->tls_certificates, &server->options.tls_certificates);
	is_whole &= copy_string(options->tls_psk_file, &server->options.tls_psk_file);
	is_whole &= copy_string(options->tls_username, &server->options.tls_username);
	is_whole &= copy_string(uri, &copy);
	server->uri = (char *)copy;
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	atomic_flag_clear(&server->is_growing);
	if (is_whole && server->stop_fd >= 0)
		return server;
	nbd_dev_close(&server->dev);
	return NULL;
}

int nbd_dev_open(const char *uri, const struct dev_options *options, struct dev **dev, struct svc_error *error)
{
	bool writes = options->access != DEV_READ;
	struct server *server;
	int r;

	r = tls_check(uri, options, error);
	if (r)
		return r;
	server = server_new(uri, options);
	if (!server)
		return error_set(error, -ENOMEM, LOCATOR ": out of memory or of file descriptors", uri);
	r = connection_open(uri, options, -1, &server->connection[0], &server->export, error);
	if (!r && writes && server->export.is_read_only) {
		r = error_set(error, -EROFS, LOCATOR ": the server exports it read-only", uri);
		error_next(error, "export it writable (qemu-nbd without -r)");
	}
	/* Without it nobody can tell when what was written is durable: found out now, and not after the first write. */
	if (!r && writes && !server->export.has_flush)
		r = dev_refuse_no_flush(uri, error);
	if (r) {
		nbd_dev_close(&server->dev);
		return r;
	}
	server->connections = 1;
	server->dev = (struct dev){
		.ops = writes ? &nbd_write_ops : &nbd_read_ops,
		.size_bytes = server->export.size_bytes,
		.align_bytes = server->export.align_bytes,
		.parallel = PARALLEL,
		.chunk_bytes = CHUNK_BYTES,
		.is_remote = true,
		.is_read_only = server->export.is_read_only,
		.has_no_flush = !server->export.has_flush,
	};
	*dev = &server->dev;
	return 0;
}
