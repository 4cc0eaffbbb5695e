/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/needs.h"

#include <errno.h>
#include <string.h>

#include "dev/dev.h"

void needs_clean_path(const char *path, char clean[SVC_LOCATOR_SIZE + 1])
{
	size_t used = 0, length;

	for (; *(path += strspn(path, "/")); path += length) {
		length = strcspn(path, "/");
		if (length == 1 && *path == '.')
			continue;
		if (length == 2 && !strncmp(path, "..", 2)) {
			while (used && clean[--used] != '/')
				;
			continue;
		}
		if (used + 1 + length > SVC_LOCATOR_SIZE)
			break;
		clean[used++] = '/';
		memcpy(clean + used, path, length);
		used += length;
	}
	if (!used)
		clean[used++] = '/';
	clean[used] = '\0';
}

int needs_print(const struct svc_conf *conf, FILE *out)
{
	struct copy copy[SVC_COPIES_MAX];
	int copies = conf_copies(conf, copy);
	char clean[SVC_LOCATOR_SIZE + 1];

	for (int i = 0; i < copies; i++) {
		if (dev_is_uri(copy[i].locator)) {
			fprintf(out, "server %s\n", copy[i].locator);
			continue;
		}
		needs_clean_path(copy[i].locator, clean);
		fprintf(out, "device %s\n", clean);
	}
	if (*conf->nbd_tls_psk_file)
		fprintf(out, "file %s\n", conf->nbd_tls_psk_file);
	if (*conf->nbd_tls_certificates)
		fprintf(out, "directory %s\n", conf->nbd_tls_certificates);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
