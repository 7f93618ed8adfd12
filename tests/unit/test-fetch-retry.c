#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/fetch/limits.h"
#include "../../src/fetch/pace.h"
#include "../../src/fetch/retry.h"

#define MIB (1024 * 1024ULL)

/* The random number that leaves a delay as it is: the middle of its jitter. */
static uint32_t no_jitter(uint64_t delay_ms)
{
	return (uint32_t)(delay_ms / 5);
}

static uint64_t delay_after(unsigned failures, uint64_t retry_after_ms,
			    uint64_t expected_ms)
{
	struct retry retry = { .failures = failures };

	return retry_delay_ms(&retry, &fetch_default_limits, retry_after_ms,
			      no_jitter(expected_ms));
}

static void delays_double_up_to_a_minute(void **state)
{
	assert_int_equal(delay_after(0, 0, 1000), 1000);
	assert_int_equal(delay_after(1, 0, 1000), 1000);
	assert_int_equal(delay_after(2, 0, 2000), 2000);
	assert_int_equal(delay_after(3, 0, 4000), 4000);
	assert_int_equal(delay_after(6, 0, 32000), 32000);
	assert_int_equal(delay_after(7, 0, 64000), 60000);
	assert_int_equal(delay_after(4000000000u, 0, 64000), 60000);
}

static void delays_vary_by_a_fifth(void **state)
{
	struct retry retry = { .failures = 1 };
	uint64_t least = UINT64_MAX, most = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t ms = retry_delay_ms(&retry, &fetch_default_limits, 0,
					     i * 2654435761u);

		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	assert_in_range(least, 800, 810);
	assert_in_range(most, 1190, 1200);
}

static void the_server_may_ask_for_more_but_not_for_hours(void **state)
{
	assert_int_equal(delay_after(1, 5000, 1000), 5000);
	assert_int_equal(delay_after(4, 5000, 8000), 8000);
	assert_int_equal(delay_after(1, 3600000, 1000), 60000);
	assert_int_equal(delay_after(1, UINT64_MAX - 1, 1000), 60000);
}

static void failures_in_a_row_are_counted(void **state)
{
	struct retry retry;

	retry_init(&retry, 3);
	assert_true(retry_failed(&retry, false));
	assert_true(retry_failed(&retry, false));
	assert_true(retry_failed(&retry, true));
	assert_true(retry_failed(&retry, false));
	assert_true(retry_failed(&retry, false));
	assert_false(retry_failed(&retry, false));
}

static void a_single_attempt_may_go_on_as_long_as_it_advances(void **state)
{
	struct retry retry;

	retry_init(&retry, 1);
	assert_true(retry_failed(&retry, true));
	assert_false(retry_failed(&retry, false));
}

static void all_attempts_together_have_a_limit(void **state)
{
	struct retry retry;

	retry_init(&retry, 10);
	retry.attempts = 999;
	assert_true(retry_is_sane(&retry, MIB));
	retry.attempts = 1000;
	assert_false(retry_is_sane(&retry, MIB));

	retry.attempts = 1;
	retry.received_bytes = 4 * MIB + 64 * MIB;
	assert_true(retry_is_sane(&retry, MIB));
	retry.received_bytes++;
	assert_false(retry_is_sane(&retry, MIB));
	assert_true(retry_is_sane(&retry, UINT64_MAX));
}

static void without_a_limit_nobody_waits(void **state)
{
	struct pace pace;

	pace_init(&pace, 0);
	assert_int_equal(pace_wait_ms(&pace, 0, 1, 0, SIZE_MAX / 2), 0);
	assert_int_equal(pace_buffer_bytes(0, 1000000), 1000000);
}

/* Played through: a hundred seconds of a server as quick as it may be. */
static void the_speed_is_kept_over_time(void **state)
{
	struct pace pace;
	uint64_t now_ms = 1000, bytes = 0;

	pace_init(&pace, now_ms);
	while (now_ms < 101000) {
		now_ms += pace_wait_ms(&pace, 1000000, 1, now_ms, 16384);
		bytes += 16384;
		now_ms++;
	}
	assert_in_range(bytes, 99000000, 101000000);
}

static void the_speed_is_shared(void **state)
{
	struct pace pace;

	pace_init(&pace, 0);
	assert_int_equal(pace_wait_ms(&pace, 1000000, 4, 0, 250000), 1000);
}

static void idle_time_is_saved_up_only_for_a_moment(void **state)
{
	struct pace pace;

	pace_init(&pace, 0);
	assert_int_equal(pace_wait_ms(&pace, 1000, 1, 3600000, 1250), 1000);
}

static void tiny_speeds_and_huge_ones_are_survived(void **state)
{
	struct pace pace;

	pace_init(&pace, 0);
	assert_int_equal(pace_wait_ms(&pace, 1, 100, 0, 16384), 16384000);
	pace_init(&pace, 0);
	assert_int_equal(pace_wait_ms(&pace, UINT64_MAX, 1, UINT64_MAX, 16384),
			 0);
	/* As many hours without a byte as make a product overflow. */
	pace_init(&pace, 0);
	assert_int_equal(pace_wait_ms(&pace, UINT64_MAX, 1, 3 << 22, 16384), 0);
	assert_int_equal(pace_buffer_bytes(1, 100000), 1024);
	assert_int_equal(pace_buffer_bytes(80000, 100000), 10000);
	assert_int_equal(pace_buffer_bytes(UINT64_MAX, 100000), 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_double_up_to_a_minute),
		cmocka_unit_test(delays_vary_by_a_fifth),
		cmocka_unit_test(the_server_may_ask_for_more_but_not_for_hours),
		cmocka_unit_test(failures_in_a_row_are_counted),
		cmocka_unit_test(
			a_single_attempt_may_go_on_as_long_as_it_advances),
		cmocka_unit_test(all_attempts_together_have_a_limit),
		cmocka_unit_test(without_a_limit_nobody_waits),
		cmocka_unit_test(the_speed_is_kept_over_time),
		cmocka_unit_test(the_speed_is_shared),
		cmocka_unit_test(idle_time_is_saved_up_only_for_a_moment),
		cmocka_unit_test(tiny_speeds_and_huge_ones_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
