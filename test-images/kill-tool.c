/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kills a command at one of its system calls: `kill-tool N COMMAND...`. Those are counted that may change something
 * outside of the process (writes, ioctls, mounts, programs started ...), in the command and in whatever it starts. As the
 * Nth is entered the command itself gets SIGKILL; its children meet what they meet when that happens to their parent.
 * Prints "killed at call N" and ends with 137, or "M calls" and ends as the command did.
 *
 * `kill-tool hold reserve|write FOLDER COMMAND...` stops it, and whatever it starts, as it is about to change a reservation of
 * a SCSI disk, or to write at a place: FOLDER/at-1 is there then, and it goes on once FOLDER/go-1 is, or FOLDER/go for all.
 */
#include <errno.h>
#include <fcntl.h>
#include <scsi/sg.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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

static bool is_copied(pid_t pid, uint64_t from, void *to, size_t bytes)
{
	struct iovec local = { to, bytes }, remote = { (void *)(uintptr_t)from, bytes };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)bytes;
}

/* PERSISTENT RESERVE OUT (SPC-4, 6.16). */
static bool is_reserving(pid_t pid, const struct __ptrace_syscall_info *info)
{
	struct sg_io_hdr header = { 0 };
	unsigned char command = 0;

	return info->entry.nr == SYS_ioctl && info->entry.args[1] == SG_IO &&
	       is_copied(pid, info->entry.args[2], &header, sizeof(header)) &&
	       is_copied(pid, (uint64_t)(uintptr_t)header.cmdp, &command, 1) && command == 0x5f;
}

static bool is_there(const char *folder, const char *name, unsigned long number)
{
	char path[4096];

	snprintf(path, sizeof(path), number ? "%s/%s-%lu" : "%s/%s", folder, name, number);
	return !access(path, F_OK);
}

static void hold(const char *folder, unsigned long number)
{
	char path[4096];
	int file;

	snprintf(path, sizeof(path), "%s/at-%lu", folder, number);
	file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (file >= 0)
		close(file);
	while (!is_there(folder, "go", number) && !is_there(folder, "go", 0))
		usleep(20000);
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
	bool is_holding = argc > 4 && !strcmp(argv[1], "hold");
	bool is_of_writes = is_holding && !strcmp(argv[2], "write");
	unsigned long wanted = argc > 2 && !is_holding ? strtoul(argv[1], NULL, 10) : 0, calls = 0;
	pid_t child = argc > 2 ? start(argv + (is_holding ? 4 : 2)) : -1, pid;
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
			bool is_entry = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
			                info.op == PTRACE_SYSCALL_INFO_ENTRY;

			if (is_entry && is_holding) {
				if (is_of_writes ? info.entry.nr == SYS_pwrite64 : is_reserving(pid, &info))
					hold(argv[3], ++calls);
			} else if (is_entry && may_change(&info) && ++calls == wanted) {
				kill(child, SIGKILL);
			}
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
