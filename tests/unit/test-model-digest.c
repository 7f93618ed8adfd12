#include "otad/model/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MD5 "0cc175b9c0f1b6a831c399e269772661"
#define SHA256 \
	"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"

static void algorithms_have_names_of_any_case(void **state)
{
	enum digest_alg alg = DIGEST_NONE;

	assert_true(digest_alg_parse("Md5", &alg));
	assert_int_equal(alg, DIGEST_MD5);
	assert_true(digest_alg_parse("SHA256", &alg));
	assert_int_equal(alg, DIGEST_SHA256);
	assert_string_equal(digest_alg_name(DIGEST_MD5), "md5");
	assert_string_equal(digest_alg_name(DIGEST_SHA256), "sha256");
	assert_string_equal(digest_alg_name(DIGEST_NONE), "");
}

static void other_algorithms_are_refused(void **state)
{
	static const char *const names[] = { "",     "sha1",   "sha-256",
					     "md5 ", " md5",   "sha512",
					     "none", "sha2560" };
	enum digest_alg alg = DIGEST_MD5;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(digest_alg_parse(names[i], &alg));
	assert_int_equal(alg, DIGEST_MD5);
}

static void hex_is_stored_lower_case(void **state)
{
	struct digest digest = { 0 };

	assert_true(digest_set(&digest, DIGEST_MD5,
			       "0CC175B9C0F1b6a831c399e269772661"));
	assert_int_equal(digest.alg, DIGEST_MD5);
	assert_string_equal(digest.hex, MD5);
	assert_true(digest_set(&digest, DIGEST_SHA256, SHA256));
	assert_string_equal(digest.hex, SHA256);
}

static void wrong_hex_leaves_the_digest_alone(void **state)
{
	struct digest digest = { 0 };

	assert_true(digest_set(&digest, DIGEST_MD5, MD5));
	assert_false(digest_set(&digest, DIGEST_MD5, ""));
	assert_false(digest_set(&digest, DIGEST_MD5, MD5 "0"));
	assert_false(digest_set(&digest, DIGEST_MD5, SHA256));
	assert_false(digest_set(&digest, DIGEST_SHA256, MD5));
	assert_false(digest_set(&digest, DIGEST_NONE, ""));
	assert_false(digest_set(&digest, DIGEST_MD5,
				"0cc175b9c0f1b6a831c399e26977266g"));
	assert_false(digest_set(&digest, DIGEST_MD5,
				"0cc175b9c0f1b6a831c399e26977266 "));
	assert_false(digest_set(&digest, DIGEST_MD5,
				"@cc175b9c0f1b6a831c399e269772661"));
	assert_string_equal(digest.hex, MD5);
}

static void equal_means_the_same_algorithm_and_bytes(void **state)
{
	struct digest a = { 0 }, b = { 0 };

	assert_false(digest_equal(&a, &b));
	assert_true(digest_set(&a, DIGEST_MD5, MD5));
	assert_false(digest_equal(&a, &b));
	assert_false(digest_equal(&b, &a));
	assert_true(digest_set(&b, DIGEST_MD5, MD5));
	assert_true(digest_equal(&a, &b));
	b.hex[31] = '0';
	assert_false(digest_equal(&a, &b));
	assert_true(digest_set(&b, DIGEST_SHA256, SHA256));
	assert_false(digest_equal(&a, &b));
	/* Nor is one that begins like it. */
	assert_true(digest_set(&b, DIGEST_SHA256, MD5 MD5));
	assert_false(digest_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(algorithms_have_names_of_any_case),
		cmocka_unit_test(other_algorithms_are_refused),
		cmocka_unit_test(hex_is_stored_lower_case),
		cmocka_unit_test(wrong_hex_leaves_the_digest_alone),
		cmocka_unit_test(equal_means_the_same_algorithm_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
