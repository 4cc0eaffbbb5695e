/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The takeover's protocol: two controllers, their flashes and the shared volume through random histories of takeovers,
 * hand-overs, deaths, lost paths and returns, with the very code that fences, judges, decides, claims, notes and plans.
 * After every step: never two writers of shared; a controller at work keeps it, and a call that is refused changes nothing
 * for it; of two calls at the same time one at most ends well; no acknowledged write is overwritten, or left behind where a
 * copy that was read holds it; where one may be missing that is said; no verdict on any set of the copies calls two different
 * ones equal, or one older that holds what the other lacks.
 *
 * SVC_TEST_SCALE    percent of the histories; 100 (1,000,000), but 1 with AddressSanitizer
 * SVC_TEST_SEED     other histories
 * SVC_TEST_HISTORY  this one of them alone, told step by step
 */
#include "promote/protocol_program.h"
#include "verdict/history.h"

enum { HISTORIES = 1000000, STEPS = 240, BROKEN_HISTORIES = 100000 };

#ifdef __SANITIZE_ADDRESS__
enum { SCALE = 1 };
#else
enum { SCALE = 100 };
#endif

/* Every set of copies, by the evidence alone and with the content. */
static void check_verdicts(struct play *play)
{
	static struct view v;
	struct world *w = &play->world;

	for (unsigned given = 1; given <= ALL_LEGS && !w->failure; given++)
		for (int is_compared = 0; is_compared < 2; is_compared++) {
			const struct leg *first, *right;

			look(w, -1, given, is_compared, &v);
			play->tally.judgements++;
			play->tally.undecided += v.verdict.exit == SVC_EXIT_OPERATOR;
			play->tally.splits += v.verdict.kind == VERDICT_SPLIT_BRAIN;
			first = &w->leg[v.leg[0]];
			right = v.verdict.authority < 0 ? NULL : &w->leg[v.leg[v.verdict.authority]];
			for (int i = 0; i < v.copies; i++) {
				const struct leg *other = &w->leg[v.leg[i]];

				if (v.verdict.kind == VERDICT_IN_SYNC &&
				    ((first->writes ^ other->writes) & (is_compared ? UINT64_MAX : relevant(w))))
					fail_world(w, "copies that differ are called equal");
				if (right && other->is_whole && other->writes & relevant(w) & ~right->writes)
					fail_world(w, "the wrong copy is called right");
			}
			if (right && !right->is_whole)
				fail_world(w, "an unfinished copy is called right");
			if (w->failure)
				tell(w, "legs %x, compared %d: %s, authority %d\n", given, is_compared,
				     verdict_name(v.verdict.kind), v.verdict.authority);
		}
}

/* svc-resync at rest, by the verdict or by a person: the others become the authority. */
static void resync(struct play *play, unsigned legs)
{
	static struct view v;
	struct world *w = &play->world;
	int from;
	bool is_forced;
	uint64_t members = 0, whole;

	look(w, -1, legs, true, &v);
	is_forced = v.verdict.exit == SVC_EXIT_OPERATOR;
	from = is_forced ? (int)pick(w, (unsigned)v.copies) : v.verdict.authority;
	if (v.copies < 2 || v.verdict.exit == SVC_EXIT_DONE || from < 0 || !w->leg[v.leg[from]].is_whole)
		return;
	tell(w, "svc-resync: legs %x from %d%s\n", legs, v.leg[from], is_forced ? ", forced" : "");
	for (int i = 0; i < v.copies; i++)
		members |= (uint64_t)1 << v.leg[i];
	whole = w->leg[v.leg[from]].writes;
	for (int i = 0; i < v.copies; i++) {
		struct leg *leg = &w->leg[v.leg[i]];

		if (is_forced)
			w->given_up |= leg->writes & ~whole;
		else if (leg->writes & relevant(w) & ~whole && leg->is_whole)
			fail_world(w, "svc-resync overwrites an acknowledged write");
	}
	play->tally.written_off += is_forced;
	for (int i = 0; i < v.copies; i++) {
		struct leg *leg = &w->leg[v.leg[i]], *right = &w->leg[v.leg[from]];
		struct record record = leg->record;

		leg->version++;
		if (i == from) {
			leg->failed = (is_forced ? ALL_LEGS : leg->failed) & ~members;
			if (leg->has_record && (is_forced || history_is_beyond(&v.copy[i])))
				mark_beyond(&leg->record, w->now);
			if (leg->has_record)
				mark_shared(&leg->record, members, w->now);
			continue;
		}
		mark_rebuilding(&record, &v.copy[i], v.copy[i].evidence.lvm.pv_uuid, &v.copy[from], REBUILD_CONTENT, 0,
		                0, w->now);
		mark_whole(&record, &v.copy[from], members & ~((uint64_t)1 << v.leg[from]), w->now);
		if (is_forced)
			mark_beyond(&record, w->now);
		leg->events = right->events;
		leg->writes = right->writes;
		leg->regions = right->regions;
		leg->mounted = right->mounted;
		leg->is_whole = leg->has_record = true;
		leg->record = record;
	}
	for (int i = 0; i < v.copies; i++)
		w->leg[v.leg[i]].failed = w->leg[v.leg[from]].failed;
}

/* Nobody may come back while somebody relies on its being stopped: who fences by power keeps it so. */
static bool may_start(const struct play *play, int self)
{
	const struct program *p = &play->program[!self][MAIN];

	return !(p->stage >= PROVE && p->stage <= TELL && p->facts.hold != HOLD_MINE);
}

/* Nor is a monitor still about to note what it read of a mirror that was active: svc-resync takes longer than that. */
static bool is_at_rest(const struct play *play)
{
	for (int i = 0; i < CONTROLLERS; i++)
		if (play->world.controller[i].mirror.is_active || play->program[i][MAIN].stage != IDLE ||
		    play->program[i][MONITOR].stage == LEGS_WRITE)
			return false;
	return true;
}

static void start(struct play *play, int self, int which, enum stage stage)
{
	struct program *p = &play->program[self][which];

	if (p->stage != IDLE)
		return;
	p->stage = stage;
	p->from = -1;
	p->has_cut = p->is_serving = p->is_stopped = false;
	p->is_compared = pick(&play->world, 4) != 0;
	if (stage == BEGIN && !pick(&play->world, 20))
		p->from = pick(&play->world, 2) ? SHARED : self;
	tell(&play->world, "%c: begins %d\n", letter[self], stage);
}

static void start_export(struct play *play, int self)
{
	struct world *w = &play->world;
	struct controller *c = &w->controller[self];
	struct way way = { w, self };
	const struct record *record = &w->leg[SHARED].record;
	struct reservation reservation;
	struct svc_error error;

	/* Nor while the record calls this one primary: whoever it was shut out may still be at work. */
	if (c->mirror.is_active || !c->has_direct || play->program[self][MAIN].stage != IDLE ||
	    (record->owner == letter[self] && record->is_open))
		return;
	/* Or hang. */
	if (record->owner == letter[self] && record->is_after_crash && !array_read(&way, &reservation, &error) &&
	    fence_is_shutting_out(&reservation, any_key(self), any_key(!self), PEER_SHUT_OUT) &&
	    play->broken != BROKEN_SERVED)
		return;
	/* The other one's writes come under this one's key; without one they would be refused. */
	if (w->has_reservations && w->holder == !self)
		array_renew(&way, 0, draw_key(w, self), &error);
	c->is_exporting = true;
	tell(w, "%c: exports\n", letter[self]);
}

static void change_surroundings(struct play *play, int self)
{
	struct world *w = &play->world;
	struct controller *c = &w->controller[self];

	switch (pick(w, 9)) {
	case 8:
		play->program[self][MAIN].is_stopped = play->program[self][MAIN].stage != IDLE;
		tell(w, "%c: the call is stopped\n", letter[self]);
		break;
	case 7:
		c->is_hung = c->is_up;
		tell(w, "%c: hangs\n", letter[self]);
		break;
	case 0:
		if (c->is_up)
			kill_controller(play, self);
		break;
	case 1:
		if (!c->is_up && may_start(play, self)) {
			c->is_up = true;
			tell(w, "%c: is back\n", letter[self]);
		}
		break;
	case 2:
	case 3:
		c->has_direct = !c->has_direct;
		tell(w, "%c: direct path %s\n", letter[self], c->has_direct ? "back" : "lost");
		break;
	case 4:
		kill_call(play, self);
		break;
	case 5:
		w->has_link = !w->has_link;
		tell(w, "link %d\n", w->has_link);
		break;
	default:
		if (is_at_rest(play))
			resync(play, pick(w, 2) ? ALL_LEGS : 1 + pick(w, ALL_LEGS));
		break;
	}
}

static void use_mirror(struct play *play, int self)
{
	struct world *w = &play->world;
	struct mirror *mirror = &w->controller[self].mirror;

	switch (pick(w, 13)) {
	case 0:
		start(play, self, MAIN, pick(w, 4) ? UNMOUNT : BEGIN);
		break;
	case 1:
	case 2:
		start(play, self, MAIN, PLAN);
		break;
	case 3:
	case 4:
		start(play, self, MONITOR, LEGS_LOOK);
		break;
	case 5:
		if (mirror->is_superblock_due)
			write_superblocks(w, self);
		break;
	default:
		if (!write_something(w, self, !pick(w, 12)))
			kill_controller(play, self);
		break;
	}
}

/* A monitor looks for the other one's export, and a controller that hangs does nothing. */
static bool is_awake(struct play *play, int self)
{
	struct world *w = &play->world;
	struct controller *c = &w->controller[self];

	if (c->is_hung && !pick(w, 40)) {
		c->is_hung = false;
		tell(w, "%c: wakes up\n", letter[self]);
	}
	if (c->is_hung)
		return false;
	if (!c->is_connected && w->controller[!self].is_exporting && pick(w, 2)) {
		c->is_connected = true;
		tell(w, "%c: connects to the export\n", letter[self]);
	}
	return true;
}

/* A call that was stopped goes on some time, wherever it was; the controller does its work meanwhile. */
static bool is_running(struct play *play, int self, struct program *p)
{
	if (p->is_stopped && !pick(&play->world, 8)) {
		p->is_stopped = false;
		tell(&play->world, "%c: the call goes on\n", letter[self]);
	}
	return !p->is_stopped;
}

static void step(struct play *play)
{
	struct world *w = &play->world;
	int self = (int)pick(w, CONTROLLERS);
	struct controller *c = &w->controller[self];
	struct program *p = &play->program[self][pick(w, PROGRAMS)];
	unsigned what = pick(w, 32);

	w->now++;
	if (what < 1 || (!c->is_up && what < 4)) {
		change_surroundings(play, self);
	} else if (!c->is_up || !is_awake(play, self)) {
		return;
	} else if (!c->has_direct && what < 3) {
		c->has_direct = true;
		tell(w, "%c: direct path back\n", letter[self]);
	} else if (p->stage != IDLE && what < 20) {
		if (is_running(play, self, p))
			advance(play, self, p);
	} else if (c->mirror.is_active && play->program[self][MAIN].stage != UNMOUNT) {
		use_mirror(play, self);
	} else if (what < 22) {
		start_export(play, self);
	} else if (what < 26) {
		start(play, self, MAIN, BEGIN);
	} else if (what < 27 && !pick(w, 8)) {
		start(play, self, MAIN, UNMOUNT);
	} else {
		beat(w, self);
	}
}

static void begin(struct play *play, uint64_t random, enum broken broken)
{
	static const struct controller ready = { .is_up = true, .has_direct = true };
	struct world *w = &play->world;

	memset(play, 0, sizeof(*play));
	play->broken = broken;
	w->random = random;
	w->has_link = true;
	w->has_reservations = pick(w, 4) != 0;
	w->is_constant = broken == BROKEN_NUMBER;
	w->holder = w->claimant = -1;
	/* All three were equal once, and each has a record of that. */
	w->generations = 1;
	for (int i = 0; i < LEGS; i++) {
		struct leg *leg = &w->leg[i];

		*leg = (struct leg){ .events = 3, .is_whole = true, .has_record = true };
		snprintf(leg->record.pv_uuid, sizeof(leg->record.pv_uuid), "pv%d", i);
		leg->record.generation[0] = 1;
		leg->record.legs = ALL_LEGS;
		leg->record.owner = 'a';
	}
	w->controller[A] = w->controller[B] = ready;
}

static unsigned versions(const struct world *w)
{
	return w->leg[0].version + w->leg[1].version + w->leg[2].version;
}

/* One history; the number of the step that failed, or STEPS. */
static unsigned run(struct play *play)
{
	unsigned checked = 0;

	for (unsigned s = 0; s < STEPS; s++) {
		step(play);
		if (versions(&play->world) != checked && (!pick(&play->world, 4) || s == STEPS - 1)) {
			checked = versions(&play->world);
			check_verdicts(play);
		}
		if (play->world.failure)
			return s;
	}
	return STEPS;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t random_of(uint64_t seed, uint64_t history)
{
	uint64_t x = (seed << 32) + (history + 1) * 0x9E3779B97F4A7C15;

	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
	x = (x ^ x >> 27) * 0x94D049BB133111EB;
	return (x ^ x >> 31) | 1;
}

static void add_tally(struct tally *sum, const struct tally *one)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)one;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

static void test_histories(void **state)
{
	static struct play play;
	uint64_t seed = number_of("SVC_TEST_SEED", 1), only = number_of("SVC_TEST_HISTORY", UINT64_MAX);
	uint64_t histories = HISTORIES * number_of("SVC_TEST_SCALE", SCALE) / 100, first = 0;
	struct tally sum = { 0 };

	(void)state;
	if (only != UINT64_MAX) {
		first = only;
		histories = only + 1;
	}
	for (uint64_t h = first; h < histories; h++) {
		unsigned s;

		begin(&play, random_of(seed, h), BROKEN_NOTHING);
		play.world.is_told = only != UINT64_MAX;
		s = run(&play);
		add_tally(&sum, &play.tally);
		if (play.world.failure)
			fail_msg("SVC_TEST_SEED=%" PRIu64 " SVC_TEST_HISTORY=%" PRIu64 ": step %u: %s", seed, h, s,
			         play.world.failure);
	}
	print_message("%" PRIu64 " histories: %" PRIu64 " takeovers (%" PRIu64 " forced, %" PRIu64 " warned, %" PRIu64
	              " with writes missing), %" PRIu64 " refused, %" PRIu64 " hand-overs, %" PRIu64
	              " legs rebuilt, %" PRIu64 " notes of the monitor, %" PRIu64 " times a person chose\n",
	              histories - first, sum.takes, sum.forced, sum.warned, sum.lost, sum.refused, sum.handed_over,
	              sum.rebuilt, sum.noted, sum.written_off);
	print_message("%" PRIu64 " judgements, none wrong, %" PRIu64 " left to an operator, %" PRIu64 " splits named\n",
	              sum.judgements, sum.undecided, sum.splits);
	if (only == UINT64_MAX)
		assert_true(sum.takes && sum.forced && sum.lost && sum.handed_over && sum.rebuilt && sum.noted &&
		            sum.splits);
}

static const char *const broken_words[BROKEN_HUNG] = {
	[BROKEN_FENCE] = "a refusal of the array taken for a proof",
	[BROKEN_REREAD] = "keys not read again",
	[BROKEN_EXPORT] = "the export goes on",
	[BROKEN_CUT] = "the export stopped before the signs of life are watched",
	[BROKEN_ALIVE] = "the signs of life are not watched",
	[BROKEN_RELEASE] = "a standby gives up the key that it serves with",
	[BROKEN_CLAIM] = "no claim",
	[BROKEN_SHARED] = "the flash claimed before shared",
	[BROKEN_NEW] = "no new generation",
	[BROKEN_ANNOUNCED] = "a rebuild that is not announced",
	[BROKEN_UNSEEN] = "what was not read is not asked for",
	[BROKEN_CLOSED] = "a leg that was left behind is closed too",
	[BROKEN_MEMORY] = "what was not read is forgotten by a call that is killed",
	[BROKEN_NUMBER] = "the same key each time",
	[BROKEN_SEEN] = "the volume taken from who has it when it is looked at",
	[BROKEN_RENEWED] = "the key not renewed after the claim",
	[BROKEN_LAST] = "the key not renewed in the end",
};

/* What a hasty hand could leave out is noticed, each time: else the histories would show nothing. */
static void test_broken(void **state)
{
	static struct play play;

	(void)state;
	for (enum broken broken = BROKEN_NOTHING + 1; broken < BROKEN_HUNG; broken++) {
		uint64_t h = 0;

		do {
			begin(&play, random_of(1, h++), broken);
			run(&play);
		} while (!play.world.failure && h < BROKEN_HISTORIES);
		print_message("%s: %s, after %" PRIu64 " histories\n", broken_words[broken],
		              play.world.failure ? play.world.failure : "not noticed", h);
		assert_non_null(play.world.failure);
	}
}

static void do_all(struct play *play, int self, enum stage stage)
{
	struct program *p = &play->program[self][MAIN];

	*p = (struct program){ .stage = stage, .from = -1, .is_compared = true };
	for (int s = 0; s < STEPS && p->stage != IDLE; s++)
		advance(play, self, p);
	assert_int_equal(p->stage, IDLE);
}

/* One that hangs is shut out, and wakes up after the other one has handed over: its late write goes to its flash alone. */
static void hang(bool has_direct, enum broken broken, struct play *play)
{
	struct world *w = &play->world;

	begin(play, 1, broken);
	w->has_reservations = true;
	do_all(play, A, BEGIN);
	assert_true(w->controller[A].mirror.is_active);
	assert_true(write_something(w, A, false));
	start_export(play, B);
	w->controller[A].is_connected = true;
	w->controller[A].has_direct = has_direct;
	assert_true(write_something(w, A, false));
	w->controller[A].is_hung = true;
	do_all(play, B, BEGIN);
	assert_true(w->controller[B].mirror.is_active);
	assert_true(write_something(w, B, false));
	do_all(play, B, UNMOUNT);
	assert_false(w->controller[B].mirror.is_active);
	start_export(play, B);
	w->controller[A].is_hung = false;
	is_awake(play, A);
	write_something(w, A, false);
	if (broken != BROKEN_NOTHING)
		return;
	assert_null(w->failure);
	assert_int_equal(w->controller[A].mirror.health[SHARED], 'D');
	/* Once it has stopped, it takes the mirror over as anybody does. */
	check_verdicts(play);
	do_all(play, A, UNMOUNT);
	do_all(play, B, BEGIN);
	assert_true(w->controller[B].mirror.is_active);
	do_all(play, B, UNMOUNT);
	assert_null(w->failure);
}

static void test_hung(void **state)
{
	static struct play play;

	(void)state;
	hang(true, BROKEN_NOTHING, &play);
	hang(false, BROKEN_NOTHING, &play);
	hang(true, BROKEN_HUNG, &play);
	assert_non_null(play.world.failure);
	hang(false, BROKEN_SERVED, &play);
	assert_non_null(play.world.failure);
}

enum { RACE_STEPS = 30, RACE_SWITCHES = 3 };

/*
 * Two takeovers of what `holder` had, or nobody: the order changes at these steps, and whoever is at work at step `death`
 * dies.
 */
static void race(struct play *play, int holder, int first, const unsigned at[RACE_SWITCHES], unsigned death,
                 enum broken broken)
{
	struct world *w = &play->world;
	struct way way = { w, A };
	struct svc_error error;
	int self = first;

	begin(play, 1, broken);
	w->has_reservations = true;
	w->holder = holder;
	if (holder >= 0)
		w->key[holder] = draw_key(w, holder);
	for (int i = 0; i < CONTROLLERS; i++) {
		play->program[i][MAIN] = (struct program){ .stage = FENCE, .from = -1, .is_compared = true };
		play->program[i][MAIN].facts.is_export_stopped = true;
		play->program[i][MAIN].record = w->leg[SHARED].record;
		assert_int_equal(array_read(&way, &play->program[i][MAIN].seen, &error), 0);
	}
	for (unsigned s = 0; s < RACE_STEPS && !w->failure; s++) {
		for (int k = 0; k < RACE_SWITCHES; k++)
			if (at[k] == s)
				self = !self;
		if (s == death)
			kill_controller(play, self);
		if (play->program[self][MAIN].stage == IDLE)
			self = !self;
		if (play->program[self][MAIN].stage == PLAN) {
			play->program[self][MAIN].stage = IDLE;
			write_something(w, self, false);
		}
		advance(play, self, &play->program[self][MAIN]);
	}
	for (int i = 0; i < CONTROLLERS && !w->failure; i++)
		if (w->controller[i].mirror.is_active)
			write_something(w, i, false);
	if (!w->failure)
		check_verdicts(play);
}

/* Every order of two takeovers' steps with so many changes between them, with a death at every step, and without. */
static void race_all(struct play *play, enum broken broken, uint64_t *races, uint64_t *won)
{
	unsigned at[RACE_SWITCHES];

	for (int n = 0; n < (CONTROLLERS + 1) * CONTROLLERS; n++)
		for (at[0] = 0; at[0] < RACE_STEPS; at[0]++)
			for (at[1] = at[0]; at[1] < RACE_STEPS; at[1]++)
				for (at[2] = at[1]; at[2] < RACE_STEPS; at[2]++)
					for (unsigned death = 0; death <= RACE_STEPS; death += SCALE == 100 ? 1 : 6) {
						race(play, n / CONTROLLERS - 1, n % CONTROLLERS, at, death, broken);
						++*races;
						*won += play->tally.takes != 0;
						if (!play->world.failure)
							continue;
						if (broken == BROKEN_NOTHING)
							fail_msg("%d, changes at %u %u %u, death at %u: %s", n, at[0],
							         at[1], at[2], death, play->world.failure);
						return;
					}
}

static void test_race(void **state)
{
	static struct play play;
	uint64_t races = 0, won = 0;

	(void)state;
	race_all(&play, BROKEN_NOTHING, &races, &won);
	print_message("%" PRIu64 " races, %" PRIu64 " with a winner\n", races, won);
	assert_true(won > races / 2);
	races = 0;
	race_all(&play, BROKEN_NUMBER, &races, &won);
	print_message("%s: %s, after %" PRIu64 " races\n", broken_words[BROKEN_NUMBER],
	              play.world.failure ? play.world.failure : "not noticed", races);
	assert_non_null(play.world.failure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histories),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_hung),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}
