/* What an operator asked for, and the trial of otad itself where no otad-launch
 * judges it: both outlive a restart. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "support/updater-fixture.h"

#include "../../src/update/job.h"

/* Of what the fake web server serves. */
#define MD5 "b1fbd0520cedeeac7874c3a72de3c07f"

#define CLOUD                                                                  \
	"[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n[Mqtt]\nHost=broker\n"
#define PROGRAM CLOUD "[Module default]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"
#define BY_HAND PROGRAM "[Update]\nAuto=no\n"
#define OWN CLOUD "[Module default]\nType=self\n"

static void offer(struct updater_fixture *fx, const char *version)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'m-%s','uuid':'HQ1',"
		 "'data':{'version':'%s','firmwareUrl':'http://web/fw',"
		 "'fileSize':15,'md5':'" MD5 "'}}",
		 version, version);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command", json);
	fake_loop_settle(fx->loop);
}

static void restart(struct updater_fixture *fx, const char *ini)
{
	fixture_end(fx);
	fixture_start(fx, ini);
}

/* ---- hold, install, cancel, rollback ---- */

static void a_hold_outlives_a_restart(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	assert_true(updater_hold(fx->updater, 0, "harvest", &fx->err));
	restart(fx, PROGRAM);
	offer(fx, "1.0.2");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	assert_true(updater_release(fx->updater, &fx->err));
	restart(fx, PROGRAM);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

#define HOUR_MS (60 * 60 * 1000)

static void a_hold_ends_at_its_time(void **state)
{
	struct updater_fixture *fx = *state;
	int64_t now_ms;

	fixture_start(fx, PROGRAM);
	now_ms = loop_wall_ms(fx->loop);
	assert_true(updater_hold(fx->updater, now_ms + HOUR_MS, "", &fx->err));
	offer(fx, "1.0.2");
	fake_loop_advance(fx->loop, HOUR_MS - 1000);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	fake_loop_advance(fx->loop, 2000);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

static void a_hold_ends_soon_after_a_clock_that_was_set(void **state)
{
	struct updater_fixture *fx = *state;
	int64_t now_ms;

	fixture_start(fx, PROGRAM);
	now_ms = loop_wall_ms(fx->loop);
	assert_true(updater_hold(fx->updater, now_ms + 100 * HOUR_MS, "",
				 &fx->err));
	offer(fx, "1.0.2");
	fake_loop_set_wall(fx->loop, now_ms + 101 * HOUR_MS);
	fake_loop_advance(fx->loop, HOUR_MS / 6);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

/* An administrator has installed it by the package manager. */
static void what_a_package_has_outdated_is_not_installed(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	fx->version = "1.0.1";
	fixture_start(fx, OWN);
	offer(fx, "1.0.2");
	fx->version = "1.0.3";
	restart(fx, OWN);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_DOWNGRADE_REFUSED);
}

static void a_hold_that_cannot_be_read_still_holds(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_make(fx, PROGRAM);
	fixture_end(fx);
	fixture_write(fx, "hold.json", "{\"until");
	fixture_start(fx, PROGRAM);
	offer(fx, "1.0.2");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	/* And can be released, for good. */
	assert_true(updater_release(fx->updater, &fx->err));
	restart(fx, PROGRAM);
	assert_false(fx->updater->held);
}

static void what_an_operator_let_start_goes_on_after_a_cut(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	fixture_start(fx, BY_HAND);
	offer(fx, "1.0.2");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	assert_true(updater_install(fx->updater, NULL, NULL, &fx->err));
	restart(fx, BY_HAND);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_DOWNLOADING);
}

static void what_is_being_installed_cannot_be_cancelled(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_SWAP, true);
	fixture_start(fx, PROGRAM);
	offer(fx, "1.0.2");
	assert_false(updater_cancel(fx->updater, NULL, NULL, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_INSTALLING);
}

static void an_offer_that_waits_outlives_a_cut(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	fake_installer_hold(INSTALL_CONFIRM, true);
	offer(fx, "1.0.2");
	offer(fx, "1.0.3");
	fixture_end(fx);
	fake_installer_hold(INSTALL_CONFIRM, false);
	fake_installer_set_found(DEVICE_SELF, "default", INSTALL_FOUND_SWAPPED);
	fixture_start(fx, PROGRAM);
	expect_version(fx, DEVICE_SELF, "default", "1.0.3");
}

static void a_way_back_that_was_asked_for_outlives_a_cut(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	offer(fx, "1.0.2");
	expect_version(fx, DEVICE_SELF, "default", "1.0.2");
	fake_installer_set_backup(DEVICE_SELF, "default", true);
	fake_installer_hold(INSTALL_ROLL_BACK, true);
	if (!updater_rollback(fx->updater, NULL, NULL, &fx->err))
		fail_msg("%s", fx->err.text);
	fixture_end(fx);
	fake_installer_hold(INSTALL_ROLL_BACK, false);
	fixture_start(fx, PROGRAM);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_ROLLED_BACK,
		   OTA_ERROR_CANCELLED);
	expect_version(fx, DEVICE_SELF, "default", "1.0.1");
	restart(fx, PROGRAM);
	expect_version(fx, DEVICE_SELF, "default", "1.0.1");
}

static void what_nobody_wants_makes_room_for_an_offer(void **state)
{
	struct updater_fixture *fx = *state;
	char json[512];

	fixture_start(fx, PROGRAM "[Download]\nMaxSize=1000000G\n");
	fixture_shell(fx, "touch download/left");
	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'m1','uuid':'HQ1',"
		 "'data':{'version':'1.0.2','firmwareUrl':'http://web/fw',"
		 "'fileSize':%lld,'md5':'" MD5 "'}}",
		 1LL << 49);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command", json);
	assert_int_equal(fixture_entries(fx, "download"), 0);
}

/* ---- a trial without otad-launch ---- */

static void write_marker(struct updater_fixture *fx, const char *id,
			 unsigned starts)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "JOB=%s\nVERSION=1.0.2\nOLD_VERSION=1.0.1\nMAX_STARTS=3\n"
		 "TIMEOUT=300\nSTARTS=%u\nPID=1\n",
		 id, starts);
	fixture_write(fx, "trial", text);
}

/* The new version has been started `starts` times, and is ended. */
static void cut_on_trial(struct updater_fixture *fx, unsigned starts)
{
	char id[JOB_ID_SIZE];

	fx->version = "1.0.1";
	fixture_start(fx, OWN);
	fake_installer_hold(INSTALL_ACTIVATE, true);
	offer(fx, "1.0.2");
	memcpy(id, fixture_job(fx, DEVICE_SELF, "default")->id, sizeof(id));
	fixture_end(fx);
	fake_installer_hold(INSTALL_ACTIVATE, false);
	fake_installer_set_found(DEVICE_SELF, "default", INSTALL_FOUND_RUNNING);
	write_marker(fx, id, starts);
	fake_mqtt_hold(true);
	fx->version = "1.0.2";
}

static void each_start_of_a_trial_is_counted(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(freep) char *marker = NULL;

	cut_on_trial(fx, 2);
	fixture_start(fx, OWN);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_CONFIRMING);
	marker = fixture_read(fx, "trial");
	assert_non_null(strstr(marker, "\nSTARTS=3\n"));
}

static void after_so_many_starts_a_trial_is_over(void **state)
{
	struct updater_fixture *fx = *state;

	cut_on_trial(fx, 3);
	fixture_start(fx, OWN);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_ROLLED_BACK,
		   OTA_ERROR_HEALTH_CHECK_FAILED);
}

/* Else it might be started for ever. */
static void a_start_that_cannot_be_counted_ends_the_trial(void **state)
{
	struct updater_fixture *fx = *state;

	cut_on_trial(fx, 1);
	/* Nobody can make a file of that name. */
	fixture_shell(fx, "mkdir -p trial.tmp/full");
	fixture_start(fx, OWN);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_ROLLED_BACK,
		   OTA_ERROR_HEALTH_CHECK_FAILED);
}

static bool has_marker(const struct updater_fixture *fx)
{
	OTA_CLEANUP(freep) char *marker = fixture_read(fx, "trial");

	return marker;
}

static void a_marker_goes_with_its_job_alone(void **state)
{
	struct updater_fixture *fx = *state;

	cut_on_trial(fx, 1);
	fixture_start(fx, OWN);
	assert_true(has_marker(fx)); /* the new version runs */
	fixture_end(fx);
	fx->version = "1.0.1";
	fake_installer_hold(INSTALL_ROLL_BACK, true);
	fixture_start(fx, OWN);
	assert_true(has_marker(fx)); /* its job is there */
	fixture_end(fx);
	fixture_shell(fx, "rm jobs/*");
	fx->version = "1.0.0";
	fixture_start(fx, OWN);
	assert_true(has_marker(fx)); /* neither of the two runs */
	fixture_end(fx);
	fx->version = "1.0.1";
	fixture_start(fx, OWN);
	assert_false(has_marker(fx));
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, updater_fixture_set_up,             \
					updater_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hold_outlives_a_restart),
		TEST(a_hold_ends_at_its_time),
		TEST(a_hold_ends_soon_after_a_clock_that_was_set),
		TEST(what_a_package_has_outdated_is_not_installed),
		TEST(a_hold_that_cannot_be_read_still_holds),
		TEST(what_an_operator_let_start_goes_on_after_a_cut),
		TEST(what_is_being_installed_cannot_be_cancelled),
		TEST(an_offer_that_waits_outlives_a_cut),
		TEST(a_way_back_that_was_asked_for_outlives_a_cut),
		TEST(what_nobody_wants_makes_room_for_an_offer),
		TEST(each_start_of_a_trial_is_counted),
		TEST(after_so_many_starts_a_trial_is_over),
		TEST(a_start_that_cannot_be_counted_ends_the_trial),
		TEST(a_marker_goes_with_its_job_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
