#pragma once

/* Text on its way to a terminal. */

#include "otad/base/cleanup.h"

#include <stdint.h>
#include <stdio.h>

/*
 * A copy without what a terminal would obey: control characters (C0, C1, DEL)
 * and those that turn the direction of text. Line ends and tabs become spaces.
 * NULL when out of memory; NULL in: "".
 */
char *ctl_clean(const char *text) OTA_MUST_CHECK;

/* How many columns it takes: a Chinese character takes two. */
unsigned ctl_columns(const char *text);
/* Writes `text`, and spaces up to `columns`. */
void ctl_put_padded(FILE *out, const char *text, unsigned columns);
/* At most `columns` of it, with "~" for what is cut. Owned, or NULL. */
char *ctl_fit(const char *text, unsigned columns) OTA_MUST_CHECK;
/* Less is not worth a line of its own. */
#define CTL_MIN_ROOM 20
/*
 * Writes `text` in lines of at most `columns` (0: no limit), broken at spaces,
 * each behind `indent` columns; those of the first line are taken already.
 */
void ctl_put_hanging(FILE *out, const char *text, unsigned indent,
		     unsigned columns);
/* The same, behind `indent` spaces in the first line, too. */
void ctl_put_wrapped(FILE *out, const char *text, unsigned indent,
		     unsigned columns);

/* For a snprintf-like buffer; returns it. */
#define CTL_SHORT_TEXT 48
/* "3.2 MiB" */
const char *ctl_format_size(uint64_t bytes, char *buffer);
/* "4 s", "3 min", "2 h", "5 d" */
const char *ctl_format_duration(int64_t ms, char *buffer);
/* "1:05", "2:03:09" */
const char *ctl_format_clock(uint64_t seconds, char *buffer);
/* "2026-11-21 08:00:05", local time; "never" for 0 */
const char *ctl_format_time(int64_t wall_ms, char *buffer);
/* "3 min ago", or the time when it is not a day old or lies ahead */
const char *ctl_format_ago(int64_t wall_ms, int64_t now_ms, char *buffer);

/* The wall clock, and one that only goes forward. */
int64_t ctl_now_ms(void);
int64_t ctl_monotonic_ms(void);
