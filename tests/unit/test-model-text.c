#include "otad/model/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool utf8(const char *text)
{
	return text_is_utf8(text, strlen(text));
}

static void well_formed_text_passes(void **state)
{
	assert_true(utf8(""));
	assert_true(utf8("plain"));
	assert_true(utf8("电表升级包"));
	assert_true(utf8("\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF"));
	assert_true(utf8("\xEE\x80\x80 \xEF\xBF\xBF"));
	assert_true(utf8("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"));
	assert_true(text_is_utf8("a\0b", 3));
}

static void malformed_text_is_seen(void **state)
{
	static const char *const bad[] = {
		"\x80",		    /* a continuation first */
		"\xBF",		    "\xFE",
		"\xFF",		    "\xC0\x80", /* longer than needed */
		"\xC1\xBF",	    "\xE0\x9F\xBF",
		"\xF0\x8F\xBF\xBF", "\xED\xA0\x80", /* a surrogate */
		"\xED\xBF\xBF",	    "\xF4\x90\x80\x80", /* beyond U+10FFFF */
		"\xF5\x80\x80\x80", "\xC2", /* cut short */
		"\xE4\xB8",	    "\xF0\x9F\x98",
		"\xC2 ",	    "\xE4\xB8 ",
		"\xE4 \xAD",	    "\xF0\x9F\x98 ",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (utf8(bad[i]))
			fail_msg("number %zu passed", i);
	}
}

static void a_character_is_never_read_beyond_the_size(void **state)
{
	assert_false(text_is_utf8("\xE4\xB8\xAD", 2));
	assert_true(text_is_utf8("\xE4\xB8\xAD", 3));
}

static void control_bytes_are_found(void **state)
{
	assert_false(text_has_control("all fine ~ 中", 14));
	assert_true(text_has_control("a\tb", 3));
	assert_true(text_has_control("a\x7F", 2));
	assert_true(text_has_control("a\x1F", 2));
	assert_true(text_has_control("a\0", 2));
	assert_true(text_has_control("a\xC2\x80", 3));
	assert_true(text_has_control("\xC2\x9F", 2));
	assert_false(text_has_control("\xC2\xA0", 2));
	assert_false(text_has_control("\xC3\x80", 2));
	assert_false(text_has_control("\xC2\x80", 1));
	assert_false(text_has_control("a\0", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_text_passes),
		cmocka_unit_test(malformed_text_is_seen),
		cmocka_unit_test(a_character_is_never_read_beyond_the_size),
		cmocka_unit_test(control_bytes_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
