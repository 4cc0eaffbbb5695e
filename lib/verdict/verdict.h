/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict: which copy is right, and why. Pure: no I/O, no clock, no globals.
 *
 * It is asked twice: first on evidence alone (comparison NULL), which also names the reference that the
 * content is compared against, and again with what the comparison showed. "Cannot tell" is a verdict.
 */
#ifndef SVC_VERDICT_H
#define SVC_VERDICT_H

#include "model.h"

/*
 * Judges `copies` copies (at most SVC_COPIES_MAX). comparison is NULL, or not done: evidence alone.
 * is_final: nothing more will be compared, so that the reasons say what was not looked at.
 */
void verdict_judge(const struct copy *copy, int copies, const struct comparison *comparison, bool is_final,
                   struct verdict *verdict);

/*
 * The copy the content of the others is best held against: the authority, else the usable copy with
 * the lowest array position. -1: nothing can be compared (fewer than two usable copies, or unrelated).
 */
int verdict_reference(const struct copy *copy, int copies, const struct verdict *verdict);

/* The index of the first usable copy in the same group: `copy[index]` is a second path to it. Else index. */
int verdict_first_path(const struct copy *copy, int copies, int index);

/*
 * Where the LVM metadata `text` has a leg, held against where it was found by that of its own device, `own`. Texts of
 * other mirrors or with other legs have it nowhere.
 */
enum leg_by { LEG_THERE, LEG_MOVED, LEG_GONE };
enum leg_by verdict_leg_by(const struct lvm_evidence *text, const struct lvm_evidence *own, unsigned leg);

/* Whether the reason is among the verdict's; *copy, where not NULL, is then whose it is. */
bool verdict_has(const struct verdict *verdict, enum reason_id id, int *copy);

/* The words of the JSON. */
const char *verdict_name(enum verdict_kind kind);
const char *state_name(enum copy_state state);

#endif
