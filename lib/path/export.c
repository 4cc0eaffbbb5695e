/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/export.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/spawn.h"
#include "dev/mapper.h"
#include "evidence/online.h"
#include "path/server.h"
#include "promote/fence.h"
#include "promote/promote.h"

enum {
	DEFAULT_PORT = 10809,
	START_MS =
		60000, /* with TLS it makes Diffie-Hellman parameters first, which takes its time on a slow processor */
};

bool export_parse_address(const char *text, char *address, size_t size, unsigned *port)
{
	bool is_bracketed = *text == '[';
	const char *end = is_bracketed ? strchr(text, ']') : strchr(text, ':');
	const char *rest = end ? end + is_bracketed : "";
	static const unsigned char any[16]; /* the link, and nothing else: not every address that there is */
	unsigned char binary[16];
	size_t length;
	char last;

	text += is_bracketed;
	/* Several colons without brackets: IPv6 without a port. */
	if (!is_bracketed && end && strchr(end + 1, ':'))
		end = NULL, rest = "";
	if (is_bracketed && !end)
		return false;
	length = end ? (size_t)(end - text) : strlen(text);
	if (!length || length >= size)
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	*port = DEFAULT_PORT;
	if (*rest && (sscanf(rest, ":%5u%c", port, &last) != 1 || !*port || *port > 65535))
		return false;
	if (inet_pton(AF_INET, address, binary) == 1)
		return memcmp(binary, any, 4) != 0;
	return inet_pton(AF_INET6, address, binary) == 1 && memcmp(binary, any, sizeof(any)) != 0;
}

/* Whether the process is our server, by an argument that nobody else has. */
static bool is_server(const char *pid)
{
	char line[SERVER_LINE_SIZE];
	size_t got = server_arguments(pid, line);
	bool found = false;

	for (size_t i = 0; i < got; i += strlen(line + i) + 1)
		found |= !strcmp(line + i, SERVER_PID_OPTION);
	return found && strstr(line, "qemu-nbd");
}

pid_t export_find(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	pid_t found = 0;

	if (!proc)
		return -1;
	while (!found && (entry = readdir(proc)))
		if (isdigit((unsigned char)*entry->d_name) && is_server(entry->d_name))
			found = (pid_t)strtol(entry->d_name, NULL, 10);
	closedir(proc);
	return found;
}

/* Why this controller must not serve: it writes the volume itself, and the other one would too. */
static bool is_primary(const struct paths *paths, struct svc_error *error)
{
	const struct path_facts *facts = &paths->check.facts[PATH_DIRECT];
	const struct record *record = &facts->record.record;
	char uuid[ONLINE_UUID_SIZE];
	uint64_t device;

	if (online_uuid(&facts->lvm, uuid) && !mapper_find(uuid, &device))
		error_set(error, -EPERM, "the mirror %s/%s is active on this controller", facts->lvm.vg_name,
		          facts->lvm.lv_name);
	else if (facts->record.present && record->is_open && record->owner &&
	         record->owner == paths->options.controller)
		error_set(error, -EPERM, "the record says that this controller has the mirror open");
	else
		return false;
	error_next(error, "export from the standby; where this is meant all the same, say --yes");
	return true;
}

static uint64_t key_of(const struct path_facts *facts, char controller)
{
	return fence_key(controller, facts->lvm.vg_uuid, FENCE_ANY_NUMBER);
}

/* What the other one has still to write would pass under this one's key. 1, 0 or -errno; not 0: with a sentence. */
static int is_shutting_out(const struct paths *paths, struct svc_error *error)
{
	const struct path_facts *facts = &paths->check.facts[PATH_DIRECT];
	const struct record *record = &facts->record.record;
	char own = paths->options.controller;
	struct reservation reservation;
	int r;

	if (!own || !facts->record.present || record->owner != own || !record->is_after_crash)
		return 0;
	r = reservation_read(facts->device, paths->options.locate.dev.timeout_seconds, &reservation, error);
	if (r)
		return r == -EOPNOTSUPP ? 0 : r;
	if (!fence_is_shutting_out(&reservation, key_of(facts, own), key_of(facts, own == 'a' ? 'b' : 'a'),
	                           PEER_SHUT_OUT))
		return 0;
	error_set(error, -EPERM, "the other controller is shut out of the volume, and has not closed the mirror");
	error_next(
		error,
		"once it was stopped: svc-promote --demote --peer-fenced; where this is meant all the same, say --yes");
	return 1;
}

int export_register(const struct paths *paths, struct svc_error *error)
{
	const struct path_facts *facts = &paths->check.facts[PATH_DIRECT];
	const struct record *record = &facts->record.record;
	char own = paths->options.controller, peer = own == 'a' ? 'b' : 'a';
	uint64_t key = key_of(facts, own);
	struct reservation reservation;
	struct svc_error ignored;
	uint16_t number;
	int r;

	if (!own || !facts->is_configured || facts->error || !facts->lvm.present || is_primary(paths, &ignored) ||
	    !facts->record.present || !record->is_open || record->owner != peer)
		return 0;
	r = reservation_read(facts->device, paths->options.locate.dev.timeout_seconds, &reservation, error);
	if (r)
		return r == -EOPNOTSUPP ? 0 : r;
	if (!reservation.is_reserved || !fence_is_key_of(reservation.holder, key_of(facts, peer)) ||
	    fence_find_key(&reservation, key))
		return 0;
	r = fence_draw_number(&number, error);
	/* Not where a takeover has registered one meanwhile, which goes by its number. */
	if (!r)
		r = reservation_renew(facts->device, 0, key | number, error);
	if (r == -EBUSY)
		return 0;
	return r < 0 ? r : 1;
}

/* What the server said, on one line. */
static int refuse(int r, struct spawn_output *output, struct svc_error *error)
{
	if (r == -ENOENT) {
		error_set(error, -ENOTSUP, "qemu-nbd is not installed");
		error_next(error, "install it (qemu-utils)");
		return -ENOTSUP;
	}
	output->err[strcspn(output->err, "\n")] = '\0';
	error_set(error, -EIO, "qemu-nbd does not start: %.300s",
	          r == -ETIMEDOUT ? "no word from it within 60 s"
	          : *output->err  ? output->err
	                          : "it gives no reason");
	error_next(error, "is the link's address up (ip addr), and the port free (ss -tln)?");
	return -EIO;
}

static int run_server(const struct server *server, struct svc_error *error)
{
	struct spawn_output *output = calloc(1, sizeof(*output));
	int r;

	if (!output)
		return error_set(error, -ENOMEM, "out of memory");
	mkdir(SERVER_DIRECTORY, 0755);
	r = spawn_run(server->argv, NULL, START_MS, output);
	if (r)
		r = refuse(r, output, error);
	free(output);
	return r;
}

static int add_key(const struct paths *paths, struct svc_error *error)
{
	int r = export_register(paths, error);

	return r < 0 ? r : 0;
}

/* By the lock that it holds all the time. One that cannot be looked at may be held. */
static bool is_takeover_under_way(void)
{
	int fd = open(PROMOTE_LOCK_PATH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool is_held = fd < 0 ? errno != ENOENT : flock(fd, LOCK_SH | LOCK_NB) != 0;

	if (fd >= 0)
		close(fd);
	return is_held;
}

/* The lock comes before the record: a takeover that has let go of it has written its record. */
static int may_serve(struct paths *paths, const struct export_options *options, struct svc_error *error)
{
	int r;

	if (options->heeds_takeover && is_takeover_under_way()) {
		error_set(error, -EAGAIN, "a takeover or a hand-over is under way on this controller");
		error_next(error, "try again when it has ended: svc-promote --status");
		return -EAGAIN;
	}
	r = paths_look(paths, COHERENCE_NOT_WANTED, error);
	if (r)
		return r;
	if (!paths->check.facts[PATH_DIRECT].is_configured ||
	    !path_is_usable(paths->check.verdict.state[PATH_DIRECT])) {
		paths_may_use(&paths->check, PATH_DIRECT, error);
		return -EPERM;
	}
	return !options->is_told && (is_primary(paths, error) || is_shutting_out(paths, error)) ? -EPERM : 0;
}

static int start_server(struct paths *paths, const struct export_options *options, const struct server *server,
                        struct svc_error *error)
{
	int r = may_serve(paths, options, error);
	struct svc_error why;

	if (!r)
		r = server_prepare_tls(options, error);
	if (!r)
		r = run_server(server, error);
	if (r)
		return r;
	/* What was true when it was looked at may have ended by the time that the server took its first connection. */
	r = may_serve(paths, options, error);
	if (r && export_stop(paths->options.locate.dev.timeout_seconds, &why)) {
		*error = why;
		return -EIO;
	}
	return r;
}

int export_start(struct paths *paths, const struct export_options *options, struct svc_error *error)
{
	struct server server;
	pid_t running;
	int r = server_make(&server, paths->places.path[PATH_DIRECT], options, error);

	if (r)
		return r;
	/* What this controller serves is its own path, whatever the other one serves. */
	paths->places.path[PATH_NBD][0] = '\0';
	running = export_find();
	if (running > 0) {
		r = server_check(running, &server, error);
		if (!r)
			r = paths_look(paths, COHERENCE_NOT_WANTED, error);
	} else {
		r = start_server(paths, options, &server, error);
	}
	server_free(&server);
	return r ? r : add_key(paths, error);
}

/* Waits on the process itself, so that another one with its number is not taken for it. */
static int end(int pidfd, int number, unsigned ms)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	if (syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) && errno != ESRCH)
		return -errno;
	return poll(&gone, 1, (int)ms) > 0 ? 0 : -ETIMEDOUT;
}

int export_stop(unsigned timeout_seconds, struct svc_error *error)
{
	unsigned ms = (timeout_seconds ? timeout_seconds : PATH_TIMEOUT_SECONDS) * 1000;
	pid_t server = export_find();
	int pidfd, r;

	if (server > 0) {
		pidfd = (int)syscall(SYS_pidfd_open, server, 0);
		r = pidfd < 0 ? (errno == ESRCH ? 0 : -errno) : end(pidfd, SIGTERM, ms);
		if (r == -ETIMEDOUT)
			r = end(pidfd, SIGKILL, ms);
		if (pidfd >= 0)
			close(pidfd);
		if (r) {
			error_set(error, r, "the server (process %d) does not end: %s; its client may still write",
			          server, strerror(-r));
			error_next(error,
			           "its requests wait for the volume: see dmesg; cut the link before you rely on it");
			return r;
		}
		server = export_find();
	}
	if (server) {
		error_set(error, -EBUSY,
		          server < 0 ? "/proc cannot be read: whether the export has ended is not known"
		                     : "another server was started meanwhile");
		return -EBUSY;
	}
	unlink(SERVER_PID_FILE);
	unlink(SERVER_KEYS_FILE);
	return 0;
}
