/* What the journal hears of updates: each thing once, and of which job. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "otad/base/log.h"
#include "otad/base/messages.h"
#include "support/updater-fixture.h"

/* Of what the fake web server serves. */
#define MD5 "b1fbd0520cedeeac7874c3a72de3c07f"

#define CLOUD                                                                  \
	"[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n[Mqtt]\nHost=broker\n"
#define PROGRAM CLOUD "[Module default]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"
#define METER PROGRAM "[Device m-1]\n[Module m-1/default]\n"                   \
		      "Type=exec\nHandler=/bin/true\nVersion=1\n"

/* All of it; a line for each entry, its fields behind each other. */
static struct {
	char text[256 * 1024];
	size_t used;
} journal;

/* In place of that of libsystemd. */
int sd_journal_sendv(const struct iovec *iov, int n);
int sd_journal_sendv(const struct iovec *iov, int n)
{
	for (int i = 0; i <= n; i++) {
		assert_true(journal.used < sizeof(journal.text) - 1024);
		journal.used += (size_t)sprintf(
			journal.text + journal.used, "%.*s%s",
			i < n ? (int)iov[i].iov_len : 0,
			i < n ? (const char *)iov[i].iov_base : "",
			i < n ? "\x1f" : "\n");
	}
	return 0;
}

static int set_up(void **state)
{
	int r = updater_fixture_set_up(state);
	char stream[64];
	struct stat st;

	/* As systemd says that standard error is the journal's. */
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	journal.used = 0;
	log_open(LOG_TARGET_AUTO, LOG_LEVEL_NOTICE);
	return r;
}

static int tear_down(void **state)
{
	int r = updater_fixture_tear_down(state);

	log_open(LOG_TARGET_STDERR, (enum log_level)0);
	unsetenv("JOURNAL_STREAM");
	return r;
}

/* The entries that have both. */
static unsigned count_with(const char *one, const char *other)
{
	unsigned count = 0;
	char *line, *at = journal.text, *end;

	journal.text[journal.used] = '\0';
	for (line = at; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		count += strstr(line, one) && strstr(line, other);
		*end = '\n';
	}
	return count;
}

static unsigned count(const char *text)
{
	return count_with(text, "");
}

static void offer(struct updater_fixture *fx, const char *to, const char *version)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'m-%s',%s"
		 "'data':{'version':'%s','firmwareUrl':'http://web/fw?key=hush',"
		 "'md5':'" MD5 "'}}",
		 version, to, version);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command", json);
	fake_loop_settle(fx->loop);
}

static void each_change_of_a_job_is_told_with_its_name(void **state)
{
	static const char *const states[] = { "available", "downloading",
					      "verifying", "backing-up",
					      "installing", "restarting",
					      "confirming", "rolled-back" };
	const struct log_message *const messages[] = {
		&message_job_available,	 &message_job_downloading,
		&message_job_verifying,	 &message_job_backing_up,
		&message_job_installing, &message_job_restarting,
		&message_job_confirming, &message_job_rolled_back,
	};
	struct updater_fixture *fx = *state;
	char job[32], field[64];

	fake_fetch_hold(true);
	fake_installer_fail(INSTALL_CONFIRM, OTA_ERROR_HEALTH_CHECK_FAILED,
			    "it is sick");
	fixture_start(fx, PROGRAM);
	offer(fx, "'uuid':'HQ1',", "1.0.2");
	snprintf(job, sizeof(job), "OTA_JOB=%s",
		 fixture_job(fx, DEVICE_SELF, "default")->id);
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(states); i++) {
		snprintf(field, sizeof(field), "OTA_STATE=%s\x1f", states[i]);
		/* The way back is begun in a state, too. */
		assert_in_range(count_with(job, field), 1, 2);
		snprintf(field, sizeof(field), "MESSAGE_ID=%s", messages[i]->id);
		assert_int_equal(count_with(job, field), 1);
	}
	assert_int_equal(count_with("rolled-back: it is sick",
				    "OTA_ERROR=health-check-failed"),
			 1);
	assert_int_equal(count("Putting 1.0.1 back: it is sick"), 1);
	assert_int_equal(count_with("Putting 1.0.1 back", job), 1);
	assert_int_equal(count("hush"), 0);
}

static void a_device_that_is_away_is_told_of_once(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_fail(INSTALL_SWAP, OTA_ERROR_BUSY, "no answer");
	fixture_start(fx, METER);
	offer(fx, "'subDeviceId':'m-1',", "2");
	for (unsigned i = 0; i < 60; i++)
		fake_loop_advance(fx->loop, 60 * 1000);
	assert_true(fixture_job(fx, "m-1", "default")->away_attempts > 5);
	assert_int_equal(count("no answer"), 1);
	assert_int_equal(count(message_job_installing.id), 1);
}

static void unusable_messages_do_not_fill_the_journal(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, PROGRAM);
	for (unsigned i = 0; i < 25; i++)
		fixture_deliver(fx, "hanqi/gateway/HQ1/command",
				"{'msgType':'ota_upgrade','msgId':'m','data':{}}");
	assert_int_equal(count("is unusable"), 10);
	fake_loop_advance(fx->loop, 60 * 1000);
	fixture_deliver(fx, "hanqi/gateway/HQ1/command",
			"{'msgType':'ota_upgrade','msgId':'m','data':{}}");
	assert_int_equal(count("is unusable"), 11);
	assert_int_equal(count("15 more messages of the cloud were unusable"), 1);
}

static void a_disk_that_takes_no_state_is_told_of_once(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_CONFIRM, true);
	fixture_start(fx, PROGRAM);
	offer(fx, "'uuid':'HQ1',", "1.0.2");
	fixture_break(fx, "jobs");
	fake_installer_end(OTA_ERROR_NONE, NULL);
	fake_loop_advance(fx->loop, 5 * 60 * 1000);
	assert_int_equal(count_with("Cannot record job", "make room"), 1);
	fixture_mend(fx, "jobs");
}

static void reports_that_were_unreadable_are_told_of(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_make(fx, PROGRAM);
	fixture_end(fx);
	fixture_write(fx, "outbox/1.json", "{\"topic\":");
	fixture_start(fx, PROGRAM);
	assert_int_equal(count("1 reports in"), 1);
}

static unsigned count_checks(void)
{
	unsigned checks = 0;

	for (size_t i = 0; i < fake_mqtt_count(); i++)
		checks += fake_mqtt_at(i)->kind == FAKE_MQTT_PUBLISH &&
			  strcmp(fake_mqtt_at(i)->topic,
				 "/sys/pk/gw/thing/ota/firmware/get") == 0;
	return checks;
}

static void a_cloud_that_answers_no_check_is_told_of(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, "[Cloud]\nPlatform=iotgo\nProductKey=pk\n"
			  "DeviceName=gw\n[Mqtt]\nHost=broker\n"
			  "[Module default]\nType=binary\nPath=/opt/app\n"
			  "Version=1.0.1\n");
	fake_loop_advance(fx->loop, 5000);
	fake_loop_advance(fx->loop, 29000);
	assert_int_equal(count("has not answered a check"), 0);
	fake_loop_advance(fx->loop, 1000);
	assert_int_equal(count("has not answered a check"), 1);
	/* Five minutes later, more or less, and this time it does. */
	for (unsigned s = 0; s < 400 && count_checks() < 2; s++)
		fake_loop_advance(fx->loop, 1000);
	assert_int_equal(count_checks(), 2);
	fixture_deliver(fx, "/sys/pk/gw/thing/ota/firmware/get_reply",
			"{'id':'1','code':200,'data':{}}");
	fake_loop_advance(fx->loop, 60 * 1000);
	assert_int_equal(count("has not answered a check"), 1);
}

/* The cloud will offer it again and again. */
static void otad_that_calls_itself_otherwise_is_told_of(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, CLOUD "[Module default]\nType=self\n");
	fake_installer_hold(INSTALL_CONFIRM, true);
	fake_installer_hold(INSTALL_ACTIVATE, true);
	offer(fx, "'uuid':'HQ1',", "1.0.2");
	fixture_end(fx);
	fake_installer_hold(INSTALL_ACTIVATE, false);
	fake_installer_hold(INSTALL_CONFIRM, false);
	fake_installer_set_found(DEVICE_SELF, "default", INSTALL_FOUND_RUNNING);
	fx->version = "1.0.3";
	fixture_start(fx, CLOUD "[Module default]\nType=self\n");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
	assert_int_equal(count("runs as version 1.0.3, not 1.0.2 as offered"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_change_of_a_job_is_told_with_its_name),
		TEST(a_device_that_is_away_is_told_of_once),
		TEST(unusable_messages_do_not_fill_the_journal),
		TEST(a_disk_that_takes_no_state_is_told_of_once),
		TEST(reports_that_were_unreadable_are_told_of),
		TEST(a_cloud_that_answers_no_check_is_told_of),
		TEST(otad_that_calls_itself_otherwise_is_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
