/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One program, several names: `svc-compare ...`, or `svc compare ...`. */
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "options.h"

static const struct command *const commands[] = { &svc_compare, &svc_resync };

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i]->name, name) || !strcmp(commands[i]->name + strlen("svc-"), name))
			return commands[i];
	return NULL;
}

/* What could not be printed was not said: that is no success. */
static int finish(const struct command *command, int code)
{
	bool is_lost = fflush(stdout) != 0 || ferror(stdout);

	if (is_lost && !code)
		complain(command, "the output could not be written", NULL);
	return is_lost && !code ? SVC_EXIT_IO : code;
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const struct command *command = argc > 0 ? find(slash ? slash + 1 : argv[0]) : NULL;

	if (command)
		return finish(command, command->run(argc, argv));
	if (argc > 1 && (command = find(argv[1])))
		return finish(command, command->run(argc - 1, argv + 1));
	if (argc > 1 && strcmp(argv[1], "--help") != 0)
		fprintf(stderr, "svc: %s: no such command\n", argv[1]);
	fprintf(argc > 1 && !strcmp(argv[1], "--help") ? stdout : stderr,
	        "usage: svc COMMAND [OPTIONS], or by name:\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(argc > 1 && !strcmp(argv[1], "--help") ? stdout : stderr, "  %-14s %s\n", commands[i]->name,
		        commands[i]->summary);
	return argc > 1 && !strcmp(argv[1], "--help") ? SVC_EXIT_DONE : SVC_EXIT_USAGE;
}
