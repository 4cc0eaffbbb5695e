/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SVC_CONSOLE_PRIVATE_H
#define SVC_CONSOLE_PRIVATE_H

#include "console/console.h"

void console_go(struct console *console, enum screen_id screen);
void console_back(struct console *console);

/* actions.c: what a key of the table does; `number` is the digit's for keys that stand for several, else 0. */
struct request console_act(struct console *console, enum action_id action, int number);

/* To have a task done, with its word. */
struct request request_run(enum task task, const char *word);

/* recommend.c: whether the report has this reason. */
bool recommend_has_reason(const struct shown_report *report, const char *id);

/* Whether the verdict names no copy to keep. */
bool recommend_needs_choice(const struct shown_report *report);

/* Whether the plan at hand was refused because what it overwrites cannot be saved in the usual place. */
bool choosing_is_saving_refused(const struct console *console);

/* choosing.c: each of them leads towards a rebuild, or one taken back, by a step. */
struct request choosing_plan(struct console *console);
/* The same for the copy on the screen, and no other. */
struct request choosing_plan_one(struct console *console);
/* Whether the copy on the screen could be rebuilt from another. */
bool choosing_can_rebuild(const struct console *console);
/* Whether the plan at hand, for all copies, was refused because they have no leg each: one of them may. */
bool choosing_is_one_too_many(const struct console *console);
struct request choosing_choose(struct console *console, int number);
struct request choosing_target(struct console *console);
struct request choosing_confirm(struct console *console);
struct request choosing_save(struct console *console, bool is_saved);
struct request choosing_undo_file(struct console *console);
struct request choosing_undo(struct console *console);

/* Whether the work that is shown is a takeover, or a demotion, that was planned: nothing of it is done yet. */
bool choosing_is_takeover_plan(const struct console *console);
struct request choosing_take_over(struct console *console);

/* Whether the takeover shown was refused for want of a person's word that the other controller is stopped; that word. */
bool choosing_is_unfenced(const struct console *console);
struct request choosing_say_off(struct console *console);

/* moving.c */
void moving_search_next(struct console *console);
void moving_next_line(struct console *console);
void moving_move(struct console *console, long by_lines, long by_pages);

/* prompt.c */
void prompt_open(struct console *console, const char *title, const char *wanted, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
struct request prompt_key(struct console *console, int key);

/* Asks for the word that unlocks, and then goes on with an action; KEYS: with none. */
void prompt_unlock(struct console *console, enum action_id then);

#endif
