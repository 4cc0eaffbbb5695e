/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model.h"
#include "report/report.h"

enum { KEY_JSON = 1000, KEY_LV, KEY_PROGRESS, KEY_TIMEOUT, KEY_EXPLAIN, ROWS_MAX = 48 };

static const struct option_row common_rows[] = {
	{ 'c', "config", "FILE", "read copies and settings from this file" },
	{ KEY_LV, "lv", "VG/LV", "the mirror that is meant, where a device has several" },
	{ KEY_TIMEOUT, "timeout", "SECONDS", "give up on an NBD server after SECONDS (10)" },
	{ KEY_JSON, "json", NULL, "print one JSON object instead of text" },
	{ 'n', "dry-run", NULL, "show what would be done, write nothing" },
	{ 'y', "yes", NULL, "do not ask" },
	{ 'q', "quiet", NULL, "print errors only; the exit code tells" },
	{ 'v', "verbose", NULL, "print everything that was found" },
	{ KEY_PROGRESS, "progress", "WHEN", "auto (on a terminal), always or never" },
	{ KEY_EXPLAIN, "explain", "ID", "say what a reason (SVC-...) means; \"all\" lists them" },
	{ 'h', "help", NULL, "print this help" },
	{ 'V', "version", NULL, "print the version" },
	{ 0, NULL, NULL, NULL },
};

static struct svc_error first_complaint;
static bool is_json_printed;

void complain(const struct command *command, const char *text, const char *next)
{
	char shown[2048]; /* what a device or an argument is called goes to a terminal */

	if (!first_complaint.text[0]) {
		error_set(&first_complaint, 0, "%s", text);
		error_next(&first_complaint, "%s", next ? next : "");
	}
	fprintf(stderr, "%s: %s\n", command->name, text_escape(text, shown, sizeof(shown)));
	if (next && *next)
		fprintf(stderr, "%s: next: %s\n", command->name, text_escape(next, shown, sizeof(shown)));
}

void complain_error(const struct command *command, int exit, const struct svc_error *error)
{
	struct svc_error whole = *error;

	report_next(command->name, exit, &whole);
	complain(command, whole.text, whole.next);
}

int complain_output(const struct command *command)
{
	complain(command, "the output could not be written",
	         "see where it goes to: is that full, or closed? svc-compare tells how the copies are");
	return SVC_EXIT_IO;
}

FILE *options_json(void)
{
	is_json_printed = true;
	return stdout;
}

/* Also where parsing ended before it, and cut short as getopt_long takes it. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strlen(argv[i]) >= strlen("--js") && !strncmp("--json", argv[i], strlen(argv[i])))
			return true;
	return false;
}

int options_end(const struct command *command, int argc, char **argv, int code)
{
	bool is_lost;

	if (code && first_complaint.text[0] && !is_json_printed && wants_json(argc, argv))
		report_error_json(command->name + strlen("svc-"), &first_complaint, code, stdout);
	is_lost = fflush(stdout) != 0 || ferror(stdout);
	return is_lost && !code ? complain_output(command) : code;
}

static const struct option_row *find_row(const struct option_row *row, const char *name)
{
	while (row->name && strcmp(row->name, name) != 0)
		row++;
	return row->name ? row : NULL;
}

/* Those of `others` have been printed, or stand in place of these. */
static void print_rows(const struct option_row *row, const struct option_row *others)
{
	for (; row->name; row++) {
		char left[40], brief[4] = "";

		if (!row->help || (others && find_row(others, row->name)))
			continue;
		if (row->key < 256)
			snprintf(brief, sizeof(brief), "-%c,", row->key);
		snprintf(left, sizeof(left), "  %3s --%s%s%s", brief, row->name, row->argument ? "=" : "",
		         row->argument ? row->argument : "");
		printf("%-27s %s\n", left, row->help);
	}
}

static void print_help(const struct command *command)
{
	printf("usage: %s %s\n\n%s\n\n", command->name, command->synopsis, command->summary);
	print_rows(command->rows, NULL);
	print_rows(common_rows, command->rows);
	printf("\nCOPY is NAME=LOCATOR or LOCATOR. NAME: flash-a, flash-b, shared; shared@direct\n"
	       "and shared@nbd name a path. LOCATOR: a block device, an image file, or a URI of\n"
	       "an NBD server. Without COPY, /etc/svc/svc.conf names them. See %s(8).\n",
	       command->name);
}

static bool take_number(const char *value, unsigned *number)
{
	char *end;
	unsigned long parsed = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || parsed < 1 || parsed > 3600)
		return false;
	*number = (unsigned)parsed;
	return true;
}

static bool take_common(const struct command *command, struct common_options *common, int key, const char *value)
{
	static const char *const when[] = { "auto", "always", "never" };

	switch (key) {
	case 'c':
		common->config = value;
		return true;
	case 'n':
		common->is_dry_run = true;
		return true;
	case 'y':
		common->is_yes = true;
		return true;
	case 'q':
		common->is_quiet = true;
		return true;
	case 'v':
		common->is_verbose = true;
		return true;
	case KEY_JSON:
		common->is_json = true;
		return true;
	case KEY_LV:
		common->lv = value;
		return true;
	case KEY_TIMEOUT:
		if (take_number(value, &common->timeout_seconds))
			return true;
		complain(command, "--timeout takes a number of seconds from 1 to 3600",
		         "give it in digits: --timeout 10");
		return false;
	default:
		for (int i = 0; i < 3; i++)
			if (!strcmp(value, when[i])) {
				common->progress = i;
				return true;
			}
		complain(command, "--progress takes auto, always or never", "give one of these: --progress never");
		return false;
	}
}

static int explain(const struct command *command, const char *id)
{
	const struct reason_row *wanted = reason_find(id);
	bool is_all = !strcmp(id, "all");

	if (!wanted && !is_all) {
		complain(command, "--explain: no such reason", "svc-compare --explain all lists them");
		return SVC_EXIT_USAGE;
	}
	for (enum reason_id i = 0; i < REASON_COUNT; i++)
		if (is_all || reason_row(i) == wanted)
			report_explain(i, stdout);
	return SVC_EXIT_DONE;
}

/* Both tables as getopt_long wants them. A lone "-x" error is ours to print: it names the next step. */
static void make_getopt(const struct command *command, struct option *option, char *brief)
{
	const struct option_row *tables[] = { command->rows, common_rows };
	size_t n = 0;

	*brief++ = ':';
	for (int t = 0; t < 2; t++)
		for (const struct option_row *row = tables[t]; row->name && n < ROWS_MAX - 1; row++) {
			option[n++] = (struct option){ row->name, row->argument ? required_argument : no_argument, NULL,
				                       row->key };
			if (row->key >= 256)
				continue;
			*brief++ = (char)row->key;
			if (row->argument)
				*brief++ = ':';
		}
	option[n] = (struct option){ NULL, 0, NULL, 0 };
	*brief = '\0';
}

static bool is_own(const struct command *command, int key)
{
	for (const struct option_row *row = command->rows; row->name; row++)
		if (row->key == key)
			return true;
	return false;
}

int options_parse(const struct command *command, int argc, char **argv, struct common_options *common, void *own,
                  int *first)
{
	struct option option[ROWS_MAX];
	char brief[2 * ROWS_MAX + 2], text[200];
	int key;

	make_getopt(command, option, brief);
	opterr = 0;
	optind = 1;
	while ((key = getopt_long(argc, argv, brief, option, NULL)) != -1) {
		switch (key) {
		case 'h':
			print_help(command);
			return SVC_EXIT_DONE;
		case 'V':
			printf("%s %s\n", command->name, SVC_VERSION);
			return SVC_EXIT_DONE;
		case KEY_EXPLAIN:
			return explain(command, optarg);
		case ':':
		case '?':
			snprintf(text, sizeof(text), "%s: %s", argv[optind - 1],
			         key == ':' ? "a value is missing" : "no such option");
			complain(command, text,
			         key == ':' ? "give it a value; --help lists the options" : "see --help");
			return SVC_EXIT_USAGE;
		default:
			if (is_own(command, key) ? !command->take(own, key, optarg)
			                         : !take_common(command, common, key, optarg))
				return SVC_EXIT_USAGE;
		}
	}
	*first = optind;
	return -1;
}
