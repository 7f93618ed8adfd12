#include "otad/cloud/cloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/cloud-identity.h"

#define NOW_MS INT64_C(1770804000123)

static void free_credentials(struct mqtt_credentials *credentials)
{
	free(credentials->client_id);
	free(credentials->username);
	free(credentials->password);
	*credentials = (struct mqtt_credentials){ NULL };
}

/* NULL members stay NULL. */
static void check_credentials(const struct cloud_identity *identity,
			      struct cloud_derivation derivation,
			      const char *client_id, const char *username,
			      const char *password)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud = cloud_make(identity);
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
	struct cloud_identity identity = identity_iotgo;

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
	struct cloud_identity identity = identity_tencent;

	identity.secret = TENCENT_SECRET;
	check_credentials(&identity,
			  (struct cloud_derivation){ NOW_MS, 123456789, true },
			  "S3EUVBRJLBgw_1",
			  "S3EUVBRJLBgw_1;21010406;j5dsb;1770890400",
			  TENCENT_PASSWORD);
}

static void tencent_without_a_clock_asks_for_no_expiry(void **state)
{
	struct cloud_identity identity = identity_tencent;

	identity.secret = TENCENT_SECRET;
	check_credentials(&identity,
			  (struct cloud_derivation){ 60000, 123456789, true },
			  "S3EUVBRJLBgw_1",
			  "S3EUVBRJLBgw_1;21010406;j5dsb;2147483647",
			  TENCENT_EARLY_PASSWORD);
}

/*
 * Longer than a block of SHA-1, where a byte too many is another key:
 * printf 'S3EUVBRJLBgw_1;21010406;j5dsb;1770890400' | openssl dgst -sha1 -hmac \
 *	"$(echo YS1z... | base64 -d)"
 */
#define TENCENT_LONG_SECRET                                                    \
	"YS1zZWNyZXQtc28tbG9uZy10aGF0LWEtYnl0ZS1iZWhpbmQtaXQtd291bGQtbWFrZS1p" \
	"dC1hbm90aGVyLW9uZS0wMQ=="
#define TENCENT_LONG_PASSWORD \
	"9d17aaa91e720b752f7c616ca19818f27dd35ca2;hmacsha1"

static void the_padding_of_a_secret_is_no_part_of_it(void **state)
{
	struct cloud_identity identity = identity_tencent;

	identity.secret = TENCENT_LONG_SECRET;
	check_credentials(&identity,
			  (struct cloud_derivation){ NOW_MS, 123456789, true },
			  "S3EUVBRJLBgw_1",
			  "S3EUVBRJLBgw_1;21010406;j5dsb;1770890400",
			  TENCENT_LONG_PASSWORD);
}

static void a_secret_that_is_no_base64_is_refused(void **state)
{
	static const char *const secrets[] = { "", "abc", "ab*d", "a===b" };
	struct cloud_derivation derivation = { NOW_MS, 1, true };

	for (size_t i = 0; i < OTA_ARRAY_SIZE(secrets); i++) {
		struct cloud_identity identity = identity_tencent;
		struct mqtt_credentials credentials = { NULL };
		struct ota_error err = OTA_ERROR_INIT;
		struct cloud *cloud;

		identity.secret = secrets[i];
		cloud = cloud_make(&identity);
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

	check_credentials(&identity_hanqi, derivation, "gateway_HQ1", NULL, NULL);
	check_credentials(&identity_sagoo, derivation, "dk", NULL, NULL);
	/* Lasting, so that the broker keeps commands under it. */
	check_credentials(&identity_eztcloud, derivation, "DU_x", "DU_x", NULL);
	/* No secret, no password. */
	check_credentials(&identity_iotgo, derivation,
			  "a1Key.gw-1|timestamp=1770804000123,_ss=1,_v=4,"
			  "securemode=2,signmethod=hmacsha256,ext=3,1|",
			  "gw-1&a1Key", NULL);
	check_credentials(&identity_tencent, derivation, "S3EUVBRJLBgw_1",
			  "S3EUVBRJLBgw_1;21010406;baaaa;1770890400", NULL);
}

static void literal_credentials_win(void **state)
{
	struct cloud_derivation derivation = { NOW_MS, 1, true };

	for (size_t i = 0; i < CLOUD_IDENTITIES; i++) {
		struct cloud_identity identity = *cloud_identities[i];
		struct ota_error err = OTA_ERROR_INIT;
		struct mqtt_credentials credentials = {
			.client_id = strdup("c"),
			.username = strdup("u"),
			.password = strdup("p"),
		};
		struct cloud *cloud;

		identity.secret = TENCENT_SECRET;
		cloud = cloud_make(&identity);
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
	struct cloud_identity identity = identity_tencent;
	struct ota_error err = OTA_ERROR_INIT;
	struct mqtt_credentials credentials = {
		.username = strdup("mine;21010406;x;1"),
	};
	struct cloud *cloud;

	identity.secret = TENCENT_SECRET;
	cloud = cloud_make(&identity);
	assert_true(cloud_credentials(cloud, &derivation, &credentials, &err));
	assert_string_equal(credentials.password, TENCENT_LITERAL_PASSWORD);
	free_credentials(&credentials);
	cloud_free(cloud);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iotgo_signs_its_identity_and_the_time),
		cmocka_unit_test(tencent_signs_its_user_name),
		cmocka_unit_test(tencent_without_a_clock_asks_for_no_expiry),
		cmocka_unit_test(the_padding_of_a_secret_is_no_part_of_it),
		cmocka_unit_test(a_secret_that_is_no_base64_is_refused),
		cmocka_unit_test(what_has_no_formula_stays_open),
		cmocka_unit_test(literal_credentials_win),
		cmocka_unit_test(tencent_signs_a_literal_user_name_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
