/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dev/backend.h"
#include "dev/nbd_tls.h"

enum { ARGUMENTS_MAX = 12 };

bool tunnel_uri(const char *uri, char *plain, size_t size)
{
	size_t length = strcspn(uri, "?#");
	const char *at = uri[length] == '?' ? uri + length + 1 : "";
	char join = '?';

	if (length >= size)
		return false;
	memcpy(plain, uri, length);
	for (; *at && *at != '#'; at += *at == '&') {
		size_t part = strcspn(at, "&#");

		if (part && strncasecmp(at, "tls-", 4)) {
			if (length + part + 2 > size)
				return false;
			plain[length++] = join;
			memcpy(plain + length, at, part);
			length += part;
			join = '&';
		}
		at += part;
	}
	plain[length] = '\0';
	return true;
}

/*
 * In the grandchild. Nothing of ours is left open to it; a failure goes back through `report`. nbdkit -s asks for SIGTERM
 * when its parent ends (PR_SET_PDEATHSIG): it begins only once that one is gone, which `orphan` says by its end.
 */
static void become_nbdkit(char *const argv[], int socket, int report, int orphan)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), code;
	char end;

	while (read(orphan, &end, 1) < 0 && errno == EINTR)
		;
	setsid();
	if (null >= 0 && dup2(socket, STDIN_FILENO) >= 0 && dup2(socket, STDOUT_FILENO) >= 0 &&
	    dup2(null, STDERR_FILENO) >= 0 && !close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		execvp("nbdkit", argv);
	code = errno;
	if (write(report, &code, sizeof(code)) != sizeof(code))
		_exit(126);
	_exit(127);
}

/* Leaves nbdkit behind as nobody's child, so that nobody has to wait for it. 0, or -errno of starting it. */
static int start(char *const argv[], int socket)
{
	int report[2], orphan[2], code = 0, status;
	pid_t child;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	if (pipe2(orphan, O_CLOEXEC)) {
		code = errno;
		close(report[0]);
		close(report[1]);
		return -code;
	}
	child = fork();
	if (!child) {
		pid_t nbdkit = fork();

		close(orphan[1]);
		if (!nbdkit)
			become_nbdkit(argv, socket, report[1], orphan[0]);
		_exit(nbdkit < 0);
	}
	close(report[1]);
	close(orphan[0]);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		code = EAGAIN;
	close(orphan[1]);
	if (!code && read(report[0], &code, sizeof(code)) != sizeof(code))
		code = 0; /* closed by exec: it runs */
	close(report[0]);
	return -code;
}

int tunnel_open(const char *uri, const struct dev_options *options, int *socket, struct svc_error *error)
{
	char plain[SVC_LOCATOR_SIZE], file[URI_VALUE_SIZE], folder[URI_VALUE_SIZE];
	char *argv[ARGUMENTS_MAX], *made[4] = { 0 };
	const char *psk = uri_query_value(uri, "tls-psk-file", file) ? file : options->tls_psk_file;
	const char *directory = uri_query_value(uri, "tls-certificates", folder) ? folder : options->tls_certificates;
	size_t n = 0, m = 0;
	int pair[2] = { -1, -1 }, r = 0;

	if (!tunnel_uri(uri, plain, sizeof(plain)))
		return error_set(error, -EINVAL, LOCATOR ": too long", uri);
	/* "@": systemd's sign of a process that serves the root file system and is not killed with the initramfs. */
	for (size_t i = 0; i < 5; i++)
		argv[n++] = (char *[]){ "@nbdkit", "-s", "--log=syslog", "nbd", "tls=require" }[i];
	if (asprintf(&made[m++], "uri=%s", plain) < 0 || (psk && asprintf(&made[m++], "tls-psk=%s", psk) < 0) ||
	    (!psk && directory && asprintf(&made[m++], "tls-certificates=%s", directory) < 0) ||
	    (options->tls_username && asprintf(&made[m++], "tls-username=%s", options->tls_username) < 0)) {
		r = error_set(error, -ENOMEM, LOCATOR ": out of memory", uri);
		made[m - 1] = NULL;
		goto out;
	}
	for (size_t i = 0; i < m; i++)
		argv[n++] = made[i];
	argv[n] = NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		r = error_set(error, -errno, LOCATOR ": %s", uri, strerror(errno));
		goto out;
	}
	r = start(argv, pair[1]);
	if (r == -ENOENT) {
		r = error_set(error, -ENOTSUP,
		              LOCATOR ": the kernel's nbd driver knows no TLS, and nbdkit is not installed", uri);
		error_next(error, "install nbdkit, and put it into the initramfs");
	} else if (r) {
		error_set(error, r, LOCATOR ": nbdkit cannot be started: %s", uri, strerror(-r));
	} else {
		*socket = pair[0];
		pair[0] = -1;
	}
out:
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	for (size_t i = 0; i < m; i++)
		free(made[i]);
	return r;
}
