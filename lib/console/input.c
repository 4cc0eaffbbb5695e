// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/input.h"

#include "console/console.h"

void input_init(struct input *input)
{
	*input = (struct input){ .held = INPUT_NONE };
}

/* Arrow keys and the like, ECMA-48: ESC [ parameters final, or ESC O final. True: the byte belongs to one. */
static bool take_sequence(struct input *input, uint8_t *byte, bool is_close)
{
	if (*byte == 0x1b) {
		input->state = INPUT_ESCAPE;
		return true;
	}
	if (input->state == INPUT_PLAIN)
		return false;
	if (!is_close) { /* a bare ESC, long ago: it means nothing */
		input->state = INPUT_PLAIN;
		return false;
	}
	if (input->state == INPUT_ESCAPE && (*byte == '[' || *byte == 'O')) {
		input->state = INPUT_SEQUENCE;
		return true;
	}
	if (input->state == INPUT_SEQUENCE && *byte >= 0x20 && *byte < 0x40)
		return true;
	if (input->state == INPUT_SEQUENCE && (*byte == 'A' || *byte == 'B')) {
		*byte = *byte == 'A' ? 'k' : 'j';
		input->state = INPUT_PLAIN;
		return false;
	}
	input->state = INPUT_PLAIN;
	return true;
}

static int burst(struct input *input)
{
	bool is_new = !input->is_told;

	input->held = INPUT_NONE;
	input->is_burst = true;
	input->is_told = true;
	return is_new ? KEY_PASTED : INPUT_NONE;
}

int input_byte(struct input *input, uint8_t byte, bool is_word, uint64_t now_ms)
{
	uint64_t gap_ms = input->has_last ? now_ms - input->last_ms : UINT64_MAX;
	bool is_close = gap_ms < INPUT_APART_MS, was_sequence = input->state != INPUT_PLAIN;

	input->last_ms = now_ms;
	input->has_last = true;
	if (gap_ms >= INPUT_QUIET_MS)
		input->is_burst = input->is_told = false;
	if (take_sequence(input, &byte, is_close))
		return input->is_burst || input->held != INPUT_NONE ? burst(input) : INPUT_NONE;
	if (byte == '\n')
		byte = KEY_ENTER;
	if (byte == 0x08)
		byte = KEY_ERASE;
	if (is_word && byte >= 0x20 && byte < KEY_ERASE) {
		if (input->is_burst || (is_close && input->held != INPUT_NONE))
			return burst(input); /* the rest of what is pasted */
		return !was_sequence ? byte : INPUT_NONE;
	}
	if (input->is_burst || (is_close && !was_sequence) || byte >= 0x80 || !byte)
		return burst(input);
	input->held = byte;
	return INPUT_NONE;
}

int input_tick(struct input *input, uint64_t now_ms)
{
	int key = input->held;

	if (key == INPUT_NONE || now_ms - input->last_ms < INPUT_APART_MS)
		return INPUT_NONE;
	input->held = INPUT_NONE;
	return key;
}

int input_wait_ms(const struct input *input, uint64_t now_ms)
{
	uint64_t waited_ms = now_ms - input->last_ms;

	if (input->held == INPUT_NONE)
		return -1;
	return waited_ms >= INPUT_APART_MS ? 0 : (int)(INPUT_APART_MS - waited_ms);
}
