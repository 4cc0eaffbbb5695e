/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The array behind a disk of this host, and the numbers of keys. */
#include "promote/fence.h"

#include <errno.h>
#include <sys/random.h>

int fence_draw_number(uint16_t *number, struct svc_error *error)
{
	do
		if (getrandom(number, sizeof(*number), 0) != sizeof(*number))
			return error_set(error, -EIO, "no random number for a key");
	while (*number == FENCE_ANY_NUMBER);
	return 0;
}

static int disk_read(void *array, struct reservation *reservation, struct svc_error *error)
{
	const struct fence_disk *disk = array;

	return reservation_read(disk->device, disk->timeout_seconds, reservation, error);
}

static int disk_register(void *array, uint64_t key, struct svc_error *error)
{
	return reservation_register(((const struct fence_disk *)array)->device, key, error);
}

static int disk_renew(void *array, uint64_t key, uint64_t fresh, struct svc_error *error)
{
	return reservation_renew(((const struct fence_disk *)array)->device, key, fresh, error);
}

static int disk_reserve(void *array, uint64_t key, struct svc_error *error)
{
	return reservation_reserve(((const struct fence_disk *)array)->device, key, error);
}

static int disk_preempt(void *array, uint64_t key, uint64_t other, struct svc_error *error)
{
	return reservation_preempt(((const struct fence_disk *)array)->device, key, other, error);
}

static int disk_release(void *array, uint64_t key, struct svc_error *error)
{
	return reservation_release(((const struct fence_disk *)array)->device, key, error);
}

const struct fence_ops fence_ops_disk = {
	.read = disk_read,
	.register_key = disk_register,
	.renew = disk_renew,
	.reserve = disk_reserve,
	.preempt = disk_preempt,
	.release = disk_release,
};
