/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block devices and image files. A block device is always read past the page cache: the other
 * controller writes the shared volume, and a cached block may be old.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dev/backend.h"
#include "dev/dev.h"
#include "dev/probe.h"

enum {
	UNCACHED_CHUNK_BYTES = 128 * 1024, /* reading back: many small reads, for what was written lies about */
	BLOCK_PARALLEL = 8,                /* direct reads are synchronous: the queue is filled by threads */
	FILE_PARALLEL_MIN = 2,
	FILE_PARALLEL_MAX = 4,
};

struct file {
	struct dev dev;
	int fd;
};

static int file_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	struct file *file = (struct file *)dev;
	unsigned char *to = buffer;

	while (length) {
		ssize_t n = pread(file->fd, to, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dev_failure(errno);
		/* It ended before the size it had when opened; or a direct read stopped inside a block. */
		if (n == 0 || (size_t)n % dev->align_bytes)
			return -EIO;
		to += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

/* Direct reads are of whole blocks; where the file ends in a part of one, its last read does too. */
static int direct_pread(struct dev *dev, void *buffer, size_t length, uint64_t offset)
{
	unsigned char block[DEV_PAGE_BYTES] __attribute__((aligned(DEV_PAGE_BYTES)));
	size_t tail = length % sizeof(block);
	int r = file_pread(dev, buffer, length - tail, offset);
	ssize_t n;

	if (r || !tail)
		return r;
	do
		n = pread(((struct file *)dev)->fd, block, sizeof(block), (off_t)(offset + length - tail));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return dev_failure(errno);
	if ((size_t)n < tail)
		return -EIO;
	memcpy((unsigned char *)buffer + length - tail, block, tail);
	return 0;
}

static int file_pwrite(struct dev *dev, const void *buffer, size_t length, uint64_t offset)
{
	struct file *file = (struct file *)dev;
	const unsigned char *from = buffer;

	while (length) {
		ssize_t n = pwrite(file->fd, from, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) /* beyond the limit of a file's size there is no room: -EFBIG is the undo file's own limit */
			return errno == EFBIG ? -ENOSPC : dev_failure(errno);
		if (n == 0 || (size_t)n % dev->align_bytes)
			return -EIO;
		from += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static int file_flush(struct dev *dev)
{
	return fdatasync(((struct file *)dev)->fd) ? dev_failure(errno) : 0;
}

static int file_next_data(struct dev *dev, uint64_t offset, struct extent *run)
{
	struct file *file = (struct file *)dev;
	struct stat now;
	off_t data, hole;

	/* The descriptor's position is nobody's: everything else here is pread and pwrite. */
	data = lseek(file->fd, (off_t)offset, SEEK_DATA);
	if (data < 0 && errno == ENXIO) {
		/* A file that was cut off meanwhile has no zeros there, it has nothing. */
		if (fstat(file->fd, &now) || (uint64_t)now.st_size < dev->size_bytes)
			return -EIO;
		*run = (struct extent){ .offset = dev->size_bytes };
		return 0;
	}
	if (data < 0)
		return errno == EINVAL ? -ENOTSUP : -errno;
	hole = lseek(file->fd, data, SEEK_HOLE);
	if (hole < 0)
		return errno == EINVAL || errno == ENXIO ? -ENOTSUP : -errno;
	/* The file may grow, shrink or be punched while we look. */
	if ((uint64_t)data >= dev->size_bytes) {
		*run = (struct extent){ .offset = dev->size_bytes };
		return 0;
	}
	if (hole <= data || (uint64_t)hole > dev->size_bytes)
		hole = (off_t)dev->size_bytes;
	*run = (struct extent){ .offset = (uint64_t)data, .length = (uint64_t)(hole - data) };
	return 0;
}

static void file_close(struct dev *dev)
{
	close(((struct file *)dev)->fd);
	free(dev);
}

/* Opened anew: position and read-ahead belong to an open file, and are another's business. */
static int open_again(const struct file *file, int flags)
{
	char self[40];
	int fd;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	fd = open(self, O_RDONLY | O_CLOEXEC | flags);
	return fd < 0 ? -errno : fd;
}

static int image_open_descriptor(struct dev *dev)
{
	return open_again((struct file *)dev, 0);
}

static void image_forget(struct dev *dev)
{
	posix_fadvise(((struct file *)dev)->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int image_open_uncached(struct dev *dev, struct dev **medium);

/* Without pwrite, dev_write refuses. A block device is never cached: there is no other view of it. */
static const struct dev_ops block_read_ops = { .pread = file_pread, .close = file_close };
static const struct dev_ops block_write_ops = {
	.pread = file_pread,
	.pwrite = file_pwrite,
	.flush = file_flush,
	.close = file_close,
};
static const struct dev_ops image_read_ops = {
	.pread = file_pread,
	.next_data = file_next_data,
	.open_uncached = image_open_uncached,
	.forget = image_forget,
	.open_descriptor = image_open_descriptor,
	.close = file_close,
};
static const struct dev_ops image_medium_ops = { .pread = direct_pread,
	                                         .next_data = file_next_data,
	                                         .close = file_close };
static const struct dev_ops image_write_ops = {
	.pread = file_pread,
	.pwrite = file_pwrite,
	.flush = file_flush,
	.next_data = file_next_data,
	.open_uncached = image_open_uncached,
	.forget = image_forget,
	.open_descriptor = image_open_descriptor,
	.close = file_close,
};

/*
 * The same file with O_DIRECT. Where its file system has none (tmpfs), what was flushed is dropped from
 * the cache as far as that goes, and the caller reads on through `dev`.
 */
static int image_open_uncached(struct dev *dev, struct dev **medium)
{
	const struct file *base = (const struct file *)dev;
	struct file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	file->dev = *dev;
	file->dev.ops = &image_medium_ops;
	file->dev.align_bytes = DEV_PAGE_BYTES;
	file->dev.parallel = BLOCK_PARALLEL;
	file->dev.chunk_bytes = UNCACHED_CHUNK_BYTES;
	file->fd = r = open_again(base, O_DIRECT);
	if (r < 0) {
		free(file);
		image_forget(dev);
		return r == -EINVAL ? -ENOTSUP : r;
	}
	*medium = &file->dev;
	return 0;
}

static int refuse_open(const char *path, int code, struct svc_error *error)
{
	switch (code) {
	case -ENOENT:
	case -ENOTDIR:
		error_set(error, -ENOENT, LOCATOR " does not exist", path);
		error_next(error, "check the name; if a device is missing, look at its cabling and dmesg");
		return -ENOENT;
	case -EACCES:
	case -EPERM:
		error_set(error, -EACCES, LOCATOR " cannot be opened: permission denied", path);
		error_next(error, "run it as root, or as a user who may access %s", path);
		return -EACCES;
	case -EBUSY:
		error_set(error, code, LOCATOR " is in use on this host: mounted, held by LVM or md, or being rebuilt",
		          path);
		error_next(error, "stop what uses it (lsblk %s, fuser -v %s)", path, path);
		return code;
	case -EROFS:
		error_set(error, code, LOCATOR " is read-only", path);
		error_next(error, "see why it is write-protected: blockdev --getro %s, dmesg", path);
		return code;
	case -ETIMEDOUT:
		error_set(error, code, LOCATOR " does not answer", path);
		error_next(error, "check the device and its path (dmesg); --timeout waits longer");
		return code;
	default:
		error_set(error, code, LOCATOR " cannot be opened: %s", path, strerror(-code));
		error_next(error, "check the device and its path: dmesg");
		return code;
	}
}

static int check_kind(const char *path, mode_t mode, struct svc_error *error)
{
	const char *kind;

	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFBLK:
		return 0;
	case S_IFDIR:
		error_set(error, -EISDIR, LOCATOR " is a directory", path);
		error_next(error, "name the block device or the image file, not where it is mounted");
		return -EISDIR;
	case S_IFCHR:
		kind = "a character device";
		break;
	case S_IFIFO:
		kind = "a pipe";
		break;
	case S_IFSOCK:
		kind = "a socket";
		break;
	default:
		kind = "neither a block device nor a file";
		break;
	}
	error_set(error, -ENODEV, LOCATOR " is %s", path, kind);
	if (S_ISSOCK(mode))
		error_next(error, "for an NBD server on it say nbd+unix:///EXPORT?socket=%s", path);
	else
		error_next(error, "name a block device, an image file or an NBD URI");
	return -ENODEV;
}

/*
 * Opens without ever waiting (a pipe without a writer, a drive without a medium) and only what `seen`
 * said it is: character devices may act on being opened, so stat comes first.
 */
static int open_as_seen(const char *path, int flags, const struct stat *seen)
{
	struct stat now;
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &now) ? -errno : 0;
	if (!r && ((now.st_mode ^ seen->st_mode) & S_IFMT))
		r = -EAGAIN;
	if (!r && fcntl(fd, F_SETFL, flags & O_DIRECT) < 0)
		r = -errno;
	if (!r)
		return fd;
	close(fd);
	return r;
}

/* A loop device over the image makes it as live as a disk: it may be mounted. */
static bool is_behind_loop(const struct stat *image)
{
	bool found = false;
	glob_t paths;

	if (glob("/sys/block/loop*/loop/backing_file", GLOB_NOSORT, NULL, &paths))
		return false;
	for (size_t i = 0; i < paths.gl_pathc && !found; i++) {
		char name[4096];
		struct stat backing;
		FILE *f = fopen(paths.gl_pathv[i], "re");

		if (!f)
			continue;
		if (fgets(name, sizeof(name), f)) {
			name[strcspn(name, "\n")] = '\0';
			found = !stat(name, &backing) && backing.st_dev == image->st_dev &&
			        backing.st_ino == image->st_ino;
		}
		fclose(f);
	}
	globfree(&paths);
	return found;
}

/*
 * Whether somebody on this host has claimed the device: a mount, device-mapper, md, swap, a mounted
 * partition of it. The kernel refuses an exclusive open then; where it does not, the claim is given
 * back at once, and closing what was opened for reading tells nobody (no udev event).
 */
static bool is_block_claimed(const char *path, const struct stat *seen)
{
	int fd = open_as_seen(path, O_RDONLY | O_EXCL, seen);

	if (fd >= 0)
		close(fd);
	return fd == -EBUSY;
}

/* The file behind a loop device. A partition of one answers as its whole disk would: sysfs tells them apart. */
static void find_backing(struct file *file, const struct stat *seen)
{
	struct loop_info64 info;
	char path[64];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop", major(seen->st_rdev), minor(seen->st_rdev));
	if (access(path, F_OK) || ioctl(file->fd, LOOP_GET_STATUS64, &info))
		return;
	file->dev.backing[0] = info.lo_device;
	file->dev.backing[1] = info.lo_inode;
	file->dev.backing_offset_bytes = info.lo_offset;
}

/*
 * An nbd device whose server cannot flush: the driver then says that it has no cache to be flushed, which nobody knows
 * (drivers/block/nbd.c, nbd_parse_flags). Of a partition the whole disk's attribute.
 */
static bool has_no_flush(const struct stat *seen)
{
	static const char *const attributes[] = { "queue", "../queue" };
	char path[80], text[32] = "";

	for (size_t i = 0; i < 2 && !*text && major(seen->st_rdev) == NBD_MAJOR; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/write_cache", major(seen->st_rdev),
		         minor(seen->st_rdev), attributes[i]);
		f = fopen(path, "re");
		if (f && !fgets(text, sizeof(text), f))
			*text = '\0';
		if (f)
			fclose(f);
	}
	return !strcmp(text, "write through\n");
}

static int open_block(struct file *file, const char *path, const struct dev_options *options, const struct stat *seen)
{
	bool writes = options->access != DEV_READ, excludes = options->access == DEV_WRITE;
	int sector = 0, read_only = 0, r;

	/* A write-protected device says EACCES to O_RDWR: ask it first. */
	r = open_as_seen(path, O_RDONLY | O_DIRECT, seen);
	if (r < 0)
		return r;
	file->fd = r;
	if (ioctl(file->fd, BLKGETSIZE64, &file->dev.size_bytes) < 0 || ioctl(file->fd, BLKSSZGET, &sector) < 0 ||
	    ioctl(file->fd, BLKROGET, &read_only) < 0)
		return -errno;
	if (sector <= 0 || sector > DEV_ALIGN_MAX || (sector & (sector - 1)))
		return -EINVAL;
	if (writes) {
		if (read_only)
			return -EROFS;
		r = open_as_seen(path, O_RDWR | (excludes ? O_EXCL : 0) | O_DIRECT, seen);
		if (r < 0)
			return r;
		close(file->fd);
		file->fd = r;
	}
	file->dev.ops = writes ? &block_write_ops : &block_read_ops;
	file->dev.align_bytes = sector < DEV_SECTOR_BYTES ? DEV_SECTOR_BYTES : (unsigned)sector;
	file->dev.parallel = BLOCK_PARALLEL;
	file->dev.is_block = true;
	file->dev.is_live = !excludes && is_block_claimed(path, seen);
	file->dev.is_read_only = read_only;
	file->dev.has_no_flush = has_no_flush(seen);
	file->dev.identity[1] = seen->st_rdev;
	find_backing(file, seen);
	return 0;
}

static int open_image(struct file *file, const char *path, const struct dev_options *options, const struct stat *seen)
{
	bool writes = options->access != DEV_READ, excludes = options->access == DEV_WRITE;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct statvfs fs;
	struct stat now;
	int r;

	r = open_as_seen(path, writes ? O_RDWR : O_RDONLY, seen);
	if (r < 0)
		return r;
	file->fd = r;
	if (fstat(file->fd, &now) || fstatvfs(file->fd, &fs))
		return -errno;
	/* What O_EXCL is to a block device: one writer, until the file is closed. */
	if (excludes && flock(file->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	file->dev.ops = writes ? &image_write_ops : &image_read_ops;
	file->dev.size_bytes = (uint64_t)now.st_size;
	file->dev.align_bytes = 1;
	file->dev.parallel = FILE_PARALLEL_MIN;
	if (processors > FILE_PARALLEL_MIN)
		file->dev.parallel = processors < FILE_PARALLEL_MAX ? (unsigned)processors : FILE_PARALLEL_MAX;
	file->dev.is_live = is_behind_loop(&now);
	file->dev.is_read_only = fs.f_flag & ST_RDONLY;
	file->dev.identity[0] = now.st_dev;
	file->dev.identity[1] = now.st_ino;
	return 0;
}

int file_open(const char *path, const struct dev_options *options, struct dev **dev, struct svc_error *error)
{
	struct file *file;
	struct stat seen;
	int r;

	if (stat(path, &seen))
		return refuse_open(path, -errno, error);
	r = check_kind(path, seen.st_mode, error);
	if (r)
		return r;
	file = calloc(1, sizeof(*file));
	if (!file)
		return refuse_open(path, -ENOMEM, error);
	file->fd = -1;
	if (S_ISBLK(seen.st_mode))
		r = probe_device(path, options->timeout_seconds ? options->timeout_seconds : DEV_TIMEOUT_SECONDS);
	if (!r && S_ISBLK(seen.st_mode))
		r = open_block(file, path, options, &seen);
	else if (!r)
		r = open_image(file, path, options, &seen);
	if (r) {
		if (file->fd >= 0)
			close(file->fd);
		free(file);
		return refuse_open(path, r, error);
	}
	if (options->access != DEV_READ && file->dev.has_no_flush) {
		file_close(&file->dev);
		return dev_refuse_no_flush(path, error);
	}
	*dev = &file->dev;
	return 0;
}
