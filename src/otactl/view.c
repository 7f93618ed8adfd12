#include "view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otad/base/json.h"
#include "otad/base/units.h"

#include "bar.h"
#include "job.h"
#include "text.h"

#define CLEAR_LINE "\x1b[K"
#define CLEAR_BELOW "\x1b[J"
/* A line for every so much of what a handler tells. */
#define LINE_STEP_PERCENT 10
/* Below the bars: where the cursor stands, and what was typed last. */
#define ROWS_KEPT 2

void ctl_view_init(struct ctl_view *view, struct ctl_screen *screen, bool json)
{
	*view = (struct ctl_view){
		.screen = screen,
		.mode = json		    ? CTL_VIEW_JSON :
			screen->is_terminal ? CTL_VIEW_BARS :
					      CTL_VIEW_LINES,
	};
}

static void cursor_to_first_bar(struct ctl_view *view)
{
	if (view->drawn > 0)
		printf("\x1b[%uA\r", view->drawn);
	view->drawn = 0;
}

void ctl_view_clear(struct ctl_view *view)
{
	if (view->mode != CTL_VIEW_BARS)
		return;
	cursor_to_first_bar(view);
	fputs(CLEAR_BELOW, stdout);
	fflush(stdout);
}

/* Nothing that a line would show has changed. */
static bool looks_the_same(struct json_object *old, struct json_object *job)
{
	static const char *const fields[] = { "state", "message", "waiting", "error" };

	if (!old || ctl_job_percent(old) != ctl_job_percent(job))
		return false;
	if (ctl_job_install_percent(old) / LINE_STEP_PERCENT !=
	    ctl_job_install_percent(job) / LINE_STEP_PERCENT)
		return false;
	for (size_t i = 0; i < OTA_ARRAY_SIZE(fields); i++) {
		if (strcmp(ctl_field(old, fields[i]), ctl_field(job, fields[i])) != 0)
			return false;
	}
	return true;
}

/* What stays true once the line is in a log: no speed, no time left. */
static char *lasting_note(struct json_object *job)
{
	if (*ctl_field(job, "error") || *ctl_field(job, "waiting") ||
	    ctl_job_install_percent(job) > 0)
		return ctl_job_note(job);
	return strdup(ctl_field(job, "message"));
}

static bool tell_in_line(struct json_object *job)
{
	OTA_CLEANUP(freep) char *subject = ctl_full_subject(job);
	OTA_CLEANUP(freep) char *version = ctl_clean(ctl_field(job, "version"));
	OTA_CLEANUP(freep) char *state = ctl_clean(ctl_field(job, "state"));
	OTA_CLEANUP(freep) char *raw_note = lasting_note(job);
	OTA_CLEANUP(freep) char *note = raw_note ? ctl_clean(raw_note) : NULL;
	char time[CTL_SHORT_TEXT];

	if (!subject || !version || !state || !note)
		return false;
	printf("%s %s %s %s %u%%%s%s\n",
	       units_format_time(ctl_now_ms(), time, sizeof(time)), subject,
	       version, state, ctl_job_percent(job), *note ? " " : "", note);
	return fflush(stdout) == 0;
}

static bool tell_end(struct ctl_view *view, struct json_object *job)
{
	OTA_CLEANUP(freep) char *subject = ctl_subject(job);
	OTA_CLEANUP(freep) char *version = ctl_clean(ctl_field(job, "version"));
	OTA_CLEANUP(freep) char *raw_note = ctl_job_note(job);
	OTA_CLEANUP(freep) char *note = raw_note ? ctl_clean(raw_note) : NULL;
	const char *state = ctl_field(job, "state");
	enum ctl_colour colour = ctl_state_colour(state);

	if (!subject || !version || !note)
		return false;
	ctl_view_clear(view);
	printf("%s %s %s%s%s\n", subject, version, ctl_colour(view->screen, colour),
	       state, ctl_colour_end(view->screen, colour));
	if (*note)
		ctl_put_wrapped(stdout, note, 4, view->screen->columns);
	return fflush(stdout) == 0;
}

bool ctl_view_tell(struct ctl_view *view, struct json_object *old,
		   struct json_object *job)
{
	switch (view->mode) {
	case CTL_VIEW_JSON:
		return ctl_put_json(job);
	case CTL_VIEW_LINES:
		return looks_the_same(old, job) || tell_in_line(job);
	case CTL_VIEW_BARS:
		return !ctl_job_is_ended(job) || tell_end(view, job);
	}
	return true;
}

static bool draw_bar(const struct ctl_view *view, struct json_object *job)
{
	enum ctl_colour colour = ctl_state_colour(ctl_field(job, "state"));
	/* A full line would take the cursor to the next one. */
	OTA_CLEANUP(freep) char *line = ctl_bar(job, view->screen->columns - 1);

	if (!line)
		return false;
	printf("%s%s%s" CLEAR_LINE "\n", ctl_colour(view->screen, colour), line,
	       ctl_colour_end(view->screen, colour));
	return true;
}

static bool draw_text(const struct ctl_view *view, const char *text)
{
	OTA_CLEANUP(freep) char *fitted = ctl_fit(text, view->screen->columns - 1);

	if (!fitted)
		return false;
	printf("%s%s%s" CLEAR_LINE "\n", ctl_colour(view->screen, CTL_COLOUR_DIM),
	       fitted, ctl_colour_end(view->screen, CTL_COLOUR_DIM));
	return true;
}

bool ctl_view_draw(struct ctl_view *view, struct json_object *const *jobs,
		   size_t n_jobs, const char *idle)
{
	unsigned room = view->screen->rows > ROWS_KEPT + 1 ?
				view->screen->rows - ROWS_KEPT :
				1;
	size_t shown = n_jobs <= room ? n_jobs : room - 1;
	char more[64];

	if (view->mode != CTL_VIEW_BARS)
		return true;
	cursor_to_first_bar(view);
	for (size_t i = 0; i < shown; i++, view->drawn++) {
		if (!draw_bar(view, jobs[i]))
			return false;
	}
	snprintf(more, sizeof(more), "and %zu more", n_jobs - shown);
	if (shown < n_jobs && !draw_text(view, more))
		return false;
	if (n_jobs == 0 && !draw_text(view, idle))
		return false;
	view->drawn += shown < n_jobs || n_jobs == 0;
	fputs(CLEAR_BELOW, stdout);
	return fflush(stdout) == 0;
}
