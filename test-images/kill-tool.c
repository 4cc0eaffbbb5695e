/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kills a command at one of its system calls: `kill-tool N COMMAND...`. Those are counted that may change something
 * outside of the process (writes, ioctls, mounts, programs started ...), in the command and in whatever it starts. As the
 * Nth is entered the command itself gets SIGKILL; its children meet what they meet when that happens to their parent.
 * Prints "killed at call N" and ends with 137, or "M calls" and ends as the command did.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool may_change(const struct __ptrace_syscall_info *info)
{
	static const uint64_t numbers[] = {
		SYS_write,  SYS_pwrite64, SYS_pwritev, SYS_io_submit, SYS_fsync,  SYS_fdatasync,
		SYS_syncfs, SYS_ioctl,    SYS_rename,  SYS_renameat2, SYS_unlink, SYS_unlinkat,
		SYS_mkdir,  SYS_mount,    SYS_umount2, SYS_execve,    SYS_kill,   SYS_flock,
	};

	if (info->entry.nr == SYS_openat)
		return info->entry.args[2] & (O_WRONLY | O_RDWR | O_CREAT);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (info->entry.nr == numbers[i])
			return true;
	return false;
}

static pid_t start(char *const argv[])
{
	int ready[2];
	char byte;
	pid_t child;

	if (pipe(ready) || (child = fork()) < 0)
		return -1;
	if (!child) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			_exit(126);
		close(ready[0]);
		execvp(argv[0], argv);
		_exit(127);
	}
	/* Seized it runs on, and nothing of what it calls is reported before it was stopped once. */
	if (ptrace(PTRACE_SEIZE, child, NULL,
	           PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE) ||
	    ptrace(PTRACE_INTERRUPT, child, NULL, NULL) || waitpid(child, NULL, 0) != child ||
	    ptrace(PTRACE_SYSCALL, child, NULL, 0) || write(ready[1], "x", 1) != 1)
		return -1;
	close(ready[0]);
	close(ready[1]);
	return child;
}

int main(int argc, char **argv)
{
	unsigned long wanted = argc > 2 ? strtoul(argv[1], NULL, 10) : 0, calls = 0;
	pid_t child = argc > 2 ? start(argv + 2) : -1, pid;
	int status;

	if (child < 0) {
		perror("kill-tool");
		return 125;
	}
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		struct __ptrace_syscall_info info;
		int pass = 0;

		if (!WIFSTOPPED(status)) {
			if (pid == child)
				break;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
			    info.op == PTRACE_SYSCALL_INFO_ENTRY && may_change(&info) && ++calls == wanted)
				kill(child, SIGKILL);
		} else if (!(status >> 16)) {
			pass = WSTOPSIG(status);
		}
		/* One that was killed meanwhile is reported next. */
		if ((calls < wanted || pid == child || !wanted) && ptrace(PTRACE_SYSCALL, pid, NULL, pass) &&
		    errno != ESRCH)
			perror("kill-tool");
	}
	if (pid != child)
		return 125;
	if (WIFSIGNALED(status)) {
		printf("killed at call %lu\n", calls);
		return 128 + WTERMSIG(status);
	}
	printf("%lu calls\n", calls);
	return WEXITSTATUS(status);
}
