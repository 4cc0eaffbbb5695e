/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Line mode: a line typed is a key, or the word that a prompt wants. Several lines at once, and a line with more than
 * letters in it, were pasted or are noise, and count for nothing. Pure. */
#ifndef SVC_CONSOLE_TYPED_H
#define SVC_CONSOLE_TYPED_H

#include "console/console.h"

enum { TYPED_KEYS_MAX = 260 };

struct typed {
	char line[256];
	size_t length;
	bool is_complete; /* a line is held, to see whether something follows */
	bool is_burst;
	uint64_t last_ms;
	/* what was last shown: a screen is printed again when one of these changed */
	bool has_shown;
	uint32_t shown;
};

void typed_byte(struct typed *typed, uint8_t byte, uint64_t now_ms);

/* The keys that a held line stands for, once nothing followed it. Returns how many. */
int typed_tick(struct typed *typed, struct console *console, uint64_t now_ms, int keys[TYPED_KEYS_MAX]);
int typed_wait_ms(const struct typed *typed, uint64_t now_ms);

/* Whether something changed that a person wants to see: not every step of a progress bar. */
bool typed_wants_paint(struct typed *typed, const struct console *console, bool is_whole);

#endif
