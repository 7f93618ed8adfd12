#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/mqtt/backoff.h"

/* The random bits that leave the wait without jitter. */
#define MIDDLE (UINT32_MAX / 2)

static void assert_about(uint64_t got, uint64_t expected)
{
	assert_in_range(got, expected - 1, expected + 1);
}

static void waits_double_up_to_the_longest(void **state)
{
	static const uint64_t expected_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct backoff backoff = {.min_ms = 1000, .max_ms = 60000};

	for (size_t i = 0; i < sizeof(expected_s) / sizeof(*expected_s); i++)
		assert_about(backoff_next_ms(&backoff, MIDDLE),
			     expected_s[i] * 1000);
}

static void the_longest_wait_stays_after_years(void **state)
{
	struct backoff backoff = {.min_ms = 1000, .max_ms = 60000};

	for (int i = 0; i < 1000; i++)
		backoff_next_ms(&backoff, MIDDLE);
	assert_about(backoff_next_ms(&backoff, MIDDLE), 60000);
}

static void jitter_stays_within_a_fifth(void **state)
{
	struct backoff low = {.min_ms = 1000, .max_ms = 60000};
	struct backoff high = low;

	assert_about(backoff_next_ms(&low, 0), 800);
	assert_about(backoff_next_ms(&high, UINT32_MAX), 1200);
	backoff_exhaust(&low);
	backoff_exhaust(&high);
	assert_about(backoff_next_ms(&low, 0), 48000);
	assert_about(backoff_next_ms(&high, UINT32_MAX), 72000);
}

static void a_spread_lies_anywhere_within_it(void **state)
{
	const uint64_t day_ms = 24 * 60 * 60 * 1000;

	assert_int_equal(backoff_spread_ms(0, UINT32_MAX), 0);
	assert_int_equal(backoff_spread_ms(day_ms, 0), 0);
	assert_about(backoff_spread_ms(day_ms, MIDDLE), day_ms / 2);
	assert_about(backoff_spread_ms(day_ms, UINT32_MAX), day_ms);
}

static void exhausted_means_the_longest_wait_next(void **state)
{
	struct backoff backoff = {.min_ms = 1000, .max_ms = 60000};

	backoff_exhaust(&backoff);
	assert_about(backoff_next_ms(&backoff, MIDDLE), 60000);
}

static void reset_starts_over(void **state)
{
	struct backoff backoff = {.min_ms = 1000, .max_ms = 60000};

	backoff_exhaust(&backoff);
	backoff_reset(&backoff);
	assert_about(backoff_next_ms(&backoff, MIDDLE), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_the_longest),
		cmocka_unit_test(the_longest_wait_stays_after_years),
		cmocka_unit_test(jitter_stays_within_a_fifth),
		cmocka_unit_test(a_spread_lies_anywhere_within_it),
		cmocka_unit_test(exhausted_means_the_longest_wait_next),
		cmocka_unit_test(reset_starts_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
