/* Every allocation of an installation is made to fail once. */

#include "otad/install/installer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/loop.h"

#include "support/fail-malloc.h"
#include "support/install-fixture.h"

#define PROGRAM "/bin/true"
/* More than all steps of one installation take. */
#define MAX_ALLOCATIONS 3000

static void on_done(struct installation *in, enum install_step step,
		    const struct ota_error *err, void *user_data)
{
	struct install_fixture *fx = user_data;

	fx->done = true;
	ota_error_clear(&fx->err);
	if (err)
		fx->err = *err;
}

static bool begin(struct install_fixture *fx)
{
	installation_free(fx->in);
	ota_error_clear(&fx->err);
	fx->in = installation_new(&fx->env, &fx->request, on_done, NULL, fx,
				  &fx->err);
	return fx->in;
}

/* Where the loop itself fails, otad ends and its successor goes on. */
static bool run(struct install_fixture *fx, enum install_step step)
{
	fx->done = false;
	installation_online(fx->in);
	installation_run(fx->in, step);
	while (!fx->done)
		if (!loop_run_once(fx->loop, 1000, &fx->err))
			return false;
	return fx->err.kind == OTA_ERROR_NONE;
}

/* A step whose memory ran out is a failed one, and can be run again. */
static void run_through(struct install_fixture *fx, enum install_step step)
{
	if (fx->in && run(fx, step))
		return;
	assert_true(fail_malloc_happened());
	assert_int_not_equal(fx->err.kind, OTA_ERROR_NONE);
	/* The staged file may have been given up with all it was. */
	if (step == INSTALL_STAGE && !install_exists(fx->artifact))
		install_copy(PROGRAM, fx->artifact, "new", 0600);
	fx->request.artifact_fresh = false;
	assert_true(begin(fx));
	if (!run(fx, step))
		fail_msg("%s, again: %s", install_step_name(step),
			 fx->err.text);
}

static void prepare(struct install_fixture *fx, enum installer_type type)
{
	fx->settings->type = type;
	fx->env.self.path = fx->target;
	install_copy(PROGRAM, fx->target, "old", 0755);
	install_copy(PROGRAM, fx->artifact, "new", 0600);
	install_describe_artifact(fx);
	install_script(fx, "tool", "exit 0");
	fx->settings->handler = strdup(install_path(fx, "bin/tool"));
	fx->settings->check = strdup("tool %f");
	fx->settings->reload = strdup("tool");
	fx->settings->restart = strdup("tool");
}

/* True while there was an allocation left to fail. */
static bool fail_one(enum installer_type type, long count, bool shared)
{
	static const enum install_step steps[] = {
		INSTALL_BACKUP,	  INSTALL_STAGE,   INSTALL_CHECK,
		INSTALL_SWAP,	  INSTALL_CONFIRM, INSTALL_ROLL_BACK,
		INSTALL_CLEAN,
	};
	struct install_fixture *fx;
	void *state;
	bool happened;

	assert_int_equal(install_fixture_setup(&state), 0);
	fx = state;
	prepare(fx, type);
	fx->request.artifact_shared = shared;
	fail_malloc_after(count);
	if (!begin(fx))
		assert_int_equal(fx->err.kind, OTA_ERROR_INTERNAL);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(steps); i++)
		run_through(fx, steps[i]);
	happened = fail_malloc_happened();
	fail_malloc_after(-1);
	if (type != INSTALLER_EXEC) {
		install_copy(PROGRAM, fx->artifact, "old", 0600);
		install_assert_same(fx->target, fx->artifact);
		assert_false(install_exists(fx->staged));
	}
	assert_int_equal(install_fixture_teardown(&state), 0);
	return happened;
}

static void fail_each(enum installer_type type, bool shared)
{
	long count = 0;

	while (fail_one(type, count, shared))
		assert_true(++count < MAX_ALLOCATIONS);
	/* It has been where the work is done. */
	assert_true(count > 20);
}

static void a_config_without_memory_is_one_failed_step(void **state)
{
	fail_each(INSTALLER_CONFIG, true);
}

static void a_binary_without_memory_is_one_failed_step(void **state)
{
	fail_each(INSTALLER_BINARY, false);
}

static void a_handler_without_memory_is_one_failed_step(void **state)
{
	fail_each(INSTALLER_EXEC, false);
}

static void an_otad_without_memory_is_one_failed_step(void **state)
{
	fail_each(INSTALLER_SELF, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_config_without_memory_is_one_failed_step),
		cmocka_unit_test(a_binary_without_memory_is_one_failed_step),
		cmocka_unit_test(a_handler_without_memory_is_one_failed_step),
		cmocka_unit_test(an_otad_without_memory_is_one_failed_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
