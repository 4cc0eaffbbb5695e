// SPDX-License-Identifier: GPL-2.0-or-later
/* What takes the terminal, or the machine, away from the screens: the shell, a bundle over the line, a restart. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/spawn.h"
#include "console/bundle.h"
#include "console/run_private.h"

enum { REBOOT_DEADLINE_MS = 20000 };

void run_send(struct run *run)
{
	struct request request = { .kind = REQUEST_RUN, .task = TASK_BUNDLE };

	snprintf(run->send, sizeof(run->send), "%s/send-%d.tar.gz", run->jobs.directory, (int)getpid());
	unlink(run->send);
	snprintf(request.word, sizeof(request.word), "%.1000s", run->send);
	run->console.awaited_task = TASK_NONE; /* of an earlier one */
	run_start(run, &request);
	if (run->console.awaited_task != TASK_BUNDLE)
		run->send[0] = '\0';
}

static void wait_for_enter(void)
{
	char c = 0;

	dprintf(STDOUT_FILENO, "\r\nPress Enter to go back to svc-console.\r\n");
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && c != '\r')
		;
}

void run_send_now(struct run *run, struct job *job)
{
	struct svc_error error;
	int code;

	jobs_say(&run->jobs, job, SVC_EXIT_DONE, "it is being sent over a console's line");
	terminal_suspend(run->terminal, true);
	code = bundle_send(run->send, STDIN_FILENO, STDOUT_FILENO, &error);
	if (code)
		dprintf(STDOUT_FILENO, "svc-console: %s\r\n", error.text);
	if (!code)
		jobs_say(&run->jobs, job, SVC_EXIT_DONE, "it was sent over the line; no file of it was kept");
	else if (code == -ECANCELED)
		jobs_say(&run->jobs, job, SVC_EXIT_INTERRUPTED,
		         "the sending was stopped, so it did not arrive whole; no file of it was kept");
	else
		jobs_say(&run->jobs, job, SVC_EXIT_IO, "it could not be sent whole; no file of it was kept");
	unlink(run->send);
	run->send[0] = '\0';
	wait_for_enter();
	terminal_resume(run->terminal);
	run->is_whole = true;
}

void run_shell(struct run *run)
{
	pid_t child;

	terminal_suspend(run->terminal, false);
	dprintf(STDOUT_FILENO, "\r\nA shell; exit goes back to svc-console.\r\n");
	child = fork();
	if (!child) {
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		signal(SIGTSTP, SIG_DFL);
		execl("/bin/sh", "sh", "-i", (char *)NULL);
		_exit(127);
	}
	if (child > 0)
		while (spawn_wait(child, 3600 * 1000) == -ETIMEDOUT && !run_is_gone)
			;
	else
		console_say(&run->console, "no shell could be started: %s", strerror(errno));
	terminal_resume(run->terminal);
	run->is_whole = true;
}

void run_reboot(struct run *run)
{
	static const char *const command[] = { "reboot", "-f", NULL };
	int code;

	sync();
	code = spawn_run(command, NULL, REBOOT_DEADLINE_MS, NULL);
	if (code)
		console_say(&run->console, "reboot -f did not do it (%d)", code);
}
