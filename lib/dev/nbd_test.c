/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NBD against real servers (qemu-nbd, nbdkit), and against one of our own that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dev/dev.h"
#include "dev/nbd_test_server.h"
#include "dev/nbd_tls.h"

enum { IMAGE_BYTES = 8 << 20, THREADS = 8, WRONG_BYTES = 1 };

static const struct dev_options reading = { .access = DEV_READ };
static const struct dev_options writing = { .access = DEV_WRITE };
static const struct dev_options impatient = { .access = DEV_READ, .timeout_seconds = 1 };

/* No two nearby offsets look alike. */
static unsigned char pattern(uint64_t offset)
{
	return (unsigned char)(offset * 7 + offset / 251 + offset / 65537);
}

static bool is_pattern(const unsigned char *bytes, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] != pattern(offset + i))
			return false;
	return true;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int setup(void **state)
{
	unsigned char *bytes = malloc(IMAGE_BYTES);
	FILE *f;

	(void)state;
	if (!bytes || server_folder_make())
		return -1;
	for (size_t i = 0; i < IMAGE_BYTES; i++)
		bytes[i] = pattern(i);
	f = fopen(in_folder("image"), "w");
	if (!f || fwrite(bytes, IMAGE_BYTES, 1, f) != 1 || fclose(f))
		return -1;
	free(bytes);
	return 0;
}

static int stop_servers(void **state)
{
	(void)state;
	server_stop_all();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	server_stop_all();
	return server_folder_remove();
}

static struct dev *opened(const char *uri, const struct dev_options *options)
{
	struct svc_error error = { 0 };
	struct dev *dev;

	if (dev_open(uri, options, &dev, &error))
		fail_msg("%s", error.text);
	return dev;
}

static void refused(const char *uri, const struct dev_options *options, int code, const char *word)
{
	struct svc_error error = { 0 };
	struct dev *dev;
	int r = dev_open(uri, options, &dev, &error);

	if (r != code || !strstr(error.text, word) || !strstr(error.text, uri) || !error.next[0])
		fail_msg("expected %d and '%s', got %d: %s / %s", code, word, r, error.text, error.next);
	assert_null(dev);
}

struct hammer {
	struct dev *dev;
	unsigned seed;
	unsigned count;
	int expected;
	int result;
	pthread_t thread;
};

static void *hammer_run(void *data)
{
	struct hammer *h = data;
	unsigned char *buffer = dev_buffer(300000);

	for (unsigned i = 0; i < h->count && h->result == (i ? h->expected : 0); i++) {
		size_t length = 1 + (size_t)rand_r(&h->seed) % 300000;
		uint64_t offset = (uint64_t)rand_r(&h->seed) % (h->dev->size_bytes - length + 1);

		h->result = dev_read(h->dev, buffer, length, offset);
		if (!h->result && !is_pattern(buffer, offset, length))
			h->result = WRONG_BYTES;
	}
	free(buffer);
	return NULL;
}

/* THREADS threads read at random; each one's result is asserted. */
static void hammer_all(struct dev *dev, unsigned count, int expected)
{
	struct hammer h[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		h[i] = (struct hammer){ .dev = dev, .seed = i, .count = count, .expected = expected };
		assert_int_equal(pthread_create(&h[i].thread, NULL, hammer_run, &h[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(h[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(h[i].result, expected);
}

static void qemu_nbd_is_read(void **state)
{
	const char *uri = server_unix("qemu-nbd -r -t -e 8 -f raw -k %s %s/image");
	unsigned char buffer[3000];
	struct dev *dev;

	(void)state;
	dev = opened(uri, &reading);
	assert_int_equal(dev->size_bytes, IMAGE_BYTES);
	assert_true(dev->is_remote && dev->is_read_only);
	assert_false(dev->is_block || dev->is_live);
	assert_true(dev->identity[0] == 0 && dev->identity[1] == 0);
	assert_int_equal(dev_read(dev, buffer, sizeof(buffer), 4097), 0);
	assert_true(is_pattern(buffer, 4097, sizeof(buffer)));
	assert_int_equal(dev_read(dev, buffer, 1, IMAGE_BYTES), -ENXIO);
	assert_int_equal(dev_write(dev, buffer, 1, 0), -EROFS);
	hammer_all(dev, 60, 0);
	dev_close(dev);
	refused(uri, &writing, -EROFS, "read-only");
}

static void one_client_at_a_time_is_enough(void **state)
{
	double begin = now();
	struct dev *dev;

	(void)state;
	dev = opened(server_unix("qemu-nbd -r -t -e 1 -f raw -k %s %s/image"), &reading);
	hammer_all(dev, 60, 0);
	dev_close(dev);
	server_stop_all();
	/* The second connection is taken by the socket's backlog and never served. */
	dev = opened(server_fake(FAKE_ONE_CLIENT), &reading);
	hammer_all(dev, 60, WRONG_BYTES);
	dev_close(dev);
	assert_true(now() - begin < 8);
}

static void many_processes_worth_of_connections(void **state)
{
	struct dev *dev = opened(server_unix("nbdkit -f -U %s --filter=delay file %s/image rdelay=2ms"), &reading);

	(void)state;
	hammer_all(dev, 40, 0);
	dev_close(dev);
}

static void server_is_written(void **state)
{
	const char *uri = server_unix("qemu-nbd -t -e 8 -f raw -k %s %s/image");
	unsigned char *zeros = calloc(1, 9 << 20), *buffer = malloc(6 << 20);
	struct dev *dev;
	FILE *f;

	(void)state;
	dev = opened(uri, &writing);
	assert_int_equal(dev_write(dev, zeros, 6 << 20, 1111), 0);
	assert_int_equal(dev_flush(dev), 0);
	f = fopen(in_folder("image"), "r");
	assert_int_equal(fseek(f, 1111, SEEK_SET), 0);
	assert_int_equal(fread(buffer, 6 << 20, 1, f), 1);
	assert_memory_equal(buffer, zeros, 6 << 20);
	fclose(f);
	for (size_t i = 0; i < 6 << 20; i++)
		buffer[i] = pattern(1111 + i);
	assert_int_equal(dev_write(dev, buffer, 6 << 20, 1111), 0);
	hammer_all(dev, 10, 0);
	dev_close(dev);
	free(zeros);
	free(buffer);
}

static void holes_are_told(void **state)
{
	const uint64_t size = (uint64_t)8 << 30, at = (uint64_t)5 << 30;
	struct extent run;
	struct dev *dev;
	int fd = open(in_folder("sparse"), O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)at + 5000), 1);
	close(fd);
	dev = opened(server_unix("qemu-nbd -r -t -f raw -k %s %s/sparse"), &reading);
	assert_int_equal(dev_next_data(dev, 12345, &run), 0);
	assert_true(run.offset <= at + 5000 && run.offset > at - (1 << 20));
	assert_true(run.offset + run.length > at + 5000 && run.length < 4 << 20);
	assert_int_equal(dev_next_data(dev, run.offset + run.length, &run), 0);
	assert_int_equal(run.length, 0);
	dev_close(dev);
}

static void block_sizes_are_kept(void **state)
{
	unsigned char *buffer = malloc(1 << 20);
	struct dev *dev;

	(void)state;
	dev = opened(server_unix("nbdkit -f -U %s --filter=blocksize-policy file %s/image blocksize-minimum=4096 "
	                         "blocksize-preferred=4096 blocksize-maximum=65536 blocksize-error-policy=error"),
	             &reading);
	assert_int_equal(dev->align_bytes, 4096);
	assert_int_equal(dev_read(dev, buffer, (1 << 20) - 5, 5), 0);
	assert_true(is_pattern(buffer, 5, (1 << 20) - 5));
	dev_close(dev);
	free(buffer);
}

static void an_error_is_not_the_end(void **state)
{
	unsigned char buffer[512];
	struct dev *dev;

	(void)state;
	dev = opened(server_unix("nbdkit -f -U %s --filter=error file %s/image error-pread=EIO error-pread-rate=100%% "
	                         "error-pread-file=%s/trigger"),
	             &reading);
	assert_int_equal(dev_read(dev, buffer, 512, 0), 0);
	close(open(in_folder("trigger"), O_WRONLY | O_CREAT, 0600));
	assert_int_equal(dev_read(dev, buffer, 512, 0), -EIO);
	hammer_all(dev, 5, -EIO);
	unlink(in_folder("trigger"));
	hammer_all(dev, 5, 0);
	dev_close(dev);
}

static void size_is_a_lie(void **state)
{
	unsigned char buffer[4096];
	struct dev *dev;

	(void)state;
	dev = opened(server_unix("nbdkit -f -U %s eval get_size='echo 1G' "
	                         "pread='dd if=%s/image skip=$4 count=$3 iflag=count_bytes,skip_bytes status=none'"),
	             &reading);
	assert_int_equal(dev->size_bytes, 1 << 30);
	assert_int_equal(dev_read(dev, buffer, 4096, 4096), 0);
	assert_true(is_pattern(buffer, 4096, 4096));
	assert_int_equal(dev_read(dev, buffer, 4096, (1 << 30) - 4096), -EIO);
	assert_int_equal(dev_read(dev, buffer, 4096, IMAGE_BYTES - 2048), -EIO);
	assert_int_equal(dev_read(dev, buffer, 4096, 0), 0);
	dev_close(dev);
}

static void slow_server_is_given_up_once(void **state)
{
	double begin;
	struct dev *dev = opened(server_unix("nbdkit -f -U %s --filter=delay file %s/image rdelay=60"), &impatient);

	(void)state;
	begin = now();
	hammer_all(dev, 1, -ETIMEDOUT);
	assert_true(now() - begin >= 0.95 && now() - begin < 5);
	/* From now on nobody waits. */
	begin = now();
	hammer_all(dev, 1000, -ETIMEDOUT);
	dev_close(dev);
	assert_true(now() - begin < 0.9);
}

/* All connections hang; the one that is asked first tells of all of them. */
static void stalled_server_is_given_up_once(void **state)
{
	struct dev *dev = opened(server_unix("nbdkit -f -U %s file %s/image"), &impatient);
	unsigned char byte;
	double begin;

	(void)state;
	hammer_all(dev, 60, 0);
	usleep(200000); /* the further connections are there by now */
	server_pause();
	assert_int_equal(dev_read(dev, &byte, 1, 0), -ETIMEDOUT);
	begin = now();
	hammer_all(dev, 5000, -ETIMEDOUT);
	dev_close(dev);
	assert_true(now() - begin < 0.9);
}

static void long_requests_are_split(void **state)
{
	const size_t length = 80 << 20; /* libnbd refuses more than 64 MiB */
	unsigned char *buffer = malloc(length);
	struct dev *dev = opened(server_unix("nbdkit -f -U %s memory 100M"), &writing);

	(void)state;
	memset(buffer, 0x5a, length);
	assert_int_equal(dev_write(dev, buffer, length, 12345), 0);
	memset(buffer, 0, length);
	assert_int_equal(dev_read(dev, buffer, length, 12345), 0);
	for (size_t i = 0; i < length; i++)
		if (buffer[i] != 0x5a)
			fail_msg("byte %zu is wrong", i);
	dev_close(dev);
	free(buffer);
}

static void *kill_soon(void *data)
{
	(void)data;
	usleep(300000);
	server_stop_all();
	return NULL;
}

static void server_dies_in_mid_read(void **state)
{
	struct dev *dev = opened(server_unix("nbdkit -f -U %s --filter=delay file %s/image rdelay=60"), &reading);
	double begin = now();
	pthread_t killer;

	(void)state;
	assert_int_equal(pthread_create(&killer, NULL, kill_soon, NULL), 0);
	hammer_all(dev, 1, -ECONNRESET);
	pthread_join(killer, NULL);
	hammer_all(dev, 100, -ECONNRESET);
	dev_close(dev);
	assert_true(now() - begin < 8);
}

static void absent_server(void **state)
{
	char uri[128];

	(void)state;
	refused("nbd+unix:///?socket=/nonexistent/sock", &reading, -ECONNREFUSED, "nobody listens");
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", in_folder("stale"));
	server_leave_stale_socket(in_folder("stale"));
	refused(uri, &reading, -ECONNREFUSED, "nobody listens");
	snprintf(uri, sizeof(uri), "nbd://127.0.0.1:%d/", server_free_port());
	refused(uri, &reading, -ECONNREFUSED, "nobody listens");
	refused("nbd://no-such-host.invalid/", &reading, -EHOSTUNREACH, "cannot be resolved");
}

static void bad_uris(void **state)
{
	static const char *const uri[] = { "nbd+unix:///x", "nbd://host:port/x", "nbd://[::1/", "nbd://h/?socket=/s",
		                           "NBD://host/",   "nbd://%",           "nbd+unix://" };

	(void)state;
	for (size_t i = 0; i < sizeof(uri) / sizeof(uri[0]); i++)
		refused(uri[i], &reading, -EINVAL, "not a usable NBD URI");
}

static void no_such_export(void **state)
{
	char uri[256];

	(void)state;
	server_unix("qemu-nbd -r -t -x shared -f raw -k %s %s/image");
	snprintf(uri, sizeof(uri), "nbd+unix:///flash?socket=%s", server_socket());
	refused(uri, &reading, -ENOENT, "no export");
	snprintf(uri, sizeof(uri), "nbd+unix:///shared?socket=%s", server_socket());
	dev_close(opened(uri, &reading));
}

static void server_misbehaves(void **state)
{
	static const struct {
		enum fake_server kind;
		int code;
		const char *word;
	} cases[] = {
		{ FAKE_SILENT, -ETIMEDOUT, "did not answer within 1 s" },
		{ FAKE_CLOSES, -ECONNRESET, "closed the connection" },
		{ FAKE_OTHER_PROTOCOL, -EIO, "not an NBD server" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double begin = now();

		refused(server_fake(cases[i].kind), &impatient, cases[i].code, cases[i].word);
		assert_true(now() - begin < 5);
		server_stop_all();
	}
}

static void incomplete_answers_are_errors(void **state)
{
	unsigned char buffer[8192];
	double begin = now();
	struct dev *dev;

	(void)state;
	dev = opened(server_fake(FAKE_HALF_ANSWER), &impatient);
	assert_int_equal(dev_read(dev, buffer, 8192, 0), -EIO);
	dev_close(dev);
	server_stop_all();
	dev = opened(server_fake(FAKE_HALF_THEN_CLOSE), &impatient);
	assert_int_equal(dev_read(dev, buffer, 8192, 0), -ECONNRESET);
	assert_int_equal(dev_read(dev, buffer, 8192, 0), -ECONNRESET);
	dev_close(dev);
	server_stop_all();
	dev = opened(server_fake(FAKE_HALF_THEN_SILENT), &impatient);
	assert_int_equal(dev_read(dev, buffer, 8192, 0), -ETIMEDOUT);
	assert_int_equal(dev_read(dev, buffer, 8192, 0), -ETIMEDOUT);
	dev_close(dev);
	server_stop_all();
	dev = opened(server_fake(FAKE_WRONG_COOKIE), &impatient);
	assert_int_equal(dev_read(dev, buffer, 8192, 0), -ECONNRESET);
	dev_close(dev);
	assert_true(now() - begin < 8);
}

static void tls_certificates(void **state)
{
	struct dev_options options = { .access = DEV_READ, .timeout_seconds = 5 };
	char uri[128], plain[128];
	int port;

	(void)state;
	if (server_make_certificates())
		skip();
	port = server_tcp("nbdkit -f -i 127.0.0.1 -p %d --tls=require --tls-certificates=%s/tls file %s/image");
	snprintf(uri, sizeof(uri), "nbds://localhost:%d/", port);
	snprintf(plain, sizeof(plain), "nbd://localhost:%d/", port);
	options.tls_certificates = in_folder("tls");
	{
		struct dev *dev = opened(uri, &options);

		hammer_all(dev, 20, 0);
		dev_close(dev);
	}
	refused(plain, &options, -EACCES, "insists on TLS");
	options.tls_certificates = in_folder("other");
	refused(uri, &options, -EACCES, "TLS handshake failed");
	/* The certificate names localhost, not this address. */
	options.tls_certificates = in_folder("tls");
	snprintf(uri, sizeof(uri), "nbds://127.0.0.1:%d/", port);
	refused(uri, &options, -EACCES, "TLS handshake failed");
	/* Without an authority libnbd would take any certificate. */
	options.tls_certificates = "/nonexistent";
	snprintf(uri, sizeof(uri), "nbds://localhost:%d/", port);
	refused(uri, &options, -EACCES, "no ca-cert.pem");
	options.tls_certificates = in_folder("tls");
	snprintf(uri, sizeof(uri), "nbds://localhost:%d/?tls-certificates=/nonexistent", port);
	refused(uri, &options, -EACCES, "no ca-cert.pem");
	snprintf(uri, sizeof(uri), "nbds+unix:///?socket=%s", server_socket());
	refused(uri, &options, -EACCES, "Unix socket");
}

static void tls_psk(void **state)
{
	struct dev_options options = { .access = DEV_READ, .timeout_seconds = 5, .tls_username = "alice" };
	char uri[256];
	struct dev *dev;

	(void)state;
	if (server_make_psk())
		skip();
	server_unix("nbdkit -f -U %s --tls=require --tls-psk=%s/psk file %s/image");
	snprintf(uri, sizeof(uri), "nbds+unix:///?socket=%s", server_socket());
	options.tls_psk_file = in_folder("psk");
	dev = opened(uri, &options);
	hammer_all(dev, 20, 0);
	dev_close(dev);
	options.tls_psk_file = in_folder("wrong-psk");
	refused(uri, &options, -EACCES, "TLS handshake failed");
	options.tls_psk_file = in_folder("psk");
	options.tls_username = "mallory";
	refused(uri, &options, -EACCES, "TLS");
	snprintf(uri, sizeof(uri), "nbds+unix://alice@/?socket=%s&tls-psk-file=%s", server_socket(), in_folder("psk"));
	dev = opened(uri, &reading);
	hammer_all(dev, 5, 0);
	dev_close(dev);
}

static void uri_queries(void **state)
{
	static const struct {
		const char *uri, *value;
	} cases[] = {
		{ "nbds://h/e?k=v", "v" },         { "nbds://h/e?a=b&k=v&c=d", "v" },
		{ "nbds://h/e?k=1&k=2", "2" },     { "nbds://h/e?%6b=%2Ftmp%2f", "/tmp/" },
		{ "nbds://h/e?k=%zz%4", "%zz%4" }, { "nbds://h/e?k=", "" },
		{ "nbds://h/e?k=a=b", "a=b" },     { "nbds://h/e?k=v#k=w", "v" },
		{ "nbds://h/k=v", NULL },          { "nbds://h/e?k", NULL },
		{ "nbds://h/e?xk=v&kx=v", NULL },  { "nbds://h/e#?k=v", NULL },
		{ "nbds://h/e?&&=&", NULL },       { "", NULL },
	};
	char value[URI_VALUE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(uri_query_value(cases[i].uri, "k", value), cases[i].value != NULL);
		if (cases[i].value)
			assert_string_equal(value, cases[i].value);
	}
}

static void tls_is_never_given_up(void **state)
{
	struct dev_options options = { .access = DEV_READ, .tls_username = "alice" };
	char uri[256];

	(void)state;
	server_unix("nbdkit -f -U %s file %s/image");
	snprintf(uri, sizeof(uri), "nbds+unix:///?socket=%s", server_socket());
	options.tls_psk_file = in_folder("psk");
	refused(uri, &options, -EACCES, "does not offer TLS");
	snprintf(uri, sizeof(uri), "nbds+unix:///?socket=%s&x=1;tls-psk-file=y", server_socket());
	refused(uri, &reading, -EINVAL, "semicolon");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(qemu_nbd_is_read, stop_servers),
		cmocka_unit_test_teardown(one_client_at_a_time_is_enough, stop_servers),
		cmocka_unit_test_teardown(many_processes_worth_of_connections, stop_servers),
		cmocka_unit_test_teardown(server_is_written, stop_servers),
		cmocka_unit_test_teardown(holes_are_told, stop_servers),
		cmocka_unit_test_teardown(block_sizes_are_kept, stop_servers),
		cmocka_unit_test_teardown(an_error_is_not_the_end, stop_servers),
		cmocka_unit_test_teardown(size_is_a_lie, stop_servers),
		cmocka_unit_test_teardown(slow_server_is_given_up_once, stop_servers),
		cmocka_unit_test_teardown(stalled_server_is_given_up_once, stop_servers),
		cmocka_unit_test_teardown(long_requests_are_split, stop_servers),
		cmocka_unit_test_teardown(server_dies_in_mid_read, stop_servers),
		cmocka_unit_test_teardown(absent_server, stop_servers),
		cmocka_unit_test_teardown(bad_uris, stop_servers),
		cmocka_unit_test_teardown(no_such_export, stop_servers),
		cmocka_unit_test_teardown(server_misbehaves, stop_servers),
		cmocka_unit_test_teardown(incomplete_answers_are_errors, stop_servers),
		cmocka_unit_test_teardown(tls_certificates, stop_servers),
		cmocka_unit_test_teardown(tls_psk, stop_servers),
		cmocka_unit_test(uri_queries),
		cmocka_unit_test_teardown(tls_is_never_given_up, stop_servers),
	};

	return cmocka_run_group_tests_name("nbd", tests, setup, teardown);
}
