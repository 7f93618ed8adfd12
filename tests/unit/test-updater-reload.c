/* Another configuration, and devices that come and go while otad runs. */

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

#include "../../src/update/session.h"

/* Of what the fake web server serves. */
#define MD5 "b1fbd0520cedeeac7874c3a72de3c07f"

#define CLOUD                                                                  \
	"[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n[Mqtt]\nHost=broker\n"
#define PROGRAM CLOUD "[Module default]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"
#define METER "[Class meter]\nModule=default exec /bin/flash\n"
#define HEAT "[Class heat]\nModule=default exec /bin/heat\n"
#define EZTCLOUD                                                               \
	"[Cloud]\nPlatform=eztcloud\nUsername=DU_1\n[Mqtt]\nHost=broker\n"     \
	"[Module main]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"
#define METERS(a, b)                                                           \
	METER "[Device m-1]\nClass=meter\nAddress=" a "\n"                     \
	"[Device m-2]\nClass=meter\nAddress=" b "\n"

static void offer_to(struct updater_fixture *fx, const char *device,
		     const char *version)
{
	bool own = strcmp(device, DEVICE_SELF) == 0;
	char json[512];

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'o-%s-%s',%s%s%s"
		 "'data':{'version':'%s','firmwareUrl':'http://web/fw',"
		 "'md5':'" MD5 "'}}",
		 device, version, own ? "'uuid':'HQ1'," : "'subDeviceId':'",
		 own ? "" : device, own ? "" : "',", version);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command", json);
	fake_loop_settle(fx->loop);
}

static void offer(struct updater_fixture *fx, const char *version)
{
	offer_to(fx, DEVICE_SELF, version);
}

static bool reload(struct updater_fixture *fx, const char *ini)
{
	OTA_CLEANUP(config_unrefp) struct config *config =
		fixture_config(fx, ini);
	bool ok = updater_reload(fx->updater, config, &fx->err);

	fake_loop_settle(fx->loop);
	return ok;
}

static bool is_online(const struct updater_fixture *fx)
{
	return fx->updater->session &&
	       session_is_online(fx->updater->session);
}

/* ---- another configuration ---- */

static void the_next_trial_has_the_new_limits(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	assert_true(reload(fx, PROGRAM "[Update]\nConfirmTimeout=77s\n"
				       "MaxTrialStarts=7\n"));
	assert_true(fx->updater->env.confirm_timeout_ms == 77000);
	assert_int_equal(fx->updater->env.max_trial_starts, 7);
}

static void what_waited_for_auto_starts_at_once(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM "[Update]\nAuto=no\n");
	offer(fx, "1.0.2");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	assert_true(reload(fx, PROGRAM));
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

static void what_is_not_configured_any_more_ends(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM METER "[Device m-1]\nClass=meter\n"
					"[Update]\nAuto=no\n");
	offer_to(fx, "m-1", "2.0");
	expect_state(fx, "m-1", "default", JOB_STATE_AVAILABLE);
	assert_true(reload(fx, PROGRAM "[Update]\nAuto=no\n"));
	assert_null(fixture_job(fx, "m-1", "default"));
	assert_int_equal(fixture_entries(fx, "jobs"), 0);
}

/* Two devices cannot have one address. */
static void a_configuration_that_cannot_be_made_changes_nothing(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, EZTCLOUD METERS("a", "b"));
	assert_false(reload(fx, EZTCLOUD METERS("a", "a")
			    "[Update]\nMaxTrialStarts=7\n"));
	assert_int_equal(inventory_count(fx->updater->inventory), 3);
	assert_int_equal(fx->updater->config->update.max_trial_starts, 3);
	assert_true(is_online(fx));
	/* And is tried again when it is mended. */
	assert_true(reload(fx, EZTCLOUD METERS("a", "c")));
	assert_true(is_online(fx));
}

static void what_a_device_has_told_is_still_known(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_tell_version("7");
	fixture_start(fx, PROGRAM METER "[Device m-1]\nClass=meter\n");
	expect_version(fx, "m-1", "default", "7");
	/* It is asked again, and has not answered yet. */
	fake_installer_hold_queries(true);
	assert_true(reload(fx, PROGRAM METER "[Device m-1]\nClass=meter\n"));
	expect_version(fx, "m-1", "default", "7");
	fake_installer_hold_queries(false);
	fake_installer_answer_query("8");
	fake_loop_settle(fx->loop);
	expect_version(fx, "m-1", "default", "8");
}

static void nothing_that_was_counted_is_lost(void **state)
{
	struct updater_fixture *fx = *state;
	struct updater_stats stats;

	fixture_start(fx, PROGRAM);
	assert_true(reload(fx, PROGRAM));
	updater_stats(fx->updater, &stats);
	assert_int_equal(stats.connects, 2);
	assert_int_equal(stats.reports_sent, 2); /* heartbeats */
}

static void the_next_download_has_the_new_limits(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM "[Download]\nCacheSize=1M\n");
	fake_installer_hold(INSTALL_BACKUP, true);
	offer(fx, "1.0.2");
	assert_true(reload(fx, PROGRAM "[Download]\nCacheSize=0\n"));
	fake_installer_end(OTA_ERROR_INSTALL_FAILED, "no");
	fake_loop_advance(fx->loop, 2000);
	assert_int_equal(fixture_entries(fx, "download"), 0);
}

static void without_a_session_it_is_tried_again(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	fixture_break(fx, "outbox");
	assert_true(reload(fx, PROGRAM));
	assert_false(is_online(fx));
	/* The watchdog would not be kept happy for ever. */
	assert_false(updater_is_healthy(fx->updater));
	fixture_mend(fx, "outbox");
	fake_loop_advance(fx->loop, 10000);
	assert_true(is_online(fx));
	assert_true(updater_is_healthy(fx->updater));
}

static void on_exec_failed(void *installation, const struct ota_error *err)
{
}

static void otad_that_restarts_takes_no_other(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	updater_reexec(fx->updater, "/fake/otad", on_exec_failed, NULL);
	assert_false(reload(fx, PROGRAM));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	/* That failed, and it runs on. */
	assert_int_equal(fx->execs, 1);
	assert_true(reload(fx, PROGRAM));
}

static void count_stop(void *user_data)
{
	struct updater_fixture *fx = user_data;

	fx->stops++;
}

static void otad_that_ends_becomes_no_other_version(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	fake_mqtt_hold(true);
	offer(fx, "1.0.2");
	updater_reexec(fx->updater, "/fake/otad", on_exec_failed, NULL);
	updater_stop(fx->updater, count_stop, fx);
	fake_loop_advance(fx->loop, 60000);
	assert_int_equal(fx->execs, 0);
	assert_int_equal(fx->stops, 1);
	updater_reexec(fx->updater, "/fake/otad", on_exec_failed, NULL);
	fake_loop_advance(fx->loop, 60000);
	assert_int_equal(fx->execs, 0);
}

static void without_a_session_neither(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	fixture_break(fx, "outbox");
	assert_true(reload(fx, PROGRAM));
	updater_reexec(fx->updater, "/fake/otad", on_exec_failed, NULL);
	updater_stop(fx->updater, count_stop, fx);
	updater_reexec(fx->updater, "/fake/otad", on_exec_failed, NULL);
	fake_loop_settle(fx->loop);
	assert_int_equal(fx->execs, 0);
	fixture_mend(fx, "outbox");
}

/* ---- devices that come and go ---- */

static void add(struct updater_fixture *fx, const char *name)
{
	if (!updater_add_device(fx->updater, name, "meter", &fx->err))
		fail_msg("%s", fx->err.text);
	fake_loop_settle(fx->loop);
}

static const struct device *find(const struct updater_fixture *fx,
				 const char *name)
{
	return inventory_find(fx->updater->inventory, name);
}

static void one_that_comes_is_told_and_updated_and_kept(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM METER);
	fixture_skip(fx);
	fake_installer_tell_version("7");
	add(fx, "m-1");
	assert_int_equal(fixture_count(fx, "'firmwareVersion':'7'"), 1);
	assert_false(updater_add_device(fx->updater, "m-1", "meter", &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	fixture_end(fx);
	fixture_start(fx, PROGRAM METER);
	assert_non_null(find(fx, "m-1"));
	assert_true(find(fx, "m-1")->registered);
	offer_to(fx, "m-1", "8");
	expect_end(fx, "m-1", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

static void one_that_cannot_be_recorded_does_not_come(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM METER);
	fixture_break(fx, "devices");
	assert_false(updater_add_device(fx->updater, "m-1", "meter", &fx->err));
	fixture_mend(fx, "devices");
	assert_null(find(fx, "m-1"));
	add(fx, "m-1");
}

static void one_that_goes_is_gone_for_good(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM METER);
	fake_installer_hold_queries(true);
	add(fx, "m-1"); /* it is still being asked */
	assert_true(updater_remove_device(fx->updater, "m-1", &fx->err));
	assert_null(find(fx, "m-1"));
	assert_int_equal(fake_installer_queries(), 0);
	assert_int_equal(fixture_entries(fx, "devices"), 0);
	fixture_end(fx);
	fixture_start(fx, PROGRAM METER);
	assert_null(find(fx, "m-1"));
	assert_false(updater_remove_device(fx->updater, "m-1", &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_NOT_FOUND);
}

/* The broker's answers for it find nobody. */
static void one_may_go_while_it_comes(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM METER);
	fake_mqtt_hold(true);
	add(fx, "m-1");
	assert_true(updater_remove_device(fx->updater, "m-1", &fx->err));
	fake_mqtt_acknowledge_all();
	fake_mqtt_hold(false);
	fake_mqtt_drop();
	fake_loop_advance(fx->loop, 5000);
	assert_true(is_online(fx));
	offer(fx, "1.0.2");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

static void one_that_goes_takes_its_jobs_along(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	fixture_start(fx, PROGRAM METER);
	add(fx, "m-1");
	offer_to(fx, "m-1", "2.0");
	fixture_skip(fx);
	fake_mqtt_hold(true);
	assert_true(updater_remove_device(fx->updater, "m-1", &fx->err));
	/* The cloud hears of its end while it knows the device. */
	assert_non_null(find(fx, "m-1"));
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_count(fx, "its device was removed"), 1);
	assert_null(find(fx, "m-1"));
	assert_int_equal(fixture_entries(fx, "jobs"), 0);
}

static void what_is_being_installed_keeps_its_device(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_SWAP, true);
	fixture_start(fx, PROGRAM METER "[Device m-2]\nClass=meter\n");
	add(fx, "m-1");
	offer_to(fx, "m-1", "2.0");
	expect_state(fx, "m-1", "default", JOB_STATE_INSTALLING);
	assert_false(updater_remove_device(fx->updater, "m-1", &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	expect_state(fx, "m-1", "default", JOB_STATE_INSTALLING);
	/* Nor is one removed that the configuration names. */
	assert_false(updater_remove_device(fx->updater, "m-2", &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	assert_non_null(find(fx, "m-2"));
}

static void what_the_configuration_says_of_one_comes_first(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM METER);
	add(fx, "m-1");
	add(fx, "m-2");
	fixture_end(fx);
	/* One is configured now, and what a meter is nobody knows any more. */
	fixture_start(fx, PROGRAM HEAT "[Device m-1]\nClass=heat\n");
	assert_string_equal(find(fx, "m-1")->class_name, "heat");
	assert_false(find(fx, "m-1")->registered);
	assert_null(find(fx, "m-2"));
	fixture_end(fx);
	fixture_start(fx, PROGRAM METER);
	assert_non_null(find(fx, "m-2"));
}

/* By the address of another, which was configured since. */
static void one_that_does_not_fit_stops_no_start(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, EZTCLOUD METER);
	add(fx, "m-3");
	fixture_end(fx);
	fixture_start(fx, EZTCLOUD METERS("m-3", "b"));
	assert_null(find(fx, "m-3"));
	assert_non_null(find(fx, "m-1"));
}

/* ---- versions ---- */

static void devices_are_asked_a_few_at_a_time(void **state)
{
	struct updater_fixture *fx = *state;
	char name[8];

	fake_installer_hold_queries(true);
	fixture_start(fx, PROGRAM METER);
	for (unsigned i = 1; i <= 20; i++) {
		snprintf(name, sizeof(name), "m-%u", i);
		add(fx, name);
	}
	assert_int_equal(fake_installer_queries(), 8);
	fixture_skip(fx);
	/* One of them does not know. */
	assert_true(fake_installer_answer_query(NULL));
	for (unsigned i = 2; i <= 20; i++) {
		fake_loop_settle(fx->loop);
		assert_in_range(fake_installer_queries(), 1, 8);
		assert_true(fake_installer_answer_query("7"));
	}
	fake_loop_settle(fx->loop);
	assert_int_equal(fake_installer_queries(), 0);
	assert_int_equal(fixture_count(fx, "'firmwareVersion':'7'"), 19);
	assert_int_equal(fixture_count(fx, "'firmwareVersion':'0'"), 1);
}

/* The end of the job tells which one runs. */
static void the_version_on_trial_is_not_asked_for(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold_queries(true);
	fake_installer_hold(INSTALL_CONFIRM, true);
	fixture_start(fx, PROGRAM "[Device lamp]\n[Module lamp/default]\n"
				  "Type=exec\nHandler=/bin/true\nVersion=1\n");
	offer_to(fx, "lamp", "2");
	expect_state(fx, "lamp", "default", JOB_STATE_CONFIRMING);
	assert_true(fake_installer_answer_query("2"));
	fake_loop_settle(fx->loop);
	expect_version(fx, "lamp", "default", "1");
}

static void what_was_installed_is_known_before_anybody_tells(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	offer(fx, "1.0.2");
	fixture_end(fx);
	fixture_start(fx, PROGRAM);
	expect_version(fx, DEVICE_SELF, "default", "1.0.2");
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, updater_fixture_set_up,             \
					updater_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_next_trial_has_the_new_limits),
		TEST(what_waited_for_auto_starts_at_once),
		TEST(what_is_not_configured_any_more_ends),
		TEST(a_configuration_that_cannot_be_made_changes_nothing),
		TEST(what_a_device_has_told_is_still_known),
		TEST(nothing_that_was_counted_is_lost),
		TEST(the_next_download_has_the_new_limits),
		TEST(without_a_session_it_is_tried_again),
		TEST(otad_that_restarts_takes_no_other),
		TEST(otad_that_ends_becomes_no_other_version),
		TEST(without_a_session_neither),
		TEST(one_that_comes_is_told_and_updated_and_kept),
		TEST(one_that_cannot_be_recorded_does_not_come),
		TEST(one_that_goes_is_gone_for_good),
		TEST(one_may_go_while_it_comes),
		TEST(one_that_goes_takes_its_jobs_along),
		TEST(what_is_being_installed_keeps_its_device),
		TEST(what_the_configuration_says_of_one_comes_first),
		TEST(one_that_does_not_fit_stops_no_start),
		TEST(devices_are_asked_a_few_at_a_time),
		TEST(the_version_on_trial_is_not_asked_for),
		TEST(what_was_installed_is_known_before_anybody_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
