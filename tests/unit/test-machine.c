#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/loop.h"

#include "../../src/update/machine.h"
#include "../../src/update/runner.h"
#include "../../src/update/updater-private.h"
#include "fake/loop.h"

/* The neighbours: what the machine asked for, and how the disk behaves. */
static struct {
	const char *action;
	unsigned actions, records, changes;
	bool swapped, disk_full;
	bool busy; /* steps wait */
	enum job_state recorded;
	enum job_state state_at_action;
} seen;

static void note(struct job *job, const char *action)
{
	seen.action = action;
	seen.actions++;
	seen.state_at_action = job->state;
}

#define FAKE_ACTION(name)                                                      \
	void name(struct job *job)                                             \
	{                                                                      \
		note(job, #name);                                              \
	}

FAKE_ACTION(wait_for_start)
FAKE_ACTION(start_download)
FAKE_ACTION(start_verify)
FAKE_ACTION(start_backup)
FAKE_ACTION(start_install)
FAKE_ACTION(wait_for_return)
FAKE_ACTION(resume_install)
FAKE_ACTION(start_restart)
FAKE_ACTION(resume_trial)
FAKE_ACTION(start_confirm)
FAKE_ACTION(start_undo)
FAKE_ACTION(retry_undo)
FAKE_ACTION(end_job)

bool runner_record(struct job *job, struct ota_error *err)
{
	if (seen.disk_full)
		return ota_fail(err, OTA_ERROR_NO_SPACE, "disk full");
	seen.records++;
	seen.recorded = job->state;
	return true;
}

bool runner_has_swapped(const struct job *job)
{
	return seen.swapped;
}

const char *runner_trouble(const struct job *job)
{
	return NULL;
}

void runner_free_room(struct job *job)
{
}

void updater_job_changed(struct job *job)
{
	/* Told to nobody before it is on disk, unless the disk is why it ends. */
	if (!seen.disk_full)
		assert_int_equal(seen.recorded, job->state);
	seen.changes++;
}

void updater_unqueue_job(struct job *job)
{
	job->step = NULL;
}

void updater_queue_step(struct job *job, void (*step)(struct job *job))
{
	job->step = step;
	if (!seen.busy)
		step(job);
}

struct fixture {
	struct updater updater;
	struct config config;
	struct module_settings settings;
	struct job job;
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct ota_error err;

	memset(&seen, 0, sizeof(seen));
	fx->updater.loop = loop_new(&err);
	fx->updater.config = &fx->config;
	fx->config.update.confirm_timeout_ms = 300000;
	fx->settings.timeout_ms = 600000;
	fx->job.updater = &fx->updater;
	fx->job.settings = &fx->settings;
	strcpy(fx->job.id, "0123456789abcdef");
	fx->job.state = JOB_STATE_AVAILABLE;
	assert_true(job_make_timers(&fx->job, &err));
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	loop_source_free(fx->job.deadline);
	loop_source_free(fx->job.retry);
	free(fx->job.cause_text);
	loop_free(fx->updater.loop);
	free(fx);
	return 0;
}

static void break_job(struct job *job, enum ota_error_kind kind)
{
	struct ota_error err;

	ota_fail(&err, kind, "on purpose");
	job_fail(job, &err);
}

static void advance_to(struct job *job, enum job_state state)
{
	static const enum job_event forward[] = {
		JOB_EVENT_ALLOWED,   JOB_EVENT_FETCHED,	  JOB_EVENT_VERIFIED,
		JOB_EVENT_BACKED_UP, JOB_EVENT_INSTALLED, JOB_EVENT_RESTARTED,
		JOB_EVENT_CONFIRMED,
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(forward) && job->state != state; i++)
		job_handle(job, forward[i]);
	assert_int_equal(job->state, state);
}

static void the_good_way_passes_every_state_once(void **state)
{
	struct fixture *fx = *state;

	advance_to(&fx->job, JOB_STATE_SUCCEEDED);
	assert_int_equal(seen.records, 7);
	assert_int_equal(seen.changes, 7);
	assert_string_equal(seen.action, "end_job");
}

static void allowing_twice_starts_one_fetch(void **state)
{
	struct fixture *fx = *state;

	job_handle(&fx->job, JOB_EVENT_ALLOWED);
	job_handle(&fx->job, JOB_EVENT_ALLOWED);
	assert_int_equal(fx->job.state, JOB_STATE_DOWNLOADING);
	assert_int_equal(seen.actions, 1);
}

static void a_failure_before_the_swap_ends_as_failed(void **state)
{
	struct fixture *fx = *state;

	for (enum job_state s = JOB_STATE_AVAILABLE; s <= JOB_STATE_INSTALLING;
	     s++) {
		fx->job.state = s;
		fx->job.cause = OTA_ERROR_NONE;
		free(fx->job.cause_text);
		fx->job.cause_text = NULL;
		break_job(&fx->job, OTA_ERROR_NETWORK);
		assert_int_equal(fx->job.state, JOB_STATE_FAILED);
		assert_int_equal(fx->job.cause, OTA_ERROR_NETWORK);
	}
}

static void a_failure_after_the_swap_goes_back_first(void **state)
{
	struct fixture *fx = *state;

	advance_to(&fx->job, JOB_STATE_INSTALLING);
	seen.swapped = true;
	break_job(&fx->job, OTA_ERROR_INSTALL_FAILED);
	assert_int_equal(fx->job.state, JOB_STATE_INSTALLING);
	assert_true(fx->job.undoing);
	assert_string_equal(seen.action, "start_undo");
	job_handle(&fx->job, JOB_EVENT_UNDONE);
	assert_int_equal(fx->job.state, JOB_STATE_ROLLED_BACK);
}

static void an_unhealthy_version_is_rolled_back(void **state)
{
	struct fixture *fx = *state;

	advance_to(&fx->job, JOB_STATE_CONFIRMING);
	break_job(&fx->job, OTA_ERROR_HEALTH_CHECK_FAILED);
	assert_string_equal(seen.action, "start_undo");
	job_handle(&fx->job, JOB_EVENT_CONFIRMED); /* too late */
	assert_int_equal(fx->job.state, JOB_STATE_CONFIRMING);
	job_handle(&fx->job, JOB_EVENT_UNDONE);
	assert_int_equal(fx->job.state, JOB_STATE_ROLLED_BACK);
	assert_int_equal(fx->job.cause, OTA_ERROR_HEALTH_CHECK_FAILED);
}

static void the_first_cause_is_the_one_told(void **state)
{
	struct fixture *fx = *state;

	advance_to(&fx->job, JOB_STATE_CONFIRMING);
	break_job(&fx->job, OTA_ERROR_HEALTH_CHECK_FAILED);
	break_job(&fx->job, OTA_ERROR_PERMISSION);
	assert_string_equal(seen.action, "retry_undo");
	assert_int_equal(fx->job.cause, OTA_ERROR_HEALTH_CHECK_FAILED);
}

static void what_cannot_be_put_back_ends_as_failed(void **state)
{
	struct fixture *fx = *state;

	advance_to(&fx->job, JOB_STATE_CONFIRMING);
	break_job(&fx->job, OTA_ERROR_HEALTH_CHECK_FAILED);
	job_handle(&fx->job, JOB_EVENT_ABANDONED);
	assert_int_equal(fx->job.state, JOB_STATE_FAILED);
}

static void a_step_not_taken_yet_gives_way_to_the_next(void **state)
{
	struct fixture *fx = *state;

	seen.busy = true;
	job_handle(&fx->job, JOB_EVENT_ALLOWED);
	assert_int_equal(seen.recorded, JOB_STATE_DOWNLOADING);
	assert_int_equal(seen.actions, 0);
	assert_true(fx->job.step == start_download);
	break_job(&fx->job, OTA_ERROR_CANCELLED);
	assert_int_equal(seen.recorded, JOB_STATE_FAILED);
	assert_true(fx->job.step == end_job);
}

/* Its state is what it was, but the way back has been decided on. */
static void a_step_not_taken_yet_goes_when_the_next_is_not_recorded(void **state)
{
	struct fixture *fx = *state;

	advance_to(&fx->job, JOB_STATE_INSTALLING);
	seen.busy = seen.swapped = true;
	job_handle(&fx->job, JOB_EVENT_INSTALLED);
	assert_true(fx->job.step == start_restart);
	seen.disk_full = true;
	break_job(&fx->job, OTA_ERROR_TIMEOUT);
	assert_int_equal(fx->job.state, JOB_STATE_RESTARTING);
	assert_null(fx->job.step);
	seen.disk_full = false;
	fake_loop_advance(fx->updater.loop, 1000);
	assert_true(fx->job.step == start_undo);
}

static void a_full_disk_before_the_swap_fails_the_job(void **state)
{
	struct fixture *fx = *state;

	advance_to(&fx->job, JOB_STATE_VERIFYING);
	seen.disk_full = true;
	job_handle(&fx->job, JOB_EVENT_VERIFIED);
	assert_int_equal(fx->job.state, JOB_STATE_FAILED);
	assert_int_equal(fx->job.cause, OTA_ERROR_NO_SPACE);
	assert_string_equal(seen.action, "end_job");
}

static void a_full_disk_after_the_swap_waits_for_room(void **state)
{
	struct fixture *fx = *state;
	unsigned actions;

	advance_to(&fx->job, JOB_STATE_CONFIRMING);
	actions = seen.actions;
	seen.disk_full = true;
	job_handle(&fx->job, JOB_EVENT_CONFIRMED);
	assert_int_equal(fx->job.state, JOB_STATE_CONFIRMING);
	assert_int_equal(seen.actions, actions);
	fake_loop_advance(fx->updater.loop, 10000);
	assert_int_equal(fx->job.state, JOB_STATE_CONFIRMING);
	seen.disk_full = false;
	fake_loop_advance(fx->updater.loop, 61000);
	assert_int_equal(fx->job.state, JOB_STATE_SUCCEEDED);
	/* The next time has all attempts again. */
	assert_int_equal(fx->job.record_attempts, 0);
}

static void a_disk_that_stays_full_does_not_hold_it_for_ever(void **state)
{
	struct fixture *fx = *state;

	advance_to(&fx->job, JOB_STATE_CONFIRMING);
	seen.disk_full = true;
	job_handle(&fx->job, JOB_EVENT_CONFIRMED);
	fake_loop_advance(fx->updater.loop, 20 * 60 * 1000);
	assert_int_equal(fx->job.state, JOB_STATE_CONFIRMING);
	fake_loop_advance(fx->updater.loop, 20 * 60 * 1000);
	assert_int_equal(fx->job.state, JOB_STATE_SUCCEEDED);
	assert_string_equal(seen.action, "end_job");
}

static void every_live_state_has_a_deadline(void **state)
{
	struct fixture *fx = *state;

	for (enum job_state s = JOB_STATE_AVAILABLE; s < JOB_STATE_COUNT; s++)
		assert_int_equal(job_state_is_terminal(s),
				 job_deadline_ms(&fx->job, s) == LOOP_NEVER);
}

static void an_unconfirmed_version_goes_back_at_the_deadline(void **state)
{
	struct fixture *fx = *state;

	advance_to(&fx->job, JOB_STATE_CONFIRMING);
	fake_loop_advance(fx->updater.loop, 299000);
	assert_false(fx->job.undoing);
	fake_loop_advance(fx->updater.loop, 2000);
	assert_true(fx->job.undoing);
	assert_int_equal(fx->job.cause, OTA_ERROR_HEALTH_CHECK_FAILED);
}

/* Copying back may take longer than a confirmation. */
static void the_way_back_has_a_deadline_of_its_own(void **state)
{
	struct fixture *fx = *state;
	unsigned actions;

	advance_to(&fx->job, JOB_STATE_CONFIRMING);
	job_handle(&fx->job, JOB_EVENT_FAILED);
	assert_true(fx->job.undoing);
	actions = seen.actions;
	fake_loop_advance(fx->updater.loop, (3600 + 600) * 1000 - 1);
	assert_int_equal(seen.actions, actions);
	fake_loop_advance(fx->updater.loop, 1);
	assert_string_equal(seen.action, "retry_undo");
}

static void terminal_states_have_no_way_on(void **state)
{
	size_t count;
	const struct job_rule *rules = job_rules(&count);

	for (size_t i = 0; i < count; i++)
		assert_false(job_state_is_terminal(rules[i].state));
}

static void every_live_state_can_fail_or_go_back(void **state)
{
	size_t count;
	const struct job_rule *rules = job_rules(&count);

	for (enum job_state s = JOB_STATE_AVAILABLE; s < JOB_STATE_SUCCEEDED; s++) {
		bool can_fail = false;

		for (size_t i = 0; i < count; i++)
			can_fail |= rules[i].state == s &&
				    rules[i].event == JOB_EVENT_FAILED;
		assert_true(can_fail);
	}
}

static void a_restart_goes_on_where_it_was(void **state)
{
	static const struct {
		enum job_state state;
		bool undoing;
		const char *action;
	} cases[] = {
		{ JOB_STATE_AVAILABLE, false, "wait_for_start" },
		{ JOB_STATE_DOWNLOADING, false, "start_download" },
		{ JOB_STATE_VERIFYING, false, "start_verify" },
		{ JOB_STATE_BACKING_UP, false, "start_backup" },
		{ JOB_STATE_INSTALLING, false, "resume_install" },
		{ JOB_STATE_INSTALLING, true, "start_undo" },
		{ JOB_STATE_RESTARTING, false, "resume_trial" },
		{ JOB_STATE_CONFIRMING, false, "resume_trial" },
		{ JOB_STATE_CONFIRMING, true, "start_undo" },
		{ JOB_STATE_SUCCEEDED, false, "end_job" },
		{ JOB_STATE_FAILED, false, "end_job" },
		{ JOB_STATE_ROLLED_BACK, true, "end_job" },
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		fx->job.state = cases[i].state;
		fx->job.undoing = cases[i].undoing;
		job_resume(&fx->job);
		assert_string_equal(seen.action, cases[i].action);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_good_way_passes_every_state_once),
		TEST(allowing_twice_starts_one_fetch),
		TEST(a_failure_before_the_swap_ends_as_failed),
		TEST(a_failure_after_the_swap_goes_back_first),
		TEST(an_unhealthy_version_is_rolled_back),
		TEST(the_first_cause_is_the_one_told),
		TEST(what_cannot_be_put_back_ends_as_failed),
		TEST(a_step_not_taken_yet_gives_way_to_the_next),
		TEST(a_step_not_taken_yet_goes_when_the_next_is_not_recorded),
		TEST(a_full_disk_before_the_swap_fails_the_job),
		TEST(a_full_disk_after_the_swap_waits_for_room),
		TEST(a_disk_that_stays_full_does_not_hold_it_for_ever),
		TEST(every_live_state_has_a_deadline),
		TEST(an_unconfirmed_version_goes_back_at_the_deadline),
		TEST(the_way_back_has_a_deadline_of_its_own),
		TEST(terminal_states_have_no_way_on),
		TEST(every_live_state_can_fail_or_go_back),
		TEST(a_restart_goes_on_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
