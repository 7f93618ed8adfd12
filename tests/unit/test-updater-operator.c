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

static void a_hold_ends_though_nobody_waits_for_that(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	assert_true(updater_hold(fx->updater, loop_wall_ms(fx->loop) + HOUR_MS,
				 "", &fx->err));
	fake_loop_advance(fx->loop, HOUR_MS + 1000);
	assert_false(fx->updater->held);
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

/* Not at once and for ever, and not with a line of the log each time. */
static void a_hold_that_cannot_be_taken_off_is_tried_once_a_minute(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	assert_true(updater_hold(fx->updater, loop_wall_ms(fx->loop) + HOUR_MS,
				 "", &fx->err));
	offer(fx, "1.0.2");
	/* Nobody can remove a file of that name. */
	fixture_shell(fx, "rm hold.json && mkdir -p hold.json/full");
	fake_loop_advance(fx->loop, HOUR_MS);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	assert_in_range(fake_loop_next_ms(fx->loop), 10000, 60000);
	fixture_shell(fx, "rmdir hold.json/full hold.json && touch hold.json");
	fake_loop_advance(fx->loop, 60000);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

static void a_restart_forgets_nothing_of_a_hold(void **state)
{
	struct updater_fixture *fx = *state;
	struct updater_status status;
	int64_t until_ms;

	fixture_start(fx, PROGRAM);
	until_ms = loop_wall_ms(fx->loop) + HOUR_MS;
	assert_true(updater_hold(fx->updater, until_ms, "harvest", &fx->err));
	restart(fx, PROGRAM);
	updater_status(fx->updater, &status);
	assert_true(status.held);
	assert_string_equal(status.hold_reason, "harvest");
	assert_true(status.hold_until_ms == until_ms);
	/* It ends in between. */
	offer(fx, "1.0.2");
	fixture_end(fx);
	fake_loop_set_wall(fx->loop, until_ms);
	fixture_start(fx, PROGRAM);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
	/* Also when there is nothing that waits for that. */
	until_ms += HOUR_MS;
	assert_true(updater_hold(fx->updater, until_ms, "", &fx->err));
	fixture_end(fx);
	fake_loop_set_wall(fx->loop, until_ms);
	fixture_start(fx, PROGRAM);
	assert_false(fx->updater->held);
}

static void what_was_counted_outlives_a_restart(void **state)
{
	struct updater_fixture *fx = *state;
	struct updater_stats stats;

	fixture_start(fx, PROGRAM);
	offer(fx, "1.0.2");
	restart(fx, PROGRAM);
	updater_stats(fx->updater, &stats);
	assert_int_equal(stats.succeeded, 1);
	assert_int_equal(stats.bytes_downloaded, 15);
}

static void a_release_lets_them_go_at_once(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	assert_true(updater_hold(fx->updater, 0, "", &fx->err));
	offer(fx, "1.0.2");
	/* Not even by the operator. */
	assert_false(updater_install(fx->updater, NULL, NULL, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	assert_true(updater_release(fx->updater, &fx->err));
	fake_loop_settle(fx->loop);
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
	/* Nor is the very version that it has brought. */
	offer(fx, "1.0.4");
	fx->version = "1.0.4";
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
	restart(fx, PROGRAM);
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
	fake_loop_advance(fx->loop, HOUR_MS);
	assert_true(updater_install(fx->updater, NULL, NULL, &fx->err));
	restart(fx, BY_HAND);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_DOWNLOADING);
	/* Since when, people see. */
	assert_true(fixture_job(fx, DEVICE_SELF, "default")->changed_ms ==
		    loop_wall_ms(fx->loop));
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
	/* Its own, and just verified. */
	assert_false(fake_installer_was_shared());
	assert_true(fake_installer_was_fresh());
}

/* Its new version is on trial: what it says of the old one may wait. */
static void the_version_before_does_not_end_a_trial(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_CONFIRM, true);
	fixture_start(fx, PROGRAM);
	offer(fx, "1.0.2");
	offer(fx, "1.0.1");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_CONFIRMING);
	assert_false(fixture_job(fx, DEVICE_SELF, "default")->undoing);
	assert_non_null(fixture_job(fx, DEVICE_SELF, "default")->waiting);
}

static void what_has_ended_is_joined_by_nobody(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_INSTALL_FAILED, "no");
	fixture_start(fx, PROGRAM);
	fixture_skip(fx);
	fixture_break(fx, "outbox");
	offer(fx, "1.0.2");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_FAILED);
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_NONE, NULL);
	offer(fx, "1.0.2");
	fixture_mend(fx, "outbox");
	fake_loop_advance(fx->loop, 60000);
	assert_int_equal(fixture_count(fx, "'state':'failed'"), 1);
	assert_int_equal(fixture_count(fx, "'state':'completed'"), 1);
}

static void a_way_back_is_asked_for_once(void **state)
{
	struct updater_fixture *fx = *state;
	unsigned attempts;

	fake_installer_fail(INSTALL_CONFIRM, OTA_ERROR_HEALTH_CHECK_FAILED, "");
	fake_installer_hold(INSTALL_ROLL_BACK, true);
	fixture_start(fx, PROGRAM);
	offer(fx, "1.0.2");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_CONFIRMING);
	attempts = fixture_job(fx, DEVICE_SELF, "default")->undo_attempts;
	assert_false(updater_rollback(fx->updater, NULL, NULL, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	assert_int_equal(fixture_job(fx, DEVICE_SELF, "default")->undo_attempts,
			 attempts);
}

/* Its execv(2) cannot be called back. */
static void otad_on_its_way_is_not_rolled_back(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_ACTIVATE, true);
	fixture_start(fx, OWN);
	offer(fx, "1.0.2");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_RESTARTING);
	assert_false(updater_rollback(fx->updater, NULL, NULL, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_BUSY);
	assert_false(fixture_job(fx, DEVICE_SELF, "default")->undoing);
}

static bool operator_offers(struct updater_fixture *fx, const char *version)
{
	OTA_CLEANUP(offer_freep) struct offer *offer = offer_new();
	enum offer_outcome outcome;
	bool ok;

	offer->source = OFFER_SOURCE_CONTROL;
	offer->device = strdup(DEVICE_SELF);
	offer->module = strdup("default");
	offer->version = strdup(version);
	offer->url = strdup("http://web/operator");
	assert_true(digest_set(&offer->md5, DIGEST_MD5, MD5));
	ok = updater_offer(fx->updater, offer, &outcome, NULL, &fx->err);
	fake_loop_settle(fx->loop);
	return ok;
}

/* The cloud hears the first reason; an operator's word is a clean slate. */
static void an_operator_may_try_what_has_failed_too_often(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_INSTALL_FAILED, "no");
	fixture_start(fx, PROGRAM);
	for (unsigned i = 0; i < 3; i++)
		offer(fx, "1.0.2");
	fixture_skip(fx);
	offer(fx, "1.0.2");
	assert_int_equal(fixture_count(fx, "'errorCode':'INSTALL_FAILED'"), 1);
	assert_int_equal(fake_fetch_started(), 3);
	assert_true(operator_offers(fx, "1.0.2"));
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_INSTALL_FAILED);
	assert_int_equal(fake_fetch_started(), 4);
	/* One strike since then: the cloud may offer it again. */
	offer(fx, "1.0.2");
	assert_int_equal(fake_fetch_started(), 5);
}

static void what_an_operator_offers_has_a_name(void **state)
{
	struct updater_fixture *fx = *state;
	const struct job *job;

	fake_fetch_hold(true);
	fixture_start(fx, PROGRAM);
	assert_true(operator_offers(fx, "1.0.2"));
	job = fixture_job(fx, DEVICE_SELF, "default");
	assert_memory_equal(job->offer->ids.msg.text, "local_", 6);
	assert_string_equal(job->offer->ids.msg.text + 6, job->id);
}

/* ---- who watches ---- */

struct watcher {
	char seen[512];
	struct updater_listener *listener, *other;
	unsigned leaves_after;
};

static void watch(const struct job_view *view, void *user_data)
{
	struct watcher *watcher = user_data;
	size_t used = strlen(watcher->seen);

	snprintf(watcher->seen + used, sizeof(watcher->seen) - used, "%s%s ",
		 job_state_name(view->state), view->waiting ? "?" : "");
	if (watcher->leaves_after > 0 && --watcher->leaves_after == 0) {
		watcher->listener = updater_unlisten(watcher->listener);
		watcher->other = updater_unlisten(watcher->other);
	}
}

static void nobody(const struct job_view *view, void *user_data)
{
}

static void every_change_is_shown_once(void **state)
{
	struct updater_fixture *fx = *state;
	struct watcher watcher = { .seen = "" };

	fake_fetch_hold(true);
	fixture_start(fx, BY_HAND);
	watcher.listener = updater_listen(fx->updater, watch, &watcher);
	offer(fx, "1.0.2");
	/* A look that changes nothing. */
	updater_wake_jobs(fx->updater);
	fake_loop_settle(fx->loop);
	assert_true(updater_install(fx->updater, NULL, NULL, &fx->err));
	fake_loop_settle(fx->loop);
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	assert_string_equal(watcher.seen,
			    "available available? downloading downloading "
			    "verifying backing-up installing restarting "
			    "confirming succeeded ");
	updater_unlisten(watcher.listener);
}

static void who_watches_may_leave_at_any_time(void **state)
{
	struct updater_fixture *fx = *state;
	struct watcher watcher = { .leaves_after = 2 };

	fixture_start(fx, BY_HAND);
	watcher.other = updater_listen(fx->updater, nobody, NULL);
	watcher.listener = updater_listen(fx->updater, watch, &watcher);
	offer(fx, "1.0.2");
	assert_string_equal(watcher.seen, "available available? ");
	assert_null(fx->updater->listeners);
}

static void an_end_that_is_not_told_yet_is_shown_once(void **state)
{
	struct updater_fixture *fx = *state;
	struct watcher watcher = { .seen = "" };

	fixture_start(fx, PROGRAM);
	offer(fx, "1.0.2");
	watcher.listener = updater_listen(fx->updater, watch, &watcher);
	fixture_break(fx, "outbox");
	offer(fx, "1.0.0");
	fake_loop_advance(fx->loop, 10000);
	assert_string_equal(watcher.seen, "failed ");
	fixture_mend(fx, "outbox");
	fake_loop_advance(fx->loop, 60000);
	assert_string_equal(watcher.seen, "failed ");
	updater_unlisten(watcher.listener);
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

static void otad_launch_counts_alone(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(freep) char *marker = NULL;

	cut_on_trial(fx, 2);
	fx->launched = true;
	fixture_start(fx, OWN);
	marker = fixture_read(fx, "trial");
	assert_non_null(strstr(marker, "\nSTARTS=2\n"));
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
		TEST(a_hold_ends_though_nobody_waits_for_that),
		TEST(a_hold_ends_soon_after_a_clock_that_was_set),
		TEST(a_hold_that_cannot_be_taken_off_is_tried_once_a_minute),
		TEST(a_restart_forgets_nothing_of_a_hold),
		TEST(what_was_counted_outlives_a_restart),
		TEST(a_release_lets_them_go_at_once),
		TEST(what_a_package_has_outdated_is_not_installed),
		TEST(a_hold_that_cannot_be_read_still_holds),
		TEST(what_an_operator_let_start_goes_on_after_a_cut),
		TEST(what_is_being_installed_cannot_be_cancelled),
		TEST(the_version_before_does_not_end_a_trial),
		TEST(what_has_ended_is_joined_by_nobody),
		TEST(a_way_back_is_asked_for_once),
		TEST(otad_on_its_way_is_not_rolled_back),
		TEST(an_operator_may_try_what_has_failed_too_often),
		TEST(what_an_operator_offers_has_a_name),
		TEST(every_change_is_shown_once),
		TEST(who_watches_may_leave_at_any_time),
		TEST(an_end_that_is_not_told_yet_is_shown_once),
		TEST(an_offer_that_waits_outlives_a_cut),
		TEST(a_way_back_that_was_asked_for_outlives_a_cut),
		TEST(what_nobody_wants_makes_room_for_an_offer),
		TEST(each_start_of_a_trial_is_counted),
		TEST(otad_launch_counts_alone),
		TEST(after_so_many_starts_a_trial_is_over),
		TEST(a_start_that_cannot_be_counted_ends_the_trial),
		TEST(a_marker_goes_with_its_job_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
