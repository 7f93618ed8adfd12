#include "text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "otad/base/utf8.h"

#define MS_PER_S 1000
#define MS_PER_MIN (60 * MS_PER_S)
#define MS_PER_H (60 * MS_PER_MIN)
#define MS_PER_D (24 * MS_PER_H)

#define UTF8_MAX_BYTES 4
#define MALFORMED UINT32_MAX

/* One character; MALFORMED takes one byte. Returns the bytes it takes. */
static size_t decode(const char *text, uint32_t *ret_code)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = utf8_length(at, at + strnlen(text, UTF8_MAX_BYTES));

	*ret_code = MALFORMED;
	if (length == 0)
		return 1;
	*ret_code = length == 1 ? *at : *at & (0x7fu >> length);
	for (size_t i = 1; i < length; i++)
		*ret_code = *ret_code << 6 | (at[i] & 0x3fu);
	return length;
}

/* A terminal would obey it, or show the text in another order than it has. */
static bool is_obeyed(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) ||
	       code == 0x061c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

char *ctl_clean(const char *text)
{
	const char *from = text ? text : "";
	char *clean = malloc(strlen(from) + 1);
	char *to = clean;

	if (!clean)
		return NULL;
	while (*from) {
		uint32_t code;
		size_t length = decode(from, &code);

		if (code == MALFORMED) {
			*to++ = '?';
		} else if (code == '\n' || code == '\t' || code == '\r') {
			*to++ = ' ';
		} else if (!is_obeyed(code)) {
			memcpy(to, from, length);
			to += length;
		}
		from += length;
	}
	*to = '\0';
	return clean;
}

static unsigned columns_of(uint32_t code)
{
	int width = code == MALFORMED ? 1 : wcwidth((wchar_t)code);

	return width < 0 ? 1 : (unsigned)width;
}

unsigned ctl_columns(const char *text)
{
	unsigned columns = 0;

	while (*text) {
		uint32_t code;

		text += decode(text, &code);
		columns += columns_of(code);
	}
	return columns;
}

void ctl_put_padded(FILE *out, const char *text, unsigned columns)
{
	unsigned used = ctl_columns(text);

	fprintf(out, "%s%*s", text, used < columns ? (int)(columns - used) : 0, "");
}

/* The bytes of `text` that fit into `columns`. */
static size_t bytes_within(const char *text, unsigned columns)
{
	const char *at = text;
	unsigned used = 0;

	while (*at) {
		uint32_t code;
		size_t length = decode(at, &code);

		used += columns_of(code);
		if (used > columns)
			break;
		at += length;
	}
	return (size_t)(at - text);
}

char *ctl_fit(const char *text, unsigned columns)
{
	char *fitted = NULL;

	if (ctl_columns(text) <= columns)
		return strdup(text);
	if (columns == 0)
		return strdup("");
	if (asprintf(&fitted, "%.*s~", (int)bytes_within(text, columns - 1),
		     text) < 0)
		return NULL;
	return fitted;
}

/* The bytes of the first line: up to the last space within, else all that fit. */
static size_t line_bytes(const char *text, unsigned columns)
{
	size_t fits = bytes_within(text, columns);
	size_t end = fits;

	if (!text[fits])
		return fits;
	while (end > 0 && text[end] != ' ')
		end--;
	return end > 0 ? end : fits;
}

void ctl_put_hanging(FILE *out, const char *text, unsigned indent,
		     unsigned columns)
{
	/* Too narrow to break sensibly: the terminal may do it. */
	unsigned room = columns > indent + CTL_MIN_ROOM ? columns - indent :
							  UINT32_MAX;
	int margin = 0;

	do {
		size_t length = line_bytes(text, room);

		fprintf(out, "%*s%.*s\n", margin, "", (int)length, text);
		text += length;
		text += strspn(text, " ");
		margin = (int)indent;
	} while (*text);
}

void ctl_put_wrapped(FILE *out, const char *text, unsigned indent,
		     unsigned columns)
{
	fprintf(out, "%*s", (int)indent, "");
	ctl_put_hanging(out, text, indent, columns);
}

const char *ctl_format_size(uint64_t bytes, char *buffer)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(buffer, CTL_SHORT_TEXT, "%" PRIu64 " B", bytes);
		return buffer;
	}
	while (value >= 999.95 && unit + 1 < OTA_ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(buffer, CTL_SHORT_TEXT, "%.1f %s", value, units[unit]);
	return buffer;
}

const char *ctl_format_duration(int64_t ms, char *buffer)
{
	int64_t amount = ms;
	const char *unit = "ms";

	if (ms >= 2 * (int64_t)MS_PER_D) {
		amount = ms / MS_PER_D;
		unit = "d";
	} else if (ms >= 2 * MS_PER_H) {
		amount = ms / MS_PER_H;
		unit = "h";
	} else if (ms >= 2 * MS_PER_MIN) {
		amount = ms / MS_PER_MIN;
		unit = "min";
	} else if (ms >= MS_PER_S) {
		amount = ms / MS_PER_S;
		unit = "s";
	}
	snprintf(buffer, CTL_SHORT_TEXT, "%" PRId64 " %s", amount, unit);
	return buffer;
}

const char *ctl_format_clock(uint64_t seconds, char *buffer)
{
	if (seconds >= 3600)
		snprintf(buffer, CTL_SHORT_TEXT, "%" PRIu64 ":%02u:%02u",
			 seconds / 3600, (unsigned)(seconds / 60 % 60),
			 (unsigned)(seconds % 60));
	else
		snprintf(buffer, CTL_SHORT_TEXT, "%u:%02u",
			 (unsigned)(seconds / 60), (unsigned)(seconds % 60));
	return buffer;
}

const char *ctl_format_time(int64_t wall_ms, char *buffer)
{
	time_t seconds = (time_t)(wall_ms / MS_PER_S);
	struct tm local;

	if (wall_ms == 0 || !localtime_r(&seconds, &local) ||
	    strftime(buffer, CTL_SHORT_TEXT, "%Y-%m-%d %H:%M:%S", &local) == 0)
		snprintf(buffer, CTL_SHORT_TEXT, "never");
	return buffer;
}

const char *ctl_format_ago(int64_t wall_ms, int64_t now_ms, char *buffer)
{
	char duration[CTL_SHORT_TEXT];
	char time_text[CTL_SHORT_TEXT];
	int64_t ago_ms;

	/* A clock that was set in between makes no sense of a difference. */
	if (wall_ms == 0 || __builtin_sub_overflow(now_ms, wall_ms, &ago_ms) ||
	    ago_ms < 0 || ago_ms >= MS_PER_D) {
		snprintf(buffer, CTL_SHORT_TEXT, "%s%s", wall_ms ? "on " : "",
			 ctl_format_time(wall_ms, time_text));
		return buffer;
	}
	if (ago_ms < MS_PER_S) {
		snprintf(buffer, CTL_SHORT_TEXT, "just now");
		return buffer;
	}
	snprintf(buffer, CTL_SHORT_TEXT, "%.*s ago", 20,
		 ctl_format_duration(ago_ms, duration));
	return buffer;
}

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / 1000000;
}

int64_t ctl_now_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t ctl_monotonic_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}
