/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That an NBD path was found stale, remembered for whoever looks next, in another process too, until the opposite is
 * proven: an export that caches goes on caching while the direct path is dead, and nothing can be proven then.
 *
 * One file for each locator in /run/svc, named after its checksum. That it is there is what counts; what it holds, the
 * time, the locator and the sentence on a line each, is for the report.
 */
#ifndef SVC_PATH_STALE_H
#define SVC_PATH_STALE_H

#include "base/error.h"
#include "model.h"

#define STALE_DIRECTORY "/run/svc"

/*
 * What one process knows; begins with zeros. Takes the file's place where that cannot be written. A locator of its own:
 * svc.conf may have been read again.
 */
struct path_stale {
	char locator[SVC_LOCATOR_SIZE]; /* empty: none */
	struct svc_error why;
};

/* Found stale, for the reason in *why. 0, or -errno where it could not be written: then it is kept in *stale alone. */
int stale_remember(struct path_stale *stale, const char *directory, const char *locator, const struct svc_error *why);

/* The opposite is proven. 0, or -errno where the file cannot be taken away: it counts on. */
int stale_forget(struct path_stale *stale, const char *directory, const char *locator);

/* Whether it was found stale, by the file or by *stale; *why says when and how. What cannot be read counts as stale. */
bool stale_recall(const struct path_stale *stale, const char *directory, const char *locator, struct svc_error *why);

#endif
