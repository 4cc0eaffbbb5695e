/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What went wrong, as a sentence, and what to do next. The library fills it; only commands print it. */
#ifndef SVC_ERROR_H
#define SVC_ERROR_H

struct svc_error {
	char text[512]; /* a sentence without a final stop, naming the device */
	char next[256]; /* what to do; may be empty */
};

/* Sets text (printf) and clears next. Returns `code`, so that `return error_set(e, -EIO, ...)` reads well. */
int error_set(struct svc_error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Sets what to do next (printf). */
void error_next(struct svc_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
