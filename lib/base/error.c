/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct svc_error *error, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	/* cppcheck-suppress ctuuninitvar ; only written: the caller need not set it before */
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	error->next[0] = '\0';
	return code;
}

void error_next(struct svc_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->next, sizeof(error->next), format, args);
	va_end(args);
}
