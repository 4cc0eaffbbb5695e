/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool server_has_tls(const struct export_options *options)
{
	return *options->tls_psk_file || *options->tls_certificates;
}

/* The keys that the server is to know: one user's, or all. QEMU wants them in a file of this name. */
static int write_keys(const struct export_options *options, struct svc_error *error)
{
	char line[1024];
	size_t user = strlen(options->client);
	FILE *in = fopen(options->tls_psk_file, "re"), *out = NULL;
	int fd = -1, keys = 0;

	mkdir(SERVER_DIRECTORY, 0755);
	mkdir(SERVER_KEYS_DIRECTORY, 0700);
	if (in)
		fd = open(SERVER_KEYS_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	out = fd >= 0 ? fdopen(fd, "w") : NULL;
	while (out && fgets(line, sizeof(line), in)) {
		if (*line == '#' || !strchr(line, ':') ||
		    (user && (strncmp(line, options->client, user) || line[user] != ':')))
			continue;
		keys += fputs(line, out) >= 0;
	}
	if (in)
		fclose(in);
	if (!out || fclose(out))
		return error_set(error, -EIO, "%.300s: its keys cannot be copied for the server",
		                 options->tls_psk_file);
	if (keys)
		return 0;
	error_set(error, -EINVAL, "%.300s has no key of %s", options->tls_psk_file, user ? options->client : "anybody");
	error_next(error, "add one with psktool -u USER -p FILE, or correct client under [export] in svc.conf");
	return -EINVAL;
}

/* A key that everybody on this host can read proves nothing of who has it. */
static int check_secret(const char *path, struct svc_error *error)
{
	struct stat st;

	if (stat(path, &st)) {
		error_set(error, -EINVAL, "%.300s: %s", path, strerror(errno));
		error_next(error, "correct the files of TLS under [nbd] in svc.conf");
		return -EINVAL;
	}
	if (st.st_mode & (S_IROTH | S_IWOTH)) {
		error_set(error, -EINVAL, "%.300s can be read or changed by everybody on this host", path);
		error_next(error, "make a new key, and keep it: chmod 600");
		return -EINVAL;
	}
	return 0;
}

/* What is secret about TLS is there, is kept, and is where the server looks for it. */
int server_prepare_tls(const struct export_options *options, struct svc_error *error)
{
	char path[PATH_MAX];
	int r;

	if (!server_has_tls(options))
		return 0;
	snprintf(path, sizeof(path), "%.2000s/server-key.pem", options->tls_certificates);
	r = check_secret(*options->tls_psk_file ? options->tls_psk_file : path, error);
	return r || !*options->tls_psk_file ? r : write_keys(options, error);
}

static void add(struct server *server, const char *argument)
{
	server->argv[server->count++] = argument;
}

static void add_made(struct server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_made(struct server *server, const char *format, ...)
{
	char **made = &server->made[server->made_count++];
	va_list args;

	va_start(args, format);
	if (vasprintf(made, format, args) < 0)
		*made = NULL;
	va_end(args);
	add(server, *made);
}

static void add_tls(struct server *server, const struct export_options *options)
{
	if (*options->tls_psk_file) {
		add(server, "--object=tls-creds-psk,id=tls,endpoint=server,dir=" SERVER_KEYS_DIRECTORY);
	} else {
		add_made(server, "--object=tls-creds-x509,id=tls,endpoint=server,verify-peer=on,dir=%s",
		         options->tls_certificates);
		if (*options->client) {
			/* QEMU wants a comma doubled. */
			char name[512];
			size_t k = 0;

			for (const char *c = options->client; *c && k + 2 < sizeof(name); c++) {
				name[k++] = *c;
				if (*c == ',')
					name[k++] = ',';
			}
			name[k] = '\0';
			add_made(server, "--object=authz-simple,id=client,identity=%s", name);
			add(server, "--tls-authz=client");
		}
	}
	add(server, "--tls-creds=tls");
}

void server_free(struct server *server)
{
	for (size_t i = 0; i < server->made_count; i++)
		free(server->made[i]);
}

int server_make(struct server *server, const char *device, const struct export_options *options,
                struct svc_error *error)
{
	/*
	 * Several connections of the one client: the kernel's, and that of who only looks. --cache=none is what makes
	 * it coherent: the page cache here would serve old blocks.
	 */
	static const char *const fixed[] = { "qemu-nbd",   "--fork",       SERVER_PID_OPTION, "--persistent",
		                             "--shared=4", "--format=raw", "--cache=none",    "--aio=native" };
	char address[INET6_ADDRSTRLEN + 1];
	unsigned port;

	memset(server, 0, sizeof(*server));
	if (!export_parse_address(options->address, address, sizeof(address), &port)) {
		error_set(error, -EINVAL, "%.100s: no address of the link to export on",
		          *options->address ? options->address : "[export] address");
		error_next(error, "write address = ADDRESS[:PORT] of the controllers' link under [export] in svc.conf");
		return -EINVAL;
	}
	if (*options->client && !server_has_tls(options)) {
		error_set(error, -EINVAL, "client = %.200s: without TLS nobody can tell who a client is",
		          options->client);
		error_next(error, "set up TLS under [nbd] in svc.conf (tls-psk-file or tls-certificates), or leave "
		                  "client out");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		add(server, fixed[i]);
	add_made(server, "--bind=%s", address);
	add_made(server, "--port=%u", port);
	add_made(server, "--export-name=%s", *options->name ? options->name : "shared");
	if (server_has_tls(options))
		add_tls(server, options);
	add_made(server, "%s", device);
	for (size_t i = 0; i < server->made_count; i++)
		if (!server->made[i]) {
			server_free(server);
			return error_set(error, -ENOMEM, "out of memory");
		}
	return 0;
}

size_t server_arguments(const char *pid, char line[SERVER_LINE_SIZE])
{
	char path[300];
	size_t got;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	in = fopen(path, "re");
	if (!in)
		return 0;
	got = fread(line, 1, SERVER_LINE_SIZE - 1, in);
	fclose(in);
	line[got] = '\0';
	return got;
}

int server_check(pid_t pid, const struct server *server, struct svc_error *error)
{
	char line[SERVER_LINE_SIZE], number[16];
	size_t got, at = 0;

	snprintf(number, sizeof(number), "%d", (int)pid);
	got = server_arguments(number, line);
	for (size_t i = 0; i < server->count; i++) {
		if (at >= got || strcmp(line + at, server->argv[i]) != 0)
			at = SERVER_LINE_SIZE;
		else
			at += strlen(line + at) + 1;
	}
	if (at == got)
		return 0;
	error_set(error, -EBUSY, "a server with other settings than svc.conf has now runs here (process %d)", (int)pid);
	error_next(error, "end it first, when its client can do without: svc-pathcheck --unexport");
	return -EBUSY;
}
