/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What test-images/paths runs in the guest:
 *
 *     path-tool write FILE LOG [ACK]
 *                                4 KiB blocks in a ring of 1024, each with its number and a checksum, fdatasync after each;
 *                                reads an older one back past the page cache every time. Until SIGTERM. LOG gets
 *                                "NUMBER GAP-MS" whenever SIGUSR1 comes, and at the end: the last block that was
 *                                acknowledged, and the longest time between two since the last SIGUSR1. ACK, a serial
 *                                line, gets "ack NUMBER" for each, for who cuts the power
 *     path-tool check FILE LAST  the ring holds blocks LAST-1023 to LAST, or one newer
 *     path-tool read DEVICE MS   reads sequentially, O_DIRECT, 128 KiB each, for so long; prints KiB/s
 *     path-tool compare RAW DEVICE...
 *                                sequential reads of 4 MiB and random ones of 4 KiB, O_DIRECT, from all of them turn by turn,
 *                                so that what else the host does befalls all alike: a line each, "KIND WHICH-DEVICE
 *                                RAW-KIB/S DEVICE-KIB/S PERCENT LOW HIGH", by the median read of each of 21 rounds: the median
 *                                round, and what the middle half of them is between
 *     path-tool notified SOCKET FILE
 *                                in the place of systemd: what daemons tell it (sd_notify), appended to FILE
 *     path-tool hold FILE COMMAND...
 *                                runs the command with the lock of the file, which it does not inherit
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, RING = 1024, CHUNK = 128 * 1024, READS_MAX = 256, DEVICES_MAX = 8, ROUNDS = 21 };

struct kind {
	const char *name;
	size_t length;
	unsigned reads;
	int is_random;
};

static volatile sig_atomic_t is_stopped, is_asked;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		is_asked = 1;
	else
		is_stopped = 1;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void fill(uint64_t *block, uint64_t number)
{
	uint64_t x = number;

	block[0] = number;
	for (int i = 1; i < BLOCK / 8; i++)
		block[i] = x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
}

static int is_block(const uint64_t *block, uint64_t number)
{
	static uint64_t wanted[BLOCK / 8];

	fill(wanted, number);
	return !memcmp(block, wanted, BLOCK);
}

static void note(const char *log, uint64_t number, double gap)
{
	FILE *f = fopen(log, "w");

	if (f && fprintf(f, "%llu %.0f\n", (unsigned long long)number, gap) > 0 && !fclose(f))
		return;
	_exit(3);
}

static int fail(const char *what, uint64_t number)
{
	printf("path-tool: %s of block %llu: %s\n", what, (unsigned long long)number, strerror(errno));
	return 1;
}

static int run_write(const char *file, const char *log, const char *ack)
{
	int fd = open(file, O_RDWR | O_CREAT, 0600), direct = open(file, O_RDONLY | O_DIRECT);
	int line = ack ? open(ack, O_WRONLY | O_NOCTTY) : -1;
	static uint64_t block[BLOCK / 8] __attribute__((aligned(4096)));
	uint64_t number = 0;
	double last = now_ms(), gap = 0;
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	if (fd < 0 || direct < 0 || (ack && line < 0))
		return fail("open", 0);
	while (!is_stopped) {
		uint64_t old = number + 1 > RING / 2 ? number + 1 - RING / 2 : 1;
		double t;

		number++;
		fill(block, number);
		if (pwrite(fd, block, BLOCK, (off_t)(number % RING * BLOCK)) != BLOCK)
			return fail("write", number);
		if (fdatasync(fd))
			return fail("fdatasync", number);
		if (ack && dprintf(line, "ack %llu\n", (unsigned long long)number) < 0)
			return fail("acknowledging", number);
		t = now_ms();
		gap = t - last > gap ? t - last : gap;
		last = t;
		if (pread(direct, block, BLOCK, (off_t)(old % RING * BLOCK)) != BLOCK)
			return fail("read", old);
		if (!is_block(block, old))
			return fail("stale or torn read", old);
		if (is_asked) {
			is_asked = 0;
			note(log, number, gap);
			gap = 0;
		}
	}
	note(log, number, gap);
	return 0;
}

static int run_check(const char *file, uint64_t last)
{
	int fd = open(file, O_RDONLY | O_DIRECT);
	static uint64_t block[BLOCK / 8] __attribute__((aligned(4096)));

	for (uint64_t n = last > RING ? last - RING + 1 : 1; n <= last; n++) {
		if (pread(fd, block, BLOCK, (off_t)(n % RING * BLOCK)) != BLOCK)
			return fail("read", n);
		/* One more may have been under way when the writer was stopped. */
		if (!is_block(block, n) && !is_block(block, n + RING))
			return fail("lost", n);
	}
	return 0;
}

static int run_read(const char *device, double ms)
{
	int fd = open(device, O_RDONLY | O_DIRECT);
	static char buffer[CHUNK] __attribute__((aligned(4096)));
	double begin = now_ms(), t;
	uint64_t bytes = 0;
	off_t at = 0;

	do {
		ssize_t n = pread(fd, buffer, CHUNK, at);

		if (n < 0)
			return fail("read", (uint64_t)at);
		at = n < CHUNK ? 0 : at + n;
		bytes += (uint64_t)n;
		t = now_ms();
	} while (t - begin < ms);
	printf("%.0f\n", (double)bytes / 1.024 / (t - begin));
	return 0;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* One round: `reads` from each of the devices, turn by turn; rate[] gets KiB/s. */
static int run_round(const int *fd, unsigned devices, const struct kind *kind, uint64_t *place, double *rate)
{
	static char buffer[4 << 20] __attribute__((aligned(4096)));
	uint64_t places = (uint64_t)lseek(fd[0], 0, SEEK_END) / kind->length;
	static double took[DEVICES_MAX][READS_MAX];

	for (unsigned i = 0; i < kind->reads; i++) {
		*place = kind->is_random ? *place * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407)
		                         : *place + 1;
		for (unsigned turn = 0; turn < devices; turn++) {
			/* Who reads a place later may find it in a cache of the array: each begins as often as the others. */
			unsigned which = (turn + i) % devices;
			double begin = now_ms();

			if (pread(fd[which], buffer, kind->length,
			          (off_t)((*place >> (kind->is_random ? 20 : 0)) % places * kind->length)) !=
			    (ssize_t)kind->length)
				return -1;
			took[which][i] = now_ms() - begin;
		}
	}
	/* Medians: a read during which the host did something else tells nothing of the path. */
	for (unsigned which = 0; which < devices; which++) {
		qsort(took[which], kind->reads, sizeof(double), compare_double);
		rate[which] = (double)kind->length / 1.024 / took[which][kind->reads / 2];
	}
	return 0;
}

/* The rounds of one device, to what RAW did in the same round. */
static void tell(const char *kind, unsigned device, double rate[ROUNDS][DEVICES_MAX])
{
	double raw[ROUNDS], own[ROUNDS], share[ROUNDS];

	for (unsigned round = 0; round < ROUNDS; round++) {
		raw[round] = rate[round][0];
		own[round] = rate[round][device];
		share[round] = 100 * own[round] / raw[round];
	}
	qsort(raw, ROUNDS, sizeof(double), compare_double);
	qsort(own, ROUNDS, sizeof(double), compare_double);
	qsort(share, ROUNDS, sizeof(double), compare_double);
	printf("%s %u %.0f %.0f %.1f %.1f %.1f\n", kind, device, raw[ROUNDS / 2], own[ROUNDS / 2], share[ROUNDS / 2],
	       share[ROUNDS / 4], share[ROUNDS - 1 - ROUNDS / 4]);
}

static int run_compare(char **name, unsigned devices)
{
	static const struct kind kind[] = { { "sequential", 4 << 20, 12, 0 }, { "random", 4096, 256, 1 } };
	int fd[DEVICES_MAX];

	for (unsigned i = 0; i < devices; i++)
		fd[i] = open(name[i], O_RDONLY | O_DIRECT);
	for (unsigned k = 0; k < sizeof(kind) / sizeof(kind[0]); k++) {
		double rate[ROUNDS + 1][DEVICES_MAX];
		uint64_t place = 1;

		for (unsigned round = 0; round <= ROUNDS; round++)
			if (run_round(fd, devices, &kind[k], &place, rate[round]))
				return fail("read", place);
		for (unsigned i = 1; i < devices; i++)
			tell(kind[k].name, i, rate + 1); /* the first round is for nothing */
	}
	return 0;
}

static int run_notified(const char *path, const char *file)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), out = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[512];

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || out < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return fail("socket", 0);
	for (;;) {
		ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return fail("recv", 0);
		text[n++] = '\n';
		if (write(out, text, (size_t)n) != n)
			return fail("write", 0);
	}
}

static int run_hold(const char *path, char **command)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), status;
	pid_t child;

	if (fd < 0 || flock(fd, LOCK_EX))
		return fail("lock", 0);
	child = fork();
	if (!child) {
		execvp(command[0], command);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return fail("wait", 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "hold"))
		return run_hold(argv[2], argv + 3);
	if ((argc == 4 || argc == 5) && !strcmp(argv[1], "write"))
		return run_write(argv[2], argv[3], argv[4]);
	if (argc == 4 && !strcmp(argv[1], "check"))
		return run_check(argv[2], strtoull(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "read"))
		return run_read(argv[2], atof(argv[3]));
	if (argc >= 4 && argc < 3 + DEVICES_MAX && !strcmp(argv[1], "compare"))
		return run_compare(argv + 2, (unsigned)argc - 2);
	if (argc == 4 && !strcmp(argv[1], "notified"))
		return run_notified(argv[2], argv[3]);
	return 64;
}
