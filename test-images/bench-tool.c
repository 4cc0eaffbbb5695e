// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What test-images/bench needs and no program has: data that is made fast, the floor against which
 * svc-compare is measured, and a count of the bytes on the wire. Shares no code with lib/, on purpose.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <libnbd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, BLOCK = 4096, NBD_CONNECTIONS = 4 };

static void die(const char *what)
{
	fprintf(stderr, "bench-tool: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* xorshift64*: not compressible and not all zeros, which is all that matters here. */
static void fill(uint64_t *state, void *to, size_t bytes)
{
	uint64_t x = *state, *word = to;

	for (size_t i = 0; i < bytes / sizeof(*word); i++) {
		x ^= x >> 12;
		x ^= x << 25;
		x ^= x >> 27;
		word[i] = x * UINT64_C(0x2545F4914F6CDD1D);
	}
	*state = x;
}

static void write_random(int fd, uint64_t bytes, uint64_t *state)
{
	static uint64_t chunk[CHUNK / sizeof(uint64_t)];

	while (bytes) {
		size_t part = bytes < CHUNK ? (size_t)bytes : CHUNK;

		fill(state, chunk, CHUNK);
		if (write(fd, chunk, part) != (ssize_t)part)
			die("write");
		bytes -= part;
	}
}

/* Files in folders of 64: three quarters below 64 KiB, the rest up to 2 MiB, together `bytes`. */
static void make_tree(const char *root, uint64_t bytes, uint64_t seed)
{
	uint64_t state = seed;

	for (unsigned n = 0; bytes; n++) {
		uint64_t dice, size;
		char path[4096];
		int fd;

		fill(&state, &dice, sizeof(dice));
		size = 1 + (dice >> 8) % (dice % 4 ? 64 << 10 : 2 << 20);
		size = size < bytes ? size : bytes;
		snprintf(path, sizeof(path), "%s/d%03u", root, n / 64);
		if (n % 64 == 0 && mkdir(path, 0755))
			die(path);
		snprintf(path, sizeof(path), "%s/d%03u/f%02u", root, n / 64, n % 64);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0)
			die(path);
		write_random(fd, size, &state);
		close(fd);
		bytes -= size;
	}
}

static ext2_filsys open_ext4(const char *image)
{
	ext2_filsys fs;

	if (ext2fs_open(image, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs) || ext2fs_read_block_bitmap(fs)) {
		fprintf(stderr, "bench-tool: %s: no ext4\n", image);
		exit(1);
	}
	return fs;
}

/* Prints "offset length" of every run that either file system uses; or, the other way round, that none uses. */
static void print_runs(const char *a, const char *b, bool is_used)
{
	ext2_filsys fs[2] = { open_ext4(a), open_ext4(b) };
	uint64_t blocks = ext2fs_blocks_count(fs[0]->super), start = 0;
	bool is_in = false;

	for (uint64_t block = 0; block <= blocks; block++) {
		bool is_wanted = false;

		/* libext2fs has no bits for what lies before the first data block; with 4 KiB blocks nothing does. */
		if (block < blocks)
			is_wanted = is_used == (ext2fs_test_block_bitmap2(fs[0]->block_map, block) ||
			                        ext2fs_test_block_bitmap2(fs[1]->block_map, block));
		if (is_wanted && !is_in)
			start = block;
		if (!is_wanted && is_in)
			printf("%llu %llu\n", (unsigned long long)start * fs[0]->blocksize,
			       (unsigned long long)(block - start) * fs[0]->blocksize);
		is_in = is_wanted;
	}
	ext2fs_free(fs[0]);
	ext2fs_free(fs[1]);
}

/* --- the floor: the same extents, read and held against each other by two threads ---------------- */

struct floor {
	int fd[2];
	const char *uri; /* of the NBD floor, which reads one side and compares nothing */
	FILE *list;
	pthread_mutex_t lock;
	uint64_t offset, left;      /* of the run at hand */
	_Atomic uint64_t differing; /* bytes, in whole blocks */
};

static size_t next_chunk(struct floor *floor, uint64_t *offset)
{
	unsigned long long start, length;
	size_t part = 0;

	pthread_mutex_lock(&floor->lock);
	if (!floor->left && fscanf(floor->list, "%llu %llu", &start, &length) == 2) {
		floor->offset = start;
		floor->left = length;
	}
	part = floor->left < CHUNK ? (size_t)floor->left : CHUNK;
	*offset = floor->offset;
	floor->offset += part;
	floor->left -= part;
	pthread_mutex_unlock(&floor->lock);
	return part;
}

static void *floor_worker(void *data)
{
	struct floor *floor = data;
	char *buffer[2] = { aligned_alloc(BLOCK, CHUNK), aligned_alloc(BLOCK, CHUNK) };
	uint64_t offset, length;

	while ((length = next_chunk(floor, &offset))) {
		for (int i = 0; i < 2; i++)
			if (pread(floor->fd[i], buffer[i], length, (off_t)offset) != (ssize_t)length)
				die("pread");
		if (!memcmp(buffer[0], buffer[1], length))
			continue;
		for (uint64_t at = 0; at < length; at += BLOCK)
			floor->differing += memcmp(buffer[0] + at, buffer[1] + at, BLOCK) ? BLOCK : 0;
	}
	free(buffer[0]);
	free(buffer[1]);
	return NULL;
}

static void run_floor(const char *a, const char *b, const char *list)
{
	struct floor floor = { .fd = { open(a, O_RDONLY), open(b, O_RDONLY) },
		               .list = fopen(list, "re"),
		               .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread[2];

	if (floor.fd[0] < 0 || floor.fd[1] < 0 || !floor.list)
		die("open");
	for (int i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, floor_worker, &floor))
			die("pthread_create");
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	printf("%llu\n", (unsigned long long)floor.differing);
}

static void *floor_nbd_worker(void *data)
{
	struct floor *floor = data;
	struct nbd_handle *nbd = nbd_create();
	char *buffer = aligned_alloc(BLOCK, CHUNK);
	uint64_t offset, length;

	nbd_set_pread_initialize(nbd, false);
	if (nbd_connect_uri(nbd, floor->uri) < 0)
		die(nbd_get_error());
	while ((length = next_chunk(floor, &offset)))
		if (nbd_pread(nbd, buffer, length, offset, 0) < 0)
			die(nbd_get_error());
	nbd_shutdown(nbd, 0);
	nbd_close(nbd);
	free(buffer);
	return NULL;
}

/* What the server needs to hand the extents over, on as many connections as svc-compare has. */
static void run_floor_nbd(const char *uri, const char *list)
{
	struct floor floor = { .uri = uri, .list = fopen(list, "re"), .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread[NBD_CONNECTIONS];

	if (!floor.list)
		die(list);
	for (int i = 0; i < NBD_CONNECTIONS; i++)
		if (pthread_create(&thread[i], NULL, floor_nbd_worker, &floor))
			die("pthread_create");
	for (int i = 0; i < NBD_CONNECTIONS; i++)
		pthread_join(thread[i], NULL);
}

/* --- the wire: passes an NBD connection on, and counts ------------------------------------------- */

static _Atomic uint64_t wire_bytes;

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	return at;
}

static void *pump(void *data)
{
	struct pollfd side[2];
	char buffer[64 * 1024];

	memcpy(side, data, sizeof(side));
	free(data);
	while (poll(side, 2, -1) > 0)
		for (int i = 0; i < 2; i++) {
			ssize_t n = side[i].revents ? read(side[i].fd, buffer, sizeof(buffer)) : 0, sent = 0;

			if (side[i].revents && n <= 0)
				goto out;
			wire_bytes += (uint64_t)n;
			while (sent < n) {
				ssize_t w = write(side[!i].fd, buffer + sent, (size_t)(n - sent));

				if (w <= 0)
					goto out;
				sent += w;
			}
		}
out:
	close(side[0].fd);
	close(side[1].fd);
	return NULL;
}

static void *count_until_told(void *data)
{
	int number;

	sigwait(data, &number);
	printf("%llu\n", (unsigned long long)wire_bytes);
	fflush(stdout);
	_exit(0);
}

static void run_proxy(const char *listen_path, const char *server_path)
{
	struct sockaddr_un here = address(listen_path), there = address(server_path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	static sigset_t end;
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	if (pthread_create(&thread, NULL, count_until_told, &end))
		die("pthread_create");
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) || listen(listener, 16))
		die(listen_path);
	for (;;) {
		struct pollfd *side = calloc(2, sizeof(*side));

		side[0] = (struct pollfd){ .fd = accept(listener, NULL, NULL), .events = POLLIN };
		side[1] = (struct pollfd){ .fd = socket(AF_UNIX, SOCK_STREAM, 0), .events = POLLIN };
		if (side[0].fd < 0 || connect(side[1].fd, (struct sockaddr *)&there, sizeof(there)))
			die(server_path);
		if (pthread_create(&thread, NULL, pump, side))
			die("pthread_create");
		pthread_detach(thread);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "random") && argc == 4) { /* SEED BYTES */
		uint64_t state = strtoull(argv[2], NULL, 0);

		write_random(STDOUT_FILENO, strtoull(argv[3], NULL, 0), &state);
	} else if (!strcmp(what, "tree") && argc == 5) { /* DIR BYTES SEED */
		make_tree(argv[2], strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0));
	} else if (!strcmp(what, "used") && argc == 4) { /* IMAGE IMAGE */
		print_runs(argv[2], argv[3], true);
	} else if (!strcmp(what, "free") && argc == 4) {
		print_runs(argv[2], argv[3], false);
	} else if (!strcmp(what, "floor") && argc == 5) { /* IMAGE IMAGE LIST */
		run_floor(argv[2], argv[3], argv[4]);
	} else if (!strcmp(what, "floor-nbd") && argc == 4) { /* URI LIST */
		run_floor_nbd(argv[2], argv[3]);
	} else if (!strcmp(what, "proxy") && argc == 4) { /* LISTEN SERVER */
		run_proxy(argv[2], argv[3]);
	} else {
		fprintf(stderr, "bench-tool: random SEED BYTES | tree DIR BYTES SEED | used A B | free A B |\n"
		                "            floor A B LIST | floor-nbd URI LIST | proxy LISTEN SERVER\n");
		return 64;
	}
	return 0;
}
