/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal: ncurses for what it can do, plain lines where it can do nothing. */
#ifndef SVC_CONSOLE_TERMINAL_H
#define SVC_CONSOLE_TERMINAL_H

#include "console/draw.h"

struct terminal;

/*
 * Takes the terminal over. `type` is TERM; where it is NULL, empty, "dumb" or not known, or is_plain is set, it is
 * line mode: whole screens as plain lines, and every key is followed by Enter. is_unattended: nobody may be there who
 * could let a stopped terminal go on, so that Ctrl-S stops nothing. -errno with a sentence.
 */
int terminal_open(int in, int out, const char *type, bool is_plain, bool is_unattended, struct terminal **terminal,
                  struct svc_error *error);
bool terminal_is_plain(const struct terminal *terminal);

/* Rows and columns; 24 and 80 where it does not say. */
void terminal_size(const struct terminal *terminal, int *rows, int *columns);

/* Shows the canvas; what has not changed is not sent again, but for is_whole. */
void terminal_paint(struct terminal *terminal, const struct canvas *canvas, bool is_whole);

/*
 * Gives the terminal back for other output, and takes it again; the next paint should be whole. keeps_keys: they still
 * come one by one, Ctrl-C among them.
 */
void terminal_suspend(struct terminal *terminal, bool keeps_keys);
void terminal_resume(struct terminal *terminal);

/* Only its modes, at once: for a signal handler that ends the program. */
void terminal_restore(const struct terminal *terminal);

/* What was typed and not read is dropped. */
void terminal_close(struct terminal *terminal);

#endif
