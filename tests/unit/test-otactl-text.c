#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <locale.h>
#include <time.h>

#include <cmocka.h>
#include <json-c/json_object.h>

#include "otad/base/json.h"

#include "../../src/otactl/bar.h"
#include "../../src/otactl/job.h"
#include "../../src/otactl/text.h"
#include "../../src/otactl/when.h"

/* 2026-11-21 08:00:00 UTC */
#define NOW_MS 1795248000000

static void expect_clean(const char *text, const char *expected)
{
	char *clean = ctl_clean(text);

	assert_string_equal(clean, expected);
	free(clean);
}

static void what_a_terminal_obeys_is_taken_out(void **state)
{
	expect_clean("plain", "plain");
	expect_clean(NULL, "");
	expect_clean("a\tb\r\nc", "a b  c");
	expect_clean("\x1b[2J\x07\x7f", "[2J");
	expect_clean("\xc2\x9b" "31m\xc2\x85", "31m");
	expect_clean("\xc2\xa0\xc3\xa9", "\xc2\xa0\xc3\xa9");
	/* U+202E turns text around, U+2066 isolates it, U+2028 ends a line. */
	expect_clean("a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\xa8" "d", "abcd");
	expect_clean("\xe7\x94\xb5\xe8\xa1\xa8", "\xe7\x94\xb5\xe8\xa1\xa8");
}

static void what_is_no_utf8_is_shown_as_such(void **state)
{
	expect_clean("a\xff" "b\xc3", "a?b?");
	expect_clean("\x9b" "31m", "?31m");
	expect_clean("\xf0\x9f\x98", "???");
	/* Overlong: an escape in disguise. */
	expect_clean("\xc0\x9b", "??");
}

static void columns_are_those_of_the_terminal(void **state)
{
	assert_int_equal(ctl_columns(""), 0);
	assert_int_equal(ctl_columns("abc"), 3);
	assert_int_equal(ctl_columns("\xe7\x94\xb5\xe8\xa1\xa8"), 4);
	assert_int_equal(ctl_columns("e\xcc\x81"), 1); /* a combining accent */
}

static void expect_fit(const char *text, unsigned columns, const char *expected)
{
	char *fitted = ctl_fit(text, columns);

	assert_string_equal(fitted, expected);
	free(fitted);
}

static void what_is_too_long_is_cut_between_characters(void **state)
{
	expect_fit("abcdef", 6, "abcdef");
	expect_fit("abcdef", 5, "abcd~");
	expect_fit("abcdef", 1, "~");
	expect_fit("abcdef", 0, "");
	expect_fit("\xe7\x94\xb5\xe8\xa1\xa8\xe7\x94\xb5", 5,
		   "\xe7\x94\xb5\xe8\xa1\xa8~");
	expect_fit("\xe7\x94\xb5\xe8\xa1\xa8\xe7\x94\xb5", 4, "\xe7\x94\xb5~");
}

static void expect_wrapped(const char *text, unsigned indent, unsigned columns,
			   const char *expected)
{
	char *written = NULL;
	size_t size;
	FILE *out = open_memstream(&written, &size);

	ctl_put_wrapped(out, text, indent, columns);
	fclose(out);
	assert_string_equal(written, expected);
	free(written);
}

static void lines_break_at_spaces(void **state)
{
	expect_wrapped("one two three four five six", 2, 26,
		       "  one two three four five\n  six\n");
	expect_wrapped("012345678901234567890123456789", 2, 26,
		       "  012345678901234567890123\n  456789\n");
	expect_wrapped("one two", 4, 0, "    one two\n");
	expect_wrapped("too narrow to break anything at all", 4, 20,
		       "    too narrow to break anything at all\n");
	expect_wrapped("", 4, 80, "    \n");
}

static void sizes_and_times_are_short(void **state)
{
	char text[CTL_SHORT_TEXT];

	assert_string_equal(ctl_format_size(0, text), "0 B");
	assert_string_equal(ctl_format_size(1023, text), "1023 B");
	assert_string_equal(ctl_format_size(1024, text), "1.0 KiB");
	assert_string_equal(ctl_format_size(1024 * 1024 - 1, text), "1.0 MiB");
	assert_string_equal(ctl_format_size(UINT64_MAX, text), "16.0 EiB");
	assert_string_equal(ctl_format_duration(999, text), "999 ms");
	assert_string_equal(ctl_format_duration(119999, text), "119 s");
	assert_string_equal(ctl_format_duration(120000, text), "2 min");
	assert_string_equal(ctl_format_duration(5400000, text), "90 min");
	assert_string_equal(ctl_format_duration(7200000, text), "2 h");
	assert_string_equal(ctl_format_duration(3 * 86400000LL, text), "3 d");
	assert_string_equal(ctl_format_clock(59, text), "0:59");
	assert_string_equal(ctl_format_clock(3599, text), "59:59");
	assert_string_equal(ctl_format_clock(3661, text), "1:01:01");
	assert_string_equal(ctl_format_time(0, text), "never");
	assert_string_equal(ctl_format_time(NOW_MS, text), "2026-11-21 08:00:00");
	assert_string_equal(ctl_format_ago(0, NOW_MS, text), "never");
	assert_string_equal(ctl_format_ago(NOW_MS, NOW_MS, text), "just now");
	assert_string_equal(ctl_format_ago(NOW_MS - 180000, NOW_MS, text),
			    "3 min ago");
	/* A clock that jumped, and what is long past: the time itself. */
	assert_string_equal(ctl_format_ago(NOW_MS, NOW_MS - 1, text),
			    "on 2026-11-21 08:00:00");
	assert_string_equal(ctl_format_ago(NOW_MS, NOW_MS + 86400000, text),
			    "on 2026-11-21 08:00:00");
}

/* ---- when ---- */

static void expect_until(const char *text, int64_t expected_s)
{
	int64_t ms = -1;

	if (!ctl_parse_until(text, NOW_MS, &ms) || ms != expected_s * 1000)
		fail_msg("%s: %lld", text, (long long)ms);
}

static void times_are_read_as_people_write_them(void **state)
{
	const int64_t now = NOW_MS / 1000;

	expect_until("08:01", now + 60);
	expect_until("08:00", now + 24 * 3600); /* that of tomorrow */
	expect_until("00:00", now + 16 * 3600);
	expect_until("2026-11-21 22:30", now + 14 * 3600 + 1800);
	expect_until("2026-11-21 22:30:05", now + 14 * 3600 + 1805);
	expect_until("2026-11-21T08:00:01Z", now + 1);
	expect_until("2026-11-21T08:00:01.999z", now + 1);
	expect_until("2026-11-21T16:00:01+08:00", now + 1);
	expect_until("2026-11-21T03:30:01-04:30", now + 1);
	expect_until("2028-02-29 00:00", 1835395200);
	expect_until("2h", now + 7200);
	expect_until("1h 30min", now + 5400);
	/* What is over is read, too: the caller says so. */
	expect_until("2020-01-01 00:00", 1577836800);
}

static void a_time_of_day_is_that_of_the_clock_on_the_wall(void **state)
{
	int64_t ms;

	/* In the night to 2026-10-25 Berlin goes back by an hour. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	assert_true(ctl_parse_until("12:00", 1792837800000, &ms));
	setenv("TZ", "UTC", 1);
	tzset();
	assert_int_equal(ms, 1792926000000);
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "noon", "8:00", "08:0", "24:00", "08:60", "08:00x", "08:00:00",
		"2026-11-21", "2026-11-31 08:00", "2026-02-29 08:00",
		"2026-13-01 08:00", "2026-00-01 08:00", "2026-11-00 08:00",
		"2026-11-21 24:00", "2026-11-21 08:00:60", "2026-11-21  08:00",
		"2026-11-21T08:00:00", "2026-11-21T08:00Z", "2026-11-21T08:00:00+0800",
		"2026-11-21T08:00:00.Z", "2026-11-21T08:00:00+24:00",
		"30", "-2h", "2x", "99999999999999999999h", "9223372036854775807d",
	};
	int64_t ms;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(texts); i++) {
		if (ctl_parse_until(texts[i], NOW_MS, &ms))
			fail_msg("%s: %lld", texts[i], (long long)ms);
	}
}

/* ---- jobs in words ---- */

static struct json_object *parse(const char *text)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct json_object *json = json_parse_err(text, strlen(text), 65536, &err);

	assert_non_null(json);
	return json;
}

static void expect_note(const char *text, const char *expected)
{
	struct json_object *job = parse(text);
	char *note = ctl_job_note(job);

	assert_string_equal(note, expected);
	free(note);
	json_free(job);
}

static void a_note_says_what_matters_most(void **state)
{
	expect_note("{}", "");
	expect_note("{\"state\":\"failed\",\"error\":\"timeout\"}", "timeout");
	expect_note("{\"state\":\"failed\",\"error\":\"timeout\",\"message\":\"m\"}",
		    "timeout: m");
	expect_note("{\"state\":\"available\",\"waiting\":\"w\",\"message\":\"m\"}", "w");
	expect_note("{\"state\":\"succeeded\",\"message\":\"m\"}", "");
	expect_note("{\"state\":\"installing\",\"message\":\"m\"}", "m");
	expect_note("{\"state\":\"downloading\",\"received_bytes\":1024}", "1.0 KiB");
	expect_note("{\"state\":\"downloading\",\"received_bytes\":1024,"
		    "\"total_bytes\":3072,\"bytes_per_second\":1024}",
		    "1.0 KiB of 3.0 KiB, 1.0 KiB/s, 0:02 left");
	/* What no otad sends. */
	expect_note("{\"state\":\"downloading\",\"received_bytes\":-1,"
		    "\"total_bytes\":-1,\"bytes_per_second\":-9}",
		    "0 B");
	expect_note("{\"state\":7,\"error\":{},\"message\":[]}", "");
}

static const char *bar(const char *text, unsigned columns)
{
	static char kept[256];
	struct json_object *job = parse(text);
	char *line = ctl_bar(job, columns);

	assert_true(ctl_columns(line) <= columns);
	snprintf(kept, sizeof(kept), "%s", line);
	free(line);
	json_free(job);
	return kept;
}

#define BAR_JOB "{\"device\":\"self\",\"module\":\"app\",\"version\":\"1\"," \
		"\"state\":\"downloading\",\"bytes_per_second\":1048576," \
		"\"received_bytes\":0,\"total_bytes\":67108864,"

static void a_bar_fills_with_its_percentage(void **state)
{
	assert_string_equal(bar(BAR_JOB "\"progress_percent\":0}", 80),
			    "app 1                downloading "
			    "[>             ]   0%   1.0 MiB/s     1:04 left");
	assert_string_equal(bar(BAR_JOB "\"progress_percent\":50}", 80),
			    "app 1                downloading "
			    "[=======>      ]  50%   1.0 MiB/s     1:04 left");
	assert_string_equal(bar(BAR_JOB "\"progress_percent\":100}", 80),
			    "app 1                downloading "
			    "[==============] 100%   1.0 MiB/s     1:04 left");
	assert_string_equal(bar(BAR_JOB "\"progress_percent\":12345}", 80),
			    bar(BAR_JOB "\"progress_percent\":100}", 80));
}

static void a_bar_gives_way_to_the_narrow(void **state)
{
	for (unsigned columns = 0; columns < 200; columns++)
		bar(BAR_JOB "\"progress_percent\":50}", columns);
	assert_string_equal(bar(BAR_JOB "\"progress_percent\":50}", 45),
			    "app 1        downloading [======>      ]  50%");
	assert_string_equal(bar(BAR_JOB "\"progress_percent\":50}", 35),
			    "app 1        downloading   50%");
}

static int set_up_locale(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_terminal_obeys_is_taken_out),
		cmocka_unit_test(what_is_no_utf8_is_shown_as_such),
		cmocka_unit_test(columns_are_those_of_the_terminal),
		cmocka_unit_test(what_is_too_long_is_cut_between_characters),
		cmocka_unit_test(lines_break_at_spaces),
		cmocka_unit_test(sizes_and_times_are_short),
		cmocka_unit_test(times_are_read_as_people_write_them),
		cmocka_unit_test(a_time_of_day_is_that_of_the_clock_on_the_wall),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(a_note_says_what_matters_most),
		cmocka_unit_test(a_bar_fills_with_its_percentage),
		cmocka_unit_test(a_bar_gives_way_to_the_narrow),
	};

	return cmocka_run_group_tests(tests, set_up_locale, NULL);
}
