// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/whole.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char *whole_read(int file, size_t most, size_t *length)
{
	struct stat status;
	char *text = NULL;
	ssize_t got;

	*length = 0;
	if (!fstat(file, &status) && S_ISREG(status.st_mode)) {
		if ((uint64_t)status.st_size > most)
			*length = (size_t)status.st_size;
		else
			text = malloc((size_t)status.st_size + 1);
	}
	while (text && *length < (size_t)status.st_size &&
	       (got = read(file, text + *length, (size_t)status.st_size - *length)) > 0)
		*length += (size_t)got;
	if (text)
		text[*length] = '\0';
	return text;
}
