/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared, served to the other controller: its second path, which a takeover cuts, and a hand-over gives. */
#include <sys/types.h>

#include "path/export.h"
#include "path/probe.h"
#include "promote/takeover.h"

static int find(void)
{
	pid_t server = export_find();

	return server > 0 ? 1 : (int)server;
}

static int stop(struct takeover *t, struct svc_error *error)
{
	return export_stop(t->disk.timeout_seconds, error);
}

static int start(struct takeover *t, struct svc_error *error)
{
	const struct svc_conf *conf = t->options->conf;
	struct export_options options = {
		.address = conf->export_address,
		.name = conf->export_name,
		.client = conf->export_client,
		.tls_certificates = conf->nbd_tls_certificates,
		.tls_psk_file = conf->nbd_tls_psk_file,
	};

	return export_start(&t->paths, &options, error);
}

const struct served_ops served_ops_export = { find, stop, start };

void served_again(struct takeover *t)
{
	struct svc_error why;

	if (!t->has_cut)
		return;
	t->has_cut = false;
	/* A server may take as long to start as it likes, and this call not. */
	if (path_now_ms() >= t->deadline_ms)
		tell(t, "there is no time to serve shared to the other controller again: svc-pathcheck --export does");
	else if (t->served->start(t, &why))
		tell(t, "shared is no longer served to the other controller: %.250s", why.text);
	else
		tell(t, "shared is served to the other controller again");
}

/* Not where the other one is shut out, which stays so on purpose. */
void served_look(struct takeover *t)
{
	struct reasons reasons = { 0 };

	if (!*t->options->conf->export_address || t->served->find() ||
	    promote_peer(t->survey.copy, t->survey.copies, t->options->controller) == PEER_SHUT_OUT)
		return;
	reason_add(&reasons, REASON_NOT_SERVED, -1, "shared is not served to the other controller");
	tell_reasons(t, &reasons);
}
