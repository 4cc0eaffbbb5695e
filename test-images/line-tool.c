// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A serial line for svc-console's measurements and trials: the program runs on a pseudo terminal, 80x24.
 *
 *     line-tool bench BAUD PROGRAM...           reads no faster than the line; prints what it measured
 *     line-tool busy BAUD KEY PROGRAM...        the same while work runs that KEY begins: its bytes and milliseconds
 *     line-tool keys SEED SECONDS PROGRAM...    presses and pastes at random; starts the program again when it ends
 *     line-tool lines SEED SECONDS PROGRAM...   the same, with Enter behind each key
 *
 * bench prints: first_bytes first_ms (until the verdict stands there), steady_bytes steady_ms (a stretch without a
 * key), key_bytes key_ms (until the help screen that was asked for begins, and is whole), key_first_ms.
 * keys ends with 1 where the program was ended by a signal or by a sanitizer (exit code 99), or where less than a quarter of
 * what was pressed changed the screen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEADY_MS = 40000, QUIET_MS = 400, SLICE_MS = 10 };

static int terminal;
static pid_t child;
static double budget; /* bytes that the line could have carried by now */
static double per_ms;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)(now.tv_nsec / 1000000);
}

static void start(char **program)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	child = forkpty(&terminal, NULL, NULL, &size);
	if (child < 0) {
		perror("line-tool: forkpty");
		exit(70);
	}
	if (!child) {
		execvp(program[0], program);
		_exit(127);
	}
}

/* What the line carries within one slice. */
static size_t receive(char *text, size_t room)
{
	struct pollfd input = { .fd = terminal, .events = POLLIN };
	struct timespec slice = { .tv_nsec = SLICE_MS * 1000000L };
	ssize_t got;

	static uint64_t last;
	uint64_t now;

	nanosleep(&slice, NULL);
	now = now_ms();
	budget += per_ms * (double)(last ? now - last : SLICE_MS);
	last = now;
	if ((size_t)budget < room)
		room = (size_t)budget;
	if (!room || poll(&input, 1, 0) <= 0) {
		if (budget > per_ms * SLICE_MS) /* what an idle line could have carried is gone */
			budget = per_ms * SLICE_MS;
		return 0;
	}
	got = read(terminal, text, room);
	if (got <= 0) {
		fprintf(stderr, "line-tool: the program ended\n");
		exit(1);
	}
	budget -= (double)got;
	return (size_t)got;
}

struct measured {
	size_t bytes;
	uint64_t first_ms, last_ms; /* of the first and the last byte, from the beginning */
};

/* Receives until `wanted` was seen (NULL: anything) and it has been quiet since. */
static struct measured watch(const char *wanted, uint64_t most_ms)
{
	static char text[1 << 20];
	struct measured measured = { 0 };
	uint64_t begun = now_ms(), last = begun;
	bool is_seen = false;

	while (now_ms() - begun < most_ms) {
		size_t got = receive(text + measured.bytes, sizeof(text) - 1 - measured.bytes);

		if (got && !measured.bytes)
			measured.first_ms = now_ms() - begun;
		measured.bytes += got;
		text[measured.bytes] = '\0';
		if (got)
			last = now_ms();
		is_seen = is_seen ||
		          (wanted ? memmem(text, measured.bytes, wanted, strlen(wanted)) != NULL : measured.bytes > 0);
		if (is_seen && now_ms() - last > QUIET_MS)
			break;
	}
	if (!is_seen && wanted) {
		fprintf(stderr, "line-tool: %s never came\n", wanted);
		exit(1);
	}
	measured.last_ms = last - begun;
	return measured;
}

static int bench(unsigned baud, char **program)
{
	struct measured paint, steady = { 0 }, key;
	uint64_t begun;
	char text[4096];

	per_ms = baud / 10.0 / 1000; /* eight bits, a start and a stop bit */
	start(program);
	paint = watch("authority", 30000);
	begun = now_ms();
	while (now_ms() - begun < STEADY_MS)
		steady.bytes += receive(text, sizeof(text));
	(void)!write(terminal, "?", 1);
	key = watch(NULL, 10000);
	printf("%zu %llu %zu %d %zu %llu %llu\n", paint.bytes, (unsigned long long)paint.last_ms, steady.bytes,
	       STEADY_MS, key.bytes, (unsigned long long)key.last_ms, (unsigned long long)key.first_ms);
	close(terminal);
	waitpid(child, NULL, 0);
	return 0;
}

/* The same stretch, while work runs that this key begins. */
static int busy(unsigned baud, const char *key, char **program)
{
	char text[4096];
	size_t bytes = 0;
	uint64_t begun;

	per_ms = baud / 10.0 / 1000;
	start(program);
	watch("authority", 30000);
	(void)!write(terminal, key, 1);
	watch("under way", 10000);
	begun = now_ms();
	while (now_ms() - begun < STEADY_MS)
		bytes += receive(text, sizeof(text));
	printf("%zu %d\n", bytes, STEADY_MS);
	close(terminal);
	waitpid(child, NULL, 0);
	return 0;
}

static bool is_left; /* the program has closed the line, and ends */

/* Returns how many bytes came. */
static size_t drain(int milliseconds)
{
	struct pollfd input = { .fd = terminal, .events = POLLIN };
	uint64_t end = now_ms() + (uint64_t)milliseconds, now;
	static char text[65536];
	size_t bytes = 0;
	ssize_t got;

	while ((now = now_ms()) < end && poll(&input, 1, (int)(end - now)) > 0) {
		got = read(terminal, text, sizeof(text));
		is_left |= got < 0 && errno == EIO;
		if (got <= 0)
			break;
		bytes += (size_t)got;
	}
	return bytes;
}

/* Longer than input.h's INPUT_QUIET_MS: what is pressed next is none of the paste. */
enum { AFTER_PASTE_MS = 250, AFTER_KEY_MS = 80 };

static size_t paste(void)
{
	char text[300];
	size_t length = 2 + (size_t)random() % 250, bytes;

	for (size_t i = 0; i < length; i++)
		text[i] = (char)random();
	if (length > 40) /* line ends and the very word among it */
		memcpy(text + length / 2, "\rr\ry\rshared\r", 12);
	(void)!write(terminal, text, length);
	bytes = drain(AFTER_PASTE_MS);
	(void)!write(terminal, "\x11", 1); /* where it stopped the output */
	return bytes + drain(AFTER_PASTE_MS);
}

/* Words that do something make what lies behind them reachable; the name that lets a rebuild begin is not among them. */
static size_t type_word(bool is_lines)
{
	static const char *const words[] = { "unlock", "yes", "stop", "without", "no", "flash", "share" };
	const char *word = words[random() % 7];
	size_t bytes = 0;

	for (; *word; word++) {
		(void)!write(terminal, word, 1);
		bytes += is_lines ? 0 : drain(30);
	}
	(void)!write(terminal, "\r", 1);
	return bytes + drain(AFTER_KEY_MS);
}

static size_t press_key(bool is_lines)
{
	static const char likely[] = "rycdoupmlwe12?qj nv/t";
	char key[2] = { random() % 8 ? likely[random() % (long)(sizeof(likely) - 1)] : (char)random(), '\r' };
	size_t bytes;

	if (key[0] == '\r' || key[0] == '\n')
		is_lines = false;
	(void)!write(terminal, key, is_lines ? 2 : 1);
	bytes = drain(AFTER_KEY_MS);
	if (key[0] == 0x13)
		(void)!write(terminal, "\x11", 1);
	return bytes;
}

static size_t press_something(bool is_lines)
{
	switch (random() % 8) {
	case 0:
		return paste();
	case 1:
		return type_word(is_lines);
	default:
		return press_key(is_lines);
	}
}

static int keys(unsigned seed, unsigned seconds, bool is_lines, char **program)
{
	uint64_t end = now_ms() + (uint64_t)seconds * 1000;
	unsigned starts = 0, presses = 0, answered = 0;
	int status;

	srandom(seed);
	while (now_ms() < end) {
		start(program);
		starts++;
		is_left = false;
		fcntl(terminal, F_SETFL,
		      O_NONBLOCK); /* where the program has just ended nobody takes what is pressed */
		drain(500);
		(void)!write(terminal, "c\r", is_lines ? 2 : 1); /* some work is begun for certain */
		drain(AFTER_PASTE_MS);
		do {
			answered += press_something(is_lines) > 0;
			presses++;
			status = 0;
		} while (now_ms() < end && !is_left);
		close(terminal); /* the line drops */
		waitpid(child, &status, 0);
		if (WIFSIGNALED(status) || WEXITSTATUS(status) == 99) {
			fprintf(stderr, "line-tool: seed %u: the program ended with status %#x\n", seed, status);
			return 1;
		}
	}
	printf("%u keys and pastes, %u of them with something to see, %u starts\n", presses, answered, starts);
	if (answered < presses / 4) {
		fprintf(stderr, "line-tool: seed %u: hardly a key did anything: they were not taken\n", seed);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "bench"))
		return bench((unsigned)atoi(argv[2]), argv + 3);
	if (argc > 4 && !strcmp(argv[1], "busy"))
		return busy((unsigned)atoi(argv[2]), argv[3], argv + 4);
	if (argc > 4 && (!strcmp(argv[1], "keys") || !strcmp(argv[1], "lines")))
		return keys((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), !strcmp(argv[1], "lines"), argv + 4);
	fprintf(stderr, "usage: line-tool bench BAUD PROGRAM... | busy BAUD KEY PROGRAM... | keys|lines SEED SECONDS "
	                "PROGRAM...\n");
	return 64;
}
