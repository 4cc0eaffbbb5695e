/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A metadata text. The leg is looked for on each of its PVs in turn. */
#include <stdint.h>
#include <stdlib.h>

#include "locate/vg.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *why = NULL;
	struct vg *vg = NULL;

	if (vg_parse((const char *)bytes, length, &vg, &why))
		return 0;
	for (size_t i = 0; i < vg->pvs && i < 4; i++) {
		struct lvm_evidence evidence = { .seqno = 0 };
		enum vg_result result;
		struct vg_leg leg;
		uint64_t sum = 0;

		if (!vg_find_leg(vg, vg->pv[i].uuid, NULL, &result, &evidence, &leg)) {
			for (size_t n = 0; n < leg.images; n++)
				sum += leg.image[n].length;
			if (result == VG_FOUND ? sum != evidence.leg_bytes || !leg.images : !leg.text[0])
				abort();
		}
		vg_leg_free(&leg);
	}
	vg_free(vg);
	return 0;
}
