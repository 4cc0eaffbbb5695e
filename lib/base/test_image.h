/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests alone: copies of the scenarios in test-images, unpacked into memory. */
#ifndef SVC_TEST_IMAGE_H
#define SVC_TEST_IMAGE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "locate/locate.h"

/* A copy in memory, located. */
struct test_copy {
	uint8_t *bytes;
	size_t size;
	struct copy copy;
	struct access access;
};

/* Tests run in the top directory; SVC_TOP names it where they do not. */
static inline FILE *test_image_open(const char *scenario, const char *name)
{
	const char *top = getenv("SVC_TOP");
	char command[512];

	snprintf(command, sizeof(command), "zstd -qdc '%s/test-images/images/%s/%s.img.zst'", top ? top : ".", scenario,
	         name);
	return popen(command, "r");
}

/* Unpacks the image. NULL where zstd or the image is absent. Free the result with free(). */
static inline uint8_t *test_image_load(const char *scenario, const char *name, size_t *size)
{
	FILE *from = test_image_open(scenario, name);
	size_t room = 32 << 20, got;
	uint8_t *bytes = malloc(room);

	*size = 0;
	while (from && bytes && (got = fread(bytes + *size, 1, room - *size, from)) > 0) {
		*size += got;
		if (*size == room) {
			uint8_t *more = realloc(bytes, room *= 2);

			if (!more)
				free(bytes);
			bytes = more;
		}
	}
	if (from && !pclose(from) && *size)
		return bytes;
	free(bytes);
	return NULL;
}

/* Unpacks the image to FOLDER/NAME.img. 0, or -1. */
static inline int test_image_put(const char *folder, const char *scenario, const char *name)
{
	char path[200];
	size_t size;
	uint8_t *bytes = test_image_load(scenario, name, &size);
	bool is_written;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.img", folder, name);
	f = bytes ? fopen(path, "w") : NULL;
	is_written = f && fwrite(bytes, 1, size, f) == size;
	free(bytes);
	return (!f || !fclose(f)) && is_written ? 0 : -1;
}

/* Unpacks and locates a copy. 0, or -1 where there is no image or no leg on it. */
static inline int test_copy_open(struct test_copy *copy, const char *scenario, const char *name)
{
	struct svc_error error;

	memset(copy, 0, sizeof(*copy));
	copy->bytes = test_image_load(scenario, name, &copy->size);
	if (!copy->bytes)
		return -1;
	snprintf(copy->copy.name, sizeof(copy->copy.name), "%s", name);
	snprintf(copy->copy.group, sizeof(copy->copy.group), "%s", name);
	snprintf(copy->copy.locator, sizeof(copy->copy.locator), "%s.img", name);
	if (dev_open_memory(copy->bytes, copy->size, false, &copy->access.device) ||
	    locate_leg(&copy->copy, NULL, &copy->access, &error) || copy->copy.condition != COPY_USABLE)
		return -1;
	return 0;
}

static inline void test_copy_close(struct test_copy *copy)
{
	access_close(&copy->access);
	free(copy->bytes);
	memset(copy, 0, sizeof(*copy));
}

#endif
