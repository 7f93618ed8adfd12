#include "otad/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/utf8.h"

static void failing_fills_kind_and_text(void **state)
{
	struct ota_error err = { .sys_errno = 42 };

	assert_false(ota_fail(&err, OTA_ERROR_HTTP, "got %d", 500));

	assert_int_equal(err.kind, OTA_ERROR_HTTP);
	assert_int_equal(err.sys_errno, 0);
	assert_string_equal(err.text, "got 500");
}

static void nobody_needs_to_want_the_error(void **state)
{
	assert_false(ota_fail(NULL, OTA_ERROR_HTTP, "x"));
	assert_false(ota_fail_errno(NULL, ENOENT, "x"));
	assert_false(ota_fail_memory(NULL, "x"));
	assert_false(ota_wrap(NULL, "x"));
	assert_false(ota_rekind(NULL, OTA_ERROR_HTTP));
	ota_error_clear(NULL);
}

static void errno_decides_the_kind(void **state)
{
	static const struct {
		int sys_errno;
		enum ota_error_kind kind;
	} cases[] = {
		{ ENOSPC, OTA_ERROR_NO_SPACE },
		{ EDQUOT, OTA_ERROR_NO_SPACE },
		{ EACCES, OTA_ERROR_PERMISSION },
		{ EPERM, OTA_ERROR_PERMISSION },
		{ EROFS, OTA_ERROR_PERMISSION },
		{ ETIMEDOUT, OTA_ERROR_TIMEOUT },
		{ ENOENT, OTA_ERROR_INTERNAL },
		{ EIO, OTA_ERROR_INTERNAL },
	};
	struct ota_error err;
	size_t i;

	for (i = 0; i < OTA_ARRAY_SIZE(cases); i++) {
		assert_false(ota_fail_errno(&err, cases[i].sys_errno, "x"));
		assert_int_equal(err.kind, cases[i].kind);
		assert_int_equal(err.sys_errno, cases[i].sys_errno);
	}
}

static void errno_is_explained_behind_the_text(void **state)
{
	struct ota_error err;

	ota_fail_errno(&err, ENOSPC, "write %s", "/a");

	assert_string_equal(err.text, "write /a: No space left on device");
}

static void no_memory_names_what_it_was_for(void **state)
{
	struct ota_error err;

	assert_false(ota_fail_memory(&err, "read the offer"));

	assert_int_equal(err.kind, OTA_ERROR_INTERNAL);
	assert_int_equal(err.sys_errno, ENOMEM);
	assert_string_equal(err.text, "read the offer: out of memory");
}

static void wrapping_puts_words_before_and_keeps_the_rest(void **state)
{
	struct ota_error err;

	ota_fail_errno(&err, EROFS, "write /a");
	assert_false(ota_wrap(&err, "job %d", 7));

	assert_int_equal(err.kind, OTA_ERROR_PERMISSION);
	assert_int_equal(err.sys_errno, EROFS);
	assert_string_equal(err.text,
			    "job 7: write /a: Read-only file system");
}

static void an_error_may_be_built_from_its_own_text(void **state)
{
	struct ota_error err;

	ota_fail(&err, OTA_ERROR_NETWORK, "reset");
	ota_fail(&err, OTA_ERROR_TIMEOUT, "after 3 attempts: %s", err.text);
	assert_string_equal(err.text, "after 3 attempts: reset");
	ota_wrap(&err, "%s", err.text);
	assert_string_equal(err.text, "after 3 attempts: reset: "
				      "after 3 attempts: reset");
}

static void rekinding_changes_the_kind_alone(void **state)
{
	struct ota_error err;

	ota_fail_errno(&err, EIO, "swap");
	assert_false(ota_rekind(&err, OTA_ERROR_INSTALL_FAILED));

	assert_int_equal(err.kind, OTA_ERROR_INSTALL_FAILED);
	assert_int_equal(err.sys_errno, EIO);
	assert_string_equal(err.text, "swap: Input/output error");
}

static void clearing_leaves_no_error(void **state)
{
	struct ota_error err;

	ota_fail_errno(&err, EIO, "swap");
	ota_error_clear(&err);

	assert_int_equal(err.kind, OTA_ERROR_NONE);
	assert_int_equal(err.sys_errno, 0);
	assert_string_equal(err.text, "");
}

static void control_bytes_do_not_get_through(void **state)
{
	struct ota_error err;

	ota_fail(&err, OTA_ERROR_PROTOCOL, "%s",
		 "a\x1b[2Jb\r\nc\td\x7f\x01"
		 "e \xC2\x9B f \x80 g");

	assert_string_equal(err.text, "a?[2Jb??c?d??e ?? f ? g");
}

static void text_beyond_ascii_stays(void **state)
{
	struct ota_error err;

	ota_fail(&err, OTA_ERROR_PROTOCOL, "%s", "电表 é \xC2\xA0 \xF0\x9F\x98\x80");

	assert_string_equal(err.text, "电表 é \xC2\xA0 \xF0\x9F\x98\x80");
}

static void broken_characters_do_not_get_through(void **state)
{
	struct ota_error err;

	ota_fail(&err, OTA_ERROR_PROTOCOL, "%s",
		 "\xE7\x94 \xFF\xC0\xAF \xED\xA0\x80 \xF0\x9F\x98");

	assert_string_equal(err.text, "?? ??? ??? ???");
}

static bool is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + strlen(text);

	while (at < end) {
		size_t length = utf8_length(at, end);

		if (!length)
			return false;
		at += length;
	}
	return true;
}

static void long_text_is_cut_between_characters(void **state)
{
	static const char *const characters[] = { "a", "\xC3\xA9", "\xE7\x94\xB5",
						  "\xF0\x9F\x98\x80" };
	size_t i, shift, at;

	for (i = 0; i < OTA_ARRAY_SIZE(characters); i++) {
		size_t length = strlen(characters[i]);

		for (shift = 0; shift < length; shift++) {
			char text[2 * OTA_ERROR_TEXT_SIZE] = "xxx";
			struct ota_error err;

			for (at = shift; at + length < sizeof(text);
			     at += length)
				memcpy(text + at, characters[i], length + 1);
			ota_fail(&err, OTA_ERROR_PROTOCOL, "%s", text);

			assert_true(is_utf8(err.text));
			assert_null(strchr(err.text, '?'));
			assert_true(strlen(err.text) >
				    OTA_ERROR_TEXT_SIZE - 1 - length);
			assert_true(strlen(err.text) < OTA_ERROR_TEXT_SIZE);
		}
	}
}

static void wrapping_a_full_text_keeps_the_prefix(void **state)
{
	char text[2 * OTA_ERROR_TEXT_SIZE];
	struct ota_error err;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ota_fail(&err, OTA_ERROR_PROTOCOL, "%s", text);
	ota_wrap(&err, "job 7");

	assert_int_equal(strncmp(err.text, "job 7: xxx", 10), 0);
	assert_int_equal(strlen(err.text), OTA_ERROR_TEXT_SIZE - 1);
	ota_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.text), OTA_ERROR_TEXT_SIZE - 1);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
	enum ota_error_kind kind, parsed;

	for (kind = OTA_ERROR_NONE + 1; kind < OTA_ERROR_KIND_COUNT; kind++) {
		assert_true(ota_error_kind_name(kind)[0] != '\0');
		assert_true(ota_error_kind_parse(ota_error_kind_name(kind),
						 &parsed));
		assert_int_equal(parsed, kind);
	}
	assert_string_equal(ota_error_kind_name(OTA_ERROR_HTTP), "http-error");
	assert_string_equal(ota_error_kind_name(OTA_ERROR_PROTOCOL),
			    "protocol-error");
	assert_string_equal(ota_error_kind_name(OTA_ERROR_NONE), "");
	assert_string_equal(ota_error_kind_name(OTA_ERROR_KIND_COUNT), "");
}

static void unknown_kinds_are_not_parsed(void **state)
{
	enum ota_error_kind kind = OTA_ERROR_BUSY;

	assert_false(ota_error_kind_parse("", &kind));
	assert_false(ota_error_kind_parse("Timeout", &kind));
	assert_false(ota_error_kind_parse("timeout ", &kind));
	assert_int_equal(kind, OTA_ERROR_BUSY);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_fills_kind_and_text),
		cmocka_unit_test(nobody_needs_to_want_the_error),
		cmocka_unit_test(errno_decides_the_kind),
		cmocka_unit_test(errno_is_explained_behind_the_text),
		cmocka_unit_test(no_memory_names_what_it_was_for),
		cmocka_unit_test(wrapping_puts_words_before_and_keeps_the_rest),
		cmocka_unit_test(an_error_may_be_built_from_its_own_text),
		cmocka_unit_test(rekinding_changes_the_kind_alone),
		cmocka_unit_test(clearing_leaves_no_error),
		cmocka_unit_test(control_bytes_do_not_get_through),
		cmocka_unit_test(text_beyond_ascii_stays),
		cmocka_unit_test(broken_characters_do_not_get_through),
		cmocka_unit_test(long_text_is_cut_between_characters),
		cmocka_unit_test(wrapping_a_full_text_keeps_the_prefix),
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
		cmocka_unit_test(unknown_kinds_are_not_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
