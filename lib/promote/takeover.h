/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of a takeover and of a demotion share; all of it is in the child process. */
#ifndef SVC_PROMOTE_TAKEOVER_H
#define SVC_PROMOTE_TAKEOVER_H

#include "path/setup.h"
#include "promote/promote.h"
#include "promote/signs.h"
#include "survey.h"

struct takeover;

/* The export to the other controller (path/export.h); tests have one of their own. */
struct served_ops {
	int (*find)(void); /* 1: it is served; 0: it is not; -1: that cannot be told */
	int (*stop)(struct takeover *t, struct svc_error *error);
	int (*start)(struct takeover *t, struct svc_error *error);
};

struct takeover {
	const struct promote_options *options;
	struct promote_result *result;
	uint64_t deadline_ms;     /* by path_now_ms() */
	unsigned timeout_seconds; /* of every touch of a device, as configured; 0: the default */
	struct paths paths;
	char argument[SVC_COPIES_MAX][SVC_NAME_SIZE + SVC_LOCATOR_SIZE];
	const char *pointer[SVC_COPIES_MAX]; /* one path to each copy */
	int arguments;
	char device[SVC_LOCATOR_SIZE]; /* that shared is looked at by; empty: none */
	char direct[SVC_LOCATOR_SIZE]; /* the disk of the direct path; empty: there is none */
	struct survey survey;
	struct lvm_evidence mirror; /* of any of its legs; present: one was found */
	struct verdict verdict;
	struct promote_decision decision;
	bool is_compared;

	struct fence_disk disk;
	const struct fence_ops *ops; /* of `array` */
	void *array;
	const struct served_ops *served;
	uint64_t own, peer;      /* keys, with any number */
	uint64_t key;            /* this call got the volume with it; 0: it did not */
	struct reservation seen; /* what the array said before anything else was read; all 0: nothing */
	struct signs signs;      /* the newest reading */
	struct fence_facts facts;
	bool is_fenced; /* proven, in this call */
	bool has_taken; /* the reservation, in this call */
	bool has_cut;   /* the export was stopped in this call */

	bool was_active; /* the mirror, as a hand-over began */
	bool is_claimed; /* the records were written, in this call */
	bool is_repaired, is_refresh_started, is_proven;
};

/* ---- look.c ---- */

/* Brings up a path to shared, unless it is a dry run, and settles by which device each copy is looked at. */
int look_paths(struct takeover *t, struct svc_error *error);

/* Reads all copies' evidence anew. */
int look_survey(struct takeover *t, struct svc_error *error);

/* The mirror's device on this host. False: it is not active. */
bool look_active(const struct takeover *t, uint64_t *device);

/* The copy that is shared, or -1; and its record where that is its own, or NULL. */
int look_shared(const struct takeover *t);
const struct record *look_record(const struct takeover *t, int copy);

/* Whether every record in reach of a leg that is written says that the mirror is this controller's and open. */
bool look_is_ours(const struct takeover *t);

/* Sets the error where no copy of the mirror was found among them: what each of them is. Returns -ENODEV. */
int look_nothing(const struct takeover *t, struct svc_error *error);

/* Judges what the survey read; with the content where evidence alone would call legs equal and may_compare. */
int look_judge(struct takeover *t, bool may_compare, unsigned left_ms, struct svc_error *error);

/* Ends the call with this exit code. Returns `code`. */
int give_up(struct takeover *t, enum svc_exit exit, int code);

/* Notes the reasons in the result and in the logs. */
void tell_reasons(struct takeover *t, const struct reasons *reasons);
void tell(struct takeover *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- served.c: the export to the other controller ---- */

extern const struct served_ops served_ops_export;

/* As it was before this call stopped it, where it did. */
void served_again(struct takeover *t);

/* Of a standby: notes where shared is not served although it is to be. */
void served_look(struct takeover *t);

/* ---- shut_out.c: the fence step ---- */

int shut_out_is_done(void *context, struct svc_error *error);
int shut_out(void *context, unsigned left_ms, struct svc_error *error);

/* Notes who has the volume. To be called before anything is read that the call goes by. */
void shut_out_begin(struct takeover *t);

/* Reads the other controller's signs of life, unless that was done. */
void shut_out_look(struct takeover *t);

/*
 * Reads the array once more. 1: this controller has the volume, or the array knows no reservations and something else
 * was proof; 0: it has not. `-errno`: that cannot be told.
 */
int shut_out_confirm(struct takeover *t, struct svc_error *error);

/*
 * The same, for good: who looked at the array, or at the records, before this gets the volume no more. Where this call did
 * not get it there, as shut_out_confirm.
 */
int shut_out_renew(struct takeover *t, struct svc_error *error);

/* Reads the array, into fence->last and fence->hold. As fence_confirm; -EOPNOTSUPP where there is no direct path too. */
int shut_out_read(struct takeover *t, struct fence *fence, struct svc_error *error);

/* That it is not served was true a while ago: refuses where somebody has begun to since. 0 or -EPERM with a sentence. */
int shut_out_check_served(struct takeover *t, struct svc_error *error);

/* Of a mirror that is active: whether the array has given the volume to somebody else. Tells it where nobody has it. */
bool shut_out_has_lost(struct takeover *t);

/* Whether that reading of the array, and the records, leave something of this controller's to give up; tells why not. */
bool shut_out_is_to_release(struct takeover *t, const struct reservation *reservation);

/* Gives it up, where there is something. */
int shut_out_release(struct takeover *t, struct svc_error *error);

/* ---- volume.c: what is above the mirror's device ---- */

int volume_repair_is_done(void *context, struct svc_error *error);
int volume_repair(void *context, unsigned left_ms, struct svc_error *error);
/* Refuses a mountpoint that is no directory. */
int volume_check_mountpoint(struct takeover *t, struct svc_error *error);
int volume_mount_is_done(void *context, struct svc_error *error);
int volume_mount(void *context, unsigned left_ms, struct svc_error *error);

/* Where the device is mounted. */
struct volume_mounts {
	int count;
	bool is_wanted;   /* mounted at svc.conf's mountpoint */
	bool is_writable; /* there, and the file system has not turned itself read-only */
	char target[8][CONF_PATH_SIZE];
};

int volume_find(const struct takeover *t, uint64_t device, struct volume_mounts *mounts, struct svc_error *error);

/* Unmounts it everywhere. -EBUSY with a sentence. */
int volume_unmount(struct takeover *t, uint64_t device, struct svc_error *error);

/* ---- refresh.c ---- */

int refresh_is_done(void *context, struct svc_error *error);
int refresh_start(void *context, unsigned left_ms, struct svc_error *error);

/* Whether no rebuild that refresh_start began runs; and ends it, at a safe point where it comes to one. */
int refresh_is_stopped(void *context, struct svc_error *error);
int refresh_stop(void *context, unsigned left_ms, struct svc_error *error);

/* ---- takeover.c, demote.c, status.c: the whole of each. 0 or -errno; result->exit is set. ---- */

int takeover_run(struct takeover *t, struct svc_error *error);
int demote_run(struct takeover *t, struct svc_error *error);
int status_run(struct takeover *t, struct svc_error *error);

/* The claim step: the members' records say that this controller has the mirror. Refuses what is no block device. */
int takeover_claim(void *context, unsigned left_ms, struct svc_error *error);

/*
 * Of a mirror that is not active: writes into the records in reach that this controller closed it. Not into that of a leg
 * that was left behind.
 */
int demote_close(struct takeover *t, struct svc_error *error);

/* Runs the steps, and keeps the file about them up to date. */
int takeover_steps(struct takeover *t, const struct step_row *row, int count, const struct step_ops *ops,
                   struct svc_error *error);

#endif
