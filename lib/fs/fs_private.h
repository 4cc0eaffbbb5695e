/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share. libext2fs's headers come in here and go no further. */
#ifndef SVC_FS_PRIVATE_H
#define SVC_FS_PRIVATE_H

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include "base/bytes.h"
#include "fs/fs.h"

enum {
	FS_CACHE_SLOTS = 8,
	FS_CACHE_BYTES = 32 << 10, /* of one slot; one block where blocks are larger */
	FS_TREE_DEPTH_MAX = 5,     /* EXT4_MAX_EXTENT_DEPTH; indirect trees have three levels */
	FS_INODE_MAP_BYTES = 60,   /* i_block: the root of the extent tree, or block numbers */
};

/* A block of the file system whose newer content lies in the journal. */
struct overlay_block {
	uint64_t block;  /* the one replaced */
	uint64_t source; /* where its content is, within the file system */
	bool is_escaped; /* its first four bytes were the journal's magic, and are zeroed in the log */
};

struct overlay {
	struct overlay_block *item; /* by block, each once */
	size_t count;
};

struct cache_slot {
	uint64_t offset; /* bytes */
	size_t length;   /* 0: empty */
	uint8_t *data;
};

struct fs {
	struct dev *dev;
	ext2_filsys ext2;
	uint32_t block_bytes;
	uint64_t blocks;      /* s_blocks_count */
	uint64_t first_block; /* s_first_data_block */
	uint32_t groups;
	bool is_uncertain;
	struct overlay overlay; /* of the replayed view; empty otherwise */
	struct fs *on_disk;     /* the view below the overlay, or NULL where both are the same */
	struct cache_slot slot[FS_CACHE_SLOTS];
	unsigned next_slot;
	uint8_t *node[FS_TREE_DEPTH_MAX]; /* one block per level of a mapping tree, made when needed */
};

/* Of an inode's table entry, what is needed here (fs/ext4/ext4.h, struct ext4_inode). */
struct inode {
	uint32_t number;
	uint16_t mode;
	uint16_t links;
	uint32_t flags;
	uint32_t generation;
	uint64_t size;
	int64_t modified;     /* i_mtime, seconds since 1970 */
	uint64_t birth;       /* i_crtime and its extra bits; 0 where inodes are too small for it */
	uint64_t xattr_block; /* i_file_acl; 0: none */
	const uint8_t *raw;   /* the whole entry */
	const uint8_t *map;   /* i_block, FS_INODE_MAP_BYTES long */
};

/* super.c: reads the superblock at byte 1024 of the view and judges it. 0, or -EUCLEAN with a sentence. */
int super_check(const uint8_t *raw, uint64_t leg_bytes, struct svc_error *error);

/* io.c */
int fs_read(struct fs *fs, void *buffer, size_t length, uint64_t offset);
/* Through a small cache; what is asked for lies within one block of the file system. */
int fs_read_cached(struct fs *fs, void *buffer, size_t length, uint64_t offset);
int fs_read_block(struct fs *fs, uint64_t block, void *buffer);
errcode_t io_open_ext2(struct fs *fs, int flags);
void io_drop_cache(struct fs *fs);

/* open.c: the view on the medium, without a look at the journal. */
int fs_open_on_disk(struct dev *leg, struct fs **out, struct svc_error *error);

/* group.c: places of one group's metadata. Every run is checked to lie within the file system. */
struct run {
	uint64_t first; /* block */
	uint64_t count;
};

struct group_layout {
	struct run super;
	struct run descriptors; /* with those reserved for growth */
	struct run block_bitmap;
	struct run inode_bitmap;
	struct run inode_table;
};

void group_layout(struct fs *fs, uint32_t group, struct group_layout *layout);
struct run group_blocks(const struct fs *fs, uint32_t group);
bool fs_has_block(const struct fs *fs, uint64_t block);
struct run fs_clip(const struct fs *fs, uint64_t first, uint64_t count);

/* inode.c */
uint32_t inode_bytes(const struct fs *fs);
void inode_parse(const struct fs *fs, uint32_t number, const uint8_t *raw, struct inode *inode);
/* `raw` has room for inode_bytes(). -ENOENT where the number or its table makes no sense. */
int inode_read(struct fs *fs, uint32_t number, uint8_t *raw, struct inode *inode);
/* Of two table entries of so many bytes: whether they are one, but for what passes. */
bool inode_is_same(const uint8_t *left, const uint8_t *right, uint32_t bytes);
uint64_t inode_offset(struct fs *fs, uint32_t number);        /* of its table entry, within the file system */
bool inode_is_reserved(const struct fs *fs, uint32_t number); /* the file system's own, but for the root */

/* mapping.c */
struct map_sink {
	/* One run of an inode's blocks. Not 0 ends the walk and is its result. */
	int (*run)(void *context, bool is_node, uint64_t logical, uint64_t physical, uint64_t count);
	void *context;
	struct bitset *seen; /* bit per block: mapping blocks followed so far; none is followed twice */
	bool is_content;     /* leave out blocks that are preallocated and not written: they read as zeros */
};

/*
 * Calls sink->run for every block an inode maps: data, and the nodes of its tree. What makes no sense
 * is left out. 0, -ENOMEM, or what run returned.
 */
int fs_map_inode(struct fs *fs, const struct inode *inode, const struct map_sink *sink);

/* journal.c: the internal journal's location and superblock. */
struct journal_run {
	uint32_t logical;
	uint32_t count;
	uint64_t physical;
};

struct journal {
	struct fs *fs;
	struct journal_run *run; /* by logical */
	size_t runs;
	size_t room;
	uint32_t length; /* blocks, by the journal's superblock */
	uint32_t first;  /* first block of the log proper */
	uint32_t last;   /* one past its last block; fast commits lie after it */
	uint32_t start;  /* 0: nothing to replay */
	uint32_t sequence;
	uint32_t compat;
	uint32_t incompat;
	uint32_t seed; /* crc32c of its UUID */
	uint32_t tag_bytes;
	bool is_sound; /* its superblock is one that the kernel would take */
};

/*
 * -ENOENT: there is none inside the file system; -EUCLEAN: it cannot be read as one; -EIO, -ENOMEM.
 * journal_close in every case.
 */
int journal_open(struct fs *fs, struct journal *journal);
void journal_close(struct journal *journal);
int journal_read(struct journal *journal, uint32_t index, void *buffer);
bool journal_locate(const struct journal *journal, uint32_t index, uint64_t *block);
bool journal_has_checksums(const struct journal *journal); /* v2 or v3 */

/*
 * replay.c: which blocks the committed transactions replace. 0; -EUCLEAN where jbd2 would refuse the
 * journal or leave something undone; -EIO, -ENOMEM.
 */
int journal_replay(struct journal *journal, struct overlay *overlay);

#endif
