/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LVM activates the mirror from exactly the members' devices, and device-mapper says what came of it. */
#ifndef SVC_ACTIVATE_H
#define SVC_ACTIVATE_H

#include "base/error.h"
#include "model.h"

/*
 * Activates the LV that the members are legs of. 0; -EIO and other -errno with a sentence where LVM or the kernel did
 * not, or where a member is not in sync in it: then the mirror is deactivated again. -EBUSY: it is active all the same,
 * and not as it should be.
 */
int activate_mirror(const struct copy *copy, int copies, const bool is_member[SVC_COPIES_MAX], unsigned seconds,
                    struct svc_error *error);

/*
 * Deactivates the LV that any of the copies is a leg of. Legs that are no longer there do not stop it. 0, where it was not
 * active too; -EBUSY (somebody has it open), -EIO ... with a sentence.
 */
int deactivate_mirror(const struct copy *copy, int copies, unsigned seconds, struct svc_error *error);

/*
 * LVM's devices section that lets it see these devices and no others. False where a name has characters that do not
 * belong into a filter, or it does not fit. Pure.
 */
bool activate_filter(const char *const device[], int devices, char *text, size_t size);

#endif
