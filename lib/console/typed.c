// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/typed.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { APART_MS = 30 };

void typed_byte(struct typed *typed, uint8_t byte, uint64_t now_ms)
{
	if (typed->is_complete) /* and another one follows at once */
		typed->is_burst = true;
	typed->last_ms = now_ms;
	if (byte == '\n' || byte == '\r') {
		typed->is_complete = true;
	} else if (byte >= 0x20 && byte < 0x7f && !typed->is_complete && typed->length + 1 < sizeof(typed->line)) {
		typed->line[typed->length++] = (char)byte;
		typed->line[typed->length] = '\0';
	} else {
		typed->is_burst = true; /* nobody types that */
	}
}

int typed_tick(struct typed *typed, struct console *console, uint64_t now_ms, int keys[TYPED_KEYS_MAX])
{
	bool is_prompt = console->screen == SCREEN_PROMPT;
	int count = 0;

	if (!typed->is_complete || now_ms - typed->last_ms < APART_MS)
		return 0;
	typed->has_shown = false; /* whatever was typed gets an answer */
	if (typed->is_burst) {
		keys[count++] = KEY_PASTED;
	} else if (is_prompt) {
		keys[count++] = KEY_KILL;
		for (size_t i = 0; i < typed->length; i++)
			keys[count++] = typed->line[i];
		keys[count++] = KEY_ENTER;
	} else if (typed->length == 1) {
		keys[count++] = typed->line[0];
	} else if (!typed->length) {
		keys[count++] = KEY_ENTER;
	} else {
		console_say(console, "type one key, and Enter");
	}
	typed->length = 0;
	typed->line[0] = '\0';
	typed->is_complete = typed->is_burst = false;
	return count;
}

int typed_wait_ms(const struct typed *typed, uint64_t now_ms)
{
	uint64_t waited_ms = now_ms - typed->last_ms;

	if (!typed->is_complete)
		return -1;
	return waited_ms >= APART_MS ? 0 : (int)(APART_MS - waited_ms);
}

bool typed_wants_paint(struct typed *typed, const struct console *console, bool is_whole)
{
	const struct shown_report *report = console_report(console);
	const struct job *work = console_work(console), *shown = console_job(console, console->shown_job);
	char text[1400];
	uint32_t now;

	if (console->screen == SCREEN_PROMPT && *console->prompt.typed)
		return false;
	snprintf(text, sizeof(text), "%d %d %s %s %s %s %u %d %d %d %d", console->screen, console->depth,
	         console->message, report ? report->verdict : "", report ? report->status : "", console->trouble,
	         work ? work->number : 0, work ? (int)work->state : -1, shown ? (int)shown->state : -1,
	         console->has_paths, console->paths.exit);
	now = (uint32_t)crc32(0, (const uint8_t *)text, (unsigned)strlen(text));
	if (!is_whole && typed->has_shown && typed->shown == now)
		return false;
	typed->has_shown = true;
	typed->shown = now;
	return true;
}
