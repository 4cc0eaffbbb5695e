/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any kernel command line: read without fault, and never understood as more than it says. */
#include <stdlib.h>
#include <string.h>

#include "gate/ask.h"
#include "gate/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct svc_conf conf = { 0 };
	struct gate_policy policy;
	char *line = malloc(size + 1), device[64];
	unsigned speed;

	if (!line)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	policy_read(&conf, line, &policy);
	if (policy.mistakes.count && policy.mode == GATE_AUTO)
		abort();
	if (!policy.device_seconds || !policy.console_seconds || strstr(policy.console, ".."))
		abort();
	if (ask_parse_console(policy.console, device, &speed) && strncmp(device, "/dev/", 5) != 0)
		abort();
	free(line);
	return 0;
}
