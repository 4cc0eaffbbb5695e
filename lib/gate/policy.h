/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the boot may do by itself: [boot] of svc.conf, and the kernel's command line over it. */
#ifndef SVC_POLICY_H
#define SVC_POLICY_H

#include "locate/conf.h"
#include "verdict/reason.h"

#define POLICY_CONSOLE "console" /* the kernel's own */

enum gate_mode {
	GATE_AUTO, /* rebuild where the authority is known, ask where it is not */
	GATE_ASK,  /* ask before anything is written */
	GATE_OFF,  /* leave the mirror alone */
};

struct gate_policy {
	enum gate_mode mode;
	char controller;           /* 'a', 'b', or 0: not configured */
	char legs[CONF_WORD_SIZE]; /* names of copies in the order of the mirror's legs; empty: not configured */
	char console[64];          /* below /dev; may carry a speed: ttyS0,115200n8 */
	int console_seconds;       /* how long a person is waited for; -1: for ever */
	unsigned device_seconds;   /* how long a device may take to appear or to answer */
	bool is_degraded_allowed;  /* on this controller's flash, or on shared, alone */
	struct reasons mistakes;   /* words that are not understood: the mode is then not `auto` */
};

/*
 * The words: svc.mode=auto|ask|off, svc.controller=a|b, svc.console=NAME[,SPEED], svc.timeout=SECONDS,
 * svc.device-timeout=SECONDS, svc.degraded=yes|no. As for the kernel, `-` and `_` are the same in a word's
 * name, the last one counts, quotes keep blanks together and what follows a lone `--` is not for us. Pure.
 */
void policy_read(const struct svc_conf *conf, const char *command_line, struct gate_policy *policy);

/* "auto", "ask", "off" */
const char *policy_mode_name(enum gate_mode mode);

#endif
