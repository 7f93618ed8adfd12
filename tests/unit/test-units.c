#include "otad/base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Rules in the POSIX form, so that no database of zones is needed. */
#define ZONE_UTC "UTC0"
#define ZONE_BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define ZONE_LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"

struct value {
	const char *text;
	uint64_t value;
};

typedef bool (*parse_fn)(const char *text, uint64_t *ret_value);

static void accepts(parse_fn parse, const struct value *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 42;

		if (!parse(values[i].text, &value))
			fail_msg("\"%s\" was refused", values[i].text);
		if (value != values[i].value)
			fail_msg("\"%s\" became %ju", values[i].text,
				 (uintmax_t)value);
	}
}

static void refuses(parse_fn parse, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 42;

		if (parse(texts[i], &value))
			fail_msg("\"%s\" became %ju", texts[i],
				 (uintmax_t)value);
		assert_int_equal(value, 42);
	}
}

static void times_are_read(void **state)
{
	static const struct value good[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "500ms", 500 },
		{ "30s", 30 * SECOND },
		{ "30", 30 * SECOND },
		{ "5min", 5 * MINUTE },
		{ "1h", HOUR },
		{ "2d", 2 * DAY },
		{ "1min 30s", 90 * SECOND },
		{ "1min30s", 90 * SECOND },
		{ "1d  2h 3min 4s 5ms",
		  DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + 5 },
		{ "007s", 7 * SECOND },
		{ "36500d", 36500 * DAY },
		{ "3153600000", 36500 * DAY },
	};

	accepts(units_parse_time_ms, good, OTA_ARRAY_SIZE(good));
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", "s", "min", " 30s", "30s ", "30 s", "30 ", "-1s",
		"+1s", "1.5h", "1e3", "0x10", "30S", "30sec", "30m", "5Min",
		"1w", "1min 30", "30 5s", "infinity", "1h,30min", "30s\n",
		"\t30s", "3\xC2\xB5s", "36500d 1ms", "3153600001",
		"18446744073709551615ms", "18446744073709551616",
		"18446744073709551617s", "213503982335d",
		"99999999999999999999999999d",
		"18446744073709551615ms 1ms",
	};

	refuses(units_parse_time_ms, bad, OTA_ARRAY_SIZE(bad));
}

static void sizes_are_read(void **state)
{
	static const struct value good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "512K", 512 * 1024 },
		{ "1M", 1024 * 1024 },
		{ "2G", UINT64_C(2) << 30 },
		{ "1T", UINT64_C(1) << 40 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215T", UINT64_C(16777215) << 40 },
	};

	accepts(units_parse_size, good, OTA_ARRAY_SIZE(good));
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "K", "1k", "1KB", "1KiB", "1 K", " 1K", "1K ", "-1", "+1",
		"1.5M", "1E", "0x10", "1K1", "18446744073709551616",
		"16777216T", "18014398509481984K",
	};

	refuses(units_parse_size, bad, OTA_ARRAY_SIZE(bad));
}

static void booleans_are_read_in_any_case(void **state)
{
	static const char *const yes[] = { "yes", "Yes", "TRUE", "on", "1" };
	static const char *const no[] = { "no", "NO", "false", "Off", "0" };
	static const char *const bad[] = { "",	  "y",	 "n",  "2",  "yes ",
					   " no", "t",	 "01", "enabled",
					   "ja",  "-1", "yesno" };
	bool value;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(yes); i++) {
		value = false;
		assert_true(units_parse_bool(yes[i], &value));
		assert_true(value);
	}
	for (size_t i = 0; i < OTA_ARRAY_SIZE(no); i++) {
		value = true;
		assert_true(units_parse_bool(no[i], &value));
		assert_false(value);
	}
	for (size_t i = 0; i < OTA_ARRAY_SIZE(bad); i++)
		assert_false(units_parse_bool(bad[i], &value));
}

static void percentages_go_from_0_to_100(void **state)
{
	static const char *const bad[] = { "",	 "%",	 "101", "101%", "-1",
					   "+5", "5 %",	 "5%%", " 5%",	"5% ",
					   "5.5%", "18446744073709551716" };
	unsigned value = 0;

	assert_true(units_parse_percent("20%", &value));
	assert_int_equal(value, 20);
	assert_true(units_parse_percent("0", &value));
	assert_int_equal(value, 0);
	assert_true(units_parse_percent("100%", &value));
	assert_int_equal(value, 100);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(bad); i++)
		if (units_parse_percent(bad[i], &value))
			fail_msg("\"%s\" was accepted", bad[i]);
}

static void numbers_keep_to_their_limits(void **state)
{
	uint64_t value = 0;

	assert_true(units_parse_number("1883", 1, 65535, &value));
	assert_int_equal(value, 1883);
	assert_true(units_parse_number("1", 1, 65535, &value));
	assert_true(units_parse_number("65535", 1, 65535, &value));
	assert_true(units_parse_number("18446744073709551615", 0, UINT64_MAX,
				       &value));
	value = 42;
	assert_false(units_parse_number("0", 1, 65535, &value));
	assert_false(units_parse_number("65536", 1, 65535, &value));
	assert_false(units_parse_number("", 0, 1, &value));
	assert_false(units_parse_number("-1", 0, 1, &value));
	assert_false(units_parse_number("1x", 0, 1, &value));
	assert_false(units_parse_number(" 1", 0, 1, &value));
	assert_false(units_parse_number("18446744073709551616", 0, UINT64_MAX,
					&value));
	assert_int_equal(value, 42);
}

static struct time_window window(const char *text)
{
	struct time_window result = { .always = false };

	assert_true(units_parse_window(text, &result));
	return result;
}

static void windows_are_read(void **state)
{
	struct time_window w = window("02:00-05:30");

	assert_false(w.always);
	assert_int_equal(w.start_min, 120);
	assert_int_equal(w.end_min, 330);
	w = window("22:00-04:00");
	assert_int_equal(w.start_min, 22 * 60);
	assert_int_equal(w.end_min, 4 * 60);
	w = window("00:00-23:59");
	assert_int_equal(w.end_min, 1439);
	assert_true(window("").always);
}

static void what_is_no_window_is_refused(void **state)
{
	static const char *const bad[] = {
		" ", "02:00", "02:00-", "-05:00", "2:00-5:00", "02:00-5:00",
		"02:00 - 05:00", "02:00-05:00 ", " 02:00-05:00", "24:00-05:00",
		"22:00-24:00", "02:60-05:00", "02:00-02:00", "0200-0500",
		"02:00-05:00-06:00", "02:00,05:00", "aa:bb-cc:dd", "+2:00-05:00",
		"02:00-05:0", "02:0", "always",
	};
	struct time_window w = { .always = true, .start_min = 7 };

	for (size_t i = 0; i < OTA_ARRAY_SIZE(bad); i++) {
		if (units_parse_window(bad[i], &w))
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_true(w.always);
		assert_int_equal(w.start_min, 7);
	}
}

/* Milliseconds since 1970 of a time in UTC. */
static int64_t utc(int year, int month, int day, int hour, int minute)
{
	struct tm tm = { .tm_year = year - 1900,
			 .tm_mon = month - 1,
			 .tm_mday = day,
			 .tm_hour = hour,
			 .tm_min = minute };

	return timegm(&tm) * SECOND;
}

static int64_t wait_ms(const char *text, int64_t wall_ms)
{
	struct time_window w = window(text);

	return (int64_t)time_window_wait_ms(&w, wall_ms);
}

static void use_zone(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
}

static void inside_the_window_there_is_no_wait(void **state)
{
	use_zone(ZONE_UTC);
	assert_int_equal(wait_ms("02:00-05:00", utc(2026, 6, 1, 2, 0)), 0);
	assert_int_equal(wait_ms("02:00-05:00", utc(2026, 6, 1, 4, 59) +
							MINUTE - 1),
			 0);
	assert_int_equal(wait_ms("", utc(2026, 6, 1, 12, 0)), 0);
}

static void before_the_window_the_wait_ends_at_its_start(void **state)
{
	use_zone(ZONE_UTC);
	assert_int_equal(wait_ms("02:00-05:00", utc(2026, 6, 1, 0, 0)),
			 2 * HOUR);
	assert_int_equal(wait_ms("02:00-05:00",
				 utc(2026, 6, 1, 1, 59) + 30250),
			 29750);
	assert_int_equal(wait_ms("02:00-05:00", utc(2026, 6, 1, 5, 0)),
			 21 * HOUR);
	assert_int_equal(wait_ms("02:00-05:00", utc(2026, 12, 31, 12, 0)),
			 14 * HOUR);
	assert_int_equal(wait_ms("13:37-13:38", utc(2026, 6, 1, 13, 38)),
			 DAY - MINUTE);
}

static void a_window_may_wrap_over_midnight(void **state)
{
	use_zone(ZONE_UTC);
	assert_int_equal(wait_ms("22:00-04:00", utc(2026, 6, 1, 23, 0)), 0);
	assert_int_equal(wait_ms("22:00-04:00", utc(2026, 6, 1, 0, 0)), 0);
	assert_int_equal(wait_ms("22:00-04:00", utc(2026, 6, 1, 3, 59)), 0);
	assert_int_equal(wait_ms("22:00-04:00", utc(2026, 6, 1, 4, 0)),
			 18 * HOUR);
	assert_int_equal(wait_ms("22:00-00:00", utc(2026, 6, 1, 0, 0)),
			 22 * HOUR);
}

static void the_window_is_in_local_time(void **state)
{
	use_zone(ZONE_BERLIN);
	assert_int_equal(wait_ms("02:00-05:00", utc(2026, 1, 10, 1, 0)), 0);
	assert_int_equal(wait_ms("02:00-05:00", utc(2026, 7, 10, 0, 0)), 0);
	assert_int_equal(wait_ms("02:00-05:00", utc(2026, 7, 9, 23, 0)), HOUR);
}

static void a_start_that_spring_skips_opens_when_the_clock_jumps(void **state)
{
	/* 2026-03-29 01:00 UTC: 02:00 CET becomes 03:00 CEST. */
	use_zone(ZONE_BERLIN);
	assert_int_equal(wait_ms("02:30-05:00", utc(2026, 3, 29, 0, 30)),
			 30 * MINUTE);
	assert_int_equal(wait_ms("02:30-05:00", utc(2026, 3, 28, 12, 0)),
			 13 * HOUR);
}

static void a_window_that_spring_skips_waits_for_the_next_night(void **state)
{
	use_zone(ZONE_BERLIN);
	assert_int_equal(wait_ms("02:00-03:00", utc(2026, 3, 29, 0, 30)),
			 23 * HOUR + 30 * MINUTE);
}

static void a_window_behind_the_spring_jump_comes_an_hour_early(void **state)
{
	use_zone(ZONE_BERLIN);
	assert_int_equal(wait_ms("04:00-05:00", utc(2026, 3, 28, 12, 0)),
			 14 * HOUR);
	use_zone(ZONE_LORD_HOWE);
	/* 2026-10-03 15:30 UTC: 02:00 becomes 02:30. */
	assert_int_equal(wait_ms("03:00-04:00", utc(2026, 10, 3, 12, 30)),
			 3 * HOUR + 30 * MINUTE);
}

static void an_hour_that_autumn_repeats_opens_twice(void **state)
{
	/* 2026-10-25 01:00 UTC: 03:00 CEST becomes 02:00 CET. */
	use_zone(ZONE_BERLIN);
	assert_int_equal(wait_ms("02:00-02:30", utc(2026, 10, 25, 0, 10)), 0);
	assert_int_equal(wait_ms("02:00-02:30", utc(2026, 10, 25, 0, 40)),
			 20 * MINUTE);
	/* Not from its start: the clock falls back into its middle. */
	assert_int_equal(wait_ms("22:00-02:30", utc(2026, 10, 25, 0, 40)),
			 20 * MINUTE);
	assert_int_equal(wait_ms("04:00-05:00", utc(2026, 10, 24, 12, 0)),
			 15 * HOUR);
}

static void wherever_the_wait_ends_the_window_is_open(void **state)
{
	static const char *const texts[] = { "02:00-05:00", "22:00-04:00",
					     "02:30-02:31", "01:59-02:01",
					     "03:00-02:59", "23:59-00:00" };
	static const char *const zones[] = { ZONE_UTC, ZONE_BERLIN,
					     ZONE_LORD_HOWE };
	int64_t step = 37 * MINUTE + 11 * SECOND;

	for (size_t z = 0; z < OTA_ARRAY_SIZE(zones); z++) {
		use_zone(zones[z]);
		for (size_t i = 0; i < OTA_ARRAY_SIZE(texts); i++) {
			int64_t at = utc(2026, 3, 27, 0, 0);

			for (; at < utc(2026, 4, 7, 0, 0); at += step) {
				int64_t wait = wait_ms(texts[i], at);

				assert_int_equal(wait_ms(texts[i], at + wait),
						 0);
				assert_true(wait == 0 ||
					    wait_ms(texts[i],
						    at + wait - 1) == 1);
			}
		}
	}
}

static const char *format(int64_t wall_ms)
{
	static char buffer[32];

	return units_format_time(wall_ms, buffer, sizeof(buffer));
}

static void times_are_written_with_their_offset(void **state)
{
	use_zone(ZONE_BERLIN);
	assert_string_equal(format(utc(2026, 11, 21, 7, 0)),
			    "2026-11-21T08:00:00+01:00");
	assert_string_equal(format(utc(2026, 7, 1, 22, 30) + 59999),
			    "2026-07-02T00:30:59+02:00");
	use_zone(ZONE_UTC);
	assert_string_equal(format(0), "1970-01-01T00:00:00+00:00");
	assert_string_equal(format(-1), "1969-12-31T23:59:59+00:00");
	use_zone("<-0330>3:30");
	assert_string_equal(format(0), "1969-12-31T20:30:00-03:30");
}

static void a_time_beyond_reason_still_fits(void **state)
{
	use_zone(ZONE_UTC);
	assert_true(strlen(format(INT64_MAX)) < 32);
	assert_true(strlen(format(INT64_MIN)) < 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(sizes_are_read),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(booleans_are_read_in_any_case),
		cmocka_unit_test(percentages_go_from_0_to_100),
		cmocka_unit_test(numbers_keep_to_their_limits),
		cmocka_unit_test(windows_are_read),
		cmocka_unit_test(what_is_no_window_is_refused),
		cmocka_unit_test(inside_the_window_there_is_no_wait),
		cmocka_unit_test(before_the_window_the_wait_ends_at_its_start),
		cmocka_unit_test(a_window_may_wrap_over_midnight),
		cmocka_unit_test(the_window_is_in_local_time),
		cmocka_unit_test(
			a_start_that_spring_skips_opens_when_the_clock_jumps),
		cmocka_unit_test(
			a_window_that_spring_skips_waits_for_the_next_night),
		cmocka_unit_test(
			a_window_behind_the_spring_jump_comes_an_hour_early),
		cmocka_unit_test(an_hour_that_autumn_repeats_opens_twice),
		cmocka_unit_test(wherever_the_wait_ends_the_window_is_open),
		cmocka_unit_test(times_are_written_with_their_offset),
		cmocka_unit_test(a_time_beyond_reason_still_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
