/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of the threads that wait for an answer one polls the socket and runs libnbd (the leader); it wakes the
 * others when their answers are there, and hands over when it has its own. libnbd is only ever called with
 * the connection's lock held, and never again once the connection is lost: from then on the buffers
 * of the requests that got no answer belong to their callers again.
 */
#include "dev/nbd_connection.h"

#include <errno.h>
#include <libnbd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dev/backend.h"
#include "dev/nbd_handle.h"

struct request {
	int64_t cookie;
	bool is_done;
	int result;
	pthread_cond_t wake;
	struct request *next;
};

struct connection {
	struct nbd_handle *nbd;
	unsigned timeout_seconds;
	int kick_fd; /* makes the leader look up from poll */
	atomic_uint load;
	atomic_int lost; /* 0, or the errno that every request gets; set with the lock held */
	pthread_mutex_t lock;
	pthread_condattr_t clock;
	struct request *waiting; /* all requests under way */
	struct request *leader;  /* the one whose thread polls */
};

static void connection_kick(struct connection *c)
{
	uint64_t one = 1;
	ssize_t n;

	/* Fails only where the counter is full: then it is readable anyway. */
	n = write(c->kick_fd, &one, sizeof(one));
	(void)n;
}

static void request_wake(struct connection *c, struct request *request)
{
	if (c->leader == request)
		connection_kick(c);
	else
		pthread_cond_signal(&request->wake);
}

static void connection_lose(struct connection *c, int code)
{
	if (c->lost)
		return;
	c->lost = code;
	for (struct request *request = c->waiting; request; request = request->next)
		request_wake(c, request);
}

static struct request *find_request(struct connection *c, int64_t cookie)
{
	struct request *request = c->waiting;

	while (request && request->cookie != cookie)
		request = request->next;
	return request;
}

/*
 * Takes in all answers that have come. Completion callbacks would be simpler, but only
 * nbd_aio_command_completed notices a structured reply that left out a part of what was asked.
 */
static void connection_reap(struct connection *c)
{
	int64_t cookie;

	while (!c->lost && (cookie = nbd_aio_peek_command_completed(c->nbd)) > 0) {
		struct request *request = find_request(c, cookie);
		int r = nbd_aio_command_completed(c->nbd, (uint64_t)cookie) < 0 ? nbd_get_errno() : 0;

		if (r == ENOTCONN || r == ESHUTDOWN)
			break;
		if (!request)
			continue;
		request->result = handle_error(r);
		request->is_done = true;
		request_wake(c, request);
	}
	if (nbd_aio_is_dead(c->nbd) || nbd_aio_is_closed(c->nbd))
		connection_lose(c, -ECONNRESET);
}

/* One turn as the leader, the lock held at both ends. */
static void connection_turn(struct connection *c, const struct timespec *deadline)
{
	struct pollfd fd[2] = {
		{ .fd = nbd_aio_get_fd(c->nbd), .events = handle_events(c->nbd) },
		{ .fd = c->kick_fd, .events = POLLIN },
	};
	int left = deadline_milliseconds(deadline);
	int n;

	pthread_mutex_unlock(&c->lock);
	n = poll(fd, 2, left);
	pthread_mutex_lock(&c->lock);
	if (fd[1].revents) {
		uint64_t count;
		ssize_t got = read(c->kick_fd, &count, sizeof(count));

		(void)got;
	}
	if (c->lost)
		return;
	if (n == 0 && !left) {
		connection_lose(c, -ETIMEDOUT);
		return;
	}
	if (n > 0 && fd[0].revents)
		handle_notify(c->nbd, fd[0].revents);
	connection_reap(c);
}

static void request_leave(struct connection *c, struct request *request)
{
	struct request **at = &c->waiting;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	/* Somebody else has to watch the socket now. */
	if (!c->leader && c->waiting)
		pthread_cond_signal(&c->waiting->wake);
}

/* Waits for the answer to a request that was just issued, the lock held. */
static int request_wait(struct connection *c, struct request *request)
{
	struct timespec deadline = deadline_after(c->timeout_seconds);

	pthread_cond_init(&request->wake, &c->clock);
	request->next = c->waiting;
	c->waiting = request;
	/* Issuing may have taken in answers that TLS had buffered, and may have more to send than the socket took. */
	connection_reap(c);
	if (c->leader && !c->lost && (nbd_aio_get_direction(c->nbd) & LIBNBD_AIO_DIRECTION_WRITE))
		connection_kick(c);
	while (!request->is_done && !c->lost) {
		if (!c->leader) {
			c->leader = request;
			connection_turn(c, &deadline);
			c->leader = NULL;
		} else if (pthread_cond_timedwait(&request->wake, &c->lock, &deadline) == ETIMEDOUT &&
		           !request->is_done) {
			connection_lose(c, -ETIMEDOUT);
		}
	}
	request_leave(c, request);
	pthread_cond_destroy(&request->wake);
	return request->is_done ? request->result : c->lost;
}

enum command { COMMAND_READ, COMMAND_WRITE, COMMAND_FLUSH, COMMAND_ALLOCATION };

static int64_t command_issue(struct connection *c, enum command command, void *buffer, size_t length, uint64_t offset)
{
	switch (command) {
	case COMMAND_READ:
		return nbd_aio_pread(c->nbd, buffer, length, offset, NBD_NULL_COMPLETION, 0);
	case COMMAND_WRITE:
		return nbd_aio_pwrite(c->nbd, buffer, length, offset, NBD_NULL_COMPLETION, 0);
	case COMMAND_FLUSH:
		return nbd_aio_flush(c->nbd, NBD_NULL_COMPLETION, 0);
	default:
		/* One descriptor: a server may have thousands for a fragmented disk, and only the first run is wanted. */
		return nbd_aio_block_status(c->nbd, length, offset, *(nbd_extent_callback *)buffer, NBD_NULL_COMPLETION,
		                            LIBNBD_CMD_FLAG_REQ_ONE);
	}
}

static int connection_call(struct connection *c, enum command command, void *buffer, size_t length, uint64_t offset)
{
	struct request request = { 0 };
	int r = 0;

	c->load++;
	pthread_mutex_lock(&c->lock);
	r = c->lost;
	if (!r) {
		request.cookie = command_issue(c, command, buffer, length, offset);
		if (request.cookie >= 0) {
			r = request_wait(c, &request);
		} else {
			r = handle_error(nbd_get_errno());
			connection_reap(c);
			r = c->lost ? c->lost : r;
		}
	}
	pthread_mutex_unlock(&c->lock);
	c->load--;
	return r;
}

int connection_read(struct connection *c, void *buffer, size_t length, uint64_t offset)
{
	int r = connection_call(c, COMMAND_READ, buffer, length, offset);

	/* A server that refuses to read where it said that there is data (EINVAL, ENOSPC) has failed to read. */
	return r && r != -ETIMEDOUT && r != -ECONNRESET && r != -ENOMEM ? -EIO : r;
}

int connection_write(struct connection *c, const void *buffer, size_t length, uint64_t offset)
{
	return connection_call(c, COMMAND_WRITE, (void *)(uintptr_t)buffer, length, offset);
}

int connection_flush(struct connection *c)
{
	return connection_call(c, COMMAND_FLUSH, NULL, 0, 0);
}

/* What a base:allocation answer said, taken in as it arrives. */
struct allocation {
	uint64_t at; /* where the next descriptor begins */
	uint64_t end;
	struct extent run; /* the first that may hold data */
};

static int allocation_extent(void *data, const char *context, uint64_t offset, uint32_t *entries, size_t count,
                             int *error)
{
	struct allocation *a = data;

	(void)error;
	if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) || offset != a->at)
		return 0;
	/* Pairs of length and flags; the last may reach past what was asked, or the end. */
	for (size_t i = 0; i + 1 < count && a->at < a->end; i += 2) {
		uint64_t length = entries[i] < a->end - a->at ? entries[i] : a->end - a->at;
		bool is_zero = entries[i + 1] & LIBNBD_STATE_ZERO;

		if (!is_zero && !a->run.length)
			a->run.offset = a->at;
		if (!is_zero)
			a->run.length += length;
		a->at += length;
		if (is_zero && a->run.length)
			a->end = a->at;
	}
	return 0;
}

int connection_next_data(struct connection *c, uint64_t offset, uint32_t length, struct extent *run, uint64_t *asked)
{
	struct allocation a = { .at = offset, .end = offset + length };
	/* libnbd forgets the callback with the answer; where none comes, libnbd is not run again. */
	/* cppcheck-suppress legacyUninitvar ; it is initialised in this very line */
	nbd_extent_callback callback = { .callback = allocation_extent, .user_data = &a };
	int r = connection_call(c, COMMAND_ALLOCATION, &callback, length, offset);

	if (!r && a.at == offset)
		r = -ENOTSUP;
	*run = a.run;
	*asked = a.at - offset;
	return r;
}

unsigned connection_load(struct connection *c)
{
	return c->load;
}

int connection_state(struct connection *c)
{
	return c->lost;
}

static struct connection *connection_new(struct nbd_handle *nbd, unsigned timeout_seconds)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->kick_fd < 0) {
		free(c);
		return NULL;
	}
	c->nbd = nbd;
	c->timeout_seconds = timeout_seconds;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&c->clock);
	pthread_condattr_setclock(&c->clock, CLOCK_MONOTONIC);
	return c;
}

int connection_open(const char *uri, const struct dev_options *options, int stop_fd, struct connection **connection,
                    struct nbd_export *export, struct svc_error *error)
{
	struct nbd_handle *nbd;
	int r;

	*connection = NULL;
	r = handle_open(uri, options, stop_fd, &nbd, export, error);
	if (r)
		return r;
	*connection = connection_new(nbd, options->timeout_seconds ? options->timeout_seconds : DEV_TIMEOUT_SECONDS);
	if (*connection)
		return 0;
	nbd_close(nbd);
	return error_set(error, -ENOMEM, LOCATOR ": out of memory or of file descriptors", uri);
}

void connection_close(struct connection *c)
{
	if (!c)
		return;
	/* A farewell that the socket takes at once, or none. */
	if (!c->lost)
		nbd_aio_disconnect(c->nbd, 0);
	nbd_close(c->nbd);
	pthread_condattr_destroy(&c->clock);
	pthread_mutex_destroy(&c->lock);
	close(c->kick_fd);
	free(c);
}
