/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fence step on an array and a shared volume in memory: who loses what, and when nobody does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "evidence/evidence.h"
#include "evidence/record.h"
#include "path/probe.h"
#include "path/slot.h"
#include "promote/takeover.h"
#include "rebuild/mark.h"

/* Controller b takes over from a. */
static const char vg_uuid[] = "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg";

static struct {
	uint64_t holder;    /* 0: nobody */
	uint64_t own, peer; /* the keys that are registered; 0: none */
	bool is_absent;     /* it knows no reservations */
	bool is_fleeting;
	unsigned changes;
	void (*at_register)(void);
	void (*at_read)(void); /* what else happens then */
} array;

static uint8_t memory[RECORD_AREA_BYTES] __attribute__((aligned(4096)));
static struct svc_conf conf;
static struct promote_options options;
static struct promote_result result;
static struct takeover t;

static int array_read(void *context, struct reservation *reservation, struct svc_error *error)
{
	(void)context;
	memset(reservation, 0, sizeof(*reservation));
	if (array.is_absent)
		return error_set(error, -EOPNOTSUPP, "it knows none");
	if (array.own)
		reservation->key[reservation->keys++] = array.own;
	if (array.peer)
		reservation->key[reservation->keys++] = array.peer;
	reservation->holder = array.holder;
	reservation->is_reserved = reservation->is_registrants_only = array.holder;
	if (array.at_read)
		array.at_read();
	return 0;
}

static int array_register(void *context, uint64_t key, struct svc_error *error)
{
	(void)context;
	(void)error;
	assert_true(fence_is_key_of(key, t.own));
	array.changes++;
	array.own = key;
	if (array.at_register)
		array.at_register();
	return array.is_fleeting;
}

static int array_renew(void *context, uint64_t key, uint64_t fresh, struct svc_error *error)
{
	(void)context;
	assert_true(fence_is_key_of(fresh, t.own) && fresh != key);
	if (!key || array.own != key)
		return error_set(error, -EBUSY, "conflict");
	array.changes++;
	if (array.holder == key)
		array.holder = fresh;
	array.own = fresh;
	return array.is_fleeting;
}

static int array_reserve(void *context, uint64_t key, struct svc_error *error)
{
	(void)context;
	if (array.own != key || (array.holder && array.holder != key))
		return error_set(error, -EBUSY, "conflict");
	array.changes++;
	array.holder = key;
	return 0;
}

static int array_preempt(void *context, uint64_t key, uint64_t other, struct svc_error *error)
{
	(void)context;
	if (array.own != key || !other || array.peer != other)
		return error_set(error, -EBUSY, "conflict");
	array.changes++;
	array.peer = 0;
	if (array.holder == other)
		array.holder = key;
	return 0;
}

static int array_release(void *context, uint64_t key, struct svc_error *error)
{
	(void)context;
	if (array.own != key)
		return error_set(error, -EBUSY, "conflict");
	array.changes++;
	array.own = 0;
	if (array.holder == key)
		array.holder = 0;
	return 0;
}

/* The export to the other controller. */
static struct {
	bool is_on, is_stuck;
	unsigned stops, starts;
	void (*at_stop)(void); /* what else happens then */
} server;

static int server_find(void)
{
	return server.is_on;
}

static int server_stop(struct takeover *unused, struct svc_error *error)
{
	(void)unused;
	server.stops++;
	if (server.is_stuck)
		return error_set(error, -ETIMEDOUT, "it does not end");
	server.is_on = false;
	if (server.at_stop)
		server.at_stop();
	return 0;
}

static int server_start(struct takeover *unused, struct svc_error *error)
{
	(void)unused;
	(void)error;
	server.starts++;
	server.is_on = true;
	return 0;
}

static const struct served_ops served = { server_find, server_stop, server_start };

static const struct fence_ops ops = { array_read,    array_register, array_renew,
	                              array_reserve, array_preempt,  array_release };

static void store_record(char owner, bool is_open, uint64_t epoch)
{
	struct record record = { .owner = owner, .is_open = is_open, .epoch = epoch, .pv_uuid = "pv" };

	assert_int_equal(record_store(t.survey.access[0].record, &record), 0);
}

static void beat(uint64_t sequence)
{
	struct probe_slot slot = { .controller = 'a', .sequence = sequence, .time = 1000 };

	probe_slot_format(&slot, memory + probe_slot_offset('a'));
}

/* The other one had it open and is gone, and its reservation is still there. */
static int setup(void **state)
{
	struct copy *copy = &t.survey.copy[0];

	(void)state;
	memset(memory, 0, sizeof(memory));
	memset(&t, 0, sizeof(t));
	memset(&result, 0, sizeof(result));
	memset(&array, 0, sizeof(array));
	memset(&server, 0, sizeof(server));
	conf = (struct svc_conf){ .paths_interval_ms = 10, .paths_timeout_seconds = 1 };
	options = (struct promote_options){ .conf = &conf, .controller = 'b', .is_dry_run = true };
	t.options = &options;
	t.result = &result;
	t.ops = &ops;
	t.served = &served;
	t.deadline_ms = path_now_ms() + 60000;
	strcpy(t.direct, "/dev/direct");
	t.own = fence_key('b', vg_uuid, FENCE_ANY_NUMBER);
	t.peer = fence_key('a', vg_uuid, FENCE_ANY_NUMBER);
	array.holder = array.peer = t.peer | 7;
	t.survey.copies = 1;
	strcpy(copy->name, "shared");
	strcpy(copy->group, "shared");
	strcpy(copy->evidence.lvm.pv_uuid, "pv");
	assert_int_equal(dev_open_memory(memory, sizeof(memory), false, &t.survey.access[0].record), 0);
	store_record('a', true, 1);
	evidence_read_record(copy, 0, &t.survey.access[0]);
	copy->condition = COPY_USABLE;
	assert_int_equal(copy->evidence.record.record.owner, 'a');
	shut_out_begin(&t);
	assert_true(t.seen.holder == array.holder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dev_close(t.survey.access[0].record);
	return 0;
}

static int shut(void)
{
	struct svc_error error = { .text = "" };
	int code = shut_out(&t, 5000, &error);

	assert_int_equal(result.exit, code ? SVC_EXIT_REFUSED : SVC_EXIT_DONE);
	assert_int_equal(t.is_fenced, !code);
	return code;
}

static void test_crashed(void **state)
{
	(void)state;
	beat(5);
	assert_int_equal(shut(), 0);
	assert_int_equal(result.proof, PROOF_RESERVATION);
	assert_true(array.holder == array.own && fence_is_key_of(array.own, t.own) && array.own != t.own);
	assert_true(t.key == array.own);
	assert_true(array.peer == 0);
	assert_int_equal(t.facts.beats, MOTION_STILL);
	assert_true(t.has_taken);
}

static enum reason_id reason_of(size_t i)
{
	assert_true(i < result.reasons.count);
	return result.reasons.item[i].id;
}

static void claim_meanwhile(void)
{
	array.at_read = NULL;
	store_record('a', true, 2);
}

/* What moves while it is watched is at work: nothing is taken from it. A word does not help. */
static void beat_on(int unused)
{
	static uint64_t sequence = 6;

	(void)unused;
	beat(sequence++);
}

static void test_alive(void **state)
{
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { 0 };

	(void)state;
	beat(5);
	server.is_on = true;
	options.is_peer_fenced = true;
	signal(SIGALRM, beat_on);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_int_equal(shut(), -EPERM);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(t.facts.beats, MOTION_MOVING);
	assert_int_equal(array.changes, 0);
	assert_true(array.holder == array.peer);
	/* Nor is its path by this controller cut: it may be the last one. */
	assert_int_equal(server.stops, 0);
	assert_int_equal(reason_of(0), REASON_PEER_ALIVE);
	assert_int_equal(result.reasons.count, 1);
}

static void last_beat(void)
{
	beat(6);
}

/* What still came by the export before it ended was a sign of life: refused, and served again. */
static void test_alive_at_the_cut(void **state)
{
	(void)state;
	beat(5);
	server.is_on = true;
	server.at_stop = last_beat;
	assert_int_equal(shut(), -EPERM);
	assert_int_equal(t.facts.beats, MOTION_MOVING);
	assert_int_equal(array.changes, 0);
	assert_true(t.has_cut);
	served_again(&t);
	assert_true(server.is_on);
	served_again(&t); /* once */
	assert_int_equal(server.starts, 1);
	t.has_cut = true;
	t.deadline_ms = 1; /* not where the call has to end */
	served_again(&t);
	assert_int_equal(server.starts, 1);
}

/* One that was not served to is not served to afterwards either. */
static void test_not_served(void **state)
{
	(void)state;
	array.at_read = claim_meanwhile;
	assert_int_equal(shut(), -EPERM);
	assert_int_equal(server.stops, 1);
	assert_false(t.has_cut);
	served_again(&t);
	assert_int_equal(server.starts, 0);
}

/* That it is missing is said, but for where it is to be. */
static void test_not_served_any_more(void **state)
{
	struct record *record = &t.survey.copy[0].evidence.record.record;

	(void)state;
	served_look(&t); /* nor is it to be served */
	strcpy(conf.export_address, "10.9.0.1");
	server.is_on = true;
	served_look(&t);
	server.is_on = false;
	*record = (struct record){ .owner = 'b', .epoch = 2, .is_after_crash = true, .pv_uuid = "pv" };
	served_look(&t);
	assert_int_equal(result.reasons.count, 0);
	record->is_after_crash = false;
	served_look(&t);
	assert_int_equal(reason_of(0), REASON_NOT_SERVED);
	conf.export_address[0] = '\0';
}

/* One that closed the mirror may well live, and is not watched. */
static void test_handed_over(void **state)
{
	(void)state;
	beat(5);
	t.survey.copy[0].evidence.record.record.is_open = false;
	store_record('a', false, 1);
	memset(&t.survey.copy[0].evidence.record, 0, sizeof(struct record_evidence));
	evidence_read_record(&t.survey.copy[0], 0, &t.survey.access[0]);
	array.holder = array.peer = 0;
	assert_int_equal(shut(), 0);
	assert_int_equal(t.facts.beats, MOTION_UNWATCHED);
	assert_true(array.holder == t.key);
}

/* Both at once: the other one got it, and claims the mirror between this one's survey and its look. */
static void test_claimed_meanwhile(void **state)
{
	(void)state;
	array.at_read = claim_meanwhile;
	assert_int_equal(shut(), -EPERM);
	assert_int_equal(array.changes, 0);
	assert_int_equal(t.facts.hold, HOLD_LOST);
}

/* Later still: its hold looks as the old one did, and its claim tells. The key that came for nothing goes again. */
static void test_claimed_at_last(void **state)
{
	(void)state;
	array.at_register = claim_meanwhile;
	assert_int_equal(shut(), -EPERM);
	assert_int_equal(t.facts.hold, HOLD_LOST);
	assert_true(array.peer && array.holder == array.peer);
	assert_true(array.own == 0);
}

static void test_still_served(void **state)
{
	(void)state;
	server.is_on = server.is_stuck = true;
	assert_int_equal(shut(), -EPERM);
	assert_int_equal(reason_of(0), REASON_NOT_FENCED);
	assert_int_equal(array.changes, 0);
	assert_false(t.has_cut);
}

static void test_no_array(void **state)
{
	(void)state;
	array.is_absent = true;
	assert_int_equal(shut(), -EPERM);
	result.exit = SVC_EXIT_DONE;
	options.is_peer_fenced = true;
	assert_int_equal(shut(), 0);
	assert_int_equal(result.proof, PROOF_TOLD);
}

static void test_hook(void **state)
{
	(void)state;
	array.is_absent = true;
	strcpy(conf.promote_fence_hook, "/bin/false");
	assert_int_equal(shut(), -EPERM);
	result.exit = SVC_EXIT_DONE;
	strcpy(conf.promote_fence_hook, "/bin/true");
	assert_int_equal(shut(), 0);
	assert_int_equal(result.proof, PROOF_HOOK);
	/* Where the array does it the other one may live on. */
	t.is_fenced = array.is_absent = false;
	strcpy(conf.promote_fence_hook, "/bin/false");
	assert_int_equal(shut(), 0);
	assert_int_equal(result.proof, PROOF_RESERVATION);
}

static void test_confirm_and_release(void **state)
{
	struct svc_error error;

	(void)state;
	assert_int_equal(shut(), 0);
	assert_int_equal(shut_out_confirm(&t, &error), 1);
	array.peer = t.peer | 8; /* the standby serves */
	assert_int_equal(shut_out_confirm(&t, &error), 1);
	array.holder = array.peer;
	array.own = 0;
	assert_int_equal(shut_out_confirm(&t, &error), 0);
	array.changes = 0;
	assert_int_equal(shut_out_release(&t, &error), 0); /* it has none to give up */
	assert_int_equal(array.changes, 0);
	array.holder = array.own = t.own | 3;
	assert_int_equal(shut_out_confirm(&t, &error), 0); /* nor is it what this call got */
	assert_int_equal(shut_out_release(&t, &error), 0);
	assert_true(array.own == 0);
	assert_true(array.holder == 0);
}

/* Once it is claimed its key is another one; what was taken away meanwhile is not to be renewed. */
static void test_renew(void **state)
{
	struct svc_error error;
	uint64_t was;

	(void)state;
	assert_int_equal(shut(), 0);
	was = t.key;
	assert_int_equal(shut_out_renew(&t, &error), 1);
	assert_true(t.key != was && t.key == array.own && t.key == array.holder);
	assert_int_equal(shut_out_confirm(&t, &error), 1);
	array.holder = array.peer = t.peer | 8;
	array.own = 0;
	assert_int_equal(shut_out_renew(&t, &error), 0);
	assert_true(array.own == 0);
	/* Where another thing was proof the array is asked and left as it is. */
	array.changes = 0;
	array.holder = array.peer = t.key = 0;
	result.proof = PROOF_TOLD;
	assert_int_equal(shut_out_renew(&t, &error), 1);
	assert_int_equal(array.changes, 0);
}

static void take_over_again(void)
{
	array.at_read = NULL;
	array.peer = array.holder = t.peer | 8;
}

/* The other one takes the mirror over again while this call watches, and is about to claim it. */
static void test_taken_meanwhile(void **state)
{
	(void)state;
	array.peer = array.holder = t.peer | 8;
	assert_int_equal(shut(), -EPERM);
	assert_int_equal(t.facts.hold, HOLD_LOST);
	assert_int_equal(array.changes, 0);
	/* Or a moment later: then the key tells, which is no longer there. */
	result.exit = SVC_EXIT_DONE;
	array.peer = array.holder = t.seen.holder;
	array.at_register = take_over_again;
	assert_int_equal(shut(), -EPERM);
	assert_true(array.holder == array.peer);
	assert_true(array.own == 0);
}

/* A standby that serves has its key on purpose: the other one writes under it. */
static void test_standby_keeps_key(void **state)
{
	struct svc_error error;

	(void)state;
	array.own = t.own | 3;
	assert_int_equal(shut_out_release(&t, &error), 0);
	assert_true(array.own != 0);
	array.holder = 0; /* at work without a reservation */
	assert_int_equal(shut_out_release(&t, &error), 0);
	assert_true(array.own != 0);
	t.survey.copy[0].evidence.record.record.is_open = false;
	assert_int_equal(shut_out_release(&t, &error), 0);
	assert_true(array.own == 0);
}

/* That it was stopped is no proof later on. */
static void test_served_meanwhile(void **state)
{
	struct svc_error error;

	(void)state;
	server.is_on = true; /* by somebody's own choice, on a primary */
	assert_int_equal(shut_out_check_served(&t, &error), 0);
	assert_int_equal(shut(), 0);
	assert_int_equal(shut_out_check_served(&t, &error), 0);
	server.is_on = true;
	assert_int_equal(shut_out_check_served(&t, &error), -EPERM);
	assert_int_equal(result.exit, SVC_EXIT_REFUSED);
}

/* Nothing is begun for which there is no time, and what it takes is said. */
static void test_no_time(void **state)
{
	struct svc_error error = { .text = "" };
	uint64_t began_ms = path_now_ms();

	(void)state;
	beat(5);
	server.is_on = true;
	conf.paths_timeout_seconds = 30;
	assert_int_equal(shut_out(&t, 5000, &error), -EPERM);
	assert_in_range(path_now_ms() - began_ms, 0, 1000);
	assert_non_null(strstr(error.text, "takes 31 s"));
	assert_int_equal(server.stops, 0);
	assert_int_equal(array.changes, 0);
}

static void test_fleeting(void **state)
{
	(void)state;
	array.is_fleeting = true;
	assert_int_equal(shut(), 0);
	assert_int_equal(result.proof, PROOF_RESERVATION);
	assert_int_equal(reason_of(0), REASON_NOT_LASTING);
}

/* What is active here may have been taken over: the array says so before the kernel finds out. */
static void test_has_lost(void **state)
{
	(void)state;
	assert_true(shut_out_has_lost(&t));
	assert_int_equal(result.reasons.count, 0);
	array.holder = array.own = t.own | 3;
	assert_false(shut_out_has_lost(&t));
	array.peer = 0;
	assert_false(shut_out_has_lost(&t));
	assert_int_equal(result.reasons.count, 0);
	array.holder = 0;
	assert_false(shut_out_has_lost(&t));
	assert_int_equal(reason_of(0), REASON_NOT_RESERVED);
	array.is_absent = true;
	assert_false(shut_out_has_lost(&t));
	assert_int_equal(result.reasons.count, 1);
}

/* One that was shut out and never closed the mirror may hang: the reservation outlives the hand-over, or somebody's word. */
static void test_hung_stays_out(void **state)
{
	struct record *record = &t.survey.copy[0].evidence.record.record;
	struct svc_error error;

	(void)state;
	*record = (struct record){ .owner = 'b', .epoch = 2, .is_after_crash = true, .pv_uuid = "pv" };
	array.holder = array.own = t.own | 3;
	array.peer = 0;
	assert_int_equal(shut_out_release(&t, &error), 0);
	assert_int_equal(array.changes, 0);
	assert_int_equal(reason_of(0), REASON_KEPT_OUT);
	options.is_peer_fenced = true;
	assert_int_equal(shut_out_release(&t, &error), 0);
	assert_true(array.holder == 0);
	/* The same where it has become a standby. */
	options.is_peer_fenced = false;
	array.holder = array.own = t.own | 3;
	array.peer = t.peer | 7;
	assert_int_equal(shut_out_release(&t, &error), 0);
	assert_true(array.holder == 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_crashed),
		TEST(test_alive),
		TEST(test_alive_at_the_cut),
		TEST(test_not_served),
		TEST(test_not_served_any_more),
		TEST(test_handed_over),
		TEST(test_claimed_meanwhile),
		TEST(test_claimed_at_last),
		TEST(test_still_served),
		TEST(test_no_array),
		TEST(test_hook),
		TEST(test_confirm_and_release),
		TEST(test_renew),
		TEST(test_taken_meanwhile),
		TEST(test_standby_keeps_key),
		TEST(test_hung_stays_out),
		TEST(test_has_lost),
		TEST(test_fleeting),
		TEST(test_no_time),
		TEST(test_served_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
