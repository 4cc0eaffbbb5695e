/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dm-multipath's table and status as text (drivers/md/dm-mpath.c, multipath_status). Pure.
 */
#ifndef SVC_MULTIPATH_H
#define SVC_MULTIPATH_H

#include "path/control.h"

/* The parameters of a table with one group for each device that is not 0, in the order of enum path_kind. */
void multipath_format(const uint64_t rdev[PATHS], bool is_queueing, char *text, size_t size);

/* From the parameters of the status: which paths there are, which of them failed, and where I/O goes. */
bool multipath_parse_status(const char *parameters, struct control_state *state);

#endif
