#include "otad/install/installer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/install/command.h"
#include "support/install-fixture.h"

static int setup(void **state)
{
	struct install_fixture *fx;

	if (install_fixture_setup(state) != 0)
		return -1;
	fx = *state;
	install_write(fx->target, "old", 0640);
	install_offer(fx, "new");
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

static void scripts_quote_the_file_as_its_place_wants_it(void **state)
{
	static const struct {
		const char *shell, *script;
	} cases[] = {
		{ "check %f", "check \"${1}\"" },
		{ "check \"%f\"", "check \"${1}\"" },
		{ "check '%f'", "check ''\"${1}\"''" },
		{ "check --file=%f -v", "check --file=\"${1}\" -v" },
		{ "check \\'%f", "check \\'\"${1}\"" },
		{ "check \"it's %f\"", "check \"it's ${1}\"" },
		{ "check", "check \"${1}\"" },
		{ "check \"$1\"", "check \"$1\"" },
		{ "check < \"${1}\"", "check < \"${1}\"" },
		{ "check \"$OTA_ARTIFACT\"", "check \"$OTA_ARTIFACT\"" },
		{ "check \\", "check \\ \"${1}\"" },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		char *script = command_script(cases[i].shell);

		assert_string_equal(script, cases[i].script);
		free(script);
	}
}

static void check_sees_the_staged_file(void **state)
{
	struct install_fixture *fx = *state;

	install_script(fx, "checker", "grep -q new \"$1\"");
	set(&fx->settings->check, "checker");
	install_until(fx, INSTALL_CHECK);
	assert_non_null(strstr(install_read(fx->calls), fx->staged));
	install_assert_text(fx->target, "old");
}

/* Neither blanks nor what a shell would run come out of the path. */
static void a_strange_path_reaches_check_whole(void **state)
{
	struct install_fixture *fx = *state;
	char seen[256];

	free(fx->settings->path);
	fx->settings->path =
		strdup(install_path(fx, "place/a b$(touch x)'\"; c"));
	install_script(fx, "checker",
		       "test $# = 1 && printf %s \"$1\" > \"$OTA_STATE_DIR/seen\"");
	set(&fx->settings->check, "checker %f");
	install_until(fx, INSTALL_CHECK);
	strcpy(seen, install_read(install_path(fx, "state/seen")));
	assert_string_equal(
		seen, install_path(fx, "place/.a b$(touch x)'\"; c.otad-new"));
}

static void commands_know_what_is_installed(void **state)
{
	struct install_fixture *fx = *state;
	char expected[512];

	install_script(fx, "checker",
		       "echo $OTA_DEVICE $OTA_MODULE $OTA_VERSION"
		       " $OTA_OLD_VERSION $OTA_ARTIFACT $OTA_SHA256 >"
		       " \"$OTA_STATE_DIR/seen\"");
	set(&fx->settings->check, "checker");
	install_until(fx, INSTALL_CHECK);
	snprintf(expected, sizeof(expected), "self app 2.0.0 1.0.0 %s %s\n",
		 fx->staged, fx->request.digest.hex);
	install_assert_text(install_path(fx, "state/seen"), expected);
}

static void a_refused_file_is_never_put_in_place(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->check, "echo 'line 3: no such key' >&2; false");
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	assert_int_equal(fx->err.kind, OTA_ERROR_INSTALL_FAILED);
	says(fx, "Check= of module app");
	says(fx, "line 3: no such key");
	install_assert_text(fx->target, "old");
	assert_true(install_run(fx, INSTALL_CLEAN));
	assert_false(install_exists(fx->staged));
}

static void a_check_that_hangs_ends_with_its_time(void **state)
{
	struct install_fixture *fx = *state;

	fx->settings->timeout_ms = 50;
	set(&fx->settings->check, ": %f; exec sleep 1000");
	install_until(fx, INSTALL_STAGE);
	assert_false(install_run(fx, INSTALL_CHECK));
	says(fx, "in time");
}

static void a_check_can_be_cancelled(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->check, ": %f; exec sleep 1000");
	install_until(fx, INSTALL_STAGE);
	fx->done = false;
	fx->step = INSTALL_CHECK;
	installation_run(fx->in, INSTALL_CHECK);
	installation_cancel(fx->in);
	install_wait(fx);
	assert_int_equal(fx->err.kind, OTA_ERROR_CANCELLED);
	/* Nothing of it is left to end another step. */
	set(&fx->settings->check, ": %f");
	assert_true(install_run(fx, INSTALL_CHECK));
}

static void freeing_in_the_middle_calls_nobody_back(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->check, ": %f; exec sleep 1000");
	install_until(fx, INSTALL_STAGE);
	fx->done = false;
	fx->step = INSTALL_CHECK;
	installation_run(fx->in, INSTALL_CHECK);
	fx->in = installation_free(fx->in);
	install_offer(fx, "new");
	install_begin(fx);
	assert_false(fx->done);
}

static void reload_runs_after_the_swap(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->reload,
	    "cat \"$OTA_ARTIFACT\" > \"$OTA_STATE_DIR/seen\"");
	install_until(fx, INSTALL_SWAP);
	assert_false(install_exists(install_path(fx, "state/seen")));
	assert_true(install_run(fx, INSTALL_ACTIVATE));
	install_assert_text(install_path(fx, "state/seen"), "new");
	assert_true(install_run(fx, INSTALL_CONFIRM));
}

static void a_failed_reload_is_a_failed_restart(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->reload, "echo 'no such process' >&2; exit 3");
	install_until(fx, INSTALL_SWAP);
	assert_false(install_run(fx, INSTALL_ACTIVATE));
	assert_int_equal(fx->err.kind, OTA_ERROR_RESTART_FAILED);
	says(fx, "no such process");
}

static void rolling_back_reloads_the_old_file(void **state)
{
	struct install_fixture *fx = *state;

	set(&fx->settings->reload,
	    "cat \"$OTA_ARTIFACT\" > \"$OTA_STATE_DIR/seen\"");
	install_until(fx, INSTALL_ACTIVATE);
	assert_true(install_run(fx, INSTALL_ROLL_BACK));
	install_assert_text(install_path(fx, "state/seen"), "old");
}

/* The power failed after the file was back and before anything knew of it. */
static void a_repeated_way_back_reloads_again(void **state)
{
	struct install_fixture *fx = *state;

	install_script(fx, "reloader", "");
	set(&fx->settings->reload, "reloader");
	install_until(fx, INSTALL_SWAP);
	install_run_twice(fx, INSTALL_ROLL_BACK);
	install_assert_text(fx->calls, "reloader \nreloader \n");
}

static void tidying_up_before_the_swap_reloads_nothing(void **state)
{
	struct install_fixture *fx = *state;

	install_script(fx, "reloader", "");
	set(&fx->settings->reload, "reloader");
	install_until(fx, INSTALL_STAGE);
	install_run_twice(fx, INSTALL_ROLL_BACK);
	assert_false(install_exists(fx->calls));
}

static void a_module_without_path_is_refused(void **state)
{
	struct install_fixture *fx = *state;

	free(fx->settings->path);
	fx->settings->path = NULL;
	assert_null(installation_new(&fx->env, &fx->request, NULL, NULL, NULL,
				     &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_INCOMPATIBLE);
	says(fx, "Path=");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, setup, install_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_quote_the_file_as_its_place_wants_it),
		TEST(check_sees_the_staged_file),
		TEST(a_strange_path_reaches_check_whole),
		TEST(commands_know_what_is_installed),
		TEST(a_refused_file_is_never_put_in_place),
		TEST(a_check_that_hangs_ends_with_its_time),
		TEST(a_check_can_be_cancelled),
		TEST(freeing_in_the_middle_calls_nobody_back),
		TEST(reload_runs_after_the_swap),
		TEST(a_failed_reload_is_a_failed_restart),
		TEST(rolling_back_reloads_the_old_file),
		TEST(a_repeated_way_back_reloads_again),
		TEST(tidying_up_before_the_swap_reloads_nothing),
		TEST(a_module_without_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
