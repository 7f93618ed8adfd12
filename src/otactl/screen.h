#pragma once

/* Standard output: a terminal with its width and colours, or a file. */

#include <stdbool.h>

struct json_object;

enum ctl_colour {
	CTL_COLOUR_NONE,
	CTL_COLOUR_BOLD,
	CTL_COLOUR_DIM,
	CTL_COLOUR_GOOD,
	CTL_COLOUR_BAD,
	CTL_COLOUR_WAITING,
	CTL_COLOUR_BUSY,
};

struct ctl_screen {
	bool is_terminal;
	bool colours;
	unsigned columns; /* 0: no limit */
	unsigned rows;
};

/* Also chooses a locale in which text is UTF-8, as everything of otad is. */
void ctl_screen_init(struct ctl_screen *screen);
/* After SIGWINCH. */
void ctl_screen_measure(struct ctl_screen *screen);
/* The escape sequence, "" without colours. */
const char *ctl_colour(const struct ctl_screen *screen, enum ctl_colour colour);
const char *ctl_colour_end(const struct ctl_screen *screen,
			   enum ctl_colour colour);
/* In what colour a state is shown; `state` may be unknown or NULL. */
enum ctl_colour ctl_state_colour(const char *state);

/* One line; what a terminal would obey is written as \uXXXX. */
bool ctl_put_json(struct json_object *json);
