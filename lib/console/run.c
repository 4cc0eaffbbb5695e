// SPDX-License-Identifier: GPL-2.0-or-later
#include "console/run_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/whole.h"
#include "console/bundle.h"
#include "promote/promote.h"

enum {
	TURN_MS = 250,            /* how often jobs and the clock are looked at */
	SPLATTER_EVERY_MS = 5000, /* a whole screen takes a slow line over a second */
	GONE_SECONDS = 5,
	CLOSE_SECONDS = 15, /* what is on its way is waited for: 4 KiB at 9600 baud take four */
	READS_AT_ONCE = 64,
};

volatile sig_atomic_t run_is_gone;
static volatile sig_atomic_t is_resized, exit_code;
static const struct terminal *opened; /* for on_stuck */

/* The line takes nothing any more. Nobody is to wait for us, the boot least of all; work goes on. */
static void on_stuck(int number)
{
	(void)number;
	terminal_restore(opened);
	_exit(exit_code);
}

static void on_signal(int number)
{
	if (number == SIGWINCH)
		is_resized = 1;
	else
		run_is_gone = 1;
	if (number != SIGWINCH)
		alarm(GONE_SECONDS);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal }, stuck = { .sa_handler = on_stuck };

	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGWINCH, &action, NULL);
	sigaction(SIGALRM, &stuck, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)(now.tv_nsec / 1000000);
}

static void read_boot(struct run *run)
{
	int file = run->options->boot_file ? open(run->options->boot_file, O_RDONLY | O_CLOEXEC) : -1;
	struct stat status;
	size_t length;
	char *text;

	if (file < 0)
		return;
	text = whole_read(file, DOCUMENT_BYTES_MAX, &length);
	console_judged(&run->console, text, length, fstat(file, &status) ? 0 : status.st_mtime);
	free(text);
	close(file);
}

/* The names that a support bundle can be saved under. */
static void find_targets(struct run *run)
{
	run->console.targets = bundle_targets(run->console.target, CONSOLE_TARGETS_MAX);
}

void run_start(struct run *run, const struct request *request)
{
	char name[JOB_NAME_SIZE];
	struct task_line line;
	struct svc_error error;

	task_command(request, &run->options->task, &line);
	if (jobs_start(&run->jobs, request->task, line.argument, name, &error)) {
		/* What the console wants for itself, another console may just be doing. */
		if (lane_is_asked(task_row(request->task)->lane) || task_row(request->task)->lane == LANE_OWN)
			console_refused(&run->console, error.text);
		return;
	}
	console_taken(&run->console, request, name);
}

static void carry_out(struct run *run, const struct request *request)
{
	switch (request->kind) {
	case REQUEST_NONE:
		break;
	case REQUEST_RUN:
		run_start(run, request);
		break;
	case REQUEST_STOP:
		if (jobs_stop(&run->jobs, request->word))
			console_say(&run->console, "it could not be told to end");
		break;
	case REQUEST_REDRAW:
		run->is_whole = true;
		break;
	case REQUEST_LEAVE:
		run->has_ended = true;
		run->exit = request->exit;
		break;
	case REQUEST_SHELL:
		run_shell(run);
		break;
	case REQUEST_REBOOT:
		run_reboot(run);
		break;
	case REQUEST_SEND:
		run_send(run);
		break;
	}
}

static bool was_answered(struct run *run, const struct job *job)
{
	struct answered *entry = NULL;

	for (size_t i = 0; i < run->answers && !entry; i++)
		if (!strcmp(run->answered[i].name, job->name))
			entry = &run->answered[i];
	if (entry && entry->serial == job->serial)
		return true;
	if (!entry && run->answers == sizeof(run->answered) / sizeof(run->answered[0])) {
		memmove(run->answered, run->answered + 1, (run->answers - 1) * sizeof(*entry));
		run->answers--;
	}
	if (!entry)
		entry = &run->answered[run->answers++];
	memcpy(entry->name, job->name, sizeof(entry->name));
	entry->serial = job->serial;
	return false;
}

/* Of what was done before this console began, the last of each kind is enough. */
static bool is_outdone(const struct run *run, int index)
{
	const struct console *console = &run->console;
	const struct job *job = &console->job[index];

	for (int i = 0; run->is_first_scan && i < console->jobs; i++)
		if (console->job[i].task == job->task && console->job[i].state == JOB_ENDED &&
		    !console->job[i].is_of_others && console->job[i].number > job->number)
			return true;
	return false;
}

static void answer(struct run *run, int index)
{
	struct job job = run->console.job[index]; /* the list may change under it */
	size_t length;
	char *text;
	struct request request;

	if (job.is_of_others || job.state == JOB_RUNNING || was_answered(run, &job) || is_outdone(run, index))
		return;
	text = jobs_output(&run->jobs, job.name, DOCUMENT_BYTES_MAX, &length);
	request = console_answer(&run->console, &job, text, length);
	free(text);
	carry_out(run, &request);
	if (job.task == TASK_BUNDLE && *run->send) {
		if (!job.exit)
			run_send_now(run, &run->console.job[index]);
		run->send[0] = '\0';
	}
}

static void scan(struct run *run)
{
	struct job job[JOBS_MAX];
	int count = jobs_list(&run->jobs, job);

	console_jobs(&run->console, job, count);
	for (int i = count - 1; i >= 0; i--) /* the oldest first */
		answer(run, i);
	run->is_first_scan = false;
}

/* A takeover writes each of its steps down as it goes; what is there from before it is none of them. */
static void look_at_takeover(struct run *run)
{
	const struct job *work = console_work(&run->console);
	static char text[65536];
	struct stat status;
	FILE *file;
	size_t length;

	if (!work || work->state != JOB_RUNNING || (work->task != TASK_PROMOTE && work->task != TASK_DEMOTE))
		return;
	file = fopen(PROMOTE_JSON_PATH, "re");
	if (!file)
		return;
	length = fread(text, 1, sizeof(text), file);
	if (!fstat(fileno(file), &status) && status.st_mtime >= work->started)
		console_deeds(&run->console, work, text, length);
	fclose(file);
}

static void look_at_kernel(struct run *run, uint64_t now)
{
	if (splatter_check(&run->splatter, &run->console.log)) {
		run->is_splattered = true;
		run->splattered_ms = now;
	}
	/* When it is quiet again, and not too often. */
	if (!run->is_splattered || now - run->splattered_ms < 2 * TURN_MS ||
	    now - run->splatter_drawn_ms < SPLATTER_EVERY_MS)
		return;
	run->is_splattered = false;
	run->splatter_drawn_ms = now;
	run->is_whole = true;
}

static void paint(struct run *run)
{
	static struct canvas canvas; /* large */
	int countdown = console_countdown(&run->console);

	if (terminal_is_plain(run->terminal) && !typed_wants_paint(&run->typed, &run->console, run->is_whole))
		return;
	draw(&run->console, &canvas);
	/* Where a boot waits for somebody, it does not wait for a line that takes nothing. */
	if (countdown >= 0)
		alarm((unsigned)countdown + GONE_SECONDS);
	terminal_paint(run->terminal, &canvas, run->is_whole);
	if (countdown >= 0 && !run_is_gone)
		alarm(0);
	run->is_whole = false;
}

static void press(struct run *run, int key)
{
	struct request request = console_key(&run->console, key, now_ms());

	if (run->console.screen == SCREEN_BUNDLE)
		find_targets(run);
	carry_out(run, &request);
}

/* False: there is nothing more to be read. */
static bool take_bytes(struct run *run)
{
	uint8_t bytes[256];
	ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
	uint64_t now = now_ms();

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (got <= 0) { /* the line is gone; work goes on */
		run->has_no_terminal = !got && !isatty(STDIN_FILENO);
		run_is_gone = 1;
		return false;
	}
	for (ssize_t i = 0; i < got && !run->has_ended; i++) {
		int key;

		if (terminal_is_plain(run->terminal)) {
			typed_byte(&run->typed, bytes[i], now);
			continue;
		}
		key = input_byte(&run->input, bytes[i], run->console.screen == SCREEN_PROMPT, now);
		if (key != INPUT_NONE)
			press(run, key);
	}
	return !run->has_ended;
}

/* Keys that had to wait to see whether something follows. */
static void take_held(struct run *run)
{
	int keys[TYPED_KEYS_MAX], count = 0, key;

	if (terminal_is_plain(run->terminal)) {
		count = typed_tick(&run->typed, &run->console, now_ms(), keys);
		for (int i = 0; i < count && !run->has_ended; i++)
			press(run, keys[i]);
		return;
	}
	key = input_tick(&run->input, now_ms());
	if (key != INPUT_NONE)
		press(run, key);
}

static int wait_ms(const struct run *run)
{
	int held = terminal_is_plain(run->terminal) ? typed_wait_ms(&run->typed, now_ms())
	                                            : input_wait_ms(&run->input, now_ms());

	return held >= 0 && held < TURN_MS ? held : TURN_MS;
}

static void turn(struct run *run)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct request request;
	uint64_t now = now_ms();

	if (is_resized || run->is_whole) {
		terminal_size(run->terminal, &run->console.rows, &run->console.columns);
		run->is_whole = true;
		is_resized = 0;
	}
	scan(run);
	look_at_takeover(run);
	look_at_kernel(run, now);
	request = console_tick(&run->console, now);
	carry_out(run, &request);
	if (run->has_ended)
		return;
	paint(run);
	/* All that is there belongs together: what was pasted may come line by line. */
	for (int wait = wait_ms(run), reads = 0; reads < READS_AT_ONCE && poll(&input, 1, wait) > 0; reads++, wait = 0)
		if (!take_bytes(run))
			break;
	take_held(run);
}

/* A boot brings it up where it has to; a person wants to see the path over it too. Nothing here waits for it. */
static void start_network(const char *program)
{
	pid_t child = program && !access(program, X_OK) ? fork() : -1;

	if (!child) {
		int null = open("/dev/null", O_RDWR);

		setsid();
		if (null >= 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0)
			execl(program, program, (char *)NULL);
		_exit(127);
	}
}

int console_run(const struct run_options *options, struct svc_error *error)
{
	struct run *run = calloc(1, sizeof(*run));
	int code;

	if (!run)
		return error_set(error, SVC_EXIT_IO, "out of memory");
	run->options = options;
	run->is_whole = run->is_first_scan = true;
	run->exit = exit_code = SVC_EXIT_INTERRUPTED;
	console_init(&run->console, &options->console);
	input_init(&run->input);
	splatter_open(&run->splatter, STDOUT_FILENO);
	code = jobs_open(&run->jobs, options->jobs_directory, error);
	run->jobs.whose = options->whose;
	if (!code)
		code = terminal_open(STDIN_FILENO, STDOUT_FILENO, options->terminal_type, options->is_plain,
		                     options->console.is_boot, &run->terminal, error);
	if (!code) {
		opened = run->terminal;
		run->console.options.is_plain = terminal_is_plain(run->terminal);
		catch_signals();
		read_boot(run);
		find_targets(run);
		start_network(options->network_up);
		while (!run->has_ended && !run_is_gone)
			turn(run);
		jobs_close(&run->jobs);
	}
	exit_code = code ? SVC_EXIT_IO : run->exit;
	alarm(run_is_gone ? GONE_SECONDS : CLOSE_SECONDS);
	terminal_close(run->terminal);
	alarm(0);
	opened = NULL;
	splatter_close(&run->splatter);
	console_free(&run->console);
	code = code ? SVC_EXIT_IO : run->exit;
	if (run->has_no_terminal) {
		error_set(error, code, "there is no terminal, and what was read instead is at its end");
		error_next(error, "run it on a terminal; svc-compare says the same without one");
	}
	free(run);
	return code;
}
