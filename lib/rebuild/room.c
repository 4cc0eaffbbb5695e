// SPDX-License-Identifier: GPL-2.0-or-later
#include "rebuild/room.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum {
	COPY_METADATA_BYTES = 1 << 20, /* labels, LVM's text, superblock and bitmap, record; seldom a tenth of it */
	HEAD_SHARE = 16,               /* of an entry that saves 1024 bytes, the smallest block: 60 */
};

/* MemAvailable of /proc/meminfo, in bytes. */
static uint64_t available_memory(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];
	bool is_known = false;

	while (file && !is_known && fgets(line, sizeof(line), file))
		is_known = sscanf(line, "MemAvailable: %llu kB", &kib) == 1;
	if (file)
		fclose(file);
	return is_known ? (uint64_t)kib << 10 : UINT64_MAX;
}

uint64_t room_of(bool is_memory, bool has_bound, uint64_t free_bytes, uint64_t available_bytes)
{
	uint64_t room = has_bound ? free_bytes : UINT64_MAX;

	if (!is_memory || available_bytes == UINT64_MAX)
		return room;
	available_bytes = available_bytes > ROOM_MEMORY_KEPT_BYTES ? available_bytes - ROOM_MEMORY_KEPT_BYTES : 0;
	return available_bytes < room ? available_bytes : room;
}

uint64_t room_needed(uint64_t bytes, int copies)
{
	return bytes + bytes / HEAD_SHARE + (uint64_t)copies * COPY_METADATA_BYTES;
}

uint64_t room_for(const char *path)
{
	char place[1100];
	struct statfs fs;
	struct stat there;
	uint64_t room, has = 0;
	bool is_memory;

	if (!stat(path, &there) && S_ISREG(there.st_mode))
		has = (uint64_t)there.st_blocks * 512;
	/* The file need not be there yet, nor the folder it is going to be made in. */
	snprintf(place, sizeof(place), "%s", path);
	while (statfs(place, &fs)) {
		char *slash = strrchr(place, '/');

		if (!slash && !strcmp(place, "."))
			return UINT64_MAX;
		if (!slash)
			snprintf(place, sizeof(place), ".");
		else if (slash != place)
			*slash = '\0';
		else if (slash[1])
			slash[1] = '\0';
		else
			return UINT64_MAX;
	}
	is_memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
	/* ramfs, and a tmpfs of no set size, have no blocks to count. */
	room = room_of(is_memory, fs.f_blocks != 0, (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize, available_memory());
	return room > UINT64_MAX - has ? UINT64_MAX : room + has;
}
