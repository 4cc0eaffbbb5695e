/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/nbd_error.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "dev/backend.h"

/*
 * libnbd tells some failures apart by its sentence alone. `holds` is looked for in it; a row without
 * matches any. `code` is libnbd's errno; 0 matches any.
 */
static const struct {
	int code;
	const char *holds;
	int result;
	const char *text; /* NULL: the timeout, with its length */
	bool has_detail;  /* libnbd's sentence is put behind */
	const char *next;
} rows[] = {
	{ 0, "no export named", -ENOENT, "the server has no export of this name", false,
	  "list its exports (nbdinfo --list), or export with qemu-nbd -x NAME" },
	{ 0, "requires TLS", -EACCES, "the server insists on TLS", false,
	  "use nbds:// (nbds+unix://) and give certificates or a PSK file" },
	{ 0, "server refused TLS", -EACCES, "the server does not offer TLS, and without it nothing is read", false,
	  "turn TLS on at the server; nbd:// would talk to it unprotected" },
	{ 0, "gnutls", -EACCES, "TLS handshake failed", true,
	  "check the certificates (CA, host name, expiry) or the PSK file on both sides" },
	{ 0, "PSK file", -EACCES, "TLS cannot be set up", true,
	  "add the user to the PSK file (psktool), or name another with USER@ in the URI" },
	{ 0, "getaddrinfo", -EHOSTUNREACH, "the host name cannot be resolved", true,
	  "check the name, /etc/hosts and the resolver, or give the address" },
	{ ETIMEDOUT, NULL, -ETIMEDOUT, NULL, false,
	  "check the server, the link and the firewall between: ping, ss -tln" },
	{ ECONNREFUSED, NULL, -ECONNREFUSED, "nobody listens there", false,
	  "start the server on the other side (svc-pathcheck --export there, or qemu-nbd)" },
	{ ENOENT, "connect: ", -ECONNREFUSED, "nobody listens there: the socket does not exist", false,
	  "start the server, or correct the path after socket=" },
	{ EACCES, "connect: ", -EACCES, "permission denied to connect to the socket", false,
	  "run it as root, or as a user who may write to the socket" },
	{ EAGAIN, "connect: ", -ETIMEDOUT, "the server takes no more connections", false,
	  "see whether the server is stuck; qemu-nbd --shared=8 serves more clients" },
	{ EHOSTUNREACH, NULL, -EHOSTUNREACH, "the host cannot be reached", false,
	  "check the link between the controllers" },
	{ ENETUNREACH, NULL, -EHOSTUNREACH, "the host cannot be reached", false,
	  "check the link between the controllers" },
	{ ECONNRESET, NULL, -ECONNRESET, "the server closed the connection", false, "see the server's log" },
	{ EPIPE, NULL, -ECONNRESET, "the server closed the connection", false, "see the server's log" },
	{ 0, "disconnected", -ECONNRESET, "the server closed the connection during the handshake", false,
	  "see the server's log; it may serve too few clients (qemu-nbd --shared=8)" },
	{ 0, "magic", -EIO, "it is not an NBD server that answers", false, "check the port or the socket" },
	{ EINVAL, "nbd_aio_connect_uri", -EINVAL, "not a usable NBD URI", true,
	  "write nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=PATH" },
	{ EPERM, "nbd_aio_connect_uri", -EINVAL, "not a usable NBD URI", true,
	  "write nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=PATH" },
	{ 0, NULL, -EIO, "it cannot be opened", true, "see the server's log" },
};

/* Without the name of the function that failed, and fit to print: parts of it may be the server's words. */
static void clean_text(const char *text, char *to, size_t size)
{
	const char *colon = strstr(text, ": ");

	if (!strncmp(text, "nbd_", 4) && colon)
		text = colon + 2;
	snprintf(to, size, "%.*s", (int)size - 1, *text ? text : "no reason given");
	for (; *to; to++)
		if (!isprint((unsigned char)*to))
			*to = '?';
}

int nbd_dev_refuse(const char *uri, unsigned timeout_seconds, const struct nbd_failure *failure,
                   struct svc_error *error)
{
	char detail[160], text[300];
	size_t i = 0;

	while ((rows[i].code && rows[i].code != failure->code) ||
	       (rows[i].holds && !strstr(failure->text, rows[i].holds)))
		i++;
	clean_text(failure->text, detail, sizeof(detail));
	if (!rows[i].text)
		snprintf(text, sizeof(text), "the server did not answer within %u s", timeout_seconds);
	else if (rows[i].has_detail)
		snprintf(text, sizeof(text), "%s: %s", rows[i].text, detail);
	else
		snprintf(text, sizeof(text), "%s", rows[i].text);
	error_set(error, rows[i].result, "%.300s: %s", uri, text);
	error_next(error, "%s", rows[i].next);
	return rows[i].result;
}
