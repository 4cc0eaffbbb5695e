/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "locate/vg_text.h"

#include <errno.h>
#include <libdevmapper.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "locate/vg_scan.h"

static const char bad_figure[] = "a figure is missing or absurd";
static const char bad_name[] = "a name or UUID is missing or malformed";

__attribute__((format(printf, 5, 6))) static void ignore_log(int level, const char *file, int line, int code,
                                                             const char *format, ...)
{
	(void)level, (void)file, (void)line, (void)code, (void)format;
}

static void silence_libdevmapper(void)
{
	dm_log_with_errno_init(ignore_log);
}

bool vg_is_name(const char *name)
{
	/* lib/misc/lvm-string.c, validate_name */
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-";
	size_t length = strlen(name);

	return length && length < LVM_NAME_SIZE && name[0] != '-' && strspn(name, allowed) == length &&
	       strcmp(name, ".") && strcmp(name, "..");
}

static const struct dm_config_value *find_value(const struct dm_config_node *section, const char *key)
{
	/* Not dm_config_find_node: it takes a path apart, and here a key is a key. */
	for (const struct dm_config_node *node = section->child; node; node = node->sib)
		if (node->v && !strcmp(node->key, key))
			return node->v;
	return NULL;
}

static const struct dm_config_node *find_section(const struct dm_config_node *section, const char *key)
{
	for (const struct dm_config_node *node = section->child; node; node = node->sib)
		if (!node->v && !strcmp(node->key, key))
			return node;
	return NULL;
}

static const char *find_string(const struct dm_config_node *section, const char *key)
{
	const struct dm_config_value *value = find_value(section, key);

	return value && value->type == DM_CFG_STRING ? value->v.str : NULL;
}

static bool find_number(const struct dm_config_node *section, const char *key, uint64_t *number)
{
	const struct dm_config_value *value = find_value(section, key);

	if (!value || value->type != DM_CFG_INT || value->v.i < 0)
		return false;
	*number = (uint64_t)value->v.i;
	return true;
}

static bool has_flag(const struct dm_config_node *section, const char *key, const char *flag)
{
	const struct dm_config_value *value = find_value(section, key);

	for (; value; value = value->next)
		if (value->type == DM_CFG_STRING && !strcmp(value->v.str, flag))
			return true;
	return false;
}

static const char *find_uuid(const struct dm_config_node *section)
{
	const char *uuid = find_string(section, "id");

	return uuid && strlen(uuid) == LVM_UUID_SIZE - 1 ? uuid : NULL;
}

static size_t count_sections(const struct dm_config_node *section)
{
	size_t n = 0;

	for (const struct dm_config_node *node = section ? section->child : NULL; node; node = node->sib)
		n += !node->v;
	return n;
}

static int compare_pvs(const void *a, const void *b)
{
	return strcmp(((const struct vg_pv *)a)->key, ((const struct vg_pv *)b)->key);
}

static int compare_lvs(const void *a, const void *b)
{
	return strcmp(((const struct vg_lv *)a)->name, ((const struct vg_lv *)b)->name);
}

static int compare_segments(const void *a, const void *b)
{
	uint64_t left = ((const struct vg_segment *)a)->start_extent;
	uint64_t right = ((const struct vg_segment *)b)->start_extent;

	return (left > right) - (left < right);
}

static void read_sectors(const struct dm_config_node *section, const char *key, uint64_t *bytes)
{
	uint64_t sectors;

	if (!find_number(section, key, &sectors) || __builtin_mul_overflow(sectors, 512, bytes))
		*bytes = 0;
}

static int read_pvs(struct vg *vg, const struct dm_config_node *section, const char **why)
{
	vg->pv = calloc(count_sections(section) + 1, sizeof(*vg->pv));
	if (!vg->pv)
		return -ENOMEM;
	for (const struct dm_config_node *node = section->child; node; node = node->sib) {
		struct vg_pv *pv = &vg->pv[vg->pvs];
		uint64_t start_sectors;

		if (node->v)
			continue;
		pv->key = node->key;
		pv->uuid = find_uuid(node);
		*why = bad_name;
		if (!pv->uuid)
			return -EBADMSG;
		*why = bad_figure;
		if (!find_number(node, "pe_start", &start_sectors) ||
		    __builtin_mul_overflow(start_sectors, 512, &pv->start_bytes))
			return -EBADMSG;
		/* Not needed to find a leg, and older LVM does not write them all. */
		pv->extents = find_number(node, "pe_count", &pv->extents) ? pv->extents : 0;
		read_sectors(node, "dev_size", &pv->size_bytes);
		read_sectors(node, "ba_start", &pv->bootloader_area.offset);
		read_sectors(node, "ba_size", &pv->bootloader_area.length);
		/* LVM writes the flag to one list or the other, by version (lib/format_text/flags.c). */
		pv->is_missing = has_flag(node, "flags", "MISSING") || has_flag(node, "status", "MISSING");
		vg->pvs++;
	}
	qsort(vg->pv, vg->pvs, sizeof(*vg->pv), compare_pvs);
	return 0;
}

/* `has_extents`: names alternate with extent numbers, as in stripes and mirrors. */
static int read_areas(struct vg_segment *segment, const struct dm_config_value *value, bool has_extents,
                      const char **why)
{
	size_t n = 0;

	*why = "a segment's list of areas is malformed";
	for (const struct dm_config_value *v = value; v; v = v->next)
		n++;
	segment->area = calloc(n + 1, sizeof(*segment->area));
	if (!segment->area)
		return -ENOMEM;
	for (; value; value = value->next) {
		struct vg_area *area = &segment->area[segment->areas];

		if (value->type != DM_CFG_STRING)
			return -EBADMSG;
		area->name = value->v.str;
		if (has_extents) {
			value = value->next;
			if (!value || value->type != DM_CFG_INT || value->v.i < 0)
				return -EBADMSG;
			area->extent = (uint64_t)value->v.i;
		}
		segment->areas++;
	}
	return segment->areas ? 0 : -EBADMSG;
}

/* The type may carry flags behind a `+` (SEGTYPE_FLAG, lib/format_text/flags.c). */
static bool is_type(const char *type, const char *wanted)
{
	size_t length = strlen(wanted);

	return !strncmp(type, wanted, length) && (!type[length] || type[length] == '+');
}

static int read_segment(struct vg_segment *segment, const struct dm_config_node *node, const char **why)
{
	const char *list = NULL;
	uint64_t stripes = 0;

	*why = bad_figure;
	segment->type = find_string(node, "type");
	if (!segment->type || !find_number(node, "start_extent", &segment->start_extent) ||
	    !find_number(node, "extent_count", &segment->extents))
		return -EBADMSG;
	if (find_value(node, "region_size") && !find_number(node, "region_size", &segment->region_sectors))
		return -EBADMSG;
	segment->kind = VG_SEGMENT_OTHER;
	if (is_type(segment->type, "striped") || is_type(segment->type, "linear")) {
		if (find_number(node, "stripe_count", &stripes) && stripes == 1) {
			segment->kind = VG_SEGMENT_LINEAR;
			list = "stripes";
		}
	} else if (is_type(segment->type, "raid1")) {
		segment->kind = VG_SEGMENT_RAID1;
		list = "raids";
	} else if (is_type(segment->type, "mirror")) {
		segment->kind = VG_SEGMENT_MIRROR;
		segment->log = find_string(node, "mirror_log");
		list = "mirrors";
	}
	return list ? read_areas(segment, find_value(node, list), segment->kind != VG_SEGMENT_RAID1, why) : 0;
}

static int read_lv(struct vg_lv *lv, const struct dm_config_node *section, const char **why)
{
	lv->name = section->key;
	lv->uuid = find_uuid(section);
	*why = bad_name;
	if (!vg_is_name(lv->name) || !lv->uuid)
		return -EBADMSG;
	lv->is_pvmove = has_flag(section, "status", "PVMOVE");
	lv->is_autoactivated = !has_flag(section, "flags", "NOAUTOACTIVATE");
	lv->segment = calloc(count_sections(section) + 1, sizeof(*lv->segment));
	if (!lv->segment)
		return -ENOMEM;
	for (const struct dm_config_node *node = section->child; node; node = node->sib) {
		int error;

		if (node->v)
			continue;
		error = read_segment(&lv->segment[lv->segments++], node, why);
		if (error)
			return error;
	}
	qsort(lv->segment, lv->segments, sizeof(*lv->segment), compare_segments);
	return 0;
}

static int read_lvs(struct vg *vg, const struct dm_config_node *section, const char **why)
{
	vg->lv = calloc(count_sections(section) + 1, sizeof(*vg->lv));
	if (!vg->lv)
		return -ENOMEM;
	for (const struct dm_config_node *node = section ? section->child : NULL; node; node = node->sib) {
		int error;

		if (node->v)
			continue;
		error = read_lv(&vg->lv[vg->lvs++], node, why);
		if (error)
			return error;
	}
	qsort(vg->lv, vg->lvs, sizeof(*vg->lv), compare_lvs);
	return 0;
}

static void mark_part(struct vg *vg, const char *name)
{
	/* Where both have the name, LVM takes it for the PV's. */
	struct vg_lv *lv = name && !vg_pv_by_key(vg, name) ? (struct vg_lv *)vg_lv_by_name(vg, name) : NULL;

	if (lv)
		lv->is_part = true;
}

/* The images and logs of mirrors can be mirrors themselves: a mirrored log, an image being converted. */
static void mark_parts(struct vg *vg)
{
	for (size_t i = 0; i < vg->lvs; i++)
		for (size_t s = 0; s < vg->lv[i].segments; s++) {
			const struct vg_segment *segment = &vg->lv[i].segment[s];

			mark_part(vg, segment->log);
			for (size_t a = 0; a < segment->areas; a++)
				mark_part(vg, segment->area[a].name);
		}
}

static int read_tree(struct vg *vg, const struct dm_config_node *root, const char **why)
{
	const struct dm_config_node *section = root, *pvs;
	uint64_t extent_sectors;
	int error;

	while (section && section->v)
		section = section->sib;
	*why = "there is no volume group in it";
	if (!section)
		return -EBADMSG;
	vg->name = section->key;
	vg->uuid = find_uuid(section);
	vg->is_autoactivated = !has_flag(section, "flags", "NOAUTOACTIVATE");
	*why = bad_name;
	if (!vg_is_name(vg->name) || !vg->uuid)
		return -EBADMSG;
	*why = bad_figure;
	if (!find_number(section, "seqno", &vg->seqno) || !find_number(section, "extent_size", &extent_sectors) ||
	    !extent_sectors || __builtin_mul_overflow(extent_sectors, 512, &vg->extent_bytes))
		return -EBADMSG;
	pvs = find_section(section, "physical_volumes");
	*why = "it lists no physical volumes";
	if (!pvs)
		return -EBADMSG;
	error = read_pvs(vg, pvs, why);
	if (!error)
		error = read_lvs(vg, find_section(section, "logical_volumes"), why);
	if (!error)
		mark_parts(vg);
	return error;
}

int vg_parse(const char *text, size_t length, struct vg **vg, const char **why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct dm_config_tree *tree = NULL;
	struct vg *new = NULL;
	char *ended = NULL;
	int error = -EBADMSG;

	*vg = NULL;
	/* LVM counts the NUL that ends the text as part of it. */
	while (length && !text[length - 1])
		length--;
	*why = vg_scan(text, length);
	if (*why)
		return error;
	pthread_once(&once, silence_libdevmapper);
	error = -ENOMEM;
	ended = malloc(length + 1);
	new = calloc(1, sizeof(*new));
	tree = dm_config_create();
	if (!ended || !new || !tree)
		goto out;
	memcpy(ended, text, length);
	ended[length] = '\0';
	new->tree = tree;
	error = -EBADMSG;
	*why = "its grammar is broken";
	if (!dm_config_parse_without_dup_node_check(tree, ended, ended + length) || !tree->root)
		goto out;
	error = read_tree(new, tree->root, why);
out:
	free(ended);
	if (!error) {
		*vg = new;
		return 0;
	}
	if (new &&new->tree)
		vg_free(new);
	else {
		free(new);
		if (tree)
			dm_config_destroy(tree);
	}
	return error;
}

void vg_free(struct vg *vg)
{
	if (!vg)
		return;
	for (size_t i = 0; i < vg->lvs; i++) {
		for (size_t s = 0; s < vg->lv[i].segments; s++)
			free(vg->lv[i].segment[s].area);
		free(vg->lv[i].segment);
	}
	free(vg->lv);
	free(vg->pv);
	dm_config_destroy(vg->tree);
	free(vg);
}

const struct vg_lv *vg_lv_by_name(const struct vg *vg, const char *name)
{
	struct vg_lv key = { .name = name };

	return vg->lvs ? bsearch(&key, vg->lv, vg->lvs, sizeof(*vg->lv), compare_lvs) : NULL;
}

const struct vg_pv *vg_pv_by_key(const struct vg *vg, const char *key)
{
	struct vg_pv wanted = { .key = key };

	return vg->pvs ? bsearch(&wanted, vg->pv, vg->pvs, sizeof(*vg->pv), compare_pvs) : NULL;
}
