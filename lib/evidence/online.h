/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What device-mapper says of a mirror that is active on this host. */
#ifndef SVC_ONLINE_EVIDENCE_H
#define SVC_ONLINE_EVIDENCE_H

#include "locate/locate.h"
#include "model.h"

enum { ONLINE_UUID_SIZE = 4 + 64 + 1 };

/* LVM's UUID for the mirror's device: "LVM-", the VG's and the LV's UUID without dashes. False where they are none. */
bool online_uuid(const struct lvm_evidence *lvm, char uuid[ONLINE_UUID_SIZE]);

/*
 * The status parameters of dm-raid (Documentation/admin-guide/device-mapper/dm-raid.rst): type, number of
 * devices, a character per device, done/total sectors, action, mismatches. False where they are not a raid1's.
 */
bool online_parse_status(const char *parameters, struct online_evidence *online);

/* Fills copy->evidence.online; left alone where the copy's mirror is not active here. */
void online_read(struct copy *copy, const struct access *access);

#endif
