#pragma once

/*
 * Values of configuration keys: times, sizes, booleans, percentages. The
 * whole text must be the value: no space around it, no sign, no fraction, no
 * overflow. False leaves `*ret_...` alone.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * "500ms" "30s" "5min" "1h" "2d", sums ("1min 30s"), a bare number: seconds.
 * At most a hundred years.
 */
bool units_parse_time_ms(const char *text, uint64_t *ret_ms);
/* "4096" "512K" "1M" "2G" "1T", base 1024. */
bool units_parse_size(const char *text, uint64_t *ret_bytes);
/* yes no true false on off 1 0, any case. */
bool units_parse_bool(const char *text, bool *ret_value);
/* "20%" or "20": 0-100. */
bool units_parse_percent(const char *text, unsigned *ret_percent);
/* Decimal without sign, within [min, max]. */
bool units_parse_number(const char *text, uint64_t min, uint64_t max,
			uint64_t *ret_value);

/* "02:00-05:00", local time; may wrap over midnight ("22:00-04:00"). */
struct time_window {
	bool always; /* empty: no window set */
	unsigned start_min; /* minutes after midnight, 0-1439 */
	unsigned end_min;
};
/* An empty text is `always`. Start and end must differ. */
bool units_parse_window(const char *text, struct time_window *ret_window);
/*
 * Milliseconds until the window next opens; 0 inside. In local time, changes
 * of the clock included; the zone is looked up anew each time.
 */
uint64_t time_window_wait_ms(const struct time_window *window, int64_t wall_ms);

/* RFC 3339 with offset, "2026-11-21T08:00:00+01:00"; `size` >= 32. */
const char *units_format_time(int64_t wall_ms, char *buffer, unsigned size);
