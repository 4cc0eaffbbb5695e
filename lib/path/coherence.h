/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether two paths show one and the same volume at this moment: a nonce is written through the one and read
 * through the other, both ways, in this controller's probe slot. Each side is read before the other one writes,
 * so that a cache in between has the old block to hand out.
 */
#ifndef SVC_COHERENCE_H
#define SVC_COHERENCE_H

#include "path/path.h"

/*
 * Through two areas for records, open for writing beside others. *first and *second get what was found of either
 * path, and *why the sentence of what is not proven; *at is always the path that is being touched. A slot that holds
 * something that is not ours, by either path, is not written; by one path alone that is a difference of the two. Leaves a
 * valid slot with its sequence counted up. Several tests at once may use one slot.
 */
void coherence_test(struct dev *const area[PATHS], char controller, enum path_coherence found[PATHS],
                    struct svc_error why[PATHS], enum path_kind *at);

/*
 * The same for paths that were looked at: opens facts[].device in a child process, within twice timeout_seconds for all
 * of it: a path that it does not come back from is broken. Fills coherence and coherence_why. -EINVAL where `controller` is 0, with a sentence.
 */
int coherence_run(struct path_facts facts[PATHS], char controller, const struct dev_options *options,
                  struct svc_error *error);

/* A sign of life: counts the slot of this controller up. 0, -EEXIST where it holds something that is not ours, or -errno. */
int coherence_beat(struct dev *area, char controller, const char *path);

/* The same for a path that was looked at, in a child process within the deadline. */
int coherence_beat_run(const struct path_facts *facts, enum path_kind kind, char controller,
                       const struct dev_options *options);

#endif
