/*
 * otad replaces itself. The program that runs is this test: a hard link of it
 * in the target's place makes it the version that runs there.
 */

#include "otad/install/installer.h"

#include <fcntl.h>
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
#include "otad/install/trial.h"

#include "support/install-fixture.h"

#define PROGRAM "/bin/true"

static int setup(void **state)
{
	struct install_fixture *fx;

	if (install_fixture_setup(state) != 0)
		return -1;
	fx = *state;
	fx->settings->type = INSTALLER_SELF;
	fx->env.self.path = fx->target;
	fx->request.module = "default";
	install_copy(PROGRAM, fx->target, "old", 0755);
	install_copy(PROGRAM, fx->artifact, "new", 0600);
	install_describe_artifact(fx);
	return 0;
}

/* Under otad-launch, for the first time: only the factory version is there. */
static int setup_factory(void **state)
{
	struct install_fixture *fx;

	if (setup(state) != 0)
		return -1;
	fx = *state;
	fx->env.self.running_path = strdup(install_path(fx, "factory"));
	return rename(fx->target, fx->env.self.running_path);
}

static int teardown_factory(void **state)
{
	struct install_fixture *fx = *state;

	free((char *)fx->env.self.running_path);
	return install_fixture_teardown(state);
}

static const char *marker(const struct install_fixture *fx)
{
	return install_path(fx, "state/trial");
}

static const char *ended(const struct install_fixture *fx)
{
	return install_path(fx, "state/trial-ended");
}

/* This process becomes what runs from `path`. */
static void run_from(const char *path)
{
	unlink(path);
	/* The build may lie on another file system. */
	if (linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, path,
		   AT_SYMLINK_FOLLOW) < 0)
		skip();
}

static void assert_is(struct install_fixture *fx, const char *path,
		      const char *tail)
{
	install_copy(PROGRAM, install_path(fx, "expected"), tail, 0600);
	install_assert_same(path, install_path(fx, "expected"));
}

/* What otad-launch does when a trial has to end. */
static void launcher_ends_the_trial(struct install_fixture *fx,
				    const char *reason)
{
	struct trial trial;

	assert_true(trial_read(fx->state, &trial, &fx->err));
	trial.reason = strdup(reason);
	trial.kind = OTA_ERROR_RESTART_FAILED;
	assert_int_equal(unlink(fx->target), 0);
	assert_int_equal(link(fx->backup, fx->target), 0);
	assert_true(trial_write_ended(fx->state, &trial, &fx->err));
	assert_int_equal(unlink(marker(fx)), 0);
	trial_done(&trial);
}

/* ---- forward ---- */

static void a_trial_has_the_limits_of_the_configuration(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial;

	fx->env.max_trial_starts = 7;
	fx->env.confirm_timeout_ms = 1500;
	install_until(fx, INSTALL_SWAP);
	assert_true(trial_read(fx->state, &trial, &fx->err));
	assert_int_equal(trial.max_starts, 7);
	assert_int_equal(trial.timeout_s, 2);
	trial_done(&trial);
}

static void without_a_backup_there_is_no_trial(void **state)
{
	struct install_fixture *fx = *state;

	install_begin(fx);
	assert_true(install_run(fx, INSTALL_STAGE));
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_false(install_exists(marker(fx)));
	assert_is(fx, fx->target, "old");
}

/* Else otad-launch would end what is confirmed. */
static void a_marker_that_stays_is_not_confirmed(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	installation_online(fx->in);
	assert_int_equal(unlink(marker(fx)), 0);
	assert_int_equal(mkdir(marker(fx), 0755), 0);
	install_write(install_path(fx, "state/trial/full"), "", 0644);
	assert_false(install_run(fx, INSTALL_CONFIRM));
}

static void the_trial_is_on_before_the_swap_is_seen(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial;

	install_until(fx, INSTALL_CHECK);
	assert_false(install_exists(marker(fx)));
	assert_true(install_run(fx, INSTALL_SWAP));
	assert_is(fx, fx->target, "new");
	assert_is(fx, fx->backup, "old");
	assert_true(trial_read(fx->state, &trial, &fx->err));
	assert_string_equal(trial.job, fx->request.job);
	assert_string_equal(trial.version, "2.0.0");
	assert_string_equal(trial.old_version, "1.0.0");
	assert_string_equal(trial.target, fx->target);
	assert_string_equal(trial.backup, fx->backup);
	assert_int_equal(trial.max_starts, 3);
	assert_int_equal(trial.timeout_s, 300);
	assert_int_equal(trial.starts, 1);
	assert_int_equal(trial.pid, getpid());
	trial_done(&trial);
}

static void the_marker_has_the_digest_of_the_backup(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial;
	char hex[DIGEST_HEX_SIZE];

	install_until(fx, INSTALL_SWAP);
	assert_true(trial_read(fx->state, &trial, &fx->err));
	install_copy(fx->backup, fx->artifact, "", 0600);
	install_describe_artifact(fx);
	strcpy(hex, fx->request.digest.hex);
	assert_string_equal(trial.backup_sha256.hex, hex);
	trial_done(&trial);
}

static void a_swap_that_fails_leaves_no_trial(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CHECK);
	assert_int_equal(unlink(fx->staged), 0);
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_false(install_exists(marker(fx)));
	assert_is(fx, fx->target, "old");
}

static void without_a_marker_nothing_is_swapped(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CHECK);
	assert_int_equal(mkdir(install_path(fx, "state/trial.tmp"), 0755), 0);
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_is(fx, fx->target, "old");
}

static void what_is_no_program_never_gets_a_trial(void **state)
{
	struct install_fixture *fx = *state;

	install_offer(fx, "#!/bin/sh\n");
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
}

static void a_program_without_its_library_never_gets_a_trial(void **state)
{
	struct install_fixture *fx = *state;
	char data[65536];
	char *name;
	ssize_t n;
	int fd = open(fx->artifact, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	n = read(fd, data, sizeof(data));
	name = memmem(data, (size_t)n, "libc.so.6", 9);
	assert_non_null(name);
	assert_int_equal(pwrite(fd, "libX", 4, name - data), 4);
	close(fd);
	install_describe_artifact(fx);
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
	if (!strstr(fx->err.text, "libX"))
		fail_msg("%s", fx->err.text);
}

static void activating_asks_for_the_exec_of_the_new_file(void **state)
{
	struct install_fixture *fx = *state;
	struct ota_error why;

	install_until(fx, INSTALL_SWAP);
	fx->done = false;
	fx->step = INSTALL_ACTIVATE;
	installation_run(fx->in, INSTALL_ACTIVATE);
	assert_int_equal(fx->n_reexecs, 1);
	assert_string_equal(fx->reexec_path, fx->target);
	installation_cancel(fx->in); /* too late for that */
	assert_true(loop_run_once(fx->loop, 0, NULL));
	assert_false(fx->done);

	ota_fail(&why, OTA_ERROR_INTERNAL, "execute: exec format error");
	fx->reexec_failed(fx->reexec_installation, &why);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_RESTART_FAILED);
}

static void the_new_version_knows_that_it_runs(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
	run_from(fx->target);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_RUNNING);
	/* Also when a power cut has left both names of the swap's rename. */
	assert_int_equal(link(fx->target, fx->staged), 0);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_RUNNING);
}

static void only_being_online_confirms(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	install_begin(fx);
	fx->done = false;
	fx->step = INSTALL_CONFIRM;
	installation_run(fx->in, INSTALL_CONFIRM);
	for (int i = 0; i < 3; i++)
		assert_true(loop_run_once(fx->loop, 10, NULL));
	assert_false(fx->done);
	assert_true(install_exists(marker(fx)));
	assert_non_null(installation_trouble(fx->in));
	installation_online(fx->in);
	assert_false(fx->done);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
	assert_false(install_exists(marker(fx)));
	assert_true(install_run(fx, INSTALL_CLEAN));
	assert_is(fx, fx->target, "new");
	assert_true(installation_has_backup(fx->in));
}

static void being_online_early_counts_too(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	install_begin(fx);
	installation_online(fx->in);
	assert_true(install_run(fx, INSTALL_CONFIRM));
	assert_false(install_exists(marker(fx)));
}

/* ---- the way back ---- */

static void the_old_version_just_puts_itself_back(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	install_begin(fx);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_is(fx, fx->target, "old");
	assert_false(install_exists(marker(fx)));
	assert_int_equal(fx->n_reexecs, 0);
}

static void the_new_version_puts_the_old_one_back_and_becomes_it(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	run_from(fx->target);
	install_begin(fx);
	fx->done = false;
	fx->step = INSTALL_ROLL_BACK;
	installation_run(fx->in, INSTALL_ROLL_BACK);
	assert_int_equal(fx->n_reexecs, 1);
	assert_string_equal(fx->reexec_path, fx->target);
	assert_is(fx, fx->target, "old");
	assert_false(install_exists(marker(fx)));
	assert_true(install_exists(ended(fx)));
	/* The old version, when it has come back: */
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_ROLLED_BACK);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_int_equal(fx->n_reexecs, 1);
	assert_true(install_run(fx, INSTALL_CLEAN));
	assert_false(install_exists(ended(fx)));
}

static void an_exec_back_that_fails_is_tried_again(void **state)
{
	struct install_fixture *fx = *state;
	struct ota_error why;

	install_until(fx, INSTALL_SWAP);
	/* The only trace of it once its file is gone. */
	fx->env.self.version = "2.0.0";
	install_begin(fx);
	fx->done = false;
	fx->step = INSTALL_ROLL_BACK;
	installation_run(fx->in, INSTALL_ROLL_BACK);
	ota_fail(&why, OTA_ERROR_INTERNAL, "out of memory");
	fx->reexec_failed(fx->reexec_installation, &why);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_RESTART_FAILED);
	install_begin(fx);
	installation_run(fx->in, INSTALL_ROLL_BACK);
	assert_int_equal(fx->n_reexecs, 2);
	assert_is(fx, fx->target, "old");
}

static void what_otad_launch_ended_is_told(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	launcher_ends_the_trial(fx, "started 3 times");
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_ROLLED_BACK);
	assert_int_equal(fx->err.kind, OTA_ERROR_RESTART_FAILED);
	assert_string_equal(fx->err.text, "started 3 times");
	/* Until the end of the job, whatever happens in between. */
	install_run_twice(fx, INSTALL_ROLL_BACK);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_ROLLED_BACK);
	assert_is(fx, fx->target, "old");
	assert_int_equal(fx->n_reexecs, 0);
	install_run_twice(fx, INSTALL_CLEAN);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
}

static void the_end_of_another_trial_is_not_ours(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	install_write(ended(fx), "JOB=other\nVERSION=9\nREASON=x\n", 0644);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
}

static void a_trial_that_cannot_be_undone_stays_for_otad_launch(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	assert_int_equal(unlink(fx->backup), 0);
	assert_false(install_run(fx, INSTALL_ROLL_BACK));
	assert_true(install_run(fx, INSTALL_CLEAN));
	assert_true(install_exists(marker(fx)));
}

static void a_confirmed_version_can_be_left_later(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_SWAP);
	installation_online(fx->in);
	assert_true(install_run(fx, INSTALL_CONFIRM));
	assert_true(install_run(fx, INSTALL_CLEAN));
	run_from(fx->target);
	fx->request.job = "fedcba9876543210";
	fx->request.artifact = NULL;
	install_begin(fx);
	assert_true(installation_has_backup(fx->in));
	installation_run(fx->in, INSTALL_ROLL_BACK);
	assert_int_equal(fx->n_reexecs, 1);
	assert_is(fx, fx->target, "old");
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_ROLLED_BACK);
}

static void every_step_may_be_run_again(void **state)
{
	struct install_fixture *fx = *state;

	install_run_twice(fx, INSTALL_BACKUP);
	install_run_twice(fx, INSTALL_STAGE);
	install_run_twice(fx, INSTALL_CHECK);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	install_run_twice(fx, INSTALL_SWAP);
	install_run_twice(fx, INSTALL_BACKUP);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
	assert_is(fx, fx->backup, "old");
	install_run_twice(fx, INSTALL_ROLL_BACK);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	assert_is(fx, fx->target, "old");
	install_run_twice(fx, INSTALL_CLEAN);
	assert_false(install_exists(marker(fx)));
}

/* ---- from the factory version ---- */

static void the_first_update_keeps_a_copy_of_the_factory_version(void **state)
{
	struct install_fixture *fx = *state;
	struct stat st;

	install_until(fx, INSTALL_SWAP);
	assert_is(fx, fx->target, "new");
	assert_is(fx, fx->backup, "old");
	assert_is(fx, fx->env.self.running_path, "old");
	assert_int_equal(stat(fx->target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_is(fx, fx->target, "old");
}

/* otad-launch ran the backup, as the target could not be run. */
static void what_runs_is_kept_and_not_what_should_run(void **state)
{
	struct install_fixture *fx = *state;

	install_write(fx->target, "broken", 0755);
	assert_int_equal(rename(fx->env.self.running_path, fx->backup), 0);
	free((char *)fx->env.self.running_path);
	fx->env.self.running_path = strdup(fx->backup);
	install_until(fx, INSTALL_SWAP);
	assert_is(fx, fx->target, "new");
	assert_is(fx, fx->backup, "old");
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
}

/* Between the marker and the rename there was nothing to judge yet. */
static void a_trial_that_ended_before_the_swap_is_begun_again(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CHECK);
	install_write(ended(fx),
		      "JOB=0123456789abcdef\nVERSION=2.0.0\nREASON=missing\n",
		      0644);
	assert_int_equal(link(fx->backup, fx->target), 0);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	install_run_twice(fx, INSTALL_STAGE);
	install_run_twice(fx, INSTALL_SWAP);
	assert_is(fx, fx->target, "new");
	assert_false(install_exists(ended(fx)));
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup, install_fixture_teardown)
#define TEST_FACTORY(name)                                                     \
	{ "factory/" #name, name, setup_factory, teardown_factory, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_trial_is_on_before_the_swap_is_seen),
		TEST(the_marker_has_the_digest_of_the_backup),
		TEST(a_trial_has_the_limits_of_the_configuration),
		TEST(without_a_backup_there_is_no_trial),
		TEST(a_marker_that_stays_is_not_confirmed),
		TEST(a_swap_that_fails_leaves_no_trial),
		TEST(without_a_marker_nothing_is_swapped),
		TEST(what_is_no_program_never_gets_a_trial),
		TEST(a_program_without_its_library_never_gets_a_trial),
		TEST(activating_asks_for_the_exec_of_the_new_file),
		TEST(the_new_version_knows_that_it_runs),
		TEST(only_being_online_confirms),
		TEST(being_online_early_counts_too),
		TEST(the_old_version_just_puts_itself_back),
		TEST(the_new_version_puts_the_old_one_back_and_becomes_it),
		TEST(an_exec_back_that_fails_is_tried_again),
		TEST(what_otad_launch_ended_is_told),
		TEST(the_end_of_another_trial_is_not_ours),
		TEST(a_trial_that_cannot_be_undone_stays_for_otad_launch),
		TEST(a_confirmed_version_can_be_left_later),
		TEST(every_step_may_be_run_again),
		TEST_FACTORY(
			the_first_update_keeps_a_copy_of_the_factory_version),
		TEST_FACTORY(what_runs_is_kept_and_not_what_should_run),
		TEST_FACTORY(a_trial_that_ended_before_the_swap_is_begun_again),
		TEST_FACTORY(every_step_may_be_run_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
