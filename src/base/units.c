#include "otad/base/units.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MS_PER_SECOND 1000
#define SECONDS_PER_MINUTE 60
#define MINUTES_PER_DAY (24 * 60)

/*
 * A hundred years: more can only be a mistake, and what is below still counts
 * in microseconds without an overflow.
 */
#define MAX_TIME_MS (UINT64_C(100) * 365 * 24 * 3600 * MS_PER_SECOND)

/* Clock changes in use shift by two hours at most; Antarctica has those. */
#define MAX_SHIFT_MIN 120

/* Within three days every minute of the clock has struck. */
#define MAX_WAIT_MIN (3 * MINUTES_PER_DAY)

struct unit {
	const char *name;
	uint64_t factor;
};

/* Steps over the digits; false without any, or beyond 64 bits. */
static bool read_digits(const char **text, uint64_t *ret_value)
{
	const char *at = *text;
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'),
					   &value))
			return false;
	if (at == *text)
		return false;
	*text = at;
	*ret_value = value;
	return true;
}

static const struct unit *find_unit(const struct unit *units, size_t count,
				    const char *name, size_t length)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strlen(units[i].name) == length &&
		    memcmp(units[i].name, name, length) == 0)
			return &units[i];
	return NULL;
}

/* "5min": a number and its unit, added to the sum. */
static bool add_time(const char **text, uint64_t *sum_ms)
{
	static const struct unit units[] = {
		{ "ms", 1 },
		{ "s", MS_PER_SECOND },
		{ "min", 60 * MS_PER_SECOND },
		{ "h", 3600 * MS_PER_SECOND },
		{ "d", 24 * 3600 * MS_PER_SECOND },
	};
	const struct unit *unit;
	size_t length;
	uint64_t value;

	if (!read_digits(text, &value))
		return false;
	length = strcspn(*text, " 0123456789");
	unit = find_unit(units, sizeof(units) / sizeof(units[0]), *text,
			 length);
	if (!unit)
		return false;
	*text += length;
	return !__builtin_mul_overflow(value, unit->factor, &value) &&
	       !__builtin_add_overflow(*sum_ms, value, sum_ms);
}

bool units_parse_time_ms(const char *text, uint64_t *ret_ms)
{
	uint64_t sum_ms = 0;

	if (*text && text[strspn(text, "0123456789")] == '\0') {
		if (!units_parse_number(text, 0, MAX_TIME_MS / MS_PER_SECOND,
					&sum_ms))
			return false;
		*ret_ms = sum_ms * MS_PER_SECOND;
		return true;
	}
	for (;;) {
		if (!add_time(&text, &sum_ms))
			return false;
		if (!*text)
			break;
		/* Between two of them only: a trailing space is no value. */
		text += strspn(text, " ");
	}
	if (sum_ms > MAX_TIME_MS)
		return false;
	*ret_ms = sum_ms;
	return true;
}

bool units_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "K", UINT64_C(1) << 10 },
		{ "M", UINT64_C(1) << 20 },
		{ "G", UINT64_C(1) << 30 },
		{ "T", UINT64_C(1) << 40 },
	};
	const struct unit *unit;
	uint64_t value;

	if (!read_digits(&text, &value))
		return false;
	unit = find_unit(units, sizeof(units) / sizeof(units[0]), text,
			 strlen(text));
	if (!unit || __builtin_mul_overflow(value, unit->factor, &value))
		return false;
	*ret_bytes = value;
	return true;
}

bool units_parse_bool(const char *text, bool *ret_value)
{
	static const char *const words[][2] = {
		{ "no", "yes" },
		{ "false", "true" },
		{ "off", "on" },
		{ "0", "1" },
	};
	size_t i;
	int value;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (value = 0; value < 2; value++)
			if (strcasecmp(text, words[i][value]) == 0) {
				*ret_value = value;
				return true;
			}
	return false;
}

bool units_parse_percent(const char *text, unsigned *ret_percent)
{
	uint64_t value;

	if (!read_digits(&text, &value) || value > 100)
		return false;
	if (*text == '%')
		text++;
	if (*text)
		return false;
	*ret_percent = (unsigned)value;
	return true;
}

bool units_parse_number(const char *text, uint64_t min, uint64_t max,
			uint64_t *ret_value)
{
	uint64_t value;

	if (!read_digits(&text, &value) || *text || value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

/* "HH:MM", always five characters. */
static bool read_clock(const char **text, unsigned *ret_min)
{
	const char *at = *text;
	unsigned hour, minute;
	size_t i;

	for (i = 0; i < 5; i++)
		if (i == 2 ? at[i] != ':' : at[i] < '0' || at[i] > '9')
			return false;
	hour = (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
	minute = (unsigned)(at[3] - '0') * 10 + (unsigned)(at[4] - '0');
	if (hour > 23 || minute > 59)
		return false;
	*text = at + 5;
	*ret_min = hour * 60 + minute;
	return true;
}

bool units_parse_window(const char *text, struct time_window *ret_window)
{
	struct time_window window = { .always = false };

	if (!*text) {
		*ret_window = (struct time_window){ .always = true };
		return true;
	}
	if (!read_clock(&text, &window.start_min) || *text++ != '-' ||
	    !read_clock(&text, &window.end_min) || *text)
		return false;
	/* Never, or the whole day? Whoever writes that must say which. */
	if (window.start_min == window.end_min)
		return false;
	*ret_window = window;
	return true;
}

static bool contains(const struct time_window *window, unsigned minute)
{
	if (window->start_min < window->end_min)
		return minute >= window->start_min && minute < window->end_min;
	return minute >= window->start_min || minute < window->end_min;
}

static bool local_minute(time_t seconds, unsigned *ret_minute)
{
	struct tm tm;

	if (!localtime_r(&seconds, &tm))
		return false;
	*ret_minute = (unsigned)(tm.tm_hour * 60 + tm.tm_min);
	return true;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * Minutes that no change of the clock can bring the window into: not back
 * into the one that just closed, not early into the next.
 */
static unsigned safe_stride(const struct time_window *window, unsigned minute)
{
	unsigned since_end = (minute + MINUTES_PER_DAY - window->end_min) %
			     MINUTES_PER_DAY;
	unsigned to_start = (window->start_min + MINUTES_PER_DAY - minute) %
			    MINUTES_PER_DAY;

	if (since_end <= MAX_SHIFT_MIN || to_start <= MAX_SHIFT_MIN + 1)
		return 1;
	return to_start - MAX_SHIFT_MIN;
}

/*
 * Walks along the local clock, so the hour that a spring night skips and the
 * one that an autumn night repeats need no rules.
 */
uint64_t time_window_wait_ms(const struct time_window *window, int64_t wall_ms)
{
	int64_t first = floor_div(wall_ms,
				  SECONDS_PER_MINUTE * MS_PER_SECOND);
	int64_t at = first;
	unsigned minute;

	if (window->always)
		return 0;
	tzset(); /* localtime_r(3) need not notice that the zone changed */
	while (at - first <= MAX_WAIT_MIN &&
	       local_minute((time_t)(at * SECONDS_PER_MINUTE), &minute) &&
	       !contains(window, minute))
		at += safe_stride(window, minute);
	if (at == first)
		return 0;
	return (uint64_t)(at * SECONDS_PER_MINUTE * MS_PER_SECOND - wall_ms);
}

const char *units_format_time(int64_t wall_ms, char *buffer, unsigned size)
{
	time_t seconds = (time_t)floor_div(wall_ms, MS_PER_SECOND);
	char date[32], zone[8];
	struct tm tm;

	tzset();
	/* "+0100" of strftime(3) becomes "+01:00". */
	if (!localtime_r(&seconds, &tm) ||
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
	    strftime(zone, sizeof(zone), "%z", &tm) != 5)
		buffer[0] = '\0';
	else
		snprintf(buffer, size, "%s%.3s:%.2s", date, zone, zone + 3);
	return buffer;
}
