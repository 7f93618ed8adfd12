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

struct answer {
	bool given;
	char version[128]; /* "": it does not know */
	char why[OTA_ERROR_TEXT_SIZE]; /* "": nothing went wrong */
};

static void handler(struct install_fixture *fx, const char *body)
{
	install_script(fx, "handler", body);
}

static int setup(void **state)
{
	struct install_fixture *fx;

	if (install_fixture_setup(state) != 0)
		return -1;
	fx = *state;
	fx->settings->type = INSTALLER_EXEC;
	fx->settings->handler = strdup(install_path(fx, "bin/handler"));
	fx->request.device = "meter-17";
	fx->request.module = "mcu";
	install_offer(fx, "firmware");
	handler(fx, "");
	return 0;
}

static void says(struct install_fixture *fx, const char *text)
{
	if (!strstr(fx->err.text, text))
		fail_msg("\"%s\" does not say \"%s\"", fx->err.text, text);
}

/* ---- the steps ---- */

static void each_action_comes_in_its_step(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_STAGE);
	assert_false(install_exists(fx->calls));
	assert_true(install_run(fx, INSTALL_CHECK));
	install_assert_text(fx->calls, "handler check\n");
	assert_true(install_run(fx, INSTALL_SWAP));
	assert_true(install_run(fx, INSTALL_ACTIVATE));
	assert_true(install_run(fx, INSTALL_CONFIRM));
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_true(install_run(fx, INSTALL_CLEAN));
	install_assert_text(fx->calls, "handler check\nhandler install\n"
				       "handler health\nhandler rollback\n");
}

static void a_handler_knows_what_to_install(void **state)
{
	struct install_fixture *fx = *state;
	char expected[512];

	handler(fx, "test $1 = install || exit 0\n"
		    "echo $OTA_DEVICE $OTA_MODULE $OTA_VERSION $OTA_OLD_VERSION"
		    " $OTA_ARTIFACT $OTA_SHA256 $# > \"$OTA_STATE_DIR/seen\"");
	install_until(fx, INSTALL_SWAP);
	snprintf(expected, sizeof(expected), "meter-17 mcu 2.0.0 1.0.0 %s %s 1\n",
		 fx->artifact, fx->request.digest.hex);
	install_assert_text(install_path(fx, "state/seen"), expected);
}

static void only_a_sha256_is_told_as_one(void **state)
{
	struct install_fixture *fx = *state;

	assert_true(digest_set(&fx->request.digest, DIGEST_MD5,
			       "0123456789abcdef0123456789abcdef"));
	fx->request.old_version = NULL;
	handler(fx, "set -u; echo \"[$OTA_SHA256] [$OTA_OLD_VERSION]\" >"
		    " \"$OTA_STATE_DIR/seen\"");
	install_until(fx, INSTALL_CHECK);
	install_assert_text(install_path(fx, "state/seen"), "[] []\n");
}

static void the_artifact_stays_where_it_is(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CLEAN - 2);
	install_assert_text(fx->artifact, "firmware");
}

static void what_was_not_verified_now_never_reaches_a_handler(void **state)
{
	struct install_fixture *fx = *state;

	install_write(fx->artifact, "Firmware", 0600);
	fx->request.artifact_fresh = false;
	install_begin(fx);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_DIGEST_MISMATCH);
}

static void an_artifact_that_is_gone_is_told_when_staging(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->artifact), 0);
	install_begin(fx);
	assert_false(install_run(fx, INSTALL_STAGE));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
}

static void progress_is_passed_on(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "test $1 = install || exit 0\n"
		    "echo progress 0; echo progress 55; echo progress 101\n"
		    "echo progress; echo progress -1; echo hello\n"
		    "echo progress 7x; echo progress 100");
	install_until(fx, INSTALL_SWAP);
	assert_int_equal(fx->n_percents, 3);
	assert_int_equal(fx->percents[0], 0);
	assert_int_equal(fx->percents[1], 55);
	assert_int_equal(fx->percents[2], 100);
}

/* ---- failures ---- */

static void a_refusal_by_check_stops_the_job(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "echo 'wrong board' >&2; exit 1");
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	says(fx, "wrong board");
	says(fx, "meter-17/mcu");
	assert_int_equal(installation_inspect(fx->in, &fx->err),
			 INSTALL_FOUND_UNTOUCHED);
}

static void a_busy_device_is_told_as_busy(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "echo 'a phase is being measured' >&2; exit 75");
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	says(fx, "a phase is being measured");
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	/* It did nothing yet, and is asked again. */
	assert_int_equal(installation_inspect(fx->in, &fx->err),
			 INSTALL_FOUND_UNTOUCHED);
}

/* A restart would not know that it was, and install it once more. */
static void what_is_installed_must_be_on_record(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "");
	install_until(fx, INSTALL_CHECK);
	install_write(install_path(fx, "state/install"), "", 0644);
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_int_equal(installation_inspect(fx->in, &fx->err),
			 INSTALL_FOUND_SWAPPED);
}

static void a_handler_need_not_know_check_and_health(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "test $1 = install || exit 64");
	install_until(fx, INSTALL_CONFIRM);
}

static void a_handler_has_to_know_install_and_rollback(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "exit 64");
	install_until(fx, INSTALL_CHECK);
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
	says(fx, "does not know");
	assert_false(install_run(fx, INSTALL_ROLL_BACK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
}

static void a_missing_handler_fails_the_job(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->settings->handler), 0);
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	says(fx, "handler");
}

static void a_handler_that_cannot_be_run_fails_the_job(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(chmod(fx->settings->handler, 0644), 0);
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	says(fx, "not executable");
}

static void a_folder_is_no_handler(void **state)
{
	struct install_fixture *fx = *state;

	assert_int_equal(unlink(fx->settings->handler), 0);
	assert_int_equal(mkdir(fx->settings->handler, 0755), 0);
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(rmdir(fx->settings->handler), 0);
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	says(fx, "a folder");
}

static void garbage_neither_harms_nor_counts(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "test $1 = install || exit 0\n"
		    "head -c 10000000 /dev/urandom; echo; echo progress 50\n"
		    "head -c 10000000 /dev/urandom >&2; echo >&2\n"
		    "printf 'a\\000b\\033[2J\\n' >&2; exit 3");
	install_until(fx, INSTALL_CHECK);
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	says(fx, "exit status 3: a?b?[2J");
	assert_int_equal(fx->percents[fx->n_percents - 1], 50);
}

static void what_a_handler_leaves_behind_holds_up_nothing(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "sleep 1000 & setsid sleep 5 & exec >&- 2>&-");
	install_until(fx, INSTALL_CONFIRM);
}

static void a_crashing_handler_fails_the_job(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "kill -SEGV $$");
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	says(fx, "signal 11");
}

static void a_hanging_handler_ends_with_its_time(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "test $1 = check || sleep 1000");
	fx->settings->timeout_ms = 100;
	install_until(fx, INSTALL_CHECK);
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	says(fx, "in time");
}

static void installing_can_be_cancelled(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "test $1 = check || { echo progress 1; sleep 1000; }");
	install_until(fx, INSTALL_CHECK);
	fx->done = false;
	fx->step = INSTALL_SWAP;
	installation_run(fx->in, INSTALL_SWAP);
	while (fx->n_percents == 0)
		assert_true(loop_run_once(fx->loop, 1000, NULL));
	installation_cancel(fx->in);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_CANCELLED);
}

static void an_unhealthy_device_fails_the_trial(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "test $1 != health || { echo 'no answer' >&2; exit 1; }");
	install_until(fx, INSTALL_ACTIVATE);
	assert_false(install_run(fx, INSTALL_CONFIRM));
	assert_int_equal(fx->err.kind, OTA_ERROR_HEALTH_CHECK_FAILED);
	says(fx, "no answer");
}

static void health_that_is_not_known_yet_is_asked_again(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "test $1 = health || exit 0\n"
		    "test -e \"$OTA_STATE_DIR/up\" && exit 0\n"
		    "echo 'still starting' >&2; exit 75");
	install_until(fx, INSTALL_ACTIVATE);
	fx->done = false;
	fx->step = INSTALL_CONFIRM;
	installation_run(fx->in, INSTALL_CONFIRM);
	while (!strstr(installation_trouble(fx->in) ?: "", "still starting"))
		assert_true(loop_run_once(fx->loop, 1000, NULL));
	assert_false(fx->done);
	install_write(install_path(fx, "state/up"), "", 0644);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_NONE);
}

/* ---- restarts ---- */

static void an_installation_that_was_cut_short_is_done_again(void **state)
{
	struct install_fixture *fx = *state;

	install_until(fx, INSTALL_CHECK);
	fx->done = false;
	fx->step = INSTALL_SWAP;
	installation_run(fx->in, INSTALL_SWAP);
	fx->in = installation_free(fx->in);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
	install_run_twice(fx, INSTALL_SWAP);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_SWAPPED);
}

static void an_installation_that_failed_has_touched_the_device(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "test $1 != install");
	install_until(fx, INSTALL_CHECK);
	assert_false(install_run(fx, INSTALL_SWAP));
	assert_int_equal(installation_inspect(fx->in, &fx->err),
			 INSTALL_FOUND_SWAPPED);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	assert_int_equal(installation_inspect(fx->in, &fx->err),
			 INSTALL_FOUND_UNTOUCHED);
}

static void every_step_may_be_run_again(void **state)
{
	struct install_fixture *fx = *state;

	for (int step = INSTALL_BACKUP; step < INSTALL_STEP_COUNT; step++)
		install_run_twice(fx, (enum install_step)step);
	assert_int_equal(install_inspect(fx), INSTALL_FOUND_UNTOUCHED);
}

static void a_module_without_handler_is_refused(void **state)
{
	struct install_fixture *fx = *state;

	free(fx->settings->handler);
	fx->settings->handler = NULL;
	assert_null(installation_new(&fx->env, &fx->request, NULL, NULL, NULL,
				     &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
}

/* ---- versions ---- */

static void on_version(void *user_data, const char *version,
		       const struct ota_error *why)
{
	struct answer *answer = user_data;

	assert_false(answer->given);
	answer->given = true;
	snprintf(answer->version, sizeof(answer->version), "%s",
		 version ? version : "");
	snprintf(answer->why, sizeof(answer->why), "%s", why ? why->text : "");
}

static const struct answer *ask_whole(struct install_fixture *fx)
{
	static struct answer answer;
	struct version_query *query;

	answer = (struct answer){ .given = false };
	query = version_query_new(&fx->env, fx->request.device, fx->settings,
				  on_version, &answer, &fx->err);
	if (!query)
		fail_msg("%s", fx->err.text);
	assert_false(answer.given);
	while (!answer.given)
		assert_true(loop_run_once(fx->loop, 1000, NULL));
	version_query_free(query);
	return &answer;
}

static const char *ask(struct install_fixture *fx)
{
	return ask_whole(fx)->version;
}

static void a_handler_tells_the_version(void **state)
{
	struct install_fixture *fx = *state;

	handler(fx, "echo \" 1.4.2-$OTA_DEVICE \"; echo 9.9.9");
	assert_string_equal(ask(fx), "1.4.2-meter-17");
	install_assert_text(fx->calls, "handler version\n");
}

static void what_is_no_version_is_not_taken_for_one(void **state)
{
	static const struct {
		const char *body, *why;
		uint64_t timeout_ms; /* 0: none that matters */
	} cases[] = {
		{ "", "no version" },
		{ "echo", "no version" },
		{ "echo 'no device'", "no version" },
		{ "echo 1.0; echo no tty >&2; exit 1", "status 1: no tty" },
		{ "echo 1.0; exit 64", "" },
		{ "echo 'no tty' >&2; exit 75", "version\": no tty" },
		{ "echo -1", "no version" },
		{ "echo ../../etc; echo 1.0", "no version" },
		{ "head -c 100000 /dev/zero | tr '\\0' 1", "no version" },
		{ "printf '1\\000.0\\n'", "no version" },
		{ "echo 1.0; kill -9 $$", "signal 9" },
		{ "trap 'exit 0' TERM; echo 1.0; while :; do sleep 1; done",
		  "in time", 300 },
	};
	struct install_fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		const struct answer *answer;

		handler(fx, cases[i].body);
		if (cases[i].timeout_ms)
			fx->settings->timeout_ms = cases[i].timeout_ms;
		answer = ask_whole(fx);
		assert_string_equal(answer->version, "");
		if (cases[i].why[0] ? !strstr(answer->why, cases[i].why) :
				      answer->why[0] != '\0')
			fail_msg("%s: \"%s\"", cases[i].body, answer->why);
	}
}

static void a_version_file_tells_by_its_first_line(void **state)
{
	static const struct {
		const char *text, *version;
	} cases[] = {
		{ "1.2.3\n", "1.2.3" },	 { "1.2.3", "1.2.3" },
		{ " 1.2.3 \r\n2\n", "1.2.3" }, { "", "" },
		{ "\n1.2.3\n", "" },	 { "v 1\n", "" },
	};
	struct install_fixture *fx = *state;

	fx->settings->type = INSTALLER_BINARY;
	fx->settings->version_file = strdup(install_path(fx, "version"));
	for (size_t i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		install_write(fx->settings->version_file, cases[i].text, 0644);
		assert_string_equal(ask(fx), cases[i].version);
	}
	assert_int_equal(unlink(fx->settings->version_file), 0);
	assert_string_equal(ask(fx), "");
	assert_int_equal(mkfifo(fx->settings->version_file, 0644), 0);
	assert_string_equal(ask(fx), "");
}

static void otad_knows_its_own_version(void **state)
{
	struct install_fixture *fx = *state;

	fx->settings->type = INSTALLER_SELF;
	assert_string_equal(ask(fx), "1.0.0");
}

static void where_nothing_tells_it_is_not_known(void **state)
{
	struct install_fixture *fx = *state;

	fx->settings->type = INSTALLER_CONFIG;
	assert_string_equal(ask(fx), "");
}

static void a_question_can_be_withdrawn(void **state)
{
	struct install_fixture *fx = *state;
	struct answer answer = { .given = false };

	handler(fx, "sleep 1000");
	version_query_free(version_query_new(&fx->env, "meter-17", fx->settings,
					     on_version, &answer, &fx->err));
	for (int i = 0; i < 5; i++)
		assert_true(loop_run_once(fx->loop, 10, NULL));
	assert_false(answer.given);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup, install_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_action_comes_in_its_step),
		TEST(a_handler_knows_what_to_install),
		TEST(only_a_sha256_is_told_as_one),
		TEST(the_artifact_stays_where_it_is),
		TEST(what_was_not_verified_now_never_reaches_a_handler),
		TEST(an_artifact_that_is_gone_is_told_when_staging),
		TEST(progress_is_passed_on),
		TEST(a_refusal_by_check_stops_the_job),
		TEST(a_busy_device_is_told_as_busy),
		TEST(what_is_installed_must_be_on_record),
		TEST(a_handler_need_not_know_check_and_health),
		TEST(a_handler_has_to_know_install_and_rollback),
		TEST(a_missing_handler_fails_the_job),
		TEST(a_handler_that_cannot_be_run_fails_the_job),
		TEST(a_folder_is_no_handler),
		TEST(garbage_neither_harms_nor_counts),
		TEST(what_a_handler_leaves_behind_holds_up_nothing),
		TEST(a_crashing_handler_fails_the_job),
		TEST(a_hanging_handler_ends_with_its_time),
		TEST(installing_can_be_cancelled),
		TEST(an_unhealthy_device_fails_the_trial),
		TEST(health_that_is_not_known_yet_is_asked_again),
		TEST(an_installation_that_was_cut_short_is_done_again),
		TEST(an_installation_that_failed_has_touched_the_device),
		TEST(every_step_may_be_run_again),
		TEST(a_module_without_handler_is_refused),
		TEST(a_handler_tells_the_version),
		TEST(what_is_no_version_is_not_taken_for_one),
		TEST(a_version_file_tells_by_its_first_line),
		TEST(otad_knows_its_own_version),
		TEST(where_nothing_tells_it_is_not_known),
		TEST(a_question_can_be_withdrawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
