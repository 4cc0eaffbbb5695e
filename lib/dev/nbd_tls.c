/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/nbd_tls.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "dev/backend.h"

static int hex_value(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Undoes %XX in [from, end). False where it does not fit. */
static bool uri_decode(const char *from, const char *end, char *to, size_t size)
{
	size_t n = 0;

	while (from < end) {
		bool is_code = end - from >= 3 && from[0] == '%' && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0;

		if (n + 1 >= size)
			return false;
		to[n++] = is_code ? (char)(hex_value(from[1]) << 4 | hex_value(from[2])) : *from;
		from += is_code ? 3 : 1;
	}
	to[n] = '\0';
	return true;
}

static const char *uri_query(const char *uri)
{
	const char *query = strchr(uri, '?');
	const char *fragment = strchr(uri, '#');

	return query && (!fragment || query < fragment) ? query + 1 : "";
}

bool uri_query_value(const char *uri, const char *name, char value[URI_VALUE_SIZE])
{
	const char *at = uri_query(uri);
	const char *stop = at + strcspn(at, "#");
	bool found = false;

	while (at < stop) {
		size_t length = strcspn(at, "&#");
		size_t split = strcspn(at, "=&#");
		char key[64];

		if (split < length && uri_decode(at, at + split, key, sizeof(key)) && !strcmp(key, name))
			found = uri_decode(at + split + 1, at + length, value, URI_VALUE_SIZE);
		at += length;
		at += *at == '&';
	}
	return found;
}

/* Whether the directory has an authority's certificate, by the name that libnbd wants. */
static bool has_authority(const char *directory)
{
	char *name;
	bool r;

	if (asprintf(&name, "%s/ca-cert.pem", directory) < 0)
		return false;
	r = !access(name, R_OK);
	free(name);
	return r;
}

/* Where libnbd looks when it is not told: nbd_set_tls_certificates(3). */
static bool has_default_authority(void)
{
	static const char *const below_home[] = { ".pki/libnbd", ".config/pki/libnbd" };
	const char *home = getenv("HOME");
	bool found = false;

	if (!geteuid() || !home)
		return !geteuid() && has_authority("/etc/pki/libnbd");
	for (size_t i = 0; i < 2 && !found; i++) {
		char *directory;

		if (asprintf(&directory, "%s/%s", home, below_home[i]) < 0)
			return false;
		found = has_authority(directory);
		free(directory);
	}
	return found;
}

int tls_check(const char *uri, const struct dev_options *options, struct svc_error *error)
{
	char value[URI_VALUE_SIZE];
	const char *directory = options->tls_certificates;

	if (strncasecmp(uri, "nbds", 4))
		return 0;
	/* libnbd splits at semicolons too, in its own way: better no guess what it makes of them. */
	if (strchr(uri_query(uri), ';')) {
		error_set(error, -EINVAL, LOCATOR ": not a usable NBD URI: a semicolon in its query", uri);
		error_next(error, "separate by &, and write a semicolon in a file's name as %%3B");
		return -EINVAL;
	}
	if (options->tls_psk_file || uri_query_value(uri, "tls-psk-file", value))
		return 0;
	if (!strncasecmp(uri, "nbds+unix:", 10)) {
		error_set(error, -EACCES, LOCATOR ": on a Unix socket no certificate can be checked", uri);
		error_next(error, "use a PSK file (tls-psk-file=FILE), or nbd+unix:// and the socket's permissions");
		return -EACCES;
	}
	if (uri_query_value(uri, "tls-certificates", value))
		directory = value;
	if (directory ? has_authority(directory) : has_default_authority())
		return 0;
	error_set(error, -EACCES, LOCATOR ": no ca-cert.pem to check the server's certificate against (%.100s)", uri,
	          directory ? directory : "libnbd's default directory");
	error_next(error, "put the authority's certificate there as ca-cert.pem, or use a PSK file");
	return -EACCES;
}
