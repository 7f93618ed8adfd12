#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/verify/hasher.h"

/* RFC 1321, section A.5; FIPS 180-4's examples. */
#define MD5_EMPTY "d41d8cd98f00b204e9800998ecf8427e"
#define MD5_ABC "900150983cd24fb0d6963f7d28e17f72"
#define SHA256_EMPTY                                                           \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA256_ABC                                                             \
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static struct hasher *make(unsigned algs)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct hasher *hasher = hasher_new(algs, &err);

	assert_non_null(hasher);
	return hasher;
}

static void hashes_in_both_ways_at_once(void **state)
{
	struct hasher *hasher = make(HASHER_MD5 | HASHER_SHA256);
	struct ota_error err = OTA_ERROR_INIT;
	struct digest md5, sha256;

	assert_true(hasher_update(hasher, "a", 1, &err));
	assert_true(hasher_update(hasher, "", 0, &err));
	assert_true(hasher_update(hasher, "bc", 2, &err));
	assert_true(hasher_finish(hasher, &md5, &sha256, &err));
	assert_int_equal(md5.alg, DIGEST_MD5);
	assert_string_equal(md5.hex, MD5_ABC);
	assert_int_equal(sha256.alg, DIGEST_SHA256);
	assert_string_equal(sha256.hex, SHA256_ABC);
	hasher_free(hasher);
}

static void every_byte_counts(void **state)
{
	struct hasher *hasher = make(HASHER_MD5 | HASHER_SHA256);
	struct ota_error err = OTA_ERROR_INIT;
	struct digest md5, sha256;
	char text[1000];

	memset(text, 'a', sizeof(text));
	assert_true(hasher_update(hasher, text, sizeof(text), &err));
	assert_true(hasher_finish(hasher, &md5, &sha256, &err));
	assert_string_equal(md5.hex, "cabe45dcc9ae5b66ba86600cca6b8ba8");
	assert_string_equal(sha256.hex,
			    "41edece42d63e8d9bf515a9ba6932e1c"
			    "20cbc9f5a5d134645adb5db1b9737ea3");
	hasher_free(hasher);
}

static void fills_only_what_was_asked_for(void **state)
{
	struct hasher *hasher = make(HASHER_SHA256);
	struct ota_error err = OTA_ERROR_INIT;
	struct digest md5 = { .alg = DIGEST_MD5 }, sha256;

	assert_true(hasher_finish(hasher, &md5, &sha256, &err));
	assert_int_equal(md5.alg, DIGEST_NONE);
	assert_string_equal(md5.hex, "");
	assert_string_equal(sha256.hex, SHA256_EMPTY);
	hasher_free(hasher);

	hasher = make(HASHER_MD5);
	assert_true(hasher_finish(hasher, &md5, NULL, &err));
	assert_string_equal(md5.hex, MD5_EMPTY);
	hasher_free(hasher);

	hasher = make(0);
	assert_true(hasher_update(hasher, "abc", 3, &err));
	assert_true(hasher_finish(hasher, &md5, &sha256, &err));
	assert_int_equal(sha256.alg, DIGEST_NONE);
	hasher_free(hasher);
}

static void reset_forgets(void **state)
{
	struct hasher *hasher = make(HASHER_MD5 | HASHER_SHA256);
	struct ota_error err = OTA_ERROR_INIT;
	struct digest md5, sha256;

	for (int i = 0; i < 2; i++) {
		assert_true(hasher_update(hasher, "void", 4, &err));
		assert_true(hasher_reset(hasher, &err));
		assert_true(hasher_update(hasher, "abc", 3, &err));
		assert_true(hasher_finish(hasher, &md5, &sha256, &err));
		assert_string_equal(md5.hex, MD5_ABC);
		assert_string_equal(sha256.hex, SHA256_ABC);
		assert_true(hasher_reset(hasher, &err));
	}
	hasher_free(hasher);
}

static void openssl_is_there(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	assert_true(hasher_works(&err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_in_both_ways_at_once),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(fills_only_what_was_asked_for),
		cmocka_unit_test(reset_forgets),
		cmocka_unit_test(openssl_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
