/* Devices behind the gateway: turns, those that are away, and too many. */

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

/* Of what the fake web server serves. */
#define MD5 "b1fbd0520cedeeac7874c3a72de3c07f"

#define HANQI                                                                  \
	"[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n[Mqtt]\nHost=broker\n"        \
	"[Module default]\nType=self\n"                                        \
	"[Class meter]\nModule=default exec /bin/flash\n"

/* "m-1" and so on. */
static void start(struct updater_fixture *fx, unsigned count, const char *more)
{
	OTA_CLEANUP(freep) char *ini = NULL;
	size_t size;
	FILE *out = open_memstream(&ini, &size);

	assert_non_null(out);
	fputs(HANQI, out);
	for (unsigned i = 1; i <= count; i++)
		fprintf(out, "[Device m-%u]\nClass=meter\n", i);
	fprintf(out, "[Update]\n%s", more);
	fclose(out);
	fixture_start(fx, ini);
	/* Devices come in by batches. */
	for (unsigned i = 0; i < count; i += 32)
		fake_loop_advance(fx->loop, 10);
	fixture_skip(fx);
	fake_installer_forget_trace();
}

static void offer(struct updater_fixture *fx, unsigned device,
		  const char *version)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'o-%u-%s','subDeviceId':'m-%u',"
		 "'data':{'version':'%s','firmwareUrl':'http://web/fw',"
		 "'md5':'" MD5 "'}}",
		 device, version, device, version);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command", json);
}

static const char *waits(const struct updater_fixture *fx, const char *device)
{
	const struct job *job = fixture_job(fx, device, "default");
	struct job_view view;

	if (!job)
		return "";
	updater_job_view(job, &view);
	return view.waiting ? view.waiting : "";
}

static void expect_in(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static unsigned count_completed(const struct updater_fixture *fx,
				unsigned device)
{
	char name[16];
	unsigned count = 0;

	snprintf(name, sizeof(name), "\"m-%u\"", device);
	for (size_t i = fx->read; i < fake_mqtt_count(); i++) {
		const char *payload = fake_mqtt_at(i)->payload;

		count += payload && strstr(payload, name) &&
			 strstr(payload, "\"completed\"");
	}
	return count;
}

static void one_that_is_away_leaves_its_place_to_others(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 2, "WaveSize=1\n");
	fake_installer_hold(INSTALL_SWAP, true);
	offer(fx, 1, "2.0");
	offer(fx, 2, "2.0");
	expect_state(fx, "m-1", "default", JOB_STATE_INSTALLING);
	expect_state(fx, "m-2", "default", JOB_STATE_VERIFYING);
	expect_in(waits(fx, "m-2"), "WaveSize=");
	assert_true(fake_installer_end(OTA_ERROR_BUSY, "no answer"));
	fake_loop_settle(fx->loop);
	expect_state(fx, "m-1", "default", JOB_STATE_VERIFYING);
	expect_in(waits(fx, "m-1"), "no answer");
	expect_state(fx, "m-2", "default", JOB_STATE_INSTALLING);
	/* Both want the one artifact: it must stay, and be believed by none. */
	assert_true(fake_installer_was_shared());
	assert_false(fake_installer_was_fresh());

	/* Its time has come, but the place is taken. */
	fake_loop_advance(fx->loop, 2000);
	expect_in(waits(fx, "m-1"), "WaveSize=");
	assert_int_equal(fake_installer_running(), 1);
	assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-2", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
	expect_state(fx, "m-1", "default", JOB_STATE_INSTALLING);
	assert_false(fake_installer_was_shared());
	/* It was verified long ago. */
	assert_false(fake_installer_was_fresh());
	assert_string_equal(waits(fx, "m-1"), "");
	assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-1", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
	/* Each by its own name. */
	for (unsigned i = 1; i <= 2; i++)
		assert_int_equal(count_completed(fx, i), 1);
	/* Told once, however often it was tried. */
	assert_int_equal(fixture_count(fx, "'state':'verifying'"), 2);
	assert_int_equal(fake_fetch_started(), 1);
}

static void otad_is_installed_alone_and_before_those_who_come_later(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_SWAP, true);
	start(fx, 2, "");
	offer(fx, 1, "2.0");
	expect_state(fx, "m-1", "default", JOB_STATE_INSTALLING);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command",
			"{'msgType':'ota_upgrade','msgId':'o','uuid':'HQ1',"
			"'data':{'version':'2.0','firmwareUrl':'http://web/fw',"
			"'md5':'" MD5 "'}}");
	offer(fx, 2, "2.0");
	fake_loop_settle(fx->loop);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_VERIFYING);
	expect_state(fx, "m-2", "default", JOB_STATE_VERIFYING);

	assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-1", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_INSTALLING);
	expect_state(fx, "m-2", "default", JOB_STATE_VERIFYING);
}

static void offer_to_gateway(struct updater_fixture *fx, const char *version)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'g-%s','uuid':'HQ1',"
		 "'data':{'version':'%s','firmwareUrl':'http://web/fw',"
		 "'md5':'" MD5 "'}}",
		 version, version);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command", json);
	fake_loop_settle(fx->loop);
}

static void who_waits_for_otad_goes_on_without_it(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_SWAP, true);
	start(fx, 2, "");
	offer(fx, 1, "2.0");
	offer_to_gateway(fx, "2.0");
	offer(fx, 2, "2.0");
	fake_loop_settle(fx->loop);
	expect_in(waits(fx, "m-2"), "otad itself");
	assert_true(updater_cancel(fx->updater, NULL, NULL, &fx->err));
	fake_loop_settle(fx->loop);
	expect_state(fx, "m-2", "default", JOB_STATE_INSTALLING);
}

/* A gateway's own program is none of those behind it. */
static void the_gateway_has_no_place_in_a_wave(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, "[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n"
			  "[Mqtt]\nHost=broker\n[Update]\nWaveSize=1\n"
			  "[Module default]\nType=binary\nPath=/opt/app\n"
			  "[Class meter]\nModule=default exec /bin/flash\n"
			  "[Device m-1]\nClass=meter\n");
	fake_installer_hold(INSTALL_SWAP, true);
	offer_to_gateway(fx, "2.0");
	offer(fx, 1, "2.0");
	fake_loop_settle(fx->loop);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_INSTALLING);
	expect_state(fx, "m-1", "default", JOB_STATE_INSTALLING);
}

/* What one of them verified before it may be moved away by the other. */
static void what_two_want_is_shared_after_a_restart(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 2, "WaveSize=1\n");
	fake_installer_hold(INSTALL_SWAP, true);
	offer(fx, 1, "2.0");
	offer(fx, 2, "2.0");
	fixture_end(fx);
	start(fx, 2, "WaveSize=1\n");
	expect_state(fx, "m-1", "default", JOB_STATE_INSTALLING);
	expect_state(fx, "m-2", "default", JOB_STATE_VERIFYING);
	assert_true(fake_installer_was_shared());
}

static void offer_sized(struct updater_fixture *fx, unsigned device,
			const char *version, unsigned size)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'s','subDeviceId':'m-%u',"
		 "'data':{'version':'%s','firmwareUrl':'http://web/fw',"
		 "'fileSize':%u,'md5':'" MD5 "'}}",
		 device, version, size);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command", json);
	fake_loop_settle(fx->loop);
}

/* Each by its own offer; what is wrong for one may be right for another. */
static void one_that_was_told_another_size_fails_alone(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 2, "");
	fake_installer_hold(INSTALL_BACKUP, true);
	offer(fx, 1, "2.0");
	offer_sized(fx, 2, "2.0", 14);
	expect_end(fx, "m-2", "default", JOB_STATE_FAILED,
		   OTA_ERROR_SIZE_MISMATCH);
	assert_int_equal(fixture_entries(fx, "download"), 1);
	assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-1", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
	assert_int_equal(fake_fetch_started(), 1);
}

/* All know its SHA-256, some an MD5, too: a right one and a wrong one. */
static void one_that_joins_by_another_digest_is_checked_by_it(void **state)
{
	static const char *const md5s[] = {
		NULL, MD5, "00000000000000000000000000000000",
	};
	struct updater_fixture *fx = *state;
	enum offer_outcome outcome;

	start(fx, 3, "");
	fake_fetch_hold(true);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(md5s); i++) {
		OTA_CLEANUP(offer_freep) struct offer *given = offer_new();

		given->source = OFFER_SOURCE_CONTROL;
		assert_true(asprintf(&given->device, "m-%zu", i + 1) > 0);
		given->module = strdup("default");
		given->version = strdup("2.0");
		given->url = strdup("http://web/fw");
		assert_true(digest_set(&given->sha256, DIGEST_SHA256,
				       "b455aa8ff3411d00febd8410453b8843"
				       "48a440f8c63249c5d012779cdbaf6677"));
		if (md5s[i])
			assert_true(digest_set(&given->md5, DIGEST_MD5, md5s[i]));
		assert_true(updater_offer(fx->updater, given, &outcome, NULL,
					  &fx->err));
		fake_loop_settle(fx->loop);
		if (i == 0)
			assert_true(fake_fetch_receive(3));
	}
	assert_int_equal(fake_fetch_running(), 1);
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-1", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
	expect_end(fx, "m-2", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
	expect_end(fx, "m-3", "default", JOB_STATE_FAILED,
		   OTA_ERROR_DIGEST_MISMATCH);
}

static void downloads_take_turns_and_the_gateway_goes_first(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 4, "[Download]\nMaxDownloads=1\n");
	fake_fetch_hold(true);
	offer(fx, 1, "2.0");
	offer(fx, 2, "2.1");
	offer(fx, 3, "2.2");
	offer(fx, 4, "2.0"); /* the same as the first */
	offer_to_gateway(fx, "3.0");
	expect_state(fx, "m-1", "default", JOB_STATE_DOWNLOADING);
	expect_state(fx, "m-4", "default", JOB_STATE_DOWNLOADING);
	expect_in(waits(fx, "m-2"), "MaxDownloads=");
	assert_int_equal(fake_fetch_running(), 1);
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_DOWNLOADING);
	expect_state(fx, "m-2", "default", JOB_STATE_AVAILABLE);
	assert_int_equal(fake_fetch_running(), 1);
}

static void each_device_hears_of_its_unusable_message(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 2, "");
	for (unsigned i = 1; i <= 4; i++) {
		char json[128];

		snprintf(json, sizeof(json),
			 "{'msgType':'ota_upgrade','msgId':'m','data':{"
			 "'version':'2.0'},'subDeviceId':'m-%u'}",
			 (i - 1) % 2 + 1);
		fixture_deliver(fx, "hanqi/gateway/HQ1/command", json);
	}
	fake_loop_settle(fx->loop);
	/* Once a minute. */
	assert_int_equal(fixture_count(fx, "rejected: "), 2);
}

static void one_on_trial_keeps_its_place_over_a_restart(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 2, "WaveSize=1\n");
	fake_installer_hold(INSTALL_CONFIRM, true);
	offer(fx, 1, "2.0");
	expect_state(fx, "m-1", "default", JOB_STATE_CONFIRMING);
	fixture_end(fx);
	fake_installer_set_found("m-1", "default", INSTALL_FOUND_SWAPPED);
	start(fx, 2, "WaveSize=1\n");
	offer(fx, 2, "2.0");
	expect_state(fx, "m-1", "default", JOB_STATE_CONFIRMING);
	expect_state(fx, "m-2", "default", JOB_STATE_VERIFYING);
	assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
	fake_loop_settle(fx->loop);
	expect_state(fx, "m-2", "default", JOB_STATE_CONFIRMING);
}

static void one_that_is_away_is_known_after_a_restart(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 1, "");
	fake_installer_fail(INSTALL_SWAP, OTA_ERROR_BUSY, "no answer");
	offer(fx, 1, "2.0");
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_job(fx, "m-1", "default")->away_attempts, 1);
	fixture_end(fx);
	start(fx, 1, "");
	assert_int_equal(fixture_job(fx, "m-1", "default")->away_attempts, 2);
	fake_installer_fail(INSTALL_SWAP, OTA_ERROR_NONE, NULL);
	fake_loop_advance(fx->loop, 5000);
	expect_end(fx, "m-1", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

static void one_that_is_away_can_be_cancelled(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 1, "");
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_BUSY, "no answer");
	offer(fx, 1, "2.0");
	fake_loop_settle(fx->loop);
	if (!updater_cancel(fx->updater, "m-1", "default", &fx->err))
		fail_msg("%s", fx->err.text);
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-1", "default", JOB_STATE_FAILED, OTA_ERROR_CANCELLED);
	/* Nothing is left of it that would come back. */
	fake_loop_advance(fx->loop, 60 * 60 * 1000);
	assert_null(fixture_job(fx, "m-1", "default"));
}

static void nobody_is_waited_for_for_ever(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 2, "AwayTimeout=1h\nWaveStop=1\n");
	fake_installer_fail(INSTALL_SWAP, OTA_ERROR_BUSY, "no answer");
	offer(fx, 1, "2.0");
	for (unsigned i = 0; i < 2 * 60; i++) {
		const struct job *job = fixture_job(fx, "m-1", "default");

		/* 15 minutes, and a tenth to either side. */
		if (job)
			assert_true(job->away_delay_ms <= 990 * 1000);
		fake_loop_advance(fx->loop, 60 * 1000);
	}
	expect_end(fx, "m-1", "default", JOB_STATE_FAILED, OTA_ERROR_BUSY);
	/* Nobody was there to fail: the wave goes on. */
	fake_installer_fail(INSTALL_SWAP, OTA_ERROR_NONE, NULL);
	offer(fx, 2, "2.0");
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-2", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

static void a_touched_device_that_goes_away_is_rolled_back(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 1, "");
	fake_installer_hold(INSTALL_SWAP, true);
	offer(fx, 1, "2.0");
	fake_installer_set_found("m-1", "default", INSTALL_FOUND_SWAPPED);
	fake_installer_fail(INSTALL_ROLL_BACK, OTA_ERROR_BUSY, "no answer");
	assert_true(fake_installer_end(OTA_ERROR_BUSY, "no answer"));
	/* Far more often than other ways back are tried. */
	for (unsigned i = 0; i < 2 * 60; i++)
		fake_loop_advance(fx->loop, 60 * 1000);
	expect_state(fx, "m-1", "default", JOB_STATE_INSTALLING);
	expect_in(waits(fx, "m-1"), "no answer");
	fake_installer_fail(INSTALL_ROLL_BACK, OTA_ERROR_NONE, NULL);
	fake_loop_advance(fx->loop, 20 * 60 * 1000);
	expect_end(fx, "m-1", "default", JOB_STATE_ROLLED_BACK, OTA_ERROR_BUSY);
}

static void only_so_many_are_flashed_at_a_time(void **state)
{
	struct updater_fixture *fx = *state;
	const unsigned more = 6, all = GATE_WAVE_SIZE_DEFAULT + more;
	struct updater_status status;

	start(fx, all, "");
	fake_installer_hold(INSTALL_SWAP, true);
	for (unsigned i = 1; i <= all; i++) {
		offer(fx, i, "2.0");
		fake_installer_forget_trace();
	}
	assert_int_equal(fake_installer_running(), GATE_WAVE_SIZE_DEFAULT);
	updater_status(fx->updater, &status);
	assert_int_equal(status.jobs, all);
	assert_int_equal(status.jobs_in[JOB_STATE_INSTALLING],
			 GATE_WAVE_SIZE_DEFAULT);
	assert_int_equal(status.jobs_in[JOB_STATE_VERIFYING], more);
	assert_int_equal(status.modules, all + 1);
	for (unsigned i = 0; i < all; i++) {
		fake_installer_forget_trace();
		assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
		fake_loop_settle(fx->loop);
	}
	updater_status(fx->updater, &status);
	for (unsigned i = 0; i < JOB_STATE_COUNT; i++)
		assert_int_equal(status.jobs_in[i], 0);
	assert_int_equal(fx->updater->totals.succeeded, all);
	assert_int_equal(fake_fetch_started(), 1);
}

static void failures_of_a_wave_outlive_a_restart(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 3, "WaveStop=1\n");
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_INSTALL_FAILED, "broken");
	offer(fx, 1, "2.0");
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-1", "default", JOB_STATE_FAILED,
		   OTA_ERROR_INSTALL_FAILED);
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_NONE, NULL);
	fixture_end(fx);
	start(fx, 3, "WaveStop=1\n");
	offer(fx, 2, "2.0");
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-2", "default", JOB_STATE_FAILED, OTA_ERROR_CANCELLED);

	/* Nonsense in the file stops nobody. */
	fixture_end(fx);
	fixture_write(fx, "waves.json", "{\"waves\":[7,{\"version\":\"2.0\"}]}");
	start(fx, 3, "WaveStop=1\n");
	offer(fx, 3, "2.0");
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-3", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

static void fails(struct updater_fixture *fx, unsigned device)
{
	char name[16];

	snprintf(name, sizeof(name), "m-%u", device);
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_INSTALL_FAILED, "broken");
	offer(fx, device, "2.0");
	fake_loop_settle(fx->loop);
	expect_end(fx, name, "default", JOB_STATE_FAILED,
		   OTA_ERROR_INSTALL_FAILED);
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_NONE, NULL);
}

static void succeeds(struct updater_fixture *fx, unsigned device)
{
	char name[16];

	snprintf(name, sizeof(name), "m-%u", device);
	offer(fx, device, "2.0");
	fake_loop_settle(fx->loop);
	expect_end(fx, name, "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
}

static void only_failures_of_the_artifact_stop_a_wave(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 5, "WaveStop=1\n");
	succeeds(fx, 1);
	fake_installer_hold(INSTALL_BACKUP, true);
	offer(fx, 2, "2.0");
	expect_state(fx, "m-2", "default", JOB_STATE_BACKING_UP);
	assert_true(updater_cancel(fx->updater, "m-2", "default", &fx->err));
	fake_loop_settle(fx->loop);
	fake_installer_hold(INSTALL_BACKUP, false);
	fixture_shell(fx, "rm -f download/*");
	fake_fetch_break(OTA_ERROR_NETWORK);
	offer(fx, 3, "2.0");
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-3", "default", JOB_STATE_FAILED, OTA_ERROR_NETWORK);
	fake_fetch_break(OTA_ERROR_NONE);
	/* The gateway is no device of the wave, whatever it is offered. */
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_INSTALL_FAILED, "broken");
	offer_to_gateway(fx, "2.0");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_INSTALL_FAILED);
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_NONE, NULL);
	succeeds(fx, 4);
	fails(fx, 5);
	fake_installer_hold(INSTALL_SWAP, true);
	offer_to_gateway(fx, "2.0");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_INSTALLING);
}

static void another_artifact_is_another_wave(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 2, "WaveStop=1\n");
	fails(fx, 1);
	/* The same version, built anew; that it is wrong is its own affair. */
	fixture_deliver(fx, "hanqi/gateway/HQ1/command",
			"{'msgType':'ota_upgrade','msgId':'n','subDeviceId':'m-2',"
			"'data':{'version':'2.0','firmwareUrl':'http://web/fw',"
			"'md5':'00000000000000000000000000000000'}}");
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-2", "default", JOB_STATE_FAILED,
		   OTA_ERROR_DIGEST_MISMATCH);
}

static void an_operator_lets_a_wave_go_on(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(offer_freep) struct offer *given = offer_new();
	enum offer_outcome outcome;

	start(fx, 3, "WaveStop=1\n");
	fails(fx, 1);
	given->source = OFFER_SOURCE_CONTROL;
	given->device = strdup("m-1");
	given->module = strdup("default");
	given->version = strdup("2.0");
	given->url = strdup("http://web/fw");
	assert_true(digest_set(&given->md5, DIGEST_MD5, MD5));
	assert_true(updater_offer(fx->updater, given, &outcome, NULL, &fx->err));
	fake_loop_settle(fx->loop);
	expect_end(fx, "m-1", "default", JOB_STATE_SUCCEEDED, OTA_ERROR_NONE);
	succeeds(fx, 2);
	fixture_end(fx);
	start(fx, 3, "WaveStop=1\n");
	succeeds(fx, 3);
}

static void a_damaged_count_of_failures_is_set_aside(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(freep) char *aside = NULL, *text = NULL;

	start(fx, 1, "");
	fixture_end(fx);
	fixture_write(fx, "waves.json", "{\"waves\":");
	start(fx, 1, "");
	aside = fixture_read(fx, "waves.json.bad");
	assert_non_null(aside);
	fixture_end(fx);
	/* A version of any length, as the sanitizers would see. */
	assert_true(asprintf(&text, "{\"waves\":[{\"version\":\"%02000d\","
				    "\"digest\":\"\",\"failures\":1}]}", 7) > 0);
	fixture_write(fx, "waves.json", text);
	start(fx, 1, "WaveStop=1\n");
	assert_int_equal(fx->updater->waves.next, 0);
}

static void beyond_so_many_jobs_otad_is_busy(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 1, "");
	fx->updater->n_jobs += UPDATER_MAX_JOBS;
	offer(fx, 1, "2.0");
	fake_loop_settle(fx->loop);
	fx->updater->n_jobs -= UPDATER_MAX_JOBS;
	assert_int_equal(fixture_count(fx, "'errorCode':'BUSY'"), 1);
	assert_int_equal(fx->updater->n_jobs, 0);
}

static void a_waiting_offer_that_is_replaced_is_told(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx, 1, "");
	fake_installer_hold(INSTALL_SWAP, true);
	offer(fx, 1, "2.0");
	offer(fx, 1, "2.1");
	offer(fx, 1, "2.1"); /* again: nothing is replaced */
	assert_int_equal(fixture_count(fx, "superseded"), 0);
	offer(fx, 1, "2.2");
	assert_int_equal(fixture_count(fx, "'msgId':'o-1-2.1'"), 1);
	assert_int_equal(fixture_count(fx, "'state':'failed'"), 1);
	assert_int_equal(fixture_count(fx, "'errorCode':'CANCELLED'"), 1);
	assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
	fake_loop_settle(fx->loop);
	assert_true(fake_installer_end(OTA_ERROR_NONE, ""));
	fake_loop_settle(fx->loop);
	expect_version(fx, "m-1", "default", "2.2");
}

int main(void)
{
#define T(test)                                                                \
	cmocka_unit_test_setup_teardown(test, updater_fixture_set_up,          \
					updater_fixture_tear_down)
	const struct CMUnitTest tests[] = {
		T(one_that_is_away_leaves_its_place_to_others),
		T(otad_is_installed_alone_and_before_those_who_come_later),
		T(who_waits_for_otad_goes_on_without_it),
		T(the_gateway_has_no_place_in_a_wave),
		T(what_two_want_is_shared_after_a_restart),
		T(one_that_was_told_another_size_fails_alone),
		T(one_that_joins_by_another_digest_is_checked_by_it),
		T(downloads_take_turns_and_the_gateway_goes_first),
		T(each_device_hears_of_its_unusable_message),
		T(one_on_trial_keeps_its_place_over_a_restart),
		T(one_that_is_away_is_known_after_a_restart),
		T(one_that_is_away_can_be_cancelled),
		T(nobody_is_waited_for_for_ever),
		T(a_touched_device_that_goes_away_is_rolled_back),
		T(only_so_many_are_flashed_at_a_time),
		T(failures_of_a_wave_outlive_a_restart),
		T(only_failures_of_the_artifact_stop_a_wave),
		T(another_artifact_is_another_wave),
		T(an_operator_lets_a_wave_go_on),
		T(a_damaged_count_of_failures_is_set_aside),
		T(beyond_so_many_jobs_otad_is_busy),
		T(a_waiting_offer_that_is_replaced_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
