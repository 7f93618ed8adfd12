#include "otad/install/trial.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "support/install-fixture.h"

static const char sha256[] =
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static struct trial example(void)
{
	struct trial trial = {
		.job = (char *)"a1b2",
		.version = (char *)"2.0.0",
		.old_version = (char *)"1.0.0",
		.target = (char *)"/var/lib/otad/bin/otad",
		.backup = (char *)"/var/lib/otad/bin/otad.old",
		.max_starts = 5,
		.timeout_s = 120,
		.starts = 2,
		.pid = 4711,
		.pid_started = 99,
	};

	assert_true(digest_set(&trial.backup_sha256, DIGEST_SHA256, sha256));
	return trial;
}

static const char *marker(struct install_fixture *fx)
{
	return install_path(fx, "state/trial");
}

static void a_marker_reads_back_as_it_was_written(void **state)
{
	struct install_fixture *fx = *state;
	struct trial in = example(), out;

	assert_true(trial_write(fx->state, &in, &fx->err));
	assert_true(trial_read(fx->state, &out, &fx->err));
	assert_string_equal(out.job, in.job);
	assert_string_equal(out.version, in.version);
	assert_string_equal(out.old_version, in.old_version);
	assert_string_equal(out.target, in.target);
	assert_string_equal(out.backup, in.backup);
	assert_string_equal(out.backup_sha256.hex, sha256);
	assert_int_equal(out.max_starts, 5);
	assert_int_equal(out.timeout_s, 120);
	assert_int_equal(out.starts, 2);
	assert_int_equal(out.pid, 4711);
	assert_int_equal(out.pid_started, 99);
	assert_null(out.reason);
	trial_done(&out);
}

static void the_lines_are_those_that_otad_launch_reads(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial = example();

	assert_true(trial_write(fx->state, &trial, &fx->err));
	install_assert_text(
		marker(fx),
		"JOB=a1b2\nVERSION=2.0.0\nOLD_VERSION=1.0.0\n"
		"TARGET=/var/lib/otad/bin/otad\n"
		"BACKUP=/var/lib/otad/bin/otad.old\n"
		"BACKUP_SHA256=0123456789abcdef0123456789abcdef"
		"0123456789abcdef0123456789abcdef\n"
		"MAX_STARTS=5\nTIMEOUT=120\nSTARTS=2\nPID=4711\n"
		"PID_STARTED=99\n");
}

static void an_ended_trial_tells_why(void **state)
{
	struct install_fixture *fx = *state;
	struct trial in = example(), out;

	in.reason = (char *)"started 3 times";
	in.kind = OTA_ERROR_RESTART_FAILED;
	assert_true(trial_write_ended(fx->state, &in, &fx->err));
	assert_false(trial_read(fx->state, &out, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_NOT_FOUND);
	assert_true(trial_read_ended(fx->state, &out, &fx->err));
	assert_string_equal(out.reason, "started 3 times");
	assert_int_equal(out.kind, OTA_ERROR_RESTART_FAILED);
	trial_done(&out);
}

static void an_end_of_no_known_kind_is_a_failed_health_check(void **state)
{
	struct install_fixture *fx = *state;
	struct trial out;

	install_write(install_path(fx, "state/trial-ended"),
		      "JOB=a\nVERSION=2\nREASON=x\nERROR=whatever\n", 0644);
	assert_true(trial_read_ended(fx->state, &out, &fx->err));
	assert_int_equal(out.kind, OTA_ERROR_HEALTH_CHECK_FAILED);
	trial_done(&out);
}

static void what_is_absurd_counts_as_the_default(void **state)
{
	struct install_fixture *fx = *state;
	struct trial out;

	install_write(marker(fx),
		      "JOB=a\nVERSION=2\nMAX_STARTS=0\nTIMEOUT=86401\n"
		      "STARTS=-1\nPID=99999999999\nBACKUP_SHA256=12\n",
		      0644);
	assert_true(trial_read(fx->state, &out, &fx->err));
	assert_int_equal(out.max_starts, TRIAL_MAX_STARTS_DEFAULT);
	assert_int_equal(out.timeout_s, TRIAL_TIMEOUT_DEFAULT_S);
	/* Nobody can tell how many: no more of them. */
	assert_int_equal(out.starts, TRIAL_MAX_STARTS_DEFAULT);
	assert_int_equal(out.pid, 0);
	assert_int_equal(out.backup_sha256.alg, DIGEST_NONE);
	trial_done(&out);
	install_write(marker(fx), "JOB=a\nVERSION=2\nMAX_STARTS=101\n", 0644);
	assert_true(trial_read(fx->state, &out, &fx->err));
	assert_int_equal(out.max_starts, TRIAL_MAX_STARTS_DEFAULT);
	trial_done(&out);
}

static void a_marker_without_job_or_version_is_refused(void **state)
{
	static const char *const texts[] = { "", "\n\n", "JOB=a\n",
					     "VERSION=2\n", "JOB=\nVERSION=\n",
					     "JOB=a\001\nVERSION=2\n",
					     "garbage" };
	struct install_fixture *fx = *state;
	struct trial out;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(texts); i++) {
		install_write(marker(fx), texts[i], 0644);
		assert_false(trial_read(fx->state, &out, &fx->err));
		assert_int_equal(fx->err.kind, OTA_ERROR_PROTOCOL);
	}
}

/* Of a longer key, and of a longer value. */
static void half_a_line_is_none(void **state)
{
	struct install_fixture *fx = *state;
	struct trial out;

	install_write(marker(fx),
		      "JOBS=b\nJOB=a\nVERSION=2\nMAX_STARTS=3\nSTARTS="
		      "0000000000000000000000000000000000000000000000000\n",
		      0644);
	assert_true(trial_read(fx->state, &out, &fx->err));
	assert_string_equal(out.job, "a");
	assert_int_equal(out.starts, 3);
	trial_done(&out);
}

static void a_marker_that_is_too_large_is_refused(void **state)
{
	static char text[TRIAL_MAX_BYTES + 2];
	struct install_fixture *fx = *state;
	struct trial out;

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "JOB=a\nVERSION=2\n", 16);
	install_write(marker(fx), text, 0644);
	assert_false(trial_read(fx->state, &out, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_PROTOCOL);
}

/* otad-launch would read half of it. */
static void what_would_be_too_large_is_not_written(void **state)
{
	static char path[TRIAL_MAX_BYTES + 1];
	struct install_fixture *fx = *state;
	struct trial trial = example();

	memset(path, 'x', sizeof(path) - 1);
	trial.target = path;
	assert_false(trial_write(fx->state, &trial, &fx->err));
	assert_false(install_exists(marker(fx)));
}

static void a_link_is_no_marker(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial = example(), out;

	assert_true(trial_write(fx->state, &trial, &fx->err));
	assert_int_equal(rename(marker(fx), install_path(fx, "elsewhere")), 0);
	assert_int_equal(symlink(install_path(fx, "elsewhere"), marker(fx)), 0);
	assert_false(trial_read(fx->state, &out, &fx->err));
}

static void what_a_line_cannot_hold_is_left_out(void **state)
{
	struct install_fixture *fx = *state;
	struct trial in = example(), out;

	in.target = (char *)"/a\nSTARTS=0";
	assert_true(trial_write(fx->state, &in, &fx->err));
	assert_true(trial_read(fx->state, &out, &fx->err));
	assert_null(out.target);
	assert_int_equal(out.starts, 2);
	trial_done(&out);
}

static void removing_takes_both_files_and_may_be_repeated(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial = example();

	trial.reason = (char *)"x";
	assert_true(trial_write(fx->state, &trial, &fx->err));
	assert_true(trial_write_ended(fx->state, &trial, &fx->err));
	for (int i = 0; i < 2; i++) {
		assert_true(trial_remove(fx->state, &fx->err));
		assert_false(install_exists(marker(fx)));
		assert_false(
			install_exists(install_path(fx, "state/trial-ended")));
	}
}

static void without_a_marker_no_start_is_counted(void **state)
{
	struct install_fixture *fx = *state;
	bool over = true;

	assert_true(trial_count_start(fx->state, &over, &fx->err));
	assert_false(over);
	assert_false(install_exists(marker(fx)));
}

static unsigned starts_now(struct install_fixture *fx)
{
	struct trial trial;
	unsigned starts;

	assert_true(trial_read(fx->state, &trial, &fx->err));
	starts = trial.starts;
	trial_done(&trial);
	return starts;
}

static void the_start_that_execv_made_is_not_counted_again(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial = example();
	bool over = true;

	trial_set_first_start(&trial);
	assert_true(trial_write(fx->state, &trial, &fx->err));
	assert_true(trial_count_start(fx->state, &over, &fx->err));
	assert_false(over);
	assert_int_equal(starts_now(fx), 1);
}

/* In a container otad has the same pid at each start. */
static void another_process_with_the_same_pid_is_counted(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial = example();
	bool over = true;

	trial_set_first_start(&trial);
	trial.pid_started++;
	assert_true(trial_write(fx->state, &trial, &fx->err));
	for (int i = 0; i < 2; i++) {
		/* Once, however often it looks. */
		assert_true(trial_count_start(fx->state, &over, &fx->err));
		assert_false(over);
		assert_int_equal(starts_now(fx), 2);
	}
}

static void the_start_after_the_last_one_is_over(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial = example();
	bool over;

	trial.max_starts = 3;
	for (unsigned starts = 1; starts <= 3; starts++) {
		trial.starts = starts;
		assert_true(trial_write(fx->state, &trial, &fx->err));
		assert_true(trial_count_start(fx->state, &over, &fx->err));
		assert_int_equal(over, starts == 3);
	}
}

static void a_start_that_cannot_be_counted_is_a_failure(void **state)
{
	struct install_fixture *fx = *state;
	struct trial trial = example();
	bool over;

	assert_true(trial_write(fx->state, &trial, &fx->err));
	assert_int_equal(mkdir(install_path(fx, "state/trial.tmp"), 0755), 0);
	assert_false(trial_count_start(fx->state, &over, &fx->err));
	assert_int_equal(starts_now(fx), 2);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, install_fixture_setup,           \
					install_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_marker_reads_back_as_it_was_written),
		TEST(the_lines_are_those_that_otad_launch_reads),
		TEST(an_ended_trial_tells_why),
		TEST(an_end_of_no_known_kind_is_a_failed_health_check),
		TEST(what_is_absurd_counts_as_the_default),
		TEST(a_marker_without_job_or_version_is_refused),
		TEST(a_marker_that_is_too_large_is_refused),
		TEST(half_a_line_is_none),
		TEST(what_would_be_too_large_is_not_written),
		TEST(a_link_is_no_marker),
		TEST(what_a_line_cannot_hold_is_left_out),
		TEST(removing_takes_both_files_and_may_be_repeated),
		TEST(without_a_marker_no_start_is_counted),
		TEST(the_start_that_execv_made_is_not_counted_again),
		TEST(another_process_with_the_same_pid_is_counted),
		TEST(the_start_after_the_last_one_is_over),
		TEST(a_start_that_cannot_be_counted_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
