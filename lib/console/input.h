/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the bytes of a terminal to keys. Pure: time is handed in. A key counts when nothing came just before it and
 * nothing comes just after it: what is pasted, or is noise on a line, presses no key. Inside a field for a typed word
 * letters may come as fast as they like, and whatever is none must be by itself: an Enter among them makes all of it
 * something pasted, of which nothing is left.
 */
#ifndef SVC_CONSOLE_INPUT_H
#define SVC_CONSOLE_INPUT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	INPUT_APART_MS = 25,  /* bytes closer than this were not pressed by a person; a held key repeats every 33 ms */
	INPUT_QUIET_MS = 150, /* so long nothing has to come before a burst is over */
	INPUT_NONE = -1,
};

struct input {
	uint64_t last_ms; /* when the last byte came */
	bool has_last;
	int held; /* a key that waits for nothing to follow; INPUT_NONE */
	bool is_burst;
	bool is_told; /* KEY_PASTED was given for this burst */
	enum { INPUT_PLAIN, INPUT_ESCAPE, INPUT_SEQUENCE } state;
};

void input_init(struct input *input);

/* Takes a byte. Returns a key at once (a letter of a word, KEY_PASTED), or INPUT_NONE. */
int input_byte(struct input *input, uint8_t byte, bool is_word, uint64_t now_ms);

/* The held key, once nothing followed it; else INPUT_NONE. */
int input_tick(struct input *input, uint64_t now_ms);

/* Milliseconds until input_tick may have a key; -1: none is held. */
int input_wait_ms(const struct input *input, uint64_t now_ms);

#endif
