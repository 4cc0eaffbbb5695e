/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "locate/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct copy copy[SVC_COPIES_MAX];
	static struct svc_conf conf;
	struct svc_error error = { .text = "" };
	int code = conf_parse((const char *)bytes, length, "svc.conf", &conf, &error);

	if (code ? code != -EINVAL || !strstr(error.text, "svc.conf, line ") : conf_copies(&conf, copy) > 4)
		abort();
	return 0;
}
