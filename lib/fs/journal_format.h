/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jbd2 on disk (include/linux/jbd2.h): offsets and constants. Everything is big-endian. */
#ifndef SVC_JOURNAL_FORMAT_H
#define SVC_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#define JOURNAL_MAGIC 0xc03b3998u

/* journal_header_t */
enum {
	JH_MAGIC = 0,
	JH_TYPE = 4,
	JH_SEQUENCE = 8,
	JH_BYTES = 12,
};

enum {
	JOURNAL_DESCRIPTOR = 1,
	JOURNAL_COMMIT = 2,
	JOURNAL_SUPER_V1 = 3,
	JOURNAL_SUPER_V2 = 4,
	JOURNAL_REVOKE = 5,
};

/* journal_superblock_t */
enum {
	JSB_BLOCK_BYTES = 0x0c,
	JSB_MAXLEN = 0x10,
	JSB_FIRST = 0x14,
	JSB_SEQUENCE = 0x18,
	JSB_START = 0x1c,
	JSB_COMPAT = 0x24,
	JSB_INCOMPAT = 0x28,
	JSB_RO_COMPAT = 0x2c,
	JSB_UUID = 0x30,
	JSB_CHECKSUM_TYPE = 0x50,
	JSB_NUM_FC_BLOCKS = 0x54,
	JSB_CHECKSUM = 0xfc,
	JSB_BYTES = 0x400,
};

enum {
	JOURNAL_COMPAT_CHECKSUM = 1, /* v1: one crc32 over a transaction, in its commit block */

	JOURNAL_INCOMPAT_REVOKE = 0x01,
	JOURNAL_INCOMPAT_64BIT = 0x02,
	JOURNAL_INCOMPAT_ASYNC_COMMIT = 0x04,
	JOURNAL_INCOMPAT_CSUM_V2 = 0x08,
	JOURNAL_INCOMPAT_CSUM_V3 = 0x10,
	JOURNAL_INCOMPAT_FAST_COMMIT = 0x20,
	JOURNAL_INCOMPAT_KNOWN = 0x3f,

	JOURNAL_CRC32 = 1,  /* h_chksum_type of a v1 commit */
	JOURNAL_CRC32C = 4, /* s_checksum_type of v2 and v3 */
	JOURNAL_FC_BLOCKS_DEFAULT = 256,
};

/* A tag names the place of one logged block: t_blocknr, then 16-bit checksum and flags (v3: 32-bit flags). */
enum {
	JTAG_BLOCK = 0,
	JTAG_CHECKSUM_16 = 4,
	JTAG_FLAGS = 6, /* the low half where they are 32 bits */
	JTAG_BLOCK_HIGH = 8,
	JTAG_CHECKSUM_32 = 12,

	JTAG_ESCAPED = 1,
	JTAG_SAME_UUID = 2, /* no UUID follows this tag */
	JTAG_LAST = 8,

	JTAG_UUID_BYTES = 16,
	JTAIL_BYTES = 4, /* checksum at the end of a descriptor or revoke block, v2 and v3 */
};

/* commit_header, after journal_header_t */
enum {
	JCOMMIT_TYPE = 12,
	JCOMMIT_SIZE = 13,
	JCOMMIT_CHECKSUM = 16,
	JCOMMIT_SECONDS = 48, /* 64 bits */
};

/* jbd2_journal_revoke_header_t */
enum {
	JREVOKE_COUNT = 12, /* bytes in use, with the header */
	JREVOKE_BYTES = 16,
};

/* Raw is JSB_BYTES long. */
bool journal_super_checksum_is_valid(const uint8_t *raw);

/* Of a descriptor or revoke block, and of a commit block; v2 and v3. */
bool journal_tail_is_valid(uint32_t seed, const uint8_t *raw, uint32_t block_bytes);
bool journal_commit_is_valid(uint32_t seed, const uint8_t *raw, uint32_t block_bytes);

#endif
