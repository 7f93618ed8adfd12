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
#define MD5_OTHER "00000000000000000000000000000000"

#define MODULE                                                                 \
	"[Module default]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"
#define HANQI                                                                  \
	"[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n[Mqtt]\nHost=broker\n" MODULE
#define TENCENT                                                                \
	"[Cloud]\nPlatform=tencent\nProductId=P\nDeviceName=gw\n"              \
	"[Mqtt]\nHost=broker\n"                                                \
	"[Module default]\nType=binary\nPath=/opt/app\nVersion=0.1\n"
#define IOTGO                                                                  \
	"[Cloud]\nPlatform=iotgo\nProductKey=pk\nDeviceName=gw\n"              \
	"[Mqtt]\nHost=broker\n" MODULE
#define EZTCLOUD                                                               \
	"[Cloud]\nPlatform=eztcloud\nUsername=DU_1\n[Mqtt]\nHost=broker\n"     \
	"[Module main]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"

#define COMMAND "hanqi/gateway/HQ1/command"
#define REPORT "hanqi/gateway/HQ1/report"
#define OTA_UPDATE "$ota/update/P/gw"
#define OTA_REPORT "$ota/report/P/gw"

/* ---- what hanqi says and hears ---- */

static void hanqi_offers(struct updater_fixture *fx, const char *id,
			 const char *version, const char *extra)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'%s','uuid':'HQ1',"
		 "'data':{'version':'%s','firmwareUrl':'http://web/fw?t=1',"
		 "'md5':'" MD5 "'%s}}",
		 id, version, extra);
	fixture_deliver(fx, COMMAND, json);
}

static void expect_heartbeat(struct updater_fixture *fx, const char *version)
{
	char json[256];

	snprintf(json, sizeof(json),
		 "{'msgType':'heartbeat','uuid':'HQ1','timestamp':'$any-int',"
		 "'data':{'entityType':'gateway','firmwareVersion':'%s'}}",
		 version);
	expect_sent(fx, REPORT, 1, json);
}

static void expect_progress(struct updater_fixture *fx, const char *state,
			    int percent, const char *current,
			    const char *failure)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_progress','msgId':'m1','uuid':'HQ1',"
		 "'timestamp':'$any-int','data':{'state':'%s','progress':%d,"
		 "'currentVersion':'%s','targetVersion':'1.0.2'%s}}",
		 state, percent, current, failure);
	expect_sent(fx, REPORT, strcmp(state, "downloading") == 0 ? 0 : 1, json);
}

static void hanqi_starts(struct updater_fixture *fx, const char *more)
{
	OTA_CLEANUP(freep) char *ini = NULL;

	assert_true(asprintf(&ini, HANQI "%s", more) > 0);
	fixture_start(fx, ini);
	expect_subscribed(fx, COMMAND);
	expect_heartbeat(fx, "1.0.1");
	expect_nothing(fx);
}

/* ---- whole lives ---- */

static void hanqi_hears_what_its_document_shows(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", ",'fileSize':15");
	expect_progress(fx, "downloading", 0, "1.0.1", "");
	/* 3 of 15 bytes a time are 20 %; one report a second. */
	for (int percent = 20; percent <= 80; percent += 20) {
		fake_loop_advance(fx->loop, 1000);
		fake_fetch_receive(3);
		expect_progress(fx, "downloading", percent, "1.0.1", "");
	}
	expect_nothing(fx);
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	expect_progress(fx, "downloading", 90, "1.0.1", "");
	expect_progress(fx, "verifying", 95, "1.0.1", "");
	expect_progress(fx, "installing", 96, "1.0.1", "");
	expect_progress(fx, "installing", 98, "1.0.1", "");
	expect_progress(fx, "installing", 99, "1.0.1", "");
	expect_heartbeat(fx, "1.0.2");
	expect_progress(fx, "completed", 100, "1.0.2", "");
	expect_nothing(fx);
	assert_string_equal(fake_installer_trace(),
			    "backup stage check swap activate confirm clean");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
	assert_int_equal(fixture_entries(fx, "jobs"), 0);
	assert_int_equal(fixture_entries(fx, "outbox"), 0);
}

static void expect_tencent(struct updater_fixture *fx, const char *state,
			   int qos, const char *rest)
{
	char json[256];

	snprintf(json, sizeof(json),
		 "{'type':'report_progress','report':{'progress':"
		 "{'state':'%s',%s},'version':'0.2'}}",
		 state, rest);
	expect_sent(fx, OTA_REPORT, qos, json);
}

static void tencent_starts(struct updater_fixture *fx)
{
	fixture_start(fx, TENCENT);
	expect_subscribed(fx, OTA_UPDATE);
	expect_sent(fx, OTA_REPORT, 1,
		    "{'type':'report_version','report':{'version':'0.1'}}");
	expect_nothing(fx);
	fixture_deliver(fx, OTA_UPDATE,
			"{'type':'report_version_rsp','result_code':0,"
			"'result_msg':'success','version':'0.1'}");
	expect_nothing(fx);
}

static void tencent_offers(struct updater_fixture *fx)
{
	fixture_deliver(fx, OTA_UPDATE,
			"{'file_size':15,'md5sum':'" MD5 "',"
			"'type':'update_firmware','url':'https://web/fw',"
			"'version':'0.2'}");
}

static void tencent_hears_what_its_document_shows(void **state)
{
	struct updater_fixture *fx = *state;
	char rest[96];

	fake_fetch_hold(true);
	tencent_starts(fx);
	tencent_offers(fx);
	for (int percent = 0; percent < 100; percent += 20) {
		snprintf(rest, sizeof(rest),
			 "'percent':'%d','result_code':'0','result_msg':''",
			 percent);
		expect_tencent(fx, "downloading", 0, rest);
		fake_loop_advance(fx->loop, 1000);
		if (percent < 80)
			fake_fetch_receive(3);
	}
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	expect_tencent(fx, "downloading", 0,
		       "'percent':'100','result_code':'0','result_msg':''");
	expect_tencent(fx, "burning", 1, "'result_code':'0','result_msg':''");
	expect_sent(fx, OTA_REPORT, 1,
		    "{'type':'report_version','report':{'version':'0.2'}}");
	expect_tencent(fx, "done", 1, "'result_code':'0','result_msg':''");
	expect_nothing(fx);
}

static void iotgo_hears_of_properties_first(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, IOTGO);
	fake_loop_settle(fx->loop);
	expect_subscribed(fx, "/ota/device/upgrade/pk/gw");
	expect_subscribed(fx, "/sys/pk/gw/thing/ota/firmware/get_reply");
	expect_sent(fx, "/ota/device/inform/pk/gw", 1,
		    "{'id':'$any-string','params':{'version':'1.0.1',"
		    "'module':'default'}}");
	expect_sent(fx, "/sys/pk/gw/thing/event/property/post", 1,
		    "{'id':'$any-string','version':'1.0','params':{"
		    "'ota_status':{'value':'idle','time':'$any-int'},"
		    "'ota_progress':{'value':0,'time':'$any-int'},"
		    "'firmware_version':{'value':'1.0.1','time':'$any-int'}},"
		    "'method':'thing.event.property.post'}");
	expect_nothing(fx);
	fixture_deliver(fx, "/ota/device/upgrade/pk/gw",
			"{'code':'1000','data':{'size':15,'version':'1.0.2',"
			"'url':'https://web/fw','sign':'" MD5 "',"
			"'signMethod':'Md5'},'id':1,'message':'success'}");
	assert_int_equal(fixture_count(fx, "{'value':'downloading'"), 1);
	assert_int_equal(fixture_count(fx, "{'value':'verifying'"), 1);
	assert_int_equal(fixture_count(fx, "{'value':'updating'"), 2);
	assert_int_equal(fixture_count(fx, "'step':'100'"), 1);
	assert_int_equal(fixture_count(fx, "'last_update_time':"), 1);
	/* The version before the result, that before the property. */
	while (strcmp(fixture_next(fx)->topic, "/ota/device/inform/pk/gw") != 0)
		;
	expect_sent(fx, "/ota/device/progress/pk/gw", 1,
		    "{'id':'$any-string','params':{'step':'100','desc':'',"
		    "'progress':100,'module':'default'}}");
	assert_non_null(strstr(fixture_next(fx)->payload, "\"idle\""));
	expect_nothing(fx);
}

static void a_version_that_is_refused_is_told_again_in_a_minute(void **state)
{
	static const char refused[] = "{'type':'report_version_rsp',"
				      "'result_code':1,'result_msg':'busy'}";
	struct updater_fixture *fx = *state;

	fixture_start(fx, TENCENT
		      "[Device lamp]\n[Module lamp/default]\n"
		      "Type=exec\nHandler=/bin/true\nVersion=3\n");
	fixture_deliver(fx, "$gateway/operation/result/P/gw",
			"{'type':'online','payload':{'devices':[{'result':0,"
			"'product_id':'P','device_name':'lamp'}]}}");
	fixture_skip(fx);
	fixture_deliver(fx, "$ota/update/P/lamp", refused);
	fake_loop_advance(fx->loop, 59000);
	expect_nothing(fx);
	fake_loop_advance(fx->loop, 1000);
	expect_sent(fx, "$ota/report/P/lamp", 1,
		    "{'type':'report_version','report':{'version':'3'}}");
	expect_nothing(fx);

	fixture_deliver(fx, OTA_UPDATE, refused);
	fake_loop_advance(fx->loop, 60000);
	expect_sent(fx, OTA_REPORT, 1,
		    "{'type':'report_version','report':{'version':'0.1'}}");
	fake_loop_advance(fx->loop, 600000);
	expect_nothing(fx);
}

static void eztcloud_is_answered_before_anything_is_told(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, EZTCLOUD);
	fixture_skip(fx);
	fixture_deliver(fx, "command_send/DU_1",
			"{'method':'otaUpgrade','params':{'module':'main',"
			"'upgrade':true,'version':'1.0.2','url':'http://web/fw',"
			"'size':15,'md5':'" MD5 "'},'id':7}");
	expect_sent(fx, "command_reply/DU_1", 1,
		    "{'method':'otaUpgrade','params':{'module':'main',"
		    "'version':'1.0.2','result':'accepted','message':''},"
		    "'id':7}");
	fake_loop_advance(fx->loop, 60000);
	assert_int_equal(fixture_count(fx, "'ota_state':'succeeded'"), 1);
	assert_int_equal(fixture_count(fx, "'version':'1.0.2'"), 1);
	/* At most one attribute message in 2 s. */
	for (uint64_t last = 0; fx->read < fake_mqtt_count();) {
		const struct fake_mqtt_packet *packet = fixture_next(fx);

		if (strcmp(packet->topic, "attributes/DU_1") != 0)
			continue;
		if (packet->at_ms - last < 2000)
			fail_msg("%s comes too fast", packet->payload);
		last = packet->at_ms;
	}
}

static void eztcloud_paces_each_device_for_itself(void **state)
{
	struct updater_fixture *fx = *state;
	uint64_t last[3] = { 0 };

	fixture_start(fx, EZTCLOUD
		      "[Device a]\n[Module a/main]\nType=exec\n"
		      "Handler=/bin/true\nVersion=1\n"
		      "[Device b]\n[Module b/main]\nType=exec\n"
		      "Handler=/bin/true\nVersion=1\n");
	/* All within the first moment. */
	assert_int_equal(fixture_count(fx, "'version':'1.0.1'"), 1);
	assert_int_equal(fixture_count(fx, "{'a':{'version':'1'}}"), 1);
	assert_int_equal(fixture_count(fx, "{'b':{'version':'1'}}"), 1);
	for (const char *name = "ab"; *name; name++) {
		char json[512];

		snprintf(json, sizeof(json),
			 "{'device':'%c','command':{'method':'otaUpgrade',"
			 "'params':{'upgrade':true,'version':'2','size':15,"
			 "'url':'http://web/fw','md5':'" MD5 "'}}}",
			 *name);
		fixture_deliver(fx, "gateway_command_send/DU_1", json);
	}
	fake_loop_advance(fx->loop, 60000);
	assert_int_equal(fixture_count(fx, "'ota_state':'succeeded'"), 2);
	while (fx->read < fake_mqtt_count()) {
		const struct fake_mqtt_packet *packet = fixture_next(fx);
		unsigned who = 0;

		if (packet->kind != FAKE_MQTT_PUBLISH ||
		    !strstr(packet->topic, "attributes/"))
			continue;
		if (strcmp(packet->topic, "attributes/DU_1") != 0)
			who = strstr(packet->payload, "{\"a\"") ? 1 : 2;
		if (last[who] && packet->at_ms - last[who] < 2000)
			fail_msg("%s comes too fast", packet->payload);
		last[who] = packet->at_ms;
	}
}

/* Connected, and a command comes before anything is acknowledged. */
static void start_with_a_command(struct updater_fixture *fx, const char *ini,
				 const char *topic, const char *json)
{
	fake_mqtt_hold(true);
	fixture_start(fx, ini);
	assert_true(fake_mqtt_accept());
	fixture_deliver(fx, topic, json);
	fake_mqtt_hold(false);
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_next(fx)->kind, FAKE_MQTT_SUBSCRIBE);
}

static void a_command_that_waited_is_reported_from_its_beginning(void **state)
{
	struct updater_fixture *fx = *state;

	start_with_a_command(fx, TENCENT, OTA_UPDATE,
			     "{'type':'update_firmware','version':'0.2',"
			     "'url':'http://web/fw','md5sum':'" MD5 "',"
			     "'file_size':15}");
	/* So quick that it is over before the version is told. */
	expect_sent(fx, OTA_REPORT, 1,
		    "{'type':'report_version','report':{'version':'0.2'}}");
	assert_non_null(strstr(fixture_next(fx)->payload, "\"percent\":\"0\""));
}

static void an_answer_keeps_nobodys_pace(void **state)
{
	struct updater_fixture *fx = *state;
	uint64_t told_ms;

	start_with_a_command(fx, EZTCLOUD, "command_send/DU_1",
			     "{'method':'otaUpgrade','params':{'upgrade':true,"
			     "'version':'1.0.2','url':'http://web/fw',"
			     "'size':15,'md5':'" MD5 "'},'id':7}");
	while (strcmp(fake_mqtt_at(fx->read)->topic, "attributes/DU_1") != 0)
		fixture_next(fx);
	told_ms = fixture_next(fx)->at_ms;
	fake_loop_advance(fx->loop, 60000);
	while (strcmp(fake_mqtt_at(fx->read)->topic, "command_reply/DU_1") != 0)
		fixture_next(fx);
	assert_in_range(fixture_next(fx)->at_ms, told_ms, told_ms + 100);
}

/* ---- refusals ---- */

static void expect_refusal(struct updater_fixture *fx, const char *code,
			   const char *md5, const char *version)
{
	char json[512];
	const struct fake_mqtt_packet *packet;

	snprintf(json, sizeof(json),
		 "{'msgType':'ota_upgrade','msgId':'m9','uuid':'HQ1',"
		 "'data':{'version':'%s','firmwareUrl':'http://web/fw',"
		 "'md5':'%s'}}",
		 version, md5);
	fixture_deliver(fx, COMMAND, json);
	packet = fixture_next(fx);
	assert_string_equal(packet->topic, REPORT);
	assert_int_equal(packet->qos, 1);
	assert_non_null(strstr(packet->payload, code));
	assert_non_null(strstr(packet->payload, "\"state\":\"failed\""));
	assert_non_null(strstr(packet->payload, "\"progress\":0"));
	assert_non_null(strstr(packet->payload, "\"msgId\":\"m9\""));
	expect_nothing(fx);
	assert_int_equal(fake_fetch_started(), 0);
	assert_int_equal(fixture_entries(fx, "jobs"), 0);
}

static void a_downgrade_is_refused_and_told(void **state)
{
	hanqi_starts(*state, "");
	expect_refusal(*state, "DOWNGRADE_REFUSED", MD5, "1.0.0");
}

static void a_digest_too_weak_is_refused_and_told(void **state)
{
	hanqi_starts(*state, "[Update]\nRequireDigest=sha256\n");
	expect_refusal(*state, "INCOMPATIBLE", MD5, "1.0.2");
}

static void write_battery(struct updater_fixture *fx, const char *percent)
{
	fixture_shell(fx, "mkdir -p ../BAT0 && echo Battery >../BAT0/type && "
			  "echo %s >../BAT0/capacity", percent);
}

static void a_low_battery_is_refused_and_told(void **state)
{
	hanqi_starts(*state, "");
	write_battery(*state, "19");
	expect_refusal(*state, "BATTERY_LOW", MD5, "1.0.2");
}

static void a_battery_that_runs_low_stops_the_installation(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	write_battery(fx, "19");
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_POWER_LOW);
	assert_string_equal(fake_installer_trace(), "clean");
}

static void a_battery_that_runs_low_stops_the_download(void **state)
{
	struct updater_fixture *fx = *state;

	hanqi_starts(fx, "[Update]\nAuto=no\n");
	hanqi_offers(fx, "m1", "1.0.2", "");
	write_battery(fx, "19");
	assert_true(updater_install(fx->updater, NULL, NULL, &fx->err));
	fake_loop_settle(fx->loop);
	assert_int_equal(fake_fetch_started(), 0);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_POWER_LOW);
}

static void too_large_a_file_has_no_room(void **state)
{
	struct updater_fixture *fx = *state;

	hanqi_starts(fx, "[Download]\nMaxSize=100T\n");
	hanqi_offers(fx, "m1", "1.0.2", ",'fileSize':35184372088832");
	assert_int_equal(fixture_count(fx, "'errorCode':'NO_SPACE'"), 1);
}

static void the_version_that_runs_is_completed_at_once(void **state)
{
	struct updater_fixture *fx = *state;

	hanqi_starts(fx, "");
	fixture_deliver(fx, COMMAND,
			"{'msgType':'ota_upgrade','msgId':'m5','uuid':'HQ1',"
			"'data':{'version':'1.0.1','firmwareUrl':'http://web/f',"
			"'md5':'" MD5 "'}}");
	expect_heartbeat(fx, "1.0.1");
	expect_sent(fx, REPORT, 1,
		    "{'msgType':'ota_progress','msgId':'m5','uuid':'HQ1',"
		    "'timestamp':'$any-int','data':{'state':'completed',"
		    "'progress':100,'currentVersion':'1.0.1',"
		    "'targetVersion':'1.0.1'}}");
	expect_nothing(fx);
	assert_int_equal(fake_fetch_started(), 0);
}

static void the_version_that_runs_is_known_in_any_spelling(void **state)
{
	struct updater_fixture *fx = *state;

	hanqi_starts(fx, "");
	hanqi_offers(fx, "m5", "1.0.01", "");
	assert_int_equal(fixture_count(fx, "'state':'completed'"), 1);
	assert_int_equal(fake_fetch_started(), 0);
}

static void eztcloud_hears_that_otad_is_busy(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, EZTCLOUD);
	fake_loop_advance(fx->loop, 5000);
	fixture_skip(fx);
	fx->updater->n_jobs += UPDATER_MAX_JOBS;
	fixture_deliver(fx, "command_send/DU_1",
			"{'method':'otaUpgrade','params':{'upgrade':true,"
			"'version':'1.0.2','url':'http://web/fw',"
			"'size':15,'md5':'" MD5 "'},'id':7}");
	fx->updater->n_jobs -= UPDATER_MAX_JOBS;
	assert_int_equal(fixture_count(fx, "'result':'accepted'"), 0);
	assert_int_equal(fixture_count(fx, "'result':'busy'"), 1);
}

static void an_unusable_message_is_told_once_a_minute(void **state)
{
	struct updater_fixture *fx = *state;

	hanqi_starts(fx, "");
	for (int i = 0; i < 3; i++)
		fixture_deliver(fx, COMMAND,
				"{'msgType':'ota_upgrade','msgId':'m3',"
				"'data':{'version':'1.0.2','firmwareUrl':"
				"'ftp://x/y','md5':'" MD5 "'}}");
	expect_sent(fx, REPORT, 1,
		    "{'msgType':'ota_progress','msgId':'m3','uuid':'HQ1',"
		    "'timestamp':'$any-int','data':{'state':'failed',"
		    "'progress':0,'currentVersion':'1.0.1',"
		    "'targetVersion':'1.0.2','errorCode':'PROTOCOL_ERROR',"
		    "'errorMessage':'rejected: url-scheme'}}");
	expect_nothing(fx);
	fake_loop_advance(fx->loop, 29000);
	fixture_skip(fx);
	fake_loop_advance(fx->loop, 31000);
	fixture_deliver(fx, COMMAND,
			"{'msgType':'ota_upgrade','msgId':'m4','data':{}}");
	assert_int_equal(fixture_count(fx, "rejected: missing-field"), 1);
}

static void eztcloud_is_told_of_a_reject_by_the_reply_alone(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, EZTCLOUD);
	fake_loop_advance(fx->loop, 5000);
	fixture_skip(fx);
	fixture_deliver(fx, "command_send/DU_1",
			"{'method':'otaUpgrade','params':{'upgrade':true,"
			"'version':'1.0.2','url':'ftp://web/fw',"
			"'size':15,'md5':'" MD5 "'},'id':8}");
	fake_loop_advance(fx->loop, 5000);
	expect_sent(fx, "command_reply/DU_1", 1,
		    "{'method':'otaUpgrade','params':{'module':'main',"
		    "'version':'1.0.2','result':'rejected',"
		    "'message':'url-scheme'},'id':8}");
	expect_nothing(fx);
}

static void too_many_failures_of_one_artifact_are_refused(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_INSTALL_FAILED, "no");
	hanqi_starts(fx, "");
	for (int i = 0; i < 3; i++) {
		hanqi_offers(fx, "m1", "1.0.2", "");
		expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
			   OTA_ERROR_INSTALL_FAILED);
	}
	assert_int_equal(fake_fetch_started(), 3);
	/* Also when it is offered all the time. */
	for (int hour = 0; hour < 23; hour++) {
		fake_loop_advance(fx->loop, 3600 * 1000);
		hanqi_offers(fx, "m1", "1.0.2", "");
		assert_int_equal(fake_fetch_started(), 3);
	}
	fake_loop_advance(fx->loop, 3600 * 1000);
	fake_installer_fail(INSTALL_CHECK, OTA_ERROR_NONE, NULL);
	hanqi_offers(fx, "m1", "1.0.2", "");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

/* ---- failures on the way ---- */

static void a_wrong_digest_fails_at_95(void **state)
{
	struct updater_fixture *fx = *state;
	const struct fake_mqtt_packet *last;

	hanqi_starts(fx, "");
	fixture_deliver(fx, COMMAND,
			"{'msgType':'ota_upgrade','msgId':'m1',"
			"'data':{'version':'1.0.2','firmwareUrl':'http://web/f',"
			"'md5':'" MD5_OTHER "'}}");
	last = fake_mqtt_at(fake_mqtt_count() - 1);
	assert_non_null(strstr(last->payload, "\"MD5_MISMATCH\""));
	assert_non_null(strstr(last->payload, "\"progress\":95"));
	assert_string_equal(fake_installer_trace(), "clean");
	/* The bytes are bad: nothing of them is kept. */
	assert_int_equal(fixture_entries(fx, "download"), 0);
}

static void a_broken_download_is_kept_for_the_next_offer(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_break(OTA_ERROR_NETWORK);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_NETWORK);
	assert_int_equal(fixture_entries(fx, "download"), 2);
	fake_fetch_break(OTA_ERROR_NONE);
	hanqi_offers(fx, "m2", "1.0.2", "");
	assert_int_equal(fake_fetch_resumed_at(), 7);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

static void what_the_fetcher_refuses_fails_the_job(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_refuse(OTA_ERROR_NO_SPACE);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_NO_SPACE);
}

static void a_failed_swap_leaves_the_old_version(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_fail(INSTALL_SWAP, OTA_ERROR_PERMISSION, "read-only");
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_PERMISSION);
	assert_string_equal(fake_installer_trace(),
			    "backup stage check swap clean");
	expect_version(fx, DEVICE_SELF, "default", "1.0.1");
}

static void an_unhealthy_version_goes_back(void **state)
{
	struct updater_fixture *fx = *state;
	const struct fake_mqtt_packet *packet;

	fake_installer_fail(INSTALL_CONFIRM, OTA_ERROR_HEALTH_CHECK_FAILED,
			    "it is sick");
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_ROLLED_BACK,
		   OTA_ERROR_HEALTH_CHECK_FAILED);
	assert_string_equal(
		fake_installer_trace(),
		"backup stage check swap activate confirm roll-back clean");
	expect_version(fx, DEVICE_SELF, "default", "1.0.1");
	/* The old version first, then why. */
	fx->read = fake_mqtt_count() - 2;
	expect_heartbeat(fx, "1.0.1");
	packet = fixture_next(fx);
	assert_non_null(strstr(packet->payload, "HEALTH_CHECK_FAILED"));
	assert_non_null(strstr(packet->payload, "it is sick"));
	assert_non_null(strstr(packet->payload, "\"progress\":99"));
}

static void a_trial_that_nobody_confirms_says_what_is_missing(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_CONFIRM, true);
	fake_installer_set_trouble("app.service is not active");
	hanqi_starts(fx, "[Update]\nConfirmTimeout=1min\n");
	hanqi_offers(fx, "m1", "1.0.2", "");
	fake_loop_advance(fx->loop, 59999);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_CONFIRMING);
	fake_loop_advance(fx->loop, 1);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_ROLLED_BACK,
		   OTA_ERROR_HEALTH_CHECK_FAILED);
	assert_int_equal(fixture_count(fx, "app.service is not active"), 1);
}

static void a_way_back_that_fails_is_tried_again(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_fail(INSTALL_ACTIVATE, OTA_ERROR_RESTART_FAILED, "no");
	fake_installer_fail(INSTALL_ROLL_BACK, OTA_ERROR_INTERNAL, "busy");
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	fake_loop_advance(fx->loop, 10000);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_RESTARTING);
	fake_installer_fail(INSTALL_ROLL_BACK, OTA_ERROR_NONE, NULL);
	fake_loop_advance(fx->loop, 60000);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_ROLLED_BACK,
		   OTA_ERROR_RESTART_FAILED);
}

static void a_way_back_that_always_fails_ends_and_is_told(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_fail(INSTALL_ACTIVATE, OTA_ERROR_RESTART_FAILED, "no");
	fake_installer_fail(INSTALL_ROLL_BACK, OTA_ERROR_INTERNAL, "busy");
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	fake_loop_advance(fx->loop, 3600 * 1000);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_RESTART_FAILED);
	assert_int_equal(fixture_count(fx, "'errorCode':'RESTART_FAILED'"), 1);
	assert_int_equal(fixture_count(fx, "1.0.1 could not be put back"), 1);
}

static void without_a_way_back_a_job_ends_at_once(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_fail(INSTALL_ACTIVATE, OTA_ERROR_RESTART_FAILED, "no");
	fake_installer_fail(INSTALL_ROLL_BACK, OTA_ERROR_INCOMPATIBLE, "never");
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	fake_loop_advance(fx->loop, 1000);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_RESTART_FAILED);
}

/* ---- one offer after another ---- */

static void a_newer_offer_replaces_a_download(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	fake_fetch_hold(false);
	fixture_skip(fx);
	hanqi_offers(fx, "m2", "1.0.3", "");
	expect_progress(fx, "failed", 0, "1.0.1",
			",'errorCode':'CANCELLED',"
			"'errorMessage':'superseded by 1.0.3'");
	assert_int_equal(fixture_count(fx, "'msgId':'m1'"), 0);
	expect_version(fx, DEVICE_SELF, "default", "1.0.3");
}

static void an_offer_during_an_installation_waits_for_its_end(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_SWAP, true);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	hanqi_offers(fx, "m2", "1.0.3", "");
	hanqi_offers(fx, "m3", "1.0.4", "");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_INSTALLING);
	fake_installer_hold(INSTALL_SWAP, false);
	fixture_skip(fx);
	fake_installer_set_found(DEVICE_SELF, "default", INSTALL_FOUND_SWAPPED);
	fake_installer_end(OTA_ERROR_NONE, NULL);
	fake_loop_settle(fx->loop);
	/* Of those that waited only the newest. */
	assert_int_equal(fixture_count(fx, "'msgId':'m2'"), 0);
	assert_int_equal(fixture_count(fx, "'state':'completed'"), 2);
	expect_version(fx, DEVICE_SELF, "default", "1.0.4");
}

static void a_repeated_offer_joins_and_brings_a_new_url(void **state)
{
	struct updater_fixture *fx = *state;
	unsigned started;

	fake_fetch_hold(true);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	started = fake_fetch_started();
	fixture_skip(fx);
	fixture_deliver(fx, COMMAND,
			"{'msgType':'ota_upgrade','msgId':'m2','data':{"
			"'version':'1.0.2','firmwareUrl':'http://web/new',"
			"'md5':'" MD5 "'}}");
	assert_int_equal(fake_fetch_started(), started);
	assert_string_equal(fake_fetch_url(), "http://web/new");
	expect_nothing(fx);
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_count(fx, "'msgId':'m1'"), 0);
	assert_int_equal(fixture_count(fx, "'state':'completed'"), 1);
}

static void a_repeated_offer_during_the_trial_starts_nothing(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_CONFIRM, true);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	hanqi_offers(fx, "m2", "1.0.2", "");
	fake_installer_end(OTA_ERROR_NONE, NULL);
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_count(fx, "'state':'completed'"), 1);
	assert_int_equal(fake_fetch_started(), 1);
}

static struct offer *operator_offer(const char *version)
{
	struct offer *offer = offer_new();

	offer->source = OFFER_SOURCE_CONTROL;
	offer->device = strdup(DEVICE_SELF);
	offer->module = strdup("default");
	offer->version = strdup(version);
	offer->url = strdup("http://web/operator");
	assert_true(digest_set(&offer->md5, DIGEST_MD5, MD5));
	assert_true(digest_set(&offer->sha256, DIGEST_SHA256,
			       "b455aa8ff3411d00febd8410453b8843"
			       "48a440f8c63249c5d012779cdbaf6677"));
	return offer;
}

/* Its ids belong to the cloud, and where the file lies to the first offer. */
static void expect_refused(struct updater_fixture *fx, struct offer *offer,
			   enum ota_error_kind kind)
{
	enum offer_outcome outcome;

	assert_true(updater_offer(fx->updater, offer, &outcome, NULL, &fx->err));
	fake_loop_settle(fx->loop);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED, kind);
	expect_version(fx, DEVICE_SELF, "default", "1.0.1");
	assert_int_equal(fixture_entries(fx, "download"), 0);
	offer_free(offer);
}

/* Whatever the fetcher thinks of it. */
static void each_digest_and_the_size_must_be_those_of_the_offer(void **state)
{
	struct updater_fixture *fx = *state;
	struct offer *offer;

	hanqi_starts(fx, "");
	offer = operator_offer("1.0.2");
	assert_true(digest_set(&offer->sha256, DIGEST_SHA256,
			       "0000000000000000000000000000000000000000"
			       "000000000000000000000000"));
	expect_refused(fx, offer, OTA_ERROR_DIGEST_MISMATCH);
	offer = operator_offer("1.0.2");
	assert_true(digest_set(&offer->md5, DIGEST_MD5, MD5_OTHER));
	expect_refused(fx, offer, OTA_ERROR_DIGEST_MISMATCH);
	offer = operator_offer("1.0.2");
	offer->size_bytes = 14;
	expect_refused(fx, offer, OTA_ERROR_SIZE_MISMATCH);
	assert_string_equal(fake_installer_trace(), "clean clean clean");
}

static void what_lies_there_complete_is_hashed_before_it_is_believed(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_make(fx, HANQI);
	fixture_end(fx);
	fixture_write(fx, "download/1.0.2-" MD5, "another version");
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", ",'fileSize':15");
	fake_loop_advance(fx->loop, 1000);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
	assert_int_equal(fake_fetch_started(), 1);
}

static void without_room_for_it_the_download_makes_room(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_fail(INSTALL_BACKUP, OTA_ERROR_NO_SPACE, "full");
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_NO_SPACE);
	assert_int_equal(fixture_entries(fx, "download"), 0);
}

/* What was verified by may not be less than was offered first. */
static void a_repeat_that_says_less_takes_nothing_away(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(offer_freep) struct offer *offer = operator_offer("1.0.2");
	enum offer_outcome outcome;
	const struct job *job;

	fake_fetch_hold(true);
	hanqi_starts(fx, "");
	offer->force = true;
	offer->size_bytes = 15;
	assert_true(updater_offer(fx->updater, offer, &outcome, NULL, &fx->err));
	hanqi_offers(fx, "m1", "1.0.2", "");
	job = fixture_job(fx, DEVICE_SELF, "default");
	assert_string_equal(job->offer->ids.msg.text, "m1");
	assert_int_equal(job->offer->sha256.alg, DIGEST_SHA256);
	assert_int_equal(job->offer->size_bytes, 15);
	assert_true(job->offer->force);
}

static void an_operator_joins_without_taking_over(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(offer_freep) struct offer *offer = operator_offer("1.0.2");
	enum offer_outcome outcome;
	OTA_CLEANUP(freep) char *id = NULL;

	hanqi_starts(fx, "[Update]\nAuto=no\n");
	hanqi_offers(fx, "m1", "1.0.2", "");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	offer->force = true;
	assert_true(updater_offer(fx->updater, offer, &outcome, &id, &fx->err));
	assert_int_equal(outcome, OFFER_JOINED);
	assert_int_equal(strlen(id), 16);
	fake_loop_settle(fx->loop);
	assert_string_equal(fake_fetch_url(), "http://web/operator");
	expect_version(fx, DEVICE_SELF, "default", "1.0.2");
	assert_int_equal(fixture_count(fx, "'msgId':'m1'"),
			 fixture_count(fx, "'msgType':'ota_progress'"));
	assert_int_equal(fixture_count(fx, "'state':'completed'"), 1);
}

static void a_forced_repeat_starts_what_waits(void **state)
{
	struct updater_fixture *fx = *state;

	hanqi_starts(fx, "[Update]\nAuto=no\n");
	hanqi_offers(fx, "m1", "1.0.2", "");
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_AVAILABLE);
	hanqi_offers(fx, "m2", "1.0.2", ",'forceUpgrade':true");
	expect_version(fx, DEVICE_SELF, "default", "1.0.2");
}

static void the_running_version_calls_off_another(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	hanqi_offers(fx, "m2", "1.0.1", "");
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_CANCELLED);
	assert_int_equal(fixture_count(fx, "'state':'completed'"), 1);
}

static void an_operators_offer_says_how_it_went(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(offer_freep) struct offer *newer = operator_offer("1.0.2");
	OTA_CLEANUP(offer_freep) struct offer *older = operator_offer("1.0.0");
	OTA_CLEANUP(offer_freep) struct offer *same = operator_offer("1.0.1");
	enum offer_outcome outcome;
	char *id = NULL;

	hanqi_starts(fx, "");
	assert_false(updater_offer(fx->updater, older, &outcome, &id, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_DOWNGRADE_REFUSED);
	/* Nobody but the operator asked: the cloud hears nothing of it. */
	expect_nothing(fx);
	assert_true(updater_offer(fx->updater, same, &outcome, &id, &fx->err));
	assert_int_equal(outcome, OFFER_INSTALLED);
	assert_null(id);
	assert_true(updater_offer(fx->updater, newer, &outcome, NULL, &fx->err));
	assert_int_equal(outcome, OFFER_STARTED);
	fake_loop_settle(fx->loop);
	expect_version(fx, DEVICE_SELF, "default", "1.0.2");
	free(newer->device);
	newer->device = strdup("nobody");
	assert_false(updater_offer(fx->updater, newer, &outcome, &id, &fx->err));
	assert_int_equal(fx->err.kind, OTA_ERROR_NOT_FOUND);
}

/* ---- the disk ---- */

static void an_offer_that_cannot_be_recorded_is_told_once_it_can(void **state)
{
	struct updater_fixture *fx = *state;

	hanqi_starts(fx, "");
	fixture_break(fx, "jobs");
	fixture_break(fx, "outbox");
	hanqi_offers(fx, "m1", "1.0.2", "");
	expect_nothing(fx);
	fake_loop_advance(fx->loop, 10000);
	expect_nothing(fx);
	fixture_mend(fx, "outbox");
	fixture_mend(fx, "jobs");
	fake_loop_advance(fx->loop, 60000);
	assert_int_equal(fixture_count(fx, "'state':'failed'"), 1);
	assert_int_equal(fake_fetch_started(), 0);
	assert_null(fixture_job(fx, DEVICE_SELF, "default"));
}

static void a_success_waits_until_it_can_be_recorded(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_CONFIRM, true);
	hanqi_starts(fx, "[Update]\nConfirmTimeout=1min\n");
	hanqi_offers(fx, "m1", "1.0.2", "");
	fixture_break(fx, "jobs");
	fake_installer_end(OTA_ERROR_NONE, NULL);
	/* The deadline of the trial passes meanwhile: it was confirmed. */
	fake_loop_advance(fx->loop, 120000);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_CONFIRMING);
	assert_int_equal(fixture_count(fx, "'state':'completed'"), 0);
	fixture_mend(fx, "jobs");
	fake_loop_advance(fx->loop, 60000);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
	assert_int_equal(fixture_count(fx, "'state':'completed'"), 1);
}

static void a_full_disk_before_the_swap_fails_and_makes_room(void **state)
{
	struct updater_fixture *fx = *state;

	fake_installer_hold(INSTALL_BACKUP, true);
	hanqi_starts(fx, "");
	hanqi_offers(fx, "m1", "1.0.2", "");
	assert_int_equal(fixture_entries(fx, "download"), 1);
	fixture_break(fx, "jobs");
	fake_installer_end(OTA_ERROR_NONE, NULL);
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_entries(fx, "download"), 0);
	assert_int_equal(fixture_count(fx, "'state':'failed'"), 1);
	assert_string_equal(fake_installer_trace(), "backup clean");
	fixture_mend(fx, "jobs");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, updater_fixture_set_up,          \
					updater_fixture_tear_down)

/* ---- files of ended jobs ---- */

static void write_job_as(struct updater_fixture *fx, const char *name,
			 const char *id, const char *state, const char *version)
{
	OTA_CLEANUP(freep) char *json = NULL;

	assert_true(asprintf(&json,
			     "{\"format\":1,\"job\":\"%s\",\"state\":\"%s\","
			     "\"error\":\"\",\"offer\":{\"device\":\"self\","
			     "\"module\":\"default\",\"version\":\"%s\","
			     "\"url\":\"http://web/fw\",\"md5\":\"" MD5 "\","
			     "\"source\":\"cloud\",\"msg_id\":\"m1\"}}",
			     id, state, version) > 0);
	fixture_write(fx, name, json);
}

static void write_job(struct updater_fixture *fx, const char *id,
		      const char *state, const char *version)
{
	OTA_CLEANUP(freep) char *name = NULL;

	assert_true(asprintf(&name, "jobs/%s.json", id) > 0);
	write_job_as(fx, name, id, state, version);
}

/* It could not be removed when it ended; the next one had begun since. */
static void a_file_left_of_an_ended_job_displaces_no_other(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	fixture_make(fx, HANQI);
	fixture_end(fx);
	write_job(fx, "1111111111111111", "failed", "1.0.2");
	write_job(fx, "2222222222222222", "downloading", "1.0.3");
	write_job(fx, "3333333333333333", "rolled-back", "1.0.2");
	fixture_start(fx, HANQI);
	expect_state(fx, DEVICE_SELF, "default", JOB_STATE_DOWNLOADING);
	assert_int_equal(fixture_entries(fx, "jobs"), 1);
	assert_int_equal(fixture_count(fx, "'state':'failed'"), 0);
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
	expect_version(fx, DEVICE_SELF, "default", "1.0.3");
}

static void of_two_jobs_of_a_module_one_is_set_aside(void **state)
{
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	fixture_make(fx, HANQI);
	fixture_end(fx);
	write_job(fx, "1111111111111111", "downloading", "1.0.2");
	write_job(fx, "2222222222222222", "downloading", "1.0.3");
	fixture_start(fx, HANQI);
	assert_int_equal(fx->updater->n_jobs, 1);
	fixture_shell(fx, "ls jobs/*.json.bad >../bad && test -s ../bad");
}

static void what_is_no_job_of_ours_is_set_aside(void **state)
{
	static const char *const bad[][2] = {
		{ "../../etc/passwd", "downloading" },
		{ "..%2F..%2Fetc%2Fpa", "downloading" },
		{ "ABCDEF0123456789", "downloading" },
		{ "1111111111111111", "idle" },
		{ "1111111111111111", "flying" },
	};
	struct updater_fixture *fx = *state;

	fake_fetch_hold(true);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(bad); i++) {
		fixture_make(fx, HANQI);
		fixture_end(fx);
		write_job_as(fx, "jobs/a.json", bad[i][0], bad[i][1], "1.0.2");
		fixture_start(fx, HANQI);
		assert_int_equal(fx->updater->n_jobs, 0);
		fixture_end(fx);
		fixture_shell(fx, "rm jobs/a.json.bad");
	}
	write_job_as(fx, "jobs/a.json", "1111111111111111", "available",
		     "1.0.2");
	fixture_shell(fx, "sed -i 's/\"format\":1/\"format\":2/' jobs/a.json");
	fixture_start(fx, HANQI);
	assert_int_equal(fx->updater->n_jobs, 0);
}

/* What only people read must not keep the cloud from its report. */
static void a_history_that_cannot_be_written_delays_a_report_at_most(void **state)
{
	struct updater_fixture *fx = *state;

	hanqi_starts(fx, "");
	/* Nor can what is in its way be set aside. */
	fixture_shell(fx, "mkdir -p history.jsonl history.jsonl.bad/full");
	hanqi_offers(fx, "m1", "1.0.2", "");
	assert_int_equal(fixture_count(fx, "'completed'"), 0);
	fake_loop_advance(fx->loop, 60 * 1000);
	assert_int_equal(fixture_count(fx, "'completed'"), 1);
	assert_int_equal(fixture_entries(fx, "jobs"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hanqi_hears_what_its_document_shows),
		TEST(tencent_hears_what_its_document_shows),
		TEST(iotgo_hears_of_properties_first),
		TEST(a_version_that_is_refused_is_told_again_in_a_minute),
		TEST(eztcloud_is_answered_before_anything_is_told),
		TEST(eztcloud_paces_each_device_for_itself),
		TEST(a_command_that_waited_is_reported_from_its_beginning),
		TEST(an_answer_keeps_nobodys_pace),
		TEST(a_file_left_of_an_ended_job_displaces_no_other),
		TEST(of_two_jobs_of_a_module_one_is_set_aside),
		TEST(what_is_no_job_of_ours_is_set_aside),
		TEST(a_history_that_cannot_be_written_delays_a_report_at_most),
		TEST(a_downgrade_is_refused_and_told),
		TEST(a_digest_too_weak_is_refused_and_told),
		TEST(a_low_battery_is_refused_and_told),
		TEST(a_battery_that_runs_low_stops_the_installation),
		TEST(a_battery_that_runs_low_stops_the_download),
		TEST(too_large_a_file_has_no_room),
		TEST(the_version_that_runs_is_completed_at_once),
		TEST(the_version_that_runs_is_known_in_any_spelling),
		TEST(eztcloud_hears_that_otad_is_busy),
		TEST(an_unusable_message_is_told_once_a_minute),
		TEST(eztcloud_is_told_of_a_reject_by_the_reply_alone),
		TEST(too_many_failures_of_one_artifact_are_refused),
		TEST(a_wrong_digest_fails_at_95),
		TEST(a_broken_download_is_kept_for_the_next_offer),
		TEST(what_the_fetcher_refuses_fails_the_job),
		TEST(a_failed_swap_leaves_the_old_version),
		TEST(an_unhealthy_version_goes_back),
		TEST(a_trial_that_nobody_confirms_says_what_is_missing),
		TEST(a_way_back_that_fails_is_tried_again),
		TEST(a_way_back_that_always_fails_ends_and_is_told),
		TEST(without_a_way_back_a_job_ends_at_once),
		TEST(a_newer_offer_replaces_a_download),
		TEST(an_offer_during_an_installation_waits_for_its_end),
		TEST(a_repeated_offer_joins_and_brings_a_new_url),
		TEST(a_repeated_offer_during_the_trial_starts_nothing),
		TEST(each_digest_and_the_size_must_be_those_of_the_offer),
		TEST(what_lies_there_complete_is_hashed_before_it_is_believed),
		TEST(without_room_for_it_the_download_makes_room),
		TEST(a_repeat_that_says_less_takes_nothing_away),
		TEST(an_operator_joins_without_taking_over),
		TEST(a_forced_repeat_starts_what_waits),
		TEST(the_running_version_calls_off_another),
		TEST(an_operators_offer_says_how_it_went),
		TEST(an_offer_that_cannot_be_recorded_is_told_once_it_can),
		TEST(a_success_waits_until_it_can_be_recorded),
		TEST(a_full_disk_before_the_swap_fails_and_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
