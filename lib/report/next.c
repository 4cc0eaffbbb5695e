/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "report/report.h"

void report_next(const char *command, int exit, struct svc_error *error)
{
	if (*error->next)
		return;
	switch (exit) {
	case SVC_EXIT_USAGE:
		error_next(error, "see %s --help", command);
		break;
	case SVC_EXIT_CONFIG:
		error_next(error, "correct the configuration: svc.conf(5)");
		break;
	case SVC_EXIT_IO:
		error_next(error, "check the device and its path (dmesg), then run the same command again");
		break;
	case SVC_EXIT_INTERRUPTED:
		error_next(error, "run the same command again to go on");
		break;
	default:
		error_next(error, "see that to rights, then run the same command again");
		break;
	}
}
