#include "screen.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "otad/base/json.h"
#include "otad/model/job-state.h"

#define DEFAULT_COLUMNS 80
#define DEFAULT_ROWS 24

void ctl_screen_measure(struct ctl_screen *screen)
{
	struct winsize size;

	if (!screen->is_terminal)
		return;
	screen->columns = DEFAULT_COLUMNS;
	screen->rows = DEFAULT_ROWS;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
	    size.ws_row > 0) {
		screen->columns = size.ws_col;
		screen->rows = size.ws_row;
	}
}

static bool wants_colours(void)
{
	const char *no_color = getenv("NO_COLOR"); /* no-color.org */
	const char *term = getenv("TERM");

	return !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

void ctl_screen_init(struct ctl_screen *screen)
{
	setlocale(LC_ALL, "");
	/* Names are UTF-8 whatever the shell of a gateway was started with. */
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
	*screen = (struct ctl_screen){ .is_terminal = isatty(STDOUT_FILENO) };
	screen->colours = screen->is_terminal && wants_colours();
	ctl_screen_measure(screen);
}

const char *ctl_colour(const struct ctl_screen *screen, enum ctl_colour colour)
{
	if (!screen->colours)
		return "";
	switch (colour) {
	case CTL_COLOUR_NONE:
		return "";
	case CTL_COLOUR_BOLD:
		return "\x1b[1m";
	case CTL_COLOUR_DIM:
		return "\x1b[2m";
	case CTL_COLOUR_GOOD:
		return "\x1b[32m";
	case CTL_COLOUR_BAD:
		return "\x1b[31m";
	case CTL_COLOUR_WAITING:
		return "\x1b[33m";
	case CTL_COLOUR_BUSY:
		return "\x1b[36m";
	}
	return "";
}

const char *ctl_colour_end(const struct ctl_screen *screen,
			   enum ctl_colour colour)
{
	return screen->colours && colour != CTL_COLOUR_NONE ? "\x1b[0m" : "";
}

enum ctl_colour ctl_state_colour(const char *name)
{
	enum job_state state;

	if (!name || !job_state_parse(name, &state))
		return CTL_COLOUR_NONE;
	switch (state) {
	case JOB_STATE_IDLE:
	case JOB_STATE_COUNT:
		return CTL_COLOUR_NONE;
	case JOB_STATE_AVAILABLE:
		return CTL_COLOUR_WAITING;
	case JOB_STATE_DOWNLOADING:
	case JOB_STATE_VERIFYING:
	case JOB_STATE_BACKING_UP:
	case JOB_STATE_INSTALLING:
	case JOB_STATE_RESTARTING:
	case JOB_STATE_CONFIRMING:
		return CTL_COLOUR_BUSY;
	case JOB_STATE_SUCCEEDED:
		return CTL_COLOUR_GOOD;
	case JOB_STATE_FAILED:
	case JOB_STATE_ROLLED_BACK:
		return CTL_COLOUR_BAD;
	}
	return CTL_COLOUR_NONE;
}

bool ctl_put_json(struct json_object *json)
{
	const unsigned char *text = (const unsigned char *)json_text(json);

	if (!text)
		return false;
	/* json-c escapes C0; DEL and C1 are left for us. */
	for (; *text; text++) {
		if (*text == 0x7f) {
			fputs("\\u007f", stdout);
		} else if (*text == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0) {
			printf("\\u00%02x", text[1]);
			text++;
		} else {
			putchar(*text);
		}
	}
	putchar('\n');
	return fflush(stdout) == 0;
}
