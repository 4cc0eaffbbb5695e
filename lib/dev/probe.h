/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a block device answers at all: asked by a child, for who waits for a dead device cannot be killed. */
#ifndef SVC_PROBE_H
#define SVC_PROBE_H

/*
 * Opens the path and reads its first block, in a child process that is left behind where it does not come back.
 * -ETIMEDOUT after `seconds`; 0 where there was an answer, be it an error: the caller will meet it himself.
 */
int probe_device(const char *path, unsigned seconds);

/* The same with another question, which ends with _exit; for tests. */
int probe_with(void (*ask)(const char *path), const char *path, unsigned seconds);

#endif
