// SPDX-License-Identifier: GPL-2.0-or-later
/* A word to be typed: what destroys something has a screen of its own, and wants exactly one word. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "console/console_private.h"

void prompt_open(struct console *console, const char *title, const char *wanted, const char *format, ...)
{
	struct prompt *prompt = &console->prompt;
	va_list arguments;

	memset(prompt, 0, sizeof(*prompt));
	prompt->title = title;
	snprintf(prompt->wanted, sizeof(prompt->wanted), "%s", wanted);
	va_start(arguments, format);
	vsnprintf(prompt->about, sizeof(prompt->about), format, arguments);
	va_end(arguments);
	console_go(console, SCREEN_PROMPT);
}

void prompt_unlock(struct console *console, enum action_id then)
{
	prompt_open(
		console, "Unlock", "unlock",
		"This console is locked and writes nothing. Unlocked it may, until it ends; every action still asks.");
	console->prompt.kind = PROMPT_UNLOCK;
	console->prompt.then = then;
}

static struct request unlock(struct console *console)
{
	enum action_id then = console->prompt.then;

	console->is_unlocked = true;
	console_back(console);
	console_say(console, "unlocked: what writes still asks before it does");
	if (then == KEYS)
		return (struct request){ .kind = REQUEST_NONE };
	return console_act(console, then, 0);
}

static struct request search(struct console *console)
{
	snprintf(console->search, sizeof(console->search), "%.63s", console->prompt.typed);
	console_back(console);
	return console_act(console, KEY_OF_SEARCH_NEXT, 0);
}

/* What is asked for wants its very word; a prompt without one can only ask for a name. */
static bool is_right(const struct prompt *prompt)
{
	if (!*prompt->wanted)
		return prompt->kind != PROMPT_REQUEST && prompt->kind != PROMPT_UNLOCK;
	return !strcmp(prompt->typed, prompt->wanted);
}

static struct request enter(struct console *console)
{
	struct prompt *prompt = &console->prompt;
	struct request request = prompt->request;

	if (!*prompt->typed) {
		console_back(console);
		console_say(console, "nothing was typed, and nothing was done");
		return (struct request){ .kind = REQUEST_NONE };
	}
	if (!is_right(prompt)) {
		console_back(console);
		console_say(console, "that was not \"%s\": nothing was done", prompt->wanted);
		return (struct request){ .kind = REQUEST_NONE };
	}
	if (prompt->kind == PROMPT_SEARCH)
		return search(console);
	if (prompt->kind == PROMPT_FILE)
		snprintf(request.word, sizeof(request.word), "%s", prompt->typed);
	if (prompt->kind == PROMPT_SAVE)
		snprintf(request.save, sizeof(request.save), "%s", prompt->typed);
	if (prompt->kind == PROMPT_UNLOCK)
		return unlock(console);
	console_back(console);
	return request;
}

struct request prompt_key(struct console *console, int key)
{
	struct prompt *prompt = &console->prompt;
	size_t length = strlen(prompt->typed);

	if (key == KEY_ENTER)
		return enter(console);
	if (key == KEY_CANCEL) {
		console_back(console);
		console_say(console, "nothing was done");
	} else if (key == KEY_ERASE && length) {
		prompt->typed[length - 1] = '\0';
	} else if (key == KEY_KILL) {
		prompt->typed[0] = '\0';
	} else if (key >= 0x20 && key < 0x7f && length + 1 < sizeof(prompt->typed)) {
		prompt->typed[length] = (char)key;
		prompt->typed[length + 1] = '\0';
	}
	return (struct request){ .kind = REQUEST_NONE };
}
