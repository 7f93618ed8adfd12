#include "otad/install/installer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/loop.h"

#include "support/install-fixture.h"

#define PROGRAM "/bin/true"

/* Answers `show` out of FOLDER/unit, which a test writes, and notes that it
 * has. */
#define SYSTEMCTL                                                              \
	"cd \"${0%/*}/..\"\n"                                                  \
	"case $1 in show) cat unit; echo looked >> calls;; esac\n"             \
	"exit $(cat status 2>/dev/null || echo 0)"

static int setup(void **state)
{
	struct install_fixture *fx;

	if (install_fixture_setup(state) != 0)
		return -1;
	fx = *state;
	fx->settings->type = INSTALLER_BINARY;
	install_copy(PROGRAM, fx->target, "old", 0755);
	install_copy(PROGRAM, fx->artifact, "new", 0600);
	install_describe_artifact(fx);
	install_script(fx, "systemctl", SYSTEMCTL);
	return 0;
}

static void set(char **key, const char *command)
{
	free(*key);
	*key = strdup(command);
	assert_non_null(*key);
}

static void says(struct install_fixture *fx, const char *text)
{
	if (!strstr(fx->err.text, text))
		fail_msg("\"%s\" does not say \"%s\"", fx->err.text, text);
}

static void show(struct install_fixture *fx, const char *active,
		 const char *sub, unsigned restarts, unsigned pid)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "ActiveState=%s\nSubState=%s\nNRestarts=%u\nMainPID=%u\n",
		 active, sub, restarts, pid);
	/* Read by a running script: never half of it. */
	install_write(install_path(fx, "unit.new"), text, 0644);
	assert_int_equal(rename(install_path(fx, "unit.new"),
				install_path(fx, "unit")),
			 0);
}

static void assert_old(struct install_fixture *fx)
{
	install_copy(PROGRAM, install_path(fx, "expected"), "old", 0600);
	install_assert_same(fx->target, install_path(fx, "expected"));
}

static unsigned count_calls(struct install_fixture *fx, const char *call)
{
	const char *at = install_exists(fx->calls) ? install_read(fx->calls) :
						     "";
	unsigned count = 0;

	while ((at = strstr(at, call))) {
		count++;
		at += strlen(call);
	}
	return count;
}

/* Begins CONFIRM and lets it look at least `looks` times. */
static void watch(struct install_fixture *fx, unsigned looks)
{
	unsigned before = count_calls(fx, "looked");

	fx->done = false;
	fx->step = INSTALL_CONFIRM;
	installation_run(fx->in, INSTALL_CONFIRM);
	while (count_calls(fx, "looked") < before + looks)
		assert_true(loop_run_once(fx->loop, 1000, NULL));
}

static void wait_for_failure(struct install_fixture *fx, const char *text)
{
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_HEALTH_CHECK_FAILED);
	says(fx, text);
}

/* ---- putting it in place ---- */

static void a_program_gets_its_execute_bits(void **state)
{
	struct install_fixture *fx = *state;
	struct stat st;

	assert_int_equal(chmod(fx->target, 0644), 0);
	install_until(fx, INSTALL_SWAP);
	assert_int_equal(stat(fx->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void execute_bits_go_no_further_than_read_bits(void **state)
{
	struct install_fixture *fx = *state;
	struct stat st;

	assert_int_equal(chmod(fx->target, 0640), 0);
	install_until(fx, INSTALL_SWAP);
	assert_int_equal(stat(fx->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
}

static void a_first_program_can_be_run_by_all(void **state)
{
	struct install_fixture *fx = *state;
	struct stat st;

	assert_int_equal(unlink(fx->target), 0);
	install_until(fx, INSTALL_SWAP);
	assert_int_equal(stat(fx->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(system(fx->target), 0);
}

static void what_is_no_program_is_incompatible(void **state)
{
	struct install_fixture *fx = *state;

	install_offer(fx, "<html>");
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
	assert_old(fx);
}

static void the_staged_program_can_be_run_by_check(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->check, "%f && echo ran > \"$OTA_STATE_DIR/seen\"");
	install_until(fx, INSTALL_CHECK);
	install_assert_text(install_path(fx, "state/seen"), "ran\n");
}

/* A running program cannot be written to; it can be replaced. */
static void a_running_program_is_replaced(void **state)
{
	struct install_fixture *fx = *state;
	FILE *running;
	char line[8];

	install_copy("/bin/cat", fx->target, "", 0755);
	running = popen(fx->target, "w");
	assert_non_null(running);
	install_until(fx, INSTALL_SWAP);
	assert_int_equal(pclose(running), 0);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	running = popen(install_path(fx, "place/app --version"), "r");
	assert_non_null(fgets(line, sizeof(line), running));
	pclose(running);
	assert_string_equal(line, "cat (GN");
}

/* ---- starting it ---- */

static void its_service_is_restarted(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	install_until(fx, INSTALL_SWAP);
	assert_int_equal(count_calls(fx, "systemctl"), 0);
	assert_true(install_run(fx, INSTALL_ACTIVATE));
	install_assert_text(fx->calls, "systemctl restart app.service\n");
}

static void a_restart_command_comes_before_the_service(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	set(&fx->settings->restart, "echo $OTA_VERSION > $OTA_STATE_DIR/seen");
	install_until(fx, INSTALL_ACTIVATE);
	install_assert_text(install_path(fx, "state/seen"), "2.0.0\n");
	assert_int_equal(count_calls(fx, "systemctl"), 0);
}

static void a_restart_command_that_fails_is_a_failed_restart(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->restart, "exit 5");
	install_until(fx, INSTALL_SWAP);
	assert_false(install_run(fx, INSTALL_ACTIVATE));
	assert_int_equal(fx->err.kind, OTA_ERROR_RESTART_FAILED);
}

static void tidying_up_before_the_swap_restarts_nothing(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	install_until(fx, INSTALL_STAGE);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_int_equal(count_calls(fx, "systemctl"), 0);
}

static void a_service_that_does_not_start_is_a_failed_restart(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	install_write(install_path(fx, "status"), "5", 0644);
	install_until(fx, INSTALL_SWAP);
	assert_false(install_run(fx, INSTALL_ACTIVATE));
	assert_int_equal(fx->err.kind, OTA_ERROR_RESTART_FAILED);
	says(fx, "systemctl restart app.service");
}

static void without_systemctl_the_restart_fails(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	install_until(fx, INSTALL_SWAP);
	setenv("PATH", "/nowhere", 1);
	assert_false(install_run(fx, INSTALL_ACTIVATE));
	assert_int_equal(fx->err.kind, OTA_ERROR_RESTART_FAILED);
}

static void a_service_named_like_an_option_is_refused(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "--now");
	assert_null(installation_new(&fx->env, &fx->request, NULL, NULL, NULL,
				     &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
}

/* ---- is it healthy? ---- */

static void what_nobody_can_judge_is_confirmed(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CONFIRM);
}

static void a_service_that_stays_up_is_confirmed(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	fx->settings->health_period_ms = 20;
	show(fx, "active", "running", 0, 100);
	install_until(fx, INSTALL_CONFIRM);
	/* Once at the beginning of the period, once at its end. */
	assert_true(count_calls(fx, "show -p ActiveState,SubState,NRestarts,"
				    "MainPID app.service") >= 2);
}

static void a_slow_start_is_waited_for(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	show(fx, "activating", "start", 0, 100);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 2);
	assert_false(fx->done);
	assert_string_equal(installation_trouble(fx->in),
			    "app.service is activating");
	show(fx, "active", "running", 0, 100);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
}

static void a_failed_service_is_known_at_once(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	fx->settings->health_period_ms = 3600 * 1000;
	show(fx, "failed", "failed", 0, 0);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 1);
	wait_for_failure(fx, "app.service failed");
}

static void a_service_between_two_starts_is_known_at_once(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	fx->settings->health_period_ms = 3600 * 1000;
	show(fx, "activating", "auto-restart", 0, 0);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 1);
	wait_for_failure(fx, "had to be restarted");
}

static void a_restart_before_the_first_look_counts_after_ours(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	show(fx, "active", "running", 1, 100);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 1);
	wait_for_failure(fx, "had to be restarted");
}

/* Another otad, after a reboot: how often it was restarted before is unknown. */
static void older_restarts_do_not_count(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	show(fx, "active", "running", 7, 100);
	install_until(fx, INSTALL_ACTIVATE);
	install_begin(fx);
	assert_true(install_run(fx, INSTALL_CONFIRM));
}

static void a_service_that_is_restarted_while_watched_fails(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	fx->settings->health_period_ms = 3600 * 1000;
	show(fx, "active", "running", 0, 100);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 1);
	show(fx, "active", "running", 1, 101);
	wait_for_failure(fx, "had to be restarted");
}

static void what_systemctl_does_not_tell_is_not_as_before(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	fx->settings->health_period_ms = 1500;
	show(fx, "active", "running", 0, 100);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 1);
	install_write(install_path(fx, "unit.new"), "MainPID=100\n", 0644);
	assert_int_equal(rename(install_path(fx, "unit.new"),
				install_path(fx, "unit")),
			 0);
	while (!installation_trouble(fx->in)) {
		assert_false(fx->done);
		assert_true(loop_run_once(fx->loop, 1000, NULL));
	}
	installation_cancel(fx->in);
	install_wait(fx);
	/* What the next step waits for is another matter. */
	assert_true(install_run(fx, INSTALL_CLEAN));
	assert_null(installation_trouble(fx->in));
}

static void another_main_process_is_a_restart_too(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	fx->settings->health_period_ms = 3600 * 1000;
	show(fx, "active", "running", 0, 100);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 1);
	show(fx, "active", "running", 0, 101);
	wait_for_failure(fx, "had to be restarted");
}

static void a_service_that_ends_while_watched_fails(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	fx->settings->health_period_ms = 3600 * 1000;
	show(fx, "active", "running", 0, 100);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 1);
	show(fx, "inactive", "dead", 0, 0);
	wait_for_failure(fx, "");
	assert_string_equal(fx->err.text, "app.service ended");
}

static void a_service_that_never_runs_fails_with_the_period(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	fx->settings->health_period_ms = 1;
	show(fx, "inactive", "dead", 0, 0);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 1);
	wait_for_failure(fx, "does not run");
}

static void a_systemctl_that_fails_is_asked_again(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	show(fx, "active", "running", 0, 100);
	install_until(fx, INSTALL_ACTIVATE);
	install_write(install_path(fx, "status"), "1", 0644);
	watch(fx, 2);
	assert_false(fx->done);
	assert_non_null(strstr(installation_trouble(fx->in), "systemctl show"));
	assert_int_equal(unlink(install_path(fx, "status")), 0);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
}

static void a_health_check_is_tried_until_it_passes(void **state)
{
	struct install_fixture *fx = *state;

	install_script(fx, "healthy",
		       "test $(grep -c healthy \"$OTA_STATE_DIR/../calls\")"
		       " -ge 2 || { echo 'not yet' >&2; exit 1; }");
	set(&fx->settings->health_check, "healthy");
	install_until(fx, INSTALL_CONFIRM);
	assert_int_equal(count_calls(fx, "healthy"), 2);
}

static void a_failing_health_check_tells_what_it_waits_for(void **state)
{
	struct install_fixture *fx = *state;

	install_script(fx, "healthy", "echo 'port 80 is closed' >&2; exit 1");
	set(&fx->settings->health_check, "healthy");
	install_until(fx, INSTALL_ACTIVATE);
	fx->done = false;
	fx->step = INSTALL_CONFIRM;
	installation_run(fx->in, INSTALL_CONFIRM);
	while (!installation_trouble(fx->in))
		assert_true(loop_run_once(fx->loop, 1000, NULL));
	assert_non_null(strstr(installation_trouble(fx->in),
			       "port 80 is closed"));
	assert_false(fx->done);
	installation_cancel(fx->in);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_CANCELLED);
}

static void a_health_check_alone_has_to_pass_after_the_period(void **state)
{
	struct install_fixture *fx = *state;

	install_script(fx, "healthy", "");
	set(&fx->settings->health_check, "healthy");
	fx->settings->health_period_ms = 3600 * 1000;
	install_until(fx, INSTALL_ACTIVATE);
	fx->done = false;
	fx->step = INSTALL_CONFIRM;
	installation_run(fx->in, INSTALL_CONFIRM);
	while (count_calls(fx, "healthy") < 2) {
		assert_true(loop_run_once(fx->loop, 1000, NULL));
		assert_false(fx->done);
	}
	/* As if it had gone by. */
	fx->settings->health_period_ms = 0;
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
}

static void a_service_is_up_before_its_health_is_checked(void **state)
{
	struct install_fixture *fx = *state;

	install_script(fx, "healthy", "");
	set(&fx->settings->service, "app.service");
	set(&fx->settings->health_check, "healthy");
	show(fx, "activating", "start", 0, 100);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 2);
	assert_int_equal(count_calls(fx, "healthy"), 0);
	show(fx, "active", "running", 0, 100);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
	assert_int_equal(count_calls(fx, "healthy"), 1);
}

static void a_crash_is_seen_while_the_health_check_fails(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	set(&fx->settings->health_check, "false");
	show(fx, "active", "running", 0, 100);
	install_until(fx, INSTALL_ACTIVATE);
	watch(fx, 1);
	show(fx, "failed", "failed", 0, 0);
	wait_for_failure(fx, "app.service failed");
}

/* ---- the way back ---- */

static void rolling_back_restarts_the_service(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	install_until(fx, INSTALL_ACTIVATE);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_old(fx);
	assert_int_equal(count_calls(fx, "systemctl restart app.service"), 2);
}

static void a_way_back_whose_restart_fails_can_be_repeated(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	install_until(fx, INSTALL_ACTIVATE);
	install_write(install_path(fx, "status"), "1", 0644);
	assert_false(install_run(fx, INSTALL_ROLL_BACK));
	assert_int_equal(fx->err.kind, OTA_ERROR_RESTART_FAILED);
	assert_int_equal(unlink(install_path(fx, "status")), 0);
	install_begin(fx);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_old(fx);
	assert_int_equal(count_calls(fx, "systemctl restart app.service"), 3);
}

static void rolling_back_a_first_program_stops_its_service(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->target), 0);
	set(&fx->settings->service, "app.service");
	install_until(fx, INSTALL_ACTIVATE);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_false(install_exists(fx->target));
	assert_int_equal(count_calls(fx, "systemctl stop app.service"), 1);
}

static void every_step_may_be_run_again(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->service, "app.service");
	show(fx, "active", "running", 0, 100);
	for (int step = INSTALL_BACKUP; step < INSTALL_STEP_COUNT; step++) {
		install_run_twice(fx, (enum install_step)step);
		assert_int_equal(install_inspect(fx),
				 step >= INSTALL_SWAP &&
						 step < INSTALL_ROLL_BACK ?
					 INSTALL_FOUND_SWAPPED :
					 INSTALL_FOUND_UNTOUCHED);
	}
	assert_old(fx);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup, install_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_program_gets_its_execute_bits),
		TEST(execute_bits_go_no_further_than_read_bits),
		TEST(a_first_program_can_be_run_by_all),
		TEST(what_is_no_program_is_incompatible),
		TEST(the_staged_program_can_be_run_by_check),
		TEST(a_running_program_is_replaced),
		TEST(its_service_is_restarted),
		TEST(a_restart_command_comes_before_the_service),
		TEST(a_restart_command_that_fails_is_a_failed_restart),
		TEST(tidying_up_before_the_swap_restarts_nothing),
		TEST(a_service_that_does_not_start_is_a_failed_restart),
		TEST(without_systemctl_the_restart_fails),
		TEST(a_service_named_like_an_option_is_refused),
		TEST(what_nobody_can_judge_is_confirmed),
		TEST(a_service_that_stays_up_is_confirmed),
		TEST(a_slow_start_is_waited_for),
		TEST(a_failed_service_is_known_at_once),
		TEST(a_service_between_two_starts_is_known_at_once),
		TEST(a_restart_before_the_first_look_counts_after_ours),
		TEST(older_restarts_do_not_count),
		TEST(a_service_that_is_restarted_while_watched_fails),
		TEST(what_systemctl_does_not_tell_is_not_as_before),
		TEST(another_main_process_is_a_restart_too),
		TEST(a_service_that_ends_while_watched_fails),
		TEST(a_service_that_never_runs_fails_with_the_period),
		TEST(a_systemctl_that_fails_is_asked_again),
		TEST(a_health_check_is_tried_until_it_passes),
		TEST(a_failing_health_check_tells_what_it_waits_for),
		TEST(a_health_check_alone_has_to_pass_after_the_period),
		TEST(a_service_is_up_before_its_health_is_checked),
		TEST(a_crash_is_seen_while_the_health_check_fails),
		TEST(rolling_back_restarts_the_service),
		TEST(a_way_back_whose_restart_fails_can_be_repeated),
		TEST(rolling_back_a_first_program_stops_its_service),
		TEST(every_step_may_be_run_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
