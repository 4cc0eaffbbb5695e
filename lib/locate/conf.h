/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/svc/svc.conf; svc.conf(5) documents the keys. */
#ifndef SVC_CONF_H
#define SVC_CONF_H

#include "base/error.h"
#include "model.h"

#define SVC_CONF_PATH "/etc/svc/svc.conf"

enum {
	CONF_PATH_SIZE = 1024,
	CONF_WORD_SIZE = 256,
};

/* An empty string, or 0: not given. */
struct svc_conf {
	/* [mirror] */
	char lv[2 * LVM_NAME_SIZE + 8];
	char legs[CONF_WORD_SIZE]; /* names of copies in the order of the legs, apart by blanks */
	/* [copies]: locators */
	char flash_a[SVC_LOCATOR_SIZE];
	char flash_b[SVC_LOCATOR_SIZE];
	char shared[SVC_LOCATOR_SIZE];
	char shared_direct[SVC_LOCATOR_SIZE];
	char shared_nbd[SVC_LOCATOR_SIZE];
	/* [nbd] */
	unsigned nbd_timeout_seconds;
	char nbd_tls_certificates[CONF_PATH_SIZE];
	char nbd_tls_psk_file[CONF_PATH_SIZE];
	char nbd_tls_username[CONF_WORD_SIZE];
	/* [undo] */
	char undo_directory[CONF_PATH_SIZE];
	uint64_t undo_limit_bytes;
	/* [controller] */
	char controller; /* 'a' or 'b' */
};

/*
 * Reads a configuration file. -ENOENT where there is none, -EINVAL for anything in it that is not
 * understood; both, and other -errno, with a sentence that names the file, and the line where there is one.
 */
int conf_read(const char *path, struct svc_conf *conf, struct svc_error *error);

/* The same for text in memory; `path` is for the sentences. */
int conf_parse(const char *text, size_t length, const char *path, struct svc_conf *conf, struct svc_error *error);

/* Fills copy[] with the copies that are configured, in the order of struct svc_conf; returns how many (at most 4). */
int conf_copies(const struct svc_conf *conf, struct copy copy[SVC_COPIES_MAX]);

#endif
