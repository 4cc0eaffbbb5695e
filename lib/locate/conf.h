/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/svc/svc.conf; svc.conf(5) documents the keys. */
#ifndef SVC_CONF_H
#define SVC_CONF_H

#include "base/error.h"
#include "model.h"

#define SVC_CONF_PATH "/etc/svc/svc.conf"

enum {
	CONF_PATH_SIZE = 1024,
	CONF_WORD_SIZE = 256,
};

/* How the paths to the shared volume are used (lib/path). */
enum paths_control {
	PATHS_NONE,      /* nothing switches: the direct path alone is used */
	PATHS_MULTIPATH, /* dm-multipath over both, and svc-pathcheck --monitor as its checker */
	PATHS_MANUAL,    /* one dm-linear device, switched by svc-pathcheck --switch */
	PATHS_EXTERNAL,  /* a driver of someone else's presents one device already */
};

/* An empty string, or 0: not given. */
struct svc_conf {
	/* [mirror] */
	char lv[2 * LVM_NAME_SIZE + 8];
	char legs[CONF_WORD_SIZE]; /* names of copies in the order of the legs, apart by blanks */
	/* [copies]: locators */
	char flash_a[SVC_LOCATOR_SIZE];
	char flash_b[SVC_LOCATOR_SIZE];
	char shared[SVC_LOCATOR_SIZE];
	char shared_direct[SVC_LOCATOR_SIZE];
	char shared_nbd[SVC_LOCATOR_SIZE];
	/* [nbd] */
	unsigned nbd_timeout_seconds;
	char nbd_tls_certificates[CONF_PATH_SIZE];
	char nbd_tls_psk_file[CONF_PATH_SIZE];
	char nbd_tls_username[CONF_WORD_SIZE];
	/* [undo] */
	char undo_directory[CONF_PATH_SIZE];
	uint64_t undo_limit_bytes;
	/* [controller] */
	char controller; /* 'a' or 'b' */
	/* [boot] */
	char boot_mode[8];        /* auto, ask or off */
	char boot_console[64];    /* ttyS0 or ttyS0,115200n8 */
	int boot_timeout_seconds; /* -1: for ever */
	unsigned boot_device_timeout_seconds;
	char boot_degraded; /* 'y' or 'n' */
	/* [paths] */
	enum paths_control paths_control;
	char paths_device[CONF_WORD_SIZE]; /* name of the device-mapper's device */
	unsigned paths_timeout_seconds;
	unsigned paths_interval_ms;
	unsigned paths_slow_ms;
	unsigned paths_good_probes;
	unsigned paths_bad_probes;
	unsigned paths_queue_seconds;
	char paths_metrics[CONF_PATH_SIZE];
	/* [export] */
	char export_address[CONF_WORD_SIZE]; /* ADDRESS or ADDRESS:PORT of the link */
	char export_name[CONF_WORD_SIZE];
	char export_client[CONF_WORD_SIZE];
	/* [promote] */
	char promote_mountpoint[CONF_PATH_SIZE];
	char promote_mount_options[CONF_WORD_SIZE];
	char promote_fence_hook[CONF_PATH_SIZE];
	unsigned promote_timeout_seconds;
};

/*
 * Reads a configuration file. -ENOENT where there is none, -EINVAL for anything in it that is not
 * understood; both, and other -errno, with a sentence that names the file, and the line where there is one.
 */
int conf_read(const char *path, struct svc_conf *conf, struct svc_error *error);

/* The same for text in memory; `path` is for the sentences. */
int conf_parse(const char *text, size_t length, const char *path, struct svc_conf *conf, struct svc_error *error);

/*
 * Gives one key a value, in place of the one it has: for words of the kernel's command line. Returns NULL, or what is
 * wrong with it, to follow the key's name.
 */
const char *conf_set(struct svc_conf *conf, const char *section, const char *key, const char *value);

/* Fills copy[] with the copies that are configured, in the order of struct svc_conf; returns how many (at most 4). */
int conf_copies(const struct svc_conf *conf, struct copy copy[SVC_COPIES_MAX]);

/* The position of a copy in [mirror] legs, from 0 on; -1: it is not there. NULL as an empty one. Pure. */
int conf_leg(const char *legs, const char *name);

#endif
