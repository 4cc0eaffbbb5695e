/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NBD servers for tests: started in a folder of their own, and gone with the test. */
#ifndef SVC_NBD_TEST_SERVER_H
#define SVC_NBD_TEST_SERVER_H

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-function" /* not every test needs all of them */

static char server_dir[] = "/tmp/nbd_test.XXXXXX";
static pid_t server_pid;

static const char *in_folder(const char *name)
{
	static char path[8][128];
	static unsigned turn;
	char *at = path[turn++ % 8];

	snprintf(at, sizeof(path[0]), "%s/%s", server_dir, name);
	return at;
}

static int server_folder_make(void)
{
	return mkdtemp(server_dir) ? 0 : -1;
}

static int server_folder_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", server_dir);
	return system(command);
}

/* At most one runs at a time. */
static void server_stop_all(void)
{
	if (server_pid > 0) {
		kill(-server_pid, SIGKILL);
		waitpid(server_pid, NULL, 0);
	}
	server_pid = 0;
	unlink(in_folder("sock"));
}

/* It neither answers nor closes, until it is stopped. */
static void server_pause(void)
{
	int status;

	kill(-server_pid, SIGSTOP);
	assert_int_equal(waitpid(server_pid, &status, WUNTRACED), server_pid);
	assert_true(WIFSTOPPED(status));
}

static const char *server_socket(void)
{
	return in_folder("sock");
}

static struct sockaddr_un socket_address(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	return at;
}

static bool can_connect(const struct sockaddr *at, socklen_t length)
{
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool r = !connect(fd, at, length);

	close(fd);
	return r;
}

/* Forks a child that dies with us, in a process group of its own. */
static pid_t server_fork(void)
{
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
	} else {
		setpgid(child, child);
	}
	return child;
}

static bool has_tool(const char *command)
{
	char test[256];

	snprintf(test, sizeof(test), "command -v %.*s >/dev/null", (int)strcspn(command, " "), command);
	return !system(test);
}

static void server_run(const char *command, const struct sockaddr *at, socklen_t length)
{
	char line[1024];

	if (!has_tool(command))
		skip();
	snprintf(line, sizeof(line), "exec %s", command);
	server_pid = server_fork();
	if (!server_pid) {
		if (freopen(in_folder("log"), "a", stderr) && freopen("/dev/null", "r", stdin))
			execl("/bin/sh", "sh", "-c", line, NULL);
		_exit(127);
	}
	/* A unix socket is there before it listens; qemu-nbd -e 1 is not to be kept busy, so look once it is. */
	for (int i = 0; i < 500; i++) {
		if (at->sa_family == AF_UNIX && access(server_socket(), F_OK))
			usleep(10000);
		else if (can_connect(at, length))
			return;
		else
			usleep(10000);
	}
	fail_msg("does not start: %s", command);
}

/* Starts a server on the unix socket. `format` has %s for its path, then for the folder, twice at most. */
static const char *server_unix(const char *format)
{
	struct sockaddr_un at = socket_address(server_socket());
	static char uri[128];
	char command[1000];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	/* cppcheck-suppress wrongPrintfScanfArgNum ; the format may use fewer of them */
	snprintf(command, sizeof(command), format, server_socket(), server_dir, server_dir);
#pragma GCC diagnostic pop
	server_run(command, (struct sockaddr *)&at, sizeof(at));
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", server_socket());
	return uri;
}

static struct sockaddr_in port_address(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

/* A port that nobody listened at a moment ago. */
static int server_free_port(void)
{
	struct sockaddr_in at = port_address(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(at);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
	close(fd);
	return ntohs(at.sin_port);
}

/* Starts a server on a port of the loopback. `format` has %d for it, then %s for the folder, twice. */
static int server_tcp(const char *format)
{
	int port = server_free_port();
	struct sockaddr_in at = port_address(port);
	char command[1000];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof(command), format, port, server_dir, server_dir);
#pragma GCC diagnostic pop
	server_run(command, (struct sockaddr *)&at, sizeof(at));
	return port;
}

static void server_leave_stale_socket(const char *path)
{
	struct sockaddr_un at = socket_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
}

/* Runs a shell script in the folder. */
static int server_script(const char *script)
{
	char *command;
	int r;

	if (asprintf(&command, "cd %s && exec >>log 2>&1; set -e; %s", server_dir, script) < 0)
		return -1;
	r = system(command);
	free(command);
	return r;
}

/* tls/: an authority, and a server that is localhost; other/: another authority. Non-zero without certtool. */
static int server_make_certificates(void)
{
	if (!has_tool("certtool"))
		return -1;
	return server_script("mkdir tls other\n"
	                     "for d in tls other; do\n"
	                     "  certtool --generate-privkey --key-type=ecdsa --outfile $d/ca-key.pem\n"
	                     "  printf 'cn = %s\\nca\\ncert_signing_key\\nexpiration_days = 2\\n' $d >$d/ca.info\n"
	                     "  certtool --generate-self-signed --load-privkey $d/ca-key.pem --template $d/ca.info"
	                     " --outfile $d/ca-cert.pem\n"
	                     "done\n"
	                     "certtool --generate-privkey --key-type=ecdsa --outfile tls/server-key.pem\n"
	                     "printf 'cn = localhost\\ndns_name = localhost\\ntls_www_server\\nsigning_key\\n"
	                     "expiration_days = 2\\n' >tls/server.info\n"
	                     "certtool --generate-certificate --load-ca-certificate tls/ca-cert.pem"
	                     " --load-ca-privkey tls/ca-key.pem --load-privkey tls/server-key.pem"
	                     " --template tls/server.info --outfile tls/server-cert.pem\n");
}

/* psk: alice's key; wrong-psk: another key of hers. Non-zero without psktool. */
static int server_make_psk(void)
{
	if (!has_tool("psktool"))
		return -1;
	return server_script("psktool -u alice -p psk && psktool -u alice -p wrong-psk");
}

/* How our own server misbehaves: before the handshake, or in its answer to the first read. */
enum fake_server {
	FAKE_SILENT,
	FAKE_CLOSES,
	FAKE_OTHER_PROTOCOL,
	FAKE_HALF_ANSWER, /* half of the bytes, and claims to be done */
	FAKE_HALF_THEN_CLOSE,
	FAKE_HALF_THEN_SILENT,
	FAKE_WRONG_COOKIE,
	FAKE_ONE_CLIENT, /* says that several connections are welcome, and serves one, zeros */
};

/* Numbers of doc/proto.md of the NBD project. */
enum {
	OPT_GO = 7,
	OPT_STRUCTURED = 8,
	REP_ACK = 1,
	REP_INFO = 3,
	FLAG_DONE = 1,
	CHUNK_DATA = 1,
	FLAGS_READ_ONLY_MULTI = 1 | 2 | 256
};

struct wire_option {
	uint64_t magic;
	uint32_t option, length;
} __attribute__((packed));
struct wire_reply {
	uint64_t magic;
	uint32_t option, type, length;
} __attribute__((packed));
struct wire_info {
	uint16_t type;
	uint64_t size;
	uint16_t flags;
} __attribute__((packed));
struct wire_request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t cookie, offset;
	uint32_t length;
} __attribute__((packed));
struct wire_chunk {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t cookie;
	uint32_t length;
	uint64_t offset;
} __attribute__((packed));

static void wire_get(int fd, void *to, size_t length)
{
	if (length && recv(fd, to, length, MSG_WAITALL) != (ssize_t)length)
		_exit(0);
}

static void wire_put(int fd, const void *from, size_t length)
{
	if (send(fd, from, length, MSG_NOSIGNAL) != (ssize_t)length)
		_exit(0);
}

static void wire_answer_option(int fd, uint32_t option, uint32_t type, const void *data, uint32_t length)
{
	struct wire_reply reply = { htobe64(0x3e889045565a9), htobe32(option), htobe32(type), htobe32(length) };

	wire_put(fd, &reply, sizeof(reply));
	if (length)
		wire_put(fd, data, length);
}

/* The fixed newstyle handshake, with structured replies and nothing else. */
static void fake_handshake(int fd)
{
	struct {
		uint64_t magic, option;
		uint16_t flags;
	} __attribute__((packed)) hello = {
		htobe64(0x4e42444d41474943),
		htobe64(0x49484156454f5054),
		htobe16(3),
	};
	struct wire_info info = { htobe16(0), htobe64(1 << 20), htobe16(FLAGS_READ_ONLY_MULTI) };
	struct wire_option option;
	uint32_t flags;
	char data[4096];

	wire_put(fd, &hello, sizeof(hello));
	wire_get(fd, &flags, sizeof(flags));
	do {
		wire_get(fd, &option, sizeof(option));
		option.option = be32toh(option.option);
		option.length = be32toh(option.length);
		if (option.length > sizeof(data))
			_exit(0);
		wire_get(fd, data, option.length);
		if (option.option == OPT_GO)
			wire_answer_option(fd, OPT_GO, REP_INFO, &info, sizeof(info));
		if (option.option == OPT_GO || option.option == OPT_STRUCTURED)
			wire_answer_option(fd, option.option, REP_ACK, NULL, 0);
		else
			wire_answer_option(fd, option.option, 0x80000001, NULL, 0);
	} while (option.option != OPT_GO);
}

static void fake_answer(int fd, enum fake_server kind)
{
	bool is_done = kind == FAKE_HALF_ANSWER || kind == FAKE_WRONG_COOKIE || kind == FAKE_ONE_CLIENT;
	static const char data[1 << 20];
	struct wire_request request;
	struct wire_chunk chunk;
	uint32_t length;

	wire_get(fd, &request, sizeof(request));
	length = be32toh(request.length);
	if (length > sizeof(data))
		_exit(0);
	if (kind != FAKE_ONE_CLIENT)
		length /= 2;
	/* One chunk of half the bytes, or one that announces all of them and stops in the middle. */
	chunk = (struct wire_chunk){
		.magic = htobe32(0x668e33ef),
		.flags = htobe16(FLAG_DONE),
		.type = htobe16(CHUNK_DATA),
		.cookie = kind == FAKE_WRONG_COOKIE ? ~request.cookie : request.cookie,
		.length = htobe32(8 + (is_done ? length : 2 * length)),
		.offset = request.offset,
	};
	wire_put(fd, &chunk, sizeof(chunk));
	wire_put(fd, data, length);
	if (kind == FAKE_HALF_THEN_CLOSE)
		_exit(0);
}

static void fake_serve(int listener, enum fake_server kind)
{
	int fd = accept(listener, NULL, NULL);

	if (kind == FAKE_CLOSES)
		_exit(0);
	if (kind == FAKE_OTHER_PROTOCOL)
		wire_put(fd, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", 47);
	if (kind >= FAKE_HALF_ANSWER) {
		fake_handshake(fd);
		do
			fake_answer(fd, kind);
		while (kind == FAKE_ONE_CLIENT);
	}
	pause();
	_exit(0);
}

static const char *server_fake(enum fake_server kind)
{
	struct sockaddr_un at = socket_address(server_socket());
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char uri[128];

	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 4), 0);
	server_pid = server_fork();
	if (!server_pid)
		fake_serve(listener, kind);
	close(listener);
	snprintf(uri, sizeof(uri), "nbd+unix:///?socket=%s", server_socket());
	return uri;
}

#endif
