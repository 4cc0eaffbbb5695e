/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gate/policy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum {
	WORD_SIZE = 256, /* longer ones are none of ours */
	CONSOLE_SECONDS = 60,
	DEVICE_SECONDS = 10,
};

static const struct {
	const char *word;
	const char *section;
	const char *key;
} words[] = {
	{ "svc.mode", "boot", "mode" },
	{ "svc.controller", "controller", "id" },
	{ "svc.console", "boot", "console" },
	{ "svc.timeout", "boot", "timeout" },
	{ "svc.device-timeout", "boot", "device-timeout" },
	{ "svc.degraded", "boot", "degraded" },
};

/*
 * Takes the next word, without its quotes (the kernel's next_arg, lib/cmdline.c); false at the end. A word that does
 * not fit is cut, and is_cut says so.
 */
static bool next_word(const char **at, char word[WORD_SIZE], bool *is_cut)
{
	bool is_quoted = false;
	size_t length = 0;

	while (isspace((unsigned char)**at))
		++*at;
	*is_cut = false;
	if (!**at)
		return false;
	for (; **at && (is_quoted || !isspace((unsigned char)**at)); ++*at) {
		if (**at == '"')
			is_quoted = !is_quoted;
		else if (length < WORD_SIZE - 1)
			word[length++] = **at;
		else
			*is_cut = true;
	}
	word[length] = '\0';
	return true;
}

/* Returns NULL, or what is wrong with the word. */
static const char *take_word(struct svc_conf *conf, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (char *c = word; *c; c++)
		if (*c == '_')
			*c = '-';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(word, words[i].word))
			return value ? conf_set(conf, words[i].section, words[i].key, value) : "has no value";
	return "is not known";
}

static void read_line(struct svc_conf *conf, const char *line, struct reasons *mistakes)
{
	char word[WORD_SIZE], shown[2 * WORD_SIZE];
	bool is_cut;

	while (next_word(&line, word, &is_cut) && strcmp(word, "--") != 0) {
		const char *wrong;

		if (strncmp(word, "svc.", 4) != 0)
			continue;
		wrong = is_cut ? "is too long" : take_word(conf, word);
		word[40] = '\0';
		if (wrong)
			reason_add(mistakes, REASON_BOOT_WORD, -1, "%s on the kernel's command line %s",
			           text_escape(word, shown, sizeof(shown)), wrong);
	}
}

void policy_read(const struct svc_conf *conf, const char *command_line, struct gate_policy *policy)
{
	struct svc_conf given = *conf;

	memset(policy, 0, sizeof(*policy));
	read_line(&given, command_line, &policy->mistakes);
	if (!strcmp(given.boot_mode, "off"))
		policy->mode = GATE_OFF;
	else if (!strcmp(given.boot_mode, "ask") || policy->mistakes.count)
		policy->mode = GATE_ASK;
	policy->controller = given.controller;
	memcpy(policy->legs, given.legs, sizeof(policy->legs));
	snprintf(policy->console, sizeof(policy->console), "%s",
	         given.boot_console[0] ? given.boot_console : POLICY_CONSOLE);
	policy->console_seconds = given.boot_timeout_seconds ? given.boot_timeout_seconds : CONSOLE_SECONDS;
	policy->device_seconds = given.boot_device_timeout_seconds ? given.boot_device_timeout_seconds : DEVICE_SECONDS;
	policy->is_degraded_allowed = given.boot_degraded == 'y';
}

const char *policy_mode_name(enum gate_mode mode)
{
	static const char *const name[] = { [GATE_AUTO] = "auto", [GATE_ASK] = "ask", [GATE_OFF] = "off" };

	return name[mode];
}
