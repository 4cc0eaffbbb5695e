/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NBD URIs: our reading of the query, and libnbd's reading of the whole, with nobody there to connect to. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"
#include "dev/nbd_tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dev_options options = { .access = DEV_READ, .timeout_seconds = 1 };
	/* The last one counts, so that nothing is ever connected to. */
	static const char nowhere[] = "socket=/nonexistent/socket";
	char value[URI_VALUE_SIZE];
	struct svc_error error;
	struct dev *dev;
	char *uri;

	if (size > 4096)
		return 0;
	uri = calloc(1, size + 1 + sizeof(nowhere));
	if (!uri)
		return 0;
	memcpy(uri, data, size);
	if (uri_query_value(uri, "tls-psk-file", value) && strlen(value) >= sizeof(value))
		abort();
	(void)tls_check(uri, &options, &error);
	if ((!strncmp(uri, "nbd+unix://", 11) || !strncmp(uri, "nbds+unix://", 12)) && !strchr(uri, '#')) {
		strcat(uri, strchr(uri, '?') ? "&" : "?");
		strcat(uri, nowhere);
		if (!dev_open(uri, &options, &dev, &error))
			abort();
		if (!error.text[0] || !error.next[0])
			abort();
	}
	free(uri);
	return 0;
}
