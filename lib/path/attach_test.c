/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshakes for the kernel, the TLS tunnel, and where there is an nbd driver (a guest) the devices themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nbd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dev/nbd_handle.h"
#include "dev/nbd_test_server.h"
#include "path/attach.h"
#include "path/tunnel.h"

enum { IMAGE_BYTES = 4 << 20 };

static const struct dev_options quick = { .access = DEV_READ, .timeout_seconds = 2 };
/* For what works: a server and a tunnel begin, and greet each other, on a machine that may be busy. */
static const struct dev_options patient = { .access = DEV_READ, .timeout_seconds = 30 };

static int setup(void **state)
{
	FILE *f;

	(void)state;
	if (server_folder_make())
		return -1;
	f = fopen(in_folder("image"), "w");
	for (int i = 0; f && i < IMAGE_BYTES / 4; i++)
		fwrite(&i, 4, 1, f);
	return f ? fclose(f) : -1;
}

static int teardown(void **state)
{
	(void)state;
	return server_folder_remove();
}

static int stop_servers(void **state)
{
	(void)state;
	server_stop_all();
	return 0;
}

static void tls_leaves_the_uri(void **state)
{
	static const struct {
		const char *uri, *plain;
	} rows[] = {
		{ "nbds://host/shared", "nbds://host/shared" },
		{ "nbds://host:1/x?tls-psk-file=/a", "nbds://host:1/x" },
		{ "nbds+unix://u@/x?socket=/s&tls-psk-file=/a", "nbds+unix://u@/x?socket=/s" },
		{ "nbds+unix:///x?tls-certificates=/a&socket=/s&tls-psk-file=/b#f", "nbds+unix:///x?socket=/s" },
		{ "nbds+unix:///x?TLS-psk-file=/a&&socket=/s&", "nbds+unix:///x?socket=/s" },
		{ "nbds://host/?", "nbds://host/" },
		{ "nbds://host/#f?socket=/s", "nbds://host/" },
	};
	char plain[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(tunnel_uri(rows[i].uri, plain, sizeof(plain)));
		assert_string_equal(plain, rows[i].plain);
	}
	assert_false(tunnel_uri("nbds://host/shared", plain, 18));
	assert_true(tunnel_uri("nbds://host/shared", plain, 19));
	assert_false(tunnel_uri("nbds://h/?socket=abcdefgh", plain, 25));
	assert_true(tunnel_uri("nbds://h/?socket=abcdefgh", plain, 26));
}

/* One read as the kernel sends it (doc/proto.md of NBD: simple replies). True where the answer is the image's. */
static bool reads_image(int socket)
{
	struct {
		uint32_t magic, type;
		uint64_t cookie, offset;
		uint32_t length;
	} __attribute__((packed))
	request = { htobe32(NBD_REQUEST_MAGIC), htobe32(NBD_CMD_READ), 77, htobe64(4096), htobe32(8) };
	struct nbd_reply reply;
	uint32_t got[2];
	bool fits;

	if (send(socket, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request) ||
	    recv(socket, &reply, sizeof(reply), MSG_WAITALL) != sizeof(reply))
		return false;
	fits = reply.magic == htobe32(NBD_REPLY_MAGIC) && !reply.error;
	return fits && recv(socket, got, sizeof(got), MSG_WAITALL) == sizeof(got) && got[0] == 1024 && got[1] == 1025;
}

static void handshake_for_the_kernel(void **state)
{
	struct nbd_kernel_export export;
	struct svc_error error;

	(void)state;
	assert_int_equal(
		handle_open_for_kernel(server_unix("qemu-nbd -t -f raw -k %s %s/image"), -1, &quick, &export, &error),
		0);
	assert_int_equal(export.size_bytes, IMAGE_BYTES);
	assert_true(export.flags & NBD_FLAG_HAS_FLAGS);
	assert_true(export.flags & NBD_FLAG_SEND_FLUSH);
	assert_false(export.flags & NBD_FLAG_READ_ONLY);
	assert_true(reads_image(export.socket));
	close(export.socket);
	server_stop_all();
	assert_int_equal(handle_open_for_kernel(server_unix("qemu-nbd -r -t -f raw -k %s %s/image"), -1, &quick,
	                                        &export, &error),
	                 0);
	assert_true(export.flags & NBD_FLAG_READ_ONLY);
	close(export.socket);
	server_stop_all();
	if (has_tool("nbdkit")) {
		assert_int_equal(handle_open_for_kernel(
					 server_unix("nbdkit -f -U %s eval get_size='echo 64K' can_write='exit 0' "
		                                     "can_flush='exit 3' pread='exit 1' pwrite='exit 1'"),
					 -1, &quick, &export, &error),
		                 0);
		assert_false(export.flags & (NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_FLUSH));
		close(export.socket);
		server_stop_all();
	}
	assert_int_equal(handle_open_for_kernel(server_fake(FAKE_SILENT), -1, &quick, &export, &error), -ETIMEDOUT);
}

static void tunnel_speaks_tls(void **state)
{
	struct dev_options options = patient;
	struct nbd_kernel_export export;
	struct svc_error error;
	char uri[300];
	int socket;

	(void)state;
	if (!has_tool("nbdkit") || server_make_psk())
		skip();
	server_unix("nbdkit -f -U %s --tls=require --tls-psk=%s/psk file %s/image");
	snprintf(uri, sizeof(uri), "nbds+unix://alice@/?socket=%s", server_socket());
	options.tls_psk_file = in_folder("psk");
	assert_int_equal(tunnel_open(uri, &options, &socket, &error), 0);
	assert_int_equal(handle_open_for_kernel(uri, socket, &options, &export, &error), 0);
	assert_int_equal(export.size_bytes, IMAGE_BYTES);
	assert_true(reads_image(export.socket));
	close(export.socket);
	/* The file named in the URI counts before the one of the options. */
	snprintf(uri, sizeof(uri), "nbds+unix://alice@/?socket=%s&tls-psk-file=%s", server_socket(),
	         in_folder("wrong-psk"));
	assert_int_equal(tunnel_open(uri, &options, &socket, &error), 0);
	assert_int_not_equal(handle_open_for_kernel(uri, socket, &options, &export, &error), 0);
}

static void tunnel_checks_certificates(void **state)
{
	struct dev_options options = patient;
	struct nbd_kernel_export export;
	struct svc_error error;
	char uri[100];
	int socket, port;

	(void)state;
	if (!has_tool("nbdkit") || server_make_certificates())
		skip();
	port = server_tcp("nbdkit -f -i 127.0.0.1 -p %d --tls=require --tls-certificates=%s/tls file %s/image");
	snprintf(uri, sizeof(uri), "nbds://localhost:%d/", port);
	options.tls_certificates = in_folder("tls");
	assert_int_equal(tunnel_open(uri, &options, &socket, &error), 0);
	assert_int_equal(handle_open_for_kernel(uri, socket, &options, &export, &error), 0);
	assert_true(reads_image(export.socket));
	close(export.socket);
	/* Another authority. */
	options.tls_certificates = in_folder("other");
	assert_int_equal(tunnel_open(uri, &options, &socket, &error), 0);
	assert_int_not_equal(handle_open_for_kernel(uri, socket, &options, &export, &error), 0);
}

static void tunnel_needs_nbdkit(void **state)
{
	char *path = strdup(getenv("PATH"));
	struct svc_error error;
	int socket;

	(void)state;
	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(tunnel_open("nbds://host/", &quick, &socket, &error), -ENOTSUP);
	setenv("PATH", path, 1);
	free(path);
	assert_non_null(strstr(error.text, "nbdkit is not installed"));
}

static bool has_driver(void)
{
	return !geteuid() && (!access("/sys/module/nbd", F_OK) || !system("modprobe -q nbd"));
}

static bool device_reads_image(const char *device)
{
	uint32_t *page = aligned_alloc(4096, 4096);
	int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	bool r = fd >= 0 && pread(fd, page, 4096, 4096) == 4096 && page[0] == 1024 && page[1023] == 2047;

	if (fd >= 0)
		close(fd);
	free(page);
	return r;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void device_comes_goes_and_returns(void **state)
{
	char device[NBD_DEVICE_SIZE], again[NBD_DEVICE_SIZE];
	struct svc_error error;
	const char *uri;
	double start;
	int held;

	(void)state;
	uri = server_unix("qemu-nbd -t -e 4 -f raw -k %s %s/image");
	assert_int_equal(nbd_find(uri, device), -ENOENT);
	assert_int_equal(nbd_attach(uri, &quick, device, &error), 0);
	assert_true(device_reads_image(device));
	assert_int_equal(nbd_find(uri, again), 0);
	assert_string_equal(again, device);
	/* A second call takes the same device. */
	assert_int_equal(nbd_attach(uri, &quick, again, &error), 0);
	assert_string_equal(again, device);

	/* The server stops answering: reads fail in time, and for ever after at once. */
	held = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
	server_pause();
	start = now();
	assert_false(device_reads_image(device));
	assert_true(now() - start < 6);
	server_stop_all();
	start = now();
	assert_false(device_reads_image(device));
	assert_true(now() - start < 1);

	/* It comes back under the same device, which was open all the time. */
	assert_int_equal(nbd_attach(uri, &quick, again, &error), -ECONNREFUSED);
	uri = server_unix("qemu-nbd -t -e 4 -f raw -k %s %s/image");
	assert_int_equal(nbd_attach(uri, &quick, again, &error), 0);
	assert_string_equal(again, device);
	assert_true(device_reads_image(device));

	/* Another size is another volume. */
	server_stop_all();
	assert_false(device_reads_image(device));
	assert_int_equal(truncate(in_folder("image"), IMAGE_BYTES / 2), 0);
	uri = server_unix("qemu-nbd -t -e 4 -f raw -k %s %s/image");
	assert_int_equal(nbd_attach(uri, &quick, again, &error), -ESTALE);
	close(held);
	/* Nobody uses it any more: it may become the other one. */
	assert_int_equal(nbd_attach(uri, &quick, again, &error), 0);
	assert_true(device_reads_image(again));
	strcpy(device, again);

	assert_int_equal(nbd_detach(device, &error), 0);
	assert_int_equal(nbd_find(uri, device), -ENOENT);
	assert_int_equal(nbd_detach(device, &error), 0);
	assert_int_equal(nbd_detach("/dev/sda", &error), -EINVAL);
}

/* The last one needs the kernel's nbd, which containers and small machines lack; test-images/paths shows it in QEMU. */
int main(void)
{
	const struct CMUnitTest everywhere[] = {
		cmocka_unit_test(tls_leaves_the_uri),
		cmocka_unit_test_teardown(handshake_for_the_kernel, stop_servers),
		cmocka_unit_test_teardown(tunnel_speaks_tls, stop_servers),
		cmocka_unit_test_teardown(tunnel_checks_certificates, stop_servers),
		cmocka_unit_test(tunnel_needs_nbdkit),
	};
	const struct CMUnitTest with_driver[] = {
		cmocka_unit_test_teardown(device_comes_goes_and_returns, stop_servers),
	};
	int failed = cmocka_run_group_tests_name("attach", everywhere, setup, teardown);

	return has_driver() ? failed + cmocka_run_group_tests_name("driver", with_driver, setup, teardown) : failed;
}
