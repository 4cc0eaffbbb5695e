/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Refuses TLS that would encrypt and not check who is at the other end. */
#ifndef SVC_NBD_TLS_H
#define SVC_NBD_TLS_H

#include "dev/dev.h"

enum { URI_VALUE_SIZE = 1024 };

/*
 * The value of the last `name=` in the URI's query, decoded, as libnbd reads it. False where there is none,
 * or where it is too long to be a file name. Pure.
 */
bool uri_query_value(const char *uri, const char *name, char value[URI_VALUE_SIZE]);

/*
 * 0 for a URI without TLS, with a PSK file, or with an authority (ca-cert.pem) to check the server's
 * certificate against. Older libnbd (CVE-2024-7383) takes any certificate where it finds no authority, and
 * on Unix sockets, where there is no host name to hold it against. -EACCES or -EINVAL with a sentence.
 */
int tls_check(const char *uri, const struct dev_options *options, struct svc_error *error);

#endif
