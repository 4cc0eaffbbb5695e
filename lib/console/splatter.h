/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's log: messages that it printed over our screen, and what is ours in it. */
#ifndef SVC_CONSOLE_SPLATTER_H
#define SVC_CONSOLE_SPLATTER_H

#include "console/document.h"

struct splatter {
	int file;              /* /dev/kmsg; -1: not to be had */
	bool is_on_console;    /* this terminal is one that the kernel prints to */
	bool has_read_history; /* what was logged before is no splatter */
};

/* `terminal`: a file descriptor of it. */
void splatter_open(struct splatter *splatter, int terminal);

/* Reads what is new. Lines of our own commands are added to *log. True: something was printed over the screen. */
bool splatter_check(struct splatter *splatter, struct lines *log);
void splatter_close(struct splatter *splatter);

#endif
