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

#define ONLINE_TOPIC "$gateway/operation/result/PID/gw"

static bool receive_online(struct cloud_fixture *fx, const char *topic,
			   const char *payload, char **ret_device,
			   bool *ret_online)
{
	OTA_CLEANUP(freep) char *text = quoted(payload);

	return cloud_decode_online(fx->cloud, fx->inventory, topic, text,
				   strlen(text), ret_device, ret_online);
}

static void tencent_answers_bring_sub_devices_online(void **state)
{
	static const struct {
		const char *payload, *device;
		bool online;
	} rows[] = {
		{ "{'type':'online','payload':{'devices':[{'product_id':'LID',"
		  "'device_name':'l1','result':0}]}}",
		  "lamp", true },
		{ "{'type':'online','payload':{'devices':[{'product_id':'LID',"
		  "'device_name':'l2','result':-1}]}}",
		  "lamp2", false },
		{ "{'type':'online','payload':{'devices':[{'product_id':'?',"
		  "'device_name':'l2','result':0},{'product_id':'LID',"
		  "'device_name':'l2','result':0.0}]}}",
		  "lamp2", true },
	};
	struct cloud_fixture *fx = cloud_fixture_new("tencent", TENCENT);

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		OTA_CLEANUP(freep) char *device = NULL;
		bool online = !rows[i].online;

		assert_true(receive_online(fx, ONLINE_TOPIC, rows[i].payload,
					   &device, &online));
		assert_string_equal(device, rows[i].device);
		assert_int_equal(online, rows[i].online);
		/* An OTA message it is not. */
		assert_int_equal(cloud_receive(fx, ONLINE_TOPIC,
					       rows[i].payload),
				 CLOUD_IGNORE);
	}
	cloud_fixture_free(fx);
}

static void other_session_messages_bring_nobody_online(void **state)
{
#define ENTRY(entry) "{'type':'online','payload':{'devices':[" entry "]}}"
#define LAMP "'product_id':'LID','device_name':'l1'"
	static const char *const payloads[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{'type':'online'}",
		"{'type':'online','payload':[]}",
		"{'type':'online','payload':{'devices':{}}}",
		"{'type':'offline','payload':{'devices':[{" LAMP
		",'result':0}]}}",
		ENTRY(""),
		ENTRY("null"),
		ENTRY("5"),
		ENTRY("{" LAMP "}"),
		ENTRY("{" LAMP ",'result':'0'}"),
		ENTRY("{" LAMP ",'result':0.5}"),
		ENTRY("{'product_id':'LID','result':0}"),
		ENTRY("{'product_id':'LID','device_name':'l1\\u0000',"
		      "'result':0}"),
		/* The gateway needs none. */
		ENTRY("{'product_id':'PID','device_name':'gw','result':0}"),
	};
#undef ENTRY
	static const char good[] = "{'type':'online','payload':{'devices':[{"
				   LAMP ",'result':0}]}}";
	static const char *const topics[] = {
		"$gateway/operation/result/PID/gw2",
		"$gateway/operation/result/PID",
		"$gateway/operation/result/PIDx/gw",
		"$gateway/operation/PID/gw",
		"$ota/update/PID/gw",
	};
	struct cloud_fixture *fx = cloud_fixture_new("tencent", TENCENT);
	struct cloud_fixture *other = cloud_fixture_new("hanqi", HANQI);
	char *device = NULL;
	bool online;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(payloads); i++) {
		if (receive_online(fx, ONLINE_TOPIC, payloads[i], &device,
				   &online))
			fail_msg("online by %s", payloads[i]);
	}
	for (size_t i = 0; i < OTA_ARRAY_SIZE(topics); i++)
		assert_false(receive_online(fx, topics[i], good, &device,
					    &online));
	assert_false(
		receive_online(other, ONLINE_TOPIC, good, &device, &online));
	assert_null(device);
	cloud_fixture_free(other);
	cloud_fixture_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tencent_answers_bring_sub_devices_online),
		cmocka_unit_test(other_session_messages_bring_nobody_online),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
