#include "otad/cloud/cloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/cloud-identity.h"

#define SECOND_MS 1000
#define MINUTE_MS (60 * SECOND_MS)

static void each_platform_has_its_defaults(void **state)
{
	static const struct {
		const char *name;
		const char *module;
		uint64_t interval_ms;
		bool http, clean;
	} rows[] = {
		{ "iotgo", "default", 5 * MINUTE_MS, true, true },
		{ "tencent", "default", 0, true, true },
		{ "hanqi", "default", 0, true, false },
		{ "eztcloud", "main", MINUTE_MS, true, false },
		{ "sagoo", "default", 0, false, true },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		const struct platform_keys *row =
			cloud_find_platform(rows[i].name);

		assert_string_equal(row->default_module, rows[i].module);
		assert_int_equal(row->check_interval_ms, rows[i].interval_ms);
		assert_int_equal(row->allow_http, rows[i].http);
		assert_int_equal(row->clean_session, rows[i].clean);
	}
	assert_null(cloud_platforms()[OTA_ARRAY_SIZE(rows)].platform);
}

static void assert_keys(const struct platform_key *key, const char *names)
{
	char text[256] = "";

	for (; key->name; key++) {
		strcat(text, key->name);
		strcat(text, key->required	   ? "! " :
			     key->or_mqtt_username ? "? " :
						     " ");
	}
	assert_string_equal(text, names);
}

static void each_platform_declares_its_keys(void **state)
{
	static const struct {
		const char *name, *cloud, *device;
	} rows[] = {
		{ "iotgo",
		  "ProductKey! DeviceName! DeviceSecretFile PropertyStyle ",
		  "ProductKey DeviceName " },
		{ "tencent", "ProductId! DeviceName! DeviceSecretFile ",
		  "ProductId DeviceName " },
		{ "hanqi", "GatewayId! HeartbeatInterval ", "" },
		{ "eztcloud", "Username? SubdeviceApi ReportProgress ",
		  "Address " },
		{ "sagoo", "ProductKey! DeviceKey! ", "ProductKey DeviceKey " },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		const struct platform_keys *row =
			cloud_find_platform(rows[i].name);

		assert_keys(row->cloud, rows[i].cloud);
		assert_keys(row->device, rows[i].device);
	}
}

static void a_missing_key_is_named(void **state)
{
	static const struct {
		struct cloud_identity identity;
		const char *key;
	} rows[] = {
		{ { "iotgo", { { "ProductKey", "a" } } }, "DeviceName=" },
		{ { "tencent", { { "DeviceName", "a" } } }, "ProductId=" },
		{ { "hanqi" }, "GatewayId=" },
		{ { "eztcloud" }, "Username=" },
		{ { "sagoo", { { "ProductKey", "a" } } }, "DeviceKey=" },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		struct ota_error err = OTA_ERROR_INIT;

		assert_null(cloud_try(&rows[i].identity, &err));
		assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
		assert_non_null(strstr(err.text, rows[i].key));
	}
}

static void traits_are_the_platforms_manners(void **state)
{
	static const struct {
		const struct cloud_identity *identity;
		struct cloud_traits traits;
	} rows[] = {
		{ &identity_iotgo,
		  { .checks = true,
		    .first_check_ms = 5000,
		    .property_gap_ms = 2000,
		    .progress_gap_ms = 1000 } },
		{ &identity_tencent,
		  { .progress_gap_ms = 1000,
		    .needs_online = true,
		    .download_to_100 = true } },
		{ &identity_hanqi,
		  { .version_repeat_ms = 30000,
		    .progress_gap_ms = 1000,
		    .tells_installed = true } },
		{ &identity_eztcloud,
		  { .checks = true,
		    .progress_gap_ms = 2000,
		    .gap_holds_states = true } },
		{ &identity_sagoo,
		  { .checks = true,
		    .first_check_ms = 5000,
		    .progress_gap_ms = 1000 } },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		OTA_CLEANUP(cloud_freep) struct cloud *cloud =
			cloud_make(rows[i].identity);
		const struct cloud_traits *traits = cloud_traits(cloud);
		const struct cloud_traits *expected = &rows[i].traits;

		assert_int_equal(traits->checks, expected->checks);
		assert_int_equal(traits->first_check_ms,
				 expected->first_check_ms);
		assert_int_equal(traits->version_repeat_ms,
				 expected->version_repeat_ms);
		assert_int_equal(traits->property_gap_ms,
				 expected->property_gap_ms);
		assert_int_equal(traits->progress_gap_ms,
				 expected->progress_gap_ms);
		assert_int_equal(traits->gap_holds_states,
				 expected->gap_holds_states);
		assert_int_equal(traits->needs_online, expected->needs_online);
		assert_int_equal(traits->download_to_100,
				 expected->download_to_100);
		assert_int_equal(traits->tells_installed,
				 expected->tells_installed);
	}
}

static void heartbeats_follow_their_interval(void **state)
{
	struct cloud_identity identity = identity_hanqi;
	struct ota_error err = OTA_ERROR_INIT;
	struct cloud *cloud;

	identity.keys[1] = (struct key_value){ "HeartbeatInterval", "5min" };
	cloud = cloud_make(&identity);
	assert_int_equal(cloud_traits(cloud)->version_repeat_ms, 5 * MINUTE_MS);
	cloud_free(cloud);

	identity.keys[1].value = "0";
	cloud = cloud_make(&identity);
	assert_int_equal(cloud_traits(cloud)->version_repeat_ms, 0);
	cloud_free(cloud);

	identity.keys[1].value = "soon";
	assert_null(cloud_try(&identity, &err));
	assert_non_null(strstr(err.text, "HeartbeatInterval=soon"));
}

/* A device with up to two keys; NULL address: refused. */
struct address_row {
	const struct cloud_identity *identity;
	const char *name;
	const char *keys[4];
	const char *address;
};

static void check_address(const struct address_row *row)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud =
		cloud_make(row->identity);
	OTA_CLEANUP(device_freep) struct device *device =
		device_new(row->name, NULL);
	OTA_CLEANUP(freep) char *address = NULL;
	struct ota_error err = OTA_ERROR_INIT;

	assert_non_null(device);
	for (size_t i = 0; i < 4 && row->keys[i]; i += 2)
		assert_true(device_add_key(device, row->keys[i],
					   row->keys[i + 1]));
	address = cloud_address(cloud, device, &err);
	if (row->address) {
		assert_non_null(address);
		assert_string_equal(address, row->address);
	} else {
		assert_null(address);
		assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
		assert_non_null(strstr(err.text, row->name));
	}
}

static void devices_have_the_platforms_addresses(void **state)
{
	static const struct cloud_identity dn_sagoo = {
		.platform = "sagoo",
		.keys = { { "ProductKey", "pk" }, { "DeviceName", "dn" } },
	};
	static const struct address_row rows[] = {
		{ &identity_iotgo, "self", { NULL }, "a1Key/gw-1" },
		{ &identity_iotgo, "oven", { "ProductKey", "p", "DeviceName", "d" },
		  "p/d" },
		{ &identity_iotgo, "oven", { "ProductKey", "p" }, "p/oven" },
		/* Registered at run time: no keys of its own. */
		{ &identity_iotgo, "oven", { NULL }, "a1Key/oven" },
		{ &identity_tencent, "self", { NULL }, "S3EUVBRJLB/gw_1" },
		{ &identity_tencent, "lamp", { "ProductId", "P" }, "P/lamp" },
		{ &identity_hanqi, "self", { NULL }, "HQ1" },
		{ &identity_hanqi, "timer_001", { NULL }, "timer_001" },
		{ &identity_eztcloud, "self", { NULL }, "" },
		{ &identity_eztcloud, "DEVICE1", { NULL }, "DEVICE1" },
		{ &identity_eztcloud, "d", { "Address", "1" }, "1" },
		{ &identity_eztcloud, "d", { "Address", "1, 2 ,a b,\t4" }, "1,2,a b,4" },
		{ &identity_sagoo, "self", { NULL }, "pk/dk" },
		{ &dn_sagoo, "self", { NULL }, "pk/dn" },
		{ &identity_sagoo, "s", { "DeviceKey", "k" }, "pk/k" },
		{ &identity_sagoo, "s", { "DeviceName", "k" }, "pk/k" },
		{ &identity_sagoo, "s", { NULL }, "pk/s" },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++)
		check_address(&rows[i]);
}

static void keys_that_make_no_address_are_refused(void **state)
{
	static char long_name[700];
	const struct address_row rows[] = {
		{ &identity_iotgo, "a+b", { NULL }, NULL },
		{ &identity_iotgo, "#", { NULL }, NULL },
		{ &identity_tencent, "x", { "DeviceName", "a/b" }, NULL },
		{ &identity_tencent, "x", { "ProductId", "" }, NULL },
		{ &identity_sagoo, "x", { "DeviceKey", "a\nb" }, NULL },
		{ &identity_sagoo, "x", { "DeviceKey", "\xff" }, NULL },
		{ &identity_sagoo, "x", { "DeviceKey", long_name }, NULL },
		{ &identity_eztcloud, "a,b", { NULL }, NULL },
		{ &identity_eztcloud, "x", { "Address", "" }, NULL },
		{ &identity_eztcloud, "x", { "Address", "1," }, NULL },
		{ &identity_eztcloud, "x", { "Address", "1,,2" }, NULL },
		{ &identity_eztcloud, "x", { "Address", "1,2,3,4,5" }, NULL },
	};

	memset(long_name, 'k', sizeof(long_name) - 1);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++)
		check_address(&rows[i]);
}

/* MQTT would carry longer ones; nobody has them. */
#define LONGEST_ADDRESS 511

static void an_address_of_any_length_is_found_or_refused(void **state)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud = cloud_make(&identity_sagoo);
	OTA_CLEANUP(inventory_freep) struct inventory *inventory =
		inventory_new();
	struct device *device = device_new("x", NULL);
	char name[LONGEST_ADDRESS - 3 + 1], topic[LONGEST_ADDRESS + 40];
	struct ota_error err = OTA_ERROR_INIT;
	struct cloud_message message;

	memset(name, 'k', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_true(device_add_key(device, "DeviceKey", name));
	device->address = cloud_address(cloud, device, &err); /* "pk/kkk..." */
	assert_non_null(device->address);
	assert_int_equal(strlen(device->address), LONGEST_ADDRESS);
	snprintf(topic, sizeof(topic), "/ota/device/upgrade/%s",
		 device->address);
	assert_true(inventory_add(inventory, device, &err));
	assert_true(cloud_decode(cloud, inventory, topic, "[]", 2, &message,
				 &err));
	assert_int_equal(message.verdict, CLOUD_REJECT);
	cloud_message_done(&message);

	device = device_new("y", NULL);
	assert_true(device_add_key(device, "DeviceKey", name));
	assert_true(device_add_key(device, "ProductKey", "pk2"));
	assert_null(cloud_address(cloud, device, &err));
	assert_non_null(strstr(err.text, "511 bytes"));
	strcat(topic, "k");
	assert_true(cloud_decode(cloud, inventory, topic, "[]", 2, &message,
				 &err));
	assert_int_equal(message.verdict, CLOUD_IGNORE);
	device_free(device);
}

struct topics {
	char text[512];
	unsigned left; /* before false is returned */
};

static bool add_topic(void *user_data, const char *topic)
{
	struct topics *topics = user_data;

	strcat(topics->text, topic);
	strcat(topics->text, " ");
	return topics->left-- > 1;
}

static void check_topics(const struct cloud_identity *identity, const char *name,
			 const char *expected)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud = cloud_make(identity);
	OTA_CLEANUP(device_freep) struct device *device =
		device_new(name, NULL);
	struct topics topics = { .left = 10 };

	assert_true(cloud_topics(cloud, device, add_topic, &topics));
	assert_string_equal(topics.text, expected);
}

static void each_device_has_the_topics_it_listens_to(void **state)
{
	check_topics(&identity_iotgo, "self",
		     "/ota/device/upgrade/a1Key/gw-1 "
		     "/sys/a1Key/gw-1/thing/ota/firmware/get_reply ");
	check_topics(&identity_iotgo, "s",
		     "/ota/device/upgrade/a1Key/s "
		     "/sys/a1Key/s/thing/ota/firmware/get_reply ");
	check_topics(&identity_tencent, "self",
		     "$ota/update/S3EUVBRJLB/gw_1 ");
	check_topics(&identity_tencent, "s", "$ota/update/S3EUVBRJLB/s ");
	check_topics(&identity_hanqi, "self", "hanqi/gateway/HQ1/command ");
	check_topics(&identity_hanqi, "s", "");
	check_topics(&identity_eztcloud, "self",
		     "command_send/DU_x gateway_command_send/DU_x "
		     "sub_command_send/DU_x ");
	check_topics(&identity_eztcloud, "s", "");
	check_topics(&identity_sagoo, "self",
		     "/ota/device/upgrade/pk/dk "
		     "/sys/pk/dk/thing/ota/firmware/get_reply ");
	check_topics(&identity_sagoo, "s",
		     "/ota/device/upgrade/pk/s "
		     "/sys/pk/s/thing/ota/firmware/get_reply ");
}

static void only_tencent_answers_on_a_topic_of_its_own(void **state)
{
	OTA_CLEANUP(cloud_freep) struct cloud *tencent =
		cloud_make(&identity_tencent);
	OTA_CLEANUP(cloud_freep) struct cloud *hanqi =
		cloud_make(&identity_hanqi);
	OTA_CLEANUP(device_freep) struct device *gateway =
		device_new(DEVICE_SELF, NULL);
	struct topics topics = { .left = 10 };

	assert_true(cloud_online_topics(hanqi, gateway, add_topic, &topics));
	assert_string_equal(topics.text, "");
	assert_true(cloud_online_topics(tencent, gateway, add_topic, &topics));
	assert_string_equal(topics.text,
			    "$gateway/operation/result/S3EUVBRJLB/gw_1 ");
}

static void a_refused_topic_stops_the_walk(void **state)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud = cloud_make(&identity_eztcloud);
	OTA_CLEANUP(device_freep) struct device *device =
		device_new(DEVICE_SELF, NULL);
	struct topics topics = { .left = 2 };

	assert_false(cloud_topics(cloud, device, add_topic, &topics));
	assert_string_equal(topics.text,
			    "command_send/DU_x gateway_command_send/DU_x ");
}

static void eztcloud_takes_the_mqtt_user_name_for_its_topics(void **state)
{
	static const struct cloud_identity identity = {
		.platform = "eztcloud",
		.username = "DU_mqtt",
	};
	static const struct cloud_identity both = {
		.platform = "eztcloud",
		.keys = { { "Username", "DU_topics" } },
		.username = "DU_mqtt",
	};

	check_topics(&identity, "self",
		     "command_send/DU_mqtt gateway_command_send/DU_mqtt "
		     "sub_command_send/DU_mqtt ");
	check_topics(&both, "self",
		     "command_send/DU_topics gateway_command_send/DU_topics "
		     "sub_command_send/DU_topics ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_platform_has_its_defaults),
		cmocka_unit_test(each_platform_declares_its_keys),
		cmocka_unit_test(a_missing_key_is_named),
		cmocka_unit_test(traits_are_the_platforms_manners),
		cmocka_unit_test(heartbeats_follow_their_interval),
		cmocka_unit_test(devices_have_the_platforms_addresses),
		cmocka_unit_test(keys_that_make_no_address_are_refused),
		cmocka_unit_test(an_address_of_any_length_is_found_or_refused),
		cmocka_unit_test(each_device_has_the_topics_it_listens_to),
		cmocka_unit_test(only_tencent_answers_on_a_topic_of_its_own),
		cmocka_unit_test(a_refused_topic_stops_the_walk),
		cmocka_unit_test(
			eztcloud_takes_the_mqtt_user_name_for_its_topics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
