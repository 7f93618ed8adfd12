#pragma once

/*
 * Jobs as they change: bars redrawn in place on a terminal, one line per change
 * elsewhere, or JSON.
 */

#include "screen.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

enum ctl_view_mode {
	CTL_VIEW_BARS,
	CTL_VIEW_LINES,
	CTL_VIEW_JSON,
};

struct ctl_view {
	struct ctl_screen *screen; /* borrowed */
	enum ctl_view_mode mode;
	unsigned drawn; /* lines that stand on the terminal, to be redrawn */
};

void ctl_view_init(struct ctl_view *view, struct ctl_screen *screen, bool json);
/*
 * A job that is new, has changed (`old` is what was told of it last; NULL:
 * nothing) or has ended. What an end says stays on the terminal.
 */
bool ctl_view_tell(struct ctl_view *view, struct json_object *old,
		   struct json_object *job);
/* Only the bars of what runs; `idle` stands there when nothing does. */
bool ctl_view_draw(struct ctl_view *view, struct json_object *const *jobs,
		   size_t n_jobs, const char *idle);
/* Takes the bars away, for other output. */
void ctl_view_clear(struct ctl_view *view);
