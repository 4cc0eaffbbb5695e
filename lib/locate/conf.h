/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/svc/svc.conf, svc.conf(5): where the copies are, and settings. Read with inih. */
#ifndef SVC_CONF_H
#define SVC_CONF_H

#include "base/error.h"
#include "model.h"

#define SVC_CONF_PATH "/etc/svc/svc.conf"

enum { CONF_VALUE_SIZE = SVC_LOCATOR_SIZE };

struct svc_conf {
	char lv[2 * LVM_NAME_SIZE];           /* [mirror] lv; empty: not set */
	char copy[SVC_COPIES_MAX][16 + SVC_LOCATOR_SIZE]; /* [copies], as NAME=LOCATOR in the file's order */
	int copies;
	unsigned nbd_timeout_seconds;         /* [nbd] timeout; 0: not set */
	char tls_certificates[CONF_VALUE_SIZE]; /* [nbd]; empty: not set */
	char tls_psk_file[CONF_VALUE_SIZE];
	char tls_username[64];
	char controller;                      /* [controller] id: 'a', 'b', or 0 */
};

/*
 * Reads a whole file. -ENOENT where there is none; -EINVAL with file and line for an unknown section or
 * key, a bad or repeated value, a line that is too long; -EIO ... for what reading gives.
 */
int conf_read(const char *path, struct svc_conf *conf, struct svc_error *error);

/* The same from text; `path` only names it in errors. Pure. */
int conf_parse(const char *text, const char *path, struct svc_conf *conf, struct svc_error *error);

#endif
