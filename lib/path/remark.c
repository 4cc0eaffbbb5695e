/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/remark.h"

#include "path/filter.h"
#include "path/server.h"

static void remark_queue(const struct paths *paths, struct reasons *reasons)
{
	const struct control *control = &paths->control;

	if (control->kind == PATHS_MULTIPATH && control->queue_seconds && paths->state.is_set_up &&
	    !paths->state.is_queueing)
		reason_add(reasons, REASON_PATH_NO_QUEUE, -1,
		           "/dev/mapper/%s does not hold requests back for %u s where no path is left", control->name,
		           control->queue_seconds);
}

static void remark_export(const struct export_options *options, struct reasons *reasons)
{
	pid_t server = export_find();

	if (server <= 0)
		return;
	reason_add(reasons, REASON_EXPORTED, -1, "the direct path is exported by process %d", (int)server);
	if (!server_has_tls(options))
		reason_add(reasons, REASON_EXPORT_PLAIN, -1, "the export at %.200s has no TLS", options->address);
}

void paths_remark(const struct paths *paths, const struct export_options *options, struct reasons *reasons)
{
	struct svc_error error;

	if (filter_check(paths, reasons, &error))
		reason_add(reasons, REASON_LVM_FILTER, -1, "%s", error.text);
	remark_queue(paths, reasons);
	remark_export(options, reasons);
}
