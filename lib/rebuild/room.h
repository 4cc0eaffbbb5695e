/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much can be saved in a place. */
#ifndef SVC_ROOM_H
#define SVC_ROOM_H

#include <stdbool.h>
#include <stdint.h>

enum { ROOM_MEMORY_KEPT_BYTES = 64 << 20 }; /* for the rebuild itself, and for whoever else runs */

/*
 * How large the file `path`, which need not exist, may become, in bytes: what is free where it lies and what it has
 * already. A file system in memory, an initramfs's own above all, ends where the memory does: beyond that the kernel
 * would end programs, this one among them. UINT64_MAX where that cannot be told.
 */
uint64_t room_for(const char *path);

/* The pure part: free_bytes of the file system (has_bound: it knows), available_bytes of memory. */
uint64_t room_of(bool is_memory, bool has_bound, uint64_t free_bytes, uint64_t available_bytes);

/* The most that saving `bytes` can take, entries' heads, checksums and the copies' metadata included. Pure. */
uint64_t room_needed(uint64_t bytes, int copies);

#endif
