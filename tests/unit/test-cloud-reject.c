#include "otad/cloud/cloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/cloud-fixture.h"
#include "support/cloud-messages.h"

/* 2026-02-11 10:00:00 UTC */
#define NOW_MS INT64_C(1770804000123)

struct reject_row {
	const char *topic, *payload;
	const char *reason, *field; /* NULL field: none */
	bool reportable;
	const char *device, *module, *version, *msg_id; /* NULL: unreadable */
};

static void assert_same(const char *what, const char *got,
			const char *expected, const char *payload)
{
	if ((got == NULL) != (expected == NULL) ||
	    (got && strcmp(got, expected) != 0))
		fail_msg("%s: %s: expected %s, got %s", payload, what,
			 expected ? expected : "none", got ? got : "none");
}

static void check_rejects(const char *platform, const char *identity,
			  const struct reject_row *rows, size_t count)
{
	struct cloud_fixture *fx = cloud_fixture_new(platform, identity);
	const struct cloud_message *message = &fx->message;

	for (size_t i = 0; i < count; i++) {
		const struct reject_row *row = &rows[i];

		cloud_receive(fx, row->topic, row->payload);
		assert_same("reason", cloud_outcome(message), row->reason,
			    row->payload);
		assert_same("field", message->field, row->field, row->payload);
		assert_same("reportable", message->reportable ? "yes" : "no",
			    row->reportable ? "yes" : "no", row->payload);
		assert_same("device", message->device, row->device,
			    row->payload);
		assert_same("module", message->module, row->module,
			    row->payload);
		assert_same("version", message->version, row->version,
			    row->payload);
		assert_same("id", message->ids.msg.text, row->msg_id,
			    row->payload);
		assert_null(message->offer);
	}
	cloud_fixture_free(fx);
}

#define CHECK_REJECTS(platform, identity, rows) \
	check_rejects(platform, identity, rows, OTA_ARRAY_SIZE(rows))

static void iotgo_rejects_can_always_be_told(void **state)
{
	static const struct reject_row rows[] = {
		{ IOTGO_PUSH, "{'id':9,'data':{'version':'2'}}",
		  "missing-field", "url", true, NULL, "default", "2", "9" },
		{ IOTGO_PUSH, "{'id':true,'data':{" SIGNED "}}", "wrong-type",
		  "id", true, NULL, "default", "2", NULL },
		{ IOTGO_PUSH, "{'data':5}", "wrong-type", "data", true, NULL,
		  "default", NULL, NULL },
		{ IOTGO_PUSH, "{'data':{'module':'arm'," SIGNED "}}",
		  "unknown-module", "module", true, NULL, "arm", "2", NULL },
		{ IOTGO_PUSH, "{'data':{'module':'../x'," SIGNED "}}",
		  "bad-module", "module", true, NULL, NULL, "2", NULL },
		{ "/ota/device/upgrade/p2/o1",
		  "{'data':{'module':'mcu','version':'..'}}", "bad-version",
		  "version", true, "oven", "mcu", NULL, NULL },
		{ "/ota/device/upgrade/p2/o1", "{'a':1,'a':2}",
		  "duplicate-key", NULL, true, "oven", NULL, NULL, NULL },
		{ IOTGO_PUSH, "[]", "not-object", NULL, true, NULL, NULL, NULL,
		  NULL },
		{ IOTGO_PUSH, "null", "not-object", NULL, true, NULL, NULL,
		  NULL, NULL },
		{ IOTGO_PUSH, "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
		  "too-deep", NULL, true, NULL, NULL, NULL, NULL },
		{ IOTGO_PUSH, "{", "bad-json", NULL, false, NULL, NULL, NULL,
		  NULL },
		{ IOTGO_PUSH, "{'code':500,'id':1,'data':{" SIGNED "}}",
		  "error-code", "code", false, NULL, "default", "2", "1" },
	};

	CHECK_REJECTS("iotgo", IOTGO, rows);
}

static void tencent_rejects_need_the_version(void **state)
{
	static const struct reject_row rows[] = {
		{ TENCENT_DOWN,
		  "{'type':'update_firmware','version':'2','task_id':3}",
		  "missing-field", "url", true, NULL, "default", "2", "3" },
		{ "$ota/update/LID/l2",
		  "{'type':'update_firmware','version':'2','fw_type':'?'}",
		  "unknown-module", "fw_type", true, "lamp2", "?", "2", NULL },
		{ TENCENT_DOWN, "{'type':'update_firmware','version':'/'}",
		  "bad-version", "version", false, NULL, "default", NULL,
		  NULL },
		{ TENCENT_DOWN, "{'version':'2'}", "missing-field", "type",
		  true, NULL, "default", "2", NULL },
		{ TENCENT_DOWN, "{'a':1,'a':2}", "duplicate-key", NULL, false,
		  NULL, NULL, NULL, NULL },
		/* An answer names our own version, no target. */
		{ TENCENT_DOWN, "{'type':'report_version_rsp','version':'1'}",
		  "missing-field", "result_code", false, NULL, NULL, NULL,
		  NULL },
		{ TENCENT_DOWN,
		  "{'type':'report_version_rsp','result_code':-1}",
		  "error-code", "result_code", false, NULL, NULL, NULL, NULL },
	};

	CHECK_REJECTS("tencent", TENCENT, rows);
}

static void hanqi_rejects_need_the_message_id(void **state)
{
	static const struct reject_row rows[] = {
		{ HANQI_DOWN, "{'msgType':'ota_upgrade','msgId':'m'}",
		  "missing-field", "data", true, NULL, "default", NULL, "m" },
		{ HANQI_DOWN,
		  "{'msgType':'ota_upgrade','msgId':'m','uuid':'?'," HANQI_DATA
		  "}",
		  "unknown-device", "uuid", true, NULL, "default", "2", "m" },
		{ HANQI_DOWN,
		  "{'msgType':'ota_upgrade','uuid':'timer'," HANQI_DATA "}",
		  "missing-field", "msgId", false, "timer", "default", "2",
		  NULL },
		{ HANQI_DOWN,
		  "{'msgType':'ota_upgrade','msgId':''," HANQI_DATA "}",
		  "bad-msg-id", "msgId", false, NULL, "default", "2", NULL },
		{ HANQI_DOWN,
		  "{'msgType':'ota_upgrade','data':{'msgId':'in','version':1,"
		  "'firmwareUrl':'https://h/f','md5':'" MD5 "'}}",
		  "wrong-type", "version", true, NULL, "default", NULL, "in" },
		{ HANQI_DOWN, "[]", "not-object", NULL, false, NULL, NULL, NULL,
		  NULL },
	};

	CHECK_REJECTS("hanqi", HANQI, rows);
}

static void eztcloud_rejects_need_the_id(void **state)
{
	static const struct reject_row rows[] = {
		{ EZT_DOWN, "{'method':'otaUpgrade','id':5}", "missing-field",
		  "params", true, NULL, "main", NULL, "5" },
		{ EZT_DOWN, "{'method':'otaUpgrade'}", "missing-field",
		  "params", false, NULL, "main", NULL, NULL },
		{ EZT_GATEWAY,
		  "{'device':'D1','id':6,'command':{'method':'otaUpgrade',"
		  "'params':{'upgrade':true,'version':'2','module':'x'}}}",
		  "unknown-module", "module", true, "dev", "x", "2", "6" },
		{ EZT_GATEWAY,
		  "{'device':'D1','id':6,'command':{'method':'otaUpgrade',"
		  "'id':[],'params':{'upgrade':true,'version':'2'}}}",
		  "wrong-type", "id", false, "dev", "main", "2", NULL },
		{ EZT_GATEWAY, "{'device':'?','id':6," EZT_COMMAND "}",
		  "unknown-device", "device", true, NULL, "main", "2", "6" },
		{ EZT_GATEWAY, "{'device':'D1','command':7,'id':6}",
		  "wrong-type", "command", true, "dev", "main", NULL, "6" },
	};

	CHECK_REJECTS("eztcloud", EZTCLOUD, rows);
}

static void sagoo_rejects_keep_the_strategy(void **state)
{
	static const struct reject_row rows[] = {
		{ SAGOO_PUSH,
		  "{'code':'200','data':{'module':'MCU','extData':"
		  "{'strategy':4},'version':'2'}}",
		  "missing-field", "url", true, NULL, "MCU", "2", NULL },
	};
	struct cloud_fixture *fx = cloud_fixture_new("sagoo", SAGOO);

	CHECK_REJECTS("sagoo", SAGOO, rows);
	cloud_receive(fx, rows[0].topic, rows[0].payload);
	assert_true(fx->message.ids.has_strategy);
	assert_int_equal(fx->message.ids.strategy, 4);
	cloud_fixture_free(fx);
}

static void tell_reject(struct cloud_fixture *fx, const char *topic,
			const char *payload)
{
	struct ota_error err = OTA_ERROR_INIT;

	assert_int_equal(cloud_receive(fx, topic, payload), CLOUD_REJECT);
	assert_true(fx->message.reportable);
	cloud_forget(fx);
	assert_true(cloud_encode_reject(fx->cloud, fx->inventory, &fx->message,
					NOW_MS, 5, cloud_catch, fx, &err));
}

static void each_platform_tells_rejects_its_way(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("iotgo", IOTGO);

	tell_reject(fx, "/ota/device/upgrade/pk/gw", "[]");
	assert_published(fx, "/ota/device/progress/pk/gw",
			 "{'id':'5','params':{'step':'-1','desc':"
			 "'rejected: not-object','progress':-1,"
			 "'module':'default'}}");
	cloud_fixture_free(fx);

	fx = cloud_fixture_new("tencent", TENCENT);
	tell_reject(fx, "$ota/update/LID/l1",
		    "{'type':'update_firmware','version':'2','task_id':8}");
	assert_published(fx, "$ota/report/LID/l1",
			 "{'type':'report_progress','report':{'progress':{"
			 "'state':'fail','result_code':'-5','result_msg':"
			 "'rejected: missing-field'},'version':'2',"
			 "'task_id':8}}");
	cloud_fixture_free(fx);

	fx = cloud_fixture_new("hanqi", HANQI);
	tell_reject(fx, "hanqi/gateway/HQ/command",
		    "{'msgType':'ota_upgrade','msgId':'m','uuid':'timer'}");
	assert_published(
		fx, "hanqi/gateway/HQ/report",
		"{'msgType':'ota_progress','msgId':'m','uuid':'HQ',"
		"'subDeviceId':'timer','timestamp':1770804000,'data':{"
		"'state':'failed','progress':0,'currentVersion':'0',"
		"'targetVersion':'','errorCode':'PROTOCOL_ERROR',"
		"'errorMessage':'rejected: missing-field'}}");
	cloud_fixture_free(fx);

	fx = cloud_fixture_new("eztcloud", EZTCLOUD);
	tell_reject(fx, "gateway_command_send/DU",
		    "{'device':'D1','id':9,'command':{'method':'otaUpgrade',"
		    "'params':{'upgrade':true,'module':'nope',"
		    "'version':'2'}}}");
	assert_published(fx, "gateway_command_reply/DU",
			 "{'device':'D1','command':{'method':'otaUpgrade',"
			 "'params':{'module':'nope','version':'2','result':"
			 "'rejected','message':'unknown-module'},'id':9}}");
	cloud_fixture_free(fx);

	fx = cloud_fixture_new("sagoo", SAGOO);
	tell_reject(fx, "/ota/device/upgrade/pk/dk",
		    "{'code':200,'data':{'module':'MCU','version':'2',"
		    "'extData':{'strategy':6}}}");
	assert_published(fx, "/ota/device/progress/pk/dk",
			 "{'id':'5','params':{'step':'-1','desc':"
			 "'rejected: missing-field','module':'MCU',"
			 "'strategy':6}}");
	cloud_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iotgo_rejects_can_always_be_told),
		cmocka_unit_test(tencent_rejects_need_the_version),
		cmocka_unit_test(hanqi_rejects_need_the_message_id),
		cmocka_unit_test(eztcloud_rejects_need_the_id),
		cmocka_unit_test(sagoo_rejects_keep_the_strategy),
		cmocka_unit_test(each_platform_tells_rejects_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
