/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nouns. Data flows one way through them:
 *
 *     locate -> evidence -> verdict -> plan -> actions -> proof -> report
 *
 * A *copy* is a place where the persistent data lives (flash-a, flash-b, shared), or a second path to
 * one (shared@nbd). Everything in `struct copy` is a fact, read from a medium or given by the user;
 * nothing in it is an open handle, so that verdict and plan stay pure functions of it.
 */
#ifndef SVC_MODEL_H
#define SVC_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict/reason.h"

enum {
	SVC_COPIES_MAX = 8,  /* copies and paths in one call */
	SVC_LEGS_MAX = 8,    /* legs of one mirror; LVM itself allows more, nobody uses them here */
	SVC_NAME_SIZE = 256, /* a copy's name, with its NUL */
	SVC_LOCATOR_SIZE = 1024,
	LVM_UUID_SIZE = 39,      /* 32 characters in groups with 6 dashes, and NUL */
	LVM_NAME_SIZE = 129,     /* LVM's NAME_LEN is 128 */
	EXT4_UUID_SIZE = 37,     /* 36 characters and NUL */
	SVC_RECORD_HISTORY = 32, /* generations remembered before the current one */
	RECORD_NAME_SIZE = 16,   /* a copy's name in a record, with its NUL */
	SVC_ERRORS_LISTED = 16,  /* read errors listed by offset; the rest is counted */
};

/* Exit codes of every command; INTERFACE: "Exit codes". */
enum svc_exit {
	SVC_EXIT_DONE = 0,
	SVC_EXIT_DIFFER = 1,      /* differs, authority known */
	SVC_EXIT_OPERATOR = 2,    /* an operator must decide */
	SVC_EXIT_NO_COPY = 3,     /* no usable copy at all */
	SVC_EXIT_REFUSED = 4,     /* refused for safety */
	SVC_EXIT_IO = 5,          /* I/O failed or a path is down */
	SVC_EXIT_INTERRUPTED = 6, /* run again to go on */
	SVC_EXIT_USAGE = 64,
	SVC_EXIT_CONFIG = 78,
};

/* What reading one copy by itself showed, before any comparison with the others. */
enum copy_condition {
	COPY_USABLE,     /* a leg with a file system was found and its metadata is sound */
	COPY_BLANK,      /* readable, and nothing at all is on it */
	COPY_DAMAGED,    /* it was a copy: label, metadata, superblock or file system is broken or cut off */
	COPY_FOREIGN,    /* something else is on it: another file system, md, LUKS, another volume group */
	COPY_UNREADABLE, /* cannot be opened or reached, or the evidence itself cannot be read */
};

/* What the verdict says of one copy; the words of the JSON. */
enum copy_state {
	STATE_AUTHORITY,
	STATE_IN_SYNC,
	STATE_STALE,
	STATE_DIVERGED,
	STATE_FOREIGN,
	STATE_BLANK,
	STATE_DAMAGED,
	STATE_UNREADABLE,
};

enum mirror_type {
	MIRROR_NONE,  /* a bare ext4: no mirror evidence */
	MIRROR_RAID1, /* dm-raid: rimage + rmeta */
	MIRROR_OLD,   /* LVM's older "mirror" segment type: mimage, and mlog on one PV */
};

/* A run of bytes. */
struct extent {
	uint64_t offset; /* bytes */
	uint64_t length; /* bytes */
};

/* Reads that failed. */
struct read_errors {
	uint64_t count; /* failed runs; only the first SVC_ERRORS_LISTED are listed */
	uint64_t bytes; /* bytes in all of them */
	struct extent listed[SVC_ERRORS_LISTED];
};

/* LVM2: label, PV header, metadata areas, and where the mirror's leg lies (lib/locate). */
struct lvm_evidence {
	bool present; /* a valid PV label was found */
	char pv_uuid[LVM_UUID_SIZE];
	char vg_uuid[LVM_UUID_SIZE];
	char vg_name[LVM_NAME_SIZE];
	char lv_uuid[LVM_UUID_SIZE];
	char lv_name[LVM_NAME_SIZE];
	uint64_t seqno;       /* of the newest valid metadata text on this PV */
	unsigned areas_valid; /* metadata areas whose header and text are sound */
	unsigned areas_total; /* metadata areas the PV header names */
	enum mirror_type type;
	unsigned leg_count;                            /* legs of the LV */
	unsigned leg_index;                            /* this PV's leg, by LVM's order: dm-raid's array position */
	uint64_t leg_bytes;                            /* length of a leg's image */
	uint64_t missing_legs;                         /* bit per leg: LVM's metadata flags its PV as MISSING */
	char leg_pv_uuid[SVC_LEGS_MAX][LVM_UUID_SIZE]; /* which PV carries which leg */
	uint64_t leg_pv_bytes[SVC_LEGS_MAX];           /* what that PV's device has to have: up to its last extent */
	/* A number for the places of that leg's image and rmeta on its PV: another one elsewhere. 0: not on one PV. */
	uint64_t leg_place[SVC_LEGS_MAX];
	uint64_t legs_with_meta; /* bit per leg: of a raid1, and its rmeta is on the same PV */
	uint64_t region_bytes;   /* LVM's region size, 0 where the metadata gives none */
	uint64_t extent_bytes;   /* PE size */
	uint64_t pe_start_bytes;
	uint64_t pv_size_bytes;        /* what the PV header says the device's size is */
	struct extent bootloader_area; /* within the device; length 0: there is none */
	bool is_autoactivated;         /* neither the volume group nor the LV says that only a person activates it */
};

/* dm-raid superblock, sector 0 of the rmeta LV (drivers/md/dm-raid.c, struct dm_raid_superblock). */
struct raid_evidence {
	bool present; /* an rmeta was found and its magic and version are known */
	uint32_t compat_features;
	uint32_t incompat_features;
	uint32_t num_devices;
	uint32_t array_position;
	uint64_t events;          /* superblock updates, not writes */
	uint64_t failed_devices;  /* bit per array position: "I saw that leg failed or absent" */
	uint64_t recovery_offset; /* sectors; all ones: this leg is complete */
	uint64_t resync_offset;   /* sectors; all ones: the array's initial resync is done */
	uint32_t level;
	uint64_t leg_sectors; /* the 1.9 field; 0 where compat_features lack it */
};

/* Unsettled regions: the write-intent bitmap at byte 4096 of rmeta (drivers/md/md-bitmap.h), or the
 * clean bits of the old mirror log. */
struct unsettled_evidence {
	bool present;
	bool is_stale; /* md's BITMAP_STALE or events behind the superblock's: not to be relied on */
	uint64_t events;
	uint64_t events_cleared;
	uint64_t region_bytes;
	uint64_t regions; /* how many regions the log covers */
	uint64_t dirty_regions;
	uint64_t dirty_bytes;
};

/* ext4 superblock (fs/ext4/ext4.h) and what hangs off it. */
struct fs_evidence {
	bool present; /* an ext2/3/4 superblock was found and makes sense */
	char uuid[EXT4_UUID_SIZE];
	char label[17];
	uint64_t bytes; /* file-system size */
	uint32_t block_bytes;
	bool is_clean;       /* s_state has VALID_FS and not ERROR_FS */
	bool has_errors;     /* s_state has ERROR_FS */
	bool needs_recovery; /* the journal still has to be replayed */
	int64_t write_time;  /* s_wtime, seconds since 1970 */
	int64_t mount_time;  /* s_mtime */
	uint32_t mount_count;
	uint32_t journal_sequence; /* s_sequence of the journal's superblock, 0 where there is no journal */
	uint64_t lifetime_kib;     /* s_kbytes_written: KiB written over the life of the file system */
	bool has_checksums;        /* metadata_csum */
	bool is_checksum_valid;    /* superblock and group descriptors; false where has_checksums is false */
	bool has_mmp;
	uint32_t mmp_sequence; /* mmp_seq: FF4D4D50 hex clean, E24D4D50 hex fsck at work, else a mount's counter */
	unsigned mmp_interval_seconds; /* between two of them: the longer of what the superblock and the block say */
	int64_t mmp_time;
	char mmp_node[65];
};

/* Our own record, in the PV's bootloader area (lib/evidence/record.h). */
enum rebuild_state {
	REBUILD_NONE = 0,
	REBUILD_CONTENT = 1,  /* the image is being overwritten: this copy is not one */
	REBUILD_METADATA = 2, /* the image is done, its metadata is being written */
};

struct record {
	uint64_t sequence;           /* the slot's write counter: the higher of two valid slots counts */
	char pv_uuid[LVM_UUID_SIZE]; /* whose record this is: a record copied with dd betrays itself */
	char lv_uuid[LVM_UUID_SIZE];
	char copy_name[RECORD_NAME_SIZE];        /* flash-a, flash-b, shared; or empty */
	uint64_t epoch;                          /* promotions so far */
	uint8_t generation[16];                  /* what this copy's data is; all zeros: none yet */
	uint8_t history[SVC_RECORD_HISTORY][16]; /* what it was before, newest first */
	char owner;                              /* controller that opened it last: 'a', 'b', or 0 */
	bool is_open;                            /* opened for writing and not yet closed */
	bool is_outdated;                        /* the mirror went on without this copy: newer data is elsewhere */
	bool is_beyond;                          /* it holds this generation and more, or may */
	int64_t changed_time;                    /* of the last open, close or rebuild step; seconds since 1970 */
	enum rebuild_state rebuild;
	char rebuild_source[RECORD_NAME_SIZE]; /* the authority it is rebuilt from */
	uint8_t rebuild_generation[16];        /* that authority's generation */
	uint64_t rebuild_done_bytes;           /* content known to be durable */
	uint64_t rebuild_total_bytes;
	char previous_authority[RECORD_NAME_SIZE];
	uint64_t legs;       /* bit per leg: who has this generation, or may; 0: not known */
	uint64_t unseen;     /* bit per leg: not read at the takeover, and may hold newer writes; unless in `legs` */
	bool is_after_crash; /* the owner took it over from one that had not closed it */
};

struct record_evidence {
	bool has_area; /* the PV has a bootloader area large enough */
	bool is_newer; /* a slot is valid but of a version that this program does not know */
	bool present;  /* at least one slot is valid */
	unsigned slots_valid;
	struct record record; /* the newer valid slot */
};

/* The mirror as device-mapper runs it on this host at this moment (lib/evidence/online.h). */
struct online_evidence {
	bool is_active; /* it is active; all else means nothing where it is not */
	bool is_under;  /* the copy's device is under it now; a leg that was absent and returned is not */
	unsigned legs;  /* as the kernel has them; characters in `health` */
	char health[SVC_LEGS_MAX + 1]; /* per leg: A in sync, a being recovered, D failed or absent */
	uint64_t done_sectors;         /* of what the action at hand, or the last one, goes over */
	uint64_t total_sectors;
	char action[16]; /* idle, recover, resync, check, repair, frozen ... */
	uint64_t mismatch_sectors;
};

struct evidence {
	struct lvm_evidence lvm;
	struct raid_evidence raid;
	struct unsettled_evidence unsettled;
	struct fs_evidence fs;
	struct record_evidence record;
	struct online_evidence online;
	struct read_errors errors; /* met while reading evidence; offsets within the device */
};

/* One copy, or one path to one. */
struct copy {
	char name[SVC_NAME_SIZE];       /* flash-a, shared, shared@nbd, or after the device */
	char locator[SVC_LOCATOR_SIZE]; /* as given */
	char group[SVC_NAME_SIZE];      /* the name without @path: equal groups are paths to one copy */
	bool is_live;                   /* in use by this host: it may change while we read */
	char held_by[200];              /* by whom, in words, as far as that can be told; else empty */
	bool is_read_only;     /* the device, the export or the file system around the file lets nobody write */
	bool has_no_flush;     /* the export cannot say when what is written to it is durable */
	uint64_t device_bytes; /* size of the device or file; 0 where it could not be opened */
	uint64_t leg_bytes;    /* size of the mirrored data; 0 where no leg was found */
	enum copy_condition condition;
	struct reasons findings; /* why the condition is not COPY_USABLE, and remarks */
	struct evidence evidence;
};

enum compare_mode {
	COMPARE_FAST,      /* evidence only */
	COMPARE_ALLOCATED, /* every block that any copy's file system uses */
	COMPARE_FULL,      /* every block */
};

/* Which side the metadata checksums call right, where two copies with one history differ. */
enum checksum_voice {
	CHECKSUM_SILENT,    /* a differing block has no checksum, or both sides' are valid or invalid */
	CHECKSUM_REFERENCE, /* every differing block is valid on the reference and invalid on the copy */
	CHECKSUM_COPY,      /* the other way round */
};

enum owner_kind {
	OWNER_FILE,      /* a file's data */
	OWNER_DIRECTORY, /* a directory's blocks */
	OWNER_XATTR,     /* extended attributes in a block of their own */
	OWNER_MAPPING,   /* extent-tree or indirect blocks of a file */
};

/* A file as one copy has it. */
struct file_side {
	int copy;         /* its index */
	uint64_t bytes;   /* the file's length */
	int64_t modified; /* seconds since 1970 */
};

/* A path that has differing blocks. */
struct file_difference {
	char *path; /* from the root of the file system, raw bytes: escape before printing */
	uint32_t inode;
	enum owner_kind kind;
	bool is_deleted; /* no name leads to it: deleted while open */
	int only_on;     /* copy index where the owner is known only from that copy, else -1 */
	uint64_t bytes;
	int sides;              /* copies that have it */
	struct file_side *side; /* part of attribution.side */
};

enum metadata_kind {
	METADATA_SUPERBLOCK,
	METADATA_DESCRIPTORS, /* group descriptors, and those reserved for growth */
	METADATA_BLOCK_BITMAP,
	METADATA_INODE_BITMAP,
	METADATA_INODE_TABLE,
	METADATA_MMP,
	METADATA_OTHER, /* quota, resize and other reserved inodes */
	METADATA_KINDS,
};

/*
 * In the sums every differing block counts once: together they are comparison.used_bytes. What is one file's
 * block on one copy and another file's on the next is in the bytes of both.
 */
struct attribution {
	bool done;
	struct file_difference *file; /* by bytes, then path */
	size_t files;
	struct file_side *side; /* of all files */
	uint64_t file_bytes;
	uint64_t metadata_bytes[METADATA_KINDS];
	uint64_t journal_bytes;
	uint64_t unknown_bytes; /* used by a copy whose file system could not be walked */
	uint64_t unnamed;       /* bit per copy: it could not be walked, its own files are not among these */
};

/* One copy's content against the reference's. */
struct content_difference {
	bool compared;            /* false: not readable, not usable, or of another size */
	uint64_t used_bytes;      /* differing, in blocks some copy's file system uses */
	uint64_t free_bytes;      /* differing, in blocks none uses; only COMPARE_FULL sees them */
	uint64_t settled_bytes;   /* differing, outside the regions either log calls unsettled */
	uint64_t own_bytes;       /* differing, in regions that only this copy's log calls unsettled */
	uint64_t reference_bytes; /* ... that only the reference's log calls unsettled */
	uint64_t moved_bytes;     /* differed once and then no more: a live mirror at work */
	enum checksum_voice checksums;
	struct read_errors errors; /* met while comparing; offsets within the leg */
	uint64_t
		unread_used_bytes; /* in blocks that hold one of these errors, in use by some copy; neither equal nor not */
	uint64_t unread_free_bytes; /* ... in use by none */
	struct attribution owners;  /* whose this copy's differing blocks are; only where that was asked for */
};

struct bitset;

/* What the comparison of all copies showed. */
struct comparison {
	bool done; /* false: --fast, or nothing to compare */
	enum compare_mode mode;
	int reference;        /* index of the copy the others were held against; -1: none */
	uint32_t block_bytes; /* what one bit of `differing` stands for */
	uint64_t bytes;       /* compared, per copy */
	uint64_t read_bytes;  /* read from all copies together */
	uint64_t used_bytes;  /* differing in any copy, in use */
	uint64_t free_bytes;  /* differing in any copy, in use by none */
	uint64_t fingerprint; /* of where they differ and of what each has there; 0 where that was not wanted */
	struct content_difference copy[SVC_COPIES_MAX];
	struct bitset *differing; /* bit per block that differs in any copy */
	struct bitset *unread;    /* bit per block that some copy could not give; NULL: none */
	struct bitset *used;      /* bit per block that some copy's file system uses */
	uint64_t mapped_bytes;    /* in all of `used` */
	struct attribution owners;
};

enum verdict_kind {
	VERDICT_IN_SYNC,
	VERDICT_STALE,
	VERDICT_DIRTY,
	VERDICT_SINGLE,
	VERDICT_SPLIT_BRAIN,
	VERDICT_UNRELATED,
	VERDICT_MISMATCH,
	VERDICT_NONE,
	VERDICT_UNKNOWN,
};

struct verdict {
	enum verdict_kind kind;
	int authority; /* copy index, -1: none needed or none can be named */
	enum copy_state state[SVC_COPIES_MAX];
	struct reasons reasons; /* deciding ones first; findings of the copies after them */
	enum svc_exit exit;
};

#endif
