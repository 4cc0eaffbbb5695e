/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How qemu-nbd is called for the export: its arguments, what TLS needs, and whether one that runs was called so. */
#ifndef SVC_SERVER_H
#define SVC_SERVER_H

#include <sys/types.h>

#include "path/export.h"

#define SERVER_DIRECTORY "/run/svc"
#define SERVER_PID_FILE SERVER_DIRECTORY "/export.pid"
#define SERVER_PID_OPTION "--pid-file=" SERVER_PID_FILE
#define SERVER_KEYS_DIRECTORY SERVER_DIRECTORY "/export-keys"
#define SERVER_KEYS_FILE SERVER_KEYS_DIRECTORY "/keys.psk" /* of this name QEMU wants it */

enum {
	SERVER_ARGUMENTS_MAX = 32,
	SERVER_LINE_SIZE = 8192, /* all arguments together */
};

struct server {
	const char *argv[SERVER_ARGUMENTS_MAX]; /* NULL ends it */
	char *made[8];                          /* those of argv that are to be freed */
	size_t count, made_count;
};

/* Whether clients have to prove who they are, and nothing is sent in plain. */
bool server_has_tls(const struct export_options *options);

/*
 * For this device. -EINVAL where there is no address to export on, or one client is named and nothing tells who it is;
 * -ENOMEM; with a sentence. server_free() after 0.
 */
int server_make(struct server *server, const char *device, const struct export_options *options,
                struct svc_error *error);
void server_free(struct server *server);

/*
 * Sees to it that what is secret about TLS is there, is kept, and is where the server looks for it. -EINVAL, -EIO with a
 * sentence.
 */
int server_prepare_tls(const struct export_options *options, struct svc_error *error);

/* A process's arguments, each with its NUL; returns the length of all of them, 0 where there are none. */
size_t server_arguments(const char *pid, char line[SERVER_LINE_SIZE]);

/* Whether the process was called so: 0, or -EBUSY with a sentence. */
int server_check(pid_t pid, const struct server *server, struct svc_error *error);

#endif
