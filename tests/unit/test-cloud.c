#include "otad/cloud/cloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_MS 1000
#define MINUTE_MS (60 * SECOND_MS)
#define NOW_MS INT64_C(1770804000123)

static const struct platform_keys *platform(const char *name)
{
	const struct platform_keys *row = cloud_platforms();

	while (row->platform && strcmp(row->platform, name) != 0)
		row++;
	assert_non_null(row->platform);
	return row;
}

/* Up to three keys. */
struct identity {
	const char *platform;
	struct key_value keys[3];
	const char *username;
	const char *secret;
};

static struct cloud *try_cloud(const struct identity *identity,
			       struct ota_error *err)
{
	struct cloud_options options = {
		.platform = platform(identity->platform),
		.keys = identity->keys,
		.mqtt_username = identity->username,
		.device_secret = identity->secret,
		.allow_http = true,
		.max_size_bytes = 1000,
	};

	while (options.n_keys < 3 && identity->keys[options.n_keys].key)
		options.n_keys++;
	return cloud_new(&options, err);
}

static struct cloud *make_cloud(const struct identity *identity)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct cloud *cloud = try_cloud(identity, &err);

	if (!cloud)
		fail_msg("%s", err.text);
	return cloud;
}

static const struct identity iotgo = {
	.platform = "iotgo",
	.keys = { { "ProductKey", "a1Key" }, { "DeviceName", "gw-1" } },
};
static const struct identity tencent = {
	.platform = "tencent",
	.keys = { { "ProductId", "S3EUVBRJLB" }, { "DeviceName", "gw_1" } },
};
static const struct identity hanqi = {
	.platform = "hanqi",
	.keys = { { "GatewayId", "HQ1" } },
};
static const struct identity eztcloud = {
	.platform = "eztcloud",
	.keys = { { "Username", "DU_x" } },
};
static const struct identity sagoo = {
	.platform = "sagoo",
	.keys = { { "ProductKey", "pk" }, { "DeviceKey", "dk" } },
};
static const struct identity *const identities[] = {
	&iotgo, &tencent, &hanqi, &eztcloud, &sagoo,
};

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
		const struct platform_keys *row = platform(rows[i].name);

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
		strcat(text, key->required ? "! " : " ");
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
		{ "eztcloud", "Username SubdeviceApi ReportProgress ",
		  "Address " },
		{ "sagoo", "ProductKey! DeviceKey! ", "ProductKey DeviceKey " },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		assert_keys(platform(rows[i].name)->cloud, rows[i].cloud);
		assert_keys(platform(rows[i].name)->device, rows[i].device);
	}
}

static void a_missing_key_is_named(void **state)
{
	static const struct {
		struct identity identity;
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

		assert_null(try_cloud(&rows[i].identity, &err));
		assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
		assert_non_null(strstr(err.text, rows[i].key));
	}
}

static void traits_are_the_platforms_manners(void **state)
{
	static const struct {
		const struct identity *identity;
		struct cloud_traits traits;
	} rows[] = {
		{ &iotgo,
		  { .checks = true,
		    .first_check_ms = 5000,
		    .property_gap_ms = 2000,
		    .progress_gap_ms = 1000 } },
		{ &tencent,
		  { .progress_gap_ms = 1000,
		    .needs_online = true,
		    .download_to_100 = true } },
		{ &hanqi,
		  { .version_repeat_ms = 30000,
		    .progress_gap_ms = 1000,
		    .tells_installed = true } },
		{ &eztcloud,
		  { .checks = true,
		    .progress_gap_ms = 2000,
		    .gap_holds_states = true } },
		{ &sagoo,
		  { .checks = true,
		    .first_check_ms = 5000,
		    .progress_gap_ms = 1000 } },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++) {
		OTA_CLEANUP(cloud_freep) struct cloud *cloud =
			make_cloud(rows[i].identity);
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
	struct identity identity = hanqi;
	struct ota_error err = OTA_ERROR_INIT;
	struct cloud *cloud;

	identity.keys[1] = (struct key_value){ "HeartbeatInterval", "5min" };
	cloud = make_cloud(&identity);
	assert_int_equal(cloud_traits(cloud)->version_repeat_ms, 5 * MINUTE_MS);
	cloud_free(cloud);

	identity.keys[1].value = "0";
	cloud = make_cloud(&identity);
	assert_int_equal(cloud_traits(cloud)->version_repeat_ms, 0);
	cloud_free(cloud);

	identity.keys[1].value = "soon";
	assert_null(try_cloud(&identity, &err));
	assert_non_null(strstr(err.text, "HeartbeatInterval=soon"));
}

/* A device with up to two keys; NULL address: refused. */
struct address_row {
	const struct identity *identity;
	const char *name;
	const char *keys[4];
	const char *address;
};

static void check_address(const struct address_row *row)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud =
		make_cloud(row->identity);
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
	static const struct identity dn_sagoo = {
		.platform = "sagoo",
		.keys = { { "ProductKey", "pk" }, { "DeviceName", "dn" } },
	};
	static const struct address_row rows[] = {
		{ &iotgo, "self", { NULL }, "a1Key/gw-1" },
		{ &iotgo, "oven", { "ProductKey", "p", "DeviceName", "d" },
		  "p/d" },
		{ &iotgo, "oven", { "ProductKey", "p" }, "p/oven" },
		/* Registered at run time: no keys of its own. */
		{ &iotgo, "oven", { NULL }, "a1Key/oven" },
		{ &tencent, "self", { NULL }, "S3EUVBRJLB/gw_1" },
		{ &tencent, "lamp", { "ProductId", "P" }, "P/lamp" },
		{ &hanqi, "self", { NULL }, "HQ1" },
		{ &hanqi, "timer_001", { NULL }, "timer_001" },
		{ &eztcloud, "self", { NULL }, "" },
		{ &eztcloud, "DEVICE1", { NULL }, "DEVICE1" },
		{ &eztcloud, "d", { "Address", "1" }, "1" },
		{ &eztcloud, "d", { "Address", "1, 2 ,a b,\t4" }, "1,2,a b,4" },
		{ &sagoo, "self", { NULL }, "pk/dk" },
		{ &dn_sagoo, "self", { NULL }, "pk/dn" },
		{ &sagoo, "s", { "DeviceKey", "k" }, "pk/k" },
		{ &sagoo, "s", { "DeviceName", "k" }, "pk/k" },
		{ &sagoo, "s", { NULL }, "pk/s" },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++)
		check_address(&rows[i]);
}

static void keys_that_make_no_address_are_refused(void **state)
{
	static char long_name[700];
	const struct address_row rows[] = {
		{ &iotgo, "a+b", { NULL }, NULL },
		{ &iotgo, "#", { NULL }, NULL },
		{ &tencent, "x", { "DeviceName", "a/b" }, NULL },
		{ &tencent, "x", { "ProductId", "" }, NULL },
		{ &sagoo, "x", { "DeviceKey", "a\nb" }, NULL },
		{ &sagoo, "x", { "DeviceKey", "\xff" }, NULL },
		{ &sagoo, "x", { "DeviceKey", long_name }, NULL },
		{ &eztcloud, "a,b", { NULL }, NULL },
		{ &eztcloud, "x", { "Address", "" }, NULL },
		{ &eztcloud, "x", { "Address", "1," }, NULL },
		{ &eztcloud, "x", { "Address", "1,,2" }, NULL },
		{ &eztcloud, "x", { "Address", "1,2,3,4,5" }, NULL },
	};

	memset(long_name, 'k', sizeof(long_name) - 1);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(rows); i++)
		check_address(&rows[i]);
}

/* MQTT would carry longer ones; nobody has them. */
#define LONGEST_ADDRESS 511

static void an_address_of_any_length_is_found_or_refused(void **state)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud = make_cloud(&sagoo);
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

static void check_topics(const struct identity *identity, const char *name,
			 const char *expected)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud = make_cloud(identity);
	OTA_CLEANUP(device_freep) struct device *device =
		device_new(name, NULL);
	struct topics topics = { .left = 10 };

	assert_true(cloud_topics(cloud, device, add_topic, &topics));
	assert_string_equal(topics.text, expected);
}

static void each_device_has_the_topics_it_listens_to(void **state)
{
	check_topics(&iotgo, "self",
		     "/ota/device/upgrade/a1Key/gw-1 "
		     "/sys/a1Key/gw-1/thing/ota/firmware/get_reply ");
	check_topics(&iotgo, "s",
		     "/ota/device/upgrade/a1Key/s "
		     "/sys/a1Key/s/thing/ota/firmware/get_reply ");
	check_topics(&tencent, "self",
		     "$gateway/operation/result/S3EUVBRJLB/gw_1 "
		     "$ota/update/S3EUVBRJLB/gw_1 ");
	check_topics(&tencent, "s", "$ota/update/S3EUVBRJLB/s ");
	check_topics(&hanqi, "self", "hanqi/gateway/HQ1/command ");
	check_topics(&hanqi, "s", "");
	check_topics(&eztcloud, "self",
		     "command_send/DU_x gateway_command_send/DU_x "
		     "sub_command_send/DU_x ");
	check_topics(&eztcloud, "s", "");
	check_topics(&sagoo, "self",
		     "/ota/device/upgrade/pk/dk "
		     "/sys/pk/dk/thing/ota/firmware/get_reply ");
	check_topics(&sagoo, "s",
		     "/ota/device/upgrade/pk/s "
		     "/sys/pk/s/thing/ota/firmware/get_reply ");
}

static void a_refused_topic_stops_the_walk(void **state)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud = make_cloud(&eztcloud);
	OTA_CLEANUP(device_freep) struct device *device =
		device_new(DEVICE_SELF, NULL);
	struct topics topics = { .left = 2 };

	assert_false(cloud_topics(cloud, device, add_topic, &topics));
	assert_string_equal(topics.text,
			    "command_send/DU_x gateway_command_send/DU_x ");
}

static void free_credentials(struct mqtt_credentials *credentials)
{
	free(credentials->client_id);
	free(credentials->username);
	free(credentials->password);
	*credentials = (struct mqtt_credentials){ NULL };
}

/* NULL members stay NULL. */
static void check_credentials(const struct identity *identity,
			      struct cloud_derivation derivation,
			      const char *client_id, const char *username,
			      const char *password)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud = make_cloud(identity);
	struct mqtt_credentials credentials = { NULL };
	struct ota_error err = OTA_ERROR_INIT;

	assert_true(cloud_credentials(cloud, &derivation, &credentials, &err));
	assert_string_equal(credentials.client_id, client_id);
	if (username)
		assert_string_equal(credentials.username, username);
	else
		assert_null(credentials.username);
	if (password)
		assert_string_equal(credentials.password, password);
	else
		assert_null(credentials.password);
	free_credentials(&credentials);
}

/*
 * printf clientIda1Key.gw-1deviceNamegw-1productKeya1Keytimestamp1770804000123 |
 *	openssl dgst -sha256 -hmac s3cret
 */
#define IOTGO_PASSWORD \
	"480357789162e2004fcd2c1f3c7a13617675143654d6d8516b88477e456e16f8"

static void iotgo_signs_its_identity_and_the_time(void **state)
{
	struct identity identity = iotgo;

	identity.secret = "s3cret";
	check_credentials(&identity,
			  (struct cloud_derivation){ NOW_MS, 77, true },
			  "a1Key.gw-1|timestamp=1770804000123,_ss=1,_v=4,"
			  "securemode=2,signmethod=hmacsha256,ext=3,77|",
			  "gw-1&a1Key", IOTGO_PASSWORD);
	check_credentials(&identity,
			  (struct cloud_derivation){ NOW_MS, 78, false },
			  "a1Key.gw-1|timestamp=1770804000123,_ss=1,_v=4,"
			  "securemode=3,signmethod=hmacsha256,ext=3,78|",
			  "gw-1&a1Key", IOTGO_PASSWORD);
}

/*
 * echo c2VjcmV0LWtleS1vZi0xOWI= | base64 -d: secret-key-of-19b
 * printf 'S3EUVBRJLBgw_1;21010406;j5dsb;1770890400' |
 *	openssl dgst -sha1 -hmac secret-key-of-19b
 * The connection id are the digits of 123456789 in base 36, lowest first, a for
 * 0; the expiry is a day after NOW_MS.
 */
#define TENCENT_SECRET "c2VjcmV0LWtleS1vZi0xOWI="
#define TENCENT_PASSWORD \
	"d1e78a753fa317bb3d8c26d512965852f4c98921;hmacsha1"
/* The same with the user name mine;21010406;x;1. */
#define TENCENT_LITERAL_PASSWORD \
	"22b994002997afe64472e664b3da9618e51a8e9a;hmacsha1"
/* The same with S3EUVBRJLBgw_1;21010406;j5dsb;2147483647. */
#define TENCENT_EARLY_PASSWORD \
	"108248b22a53591a1bc76cbe0cbecdddb70d942e;hmacsha1"

static void tencent_signs_its_user_name(void **state)
{
	struct identity identity = tencent;

	identity.secret = TENCENT_SECRET;
	check_credentials(&identity,
			  (struct cloud_derivation){ NOW_MS, 123456789, true },
			  "S3EUVBRJLBgw_1",
			  "S3EUVBRJLBgw_1;21010406;j5dsb;1770890400",
			  TENCENT_PASSWORD);
}

static void tencent_without_a_clock_asks_for_no_expiry(void **state)
{
	struct identity identity = tencent;

	identity.secret = TENCENT_SECRET;
	check_credentials(&identity,
			  (struct cloud_derivation){ 60000, 123456789, true },
			  "S3EUVBRJLBgw_1",
			  "S3EUVBRJLBgw_1;21010406;j5dsb;2147483647",
			  TENCENT_EARLY_PASSWORD);
}

static void a_secret_that_is_no_base64_is_refused(void **state)
{
	static const char *const secrets[] = { "", "abc", "ab*d", "a===b" };
	struct cloud_derivation derivation = { NOW_MS, 1, true };

	for (size_t i = 0; i < OTA_ARRAY_SIZE(secrets); i++) {
		struct identity identity = tencent;
		struct mqtt_credentials credentials = { NULL };
		struct ota_error err = OTA_ERROR_INIT;
		struct cloud *cloud;

		identity.secret = secrets[i];
		cloud = make_cloud(&identity);
		assert_false(cloud_credentials(cloud, &derivation,
					       &credentials, &err));
		assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
		assert_non_null(strstr(err.text, "DeviceSecretFile="));
		free_credentials(&credentials);
		cloud_free(cloud);
	}
}

static void what_has_no_formula_stays_open(void **state)
{
	struct cloud_derivation derivation = { NOW_MS, 1, true };

	check_credentials(&hanqi, derivation, "gateway_HQ1", NULL, NULL);
	check_credentials(&sagoo, derivation, "dk", NULL, NULL);
	/* Lasting, so that the broker keeps commands under it. */
	check_credentials(&eztcloud, derivation, "DU_x", "DU_x", NULL);
	/* No secret, no password. */
	check_credentials(&iotgo, derivation,
			  "a1Key.gw-1|timestamp=1770804000123,_ss=1,_v=4,"
			  "securemode=2,signmethod=hmacsha256,ext=3,1|",
			  "gw-1&a1Key", NULL);
	check_credentials(&tencent, derivation, "S3EUVBRJLBgw_1",
			  "S3EUVBRJLBgw_1;21010406;baaaa;1770890400", NULL);
}

static void literal_credentials_win(void **state)
{
	struct cloud_derivation derivation = { NOW_MS, 1, true };

	for (size_t i = 0; i < OTA_ARRAY_SIZE(identities); i++) {
		struct identity identity = *identities[i];
		struct ota_error err = OTA_ERROR_INIT;
		struct mqtt_credentials credentials = {
			.client_id = strdup("c"),
			.username = strdup("u"),
			.password = strdup("p"),
		};
		struct cloud *cloud;

		identity.secret = TENCENT_SECRET;
		cloud = make_cloud(&identity);
		assert_true(cloud_credentials(cloud, &derivation, &credentials,
					      &err));
		assert_string_equal(credentials.client_id, "c");
		assert_string_equal(credentials.username, "u");
		assert_string_equal(credentials.password, "p");
		free_credentials(&credentials);
		cloud_free(cloud);
	}
}

static void tencent_signs_a_literal_user_name_too(void **state)
{
	struct cloud_derivation derivation = { NOW_MS, 1, true };
	struct identity identity = tencent;
	struct ota_error err = OTA_ERROR_INIT;
	struct mqtt_credentials credentials = {
		.username = strdup("mine;21010406;x;1"),
	};
	struct cloud *cloud;

	identity.secret = TENCENT_SECRET;
	cloud = make_cloud(&identity);
	assert_true(cloud_credentials(cloud, &derivation, &credentials, &err));
	assert_string_equal(credentials.password, TENCENT_LITERAL_PASSWORD);
	free_credentials(&credentials);
	cloud_free(cloud);
}

static void eztcloud_takes_the_mqtt_user_name_for_its_topics(void **state)
{
	static const struct identity identity = {
		.platform = "eztcloud",
		.username = "DU_mqtt",
	};
	static const struct identity both = {
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
		cmocka_unit_test(a_refused_topic_stops_the_walk),
		cmocka_unit_test(iotgo_signs_its_identity_and_the_time),
		cmocka_unit_test(tencent_signs_its_user_name),
		cmocka_unit_test(tencent_without_a_clock_asks_for_no_expiry),
		cmocka_unit_test(a_secret_that_is_no_base64_is_refused),
		cmocka_unit_test(what_has_no_formula_stays_open),
		cmocka_unit_test(literal_credentials_win),
		cmocka_unit_test(tencent_signs_a_literal_user_name_too),
		cmocka_unit_test(
			eztcloud_takes_the_mqtt_user_name_for_its_topics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
