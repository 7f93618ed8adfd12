#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "support/updater-fixture.h"

/* Of what the fake web server serves. */
#define MD5 "b1fbd0520cedeeac7874c3a72de3c07f"
#define SHA256 "b455aa8ff3411d00febd8410453b884348a440f8c63249c5d012779cdbaf6677"

#define HANQI                                                                  \
	"[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n[Mqtt]\nHost=broker\n"        \
	"[Module default]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"

/* The test's own key; its public half lies where TrustedKeys= looks. */
static EVP_PKEY *key;

static int make_key(void **state)
{
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return key ? 0 : -1;
}

static int free_key(void **state)
{
	EVP_PKEY_free(key);
	return 0;
}

static char *signing_config(struct updater_fixture *fx)
{
	OTA_CLEANUP(freep) char *path = NULL;
	FILE *file;
	char *ini;

	assert_true(asprintf(&path, "%s/key.pem", fx->dir) > 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_PUBKEY(file, key), 1);
	fclose(file);
	assert_true(asprintf(&ini,
			     HANQI "[Update]\nRequireSignature=yes\n"
				   "TrustedKeys=%s/*.pem\n",
			     fx->dir) > 0);
	return ini;
}

static char *signed_manifest(const char *version)
{
	OTA_CLEANUP(freep) char *text = NULL;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char signature[64], base64[128];
	size_t size = sizeof(signature);
	char *manifest;

	assert_true(asprintf(&text,
			     "otad-manifest: 1\nmodule: default\nversion: %s\n"
			     "size: 15\nsha256: " SHA256 "\n",
			     version) > 0);
	assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(context, signature, &size,
					(unsigned char *)text, strlen(text)),
			 1);
	EVP_MD_CTX_free(context);
	EVP_EncodeBlock(base64, signature, (int)size);
	assert_true(asprintf(&manifest, "%ssignature: %s\n", text, base64) > 0);
	return manifest;
}

static void offer(struct updater_fixture *fx)
{
	fixture_deliver(fx, "hanqi/gateway/HQ1/command",
			"{'msgType':'ota_upgrade','msgId':'m1','data':{"
			"'version':'1.0.2','firmwareUrl':'http://web/fw?t=1',"
			"'md5':'" MD5 "'}}");
}

static void start(struct updater_fixture *fx)
{
	OTA_CLEANUP(freep) char *ini = signing_config(fx);

	fixture_start(fx, ini);
	offer(fx);
}

static void a_good_signature_lets_it_be_installed(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(freep) char *manifest = signed_manifest("1.0.2");

	start(fx);
	assert_string_equal(fake_fetch_text_url(), "http://web/fw.sig?t=1");
	assert_string_equal(fake_installer_trace(), "");
	fake_fetch_answer_text(manifest);
	fake_loop_settle(fx->loop);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

/* Whoever offers it, and by whichever digest. */
static void a_sha256_and_an_operator_need_a_signature_too(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(freep) char *ini = signing_config(fx);
	OTA_CLEANUP(offer_freep) struct offer *offer = offer_new();
	enum offer_outcome outcome;

	offer->source = OFFER_SOURCE_CONTROL;
	offer->device = strdup(DEVICE_SELF);
	offer->module = strdup("default");
	offer->version = strdup("1.0.2");
	offer->url = strdup("http://web/fw");
	offer->force = true;
	assert_true(digest_set(&offer->sha256, DIGEST_SHA256, SHA256));
	fixture_start(fx, ini);
	assert_true(updater_offer(fx->updater, offer, &outcome, NULL, &fx->err));
	fake_loop_settle(fx->loop);
	assert_string_equal(fake_fetch_text_url(), "http://web/fw.sig");
	assert_string_equal(fake_installer_trace(), "");
	fake_fetch_fail_text(OTA_ERROR_NOT_FOUND, "404");
	fake_loop_settle(fx->loop);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_SIGNATURE_INVALID);
}

static void expect_invalid(struct updater_fixture *fx)
{
	fake_loop_settle(fx->loop);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_SIGNATURE_INVALID);
	assert_int_equal(fixture_count(fx, "'errorCode':'SIGNATURE_INVALID'"),
			 1);
	assert_string_equal(fake_installer_trace(), "clean");
	assert_int_equal(fixture_entries(fx, "download"), 0);
}

static void the_signature_of_another_version_is_invalid(void **state)
{
	OTA_CLEANUP(freep) char *manifest = signed_manifest("1.0.3");

	start(*state);
	fake_fetch_answer_text(manifest);
	expect_invalid(*state);
}

static void a_signature_that_is_not_there_is_invalid(void **state)
{
	start(*state);
	fake_fetch_fail_text(OTA_ERROR_NOT_FOUND, "404");
	expect_invalid(*state);
}

static void a_signature_of_any_length_is_invalid(void **state)
{
	start(*state);
	fake_fetch_fail_text(OTA_ERROR_PROTOCOL, "more than 4096 bytes");
	expect_invalid(*state);
}

static void a_signature_that_cannot_be_fetched_is_a_broken_link(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx);
	fake_fetch_fail_text(OTA_ERROR_NETWORK, "no way");
	fake_loop_settle(fx->loop);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_NETWORK);
	/* The file itself is good. */
	assert_int_equal(fixture_entries(fx, "download"), 1);
}

static void a_signature_that_is_not_asked_for_fails_the_job(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(freep) char *ini = signing_config(fx);

	fake_fetch_hold(true);
	fixture_start(fx, ini);
	offer(fx);
	fake_fetch_refuse(OTA_ERROR_PROTOCOL);
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_PROTOCOL);
}

static void cancelling_gives_up_the_signature(void **state)
{
	struct updater_fixture *fx = *state;

	start(fx);
	assert_true(updater_cancel(fx->updater, NULL, NULL, &fx->err));
	fake_loop_settle(fx->loop);
	assert_null(fake_fetch_text_url());
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_FAILED,
		   OTA_ERROR_CANCELLED);
}

/* Its settings must outlive the configuration they came with. */
static void a_reload_does_not_disturb_the_signature(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(freep) char *manifest = signed_manifest("1.0.2");
	OTA_CLEANUP(freep) char *ini = signing_config(fx);
	OTA_CLEANUP(config_unrefp) struct config *config = NULL;

	start(fx);
	config = fixture_config(fx, ini);
	assert_true(updater_reload(fx->updater, config, &fx->err));
	fake_fetch_answer_text(manifest);
	fake_loop_settle(fx->loop);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

/* The MD5 that the offer names was enough when the download began. */
static void a_signature_wanted_later_hashes_again(void **state)
{
	struct updater_fixture *fx = *state;
	OTA_CLEANUP(freep) char *manifest = signed_manifest("1.0.2");
	OTA_CLEANUP(freep) char *ini = signing_config(fx);
	OTA_CLEANUP(config_unrefp) struct config *config = NULL;

	fake_fetch_hold(true);
	fixture_start(fx, HANQI);
	offer(fx);
	config = fixture_config(fx, ini);
	assert_true(updater_reload(fx->updater, config, &fx->err));
	fake_fetch_finish();
	fake_loop_settle(fx->loop);
	assert_non_null(fake_fetch_text_url());
	fake_fetch_answer_text(manifest);
	fake_loop_settle(fx->loop);
	assert_int_equal(fake_fetch_started(), 1);
	expect_end(fx, DEVICE_SELF, "default", JOB_STATE_SUCCEEDED,
		   OTA_ERROR_NONE);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, updater_fixture_set_up,          \
					updater_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_signature_lets_it_be_installed),
		TEST(a_sha256_and_an_operator_need_a_signature_too),
		TEST(the_signature_of_another_version_is_invalid),
		TEST(a_signature_that_is_not_there_is_invalid),
		TEST(a_signature_of_any_length_is_invalid),
		TEST(a_signature_that_cannot_be_fetched_is_a_broken_link),
		TEST(a_signature_that_is_not_asked_for_fails_the_job),
		TEST(cancelling_gives_up_the_signature),
		TEST(a_reload_does_not_disturb_the_signature),
		TEST(a_signature_wanted_later_hashes_again),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
