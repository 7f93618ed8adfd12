/* Any allocation fails while a configuration is read, and it never looks wrong. */

#include "otad/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/config-fixture.h"
#include "support/fail-malloc.h"

static void without_memory_it_is_unreadable_and_not_wrong(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;
	long count = 0, refused = 0;
	bool happened;

	fixture_write_text(fx, "otad.conf",
			   TEST_MINIMUM
			   "[Module app]\nType=binary\nPath=/opt/app\n"
			   "Restart=true\n[Class meter]\nModule=mcu exec /bin/cat\n"
			   "[Device meter-1]\nClass=meter\n");
	fixture_write_text(fx, "otad.conf.d/more.conf", "[Update]\nAuto=no\n");
	do {
		config_report_done(&fx->report);
		fail_malloc_after(count++);
		config = fixture_load(fx, "otad.conf");
		happened = fail_malloc_happened();
		fail_malloc_after(-1);
		if (!config) {
			assert_true(fx->report.unreadable);
			assert_false(fx->report.unconfigured);
			if (fx->report.n_problems)
				fail_msg("%ld: %s", count,
					 fx->report.problems[0].text);
			refused++;
		}
		config_unref(config);
	} while (happened);
	assert_true(refused > 10);
	assert_false(fx->report.unreadable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			without_memory_it_is_unreadable_and_not_wrong,
			config_fixture_setup, config_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
