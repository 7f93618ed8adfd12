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

/* ---- verdicts and reasons ---- */

struct verdict_row {
	const char *topic;
	const char *payload;
	const char *expected; /* "update", "no-update", "ignore" or a reason */
};

static void check_verdicts(const char *platform, const char *identity,
			   const struct verdict_row *rows, size_t count)
{
	struct cloud_fixture *fx = cloud_fixture_new(platform, identity);

	for (size_t i = 0; i < count; i++) {
		cloud_receive(fx, rows[i].topic, rows[i].payload);
		if (strcmp(cloud_outcome(&fx->message), rows[i].expected) != 0)
			fail_msg("%s: %s: expected %s, got %s", platform,
				 rows[i].payload, rows[i].expected,
				 cloud_outcome(&fx->message));
	}
	cloud_fixture_free(fx);
}

#define CHECK_VERDICTS(platform, identity, rows) \
	check_verdicts(platform, identity, rows, OTA_ARRAY_SIZE(rows))

static void codes_are_compared_by_value_or_exact_text(void **state)
{
#define CODE(code) IOTGO_PUSH, "{'code':" code ",'data':{" SIGNED "}}"
	static const struct verdict_row rows[] = {
		{ CODE("200"), "update" },
		{ CODE("1000"), "update" },
		{ CODE("200.0"), "update" },
		{ CODE("2e2"), "update" },
		{ CODE("'200'"), "update" },
		{ CODE("'1000'"), "update" },
		{ CODE("null"), "update" },
		{ CODE("'200.0'"), "error-code" },
		{ CODE("' 200'"), "error-code" },
		{ CODE("''"), "error-code" },
		{ CODE("200.5"), "error-code" },
		{ CODE("-200"), "error-code" },
		{ CODE("0"), "error-code" },
		{ CODE("1e400"), "error-code" },
		{ CODE("99999999999999999999999"), "error-code" },
		{ CODE("'200\\u0000'"), "embedded-nul" },
		{ CODE("[200]"), "wrong-type" },
		{ CODE("{}"), "wrong-type" },
		{ CODE("false"), "wrong-type" },
	};
#undef CODE

	CHECK_VERDICTS("iotgo", IOTGO, rows);
}

static void sizes_are_integers_within_the_limit(void **state)
{
#define SIZE(size)                                                             \
	IOTGO_PUSH, "{'data':{'version':'2'," URL ",'sign':'" MD5 "','size':"  \
		    size "}}"
	static const struct verdict_row rows[] = {
		{ SIZE("1"), "update" },
		{ SIZE("1e6"), "update" },
		{ SIZE("1000000.0"), "update" },
		{ SIZE("10000000e-1"), "update" },
		{ SIZE("1000001"), "bad-size" },
		{ SIZE("0"), "bad-size" },
		{ SIZE("0.0"), "bad-size" },
		{ SIZE("-0.0"), "bad-size" },
		{ SIZE("-1"), "bad-size" },
		{ SIZE("0.5"), "bad-size" },
		{ SIZE("9223372036854775807"), "bad-size" },
		{ SIZE("9223372036854775808"), "bad-size" },
		{ SIZE("-9223372036854775809"), "bad-size" },
		{ SIZE("18446744073709551617"), "bad-size" },
		{ SIZE("1e19"), "bad-size" },
		{ SIZE("-1e400"), "bad-size" },
		{ SIZE("true"), "wrong-type" },
		{ SIZE("'1'"), "wrong-type" },
		{ SIZE("[1]"), "wrong-type" },
		{ SIZE("null"), "missing-field" },
	};
#undef SIZE

	CHECK_VERDICTS("iotgo", IOTGO, rows);
}

static void an_unlimited_size_is_still_no_saturated_one(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new(
		"tencent",
		"{'product_id':'PID','device_name':'gw',"
		"'options':{'max_image_size':18446744073709551615}}");

	cloud_receive(fx, TENCENT_DOWN,
		      "{'type':'update_firmware','version':'2'," URL
		      ",'md5sum':'" MD5 "','file_size':99999999999999999999}");
	assert_string_equal(cloud_outcome(&fx->message), "bad-size");
	cloud_receive(fx, TENCENT_DOWN,
		      "{'type':'update_firmware','version':'2'," URL
		      ",'md5sum':'" MD5 "','file_size':9223372036854775806}");
	assert_string_equal(cloud_outcome(&fx->message), "update");
	cloud_fixture_free(fx);
}

static void message_ids_keep_their_rules(void **state)
{
#define ID(id) IOTGO_PUSH, "{'id':" id ",'data':{" SIGNED "}}"
	static const struct verdict_row rows[] = {
		{ ID("0"), "update" },
		{ ID("-1"), "update" },
		{ ID("9007199254740991"), "update" },
		{ ID("-9007199254740991"), "update" },
		{ ID("1e3"), "update" },
		{ ID("'x'"), "update" },
		{ ID("'\xe5\x8d\x87'"), "update" },
		{ ID("null"), "update" },
		{ ID("9007199254740992"), "bad-msg-id" },
		{ ID("-9007199254740992"), "bad-msg-id" },
		{ ID("1.5"), "bad-msg-id" },
		{ ID("1e300"), "bad-msg-id" },
		{ ID("1e400"), "bad-msg-id" },
		{ ID("''"), "bad-msg-id" },
		{ ID("'a\\tb'"), "bad-msg-id" },
		{ ID("'\\u007f'"), "bad-msg-id" },
		{ ID("'a\\u0000'"), "embedded-nul" },
		{ ID("true"), "wrong-type" },
		{ ID("[]"), "wrong-type" },
		{ ID("{}"), "wrong-type" },
	};
#undef ID

	CHECK_VERDICTS("iotgo", IOTGO, rows);
}

static void message_ids_end_at_128_bytes(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("iotgo", IOTGO);
	char payload[512], id[130];

	memset(id, 'i', sizeof(id));
	for (int bytes = 128; bytes <= 129; bytes++) {
		snprintf(payload, sizeof(payload),
			 "{'id':'%.*s','data':{" SIGNED "}}", bytes, id);
		cloud_receive(fx, IOTGO_PUSH, payload);
		assert_string_equal(cloud_outcome(&fx->message),
				    bytes == 128 ? "update" : "bad-msg-id");
	}
	cloud_fixture_free(fx);
}

static void iotgo_digests_follow_their_method(void **state)
{
#define DATA(rest) IOTGO_PUSH, "{'data':{" PACKAGE rest "}}"
	static const struct verdict_row rows[] = {
		{ DATA(",'sign':'" MD5 "'"), "update" },
		{ DATA(",'sign':'" SHA256 "'"), "update" },
		{ DATA(",'sign':'" SHA256 "','signMethod':'sHa256'"),
		  "update" },
		{ DATA(",'md5':'" MD5 "'"), "update" },
		{ DATA(",'md5':'" MD5 "','sign':null"), "update" },
		/* Not looked at where there is a sign. */
		{ DATA(",'md5':7,'sign':'" MD5 "'"), "update" },
		{ DATA(",'md5':'" SHA256 "'"), "bad-digest" },
		{ DATA(",'sign':'" SHA256 "','signMethod':'MD5'"),
		  "bad-digest" },
		{ DATA(",'sign':''"), "bad-digest" },
		{ DATA(",'sign':'" MD5 "','signMethod':''"),
		  "unknown-digest-alg" },
		{ DATA(",'sign':'" MD5 "','signMethod':'MD5 '"),
		  "unknown-digest-alg" },
		{ DATA(",'sign':'" MD5 "','signMethod':5"), "wrong-type" },
		{ DATA(",'sign':7"), "wrong-type" },
		{ DATA(",'sign':false,'md5':'" MD5 "'"), "wrong-type" },
		{ DATA(""), "missing-field" },
	};
#undef DATA

	CHECK_VERDICTS("iotgo", IOTGO, rows);
}

static void what_otad_cannot_install_is_named(void **state)
{
#define DATA(rest) IOTGO_PUSH, "{'data':{" SIGNED rest "}}"
	static const struct verdict_row rows[] = {
		{ DATA(",'isDiff':false"), "update" },
		{ DATA(",'isDiff':0.0"), "update" },
		{ DATA(",'isDiff':null"), "update" },
		{ DATA(",'isDiff':true"), "unsupported-diff" },
		{ DATA(",'isDiff':1.0"), "unsupported-diff" },
		{ DATA(",'isDiff':'0'"), "wrong-type" },
		{ DATA(",'isDiff':[]"), "wrong-type" },
		{ DATA(",'files':[]"), "update" },
		{ DATA(",'files':[1]"), "unsupported-multi-file" },
		{ DATA(",'files':{}"), "wrong-type" },
		{ DATA(",'dProtocol':'HTTP'"), "update" },
		{ DATA(",'dProtocol':'Https'"), "update" },
		{ DATA(",'dProtocol':'mqtt'"), "unsupported-protocol" },
		{ DATA(",'dProtocol':''"), "unsupported-protocol" },
		{ DATA(",'dProtocol':1"), "wrong-type" },
		{ DATA(",'dProtocol':'http\\u0000'"), "embedded-nul" },
	};
#undef DATA

	CHECK_VERDICTS("iotgo", IOTGO, rows);
}

static void only_an_answer_may_be_empty(void **state)
{
	static const struct verdict_row rows[] = {
		{ IOTGO_REPLY, "{}", "no-update" },
		{ IOTGO_REPLY, "{'data':{'version':null}}", "no-update" },
		{ IOTGO_REPLY, "{'data':{'note':1}}", "missing-field" },
		{ IOTGO_REPLY, "{'data':[]}", "wrong-type" },
		{ IOTGO_REPLY, "{'data':{},'id':true}", "wrong-type" },
		{ IOTGO_REPLY, "{'data':{" SIGNED "}}", "update" },
		{ IOTGO_PUSH, "{'data':{}}", "missing-field" },
		{ IOTGO_PUSH, "{}", "missing-field" },
		/* The sub-device has no default module. */
		{ "/ota/device/upgrade/p2/o1", "{'data':{" SIGNED "}}",
		  "unknown-module" },
		{ "/ota/device/upgrade/p2/o1",
		  "{'data':{'module':'mcu'," SIGNED "}}", "update" },
	};

	CHECK_VERDICTS("iotgo", IOTGO, rows);
}

static void topics_must_be_exactly_ours(void **state)
{
	static const struct verdict_row rows[] = {
		{ "", "{", "ignore" },
		{ "/ota/device/upgrade/", "{", "ignore" },
		{ "/ota/device/upgrade/pk", "{", "ignore" },
		{ "/ota/device/upgrade/pk/", "{", "ignore" },
		{ "/ota/device/upgrade/pk/gw/", "{", "ignore" },
		{ "/ota/device/upgrade//pk/gw", "{", "ignore" },
		{ "/sys/pk/gw/thing/ota/firmware/get", "{", "ignore" },
		{ "/sys/thing/ota/firmware/get_reply", "{", "ignore" },
		{ "/sys//thing/ota/firmware/get_reply", "{", "ignore" },
		{ IOTGO_PUSH, "{", "bad-json" },
	};
	static const struct verdict_row ezt_rows[] = {
		{ "command_send/", "{", "ignore" },
		{ "command_send/DU/x", "{", "ignore" },
		{ "xcommand_send/DU", "{", "ignore" },
		{ "gateway_command_send/DV", "{", "ignore" },
		{ "sub_command_send/DU2", "{", "ignore" },
		{ EZT_DOWN, "{", "bad-json" },
		{ EZT_SUB, "{", "bad-json" },
	};

	static const struct verdict_row hanqi_rows[] = {
		{ "hanqi/gateway/HQ/commanc", "{", "ignore" },
		{ "hanqi/gateway/HQ/command/", "{", "ignore" },
		{ HANQI_DOWN, "{", "bad-json" },
	};

	CHECK_VERDICTS("iotgo", IOTGO, rows);
	CHECK_VERDICTS("eztcloud", EZTCLOUD, ezt_rows);
	CHECK_VERDICTS("hanqi", HANQI, hanqi_rows);
}

/* Else the policy would not find it, nor anybody compare it. */
static void each_digest_is_kept_as_what_it_is(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("iotgo", IOTGO);

	cloud_receive(fx, IOTGO_PUSH,
		      "{'data':{" PACKAGE ",'sign':'" SHA256 "'}}");
	assert_int_equal(fx->message.offer->sha256.alg, DIGEST_SHA256);
	assert_int_equal(fx->message.offer->md5.alg, DIGEST_NONE);
	cloud_receive(fx, IOTGO_PUSH, "{'data':{" SIGNED "}}");
	assert_int_equal(fx->message.offer->sha256.alg, DIGEST_NONE);
	assert_int_equal(fx->message.offer->md5.alg, DIGEST_MD5);
	cloud_fixture_free(fx);
}

static void a_topic_of_any_length_is_survived(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("iotgo", IOTGO);
	char *topic = malloc(70000);

	assert_non_null(topic);
	for (size_t size = 1; size < 65536; size = size * 2 + 19) {
		memset(topic, 'x', size);
		memcpy(topic, "/ota/device/upgrade/", size < 20 ? size : 20);
		topic[size] = '\0';
		assert_int_equal(cloud_receive(fx, topic, "{}"), CLOUD_IGNORE);
	}
	free(topic);
	cloud_fixture_free(fx);
}

static void tencent_tells_its_messages_by_type(void **state)
{
	static const struct verdict_row rows[] = {
		{ TENCENT_DOWN, "{" TENCENT_UPDATE "}", "update" },
		{ TENCENT_DOWN, "{'type':'update_firmware\\u0000'}", "ignore" },
		{ TENCENT_DOWN, "{'type':''}", "ignore" },
		{ TENCENT_DOWN, "{'type':null}", "missing-field" },
		{ TENCENT_DOWN, "{'type':['update_firmware']}", "wrong-type" },
		{ TENCENT_DOWN, "{'type':'report_version_rsp','result_code':0}",
		  "no-update" },
		{ TENCENT_DOWN,
		  "{'type':'report_version_rsp','result_code':0.0}",
		  "no-update" },
		{ TENCENT_DOWN, "{'type':'report_version_rsp','result_code':1}",
		  "error-code" },
		{ TENCENT_DOWN,
		  "{'type':'report_version_rsp','result_code':'00'}",
		  "error-code" },
		{ TENCENT_DOWN,
		  "{'type':'report_version_rsp','result_code':false}",
		  "wrong-type" },
		{ "$ota/update/LID/l1", "{" TENCENT_UPDATE "}", "update" },
		{ "$ota/update/LID/l1",
		  "{" TENCENT_UPDATE ",'fw_type':'mcu'}", "unknown-module" },
	};

	CHECK_VERDICTS("tencent", TENCENT, rows);
}

static void hanqi_finds_the_device(void **state)
{
#define COMMAND(rest)                                                          \
	HANQI_DOWN, "{'msgType':'ota_upgrade','msgId':'m'," HANQI_DATA rest "}"
	static const struct verdict_row rows[] = {
		{ COMMAND(""), "update" },
		{ COMMAND(",'uuid':'HQ','subDeviceId':''"), "update" },
		{ COMMAND(",'uuid':'HQ','subDeviceId':null"), "update" },
		{ COMMAND(",'uuid':'HQ','subDeviceId':'timer'"), "update" },
		{ COMMAND(",'uuid':'HQ','deviceId':5"), "update" },
		{ COMMAND(",'deviceId':'timer'"), "update" },
		{ COMMAND(",'uuid':null,'deviceId':'timer'"), "update" },
		/* A sub-device's field cannot mean the gateway. */
		{ COMMAND(",'subDeviceId':'HQ'"), "unknown-device" },
		/* Names of ours are no ids of theirs. */
		{ COMMAND(",'uuid':'self'"), "unknown-device" },
		{ COMMAND(",'subDeviceId':'self'"), "unknown-device" },
		{ COMMAND(",'uuid':''"), "unknown-device" },
		{ COMMAND(",'deviceId':'?'"), "unknown-device" },
		{ COMMAND(",'subDeviceId':1"), "wrong-type" },
		{ COMMAND(",'subDeviceId':'timer\\u0000'"), "embedded-nul" },
		{ COMMAND(",'uuid':'odd'"), "unknown-module" },
	};
#undef COMMAND

	CHECK_VERDICTS("hanqi", HANQI, rows);
}

static void hanqi_message_ids_are_strings(void **state)
{
#define COMMAND(rest) HANQI_DOWN, "{'msgType':'ota_upgrade'," rest "}"
	static const struct verdict_row rows[] = {
		{ COMMAND("'msgId':5," HANQI_DATA), "wrong-type" },
		{ COMMAND("'data':{'msgId':5,'version':'2','firmwareUrl':"
			  "'https://h/f','md5':'" MD5 "'}"),
		  "wrong-type" },
		{ COMMAND("'msgId':null,'data':{'msgId':'x','version':'2',"
			  "'firmwareUrl':'https://h/f','md5':'" MD5 "'}"),
		  "update" },
		{ COMMAND(HANQI_DATA), "missing-field" },
		{ COMMAND("'msgId':'x'"), "missing-field" },
		{ HANQI_DOWN, "{'msgType':'ota_upgrade\\u0000'}", "ignore" },
		{ HANQI_DOWN, "{'msgType':'OTA_UPGRADE'}", "ignore" },
	};
#undef COMMAND

	CHECK_VERDICTS("hanqi", HANQI, rows);
}

static void eztcloud_finds_the_device(void **state)
{
#define ENVELOPE(device) EZT_SUB, "{'device':" device "," EZT_COMMAND "}"
#define LEAF                                                                   \
	"{'device':['1','2','3','4'],'command':{'method':'otaUpgrade',"        \
	"'params':{'module':'mcu','upgrade':true,'version':'2'," URL           \
	",'size':10,'md5':'" MD5 "'}}}"
	static const struct verdict_row rows[] = {
		{ ENVELOPE("'D1'"), "update" },
		{ ENVELOPE("['D1']"), "update" },
		{ EZT_SUB, LEAF, "update" },
		{ EZT_GATEWAY, LEAF, "update" },
		{ ENVELOPE("['1','2','3']"), "unknown-device" },
		{ ENVELOPE("['1','2','3','4','5']"), "wrong-type" },
		{ ENVELOPE("['1',2]"), "wrong-type" },
		{ ENVELOPE("[null]"), "wrong-type" },
		{ ENVELOPE("{'D1':1}"), "wrong-type" },
		{ ENVELOPE("true"), "wrong-type" },
		{ ENVELOPE("null"), "missing-field" },
		/* One name with commas is not four names. */
		{ ENVELOPE("'1,2,3,4'"), "unknown-device" },
		{ ENVELOPE("['1,2','3','4']"), "unknown-device" },
		/* The gateway is not behind itself. */
		{ ENVELOPE("''"), "unknown-device" },
		{ ENVELOPE("['']"), "unknown-device" },
		{ ENVELOPE("'self'"), "unknown-device" },
		{ ENVELOPE("['D1\\u0000']"), "embedded-nul" },
		{ EZT_SUB, "{'device':'?','command':null}", "ignore" },
		{ EZT_SUB, "{'device':7,'command':{'method':'x'}}", "ignore" },
		{ EZT_SUB, "{'device':'D1','command':[1]}", "wrong-type" },
	};
#undef ENVELOPE
#undef LEAF

	CHECK_VERDICTS("eztcloud", EZTCLOUD, rows);
}

static void eztcloud_names_of_any_length_are_survived(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("eztcloud", EZTCLOUD);
	char payload[2048], name[600];

	memset(name, 'n', sizeof(name));
	for (int bytes = 120; bytes < 600; bytes++) {
		snprintf(payload, sizeof(payload),
			 "{'device':['%.*s','%.*s'],'id':1," EZT_COMMAND "}",
			 bytes, name, 600 - bytes, name);
		cloud_receive(fx, EZT_SUB, payload);
		assert_string_equal(cloud_outcome(&fx->message), "unknown-device");
		snprintf(payload, sizeof(payload),
			 "{'device':'%.*s','id':1," EZT_COMMAND "}", bytes,
			 name);
		cloud_receive(fx, EZT_SUB, payload);
		assert_string_equal(cloud_outcome(&fx->message), "unknown-device");
	}
	cloud_fixture_free(fx);
}

static void eztcloud_says_no_upgrade_and_nothing_else(void **state)
{
#define PARAMS(rest) EZT_DOWN, "{'method':'otaUpgrade','params':{" rest "}}"
	static const struct verdict_row rows[] = {
		{ PARAMS("'upgrade':false,'module':7,'url':[]"), "no-update" },
		{ EZT_DOWN,
		  "{'method':'otaUpgrade','id':true,"
		  "'params':{'upgrade':false}}",
		  "no-update" },
		{ PARAMS("'upgrade':null"), "missing-field" },
		{ PARAMS("'upgrade':0"), "wrong-type" },
		{ EZT_SUB,
		  "{'device':'?','command':{'method':'otaUpgrade',"
		  "'params':{'upgrade':false}}}",
		  "unknown-device" },
	};
#undef PARAMS

	CHECK_VERDICTS("eztcloud", EZTCLOUD, rows);
}

static void sagoo_is_stricter(void **state)
{
	static const struct verdict_row rows[] = {
		{ SAGOO_PUSH, "{'code':'200','data':{" SAGOO_SIGNED "}}",
		  "update" },
		{ SAGOO_PUSH, "{'data':{" SAGOO_SIGNED "}}", "missing-field" },
		{ SAGOO_PUSH, "{'code':1000,'data':{" SAGOO_SIGNED "}}",
		  "error-code" },
		{ SAGOO_PUSH, "{'code':0,'data':{" SAGOO_SIGNED "}}",
		  "error-code" },
		{ SAGOO_PUSH, "{'code':200,'data':{" SIGNED "}}",
		  "missing-field" },
		{ SAGOO_PUSH,
		  "{'code':200,'data':{" PACKAGE
		  ",'signMethod':'MD5','md5':'" MD5 "'}}",
		  "missing-field" },
		{ SAGOO_REPLY, "{'code':200}", "no-update" },
		{ SAGOO_REPLY, "{}", "missing-field" },
		{ SAGOO_PUSH,
		  "{'code':200,'data':{'version':'2','url':'http://h/f',"
		  "'sign':'" MD5 "','signMethod':'MD5'}}",
		  "url-scheme" },
	};

	CHECK_VERDICTS("sagoo", SAGOO, rows);
}

/* ---- contents of an update ---- */

static void ids_keep_their_json_type(void **state)
{
	static const struct {
		const char *id, *text;
		bool is_number;
	} rows[] = {
		{ "42", "42", true },	  { "-7", "-7", true },
		{ "1e3", "1000", true },  { "5.0", "5", true },
		{ "'42'", "42", false },  { "'x y'", "x y", false },
		{ "null", NULL, false },
	};
	struct cloud_fixture *fx = cloud_fixture_new("tencent", TENCENT);

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		const struct offer_ids *ids;
		char payload[512];

		snprintf(payload, sizeof(payload),
			 "{" TENCENT_UPDATE ",'task_id':%s}", rows[i].id);
		assert_int_equal(cloud_receive(fx, TENCENT_DOWN, payload),
				 CLOUD_UPDATE);
		ids = &fx->message.offer->ids;
		if (!rows[i].text) {
			assert_null(ids->msg.text);
			assert_null(ids->task.text);
			continue;
		}
		assert_string_equal(ids->msg.text, rows[i].text);
		assert_string_equal(ids->task.text, rows[i].text);
		assert_int_equal(ids->msg.is_number, rows[i].is_number);
		assert_int_equal(ids->task.is_number, rows[i].is_number);
	}
	cloud_fixture_free(fx);
}

static void an_update_is_a_whole_offer(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("hanqi", HANQI);
	const struct offer *offer;

	cloud_receive(fx, HANQI_DOWN,
		      "{'msgType':'ota_upgrade','msgId':'m','uuid':'timer',"
		      "'data':{'version':'2','firmwareUrl':'https://h/f',"
		      "'md5':'5D41402ABC4B2A76B9719D911017C592',"
		      "'forceUpgrade':true}}");
	assert_int_equal(fx->message.verdict, CLOUD_UPDATE);
	offer = fx->message.offer;
	assert_string_equal(offer->device, "timer");
	assert_string_equal(offer->module, "default");
	assert_string_equal(offer->version, "2");
	assert_string_equal(offer->url, "https://h/f");
	assert_true(offer->size_bytes == OFFER_SIZE_UNKNOWN);
	assert_string_equal(offer->md5.hex, MD5);
	assert_int_equal(offer->sha256.alg, DIGEST_NONE);
	assert_true(offer->force);
	assert_int_equal(offer->source, OFFER_SOURCE_CLOUD);
	assert_string_equal(offer->ids.msg.text, "m");
	assert_false(offer->ids.has_strategy);
	assert_null(fx->message.device);
	cloud_fixture_free(fx);
}

static void sagoo_strategies_are_read_where_they_are_integers(void **state)
{
	static const struct {
		const char *ext;
		bool known;
		int64_t strategy;
	} rows[] = {
		{ "{'strategy':25}", true, 25 },
		{ "{'strategy':-1}", true, -1 },
		{ "{'strategy':3.0}", true, 3 },
		{ "{'strategy':3.5}", false, 0 },
		{ "{'strategy':9223372036854775806}", true, INT64_MAX - 1 },
		{ "{'strategy':9223372036854775808}", false, 0 },
		{ "{'strategy':-99999999999999999999}", false, 0 },
		{ "{'strategy':9223372036854775808.0}", false, 0 },
		{ "{'strategy':1e300}", false, 0 },
		{ "{'strategy':'3'}", false, 0 },
		{ "{'strategy':null}", false, 0 },
		{ "{'strategy\\u0000':3}", false, 0 },
		{ "'{\\\"strategy\\\":7}'", true, 7 },
		{ "'{\\\"strategy\\\":7}\\u0000'", false, 0 },
		{ "'{\\\"strategy\\\":7'", false, 0 },
		{ "'7'", false, 0 },
		{ "'null'", false, 0 },
		{ "''", false, 0 },
		{ "[{'strategy':1}]", false, 0 },
		{ "5", false, 0 },
	};
	struct cloud_fixture *fx = cloud_fixture_new("sagoo", SAGOO);

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		char payload[512];

		snprintf(payload, sizeof(payload),
			 "{'code':200,'data':{" SAGOO_SIGNED ",'extData':%s}}",
			 rows[i].ext);
		assert_int_equal(cloud_receive(fx, SAGOO_PUSH, payload),
				 CLOUD_UPDATE);
		assert_int_equal(fx->message.offer->ids.has_strategy,
				 rows[i].known);
		if (rows[i].known)
			assert_int_equal(fx->message.offer->ids.strategy,
					 rows[i].strategy);
	}
	cloud_fixture_free(fx);
}

static void nothing_to_do_names_the_device(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("eztcloud", EZTCLOUD);

	cloud_receive(fx, EZT_SUB,
		      "{'device':'D1','command':{'method':'otaUpgrade',"
		      "'params':{'upgrade':false}}}");
	assert_int_equal(fx->message.verdict, CLOUD_NO_UPDATE);
	assert_string_equal(fx->message.device, "dev");
	assert_false(fx->message.reportable);
	assert_null(fx->message.field);
	cloud_fixture_free(fx);
}

static void more_than_64_kib_is_too_large_on_our_topics_only(void **state)
{
	struct cloud_fixture *fx = cloud_fixture_new("iotgo", IOTGO);
	size_t size = 65536 + 1;
	char *payload = malloc(size + 1);

	assert_non_null(payload);
	memset(payload, ' ', size);
	payload[size] = '\0';
	memcpy(payload, "{}", 2);
	cloud_receive(fx, IOTGO_REPLY, payload);
	assert_string_equal(cloud_outcome(&fx->message), "too-large");
	assert_false(fx->message.reportable);
	assert_int_equal(cloud_receive(fx, "/other", payload), CLOUD_IGNORE);
	payload[size - 1] = '\0';
	cloud_receive(fx, IOTGO_REPLY, payload);
	assert_string_equal(cloud_outcome(&fx->message), "no-update");
	free(payload);
	cloud_fixture_free(fx);
}

static void every_reason_has_its_name(void **state)
{
	assert_string_equal(cloud_reason_name(CLOUD_REASON_BAD_JSON),
			    "bad-json");
	assert_string_equal(cloud_reason_name(CLOUD_REASON_UNSUPPORTED_DIFF),
			    "unsupported-diff");
	assert_string_equal(cloud_reason_name(CLOUD_REASON_NONE), "");
	assert_string_equal(cloud_reason_name(CLOUD_REASON_COUNT), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_compared_by_value_or_exact_text),
		cmocka_unit_test(sizes_are_integers_within_the_limit),
		cmocka_unit_test(an_unlimited_size_is_still_no_saturated_one),
		cmocka_unit_test(message_ids_keep_their_rules),
		cmocka_unit_test(message_ids_end_at_128_bytes),
		cmocka_unit_test(iotgo_digests_follow_their_method),
		cmocka_unit_test(what_otad_cannot_install_is_named),
		cmocka_unit_test(only_an_answer_may_be_empty),
		cmocka_unit_test(topics_must_be_exactly_ours),
		cmocka_unit_test(each_digest_is_kept_as_what_it_is),
		cmocka_unit_test(a_topic_of_any_length_is_survived),
		cmocka_unit_test(tencent_tells_its_messages_by_type),
		cmocka_unit_test(hanqi_finds_the_device),
		cmocka_unit_test(hanqi_message_ids_are_strings),
		cmocka_unit_test(eztcloud_finds_the_device),
		cmocka_unit_test(eztcloud_names_of_any_length_are_survived),
		cmocka_unit_test(eztcloud_says_no_upgrade_and_nothing_else),
		cmocka_unit_test(sagoo_is_stricter),
		cmocka_unit_test(ids_keep_their_json_type),
		cmocka_unit_test(an_update_is_a_whole_offer),
		cmocka_unit_test(
			sagoo_strategies_are_read_where_they_are_integers),
		cmocka_unit_test(nothing_to_do_names_the_device),
		cmocka_unit_test(
			more_than_64_kib_is_too_large_on_our_topics_only),
		cmocka_unit_test(every_reason_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
