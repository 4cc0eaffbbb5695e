/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/reservation.h"

#include <errno.h>
#include <fcntl.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	PERSISTENT_RESERVE_IN = 0x5e,
	READ_KEYS = 0,
	READ_RESERVATION = 1,
	PERSISTENT_RESERVE_OUT = 0x5f,
	REGISTER = 0,
	RESERVE = 1,
	RELEASE = 2,
	PREEMPT = 4,
	REGISTER_AND_IGNORE = 6,
	COMMAND_BYTES = 10,
	PARAMETER_BYTES = 24,
	ANSWER_HEADER_BYTES = 8, /* be32 generation, be32 length of what follows */
	KEY_BYTES = 8,
	ANSWER_BYTES = ANSWER_HEADER_BYTES + RESERVATION_KEYS_MAX * KEY_BYTES,
	TYPE_AT = 21, /* of READ RESERVATION's answer: scope in the upper half, type in the lower */
	TYPE_REGISTRANTS_ONLY = 5,
	STATUS_RESERVATION_CONFLICT = 0x18,
	SENSE_BYTES = 32,
	SENSE_ILLEGAL_REQUEST = 5,
	SENSE_UNIT_ATTENTION = 6,
	ATTENTIONS_MAX = 8,
	TIMEOUT_SECONDS = 10,
};

static uint64_t be(const uint8_t *bytes, int count)
{
	uint64_t value = 0;

	for (int i = 0; i < count; i++)
		value = value << 8 | bytes[i];
	return value;
}

static int open_disk(const char *device, struct svc_error *error)
{
	int fd = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	error_set(error, -errno, "%s: cannot be opened: %s", device, strerror(errno));
	error_next(error, "give the disk of the direct path itself, as lsscsi names it");
	return -errno;
}

static int not_supported(const char *device, struct svc_error *error)
{
	error_set(error, -EOPNOTSUPP, "%s: the device knows no SCSI persistent reservations", device);
	error_next(error, "fence the peer by another means: a fence-peer hook, or --peer-fenced");
	return -EOPNOTSUPP;
}

/* The sense key, from either format (SPC-4, 4.5). */
static int sense_key(const uint8_t *sense)
{
	return (sense[0] & 0x7f) >= 0x72 ? sense[1] & 0x0f : sense[2] & 0x0f;
}

/* One command. -EOPNOTSUPP also where the unit does not take what the command asks for. */
static int send_command(int fd, const char *device, const char *what, uint8_t command[COMMAND_BYTES], int direction,
                        uint8_t *data, unsigned bytes, unsigned timeout_seconds, struct svc_error *error)
{
	uint8_t sense[SENSE_BYTES] = { 0 };
	struct sg_io_hdr header = {
		.interface_id = 'S',
		.dxfer_direction = direction,
		.cmd_len = COMMAND_BYTES,
		.cmdp = command,
		.dxfer_len = bytes,
		.dxferp = data,
		.mx_sb_len = sizeof(sense),
		.sbp = sense,
		.timeout = (timeout_seconds ? timeout_seconds : TIMEOUT_SECONDS) * 1000,
	};

	/* After a reset, or what another initiator did, the unit says so first, whatever it is asked (SPC-4, 5.14). */
	for (int tries = 0; tries < ATTENTIONS_MAX; tries++) {
		header.info = header.status = 0;
		if (ioctl(fd, SG_IO, &header))
			return errno == ENOTTY || errno == EINVAL
			               ? not_supported(device, error)
			               : error_set(error, -errno, "%s: %s: %s", device, what, strerror(errno));
		if (!(header.info & SG_INFO_CHECK))
			return 0;
		if (!header.sb_len_wr || sense_key(sense) != SENSE_UNIT_ATTENTION)
			break;
	}
	if (header.status == STATUS_RESERVATION_CONFLICT)
		return error_set(error, -EBUSY, "%s: %s: reservation conflict", device, what);
	if (header.sb_len_wr && sense_key(sense) == SENSE_ILLEGAL_REQUEST)
		return not_supported(device, error);
	return error_set(error, header.host_status ? -ETIMEDOUT : -EIO,
	                 "%s: %s: status %02x, host %02x, driver %02x, sense %02x", device, what, header.status,
	                 header.host_status, header.driver_status, header.sb_len_wr ? sense_key(sense) : 0);
}

static int reserve_in(int fd, const char *device, int action, unsigned timeout_seconds, uint8_t answer[ANSWER_BYTES],
                      struct svc_error *error)
{
	uint8_t command[COMMAND_BYTES] = { PERSISTENT_RESERVE_IN,
		                           (uint8_t)action, [7] = ANSWER_BYTES >> 8, [8] = ANSWER_BYTES & 0xff };

	memset(answer, 0, ANSWER_BYTES);
	return send_command(fd, device, "reservations cannot be read", command, SG_DXFER_FROM_DEV, answer, ANSWER_BYTES,
	                    timeout_seconds, error);
}

int reservation_read(const char *device, unsigned timeout_seconds, struct reservation *reservation,
                     struct svc_error *error)
{
	uint8_t answer[ANSWER_BYTES];
	int code, fd = open_disk(device, error);

	memset(reservation, 0, sizeof(*reservation));
	if (fd < 0)
		return fd;
	code = reserve_in(fd, device, READ_KEYS, timeout_seconds, answer, error);
	if (code)
		goto out;
	reservation->generation = (uint32_t)be(answer, 4);
	/* The length is the array's word and may be longer than the answer that was asked for. */
	reservation->keys = (unsigned)(be(answer + 4, 4) / KEY_BYTES);
	for (unsigned i = 0; i < reservation->keys && i < RESERVATION_KEYS_MAX; i++)
		reservation->key[i] = be(answer + ANSWER_HEADER_BYTES + i * KEY_BYTES, KEY_BYTES);
	code = reserve_in(fd, device, READ_RESERVATION, timeout_seconds, answer, error);
	if (code)
		goto out;
	reservation->is_reserved = be(answer + 4, 4) > 0;
	if (reservation->is_reserved) {
		reservation->holder = be(answer + ANSWER_HEADER_BYTES, KEY_BYTES);
		reservation->is_registrants_only = (answer[TYPE_AT] & 0x0f) == TYPE_REGISTRANTS_ONLY;
	}
out:
	close(fd);
	return code;
}

bool reservation_has_key(const struct reservation *reservation, uint64_t key)
{
	for (unsigned i = 0; i < reservation->keys && i < RESERVATION_KEYS_MAX; i++)
		if (reservation->key[i] == key)
			return true;
	return false;
}

struct change {
	int action;       /* of PERSISTENT RESERVE OUT (SPC-4, 6.16) */
	uint64_t key;     /* this initiator's */
	uint64_t other;   /* the one that it is about */
	bool is_lasting;  /* through a loss of the array's power */
	const char *what; /* for the sentence */
};

static void put_be(uint8_t *bytes, uint64_t value, int count)
{
	for (int i = 0; i < count; i++)
		bytes[i] = (uint8_t)(value >> 8 * (count - 1 - i));
}

static int reserve_out(int fd, const char *device, const struct change *change, struct svc_error *error)
{
	uint8_t command[COMMAND_BYTES] = { PERSISTENT_RESERVE_OUT, (uint8_t)change->action,
		                           TYPE_REGISTRANTS_ONLY, [8] = PARAMETER_BYTES };
	uint8_t parameter[PARAMETER_BYTES] = { 0 };

	put_be(parameter, change->key, KEY_BYTES);
	put_be(parameter + KEY_BYTES, change->other, KEY_BYTES);
	parameter[20] = change->is_lasting; /* APTPL */
	return send_command(fd, device, change->what, command, SG_DXFER_TO_DEV, parameter, PARAMETER_BYTES, 0, error);
}

/* 1: done, and not lasting although that was asked for. */
static int run(const char *device, struct change change, struct svc_error *error)
{
	bool is_fleeting = false;
	int code, fd = open_disk(device, error);

	if (fd < 0)
		return fd;
	code = reserve_out(fd, device, &change, error);
	/* Not every array keeps registrations when its power is cut; they are as good for as long as it runs. */
	if (code == -EOPNOTSUPP && change.is_lasting) {
		change.is_lasting = false;
		is_fleeting = true;
		code = reserve_out(fd, device, &change, error);
	}
	close(fd);
	return code ? code : is_fleeting;
}

int reservation_register(const char *device, uint64_t key, struct svc_error *error)
{
	struct change change = { REGISTER_AND_IGNORE, 0, key, true, "the key cannot be registered" };

	return run(device, change, error);
}

int reservation_renew(const char *device, uint64_t key, uint64_t fresh, struct svc_error *error)
{
	struct change change = { REGISTER, key, fresh, true, "the key cannot be renewed" };

	return run(device, change, error);
}

int reservation_reserve(const char *device, uint64_t key, struct svc_error *error)
{
	struct change change = { RESERVE, key, 0, false, "the volume cannot be reserved" };

	return run(device, change, error);
}

int reservation_preempt(const char *device, uint64_t key, uint64_t other, struct svc_error *error)
{
	struct change change = { PREEMPT, key, other, false, "the peer's key cannot be taken away" };

	return run(device, change, error);
}

int reservation_release(const char *device, uint64_t key, struct svc_error *error)
{
	struct change release = { RELEASE, key, 0, false, "the reservation cannot be given up" };
	struct change forget = { REGISTER, key, 0, true, "the key cannot be taken away" };
	int code = run(device, release, error);

	code = code ? code : run(device, forget, error);
	return code < 0 ? code : 0;
}
