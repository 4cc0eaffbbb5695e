/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One program, several names: `svc-compare ...`, or `svc compare ...`. */
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "options.h"

static const struct command *const commands[] = { &svc_compare, &svc_resync,    &svc_boot,
	                                          &svc_console, &svc_pathcheck, &svc_promote };

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i]->name, name) || !strcmp(commands[i]->name + strlen("svc-"), name))
			return commands[i];
	return NULL;
}

static void print_usage(FILE *out)
{
	fprintf(out, "usage: svc COMMAND [OPTIONS], or by name:\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-14s %s\n", commands[i]->name, commands[i]->summary);
}

static bool is_word(const char *word, const char *first, const char *second, const char *third)
{
	return !strcmp(word, first) || !strcmp(word, second) || !strcmp(word, third);
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const struct command *command = argc > 0 ? command_find(slash ? slash + 1 : argv[0]) : NULL;
	const char *word = argc > 1 ? argv[1] : "";

	if (command)
		return options_end(command, argc, argv, command->run(argc, argv));
	command = command_find(word);
	if (command)
		return options_end(command, argc - 1, argv + 1, command->run(argc - 1, argv + 1));
	if (is_word(word, "-V", "--version", "version")) {
		printf("svc %s\n", SVC_VERSION);
		return SVC_EXIT_DONE;
	}
	if (is_word(word, "-h", "--help", "help")) {
		print_usage(stdout);
		return SVC_EXIT_DONE;
	}
	if (*word)
		fprintf(stderr, "svc: %s: no such command\n", word);
	print_usage(stderr);
	return SVC_EXIT_USAGE;
}
