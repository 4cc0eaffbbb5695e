// SPDX-License-Identifier: GPL-2.0-or-later
#include "fs/read_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/fs_private.h"
#include "fs/paths.h"
#include "fs/walk.h"

enum { FS_ENCRYPT_FL = 0x800 }; /* EXT4_ENCRYPT_FL, fs/ext4/ext4.h */

static int find(struct fs *fs, uint32_t number, uint8_t **raw, struct inode *inode, struct svc_error *error)
{
	int r;

	*raw = malloc(EXT2_MAX_BLOCK_SIZE);
	if (!*raw)
		return error_set(error, -ENOMEM, "out of memory");
	r = inode_read(fs, number, *raw, inode);
	if (!r && (!LINUX_S_ISREG(inode->mode) || !inode->links))
		r = -ENOENT;
	if (r == -ENOENT)
		error_set(error, r, "inode %u: there is no such file", number);
	else if (r)
		error_set(error, r, "inode %u: %s", number, strerror(-r));
	return r;
}

int fs_file_look(struct fs *fs, uint32_t number, struct fs_file *file, struct svc_error *error)
{
	struct inode inode;
	uint8_t *raw;
	int r = find(fs, number, &raw, &inode, error);

	if (!r)
		*file = (struct fs_file){ .bytes = inode.size,
			                  .modified = inode.modified,
			                  .generation = inode.generation,
			                  .birth = inode.birth,
			                  .is_encrypted = inode.flags & FS_ENCRYPT_FL };
	free(raw);
	return r;
}

static int ignore(void *context, const struct owned *owned)
{
	(void)context;
	(void)owned;
	return 0;
}

static int add_directory(void *context, const struct inode *inode)
{
	return LINUX_S_ISDIR(inode->mode) ? paths_add_directory(context, inode->number) : 0;
}

int fs_file_path(struct fs *fs, uint32_t number, char **path, struct svc_error *error)
{
	struct paths paths = { .fs = fs };
	struct walk_sink sink = { .owned = ignore, .inode = add_directory, .context = &paths };
	int r = fs_walk(fs, &sink);

	*path = NULL;
	if (!r)
		r = paths_want(&paths, number);
	if (!r)
		r = paths_read(&paths);
	if (!r)
		*path = paths_get(&paths, number);
	paths_free(&paths);
	return *path ? 0 : error_set(error, -ENOMEM, "out of memory");
}

struct reading {
	struct fs *fs;
	uint8_t *buffer;
	uint64_t length; /* bytes wanted, from the file's first on */
};

static int on_run(void *context, bool is_node, uint64_t logical, uint64_t physical, uint64_t count)
{
	struct reading *reading = context;
	uint64_t block = reading->fs->block_bytes, at, bytes;

	if (is_node || logical >= (reading->length + block - 1) / block)
		return 0;
	at = logical * block;
	bytes = count < (reading->length - at + block - 1) / block ? count * block : reading->length - at;
	if (bytes > reading->length - at)
		bytes = reading->length - at;
	return fs_read(reading->fs, reading->buffer + at, bytes, physical * block);
}

int fs_file_read(struct fs *fs, uint32_t number, void *buffer, size_t room, size_t *length, struct svc_error *error)
{
	struct reading reading = { .fs = fs, .buffer = buffer };
	struct map_sink sink = { .run = on_run, .context = &reading, .is_content = true };
	struct inode inode;
	uint8_t *raw;
	int r = find(fs, number, &raw, &inode, error);

	if (r)
		goto out;
	reading.length = inode.size < room ? inode.size : room;
	memset(buffer, 0, reading.length);
	*length = reading.length;
	if (inode.flags & EXT4_INLINE_DATA_FL) { /* what does not fit there is in an attribute */
		if (inode.size > FS_INODE_MAP_BYTES)
			r = error_set(error, -ENOTSUP, "inode %u: its content is in its attributes", number);
		else
			memcpy(buffer, inode.map, reading.length);
		goto out;
	}
	sink.seen = bitset_new(fs->blocks);
	r = sink.seen ? fs_map_inode(fs, &inode, &sink) : -ENOMEM;
	bitset_free(sink.seen);
	if (r)
		error_set(error, r, "inode %u: its content cannot be read: %s", number, strerror(-r));
out:
	free(raw);
	return r;
}
