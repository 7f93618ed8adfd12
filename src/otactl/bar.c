#include "bar.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otad/base/json.h"

#include "job.h"
#include "text.h"

/* "meter-17/mcu 1.2.0" gets a quarter of the line, within these. */
#define MIN_NAME_COLUMNS 12
#define MAX_NAME_COLUMNS 32
#define STATE_COLUMNS 11 /* "downloading" */
#define MIN_BAR_COLUMNS 10
#define MAX_BAR_COLUMNS 40
#define PERCENT_COLUMNS 5 /* "  42%" */
#define SPEED_COLUMNS 12  /* " 999.9 KiB/s" */
#define LEFT_COLUMNS 14	  /* " 12:34:56 left" */

static unsigned name_columns(unsigned columns)
{
	unsigned quarter = columns / 4;

	return quarter < MIN_NAME_COLUMNS ? MIN_NAME_COLUMNS :
	       quarter > MAX_NAME_COLUMNS ? MAX_NAME_COLUMNS : quarter;
}

static char *name_of(struct json_object *job, unsigned columns)
{
	OTA_CLEANUP(freep) char *subject = ctl_subject(job);
	OTA_CLEANUP(freep) char *version = ctl_clean(ctl_field(job, "version"));
	OTA_CLEANUP(freep) char *name = NULL;

	if (!subject || !version)
		return NULL;
	if (asprintf(&name, "%s %s", subject, version) < 0) {
		name = NULL;
		return NULL;
	}
	return ctl_fit(name, columns);
}

static void put_bar(FILE *out, unsigned percent, unsigned columns)
{
	unsigned inside = columns - 2;
	unsigned filled = inside * percent / 100;

	fputc('[', out);
	for (unsigned i = 0; i < inside; i++)
		fputc(i < filled ? '=' : i == filled ? '>' : ' ', out);
	fputc(']', out);
}

static void put_speed(FILE *out, struct json_object *job)
{
	int64_t rate = json_get_int(job, "bytes_per_second", 0);
	char size[CTL_SHORT_TEXT];
	char speed[CTL_SHORT_TEXT + 4] = "";

	if (rate > 0)
		snprintf(speed, sizeof(speed), "%s/s",
			 ctl_format_size((uint64_t)rate, size));
	fprintf(out, " %11s", speed);
}

static void put_time_left(FILE *out, struct json_object *job)
{
	char clock[CTL_SHORT_TEXT];
	uint64_t seconds;

	if (ctl_job_time_left(job, &seconds))
		fprintf(out, " %8s left", ctl_format_clock(seconds, clock));
}

static void put_line(FILE *out, struct json_object *job, const char *name,
		     const char *state, unsigned columns)
{
	unsigned named = name_columns(columns);
	unsigned used = named + 1 + STATE_COLUMNS + 1 + PERCENT_COLUMNS;
	bool speed = used + MIN_BAR_COLUMNS + SPEED_COLUMNS <= columns;
	bool left = used + MIN_BAR_COLUMNS + SPEED_COLUMNS + LEFT_COLUMNS <= columns;
	unsigned bar;

	used += (speed ? SPEED_COLUMNS : 0) + (left ? LEFT_COLUMNS : 0);
	bar = used < columns ? columns - used : 0;
	if (bar > MAX_BAR_COLUMNS)
		bar = MAX_BAR_COLUMNS;
	ctl_put_padded(out, name, named + 1);
	ctl_put_padded(out, state, STATE_COLUMNS + 1);
	if (bar >= MIN_BAR_COLUMNS)
		put_bar(out, ctl_job_percent(job), bar);
	fprintf(out, " %3u%%", ctl_job_percent(job));
	if (speed)
		put_speed(out, job);
	if (left)
		put_time_left(out, job);
}

char *ctl_bar(struct json_object *job, unsigned columns)
{
	OTA_CLEANUP(freep) char *name = name_of(job, name_columns(columns));
	OTA_CLEANUP(freep) char *state = ctl_clean(ctl_field(job, "state"));
	OTA_CLEANUP(freep) char *line = NULL;
	char *fitted;
	size_t size;
	FILE *out;

	if (!name || !state)
		return NULL;
	out = open_memstream(&line, &size);
	if (!out)
		return NULL;
	put_line(out, job, name, state, columns);
	if (fclose(out) != 0)
		return NULL;
	fitted = ctl_fit(line, columns);
	/* Trailing blanks would wrap on a terminal that has just been narrowed. */
	for (size_t i = fitted ? strlen(fitted) : 0; i > 0 && fitted[i - 1] == ' '; i--)
		fitted[i - 1] = '\0';
	return fitted;
}
