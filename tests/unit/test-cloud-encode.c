#include "otad/cloud/cloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/cloud-fixture.h"

#define IOTGO                                                                  \
	"{'product_key':'pk','device_name':'gw','modules':['default','x86'],"  \
	"'sub_devices':[{'id':'oven','product_key':'p2','device_name':'o1',"   \
	"'modules':['mcu']}]}"
#define TENCENT                                                                \
	"{'product_id':'PID','device_name':'gw','modules':['default','mcu'],"  \
	"'sub_devices':[{'id':'lamp','product_id':'LID','device_name':'l1'}]}"
#define HANQI "{'gateway_id':'HQ','sub_devices':[{'id':'timer'}]}"
#define EZTCLOUD                                                               \
	"{'username':'DU','modules':['main','gps'],'sub_devices':["            \
	"{'id':'dev','addr':['D1'],'modules':['main','mcu']},"                 \
	"{'id':'leaf','addr':['1','2','3','4']}]}"
#define SAGOO "{'product_key':'pk','device_key':'dk','modules':['MCU']}"

/* 2026-02-11 10:00:00 UTC */
#define NOW_MS INT64_C(1770804000123)

static const struct offer_ids text_ids = {
	.msg = { .text = (char *)"m1" },
	.task = { .text = (char *)"t1" },
};
static const struct offer_ids number_ids = {
	.msg = { .text = (char *)"-12", .is_number = true },
	.task = { .text = (char *)"34", .is_number = true },
	.has_strategy = true,
	.strategy = 25,
};

/* A job of the gateway at `state`. */
static struct report job_report(enum job_state state)
{
	return (struct report){
		.event = REPORT_PROGRESS,
		.state = state,
		.version = "1",
		.target = "2",
		.ids = &text_ids,
		.now_ms = NOW_MS,
		.sequence = 77,
	};
}

/* ---- how well each message is kept ---- */

/*
 * One character per state, idle to rolled-back: '-' nothing is published, '0'
 * or '1' the QoS, 'R' QoS 1 and a result.
 */
static void check_qualities(const char *platform, const char *identity,
			    enum report_event event, const char *expected)
{
	struct cloud_fixture *fx = cloud_fixture_new(platform, identity);
	char got[JOB_STATE_COUNT + 1] = "";

	for (unsigned state = 0; state < JOB_STATE_COUNT; state++) {
		struct report report = job_report((enum job_state)state);

		report.event = event;
		if (cloud_send(fx, &report) == 0)
			got[state] = '-';
		else if (fx->caught[0].result)
			got[state] = fx->caught[0].qos == 1 ? 'R' : '?';
		else
			got[state] = (char)('0' + fx->caught[0].qos);
	}
	if (strcmp(got, expected) != 0)
		fail_msg("%s: expected %s, got %s", platform, expected, got);
	cloud_fixture_free(fx);
}

static void results_are_kept_and_downloads_fleeting(void **state)
{
	check_qualities("iotgo", IOTGO, REPORT_PROGRESS, "--000000RRR");
	check_qualities("iotgo", IOTGO, REPORT_PROPERTY, "1-111111RRR");
	check_qualities("tencent", TENCENT, REPORT_PROGRESS, "--0--1--RRR");
	check_qualities("hanqi", HANQI, REPORT_PROGRESS, "--01111-RRR");
	check_qualities("eztcloud", EZTCLOUD, REPORT_PROGRESS, "--00-00-RRR");
	check_qualities("sagoo", SAGOO, REPORT_PROGRESS, "--000000RRR");
}

static void other_events_are_neither(void **state)
{
	static const struct {
		const char *platform, *identity;
		enum report_event event;
		const char *expected;
	} rows[] = {
		{ "iotgo", IOTGO, REPORT_VERSION, "1" },
		{ "iotgo", IOTGO, REPORT_CHECK, "1" },
		{ "iotgo", IOTGO, REPORT_REPLY, "" },
		{ "iotgo", IOTGO, REPORT_ONLINE, "" },
		{ "tencent", TENCENT, REPORT_VERSION, "1" },
		{ "tencent", TENCENT, REPORT_CHECK, "" },
		{ "tencent", TENCENT, REPORT_PROPERTY, "" },
		{ "tencent", TENCENT, REPORT_REPLY, "" },
		{ "hanqi", HANQI, REPORT_VERSION, "1" },
		{ "hanqi", HANQI, REPORT_CHECK, "" },
		{ "hanqi", HANQI, REPORT_PROPERTY, "" },
		{ "hanqi", HANQI, REPORT_REPLY, "" },
		{ "hanqi", HANQI, REPORT_ONLINE, "" },
		{ "eztcloud", EZTCLOUD, REPORT_VERSION, "1" },
		{ "eztcloud", EZTCLOUD, REPORT_CHECK, "1" },
		{ "eztcloud", EZTCLOUD, REPORT_REPLY, "1" },
		{ "eztcloud", EZTCLOUD, REPORT_PROPERTY, "" },
		{ "eztcloud", EZTCLOUD, REPORT_ONLINE, "" },
		{ "sagoo", SAGOO, REPORT_VERSION, "1" },
		{ "sagoo", SAGOO, REPORT_CHECK, "1" },
		{ "sagoo", SAGOO, REPORT_PROPERTY, "" },
		{ "sagoo", SAGOO, REPORT_REPLY, "" },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		struct cloud_fixture *fx = cloud_fixture_new(rows[i].platform,
							     rows[i].identity);
		struct report report = job_report(JOB_STATE_IDLE);
		size_t count;

		report.event = rows[i].event;
		count = cloud_send(fx, &report);
		assert_int_equal(count, strlen(rows[i].expected));
		if (count > 0) {
			assert_int_equal(fx->caught[0].qos,
					 rows[i].expected[0] - '0');
			assert_false(fx->caught[0].result);
		}
		cloud_fixture_free(fx);
	}
}

/* ---- what each kind is told as ---- */

static void each_kind_has_its_code_everywhere(void **state)
{
	static const struct {
		enum ota_error_kind kind;
		const char *tencent, *step, *hanqi;
	} rows[] = {
		{ OTA_ERROR_TIMEOUT, "-1", "-2", "DOWNLOAD_TIMEOUT" },
		{ OTA_ERROR_NETWORK, "-1", "-2", "DOWNLOAD_FAILED" },
		{ OTA_ERROR_HTTP, "-1", "-2", "DOWNLOAD_FAILED" },
		{ OTA_ERROR_NOT_FOUND, "-2", "-2", "FILE_NOT_FOUND" },
		{ OTA_ERROR_URL_EXPIRED, "-3", "-2", "URL_EXPIRED" },
		{ OTA_ERROR_SIZE_MISMATCH, "-4", "-3", "SIZE_MISMATCH" },
		{ OTA_ERROR_DIGEST_MISMATCH, "-4", "-3", "MD5_MISMATCH" },
		{ OTA_ERROR_SIGNATURE_INVALID, "-4", "-3",
		  "SIGNATURE_INVALID" },
		{ OTA_ERROR_DOWNGRADE_REFUSED, "-5", "-1",
		  "DOWNGRADE_REFUSED" },
		{ OTA_ERROR_INCOMPATIBLE, "-5", "-1", "INCOMPATIBLE" },
		{ OTA_ERROR_NO_SPACE, "-5", "-1", "NO_SPACE" },
		{ OTA_ERROR_PERMISSION, "-5", "-4", "PERMISSION_DENIED" },
		{ OTA_ERROR_INSTALL_FAILED, "-5", "-4", "INSTALL_FAILED" },
		{ OTA_ERROR_RESTART_FAILED, "-5", "-4", "RESTART_FAILED" },
		{ OTA_ERROR_HEALTH_CHECK_FAILED, "-5", "-1",
		  "HEALTH_CHECK_FAILED" },
		{ OTA_ERROR_POWER_LOW, "-5", "-1", "BATTERY_LOW" },
		{ OTA_ERROR_CANCELLED, "-5", "-1", "CANCELLED" },
		{ OTA_ERROR_BUSY, "-5", "-1", "BUSY" },
		{ OTA_ERROR_PROTOCOL, "-5", "-1", "PROTOCOL_ERROR" },
		{ OTA_ERROR_INTERNAL, "-5", "-1", "INTERNAL_ERROR" },
	};
	struct cloud_fixture *tencent = cloud_fixture_new("tencent", TENCENT);
	struct cloud_fixture *iotgo = cloud_fixture_new("iotgo", IOTGO);
	struct cloud_fixture *sagoo = cloud_fixture_new("sagoo", SAGOO);
	struct cloud_fixture *hanqi = cloud_fixture_new("hanqi", HANQI);
	struct report report = job_report(JOB_STATE_FAILED);
	char text[64];

	assert_int_equal(OTA_ARRAY_SIZE(rows) + 1, OTA_ERROR_KIND_COUNT);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		report.error = rows[i].kind;
		cloud_send(tencent, &report);
		snprintf(text, sizeof(text), "\"result_code\":\"%s\"",
			 rows[i].tencent);
		assert_non_null(strstr(tencent->caught[0].payload, text));
		snprintf(text, sizeof(text), "\"step\":\"%s\"", rows[i].step);
		cloud_send(iotgo, &report);
		assert_non_null(strstr(iotgo->caught[0].payload, text));
		cloud_send(sagoo, &report);
		assert_non_null(strstr(sagoo->caught[0].payload, text));
		snprintf(text, sizeof(text), "\"errorCode\":\"%s\"",
			 rows[i].hanqi);
		cloud_send(hanqi, &report);
		assert_non_null(strstr(hanqi->caught[0].payload, text));
	}
	cloud_fixture_free(tencent);
	cloud_fixture_free(iotgo);
	cloud_fixture_free(sagoo);
	cloud_fixture_free(hanqi);
}

static void a_failure_without_a_kind_is_still_told(void **state)
{
	struct cloud_fixture *tencent = cloud_fixture_new("tencent", TENCENT);
	struct cloud_fixture *sagoo = cloud_fixture_new("sagoo", SAGOO);
	struct cloud_fixture *hanqi = cloud_fixture_new("hanqi", HANQI);
	struct cloud_fixture *ezt = cloud_fixture_new("eztcloud", EZTCLOUD);
	struct report report = job_report(JOB_STATE_ROLLED_BACK);

	report.progress_percent = 250; /* nobody has more than 100 */
	cloud_send(tencent, &report);
	assert_published(tencent, "$ota/report/PID/gw",
			 "{'type':'report_progress','report':{'progress':{"
			 "'state':'fail','result_code':'-5','result_msg':"
			 "'rolled_back'},'version':'2','task_id':'t1'}}");
	cloud_send(sagoo, &report);
	assert_published(sagoo, "/ota/device/progress/pk/dk",
			 "{'id':'77','params':{'step':'-1','desc':"
			 "'rolled-back','module':'default'}}");
	cloud_send(ezt, &report);
	assert_published(ezt, "attributes/DU",
			 "{'ota_state':'rolled-back','ota_progress':100,"
			 "'ota_message':'rolled-back'}");
	report.state = JOB_STATE_FAILED;
	cloud_send(hanqi, &report);
	assert_published(
		hanqi, "hanqi/gateway/HQ/report",
		"{'msgType':'ota_progress','msgId':'m1','uuid':'HQ',"
		"'timestamp':1770804000,'data':{'state':'failed',"
		"'progress':100,'currentVersion':'1','targetVersion':'2',"
		"'errorCode':'INTERNAL_ERROR','errorMessage':'failed'}}");
	cloud_fixture_free(tencent);
	cloud_fixture_free(sagoo);
	cloud_fixture_free(hanqi);
	cloud_fixture_free(ezt);
}

/* ---- ids ---- */

static void ids_are_echoed_with_their_type(void **state)
{
	struct cloud_fixture *tencent = cloud_fixture_new("tencent", TENCENT);
	struct cloud_fixture *sagoo = cloud_fixture_new("sagoo", SAGOO);
	struct cloud_fixture *iotgo = cloud_fixture_new("iotgo", IOTGO);
	struct cloud_fixture *ezt = cloud_fixture_new("eztcloud", EZTCLOUD);
	struct report report = job_report(JOB_STATE_INSTALLING);

	report.ids = &number_ids;
	cloud_send(tencent, &report);
	assert_published(tencent, "$ota/report/PID/gw",
			 "{'type':'report_progress','report':{'progress':{"
			 "'state':'burning','result_code':'0','result_msg':''},"
			 "'version':'2','task_id':34}}");
	cloud_send(sagoo, &report);
	assert_published(sagoo, "/ota/device/progress/pk/dk",
			 "{'id':'77','params':{'step':'98','desc':'',"
			 "'module':'default','strategy':25}}");
	/* The strategy is sagoo's alone. */
	cloud_send(iotgo, &report);
	assert_published(iotgo, "/ota/device/progress/pk/gw",
			 "{'id':'77','params':{'step':'98','desc':'',"
			 "'progress':98,'module':'default'}}");
	report.event = REPORT_REPLY;
	report.reply = REPLY_BUSY;
	cloud_send(ezt, &report);
	assert_published(ezt, "command_reply/DU",
			 "{'method':'otaUpgrade','params':{'module':'main',"
			 "'version':'2','result':'busy','message':''},"
			 "'id':-12}");
	cloud_fixture_free(tencent);
	cloud_fixture_free(sagoo);
	cloud_fixture_free(iotgo);
	cloud_fixture_free(ezt);
}

static void an_operators_job_has_no_ids(void **state)
{
	static const struct offer_ids no_ids = { .has_strategy = false };
	struct cloud_fixture *tencent = cloud_fixture_new("tencent", TENCENT);
	struct cloud_fixture *hanqi = cloud_fixture_new("hanqi", HANQI);
	struct cloud_fixture *sagoo = cloud_fixture_new("sagoo", SAGOO);
	struct cloud_fixture *ezt = cloud_fixture_new("eztcloud", EZTCLOUD);
	const struct offer_ids *const none[] = { NULL, &no_ids };

	for (size_t i = 0; i < OTA_ARRAY_SIZE(none); i++) {
		struct report report = job_report(JOB_STATE_SUCCEEDED);

		report.ids = none[i];
		cloud_send(tencent, &report);
		assert_published(tencent, "$ota/report/PID/gw",
				 "{'type':'report_progress','report':{"
				 "'progress':{'state':'done','result_code':"
				 "'0','result_msg':''},'version':'2'}}");
		cloud_send(sagoo, &report);
		assert_published(sagoo, "/ota/device/progress/pk/dk",
				 "{'id':'77','params':{'step':'100','desc':"
				 "'','module':'default'}}");
		/* The server would not find its task. */
		assert_int_equal(cloud_send(hanqi, &report), 0);
		report.event = REPORT_REPLY;
		assert_int_equal(cloud_send(ezt, &report), 0);
	}
	cloud_fixture_free(tencent);
	cloud_fixture_free(hanqi);
	cloud_fixture_free(sagoo);
	cloud_fixture_free(ezt);
}

static void a_heartbeat_carries_no_message_id(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("hanqi", HANQI);
	struct report report = job_report(JOB_STATE_IDLE);

	report.event = REPORT_VERSION;
	report.device = "timer";
	cloud_send(fx, &report);
	assert_published(fx, "hanqi/gateway/HQ/report",
			 "{'msgType':'heartbeat','uuid':'HQ','subDeviceId':"
			 "'timer','timestamp':1770804000,'data':{"
			 "'entityType':'subDevice','firmwareVersion':'1'}}");
	cloud_fixture_free(fx);
}

/* ---- defaults ---- */

static void what_a_report_leaves_out_comes_from_the_inventory(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("iotgo", IOTGO);
	struct device *gateway = inventory_find(fx->inventory, DEVICE_SELF);
	struct report report = { .event = REPORT_VERSION, .sequence = 1 };

	cloud_send(fx, &report);
	assert_published(fx, "/ota/device/inform/pk/gw",
			 "{'id':'1','params':{'version':'0',"
			 "'module':'default'}}");
	assert_true(module_set_version(device_find_module(gateway, "default"),
				       "1.5"));
	report.sequence = UINT32_MAX;
	cloud_send(fx, &report);
	assert_published(fx, "/ota/device/inform/pk/gw",
			 "{'id':'4294967295','params':{'version':'1.5',"
			 "'module':'default'}}");
	cloud_fixture_free(fx);
}

static void an_unknown_device_is_an_error(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("iotgo", IOTGO);
	struct report report = job_report(JOB_STATE_FAILED);
	struct ota_error err = OTA_ERROR_INIT;

	report.device = "nobody";
	assert_false(cloud_encode(fx->cloud, fx->inventory, &report,
				  cloud_catch, fx, &err));
	assert_int_equal(err.kind, OTA_ERROR_NOT_FOUND);
	assert_non_null(strstr(err.text, "nobody"));
	assert_int_equal(fx->n_caught, 0);
	cloud_fixture_free(fx);
}

static bool refuse(void *user_data, const struct cloud_publication *publication,
		   struct ota_error *err)
{
	return ota_fail(err, OTA_ERROR_BUSY, "not now");
}

static void a_refused_publication_is_passed_on(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("sagoo", SAGOO);
	struct report report = job_report(JOB_STATE_FAILED);
	struct ota_error err = OTA_ERROR_INIT;

	assert_false(cloud_encode(fx->cloud, fx->inventory, &report, refuse,
				  NULL, &err));
	assert_int_equal(err.kind, OTA_ERROR_BUSY);
	cloud_fixture_free(fx);
}

/* ---- texts ---- */

static void texts_are_cut_by_characters_not_bytes(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("tencent", TENCENT);
	struct report report = job_report(JOB_STATE_FAILED);
	char message[1024] = "", expected[1024] = "";

	/* U+1F680, four bytes each. */
	for (int i = 0; i < 129; i++) {
		strcat(message, "\xf0\x9f\x9a\x80");
		if (i < 128)
			strcat(expected, "\xf0\x9f\x9a\x80");
	}
	strcat(expected, "\"");
	report.message = message;
	cloud_send(fx, &report);
	assert_non_null(strstr(fx->caught[0].payload, expected));
	cloud_fixture_free(fx);
}

static void broken_utf8_never_leaves(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("tencent", TENCENT);
	struct report report = job_report(JOB_STATE_FAILED);

	report.message = "a\xe5\x8d"; /* cut within a character */
	cloud_send(fx, &report);
	/* Parsing it back is strict about UTF-8. */
	assert_published(fx, "$ota/report/PID/gw",
			 "{'type':'report_progress','report':{'progress':{"
			 "'state':'fail','result_code':'-5','result_msg':"
			 "'a\xef\xbf\xbd\xef\xbf\xbd'},'version':'2',"
			 "'task_id':'t1'}}");
	cloud_fixture_free(fx);
}

/* ---- iotgo ---- */

static void firmware_version_is_that_of_the_default_module(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("iotgo", IOTGO);
	struct device *gateway = inventory_find(fx->inventory, DEVICE_SELF);
	struct report report = job_report(JOB_STATE_SUCCEEDED);

	assert_true(module_set_version(device_find_module(gateway, "default"),
				       "1.5"));
	report.event = REPORT_PROPERTY;
	report.module = "x86";
	report.version = "9.9";
	cloud_send(fx, &report);
	assert_published(
		fx, "/sys/pk/gw/thing/event/property/post",
		"{'id':'77','version':'1.0','params':{"
		"'ota_status':{'value':'idle','time':1770804000123},"
		"'ota_progress':{'value':100,'time':1770804000123},"
		"'firmware_version':{'value':'1.5','time':1770804000123},"
		"'last_update_time':{'value':'$any-string',"
		"'time':1770804000123}},'method':"
		"'thing.event.property.post'}");
	/* The sub-device has no default module. */
	report.device = "oven";
	report.module = "mcu";
	cloud_send(fx, &report);
	assert_null(strstr(fx->caught[0].payload, "firmware_version"));
	cloud_fixture_free(fx);
}

static void framework_properties_are_strings_in_seconds(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new(
		"iotgo", "{'product_key':'pk','device_name':'gw',"
			 "'options':{'property_style':'framework'}}");
	struct report report = job_report(JOB_STATE_FAILED);

	report.event = REPORT_PROPERTY;
	report.progress_percent = 43;
	report.error = OTA_ERROR_NO_SPACE;
	cloud_send(fx, &report);
	assert_published(
		fx, "$SYS/pk/gw/property/post",
		"{'id':'77','version':'1.0','params':{"
		"'ota_status':{'value':'failed','time':1770804000},"
		"'ota_progress':{'value':'43','time':1770804000},"
		"'ota_message':{'value':'no-space','time':1770804000}}}");
	report.message = "need 5 MiB";
	cloud_send(fx, &report);
	assert_non_null(strstr(fx->caught[0].payload, "need 5 MiB"));
	assert_null(strstr(fx->caught[0].payload, "no-space"));
	assert_int_equal(fx->caught[0].qos, 0);
	assert_false(fx->caught[0].result);
	cloud_fixture_free(fx);
}

static void an_update_time_is_told_only_at_rest(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("iotgo", IOTGO);

	for (unsigned state_now = 0; state_now < JOB_STATE_COUNT; state_now++) {
		struct report report = job_report((enum job_state)state_now);
		bool at_rest = state_now == JOB_STATE_IDLE ||
			       state_now == JOB_STATE_SUCCEEDED;

		report.event = REPORT_PROPERTY;
		report.last_update_ms = NOW_MS;
		if (cloud_send(fx, &report) == 0)
			continue;
		assert_int_equal(strstr(fx->caught[0].payload,
					"last_update_time") != NULL,
				 at_rest);
		assert_int_equal(strstr(fx->caught[0].payload,
					"firmware_version") != NULL,
				 at_rest);
	}
	cloud_fixture_free(fx);
}

/* ---- tencent ---- */

static void tencent_brings_sub_devices_online(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("tencent", TENCENT);
	struct report report = { .event = REPORT_ONLINE, .device = "lamp" };

	cloud_send(fx, &report);
	assert_published(fx, "$gateway/operation/PID/gw",
			 "{'type':'online','payload':{'devices':[{"
			 "'product_id':'LID','device_name':'l1'}]}}");
	assert_int_equal(fx->caught[0].qos, 0);
	assert_false(fx->caught[0].result);
	report.device = DEVICE_SELF;
	assert_int_equal(cloud_send(fx, &report), 0);
	cloud_fixture_free(fx);
}

/* ---- eztcloud ---- */

static void eztcloud_names_what_is_not_configured(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("eztcloud", EZTCLOUD);
	struct report report = job_report(JOB_STATE_IDLE);

	report.event = REPORT_VERSION;
	report.module = "gps";
	cloud_send(fx, &report);
	assert_published(fx, "attributes/DU", "{'gps_version':'1'}");
	report.event = REPORT_CHECK;
	cloud_send(fx, &report);
	assert_published(fx, "event_report/DU",
			 "{'method':'otaCheck_gps','params':{}}");
	report.module = NULL;
	cloud_send(fx, &report);
	assert_published(fx, "event_report/DU",
			 "{'method':'otaCheck','params':{}}");
	cloud_fixture_free(fx);
}

static void several_levels_always_use_the_sub_api(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("eztcloud", EZTCLOUD);
	struct report report = job_report(JOB_STATE_FAILED);

	report.device = "leaf";
	report.error = OTA_ERROR_BUSY;
	cloud_send(fx, &report);
	assert_published(fx, "sub_attributes/DU",
			 "{'1':{'sub':{'2':{'sub':{'3':{'sub':{'4':{"
			 "'attributes':{'ota_state':'failed',"
			 "'ota_progress':0,'ota_message':'busy'}}}}}}}}}");
	report.event = REPORT_CHECK;
	cloud_send(fx, &report);
	assert_published(fx, "sub_event_report/DU",
			 "{'device':['1','2','3','4'],'event':{'method':"
			 "'otaCheck','params':{},'id':77}}");
	report.event = REPORT_REPLY;
	cloud_send(fx, &report);
	assert_published(fx, "sub_command_reply/DU",
			 "{'device':['1','2','3','4'],'command':{'method':"
			 "'otaUpgrade','params':{'module':'main','version':"
			 "'2','result':'accepted','message':''},'id':'m1'}}");
	cloud_fixture_free(fx);
}

static void the_sub_api_has_a_form_for_one_level(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new(
		"eztcloud",
		"{'username':'DU','subdevice_api':'sub',"
		"'sub_devices':[{'id':'dev','addr':'D1'}]}");
	struct report report = job_report(JOB_STATE_IDLE);

	report.device = "dev";
	report.event = REPORT_CHECK;
	cloud_send(fx, &report);
	assert_published(fx, "sub_event_report/DU",
			 "{'device':['D1'],'event':{'method':'otaCheck',"
			 "'params':{},'id':77}}");
	report.event = REPORT_REPLY;
	cloud_send(fx, &report);
	assert_published(fx, "sub_command_reply/DU",
			 "{'device':'D1','command':{'method':'otaUpgrade',"
			 "'params':{'module':'main','version':'2','result':"
			 "'accepted','message':''},'id':'m1'}}");
	cloud_fixture_free(fx);
}

static void eztcloud_progress_can_be_off(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new(
		"eztcloud",
		"{'username':'DU','options':{'report_progress':false}}");

	for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
		struct report report = job_report((enum job_state)i);

		assert_int_equal(cloud_send(fx, &report), 0);
		report.event = REPORT_VERSION;
		assert_int_equal(cloud_send(fx, &report), 1);
	}
	cloud_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_are_kept_and_downloads_fleeting),
		cmocka_unit_test(other_events_are_neither),
		cmocka_unit_test(each_kind_has_its_code_everywhere),
		cmocka_unit_test(a_failure_without_a_kind_is_still_told),
		cmocka_unit_test(ids_are_echoed_with_their_type),
		cmocka_unit_test(an_operators_job_has_no_ids),
		cmocka_unit_test(a_heartbeat_carries_no_message_id),
		cmocka_unit_test(
			what_a_report_leaves_out_comes_from_the_inventory),
		cmocka_unit_test(an_unknown_device_is_an_error),
		cmocka_unit_test(a_refused_publication_is_passed_on),
		cmocka_unit_test(texts_are_cut_by_characters_not_bytes),
		cmocka_unit_test(broken_utf8_never_leaves),
		cmocka_unit_test(
			firmware_version_is_that_of_the_default_module),
		cmocka_unit_test(framework_properties_are_strings_in_seconds),
		cmocka_unit_test(an_update_time_is_told_only_at_rest),
		cmocka_unit_test(tencent_brings_sub_devices_online),
		cmocka_unit_test(eztcloud_names_what_is_not_configured),
		cmocka_unit_test(several_levels_always_use_the_sub_api),
		cmocka_unit_test(the_sub_api_has_a_form_for_one_level),
		cmocka_unit_test(eztcloud_progress_can_be_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
