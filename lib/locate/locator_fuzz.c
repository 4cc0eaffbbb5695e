/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of NAME=LOCATOR, as the arguments of one call; no device and no server is touched. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "locate/locate.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct copy copy[SVC_COPIES_MAX];
	struct svc_error error;
	char *text = malloc(length + 1);
	char *line, *rest = text;
	int copies = 0;

	if (!text)
		return 0;
	memcpy(text, bytes, length);
	text[length] = '\0';
	while ((line = strsep(&rest, "\n")) && copies < SVC_COPIES_MAX) {
		dev_is_uri(line);
		if (locate_parse(line, &copy[copies], &error))
			continue;
		/* What was accepted has a name, and keeps the end of the argument as its locator. */
		if (!copy[copies].name[0] ||
		    strcmp(copy[copies].locator, line + strlen(line) - strlen(copy[copies].locator)))
			abort();
		copies++;
	}
	if (!locate_name_all(copy, copies, &error))
		for (int i = 0; i < copies; i++)
			for (int j = 0; j < i; j++)
				if (!strcmp(copy[i].name, copy[j].name))
					abort();
	free(text);
	return 0;
}
