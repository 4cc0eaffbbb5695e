/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device that fails and lies as planned: what it must do for the tests that stand on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dev/backend.h"
#include "dev/fault.h"

enum { BYTES = 4096 };

static uint8_t medium[BYTES], buffer[BYTES], data[BYTES];
static struct dev *base, *dev;

static void open_fault(const struct fault_plan *plan)
{
	memset(medium, 0, sizeof(medium));
	memset(data, 7, sizeof(data));
	assert_int_equal(dev_open_memory(medium, sizeof(medium), false, &base), 0);
	assert_int_equal(dev_open_fault(base, plan, &dev), 0);
}

static void close_fault(void)
{
	dev_close(dev);
	dev_close(base);
}

static void test_lasting(void **state)
{
	struct fault_plan plan = { 0 };

	(void)state;
	plan.fail[FAULT_WRITE].nth = 2;
	plan.fail[FAULT_WRITE].code = -ENOSPC;
	plan.fail[FAULT_WRITE].is_lasting = true;
	open_fault(&plan);
	assert_int_equal(dev_write(dev, data, 512, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(dev_write(dev, data, 512, 512), -ENOSPC);
	assert_int_equal(medium[0], 7);
	assert_int_equal(medium[512], 0);
	assert_int_equal(dev_read(dev, buffer, 512, 0), 0);
	assert_int_equal(fault_counted(dev).failed, 3);
	close_fault();
}

/* Reads show what was lost, also with what came after it; the medium's view does not. */
static void test_lost(void **state)
{
	struct fault_plan plan = { 0 };
	struct dev *view;

	(void)state;
	plan.fail[FAULT_WRITE].nth = 2;
	plan.fail[FAULT_WRITE].is_lost = true;
	open_fault(&plan);
	assert_int_equal(dev_write(dev, data, 512, 0), 0);
	assert_int_equal(dev_write(dev, data, 1024, 1024), 0);
	assert_int_equal(dev_flush(dev), 0);
	memset(data, 9, 512);
	assert_int_equal(dev_write(dev, data, 512, 1280), 0);
	assert_int_equal(dev_read(dev, buffer, BYTES, 0), 0);
	assert_true(buffer[0] == 7 && !buffer[1023] && buffer[1024] == 7 && buffer[1280] == 9 && buffer[1791] == 9 &&
	            buffer[1792] == 7 && buffer[2047] == 7 && !buffer[2048]);
	assert_int_equal(dev_open_uncached(dev, &view), 0);
	assert_int_equal(dev_read(view, buffer, BYTES, 0), 0);
	assert_memory_equal(buffer, medium, BYTES);
	assert_true(buffer[0] == 7 && !buffer[1024] && buffer[1280] == 9 && !buffer[1792]);
	assert_int_equal(dev_write(view, data, 512, 0), -EROFS);
	dev_close(view);
	dev_forget(dev);
	assert_int_equal(dev_read(dev, buffer, BYTES, 0), 0);
	assert_memory_equal(buffer, medium, BYTES);
	assert_int_equal(fault_counted(dev).failed, 1);
	close_fault();
}

/* A bad spot can be read again as far as it was written whole. */
static void test_mended(void **state)
{
	const struct fault_plan plan = { .bad = { 512 + 100, 512 }, .is_bad_mended = true };

	(void)state;
	open_fault(&plan);
	assert_int_equal(dev_read(dev, buffer, 512, 0), 0);
	assert_int_equal(dev_read(dev, buffer, 1, 612), -EIO);
	assert_int_equal(dev_write(dev, data, 500, 512), 0);
	assert_int_equal(dev_read(dev, buffer, 1, 612), -EIO);
	assert_int_equal(dev_write(dev, data, 512, 512), 0);
	assert_int_equal(dev_read(dev, buffer, 512, 512), 0);
	assert_int_equal(dev_read(dev, buffer, 512, 1024), -EIO);
	assert_int_equal(dev_write(dev, data, BYTES, 0), 0);
	assert_int_equal(dev_read(dev, buffer, BYTES, 0), 0);
	close_fault();
}

/* Around a bad sector everything else is read; an error that is no bad spot's ends it. */
static void test_rest(void **state)
{
	struct fault_plan plan = { .bad = { 1024, 1 } };
	size_t lost;

	(void)state;
	open_fault(&plan);
	memset(medium, 3, sizeof(medium));
	memset(buffer, 1, sizeof(buffer));
	assert_int_equal(dev_read_rest(dev, buffer, 2000, 700, &lost), 0);
	assert_int_equal(lost, 512);
	assert_true(buffer[0] == 3 && buffer[323] == 3 && !buffer[324] && !buffer[835] && buffer[836] == 3 &&
	            buffer[1999] == 3 && buffer[2000] == 1);
	assert_int_equal(dev_read_rest(dev, buffer, 100, 0, &lost), 0);
	assert_int_equal(lost, 0);
	close_fault();
	plan.fail[FAULT_READ].nth = 3;
	plan.fail[FAULT_READ].code = -ENOTCONN;
	open_fault(&plan);
	assert_int_equal(dev_read_rest(dev, buffer, 2000, 700, &lost), -ENOTCONN);
	close_fault();
}

/* A bad spot is one, whatever a disk's driver calls it; what is no bad spot keeps its name. */
static void test_names(void **state)
{
	static const int bad[] = { EIO, ENODATA, EILSEQ, EBADMSG }, other[] = { ENOSPC, EBADE, ENOTCONN, EROFS };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dev_failure(bad[i]), -EIO);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_equal(dev_failure(other[i]), -other[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lasting), cmocka_unit_test(test_lost),  cmocka_unit_test(test_mended),
		cmocka_unit_test(test_rest),    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
