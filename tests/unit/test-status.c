#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "otad/model/offer.h"
#include "otad/update/updater.h"

#include "../../src/otad/status.h"
#include "fake/updater.h"

struct fixture {
	struct updater *updater;
	struct status status;
};

static int setup(void **state)
{
	static struct fixture fx;

	fx = (struct fixture){ .updater = fake_updater_new() };
	assert_non_null(fx.updater);
	*state = &fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	updater_free(fx->updater);
	return 0;
}

static const char *shown(struct fixture *fx)
{
	status_tell(&fx->status, fx->updater);
	return fx->status.shown;
}

static struct job_view job_in(enum job_state state)
{
	return (struct job_view){
		.device = "self",
		.module = "app",
		.version = "1.2.0",
		.state = state,
		.total_bytes = OFFER_SIZE_UNKNOWN,
	};
}

static void the_connection_is_told_and_why_there_is_none(void **state)
{
	struct fixture *fx = *state;
	struct updater_status *now = fake_updater_status(fx->updater);

	assert_string_equal(shown(fx), "otad 1.0.0. Connected to hanqi");
	now->connected = false;
	assert_string_equal(shown(fx), "otad 1.0.0. Connecting to hanqi");
	now->trouble = "connect to broker: refused\nand more";
	assert_string_equal(
		shown(fx),
		"otad 1.0.0. Not connected to hanqi: connect to broker: refused and more");
}

static void a_trial_and_a_hold_are_told(void **state)
{
	struct fixture *fx = *state;
	struct updater_status *now = fake_updater_status(fx->updater);

	now->trial = now->held = true;
	assert_string_equal(
		shown(fx),
		"otad 1.0.0 on trial. Connected to hanqi; updates are held");
}

static void a_download_has_percent_size_speed_and_time(void **state)
{
	struct fixture *fx = *state;
	struct job_view job = job_in(JOB_STATE_DOWNLOADING);

	job.total_bytes = 10 * 1024 * 1024;
	job.received_bytes = 4 * 1024 * 1024;
	job.download_percent = 40;
	status_take_job(&fx->status, &job);
	assert_string_equal(
		shown(fx),
		"otad 1.0.0. Connected to hanqi; app 1.2.0: downloading 40% of 10.0 MiB");
	job.bytes_per_second = 64 * 1024;
	job.download_percent = 41;
	status_take_job(&fx->status, &job);
	assert_string_equal(
		shown(fx),
		"otad 1.0.0. Connected to hanqi; app 1.2.0: downloading 41% of 10.0 MiB at 64.0 KiB/s, 1:36 left");
}

static void a_download_is_told_once_for_each_per_cent(void **state)
{
	struct fixture *fx = *state;
	struct job_view job = job_in(JOB_STATE_DOWNLOADING);
	char before[STATUS_TEXT_SIZE];

	job.received_bytes = 700;
	status_take_job(&fx->status, &job);
	strcpy(before, shown(fx));
	assert_non_null(strstr(before, "downloading, 700 B so far"));
	job.received_bytes = 800;
	status_take_job(&fx->status, &job);
	assert_string_equal(shown(fx), before);
	/* Another job, at the same per cent. */
	job.module = "other";
	status_take_job(&fx->status, &job);
	assert_non_null(strstr(shown(fx), "other 1.2.0: downloading, 800 B"));
}

static void a_job_that_waits_says_why_and_others_are_counted(void **state)
{
	struct fixture *fx = *state;
	struct job_view job = job_in(JOB_STATE_AVAILABLE);

	job.device = "meter-17";
	job.waiting = "outside of the window";
	fake_updater_status(fx->updater)->jobs = 3;
	status_take_job(&fx->status, &job);
	assert_string_equal(
		shown(fx),
		"otad 1.0.0. Connected to hanqi; meter-17 app 1.2.0: waiting: outside of the window, and 2 more");
}

static void the_end_stays_with_its_reason(void **state)
{
	struct fixture *fx = *state;
	struct job_view job = job_in(JOB_STATE_ROLLED_BACK);

	job.message = "health check failed";
	status_take_job(&fx->status, &job);
	assert_string_equal(
		shown(fx),
		"otad 1.0.0. Connected to hanqi; last: app 1.2.0 rolled-back: health check failed");
	job = job_in(JOB_STATE_SUCCEEDED);
	status_take_job(&fx->status, &job);
	assert_string_equal(
		shown(fx),
		"otad 1.0.0. Connected to hanqi; last: app 1.2.0 succeeded");
}

static void long_texts_are_cut(void **state)
{
	struct fixture *fx = *state;
	struct job_view job = job_in(JOB_STATE_FAILED);
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	job.device = job.module = job.version = job.message = text;
	fake_updater_status(fx->updater)->connected = false;
	fake_updater_status(fx->updater)->trouble = text;
	status_take_job(&fx->status, &job);
	assert_true(strlen(shown(fx)) < STATUS_TEXT_SIZE);
	assert_true(strncmp(shown(fx), "otad 1.0.0. Not connected", 25) == 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_connection_is_told_and_why_there_is_none),
		TEST(a_trial_and_a_hold_are_told),
		TEST(a_download_has_percent_size_speed_and_time),
		TEST(a_download_is_told_once_for_each_per_cent),
		TEST(a_job_that_waits_says_why_and_others_are_counted),
		TEST(the_end_stays_with_its_reason),
		TEST(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
