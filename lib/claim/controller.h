/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the two controllers this is: what it is told, held against what it can see. Pure. */
#ifndef SVC_CONTROLLER_H
#define SVC_CONTROLLER_H

#include "model.h"

/*
 * Whether the copies contradict that this is `controller` ('a' or 'b'): the only flash among them is the other
 * controller's, or the own one is another leg than svc.conf's `legs` (NULL or empty: not given) makes of it, or its
 * record was written under the other one's name. Then the reasons say how. Records go by the letter: whoever has the
 * wrong one takes what the other controller owns for its own.
 */
bool controller_is_contradicted(char controller, const char *legs, const struct copy *copy, int copies,
                                struct reasons *reasons);

#endif
