#include "otad/model/offer.h"

#include "otad/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MD5 "0cc175b9c0f1b6a831c399e269772661"
#define OTHER_MD5 "92eb5ffee6ae2fec3ad71c777531578f"
#define SHA256 \
	"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"

static void usable_urls_pass(void **state)
{
	static const char *const urls[] = {
		"http://xxx.com/xxx/xxx.bin",
		"HTTPS://Server.Com/F.bin",
		"https://xxx.com/fw.bin?t=a%20b&sig=c@d",
		"https://ota.server:8443/fw.bin?who=a@b&S=XfgJu7%2BqAKU%3D",
		"http://localhost:8018/a@b",
		"http://[fd00::1]:8080/fw.bin",
		"http://[::1]",
		"http://127.0.0.1:1/",
		"http://a_b-c.d:65535?x",
		"https://h#@",
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		if (offer_check_url(urls[i], true) != OFFER_OK)
			fail_msg("refused: %s", urls[i]);
	}
}

static void broken_urls_are_refused(void **state)
{
	static const char *const urls[] = {
		"",
		":",
		"://h/",
		"/firmware.bin",
		"//oss.example.com/a.bin",
		"xxx/xxx.bin",
		"undefined/firmware/gateway_v1.0.2.bin",
		"h.example/fw.bin",
		"h.example:80/fw.bin",
		"http:",
		"http:/h/a",
		"https:h",
		"https:///firmware.bin",
		"https://?a",
		"https://:80/a",
		"https://h:/a",
		"https://h:0/a",
		"https://h:65536/a",
		"https://h:99999/a",
		"https://h:4294967376/a",
		"https://h:+80/a",
		"https://h:8o/a",
		"https://h:80:80/a",
		"https://h~/a",
		"https://h%41/a",
		"https://h;x/a",
		"http://[fd00::1/a",
		"http://[fd00::1]8080/a",
		"http://[fd00::g]/a",
		"http://[]/a",
		"http://[1.2.3.4]/a",
		"http://[fe80::1%25eth0]/a",
		"http://[0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1]/",
		"http://fd00::1/a",
		"https://ota.server/a b.bin",
		" https://ota.server/a",
		"https://ota.server/a\r\nHost: evil",
		"http://server.com/f.bin\n",
		"https://h.example/\tfw.bin",
		"https://h.example/\x7F",
		"https://h.example/固件.bin",
		"https://oss.example.com/\"a\".bin",
		"https://h/<a>",
		"https://h/a\\b",
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		if (offer_check_url(urls[i], true) != OFFER_BAD_URL)
			fail_msg("not bad-url: %s", urls[i]);
	}
}

static void other_schemes_have_a_fault_of_their_own(void **state)
{
	static const char *const urls[] = {
		"ftp://h/a", "file:///etc/shadow", "mailto:a", "localhost:80/a",
		"httpss://h/a", "htt://h/a",
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		if (offer_check_url(urls[i], true) != OFFER_URL_SCHEME)
			fail_msg("not url-scheme: %s", urls[i]);
	}
}

static void plain_http_can_be_forbidden(void **state)
{
	assert_int_equal(offer_check_url("http://h/a", false),
			 OFFER_URL_SCHEME);
	assert_int_equal(offer_check_url("HTTP://h/a", false),
			 OFFER_URL_SCHEME);
	assert_int_equal(offer_check_url("https://h/a", false), OFFER_OK);
}

static void credentials_in_a_url_are_refused(void **state)
{
	assert_int_equal(offer_check_url("https://user:pw@h/a", true),
			 OFFER_URL_CREDENTIALS);
	assert_int_equal(offer_check_url("https://@h/a", true),
			 OFFER_URL_CREDENTIALS);
	assert_int_equal(offer_check_url("http://h@?x", true),
			 OFFER_URL_CREDENTIALS);
}

static void a_url_has_2048_bytes_at_most(void **state)
{
	char url[OFFER_MAX_URL_BYTES + 2];

	memset(url, 'a', sizeof(url));
	memcpy(url, "http://h/", strlen("http://h/"));
	url[OFFER_MAX_URL_BYTES] = '\0';
	assert_int_equal(offer_check_url(url, true), OFFER_OK);
	url[OFFER_MAX_URL_BYTES] = 'a';
	url[OFFER_MAX_URL_BYTES + 1] = '\0';
	assert_int_equal(offer_check_url(url, true), OFFER_BAD_URL);
}

static void module_names_are_checked(void **state)
{
	static const char *const good[] = { "default", "a", "电表升级包", "a b",
					    "a.b", "mcu_2-x", "a:b", "a" };
	static const char *const bad[] = { "", ".", "..", ".a", " a", "a ",
					   "a/b", "a\\b", "a\tb", "a\x7F",
					   "\xFF", "a\xC2", "../mcu" };
	char name[MODULE_NAME_MAX_BYTES + 2];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(module_name_is_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(module_name_is_valid(bad[i]));
	memset(name, 'a', sizeof(name));
	name[MODULE_NAME_MAX_BYTES] = '\0';
	assert_true(module_name_is_valid(name));
	name[MODULE_NAME_MAX_BYTES] = 'a';
	name[MODULE_NAME_MAX_BYTES + 1] = '\0';
	assert_false(module_name_is_valid(name));
}

static struct offer *make_offer(void)
{
	struct offer *offer = offer_new();

	assert_non_null(offer);
	offer->device = strdup(DEVICE_SELF);
	offer->module = strdup("default");
	offer->version = strdup("1.0.7");
	offer->url = strdup("https://ota.server/firmware.bin?a=1&b=@");
	assert_true(digest_set(&offer->md5, DIGEST_MD5, MD5));
	return offer;
}

static void the_strongest_digest_is_taken(void **state)
{
	struct offer *offer = offer_new();

	assert_null(offer_digest(offer));
	assert_true(digest_set(&offer->md5, DIGEST_MD5, MD5));
	assert_int_equal(offer_digest(offer)->alg, DIGEST_MD5);
	assert_true(digest_set(&offer->sha256, DIGEST_SHA256, SHA256));
	assert_int_equal(offer_digest(offer)->alg, DIGEST_SHA256);
	offer_free(offer);
	assert_null(offer_free(NULL));
}

static void another_url_or_id_is_the_same_job(void **state)
{
	struct offer *a = make_offer(), *b = make_offer();

	free(b->url);
	b->url = strdup("https://elsewhere/x");
	b->ids.msg.text = strdup("9");
	b->force = true;
	assert_true(offer_same_job(a, b));
	offer_free(a);
	offer_free(b);
}

static void another_version_module_or_device_is_another_job(void **state)
{
	struct offer *a = make_offer(), *b = make_offer();

	b->version[0] = '2';
	assert_false(offer_same_job(a, b));
	b->version[0] = '1';
	b->module[0] = 'D';
	assert_false(offer_same_job(a, b));
	b->module[0] = 'd';
	b->device[0] = 'S';
	assert_false(offer_same_job(a, b));
	b->device[0] = 's';
	assert_true(offer_same_job(a, b));
	offer_free(a);
	offer_free(b);
}

static void digests_tell_artifacts_apart(void **state)
{
	struct offer *a = make_offer(), *b = make_offer();

	assert_true(digest_set(&b->sha256, DIGEST_SHA256, SHA256));
	assert_true(offer_same_job(a, b)); /* one in common */
	assert_true(digest_set(&b->md5, DIGEST_MD5, OTHER_MD5));
	assert_false(offer_same_job(a, b));
	assert_true(digest_set(&a->sha256, DIGEST_SHA256, SHA256));
	assert_false(offer_same_job(a, b)); /* one the same, one not */
	b->md5 = (struct digest){ 0 };
	assert_true(offer_same_job(a, b));
	assert_true(digest_set(&b->md5, DIGEST_MD5, MD5));
	b->sha256.hex[0] ^= 1;
	assert_false(offer_same_job(a, b)); /* and the other way round */
	b->sha256.hex[0] ^= 1;
	b->md5 = (struct digest){ 0 };
	a->sha256 = (struct digest){ 0 };
	assert_false(offer_same_job(a, b)); /* none in common */
	a->md5 = (struct digest){ 0 };
	assert_false(offer_same_job(a, b));
	b->sha256 = (struct digest){ 0 };
	assert_true(offer_same_job(a, b)); /* none at all */
	offer_free(a);
	offer_free(b);
}

static void fill_ids(struct offer *offer)
{
	offer->ids.msg.text = strdup("1626969597470");
	offer->ids.msg.is_number = true;
	offer->ids.task.text = strdup("t-1");
	offer->ids.has_strategy = true;
	offer->ids.strategy = -3;
}

static void assert_same(const struct offer *a, const struct offer *b)
{
	assert_string_equal(a->device, b->device);
	assert_string_equal(a->module, b->module);
	assert_string_equal(a->version, b->version);
	assert_string_equal(a->url, b->url);
	assert_true(a->size_bytes == b->size_bytes);
	assert_int_equal(a->md5.alg, b->md5.alg);
	assert_string_equal(a->md5.hex, b->md5.hex);
	assert_int_equal(a->sha256.alg, b->sha256.alg);
	assert_string_equal(a->sha256.hex, b->sha256.hex);
	assert_int_equal(a->force, b->force);
	assert_int_equal(a->source, b->source);
	assert_string_equal(a->ids.msg.text, b->ids.msg.text);
	assert_int_equal(a->ids.msg.is_number, b->ids.msg.is_number);
	assert_string_equal(a->ids.task.text, b->ids.task.text);
	assert_int_equal(a->ids.task.is_number, b->ids.task.is_number);
	assert_int_equal(a->ids.has_strategy, b->ids.has_strategy);
	assert_int_equal(a->ids.strategy, b->ids.strategy);
}

static void a_copy_is_whole_and_its_own(void **state)
{
	struct offer *offer = make_offer(), *copy;

	fill_ids(offer);
	copy = offer_copy(offer);
	assert_non_null(copy);
	assert_same(offer, copy);
	assert_ptr_not_equal(offer->url, copy->url);
	assert_ptr_not_equal(offer->ids.msg.text, copy->ids.msg.text);
	offer_free(offer);
	offer_free(copy);
}

/* Through the text, as a job's file brings it back. */
static struct offer *store_and_load(const struct offer *offer)
{
	struct json_object *json = offer_to_json(offer), *parsed;
	struct ota_error err;
	struct offer *loaded;

	assert_non_null(json);
	parsed = json_parse_err(json_text(json), strlen(json_text(json)),
				JSON_MAX_BYTES, &err);
	assert_non_null(parsed);
	loaded = offer_from_json(parsed, &err);
	if (!loaded)
		fail_msg("%s", err.text);
	json_free(json);
	json_free(parsed);
	return loaded;
}

static void an_offer_survives_its_file(void **state)
{
	struct offer *offer = make_offer(), *loaded;

	fill_ids(offer);
	offer->size_bytes = 1;
	offer->force = true;
	offer->source = OFFER_SOURCE_CONTROL;
	assert_true(digest_set(&offer->sha256, DIGEST_SHA256, SHA256));
	loaded = store_and_load(offer);
	assert_same(offer, loaded);
	offer_free(loaded);

	offer->size_bytes = OFFER_SIZE_UNKNOWN;
	offer->md5 = (struct digest){ 0 };
	offer->ids.msg.is_number = false;
	offer->ids.has_strategy = false;
	offer->ids.strategy = 0;
	loaded = store_and_load(offer);
	assert_same(offer, loaded);
	offer_free(loaded);
	offer_free(offer);
}

static void an_offer_without_ids_survives_its_file(void **state)
{
	struct offer *offer = make_offer(), *loaded = store_and_load(offer);

	assert_null(loaded->ids.msg.text);
	assert_null(loaded->ids.task.text);
	assert_false(loaded->ids.has_strategy);
	offer_free(loaded);
	offer_free(offer);
}

#define START "{\"device\":\"self\",\"module\":\"m\",\"version\":\"1\","
#define GOOD START "\"url\":\"http://h/a\",\"source\":\"cloud\""

static struct offer *load(const char *text, struct ota_error *err)
{
	struct json_object *json =
		json_parse_err(text, strlen(text), JSON_MAX_BYTES, err);
	struct offer *offer;

	if (!json)
		fail_msg("%s: %s", text, err->text);
	offer = offer_from_json(json, err);
	json_free(json);
	return offer;
}

#define SIXTEEN "0123456789abcdef"

static void a_spoilt_file_gives_no_offer(void **state)
{
	static const char *const texts[] = {
		"[]",
		"{}",
		"\"x\"",
		START "\"source\":\"cloud\"}",
		START "\"url\":\"http://h/a\"}",
		START "\"url\":\"http://h/a\",\"source\":\"elsewhere\"}",
		START "\"url\":\"file:///etc\",\"source\":\"cloud\"}",
		START "\"url\":\"http://a@h/\",\"source\":\"cloud\"}",
		START "\"url\":7,\"source\":\"cloud\"}",
		START "\"url\":\"http://h/\\u0000\",\"source\":\"cloud\"}",
		GOOD ",\"size\":0}",
		GOOD ",\"size\":-1}",
		GOOD ",\"size\":1.5}",
		GOOD ",\"size\":99999999999999999999}",
		GOOD ",\"size\":\"1\"}",
		GOOD ",\"md5\":\"\"}",
		GOOD ",\"md5\":1}",
		GOOD ",\"sha256\":\"" MD5 "\"}",
		GOOD ",\"force\":1}",
		GOOD ",\"msg_id\":\"\"}",
		GOOD ",\"msg_id\":\"" SIXTEEN SIXTEEN SIXTEEN SIXTEEN
		SIXTEEN SIXTEEN SIXTEEN SIXTEEN "0\"}",
		GOOD ",\"msg_id\":\"a\\nb\"}",
		GOOD ",\"msg_id\":\"a\\u0000\"}",
		GOOD ",\"msg_id\":true}",
		GOOD ",\"msg_id\":1.5}",
		GOOD ",\"msg_id\":9007199254740992}",
		GOOD ",\"task_id\":[]}",
		GOOD ",\"strategy\":\"1\"}",
		"{\"device\":\"..\",\"module\":\"m\",\"version\":\"1\","
		"\"url\":\"http://h/a\",\"source\":\"cloud\"}",
		"{\"device\":\"self\",\"module\":\"a/b\",\"version\":\"1\","
		"\"url\":\"http://h/a\",\"source\":\"cloud\"}",
		"{\"device\":\"self\",\"module\":\"m\",\"version\":\"../1\","
		"\"url\":\"http://h/a\",\"source\":\"cloud\"}",
	};
	struct ota_error err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		err = (struct ota_error)OTA_ERROR_INIT;
		if (load(texts[i], &err))
			fail_msg("loaded: %s", texts[i]);
		assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
		assert_true(err.text[0] != '\0');
	}
	assert_null(offer_from_json(NULL, &err));
}

static void what_is_not_known_in_a_file_is_passed_over(void **state)
{
	struct ota_error err;
	struct offer *offer =
		load(GOOD ",\"later\":{\"a\":1},\"size\":null}", &err);

	assert_non_null(offer);
	assert_true(offer->size_bytes == OFFER_SIZE_UNKNOWN);
	offer_free(offer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usable_urls_pass),
		cmocka_unit_test(broken_urls_are_refused),
		cmocka_unit_test(other_schemes_have_a_fault_of_their_own),
		cmocka_unit_test(plain_http_can_be_forbidden),
		cmocka_unit_test(credentials_in_a_url_are_refused),
		cmocka_unit_test(a_url_has_2048_bytes_at_most),
		cmocka_unit_test(module_names_are_checked),
		cmocka_unit_test(the_strongest_digest_is_taken),
		cmocka_unit_test(another_url_or_id_is_the_same_job),
		cmocka_unit_test(another_version_module_or_device_is_another_job),
		cmocka_unit_test(digests_tell_artifacts_apart),
		cmocka_unit_test(a_copy_is_whole_and_its_own),
		cmocka_unit_test(an_offer_survives_its_file),
		cmocka_unit_test(an_offer_without_ids_survives_its_file),
		cmocka_unit_test(a_spoilt_file_gives_no_offer),
		cmocka_unit_test(what_is_not_known_in_a_file_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
