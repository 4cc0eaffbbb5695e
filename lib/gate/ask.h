/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A person at the console, for a while. */
#ifndef SVC_ASK_H
#define SVC_ASK_H

#include <signal.h>

#include "gate/policy.h"

enum {
	ASK_NOBODY = 0,
	ASK_AGAIN = 1,   /* the copies are to be looked at again */
	ASK_WITHOUT = 2, /* the boot is to go on without the mirror */
};

/*
 * Prints `banner` on the policy's console and waits for a key. If one is pressed in time, runs the first of the
 * programs (each argv ended by NULL, the list too) that can be run there, until it ends. The last one is a shell, the
 * others take --wait SECONDS (unless the policy waits for ever) and end as svc-console --boot does: 0 again, 2 without
 * the mirror, 6 nobody was there.
 * Returns one of the above (ASK_NOBODY too where *stop was set), or -errno where there is no such terminal; nothing is
 * written to what is none.
 */
int ask_person(const struct gate_policy *policy, const char *banner, const char *const *const programs[],
               const volatile sig_atomic_t *stop);

/*
 * Where the file is a terminal: no byte that comes in on it stops its output any more, and what has stopped it does so no
 * longer. Whoever writes to a stopped one waits for ever.
 */
void ask_keep_flowing(int fd);

/* The device and the speed of "ttyS0,115200n8"; speed 0: none given. False where the speed is none. Pure. */
bool ask_parse_console(const char *console, char device[64], unsigned *speed);

#endif
