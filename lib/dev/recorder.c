/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dev/recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct recorder {
	struct dev dev;
	struct dev *base; /* the caller's */
	struct recording *recording;
	unsigned device;
};

static int note(struct recorder *recorder, const void *bytes, size_t length, uint64_t offset, uint64_t stamp)
{
	struct recording *recording = recorder->recording;
	struct recorded *item = recording->item;

	if (recording->items == recording->room) {
		size_t room = recording->room ? 2 * recording->room : 256;

		item = reallocarray(item, room, sizeof(*item));
		if (!item)
			return -ENOMEM;
		recording->item = item;
		recording->room = room;
	}
	item += recording->items;
	*item = (struct recorded){
		.device = recorder->device, .is_flush = !bytes, .offset = offset, .length = length, .stamp = stamp
	};
	if (bytes) {
		item->bytes = malloc(length);
		if (!item->bytes)
			return -ENOMEM;
		memcpy(item->bytes, bytes, length);
	}
	recording->items++;
	return 0;
}

static uint64_t stamp(const struct recorder *recorder)
{
	return recorder->recording->stamp ? recorder->recording->stamp(recorder->recording->context) : 0;
}

static int recorder_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	return dev_read(((struct recorder *)dev)->base, buffer, length, offset);
}

static int recorder_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct recorder *recorder = (struct recorder *)dev;
	uint64_t now = stamp(recorder);
	int code = dev_write(recorder->base, buffer, length, offset);

	return code ? code : note(recorder, buffer, length, offset, now);
}

static int recorder_flush(struct dev *dev)
{
	struct recorder *recorder = (struct recorder *)dev;
	uint64_t now = stamp(recorder);
	int code = dev_flush(recorder->base);

	return code ? code : note(recorder, NULL, 0, 0, now);
}

static int recorder_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	return dev_next_data(((struct recorder *)dev)->base, offset, run);
}

static void recorder_close(struct dev *dev)
{
	free(dev);
}

static const struct dev_ops recorder_ops = {
	.pread = recorder_pread,
	.pwrite = recorder_pwrite,
	.flush = recorder_flush,
	.next_data = recorder_next_data,
	.close = recorder_close,
};

int dev_open_recorder(struct dev *base, struct recording *recording, unsigned device, struct dev **dev)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	*dev = NULL;
	if (!recorder)
		return -ENOMEM;
	recorder->dev = *base;
	recorder->dev.ops = &recorder_ops;
	recorder->base = base;
	recorder->recording = recording;
	recorder->device = device;
	*dev = &recorder->dev;
	return 0;
}

void recording_free(struct recording *recording)
{
	for (size_t i = 0; i < recording->items; i++)
		free(recording->item[i].bytes);
	free(recording->item);
	recording->item = NULL;
	recording->items = recording->room = 0;
}

size_t recording_durable(const struct recording *recording, unsigned device, size_t prefix)
{
	while (prefix && !(recording->item[prefix - 1].is_flush && recording->item[prefix - 1].device == device))
		prefix--;
	return prefix;
}

uint64_t recorder_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int write_sectors(const struct recorded *item, uint64_t *seed, struct dev *medium)
{
	int code = 0;

	for (size_t at = 0; at < item->length && !code;) {
		size_t part = RECORDER_SECTOR_BYTES - (item->offset + at) % RECORDER_SECTOR_BYTES;

		if (part > item->length - at)
			part = item->length - at;
		if (recorder_random(seed) & 1)
			code = dev_write(medium, item->bytes + at, part, item->offset + at);
		at += part;
	}
	return code;
}

static int replay_volatile(const struct recorded *item, bool is_last, enum survival survival, uint64_t *seed,
                           struct dev *medium)
{
	bool is_kept = survival == SURVIVE_ALL || (survival == SURVIVE_LAST && is_last) ||
	               (survival == SURVIVE_TORN && !is_last) ||
	               (survival == SURVIVE_WRITES && recorder_random(seed) & 1);

	if (survival == SURVIVE_SECTORS || (survival == SURVIVE_TORN && is_last))
		return write_sectors(item, seed, medium);
	return is_kept ? dev_write(medium, item->bytes, item->length, item->offset) : 0;
}

int recording_replay(const struct recording *recording, size_t first, size_t prefix, enum survival survival,
                     uint64_t *seed, struct dev *const medium[])
{
	size_t last = prefix;
	int code = 0;

	while (last > first && recording->item[last - 1].is_flush)
		last--;
	for (size_t i = first; i < prefix && !code; i++) {
		const struct recorded *item = &recording->item[i];

		if (item->is_flush)
			continue;
		if (i < recording_durable(recording, item->device, prefix))
			code = dev_write(medium[item->device], item->bytes, item->length, item->offset);
		else
			code = replay_volatile(item, i + 1 == last, survival, seed, medium[item->device]);
	}
	return code;
}
