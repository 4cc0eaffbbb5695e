/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verdict/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

static const struct reason_row rows[REASON_COUNT] = {
#define REASON(symbol, id, exit, meaning, next) [REASON_##symbol] = { id, exit, meaning, next },
#include "verdict/reason.def"
#undef REASON
};

const struct reason_row *reason_row(enum reason_id id)
{
	return &rows[id];
}

const struct reason_row *reason_find(const char *id)
{
	for (size_t i = 0; i < REASON_COUNT; i++)
		if (!strcmp(rows[i].id, id))
			return &rows[i];
	return NULL;
}

void reason_add(struct reasons *list, enum reason_id id, int copy, const char *format, ...)
{
	struct reason *reason;
	va_list args;

	if (list->count < REASONS_MAX)
		list->count++;
	reason = &list->item[list->count - 1];
	reason->id = id;
	reason->copy = copy;
	va_start(args, format);
	vsnprintf(reason->text, sizeof(reason->text), format, args);
	va_end(args);
}
