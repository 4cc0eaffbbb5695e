/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: looks at the paths every so often, decides (decide.h), acts, keeps the records abreast of the mirror's legs
 * (legs.h) and tells the system. What it knows is in the kernel and in the records; it can be killed at any moment.
 */
#ifndef SVC_PATH_MONITOR_H
#define SVC_PATH_MONITOR_H

#include "path/decide.h"
#include "path/legs.h"
#include "path/setup.h"
#include "path/watch.h"

/* What can last: told when it begins, and again when it is something else. */
enum monitor_trouble {
	TROUBLE_DEVICE,  /* the control's device is not ours */
	TROUBLE_LOOK,    /* the paths cannot be looked at */
	TROUBLE_ACTION,  /* what was decided cannot be done */
	TROUBLE_SERVE,   /* the array does not take the other controller's writes by this one */
	TROUBLE_RECORDS, /* the mirror's records cannot be kept abreast */
	TROUBLE_METRICS,
	TROUBLES,
};

struct monitor {
	struct paths paths;
	struct decide_limits limits;
	struct decide_memory memory;
	struct path_watch watch;
	unsigned interval_ms;
	const char *metrics; /* file for node_exporter's textfile collector; empty: none */
	/* What was seen last, to tell what changed. */
	bool is_seen;
	enum path_state state[PATHS];
	int active;
	struct legs_state legs;
	char trouble[TROUBLES][512]; /* empty: none */
	uint64_t rounds, switches;
};

/* From svc.conf; as paths_init. What is remembered stays. */
int monitor_configure(struct monitor *monitor, const char *const argument[], int arguments, const struct svc_conf *conf,
                      const struct locate_options *locate, struct svc_error *error);

/*
 * Makes this process the only monitor of this host, as long as it lives: 0; -EBUSY with a sentence where there is one;
 * -errno.
 */
int monitor_lock(struct svc_error *error);

/* How long a round and the pause after it can take, each touch of the paths having its deadline; in milliseconds. */
uint64_t monitor_round_ms(const struct monitor *monitor);

/* One round. Whatever goes wrong is told as an event. */
void monitor_round(struct monitor *monitor);

/* The state as text in Prometheus' format. 0 or -errno. */
int monitor_write_metrics(const struct monitor *monitor);

#endif
