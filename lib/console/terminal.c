// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ncurses stays in this file, and is used for output alone: input.c wants to know when each byte came. Bold and
 * reverse, ASCII, no colour, no function keys.
 */
#include "console/terminal.h"

#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct terminal {
	int in, out;
	FILE *input, *output;
	SCREEN *screen; /* NULL: line mode */
	bool is_unattended;
	bool has_modes; /* `before` is what the terminal was set to */
	struct termios before;
};

/*
 * What a line carries besides keys, noise or something pasted, must neither stop the screen for good nor look like the
 * line's end. Where somebody is there, the terminal may stop us with Ctrl-S, and any key lets us go on.
 */
static void set_modes(struct terminal *terminal, bool is_by_key)
{
	struct termios now;

	if (!terminal->has_modes)
		return;
	now = terminal->before;
	now.c_lflag &= (tcflag_t) ~(ISIG | IEXTEN);
	now.c_iflag &= (tcflag_t) ~(INLCR | IGNCR | ISTRIP);
	now.c_iflag = terminal->is_unattended ? now.c_iflag & (tcflag_t)~IXON : now.c_iflag | IXANY;
	now.c_oflag |= OPOST | ONLCR;
	if (is_by_key) {
		now.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
		now.c_iflag &= (tcflag_t)~ICRNL;
		now.c_cc[VMIN] = 1;
		now.c_cc[VTIME] = 0;
	} else {
		now.c_lflag |= ICANON | ECHO;
		now.c_iflag |= ICRNL;
		/* A Ctrl-U among what was pasted would leave the rest as if it had been typed. */
		now.c_cc[VEOF] = now.c_cc[VEOL] = now.c_cc[VEOL2] = now.c_cc[VKILL] = _POSIX_VDISABLE;
	}
	tcsetattr(terminal->in, TCSANOW, &now);
}

void terminal_restore(const struct terminal *terminal)
{
	if (terminal && terminal->has_modes)
		tcsetattr(terminal->in, TCSANOW, &terminal->before);
}

/* Without flow control nothing is stopped, however it came to be. */
static void set_off(const struct terminal *terminal)
{
	struct termios now;

	if (!terminal->has_modes || tcgetattr(terminal->in, &now))
		return;
	now.c_iflag &= (tcflag_t)~IXON;
	tcsetattr(terminal->in, TCSANOW, &now);
}

void terminal_size(const struct terminal *terminal, int *rows, int *columns)
{
	struct winsize size;
	bool is_known = !ioctl(terminal->out, TIOCGWINSZ, &size) && size.ws_row && size.ws_col;

	*rows = is_known ? size.ws_row : 24;
	*columns = is_known ? size.ws_col : 80;
}

static void open_screen(struct terminal *terminal, const char *type)
{
	char rows_text[12], columns_text[12];
	int rows, columns;

	terminal_size(terminal, &rows, &columns);
	snprintf(rows_text, sizeof(rows_text), "%d", rows);
	snprintf(columns_text, sizeof(columns_text), "%d", columns);
	setenv("LINES", rows_text, 1); /* ncurses asks the terminal only where these are absent */
	setenv("COLUMNS", columns_text, 1);
	terminal->input = fdopen(dup(terminal->in), "r");
	terminal->output = fdopen(dup(terminal->out), "w");
	if (terminal->input && terminal->output)
		terminal->screen = newterm(type, terminal->output, terminal->input);
	unsetenv("LINES");
	unsetenv("COLUMNS");
	if (!terminal->screen)
		return;
	if (!tigetstr("cup")) { /* it cannot be drawn upon */
		endwin();
		delscreen(terminal->screen);
		terminal->screen = NULL;
		return;
	}
	typeahead(-1);
	leaveok(stdscr, FALSE);
	scrollok(stdscr, FALSE);
	curs_set(0);
}

int terminal_open(int in, int out, const char *type, bool is_plain, bool is_unattended, struct terminal **terminal,
                  struct svc_error *error)
{
	struct terminal *opened = calloc(1, sizeof(*opened));

	if (!opened)
		return error_set(error, -ENOMEM, "out of memory");
	opened->in = in;
	opened->out = out;
	opened->is_unattended = is_unattended;
	opened->has_modes = !tcgetattr(in, &opened->before);
	if (!is_plain && opened->has_modes && type && *type && strcmp(type, "dumb") != 0)
		open_screen(opened, type);
	set_modes(opened, opened->screen != NULL);
	if (opened->screen)
		def_prog_mode();
	*terminal = opened;
	return 0;
}

bool terminal_is_plain(const struct terminal *terminal)
{
	return !terminal->screen;
}

/* Rows that say something, each once; there is no reverse to tell the one of a list that the keys are for. */
static void print_plain(const struct terminal *terminal, const struct canvas *canvas)
{
	char text[CANVAS_ROWS_MAX * (CANVAS_COLUMNS_MAX + 2)];
	size_t used = 0;

	text[used++] = '\n';
	for (int row = 0; row < canvas->rows; row++) {
		int length = canvas->columns;

		while (length && canvas->text[row][length - 1] == ' ')
			length--;
		if (!length)
			continue;
		memcpy(text + used, canvas->text[row], (size_t)length);
		if (row && canvas->attr[row][0] & ATTR_REVERSE)
			text[used] = '>';
		used += (size_t)length;
		text[used++] = '\n';
	}
	for (size_t at = 0; at < used;) {
		ssize_t put = write(terminal->out, text + at, used - at);

		if (put <= 0)
			return;
		at += (size_t)put;
	}
	(void)!write(terminal->out, "> ", 2);
}

void terminal_paint(struct terminal *terminal, const struct canvas *canvas, bool is_whole)
{
	if (!terminal->screen) {
		print_plain(terminal, canvas);
		return;
	}
	if (LINES != canvas->rows || COLS != canvas->columns) {
		resizeterm(canvas->rows, canvas->columns);
		erase(); /* what is now the corner is not written below */
	}
	for (int row = 0; row < canvas->rows; row++)
		for (int column = 0; column < canvas->columns; column++) {
			uint8_t attr = canvas->attr[row][column];
			chtype cell = (unsigned char)canvas->text[row][column];

			/* Terminals scroll when the lower right corner is written. */
			if (row == canvas->rows - 1 && column == canvas->columns - 1)
				break;
			cell |= (attr & ATTR_BOLD ? A_BOLD : 0) | (attr & ATTR_REVERSE ? A_REVERSE : 0);
			mvaddch(row, column, cell);
		}
	move(canvas->rows - 1, 0);
	if (is_whole)
		clearok(curscr, TRUE);
	refresh();
}

void terminal_suspend(struct terminal *terminal, bool keeps_keys)
{
	if (terminal->screen)
		endwin();
	if (keeps_keys)
		set_modes(terminal, true);
	else
		terminal_restore(terminal);
}

void terminal_resume(struct terminal *terminal)
{
	set_modes(terminal, terminal->screen != NULL);
	if (!terminal->screen)
		return;
	def_prog_mode();
	clearok(curscr, TRUE);
}

void terminal_close(struct terminal *terminal)
{
	if (!terminal)
		return;
	set_off(terminal);
	if (terminal->screen) {
		move(LINES - 1, 0);
		clrtoeol();
		refresh();
		endwin();
		delscreen(terminal->screen);
	}
	terminal_restore(terminal);
	if (terminal->has_modes) /* what else was pasted is no input for the shell */
		tcflush(terminal->in, TCIFLUSH);
	if (terminal->input)
		fclose(terminal->input);
	if (terminal->output)
		fclose(terminal->output);
	free(terminal);
}
