/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The support bundle: what someone far away needs, as one gzip'ed tar. Its gzip checksum is over all of it, so that
 * `gzip -t` tells whether it arrived whole. No content of the mirror's files is in it.
 */
#ifndef SVC_CONSOLE_BUNDLE_H
#define SVC_CONSOLE_BUNDLE_H

#include "console/console.h"

/*
 * Writes the new file `path`: the copies' evidence, the paths, whose the mirror is, what can be taken back (each as its
 * command says it), all jobs of `directory`, the boot's notes, the configuration, the kernel's log and tables. *bytes is the file's size. What cannot be had is said in the bundle.
 * -EEXIST and other -errno, with a sentence.
 */
int bundle_write(const char *path, const char *directory, const struct task_options *options, uint64_t *bytes,
                 struct svc_error *error);

/*
 * The file as base64 between two marked lines, after how to take it down and how long it takes. Ctrl-C or Ctrl-G, or
 * nothing more to read, on `in` stops it: -ECANCELED. -errno with a sentence.
 */
int bundle_send(const char *path, int in, int out, struct svc_error *error);

/* Names of new files on what is mounted and can be carried away, and one in TMPDIR, or /var/tmp. Returns how many. */
int bundle_targets(char target[][200], int most);

#endif
