/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/text.h"
#include "claim/controller.h"
#include "compare/compare.h"
#include "dev/mapper.h"
#include "evidence/online.h"
#include "gate/log.h"
#include "path/attach.h"
#include "path/probe.h"
#include "promote/takeover.h"
#include "rebuild/mark.h"
#include "verdict/verdict.h"

/* ---- telling ---- */

static void tell_line(const struct takeover *t, const char *id, const char *text)
{
	char line[400], shown[800];

	snprintf(line, sizeof(line), "%s%s%s", id, *id ? " " : "", text);
	text_escape(line, shown, sizeof(shown));
	if (!t->options->is_dry_run && t->options->verb != PROMOTE_STATUS) {
		log_kmsg("svc-promote", line, !*id);
		syslog(LOG_DAEMON | (*id ? LOG_WARNING : LOG_NOTICE), "%s", shown);
	}
	if (t->options->out) {
		fprintf(t->options->out, "svc-promote: %s\n", shown);
		fflush(t->options->out);
	}
}

void tell(struct takeover *t, const char *format, ...)
{
	char text[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tell_line(t, "", text);
}

static bool is_told(const struct reasons *reasons, const struct reason *reason)
{
	for (size_t i = 0; i < reasons->count; i++)
		if (reasons->item[i].id == reason->id && !strcmp(reasons->item[i].text, reason->text))
			return true;
	return false;
}

/* The evidence is judged before the other controller loses anything, and again after: each reason is told once. */
void tell_reasons(struct takeover *t, const struct reasons *reasons)
{
	for (size_t i = 0; i < reasons->count; i++) {
		const struct reason *reason = &reasons->item[i];

		if (is_told(&t->result->reasons, reason))
			continue;
		reason_add(&t->result->reasons, reason->id, reason->copy, "%s", reason->text);
		tell_line(t, reason_row(reason->id)->id, reason->text);
	}
}

int give_up(struct takeover *t, enum svc_exit exit, int code)
{
	t->result->exit = exit;
	return code;
}

/* What was named makes no sense: whose mistake that is. */
static int misnamed(struct takeover *t, int code)
{
	return give_up(t, t->options->is_typed ? SVC_EXIT_USAGE : SVC_EXIT_CONFIG, code);
}

/* ---- the paths ---- */

/*
 * How long a device may take to answer: as configured, or `usual`, and no longer than half of the time that is left, for
 * two that are asked one after the other. Who stays silent is named then, and the call has not ended before that.
 */
static unsigned patience_seconds(const struct takeover *t, unsigned usual)
{
	unsigned wanted = t->timeout_seconds ? t->timeout_seconds : usual;
	uint64_t now = path_now_ms(), half = t->deadline_ms > now ? (t->deadline_ms - now) / 2000 : 0;

	if (!t->deadline_ms || half >= wanted)
		return t->timeout_seconds;
	return half ? (unsigned)half : 1;
}

static void bound_paths(struct takeover *t)
{
	t->paths.options.locate.dev.timeout_seconds = patience_seconds(t, PATH_TIMEOUT_SECONDS);
}

/*
 * By the direct path first: the other one leads through a controller that may just have died, and to ask it takes as long
 * as it takes to find that out. The monitor adds it later.
 */
static int set_up_device(struct takeover *t, char device[SVC_LOCATOR_SIZE], struct svc_error *error)
{
	struct path_places *places = &t->paths.places;
	const char *direct = places->path[PATH_DIRECT];
	char nbd[SVC_LOCATOR_SIZE];
	int code;

	control_device(&t->paths.control, direct, device, SVC_LOCATOR_SIZE);
	code = control_read(&t->paths.control, &t->paths.state);
	if (code)
		return error_set(error, code, "/dev/mapper/%s is not a device of ours", t->paths.control.name);
	if (t->paths.state.is_set_up)
		return 0;
	if (t->options->is_dry_run || t->options->verb != PROMOTE_TAKEOVER) {
		snprintf(device, SVC_LOCATOR_SIZE, "%s", *direct ? direct : places->path[PATH_NBD]);
		return 0;
	}
	memcpy(nbd, places->path[PATH_NBD], sizeof(nbd));
	places->path[PATH_NBD][0] = '\0';
	code = *direct ? paths_setup(&t->paths, error) : -ENODEV;
	memcpy(places->path[PATH_NBD], nbd, sizeof(nbd));
	if (code && *nbd)
		code = paths_setup(&t->paths, error);
	/* Without shared there may still be the flash. */
	if (code) {
		tell(t, "the paths to shared cannot be set up: %.250s", error->text);
		snprintf(device, SVC_LOCATOR_SIZE, "%s", *direct ? direct : nbd);
	}
	return 0;
}

/* The direct path is dead, or there is none: by NBD, where that leads to the volume that is meant. */
static void choose_nbd(struct takeover *t, char device[SVC_LOCATOR_SIZE])
{
	const char *direct = t->paths.places.path[PATH_DIRECT], *nbd = t->paths.places.path[PATH_NBD];
	struct dev_options kernel = t->paths.options.locate.dev;
	char attached[NBD_DEVICE_SIZE];
	struct svc_error why;
	int code;

	bound_paths(t);
	code = paths_look_nbd(&t->paths, &why);
	if (code)
		tell(t, "the path over NBD is not used: %.250s", why.text);
	/* Another volume is named by the verdict; what is stale is not to be judged. */
	snprintf(device, SVC_LOCATOR_SIZE, "%s", code && (*direct || code == -ESTALE) ? direct : nbd);
	if (code || !dev_is_uri(nbd) || t->options->is_dry_run)
		return;
	/* The kernel keeps its time-out for longer than this call lasts. */
	kernel.timeout_seconds = t->timeout_seconds;
	if (nbd_attach(nbd, &kernel, attached, &why))
		tell(t, "the path over NBD is down: %.250s", why.text);
	else
		memcpy(device, attached, sizeof(attached));
}

/* Nothing makes one device of the paths: the direct one, or the other where that is dead. */
static int choose_device(struct takeover *t, char device[SVC_LOCATOR_SIZE], struct svc_error *error)
{
	struct path_places *places = &t->paths.places;
	char nbd[SVC_LOCATOR_SIZE];
	int code;

	memcpy(nbd, places->path[PATH_NBD], sizeof(nbd));
	snprintf(device, SVC_LOCATOR_SIZE, "%s", places->path[PATH_DIRECT]);
	if (*device && *nbd && t->options->verb == PROMOTE_TAKEOVER) {
		places->path[PATH_NBD][0] = '\0';
		bound_paths(t);
		code = paths_look(&t->paths, COHERENCE_NOT_WANTED, error);
		memcpy(places->path[PATH_NBD], nbd, sizeof(nbd));
		if (code)
			return code;
		if (path_is_usable(t->paths.check.verdict.state[PATH_DIRECT]))
			return 0;
		device[0] = '\0';
	}
	if (*device)
		return 0;
	if (*nbd && t->options->verb == PROMOTE_TAKEOVER)
		choose_nbd(t, device);
	else
		memcpy(device, nbd, sizeof(nbd));
	return 0;
}

static int add_argument(struct takeover *t, const char *name, const char *locator)
{
	int n = t->arguments++;

	snprintf(t->argument[n], sizeof(t->argument[n]), "%.*s=%.*s", SVC_NAME_SIZE - 1, name, SVC_LOCATOR_SIZE - 1,
	         locator);
	t->pointer[n] = t->argument[n];
	return 0;
}

/* The array's key and the records go by the controller's letter: a wrong one would speak for the other controller. */
static int check_controller(struct takeover *t, struct svc_error *error)
{
	const struct path_places *places = &t->paths.places;
	char controller = t->options->controller;
	int own = controller == 'b';

	if (!controller || *places->flash[own] || !*places->flash[!own])
		return 0;
	error_set(error, -EINVAL, "this is to be controller %c, and the flash that it has is flash-%c", controller,
	          own ? 'a' : 'b');
	error_next(error, "see id below controller in svc.conf(5), --controller, and which flash is named");
	return give_up(t, SVC_EXIT_CONFIG, -EINVAL);
}

int look_paths(struct takeover *t, struct svc_error *error)
{
	const struct promote_options *options = t->options;
	int code = paths_init(&t->paths, options->argument, options->arguments, options->conf, &options->locate, error);

	if (code)
		return misnamed(t, code);
	code = check_controller(t, error);
	if (code)
		return code;
	t->paths.options.controller = options->controller;
	snprintf(t->direct, sizeof(t->direct), "%s", t->paths.places.path[PATH_DIRECT]);
	t->timeout_seconds = t->paths.options.locate.dev.timeout_seconds;
	t->disk = (struct fence_disk){ t->direct, t->timeout_seconds };
	t->ops = &fence_ops_disk;
	t->array = &t->disk;
	t->served = &served_ops_export;
	code = t->paths.control.ops ? set_up_device(t, t->device, error) : choose_device(t, t->device, error);
	t->arguments = 0;
	for (int i = 0; i < 2 && !code; i++)
		if (*t->paths.places.flash[i])
			add_argument(t, i ? "flash-b" : "flash-a", t->paths.places.flash[i]);
	if (!code && *t->device)
		add_argument(t, "shared", t->device);
	return code;
}

/* ---- the copies ---- */

/* The same, by what the flash itself says. */
static int check_flash(struct takeover *t, struct svc_error *error)
{
	struct reasons reasons = { 0 };

	if (!controller_is_contradicted(t->options->controller, t->options->conf->legs, t->survey.copy,
	                                t->survey.copies, &reasons))
		return 0;
	tell_reasons(t, &reasons);
	error_set(error, -EINVAL, "%s", reasons.item[0].text);
	error_next(error, "%s", reason_row(REASON_WRONG_CONTROLLER)->next);
	return give_up(t, SVC_EXIT_CONFIG, -EINVAL);
}

/* Where one device is made of the paths, reading it may just have moved it to the other one. */
static int path_of_shared(struct takeover *t)
{
	int shared = look_shared(t);

	if (shared < 0 || t->survey.copy[shared].condition != COPY_USABLE)
		return -1;
	if (t->paths.state.is_set_up && !control_read(&t->paths.control, &t->paths.state))
		return t->paths.state.active;
	return strcmp(t->device, t->direct) ? PATH_NBD : PATH_DIRECT;
}

int look_survey(struct takeover *t, struct svc_error *error)
{
	struct promote_result *result = t->result;
	struct locate_options locate = t->options->locate;
	int code;

	survey_close(&t->survey);
	locate.dev.timeout_seconds = patience_seconds(t, DEV_TIMEOUT_SECONDS);
	code = survey_open(t->pointer, t->arguments, &locate, &t->survey, error);
	if (code)
		return misnamed(t, code);
	result->copies = t->survey.copies;
	for (int i = 0; i < t->survey.copies; i++) {
		const struct copy *copy = &t->survey.copy[i];

		memcpy(result->name[i], copy->name, sizeof(result->name[i]));
		if (copy->condition != COPY_USABLE || copy->evidence.lvm.type != MIRROR_RAID1)
			continue;
		/* Two mirrors are no matter here: the verdict calls them unrelated. */
		t->mirror = copy->evidence.lvm;
		snprintf(result->device, sizeof(result->device), "/dev/%s/%s", t->mirror.vg_name, t->mirror.lv_name);
	}
	code = t->options->controller ? check_flash(t, error) : 0;
	if (code)
		return code;
	result->path = path_of_shared(t);
	if (t->mirror.present && t->options->controller) {
		t->own = fence_key(t->options->controller, t->mirror.vg_uuid, FENCE_ANY_NUMBER);
		t->peer = fence_key(t->options->controller == 'a' ? 'b' : 'a', t->mirror.vg_uuid, FENCE_ANY_NUMBER);
	}
	return 0;
}

int look_nothing(const struct takeover *t, struct svc_error *error)
{
	const struct reason *next = NULL;
	char what[400] = "";
	size_t length = 0;

	for (int i = 0; i < t->survey.copies; i++) {
		const struct copy *copy = &t->survey.copy[i];
		const struct reason *why = copy->findings.count ? &copy->findings.item[0] : NULL;

		/* What cannot be read comes first: it may be whole. */
		if (why && (!next || (copy->condition == COPY_UNREADABLE && reason_row(next->id)->exit != SVC_EXIT_IO)))
			next = why;
		length += (size_t)snprintf(what + length, sizeof(what) - length, "%s %s: %.120s", length ? ";" : "",
		                           copy->name, why ? why->text : "it is no part of a mirror");
		if (length >= sizeof(what))
			break;
	}
	error_set(error, -ENODEV, "no copy of the mirror could be read:%s", length ? what : " none was given");
	error_next(error, "%s",
	           next ? reason_row(next->id)->next : "name this controller's flash and shared, or see svc.conf(5)");
	return -ENODEV;
}

bool look_active(const struct takeover *t, uint64_t *device)
{
	char uuid[ONLINE_UUID_SIZE];

	return t->mirror.present && online_uuid(&t->mirror, uuid) && !mapper_find(uuid, device);
}

int look_shared(const struct takeover *t)
{
	for (int i = 0; i < t->survey.copies; i++)
		if (!strcmp(t->survey.copy[i].group, "shared"))
			return i;
	return -1;
}

const struct record *look_record(const struct takeover *t, int copy)
{
	return copy >= 0 && mark_is_own(&t->survey.copy[copy]) ? &t->survey.copy[copy].evidence.record.record : NULL;
}

bool look_is_ours(const struct takeover *t)
{
	int other;

	return promote_is_ours(t->survey.copy, t->survey.copies, t->options->controller, &other);
}

/* ---- judging ---- */

struct patience {
	uint64_t end_ms;
	volatile sig_atomic_t is_over;
	const volatile sig_atomic_t *stop;
};

static void look_at_clock(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
	struct patience *patience = context;

	(void)done_bytes;
	(void)total_bytes;
	if (path_now_ms() >= patience->end_ms || (patience->stop && *patience->stop))
		patience->is_over = 1;
}

static void note_verdict(struct takeover *t)
{
	struct promote_result *result = t->result;
	int authority = t->decision.authority >= 0 ? t->decision.authority : t->verdict.authority;

	result->is_judged = true;
	result->verdict = t->verdict.kind;
	snprintf(result->authority, sizeof(result->authority), "%s",
	         authority >= 0 ? t->survey.copy[authority].group : "");
	result->has_peer_crashed = t->decision.has_peer_crashed;
	result->unseen = t->decision.unseen;
}

/* Half of the time that is left, and no more: a leg that was not compared stays out, and that is no reason to fail. */
static int compare_content(struct takeover *t, unsigned left_ms, struct svc_error *error)
{
	struct patience patience = { .end_ms = path_now_ms() + left_ms / 2, .stop = t->options->stop };
	struct compare_options options = {
		.mode = COMPARE_ALLOCATED, .stop = &patience.is_over, .progress = look_at_clock, .context = &patience
	};
	struct survey *survey = &t->survey;
	int reference = verdict_reference(survey->copy, survey->copies, &t->verdict), code;
	struct comparison comparison;

	if (reference < 0)
		return 0;
	code = compare_run(survey->copy, survey->copies, survey->access, reference, &options, &comparison, error);
	if (!code) {
		verdict_judge(survey->copy, survey->copies, &comparison, true, &t->verdict);
		t->is_compared = true;
	}
	compare_free(&comparison);
	if (code == -EINTR && !(t->options->stop && *t->options->stop)) {
		tell(t, "there was no time to compare the copies: those that were not stay out");
		code = 0;
	}
	return code;
}

int look_judge(struct takeover *t, bool may_compare, unsigned left_ms, struct svc_error *error)
{
	struct survey *survey = &t->survey;
	struct promote_wish wish = {
		.controller = t->options->controller,
		.from = -1,
		.is_confirmed = t->options->is_confirmed,
		.is_degraded_allowed = t->options->conf->boot_degraded == 'y',
		.beat_time = t->signs.has_beat ? t->signs.beat_time : 0,
		.now = time(NULL),
	};
	uint64_t device;
	int code = 0;

	t->is_compared = false;
	verdict_judge(survey->copy, survey->copies, NULL, true, &t->verdict);
	if (may_compare && !look_active(t, &device) &&
	    (t->verdict.kind == VERDICT_IN_SYNC || t->verdict.kind == VERDICT_DIRTY))
		code = compare_content(t, left_ms, error);
	if (code)
		return code;
	for (int i = 0; t->options->from && i < survey->copies && wish.from < 0; i++)
		if (!strcmp(survey->copy[i].name, t->options->from) || !strcmp(survey->copy[i].group, t->options->from))
			wish.from = i;
	if (t->options->from && wish.from < 0) {
		error_set(error, -EINVAL, "--from %s: no copy of this name was given", t->options->from);
		return give_up(t, SVC_EXIT_USAGE, -EINVAL);
	}
	wish.is_compared = t->is_compared;
	if (t->signs.has_beat)
		t->result->beat_age_seconds = wish.now - t->signs.beat_time;
	promote_decide(&wish, survey->copy, survey->copies, &t->verdict, &t->decision);
	note_verdict(t);
	return 0;
}
