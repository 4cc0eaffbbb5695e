/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file as one piece of text. */
#ifndef SVC_WHOLE_H
#define SVC_WHOLE_H

#include <stddef.h>

/*
 * What an open regular file holds, NUL-terminated. NULL: it could not be read, or it has more than `most` bytes, and
 * *length says how many. Free it.
 */
char *whole_read(int file, size_t most, size_t *length);

#endif
