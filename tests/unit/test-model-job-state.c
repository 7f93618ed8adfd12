#include "otad/model/job-state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_state_is_found_by_its_name(void **state)
{
	for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
		enum job_state parsed = JOB_STATE_COUNT;

		assert_true(job_state_parse(job_state_name((enum job_state)i),
					    &parsed));
		assert_int_equal(parsed, i);
	}
	assert_string_equal(job_state_name(JOB_STATE_BACKING_UP),
			    "backing-up");
	assert_string_equal(job_state_name(JOB_STATE_ROLLED_BACK),
			    "rolled-back");
}

static void other_names_are_no_state(void **state)
{
	enum job_state parsed = JOB_STATE_FAILED;

	assert_false(job_state_parse("", &parsed));
	assert_false(job_state_parse("Idle", &parsed));
	assert_false(job_state_parse("rolled_back", &parsed));
	assert_int_equal(parsed, JOB_STATE_FAILED);
	assert_string_equal(job_state_name(JOB_STATE_COUNT), "");
}

static void three_states_end_a_job(void **state)
{
	unsigned terminal = 0;

	for (unsigned i = 0; i < JOB_STATE_COUNT; i++)
		terminal += job_state_is_terminal((enum job_state)i);
	assert_int_equal(terminal, 3);
	assert_true(job_state_is_terminal(JOB_STATE_SUCCEEDED));
	assert_true(job_state_is_terminal(JOB_STATE_FAILED));
	assert_true(job_state_is_terminal(JOB_STATE_ROLLED_BACK));
}

static void progress_never_goes_back_before_the_end(void **state)
{
	unsigned before = 0;

	for (unsigned i = 0; i <= JOB_STATE_SUCCEEDED; i++) {
		for (unsigned download = 0; download <= 100; download++) {
			unsigned percent = job_overall_percent(
				(enum job_state)i, download, 0);

			assert_true(percent >= before);
			before = percent;
		}
	}
	assert_int_equal(before, 100);
}

static void only_success_is_a_hundred(void **state)
{
	assert_int_equal(job_overall_percent(JOB_STATE_DOWNLOADING, 45, 7), 45);
	assert_int_equal(job_overall_percent(JOB_STATE_DOWNLOADING, 100, 7),
			 90);
	assert_int_equal(job_overall_percent(JOB_STATE_VERIFYING, 100, 7), 95);
	assert_int_equal(job_overall_percent(JOB_STATE_BACKING_UP, 100, 7), 96);
	assert_int_equal(job_overall_percent(JOB_STATE_INSTALLING, 100, 7), 98);
	assert_int_equal(job_overall_percent(JOB_STATE_RESTARTING, 100, 7), 99);
	assert_int_equal(job_overall_percent(JOB_STATE_CONFIRMING, 100, 7), 99);
	assert_int_equal(job_overall_percent(JOB_STATE_SUCCEEDED, 0, 7), 100);
	assert_int_equal(job_overall_percent(JOB_STATE_IDLE, 50, 7), 0);
	assert_int_equal(job_overall_percent(JOB_STATE_AVAILABLE, 50, 7), 0);
}

static void a_failure_keeps_the_last_number(void **state)
{
	assert_int_equal(job_overall_percent(JOB_STATE_FAILED, 100, 43), 43);
	assert_int_equal(job_overall_percent(JOB_STATE_ROLLED_BACK, 100, 99),
			 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_is_found_by_its_name),
		cmocka_unit_test(other_names_are_no_state),
		cmocka_unit_test(three_states_end_a_job),
		cmocka_unit_test(progress_never_goes_back_before_the_end),
		cmocka_unit_test(only_success_is_a_hundred),
		cmocka_unit_test(a_failure_keeps_the_last_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
