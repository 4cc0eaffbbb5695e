// SPDX-License-Identifier: GPL-2.0-or-later
/* A support bundle over the line. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "console/bundle.h"

enum { LINE_BYTES = 57, LINE_CHARACTERS = 78, BITS_A_CHARACTER = 10, USUAL_BAUD = 9600 };

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* RFC 4648; 57 bytes make a line of 76. */
static void encode(const uint8_t *bytes, size_t length, char line[80])
{
	size_t at = 0;

	for (size_t i = 0; i < length; i += 3) {
		uint32_t word = (uint32_t)bytes[i] << 16 | (i + 1 < length ? (uint32_t)bytes[i + 1] << 8 : 0) |
		                (i + 2 < length ? bytes[i + 2] : 0);

		line[at++] = base64[word >> 18];
		line[at++] = base64[word >> 12 & 63];
		line[at++] = i + 1 < length ? base64[word >> 6 & 63] : '=';
		line[at++] = i + 2 < length ? base64[word & 63] : '=';
	}
	line[at] = '\0';
}

static unsigned baud_of(int line)
{
	static const struct {
		speed_t code;
		unsigned baud;
	} speeds[] = { { B19200, 19200 }, { B38400, 38400 }, { B57600, 57600 }, { B115200, 115200 } };
	struct termios modes;

	for (size_t i = 0; !tcgetattr(line, &modes) && i < sizeof(speeds) / sizeof(speeds[0]); i++)
		if (cfgetospeed(&modes) == speeds[i].code)
			return speeds[i].baud;
	return USUAL_BAUD;
}

/* Ctrl-C or Ctrl-G was pressed, or the line is gone. */
static bool is_stopped(int in)
{
	struct pollfd input = { .fd = in, .events = POLLIN };

	while (poll(&input, 1, 0) > 0) {
		char keys[64];
		ssize_t got = read(in, keys, sizeof(keys));

		if (got <= 0 || memchr(keys, 0x03, (size_t)got) || memchr(keys, KEY_CANCEL, (size_t)got))
			return true;
	}
	return false;
}

static void name_minutes(uint64_t minutes, char text[32])
{
	if (minutes > 1)
		snprintf(text, 32, "%" PRIu64 " minutes", minutes);
	else
		snprintf(text, 32, "a minute");
}

static int put_head(int out, uint64_t bytes)
{
	uint64_t characters = (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_CHARACTERS;
	unsigned baud = baud_of(out);
	char minutes[32];

	name_minutes(characters * BITS_A_CHARACTER / baud / 60 + 1, minutes);

	return dprintf(out,
	               "\r\n%" PRIu64 " KiB of text: about %s at %u baud. Ctrl-C stops it.\r\n"
	               "Keep what comes between the two lines in a file svc-support.b64, then:\r\n"
	               "    base64 -d svc-support.b64 > svc-support.tar.gz && gzip -t svc-support.tar.gz\r\n"
	               "gzip -t says whether it arrived whole.\r\n\r\n-----BEGIN SVC SUPPORT BUNDLE-----\r\n",
	               (characters + 1023) / 1024, minutes, baud) < 0
	               ? -errno
	               : 0;
}

int bundle_send(const char *path, int in, int out, struct svc_error *error)
{
	FILE *file = fopen(path, "re");
	uint8_t bytes[LINE_BYTES];
	struct stat status;
	char line[80];
	size_t got;
	int code;

	if (!file || fstat(fileno(file), &status)) {
		code = error_set(error, -errno, "%s: %s", path, strerror(errno));
		goto out;
	}
	code = put_head(out, (uint64_t)status.st_size);
	while (!code && (got = fread(bytes, 1, sizeof(bytes), file)) > 0) {
		encode(bytes, got, line);
		if (is_stopped(in))
			code = -ECANCELED;
		else if (dprintf(out, "%s\r\n", line) < 0)
			code = -errno;
	}
	if (!code && (ferror(file) || dprintf(out, "-----END SVC SUPPORT BUNDLE-----\r\n") < 0))
		code = -EIO;
	if (code == -ECANCELED)
		tcflush(out, TCOFLUSH); /* what is on its way would go on for seconds */
	if (code)
		error_set(error, code, "%s: it was not sent whole: %s", path,
		          code == -ECANCELED ? "stopped" : strerror(-code));
out:
	if (file)
		fclose(file);
	return code;
}
