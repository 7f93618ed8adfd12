#include "otad/base/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void check(const char *a, const char *b, int wanted)
{
	if (sign(version_compare(a, b)) != wanted ||
	    sign(version_compare(b, a)) != -wanted)
		fail_msg("\"%s\" and \"%s\": %d and %d instead of %d", a, b,
			 version_compare(a, b), version_compare(b, a), wanted);
}

struct pair {
	const char *a, *b;
	int order;
};

static void check_all(const struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(pairs[i].a, pairs[i].b, pairs[i].order);
}

/* Each is older than all that follow. */
static void check_chain(const char *const *chain, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = i; j < count; j++)
			check(chain[i], chain[j], i == j ? 0 : -1);
}

static void the_examples_of_uapi_10_hold(void **state)
{
	static const struct pair pairs[] = {
		{ "11", "11", 0 },
		{ "systemd-123", "systemd-123", 0 },
		{ "bar-123", "foo-123", -1 },
		{ "123a", "123", 1 },
		{ "123.a", "123", 1 },
		{ "123.a", "123.b", -1 },
		{ "123a", "123.a", 1 },
		{ "11\u03B1", "11\u03B2", 0 },
		{ "B", "a", -1 },
		{ "", "0", -1 },
		{ "0.", "0", 1 },
		{ "0.0", "0", 1 },
		{ "0", "~", 1 },
		{ "", "~", 1 },
		{ "1_", "1", 0 },
		{ "_1", "1", 0 },
		{ "1_", "1.2", -1 },
		{ "1_2_3", "1.3.3", 1 },
		{ "1+", "1", 0 },
		{ "+1", "1", 0 },
		{ "1+", "1.2", -1 },
		{ "1+2+3", "1.3.3", 1 },
	};

	check_all(pairs, OTA_ARRAY_SIZE(pairs));
}

static void the_chain_of_uapi_10_holds(void **state)
{
	static const char *const chain[] = {
		"122.1",   "123~rc1-1", "123",	   "123-a",
		"123-a.1", "123-1",	"123-1.1", "123^post1",
		"123.a-1", "123.1-1",	"123a-1",  "124-1",
	};

	check_chain(chain, OTA_ARRAY_SIZE(chain));
}

static void releases_follow_each_other(void **state)
{
	static const char *const chain[] = {
		"0",	       "0.9",	     "0.10",	   "1",
		"1.0~alpha",   "1.0~alpha2", "1.0~beta",   "1.0~rc1",
		"1.0~rc9",     "1.0~rc10",   "1.0",	   "1.0-1",
		"1.0-1.1",     "1.0-2",	     "1.0.0",	   "1.0.1~rc1",
		"1.0.1",       "1.0.2",	     "1.0.10",	   "1.0a",
		"1.0b",	       "1.1",	     "1.10",	   "2",
		"2024.01.05",  "2024.1.10",  "2024.02.01", "20240101",
	};

	check_chain(chain, OTA_ARRAY_SIZE(chain));
}

static void a_tilde_sorts_before_the_end_and_everything_else(void **state)
{
	static const char *const chain[] = {
		"1~", "1~a", "1~1", "1", "1-", "1^", "1.",
		"1a", "2",
	};

	check_chain(chain, OTA_ARRAY_SIZE(chain));
}

static void numbers_count_by_value_however_long(void **state)
{
	static const struct pair pairs[] = {
		{ "1.007", "1.7", 0 },
		{ "1.0", "1.00", 0 },
		{ "000", "0", 0 },
		{ "18446744073709551616", "18446744073709551615", 1 },
		{ "99999999999999999999999999", "100000000000000000000000000",
		  -1 },
		{ "1.0000000000000000000000000000002", "1.1", 1 },
		{ "9", "10", -1 },
		{ "1.2.10", "1.2.9", 1 },
	};

	check_all(pairs, OTA_ARRAY_SIZE(pairs));
}

static void an_absent_number_is_older_than_zero(void **state)
{
	static const struct pair pairs[] = {
		{ "123.0", "123", 1 },
		{ "123_0", "123", 1 },
		{ "123..0", "123.0", -1 },
		{ "123-a", "123-0", -1 },
		{ "1.a", "1.0", -1 },
	};

	check_all(pairs, OTA_ARRAY_SIZE(pairs));
}

static void build_metadata_counts_as_one_more_component(void **state)
{
	static const struct pair pairs[] = {
		{ "1.0+1", "1.0", 1 },
		{ "1.0+git5", "1.0+git5", 0 },
		{ "1.0+1", "1.0+2", -1 },
		/* Behind the plus stands "1", with no mark: newer than ".1". */
		{ "1.0+1", "1.0.1", 1 },
	};

	check_all(pairs, OTA_ARRAY_SIZE(pairs));
}

static void valid_versions_are_accepted(void **state)
{
	static const char *const good[] = {
		"1", "0", "a", "Z9", "1.0", "1.0.0-rc.1+build.5", "v1.2",
		"2.0~rc1", "1_2", "1.", "1-", "1~", "1+", "1.-.1",
		"1234567890123456789012345678901234567890123456789012345678901234",
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(good); i++)
		if (!version_is_valid(good[i]))
			fail_msg("%s was refused", good[i]);
}

static void invalid_versions_are_refused(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", ".1", "-1", "_1", "+1", "~1", "1..2", "1..",
		"a..b", "1.0/..", "../1", "1/2", "1\\2", "1 ", " 1", "1 0",
		"1\n", "1\t", "1;2", "1$x", "1`x`", "1'", "1\"", "1%", "1^2",
		"1:2", "1=2", "1*", "1?", "1@", "1,2", "\u0661",
		"1\u00E9", "1\x7F", "1\x80",
		"12345678901234567890123456789012345678901234567890123456789012345",
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(bad); i++)
		if (version_is_valid(bad[i]))
			fail_msg("%s was accepted", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_uapi_10_hold),
		cmocka_unit_test(the_chain_of_uapi_10_holds),
		cmocka_unit_test(releases_follow_each_other),
		cmocka_unit_test(
			a_tilde_sorts_before_the_end_and_everything_else),
		cmocka_unit_test(numbers_count_by_value_however_long),
		cmocka_unit_test(an_absent_number_is_older_than_zero),
		cmocka_unit_test(build_metadata_counts_as_one_more_component),
		cmocka_unit_test(valid_versions_are_accepted),
		cmocka_unit_test(invalid_versions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
