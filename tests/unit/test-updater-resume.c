/* What otad finds in place when it starts again in the middle of a job, and what
 * the power may take: nothing that anybody was told. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "otad/base/json.h"
#include "support/updater-fixture.h"

#include "../../src/update/job.h"
#include "../../src/update/session.h"

/* Of what the fake web server serves. */
#define MD5 "b1fbd0520cedeeac7874c3a72de3c07f"

#define GATEWAY                                                                \
	"[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n[Mqtt]\nHost=broker\n"        \
	"[Class meter]\nModule=default exec /bin/flash\n"
#define PROGRAM                                                                \
	GATEWAY "[Module default]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"
#define OWN GATEWAY "[Module default]\nType=self\n"

/* ---- a disk on which every name that changed is known ---- */

#define MAX_CHANGED 16

static struct {
	ino_t changed[MAX_CHANGED]; /* folders, since they were synced */
	unsigned count;
} disk;

static void forget(ino_t folder)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < disk.count; i++)
		if (disk.changed[i] != folder)
			disk.changed[kept++] = disk.changed[i];
	disk.count = kept;
}

int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		forget(st.st_ino);
	return (int)syscall(SYS_fsync, fd);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	struct stat st;

	if (fstat(to_fd, &st) == 0) {
		forget(st.st_ino);
		assert_true(disk.count < MAX_CHANGED);
		disk.changed[disk.count++] = st.st_ino;
	}
	return (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
}

/* ---- what is offered ---- */

static void offer_to(struct updater_fixture *fx, const char *device)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'m1',%s"
		 "'data':{'version':'1.0.2','firmwareUrl':'http://web/fw',"
		 "'fileSize':15,'md5':'" MD5 "'}}",
		 device);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command", json);
	fake_loop_settle(fx->loop);
}

static void offer(struct updater_fixture *fx)
{
	offer_to(fx, "'uuid':'HQ1',");
}

/* As far as `step`, which goes on for ever; then the power is cut. */
static void cut_in(struct updater_fixture *fx, const char *ini,
		   enum install_step step, enum install_found found)
{
	fx->version = "1.0.1";
	fixture_start(fx, ini);
	fake_installer_hold(step, true);
	offer(fx);
	fixture_end(fx);
	fake_installer_hold(step, false);
	fake_installer_set_found(DEVICE_SELF, "default", found);
	fake_installer_forget_trace();
	fixture_skip(fx);
}

static void expect_ended(const struct updater_fixture *fx, enum job_state state,
			 enum ota_error_kind error)
{
	expect_end(fx, DEVICE_SELF, "default", state, error);
	assert_int_equal(fixture_entries(fx, "jobs"), 0);
}

/* ---- tests ---- */

static void what_is_swapped_is_not_installed_again(void **state)
{
	struct updater_fixture *fx = *state;

	cut_in(fx, PROGRAM, INSTALL_SWAP, INSTALL_FOUND_SWAPPED);
	fixture_start(fx, PROGRAM);
	assert_string_equal(fake_installer_trace(), "activate confirm clean");
	expect_ended(fx, JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

static void what_is_untouched_is_installed(void **state)
{
	struct updater_fixture *fx = *state;

	cut_in(fx, PROGRAM, INSTALL_STAGE, INSTALL_FOUND_UNTOUCHED);
	fixture_start(fx, PROGRAM);
	assert_string_equal(fake_installer_trace(),
			    "stage check swap activate confirm clean");
	expect_ended(fx, JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

static void a_new_version_that_is_gone_is_not_confirmed(void **state)
{
	struct updater_fixture *fx = *state;

	cut_in(fx, PROGRAM, INSTALL_CONFIRM, INSTALL_FOUND_UNTOUCHED);
	fixture_start(fx, PROGRAM);
	expect_ended(fx, JOB_STATE_ROLLED_BACK, OTA_ERROR_INSTALL_FAILED);
	expect_version(fx, DEVICE_SELF, "default", "1.0.1");
}

static void what_otad_launch_has_put_back_is_told_as_such(void **state)
{
	struct updater_fixture *fx = *state;

	cut_in(fx, OWN, INSTALL_ACTIVATE, INSTALL_FOUND_ROLLED_BACK);
	fixture_start(fx, OWN);
	expect_ended(fx, JOB_STATE_ROLLED_BACK, OTA_ERROR_HEALTH_CHECK_FAILED);
	assert_int_equal(fixture_count(fx, "'completed'"), 0);
}

static void a_new_otad_is_confirmed_by_its_broker_alone(void **state)
{
	struct updater_fixture *fx = *state;

	cut_in(fx, OWN, INSTALL_ACTIVATE, INSTALL_FOUND_RUNNING);
	fx->version = "1.0.2";
	fake_mqtt_hold(true);
	fixture_start(fx, OWN);
	fake_loop_advance(fx->loop, 60000);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_CONFIRMING);
	fake_mqtt_hold(false);
	fake_loop_settle(fx->loop);
	expect_ended(fx, JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

/* It cannot record that it runs before it has long been online. */
static void a_new_otad_that_is_online_already_is_confirmed(void **state)
{
	struct updater_fixture *fx = *state;

	cut_in(fx, OWN, INSTALL_ACTIVATE, INSTALL_FOUND_RUNNING);
	fx->version = "1.0.2";
	fixture_make(fx, OWN);
	fixture_break(fx, "jobs");
	assert_true(updater_start(fx->updater, &fx->err));
	fake_loop_settle(fx->loop);
	assert_true(session_is_online(fx->updater->session));
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_RESTARTING);
	fixture_mend(fx, "jobs");
	fake_loop_advance(fx->loop, 2000);
	expect_ended(fx, JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

/* The url has expired by then; and what is verified stays what it was. */
static void what_a_repeated_offer_brought_outlives_a_cut(void **state)
{
	struct updater_fixture *fx = *state;
	const struct job *job;

	fake_fetch_hold(true);
	fixture_start(fx, PROGRAM);
	offer(fx);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command",
			"{'msgType':'ota_upgrade','msgId':'m2','uuid':'HQ1',"
			"'data':{'version':'1.0.2','firmwareUrl':'http://web/other',"
			"'fileSize':15,'md5':'" MD5 "'}}");
	fixture_end(fx);
	fixture_start(fx, PROGRAM);
	job = fixture_job(fx, DEVICE_SELF, "default");
	assert_non_null(job);
	assert_string_equal(job->offer->url, "http://web/other");
	assert_string_equal(job->offer->ids.msg.text, "m2");
}

/* A cloud must not see a lower number than before. */
static void what_was_told_of_a_download_outlives_a_cut(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	fixture_start(fx, PROGRAM);
	offer(fx);
	fake_loop_advance(fx->loop, 1000);
	fake_fetch_receive(9);
	assert_int_equal(fixture_job(fx, DEVICE_SELF, "default")->told_percent,
			 60);
	fixture_end(fx);
	fixture_start(fx, PROGRAM);
	assert_int_equal(fixture_job(fx, DEVICE_SELF, "default")->told_percent,
			 60);
}

/* Verified, and gone each time: the third time is the last. */
static void an_artifact_that_is_lost_again_and_again_is_given_up(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	fixture_start(fx, PROGRAM);
	offer(fx);
	fixture_end(fx);
	fixture_shell(fx, "sed -i 's/\"downloading\"/\"verifying\"/;"
			  "s/\"refetches\":0/\"refetches\":2/' jobs/*.json");
	fixture_start(fx, PROGRAM);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_VERIFYING);
	assert_true(fake_fetch_fail(OTA_ERROR_NETWORK, "broken"));
	fake_loop_settle(fx->loop);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_DOWNLOADING);
	fixture_end(fx);
	fixture_shell(fx, "sed -i 's/\"downloading\"/\"verifying\"/'"
			  " jobs/*.json");
	fixture_start(fx, PROGRAM);
	assert_true(fake_fetch_fail(OTA_ERROR_NETWORK, "broken"));
	fake_loop_settle(fx->loop);
	expect_ended(fx, JOB_STATE_FAILED, OTA_ERROR_NETWORK);
}

static void the_rules_of_a_trial_stay_what_they_were(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(config_unrefp) struct config *config = NULL;
	const struct job *job;

	fake_installer_hold(INSTALL_CONFIRM, true);
	fixture_start(fx, PROGRAM);
	offer(fx);
	config = fixture_config(fx, GATEWAY "[Module default]\nType=binary\n"
					    "Path=/opt/elsewhere\n");
	assert_true(updater_reload(fx->updater, config, &fx->err));
	job = fixture_job(fx, DEVICE_SELF, "default");
	assert_string_equal(job->settings->path, "/opt/app");
}

static void an_end_without_a_session_is_told_once_there_is_one(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_CONFIRM, true);
	fixture_start(fx, PROGRAM);
	offer(fx);
	fixture_skip(fx);
	updater_drop_session(fx->updater);
	assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_entries(fx, "jobs"), 1);
	assert_true(updater_make_session(fx->updater, &fx->err));
	assert_true(updater_open_session(fx->updater, &fx->err));
	assert_true(session_start(fx->updater->session, 0, &fx->err));
	fake_loop_advance(fx->loop, 60000);
	assert_int_equal(fixture_count(fx, "'completed'"), 1);
	assert_int_equal(fixture_entries(fx, "jobs"), 0);
}

static void a_job_reads_back_as_it_was(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	OTA_CLEANUP(job_freep) struct job *back = NULL;
	struct job *job;
	struct ota_error why;

	fake_fetch_hold(true);
	fixture_start(fx, PROGRAM);
	offer(fx);
	job = fixture_job(fx, DEVICE_SELF, "default");
	assert_non_null(job);
	job->waiting = offer_copy(job->offer);
	job->approved = job->undoing = true;
	ota_fail(&why, OTA_ERROR_RESTART_FAILED, "it does not");
	job_set_cause(job, &why);
	job->told_percent = 20;
	job->overall_percent = 27;
	job->bytes = 4711;
	job->refetches = 2;
	job->away_attempts = 3;
	job->away_ms = 12345;

	json = job_to_json(job);
	back = job_from_json(fx->updater, json, &fx->err);
	assert_non_null(back);
	assert_string_equal(back->id, job->id);
	assert_int_equal(back->state, job->state);
	assert_true(offer_same_job(back->offer, job->offer));
	assert_string_equal(back->offer->url, job->offer->url);
	assert_string_equal(back->offer->ids.msg.text, "m1");
	assert_true(back->waiting && offer_same_job(back->waiting, job->offer));
	assert_string_equal(back->old_version, "1.0.1");
	assert_true(back->approved && back->undoing);
	assert_int_equal(back->cause, OTA_ERROR_RESTART_FAILED);
	assert_string_equal(back->cause_text, "it does not");
	assert_int_equal(back->told_percent, 20);
	assert_int_equal(back->overall_percent, 27);
	assert_int_equal(back->bytes, 4711);
	assert_int_equal(back->refetches, 2);
	assert_int_equal(back->away_attempts, 3);
	assert_int_equal(back->away_ms, 12345);
	assert_int_equal(back->created_ms, job->created_ms);
	assert_int_equal(back->changed_ms, job->changed_ms);
}

static void what_nobody_wants_goes_after_a_week(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM "[Update]\nAuto=no\n");
	offer(fx);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	fixture_end(fx);
	fixture_shell(fx, "cd download && touch -d @1795000000 new new.json &&"
			  " touch -d @1794000000 old old.json 1.0.2-" MD5
			  " 1.0.2-" MD5 ".json");
	fixture_start(fx, PROGRAM "[Update]\nAuto=no\n");
	fixture_shell(fx, "test -e download/new && test -e download/new.json &&"
			  " test ! -e download/old && test ! -e download/old.json");
	/* Its job still waits. */
	fixture_shell(fx, "test -e download/1.0.2-" MD5
			  " && test -e download/1.0.2-" MD5 ".json");
}

static void offer_module(struct updater_fixture *fx, const char *module)
{
	OTA_CLEANUP(offer_freep) struct offer *offer = offer_new();
	enum offer_outcome outcome;

	assert_non_null(offer);
	offer->source = OFFER_SOURCE_CONTROL;
	offer->device = strdup(DEVICE_SELF);
	offer->module = strdup(module);
	offer->version = strdup("1.0.2");
	offer->url = strdup("http://web/fw");
	assert_true(digest_set(&offer->md5, DIGEST_MD5, MD5));
	assert_true(updater_offer(fx->updater, offer, &outcome, NULL, &fx->err));
	assert_int_equal(outcome, OFFER_STARTED);
}

static void each_module_has_a_job_of_its_own(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	fixture_start(fx, PROGRAM "[Module app]\nType=binary\nPath=/opt/b\n");
	offer_module(fx, "default");
	offer_module(fx, "app");
	assert_int_equal(fixture_entries(fx, "jobs"), 2);
	assert_true(updater_cancel(fx->updater, NULL, "app", &fx->err));
	fake_loop_settle(fx->loop);
	assert_null(fixture_job(fx, DEVICE_SELF, "app"));
	assert_non_null(fixture_job(fx, DEVICE_SELF, "default"));
	assert_int_equal(fixture_entries(fx, "jobs"), 1);
}

static void expect_told_is_synced(const struct job_view *job, void *user_data)
{
	unsigned *told = user_data;

	(*told)++;
	assert_int_equal(disk.count, 0);
}

static void nothing_is_told_that_a_cut_would_forget(void **state)
{
	struct updater_fixture *fx = *state;
	struct updater_listener *listener;
	unsigned told = 0;

	fixture_start(fx, PROGRAM);
	listener = updater_listen(fx->updater, expect_told_is_synced, &told);
	assert_non_null(listener);
	disk.count = 0;
	offer(fx);
	updater_unlisten(listener);
	assert_in_range(told, 6, 100);
	expect_ended(fx, JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

static void what_an_operator_asked_for_outlives_a_cut(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	disk.count = 0;
	assert_true(updater_hold(fx->updater, 0, "harvest", &fx->err));
	assert_int_equal(disk.count, 0);
	assert_true(updater_release(fx->updater, &fx->err));
	assert_int_equal(disk.count, 0);
	assert_true(updater_add_device(fx->updater, "m-1", "meter", &fx->err));
	assert_int_equal(disk.count, 0);
}

static void the_failures_of_a_wave_outlive_a_cut(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM "[Device m-1]\nClass=meter\n");
	fake_loop_advance(fx->loop, 1000);
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_INSTALL_FAILED, "broken");
	disk.count = 0;
	offer_to(fx, "'subDeviceId':'m-1',");
	expect_end(fx, "m-1", "default", JOB_STATE_FAILED,
		   OTA_ERROR_INSTALL_FAILED);
	assert_int_equal(disk.count, 0);
}

static void one_whose_device_is_configured_no_more_ends(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(config_unrefp) struct config *config = NULL;

	fixture_start(fx, PROGRAM "[Device m-1]\nClass=meter\n");
	fake_loop_advance(fx->loop, 1000);
	fake_installer_hold(INSTALL_SWAP, true);
	offer_to(fx, "'subDeviceId':'m-1',");
	expect_state(fx, "m-1", "default", JOB_STATE_INSTALLING);
	config = fixture_config(fx, PROGRAM);
	assert_true(updater_reload(fx->updater, config, &fx->err));
	assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
	fake_loop_advance(fx->loop, 1000);
	assert_int_equal(fx->updater->n_jobs, 0);
	assert_int_equal(fixture_entries(fx, "jobs"), 0);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, updater_fixture_set_up,             \
					updater_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_swapped_is_not_installed_again),
		TEST(what_is_untouched_is_installed),
		TEST(a_new_version_that_is_gone_is_not_confirmed),
		TEST(what_otad_launch_has_put_back_is_told_as_such),
		TEST(a_new_otad_is_confirmed_by_its_broker_alone),
		TEST(a_new_otad_that_is_online_already_is_confirmed),
		TEST(what_a_repeated_offer_brought_outlives_a_cut),
		TEST(what_was_told_of_a_download_outlives_a_cut),
		TEST(an_artifact_that_is_lost_again_and_again_is_given_up),
		TEST(the_rules_of_a_trial_stay_what_they_were),
		TEST(an_end_without_a_session_is_told_once_there_is_one),
		TEST(a_job_reads_back_as_it_was),
		TEST(what_nobody_wants_goes_after_a_week),
		TEST(each_module_has_a_job_of_its_own),
		TEST(nothing_is_told_that_a_cut_would_forget),
		TEST(what_an_operator_asked_for_outlives_a_cut),
		TEST(the_failures_of_a_wave_outlive_a_cut),
		TEST(one_whose_device_is_configured_no_more_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
