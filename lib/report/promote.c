/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/promote.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "path/notify.h"
#include "path/path.h"
#include "report/report.h"
#include "verdict/verdict.h"

enum { TEXT_SIZE = 4 * SVC_LOCATOR_SIZE };

static json_t *text(const char *raw)
{
	char escaped[TEXT_SIZE];

	return *raw ? json_string(text_escape(raw, escaped, sizeof(escaped))) : json_null();
}

static uint64_t milliseconds(const struct promote_result *result, int i)
{
	return result->steps.step[i].ended_ms - result->steps.step[i].began_ms;
}

static json_t *steps_json(const struct promote_result *result)
{
	json_t *list = json_array();

	for (int i = 0; i < result->count; i++)
		json_array_append_new(list,
		                      json_pack("{s:s, s:s, s:I}", "id", result->row[i].id, "state",
		                                step_state_name(result->steps.step[i].state), "milliseconds",
		                                result->steps.step[i].ended_ms ? (json_int_t)milliseconds(result, i)
		                                                               : (json_int_t)0));
	return list;
}

static json_t *reasons_json(const struct promote_result *result)
{
	json_t *list = json_array();

	for (size_t i = 0; i < result->reasons.count; i++) {
		const struct reason *reason = &result->reasons.item[i];
		const struct reason_row *row = reason_row(reason->id);
		bool has_copy = reason->copy >= 0 && reason->copy < result->copies;

		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s}", "id", row->id, "copy",
		                                      has_copy ? text(result->name[reason->copy]) : json_null(), "text",
		                                      text(reason->text), "next", row->next));
	}
	return list;
}

static json_t *peer_json(const struct promote_result *result)
{
	return json_pack("{s:b, s:o, s:b}", "crashed", result->has_peer_crashed, "beat_age_seconds",
	                 result->beat_age_seconds < 0 ? json_null()
	                                              : json_integer((json_int_t)result->beat_age_seconds),
	                 "may_hold_newer", result->unseen == UNSEEN_OPEN);
}

static json_t *refresh_json(const struct promote_result *result)
{
	json_t *list = json_array();

	for (int i = 0; i < result->copies; i++)
		if (result->is_refreshed[i])
			json_array_append_new(list, text(result->name[i]));
	return list;
}

static json_t *result_json(const struct promote_result *result)
{
	const char *proof = promote_proof_name(result->proof);
	const char controller[2] = { result->controller, '\0' };
	json_t *root = json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:o}", "schema", "svc/1", "command", "promote",
	                         "action", promote_verb_name(result->verb), "controller", text(controller), "role",
	                         promote_role_name(result->role), "device", text(result->device), "mountpoint",
	                         text(result->mountpoint));

	if (!root)
		return NULL;
	json_object_set_new(root, "path", result->path < 0 ? json_null() : json_string(path_name(result->path)));
	json_object_set_new(root, "verdict",
	                    result->is_judged ? json_string(verdict_name(result->verdict)) : json_null());
	json_object_set_new(root, "authority", text(result->authority));
	json_object_set_new(root, "fenced_by", proof ? json_string(proof) : json_null());
	json_object_set_new(root, "peer", peer_json(result));
	json_object_set_new(root, "refresh", refresh_json(result));
	json_object_set_new(root, "steps", steps_json(result));
	json_object_set_new(root, "reasons", reasons_json(result));
	json_object_set_new(root, "error",
	                    result->error.text[0] ? json_pack("{s:o, s:o}", "text", text(result->error.text), "next",
	                                                      text(result->error.next))
	                                          : json_null());
	if (result->verb == PROMOTE_STATUS) {
		json_t *last = json_load_file(PROMOTE_JSON_PATH, 0, NULL);

		json_object_set_new(root, "legs", text(result->legs));
		json_object_set_new(root, "last", last ? last : json_null());
	}
	json_object_set_new(root, "exit", json_integer((json_int_t)result->exit));
	return root;
}

int report_promote_json(const struct promote_result *result, FILE *out)
{
	json_t *root = result_json(result);
	int code = root ? 0 : -ENOMEM;

	if (root && (json_dumpf(root, out, JSON_INDENT(2)) || fputc('\n', out) == EOF || fflush(out)))
		code = -EIO;
	json_decref(root);
	return code;
}

int report_promote_file(const struct promote_result *result)
{
	FILE *out;
	int code;

	mkdir("/run/svc", 0755);
	code = notify_file_begin(PROMOTE_JSON_PATH, &out);
	if (code)
		return code;
	code = report_promote_json(result, out);
	return notify_file_end(PROMOTE_JSON_PATH, out) || code ? -EIO : 0;
}

int report_promote_text(const struct promote_result *result, bool is_verbose, FILE *out)
{
	char shown[TEXT_SIZE];

	fprintf(out, "role: %s%s%s\n", promote_role_name(result->role), *result->device ? " of " : "",
	        text_escape(result->device, shown, sizeof(shown)));
	if (result->is_judged)
		fprintf(out, "verdict: %s%s%s\n", verdict_name(result->verdict),
		        *result->authority ? ", authority " : "", result->authority);
	if (result->proof != PROOF_NONE)
		fprintf(out, "fenced by: %s\n", promote_proof_name(result->proof));
	if (result->legs[0])
		fprintf(out, "legs: %s\n", result->legs);
	for (int i = 0; i < result->count; i++)
		fprintf(out, "  %-11s %-8s %7.2f s  %s\n", result->row[i].id,
		        step_state_name(result->steps.step[i].state),
		        result->steps.step[i].ended_ms ? (double)milliseconds(result, i) / 1000 : 0.0,
		        result->row[i].words);
	for (int i = 0; i < result->copies; i++)
		if (result->is_refreshed[i])
			fprintf(out, "refresh: %s is %s in the background\n",
			        text_escape(result->name[i], shown, sizeof(shown)),
			        result->is_dry_run ? "to be rebuilt" : "being rebuilt");
	for (size_t i = 0; i < result->reasons.count; i++) {
		const struct reason *reason = &result->reasons.item[i];

		if (is_verbose)
			fprintf(out, "%s: %s\n", reason_row(reason->id)->id,
			        text_escape(reason->text, shown, sizeof(shown)));
	}
	return fflush(out) || ferror(out) ? -EIO : 0;
}
