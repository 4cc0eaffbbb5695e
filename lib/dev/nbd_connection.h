/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection to an NBD server, shared by many threads with many requests in flight. libnbd stays behind it. */
#ifndef SVC_NBD_CONNECTION_H
#define SVC_NBD_CONNECTION_H

#include "dev/dev.h"

struct connection;

/* What the server said of the export. */
struct nbd_export {
	uint64_t size_bytes;
	unsigned align_bytes;   /* its minimum block size; 1: anything goes */
	uint32_t request_bytes; /* longest read or write to ask of it, a multiple of align_bytes */
	bool is_read_only;
	bool has_flush;
	bool has_multi_connection; /* several connections see one another's flushed writes */
	bool has_allocation;       /* it tells which runs read as zeros */
};

/*
 * Connects and shakes hands, all within options->timeout_seconds, or until `stop_fd` (-1: none) becomes
 * readable. Errors: -errno with a sentence that names the URI, as dev_open.
 */
int connection_open(const char *uri, const struct dev_options *options, int stop_fd, struct connection **connection,
                    struct nbd_export *export, struct svc_error *error);

/*
 * Each waits at most timeout_seconds. Thread-safe. 0; -EIO where the server reports an error; and where the
 * connection is lost, now and for every request from then on: -ETIMEDOUT (no answer in time), -ECONNRESET.
 */
int connection_read(struct connection *connection, void *buffer, size_t length, uint64_t offset);
int connection_write(struct connection *connection, const void *buffer, size_t length, uint64_t offset);
int connection_flush(struct connection *connection);

/*
 * Which of [offset, offset + length) may hold something other than zeros, as dev_ops.next_data. What the
 * server left unanswered is not skipped. A run of length 0: the `*asked` bytes from offset on hold none.
 */
int connection_next_data(struct connection *connection, uint64_t offset, uint32_t length, struct extent *run,
                         uint64_t *asked);

/* Requests under way. */
unsigned connection_load(struct connection *connection);

/* 0, or why every request fails. */
int connection_state(struct connection *connection);

/* No request may be under way. NULL is fine. */
void connection_close(struct connection *connection);

#endif
