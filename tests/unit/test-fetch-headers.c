#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"

#include "../../src/fetch/headers.h"

#define NOW_MS INT64_C(1771000000000) /* 2026-02-13 16:26:40 UTC */

static bool number(const char *text, uint64_t *ret)
{
	return header_parse_number(text, strlen(text), ret);
}

static void numbers_are_digits_within_63_bits(void **state)
{
	static const char *const bad[] = { "",	   "-1", "+1", " 1", "1 ",
					   "0x1",  "1.0", "1e3", "a", "1\r",
					   "9223372036854775808",
					   "18446744073709551616",
					   "99999999999999999999999999" };
	uint64_t value;

	assert_true(number("0", &value) && value == 0);
	assert_true(number("007", &value) && value == 7);
	assert_true(number("9223372036854775807", &value));
	assert_int_equal(value, INT64_MAX);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(bad); i++)
		assert_false(number(bad[i], &value));
	assert_false(header_parse_number("1\0002", 3, &value));
	/* Only `size` bytes are looked at. */
	assert_true(header_parse_number("123456", 3, &value));
	assert_int_equal(value, 123);
}

static bool range(const char *text, struct content_range *ret)
{
	return header_parse_content_range(text, strlen(text), ret);
}

static void good_content_ranges(void **state)
{
	struct content_range at;

	assert_true(range("bytes 0-0/1", &at));
	assert_true(at.has_range);
	assert_int_equal(at.first_byte, 0);
	assert_int_equal(at.last_byte, 0);
	assert_int_equal(at.total_bytes, 1);
	assert_true(range("Bytes 10-19/*", &at));
	assert_int_equal(at.first_byte, 10);
	assert_int_equal(at.total_bytes, RESPONSE_UNKNOWN);
	assert_true(range("bytes */77", &at));
	assert_false(at.has_range);
	assert_int_equal(at.total_bytes, 77);
	assert_true(range("bytes 9223372036854775805-9223372036854775806/"
			  "9223372036854775807",
			  &at));
}

static void bad_content_ranges(void **state)
{
	static const char *const bad[] = {
		"",
		"bytes",
		"bytes ",
		"bytes=0-1/2",
		"bits 0-1/2",
		"bytes 0-1",
		"bytes 0-1/",
		"bytes /2",
		"bytes -/2",
		"bytes 0-/2",
		"bytes -1/2",
		"bytes 1-0/2",
		"bytes 0-2/2",
		"bytes 0-1/2/3",
		"bytes 0-1-2/3",
		"bytes */*",
		"bytes +0-1/2",
		"bytes 0-+1/2",
		"bytes  0-1/2",
		"bytes 0 -1/2",
		"bytes 0-1 /2",
		"bytes 0-1/ 2",
		"bytes 0-1/2 ",
		"bytes 0x0-0x1/2",
		"bytes 0-18446744073709551615/18446744073709551616",
		"bytes 18446744073709551616-18446744073709551617/*",
		"bytes 0-1/99999999999999999999999999999999",
	};
	struct content_range at;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(bad); i++) {
		if (range(bad[i], &at))
			fail_msg("accepted: %s", bad[i]);
	}
	assert_false(header_parse_content_range("bytes 0-\0001/2", 11, &at));
}

static bool etag(const char *text)
{
	char value[VALIDATOR_SIZE];

	return header_parse_etag(text, strlen(text), value) &&
	       strcmp(value, text) == 0;
}

static void etags_are_strong_and_printable(void **state)
{
	char longest[VALIDATOR_SIZE + 2];

	assert_true(etag("\"\""));
	assert_true(etag("\"abc-123!#$%\\\""));
	assert_false(etag(""));
	assert_false(etag("\""));
	assert_false(etag("abc"));
	assert_false(etag("\"abc"));
	assert_false(etag("abc\""));
	assert_false(etag("W/\"abc\""));
	assert_false(etag("\"a b\""));
	assert_false(etag("\"a\"b\""));
	assert_false(etag("\"a\r\nX: y\""));
	assert_false(etag("\"\xc3\xa4\""));
	assert_false(etag("\"\x7f\""));

	memset(longest, 'x', sizeof(longest));
	longest[0] = longest[VALIDATOR_SIZE - 2] = '"';
	longest[VALIDATOR_SIZE - 1] = '\0';
	assert_true(etag(longest));
	longest[VALIDATOR_SIZE - 2] = 'x';
	longest[VALIDATOR_SIZE - 1] = '"';
	longest[VALIDATOR_SIZE] = '\0';
	assert_false(etag(longest));
}

static bool retry(const char *text, uint64_t *ret_ms)
{
	return header_parse_retry_after(text, strlen(text), NOW_MS, ret_ms);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	static const char *const bad[] = { "",	 "-1", "+5", "1.5", "1s",
					   "5 ", "soon", "-Fri" };
	uint64_t ms;

	assert_true(retry("0", &ms) && ms == 0);
	assert_true(retry("120", &ms) && ms == 120000);
	assert_true(retry("Fri, 13 Feb 2026 16:27:10 GMT", &ms));
	assert_int_equal(ms, 30000);
	assert_true(retry("Fri, 13 Feb 2026 16:26:10 GMT", &ms));
	assert_int_equal(ms, 0);
	/* Far beyond what anybody waits, but no overflow. */
	assert_true(retry("9223372036854775807", &ms));
	assert_true(ms > 1000);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(bad); i++) {
		if (retry(bad[i], &ms))
			fail_msg("accepted: %s", bad[i]);
	}
}

static struct response parse(const char *const *lines)
{
	struct response response;

	response_reset(&response);
	for (; *lines; lines++)
		response_add_line(&response, *lines, strlen(*lines), NOW_MS);
	return response;
}

static void lines_are_taken_apart(void **state)
{
	static const char *const lines[] = {
		"HTTP/1.1 206 Partial Content\r\n",
		"content-RANGE:bytes 1-2/3\r\n",
		"ETag: \t\"x\" \r\n",
		"Accept-Ranges: bytes\r\n",
		"Retry-After: 3\r\n",
		"no colon here\r\n",
		": no name\r\n",
		"\r\n",
		NULL,
	};
	struct response response = parse(lines);

	assert_true(response.range_given && response.range_valid);
	assert_int_equal(response.range.first_byte, 1);
	assert_string_equal(response.etag, "\"x\"");
	assert_true(response.accepts_ranges);
	assert_int_equal(response.retry_after_ms, 3000);
}

static void a_server_may_say_that_it_knows_no_ranges(void **state)
{
	static const char *const lines[] = {
		"HTTP/1.1 200 OK\r\n",
		"Accept-Ranges: none\r\n",
		NULL,
	};

	assert_false(parse(lines).accepts_ranges);
}

static void lines_that_disagree_are_worth_nothing(void **state)
{
	static const char *const lines[] = {
		"Content-Range: bytes 1-2/3\r\n",
		"Content-Range: bytes 0-2/3\r\n",
		"ETag: \"x\"\r\n",
		"ETag: \"y\"\r\n",
		NULL,
	};
	struct response response = parse(lines);

	assert_true(response.range_given);
	assert_false(response.range_valid);
	assert_string_equal(response.etag, "");
	assert_string_equal(response_validator(&response), "");
}

#define DATE "Date: Fri, 13 Feb 2026 16:26:40 GMT"

static void a_date_is_a_validator_only_when_it_is_strong(void **state)
{
	static const char old[] =
		"Last-Modified: Fri, 13 Feb 2026 16:26:39 GMT";
	static const char young[] =
		"Last-Modified: Fri, 13 Feb 2026 16:26:40 GMT";
	static const char *const strong[] = { DATE, old, NULL };
	static const char *const weak[] = { DATE, young, NULL };
	static const char *const no_date[] = { old, NULL };
	static const char *const weak_etag[] = { DATE, old, "ETag: W/\"x\"",
						 NULL };
	static const char *const junk[] = { DATE, "Last-Modified: never",
					    NULL };
	struct response response = parse(strong);

	assert_string_equal(response_validator(&response),
			    "Fri, 13 Feb 2026 16:26:39 GMT");
	response = parse(weak);
	assert_string_equal(response_validator(&response), "");
	response = parse(no_date);
	assert_string_equal(response_validator(&response), "");
	response = parse(weak_etag);
	assert_string_equal(response_validator(&response), "");
	response = parse(junk);
	assert_string_equal(response_validator(&response), "");
}

static void a_date_holds_no_control_characters(void **state)
{
	struct response response;
	static const char line[] =
		"Last-Modified: Fri, 13 Feb 2026\x01 16:26:39 GMT";
	static const char nul[] = "Last-Modified: Fri, 13 Feb 2026\0 16:26:39";

	response_reset(&response);
	response_add_line(&response, line, sizeof(line) - 1, NOW_MS);
	assert_string_equal(response.last_modified, "");
	response_add_line(&response, nul, sizeof(nul) - 1, NOW_MS);
	assert_string_equal(response.last_modified, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_digits_within_63_bits),
		cmocka_unit_test(good_content_ranges),
		cmocka_unit_test(bad_content_ranges),
		cmocka_unit_test(etags_are_strong_and_printable),
		cmocka_unit_test(retry_after_is_seconds_or_a_date),
		cmocka_unit_test(lines_are_taken_apart),
		cmocka_unit_test(a_server_may_say_that_it_knows_no_ranges),
		cmocka_unit_test(lines_that_disagree_are_worth_nothing),
		cmocka_unit_test(a_date_is_a_validator_only_when_it_is_strong),
		cmocka_unit_test(a_date_holds_no_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
