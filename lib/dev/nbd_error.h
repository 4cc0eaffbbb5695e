/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libnbd's errors in our words. */
#ifndef SVC_NBD_ERROR_H
#define SVC_NBD_ERROR_H

#include "base/error.h"

struct nbd_failure {
	int code;       /* errno as libnbd has it; 0: it had none */
	char text[400]; /* libnbd's sentence, may be empty */
};

/* Why connecting failed: -errno as dev_open, and a sentence with the next step in *error. */
int nbd_dev_refuse(const char *uri, unsigned timeout_seconds, const struct nbd_failure *failure,
                   struct svc_error *error);

#endif
