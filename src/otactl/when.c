#include "when.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "otad/base/units.h"

#define MS_PER_S 1000
#define MAX_NUMBERS 6

/*
 * Matches the beginning of `text`: a run of 'd' in `pattern` is a number of so
 * many digits, everything else stands for itself. Returns what follows, or NULL.
 */
static const char *match(const char *text, const char *pattern, int *numbers)
{
	while (*pattern) {
		int value = 0;

		if (*pattern != 'd') {
			if (*text++ != *pattern++)
				return NULL;
			continue;
		}
		for (; *pattern == 'd'; pattern++, text++) {
			if (!isdigit((unsigned char)*text))
				return NULL;
			value = 10 * value + (*text - '0');
		}
		*numbers++ = value;
	}
	return text;
}

static bool is_clock(int hour, int minute, int second)
{
	return hour < 24 && minute < 60 && second < 60;
}

/* Year, month, day, hour, minute, second; false for the 31st of February. */
static bool make_tm(const int *numbers, struct tm *ret_tm)
{
	struct tm tm = {
		.tm_year = numbers[0] - 1900,
		.tm_mon = numbers[1] - 1,
		.tm_mday = numbers[2],
		.tm_hour = numbers[3],
		.tm_min = numbers[4],
		.tm_sec = numbers[5],
		.tm_isdst = -1,
	};
	struct tm normal = tm;

	if (!is_clock(tm.tm_hour, tm.tm_min, tm.tm_sec))
		return false;
	timegm(&normal);
	if (normal.tm_mon != tm.tm_mon || normal.tm_mday != tm.tm_mday)
		return false;
	*ret_tm = tm;
	return true;
}

static bool parse_clock(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	time_t now = (time_t)(now_ms / MS_PER_S);
	int numbers[2];
	const char *rest = match(text, "dd:dd", numbers);
	struct tm tm;
	time_t then;

	if (!rest || *rest || !is_clock(numbers[0], numbers[1], 0) ||
	    !localtime_r(&now, &tm))
		return false;
	tm.tm_hour = numbers[0];
	tm.tm_min = numbers[1];
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	then = mktime(&tm);
	if (then <= now) {
		/* Not 24 hours later: days differ in length. */
		tm.tm_mday++;
		tm.tm_hour = numbers[0];
		tm.tm_min = numbers[1];
		tm.tm_isdst = -1;
		then = mktime(&tm);
	}
	*ret_ms = (int64_t)then * MS_PER_S;
	return then > now;
}

static bool parse_local(const char *text, int64_t *ret_ms)
{
	int numbers[MAX_NUMBERS] = { 0 };
	const char *rest = match(text, "dddd-dd-dd dd:dd", numbers);
	struct tm tm;
	time_t then;

	if (rest && *rest)
		rest = match(rest, ":dd", &numbers[5]);
	if (!rest || *rest || !make_tm(numbers, &tm))
		return false;
	then = mktime(&tm);
	*ret_ms = (int64_t)then * MS_PER_S;
	return then != (time_t)-1;
}

/* "Z" or "+08:00", in seconds east of UTC. */
static bool parse_zone(const char *text, int *ret_seconds)
{
	int numbers[2];
	const char *rest;

	*ret_seconds = 0;
	if ((*text == 'Z' || *text == 'z') && !text[1])
		return true;
	if (*text != '+' && *text != '-')
		return false;
	rest = match(text + 1, "dd:dd", numbers);
	if (!rest || *rest || !is_clock(numbers[0], numbers[1], 0))
		return false;
	*ret_seconds = numbers[0] * 3600 + numbers[1] * 60;
	if (*text == '-')
		*ret_seconds = -*ret_seconds;
	return true;
}

static bool parse_rfc3339(const char *text, int64_t *ret_ms)
{
	int numbers[MAX_NUMBERS];
	const char *rest = match(text, "dddd-dd-ddTdd:dd:dd", numbers);
	struct tm tm;
	int east;

	if (!rest)
		return false;
	if (*rest == '.') {
		rest++;
		if (!isdigit((unsigned char)*rest))
			return false;
		rest += strspn(rest, "0123456789");
	}
	if (!parse_zone(rest, &east) || !make_tm(numbers, &tm))
		return false;
	*ret_ms = ((int64_t)timegm(&tm) - east) * MS_PER_S;
	return true;
}

static bool parse_duration(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	uint64_t ms;

	/* A bare number may be meant as anything. */
	if (text[strspn(text, "0123456789")] == '\0' ||
	    !units_parse_time_ms(text, &ms) || ms > (uint64_t)(INT64_MAX - now_ms))
		return false;
	*ret_ms = now_ms + (int64_t)ms;
	return true;
}

bool ctl_parse_until(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	return parse_clock(text, now_ms, ret_ms) ||
	       parse_local(text, ret_ms) || parse_rfc3339(text, ret_ms) ||
	       parse_duration(text, now_ms, ret_ms);
}
