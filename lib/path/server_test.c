/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the server of the export is called, and what speaks against it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path/server.h"

static struct svc_error error;

static bool has(const struct server *server, const char *argument)
{
	for (size_t i = 0; i < server->count; i++)
		if (!strcmp(server->argv[i], argument))
			return true;
	return false;
}

static void it_is_uncached_and_on_the_link_alone(void **state)
{
	struct export_options options = { .address = "10.9.0.1:7",
		                          .name = "",
		                          .client = "CN=a,O=b",
		                          .tls_certificates = "/tls",
		                          .tls_psk_file = "" };
	struct server server;

	(void)state;
	assert_int_equal(server_make(&server, "/dev/x", &options, &error), 0);
	assert_string_equal(server.argv[0], "qemu-nbd");
	assert_true(has(&server, "--cache=none"));
	assert_true(has(&server, "--bind=10.9.0.1"));
	assert_true(has(&server, "--port=7"));
	assert_true(has(&server, "--export-name=shared"));
	assert_true(has(&server, "--object=tls-creds-x509,id=tls,endpoint=server,verify-peer=on,dir=/tls"));
	assert_true(has(&server, "--object=authz-simple,id=client,identity=CN=a,,O=b"));
	assert_true(has(&server, "--tls-authz=client"));
	assert_string_equal(server.argv[server.count - 1], "/dev/x");
	assert_null(server.argv[server.count]);
	server_free(&server);
	options.address = "";
	assert_int_equal(server_make(&server, "/dev/x", &options, &error), -EINVAL);
}

/* Who is let in by name has to prove the name. */
static void a_client_is_told_by_tls_alone(void **state)
{
	struct export_options options = {
		.address = "10.9.0.1", .name = "", .client = "controller-a", .tls_certificates = "", .tls_psk_file = ""
	};
	struct server server;

	(void)state;
	assert_int_equal(server_make(&server, "/dev/x", &options, &error), -EINVAL);
	assert_non_null(strstr(error.text, "controller-a"));
	options.tls_psk_file = "/keys";
	assert_int_equal(server_make(&server, "/dev/x", &options, &error), 0);
	server_free(&server);
	options.client = options.tls_psk_file = "";
	assert_int_equal(server_make(&server, "/dev/x", &options, &error), 0);
	assert_false(server_has_tls(&options));
	server_free(&server);
}

/* This very process stands for the one that runs. */
static void one_that_was_called_otherwise_is_told(void **state)
{
	char line[SERVER_LINE_SIZE];
	size_t got = server_arguments("self", line);
	struct server server = { 0 };

	(void)state;
	assert_true(got > 0);
	for (size_t at = 0; at < got && server.count + 1 < SERVER_ARGUMENTS_MAX; at += strlen(line + at) + 1)
		server.argv[server.count++] = line + at;
	assert_int_equal(server_check(getpid(), &server, &error), 0);
	server.argv[server.count++] = "--tls-creds=tls";
	assert_int_equal(server_check(getpid(), &server, &error), -EBUSY);
	assert_non_null(strstr(error.text, "other settings"));
	assert_non_null(strstr(error.next, "--unexport"));
	server.count -= 2;
	assert_int_equal(server_check(getpid(), &server, &error), -EBUSY);
	server.argv[server.count++] = "other";
	assert_int_equal(server_check(getpid(), &server, &error), -EBUSY);
}

static void a_key_has_to_be_kept(void **state)
{
	char folder[] = "/tmp/server_test.XXXXXX", path[sizeof(folder) + 32];
	struct export_options options = { .client = "", .tls_certificates = "", .tls_psk_file = "" };
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(server_prepare_tls(&options, &error), 0);
	snprintf(path, sizeof(path), "%s/server-key.pem", folder);
	options.tls_certificates = folder;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(server_prepare_tls(&options, &error), -EINVAL);
		assert_non_null(strstr(error.text, path));
		assert_non_null(strstr(error.text, "No such file"));
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(fchmod(fd, 0644), 0);
		assert_int_equal(server_prepare_tls(&options, &error), -EINVAL);
		assert_non_null(strstr(error.text, "everybody"));
		if (!round) {
			assert_int_equal(fchmod(fd, 0640), 0);
			assert_int_equal(server_prepare_tls(&options, &error), 0);
		}
		close(fd);
		unlink(path);
		options.tls_psk_file = path; /* it takes precedence */
	}
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_uncached_and_on_the_link_alone),
		cmocka_unit_test(a_client_is_told_by_tls_alone),
		cmocka_unit_test(one_that_was_called_otherwise_is_told),
		cmocka_unit_test(a_key_has_to_be_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
