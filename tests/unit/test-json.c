#include "otad/base/json.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

struct text {
	const char *bytes;
	size_t size;
};

/* Text that may hold NULs. */
#define TEXT(literal) { literal, sizeof(literal) - 1 }

/* On the heap and without a NUL, so that a read beyond the end is found. */
static struct json_object *parse(const char *text, size_t size,
				 enum json_fault *ret_fault)
{
	char *copy = malloc(size ? size : 1);
	struct json_object *json;

	assert_non_null(copy);
	memcpy(copy, text, size);
	json = json_parse(copy, size, JSON_MAX_BYTES, ret_fault);
	free(copy);
	return json;
}

static struct json_object *parse_good(const char *text)
{
	enum json_fault fault = JSON_BAD;
	struct json_object *json = parse(text, strlen(text), &fault);

	assert_int_equal(fault, JSON_OK);
	return json;
}

static void each_is(enum json_fault wanted, const struct text *texts,
		    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum json_fault fault = JSON_NO_MEMORY;
		OTA_CLEANUP(json_freep) struct json_object *json =
			parse(texts[i].bytes, texts[i].size, &fault);

		if (fault != wanted)
			fail_msg("number %zu, %s: fault %d instead of %d", i,
				 texts[i].bytes, fault, wanted);
		if (wanted != JSON_OK)
			assert_null(json);
	}
}

static void broken_grammar_is_bad_json(void **state)
{
	static const struct text bad[] = {
		TEXT(""), TEXT(" "), TEXT("\t\r\n"), TEXT("\0"),
		TEXT("{"), TEXT("}"), TEXT("["), TEXT("]"), TEXT(":"),
		TEXT(","), TEXT("\""), TEXT("\\"),
		TEXT("{]"), TEXT("[}"), TEXT("{}}"), TEXT("[]]"), TEXT("{}{}"),
		TEXT("{} {}"), TEXT("{},"), TEXT("1 2"), TEXT("[1 2]"),
		TEXT("[1,]"), TEXT("[,1]"), TEXT("[,]"), TEXT("[1,,2]"),
		TEXT("{\"a\"}"), TEXT("{\"a\":}"), TEXT("{\"a\":1,}"),
		TEXT("{,\"a\":1}"), TEXT("{\"a\":1 \"b\":2}"),
		TEXT("{\"a\" 1}"), TEXT("{\"a\"::1}"), TEXT("{\"a\",1}"),
		TEXT("{a:1}"), TEXT("{'a':1}"), TEXT("{1:1}"), TEXT("{null:1}"),
		TEXT("{{}:1}"), TEXT("{[]:1}"), TEXT("[\"a\":1]"),
		TEXT("{\"a\":1]"), TEXT("[1}"), TEXT("{\"a\":[1}"),
		TEXT("tru"), TEXT("True"), TEXT("TRUE"), TEXT("truex"),
		TEXT("nul"), TEXT("nulll"), TEXT("fals"), TEXT("None"),
		TEXT("truefalse"), TEXT("undefined"),
		TEXT("NaN"), TEXT("[NaN]"), TEXT("Infinity"), TEXT("-Infinity"),
		TEXT("inf"), TEXT("nan"),
		TEXT("/*x*/{}"), TEXT("{}/*x*/"), TEXT("{/*x*/\"a\":1}"),
		TEXT("{}//x"), TEXT("#x\n{}"),
	};

	each_is(JSON_BAD, bad, OTA_ARRAY_SIZE(bad));
}

static void what_stands_around_the_document_is_bad_json(void **state)
{
	static const struct text bad[] = {
		TEXT("\xEF\xBB\xBF{}"), /* a byte-order mark */
		TEXT("{}\0"),
		TEXT("\0{}"),
		TEXT("{}x"),
		TEXT("{\"a\":1}\0\0"),
		TEXT("{}\v"),
		TEXT("{}\f"),
		TEXT("\xC2\xA0{}"),
		TEXT("\xFF\xFE{\0}\0"), /* UTF-16 */
		TEXT("{\0\"a\":1}"),
	};

	each_is(JSON_BAD, bad, OTA_ARRAY_SIZE(bad));
}

static void numbers_out_of_the_grammar_are_bad_json(void **state)
{
	static const struct text bad[] = {
		TEXT("01"), TEXT("00"), TEXT("-01"), TEXT("+1"), TEXT("-"),
		TEXT("--1"), TEXT("- 1"), TEXT("1."), TEXT(".5"), TEXT("-.5"),
		TEXT("1.e1"), TEXT("1e"), TEXT("1e+"), TEXT("1E-"),
		TEXT("1.2.3"), TEXT("1e1.5"), TEXT("0x10"), TEXT("0b1"),
		TEXT("1_000"), TEXT("1,5"), TEXT("[1e]"), TEXT("1a"),
		TEXT("[0x1]"), TEXT("0e"), TEXT("1f"), TEXT("1L"),
	};
	static const struct text good[] = {
		TEXT("0"), TEXT("-0"), TEXT("10"), TEXT("0.0"), TEXT("-0.5"),
		TEXT("1e5"), TEXT("1E+05"), TEXT("1e-05"), TEXT("0e0"),
		TEXT(" 1 "), TEXT("[0,-1.5E7]"),
	};

	each_is(JSON_BAD, bad, OTA_ARRAY_SIZE(bad));
	each_is(JSON_OK, good, OTA_ARRAY_SIZE(good));
}

static void strings_out_of_the_grammar_are_bad_json(void **state)
{
	static const struct text bad[] = {
		TEXT("\"a"), TEXT("\"a\\"), TEXT("\"a\\\""), TEXT("'a'"),
		TEXT("\"\n\""), TEXT("\"\t\""), TEXT("\"\x1F\""),
		TEXT("\"\0\""), TEXT("{\"a\nb\":1}"), TEXT("{\"a\0\":1}"),
		TEXT("\"\\x41\""), TEXT("\"\\'\""), TEXT("\"\\0\""),
		TEXT("\"\\a\""), TEXT("\"\\v\""), TEXT("\"\\U0041\""),
		TEXT("\"\\\0\""), TEXT("\"\\\n\""), TEXT("\"\\\xC3\xA9\""),
		TEXT("\"\\u\""), TEXT("\"\\u1\""), TEXT("\"\\u12\""),
		TEXT("\"\\u123\""), TEXT("\"\\u123g\""), TEXT("\"\\u+123\""),
		TEXT("\"\\u 123\""), TEXT("\"\\u12"), TEXT("\"\\u-001\""),
	};
	static const struct text good[] = {
		TEXT("\"\""), TEXT("\" \x7F\""), TEXT("\"\\\"\\\\\\/\""),
		TEXT("\"\\b\\f\\n\\r\\t\""), TEXT("\"\\u00e9\\u00E9\""),
		TEXT("\"'\""), TEXT("\"//\""),
	};

	each_is(JSON_BAD, bad, OTA_ARRAY_SIZE(bad));
	each_is(JSON_OK, good, OTA_ARRAY_SIZE(good));
}

static void invalid_utf8_is_bad_json(void **state)
{
	static const struct text bad[] = {
		TEXT("\"\x80\""), TEXT("\"\xBF\""), TEXT("\"\xC3(\""),
		TEXT("\"\xC0\xAF\""), TEXT("\"\xC1\xBF\""),
		TEXT("\"\xC0\x80\""), TEXT("\"\xC3\""), TEXT("\"\xC3"),
		TEXT("\"\xE0\x9F\xBF\""), TEXT("\"\xE4\xB8\""),
		TEXT("\"\xE4\xB8"), TEXT("\"\xED\xA0\x80\""),
		TEXT("\"\xED\xBF\xBF\""), TEXT("\"\xF0\x8F\xBF\xBF\""),
		TEXT("\"\xF0\x9F\x98\""), TEXT("\"\xF4\x90\x80\x80\""),
		TEXT("\"\xF5\x80\x80\x80\""), TEXT("\"\xF8\x88\x80\x80\x80\""),
		TEXT("\"\xFE\""), TEXT("\"\xFF\""),
		TEXT("{\"\xC3(\":1}"), TEXT("{\"\xC0\x80\":1}"),
		TEXT("[\xC3\xA9]"),
	};
	static const struct text good[] = {
		TEXT("\"\xC2\x80\""), TEXT("\"\xDF\xBF\""),
		TEXT("\"\xE0\xA0\x80\""), TEXT("\"\xED\x9F\xBF\""),
		TEXT("\"\xEE\x80\x80\""), TEXT("\"\xEF\xBB\xBF\""),
		TEXT("\"\xEF\xBF\xBF\""), TEXT("\"\xF0\x90\x80\x80\""),
		TEXT("\"\xF4\x8F\xBF\xBF\""),
	};

	each_is(JSON_BAD, bad, OTA_ARRAY_SIZE(bad));
	each_is(JSON_OK, good, OTA_ARRAY_SIZE(good));
}

static void unpaired_surrogates_are_bad_json(void **state)
{
	static const struct text bad[] = {
		TEXT("\"\\ud800\""), TEXT("\"\\udbff\""), TEXT("\"\\udc00\""),
		TEXT("\"\\udfff\""), TEXT("\"\\uD83Dx\""),
		TEXT("\"\\uD83D\\n\""), TEXT("\"\\uD83D\\u0041\""),
		TEXT("\"\\udc00\\udc00\""),
		TEXT("\"\\uD83D\\uD83D\""), TEXT("\"\\uDE00\\uD83D\""),
		TEXT("\"\\uD83D\\uDE0\""), TEXT("\"\\uD83D\\u"),
		TEXT("\"\\uD83D\\"), TEXT("\"\\uD83D"),
		TEXT("\"\\uD83D\\uDE00\\uDE00\""), TEXT("{\"\\ud800\":1}"),
	};

	each_is(JSON_BAD, bad, OTA_ARRAY_SIZE(bad));
}

static void escapes_become_their_characters(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = parse_good(
		"{\"\\u006B\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9"
		"\\u4E2D\\ud83d\\uDE00z\"}");

	assert_string_equal(json_get_string(json, "k"),
			    "\"\\/\b\f\n\r\tA\xC3\xA9\xE4\xB8\xAD"
			    "\xF0\x9F\x98\x80z");
}

static char *nested(const char *open, const char *core, const char *close,
		    size_t levels)
{
	size_t unit = strlen(open);
	char *text = calloc(1, levels * (unit + 1) + strlen(core) + 1);

	assert_non_null(text);
	for (size_t i = 0; i < levels; i++)
		strcpy(text + i * unit, open);
	strcpy(text + levels * unit, core);
	for (size_t i = 0; i < levels; i++)
		strcat(text, close);
	return text;
}

static enum json_fault fault_of(char *text)
{
	enum json_fault fault = JSON_NO_MEMORY;

	json_free(parse(text, strlen(text), &fault));
	free(text);
	return fault;
}

static void sixteen_levels_are_the_deepest(void **state)
{
	assert_int_equal(fault_of(nested("[", "1", "]", 16)), JSON_OK);
	assert_int_equal(fault_of(nested("[", "", "]", 16)), JSON_OK);
	assert_int_equal(fault_of(nested("{\"a\":", "1", "}", 16)), JSON_OK);
	assert_int_equal(fault_of(nested("[", "", "]", 17)), JSON_TOO_DEEP);
	assert_int_equal(fault_of(nested("{\"a\":", "{}", "}", 16)),
			 JSON_TOO_DEEP);
	assert_int_equal(fault_of(nested("{\"a\":", "[]", "}", 16)),
			 JSON_TOO_DEEP);
	assert_int_equal(fault_of(nested("[", "", "]", 30000)), JSON_TOO_DEEP);
}

static void siblings_do_not_count_as_depth(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = parse_good(
		"[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],{},{}]");

	assert_int_equal(json_object_array_length(json), 20);
}

static void equal_keys_in_one_object_are_refused(void **state)
{
	static const struct text bad[] = {
		TEXT("{\"a\":1,\"a\":2}"),
		TEXT("{\"a\":1,\"b\":2,\"a\":1}"),
		TEXT("{\"\":1,\"\":1}"),
		TEXT("{\"url\":1,\"\\u0075rl\":2}"),
		TEXT("{\"\xC3\xA9\":1,\"\\u00e9\":2}"),
		TEXT("{\"\\/\":1,\"/\":2}"),
		TEXT("{\"x\":{\"a\":null,\"a\":null}}"),
		TEXT("[[{\"a\":{},\"a\":[]}]]"),
		TEXT("{\"a\\u0000b\":1,\"a\\u0000b\":2}"),
		TEXT("{\"\\u0000\":1,\"\\u0000\":2}"),
		TEXT("{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}"),
	};

	each_is(JSON_DUPLICATE_KEY, bad, OTA_ARRAY_SIZE(bad));
}

static void different_keys_are_no_duplicates(void **state)
{
	static const struct text good[] = {
		TEXT("{\"a\":1,\"A\":2}"),
		TEXT("{\"a\":{\"a\":{\"a\":1}}}"),
		TEXT("[{\"a\":1},{\"a\":1}]"),
		TEXT("{\"a\":1,\"a\\u0000\":2,\"a\\u0000b\":3}"),
		TEXT("{\"\\u0000\":1,\"\":2,\"\\u0000\\u0000\":3}"),
		TEXT("{\"a\\u0000\":1,\"a\\u0001\":2}"),
		TEXT("{\"\xC3\xA9\":1,\"e\xCC\x81\":2}"),
	};

	each_is(JSON_OK, good, OTA_ARRAY_SIZE(good));
}

static void a_key_with_a_nul_is_not_the_key_before_it(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json =
		parse_good("{\"url\\u0000x\":\"evil\",\"\\u0000\":1}");

	assert_null(json_get(json, "url"));
	assert_null(json_get(json, ""));
	assert_int_equal(json_object_object_length(json), 2);
}

static void a_nul_inside_a_string_is_kept_and_seen(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json =
		parse_good("{\"a\":\"1.0\\u0000evil\",\"b\":\"1.0\",\"c\":1}");

	assert_true(json_string_has_nul(json_get(json, "a")));
	assert_int_equal(json_object_get_string_len(json_get(json, "a")), 8);
	assert_false(json_string_has_nul(json_get(json, "b")));
	assert_false(json_string_has_nul(json_get(json, "c")));
	assert_false(json_string_has_nul(NULL));
}

static void thousands_of_keys_are_all_told_apart(void **state)
{
	OTA_CLEANUP(freep) char *text = malloc(JSON_MAX_BYTES + 64);
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	enum json_fault fault = JSON_BAD;
	size_t size = 1, count = 0;

	assert_non_null(text);
	text[0] = '{';
	while (size < JSON_MAX_BYTES - 32)
		size += (size_t)sprintf(text + size, "%s\"%zx\":1",
					count ? "," : "", count + 4096),
			count++;
	text[size] = '}';
	json = parse(text, size + 1, &fault);
	assert_int_equal(fault, JSON_OK);
	assert_int_equal(json_object_object_length(json), count);

	size += (size_t)sprintf(text + size, ",\"1000\":2}");
	assert_null(parse(text, size, &fault));
	assert_int_equal(fault, JSON_DUPLICATE_KEY);
}

static void one_byte_too_many_is_too_large_whatever_it_holds(void **state)
{
	OTA_CLEANUP(freep) char *text = malloc(JSON_MAX_BYTES + 1);
	enum json_fault fault = JSON_NO_MEMORY;

	assert_non_null(text);
	memset(text, ' ', JSON_MAX_BYTES + 1);
	text[0] = '1';
	json_free(parse(text, JSON_MAX_BYTES, &fault));
	assert_int_equal(fault, JSON_OK);
	assert_null(parse(text, JSON_MAX_BYTES + 1, &fault));
	assert_int_equal(fault, JSON_TOO_LARGE);
	text[0] = 'x';
	assert_null(parse(text, JSON_MAX_BYTES + 1, &fault));
	assert_int_equal(fault, JSON_TOO_LARGE);
	assert_null(json_parse("[1]", 3, 2, &fault));
	assert_int_equal(fault, JSON_TOO_LARGE);
}

static void every_beginning_of_a_document_is_bad_json(void **state)
{
	static const char text[] =
		"{\"a\":[1.5e3,-7,\"x\\u00e9\\ud83d\\ude00\",null,true],"
		"\"b\":{\"c\":false,\"d\":\"\xE4\xB8\xAD\"}}";

	for (size_t size = 0; size < sizeof(text) - 1; size++) {
		enum json_fault fault = JSON_OK;

		assert_null(parse(text, size, &fault));
		assert_int_equal(fault, JSON_BAD);
	}
	json_free(parse_good(text));
}

static void any_top_level_value_is_json(void **state)
{
	enum json_fault fault = JSON_BAD;

	assert_null(parse(" null ", 6, &fault));
	assert_int_equal(fault, JSON_OK);
	json_free(parse_good("\"text\""));
	json_free(parse_good("12"));
	json_free(parse_good("false"));
	json_free(parse_good("[]"));
	json_free(parse_good("{}"));
}

static void numbers_keep_how_they_were_written(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = parse_good(
		"{\"i\":42,\"n\":-7,\"d\":1048576.0,\"e\":1e6,\"inf\":1e400,"
		"\"tiny\":-1e-400}");

	assert_int_equal(json_object_get_type(json_get(json, "i")),
			 json_type_int);
	assert_int_equal(json_object_get_type(json_get(json, "d")),
			 json_type_double);
	assert_int_equal(json_object_get_type(json_get(json, "e")),
			 json_type_double);
	assert_int_equal(json_get_int(json, "i", 0), 42);
	assert_int_equal(json_get_int(json, "n", 0), -7);
	assert_int_equal(json_get_int(json, "d", 0), 1048576);
	assert_int_equal(json_get_int(json, "e", 0), 1000000);
	assert_int_equal(json_get_int(json, "inf", -5), -5);
	assert_true(json_object_get_double(json_get(json, "inf")) > 1e308);
	assert_int_equal(json_get_int(json, "tiny", -5), 0);
	assert_string_equal(
		json_text(json),
		"{\"i\":42,\"n\":-7,\"d\":1048576.0,\"e\":1e6,\"inf\":1e400,"
		"\"tiny\":-1e-400}");
}

static void huge_integers_saturate(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = parse_good(
		"{\"max\":9223372036854775807,\"min\":-9223372036854775808,"
		"\"over\":9223372036854775808,\"under\":-9223372036854775809,"
		"\"umax\":18446744073709551615,"
		"\"huge\":99999999999999999999999999999999}");

	assert_int_equal(json_get_int(json, "max", 0), INT64_MAX);
	assert_int_equal(json_get_int(json, "min", 0), INT64_MIN);
	assert_int_equal(json_get_int(json, "over", 0), INT64_MAX);
	assert_int_equal(json_get_int(json, "under", 0), INT64_MIN);
	assert_int_equal(json_get_int(json, "huge", 0), INT64_MAX);
	assert_int_equal(json_object_get_uint64(json_get(json, "over")),
			 (uint64_t)INT64_MAX + 1);
	assert_int_equal(json_object_get_uint64(json_get(json, "umax")),
			 UINT64_MAX);
	assert_int_equal(json_object_get_uint64(json_get(json, "huge")),
			 UINT64_MAX);
}

static void a_fraction_is_no_integer(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = parse_good(
		"{\"half\":0.5,\"big\":1e17,\"exact\":9007199254740992.0}");

	assert_int_equal(json_get_int(json, "half", -1), -1);
	assert_int_equal(json_get_int(json, "big", -1), -1);
	assert_int_equal(json_get_int(json, "exact", -1), INT64_C(1) << 53);
}

static void getters_fall_back_on_the_wrong_type(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = parse_good(
		"{\"s\":\"1\",\"i\":1,\"b\":true,\"n\":null,\"o\":{},\"a\":[]}");

	assert_string_equal(json_get_string(json, "s"), "1");
	assert_null(json_get_string(json, "i"));
	assert_null(json_get_string(json, "n"));
	assert_null(json_get_string(json, "o"));
	assert_null(json_get_string(json, "absent"));
	assert_int_equal(json_get_int(json, "s", 9), 9);
	assert_int_equal(json_get_int(json, "b", 9), 9);
	assert_int_equal(json_get_int(json, "a", 9), 9);
	assert_int_equal(json_get_int(json, "absent", 9), 9);
	assert_true(json_get_bool(json, "b", false));
	assert_true(json_get_bool(json, "s", true));
	assert_false(json_get_bool(json, "i", false));
	assert_true(json_get_bool(json, "absent", true));
	assert_null(json_get(json, "n"));
	assert_null(json_get(json_get(json, "a"), "x"));
	assert_null(json_get(NULL, "x"));
	assert_null(json_get(json, "S"));
}

static void a_locale_with_decimal_commas_changes_nothing(void **state)
{
	struct json_object *json;

	if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "de_DE"))
		skip(); /* not installed */
	json = parse_good("{\"x\":1.5}");
	assert_true(json_object_get_double(json_get(json, "x")) == 1.5);
	assert_string_equal(json_text(json), "{\"x\":1.5}");
	json_free(json);
	setlocale(LC_ALL, "C");
}

static void faults_are_said_in_words(void **state)
{
	struct ota_error err = OTA_ERROR_INIT;

	assert_null(json_parse_err("{", 1, 10, &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	assert_non_null(strstr(err.text, "not valid JSON"));
	assert_null(json_parse_err("null", 4, 10, &err));
	assert_non_null(strstr(err.text, "null"));
	assert_null(json_parse_err("[1,2,3]", 7, 6, &err));
	assert_non_null(strstr(err.text, "at most 6"));
	assert_null(json_parse_err("{\"a\":1,\"a\":1}", 13, 100, &err));
	assert_non_null(strstr(err.text, "same key twice"));
	assert_null(json_parse_err("[[[[[[[[[[[[[[[[[[", 18, 100, &err));
	assert_non_null(strstr(err.text, "16 levels"));
	json_free(json_parse_err("[]", 2, 2, NULL));
}

static void what_is_built_comes_out_compact(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	struct json_object *list = json_new_array();

	assert_true(json_append(list, json_new_object()));
	assert_true(json_add_string(json, "url", "https://h/p?a=\"b\"\n"));
	assert_true(json_add_int(json, "size", INT64_MAX));
	assert_true(json_add_bool(json, "force", true));
	assert_true(json_add(json, "list", list));
	assert_string_equal(json_text(json),
			    "{\"url\":\"https://h/p?a=\\\"b\\\"\\n\","
			    "\"size\":9223372036854775807,\"force\":true,"
			    "\"list\":[{}]}");
}

static void adding_nothing_fails_or_is_left_out(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	OTA_CLEANUP(json_freep) struct json_object *list = json_new_array();

	assert_false(json_add(json, "a", NULL));
	assert_false(json_append(list, NULL));
	assert_true(json_add_string(json, "b", NULL));
	assert_string_equal(json_text(json), "{}");
	assert_string_equal(json_text(list), "[]");
}

static void a_second_value_replaces_the_first(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();

	assert_true(json_add_int(json, "a", 1));
	assert_true(json_add_string(json, "a", "two"));
	assert_string_equal(json_text(json), "{\"a\":\"two\"}");
}

static void what_is_written_can_always_be_read(void **state)
{
	static const char *const texts[] = {
		"", "\x01\x1F\x7F", "caf\xC3\xA9", "\xFF\xFE", "cut \xE4\xB8",
		"\xED\xA0\x80", "a\xC3(b", "\xC0\x80", "\"\\/",
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(texts); i++) {
		OTA_CLEANUP(json_freep) struct json_object *json =
			json_new_object();
		OTA_CLEANUP(json_freep) struct json_object *back = NULL;

		assert_true(json_add_string(json, "t", texts[i]));
		back = parse_good(json_text(json));
		assert_string_equal(json_get_string(back, "t"),
				    json_get_string(json, "t"));
	}
}

static void bytes_that_are_no_utf8_become_replacement_characters(void **state)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();

	assert_true(json_add_string(json, "t", "a\xFF\xC3\xA9\xE4\xB8"));
	assert_string_equal(json_get_string(json, "t"),
			    "a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_grammar_is_bad_json),
		cmocka_unit_test(what_stands_around_the_document_is_bad_json),
		cmocka_unit_test(numbers_out_of_the_grammar_are_bad_json),
		cmocka_unit_test(strings_out_of_the_grammar_are_bad_json),
		cmocka_unit_test(invalid_utf8_is_bad_json),
		cmocka_unit_test(unpaired_surrogates_are_bad_json),
		cmocka_unit_test(escapes_become_their_characters),
		cmocka_unit_test(sixteen_levels_are_the_deepest),
		cmocka_unit_test(siblings_do_not_count_as_depth),
		cmocka_unit_test(equal_keys_in_one_object_are_refused),
		cmocka_unit_test(different_keys_are_no_duplicates),
		cmocka_unit_test(a_key_with_a_nul_is_not_the_key_before_it),
		cmocka_unit_test(a_nul_inside_a_string_is_kept_and_seen),
		cmocka_unit_test(thousands_of_keys_are_all_told_apart),
		cmocka_unit_test(
			one_byte_too_many_is_too_large_whatever_it_holds),
		cmocka_unit_test(every_beginning_of_a_document_is_bad_json),
		cmocka_unit_test(any_top_level_value_is_json),
		cmocka_unit_test(numbers_keep_how_they_were_written),
		cmocka_unit_test(huge_integers_saturate),
		cmocka_unit_test(a_fraction_is_no_integer),
		cmocka_unit_test(getters_fall_back_on_the_wrong_type),
		cmocka_unit_test(a_locale_with_decimal_commas_changes_nothing),
		cmocka_unit_test(faults_are_said_in_words),
		cmocka_unit_test(what_is_built_comes_out_compact),
		cmocka_unit_test(adding_nothing_fails_or_is_left_out),
		cmocka_unit_test(a_second_value_replaces_the_first),
		cmocka_unit_test(what_is_written_can_always_be_read),
		cmocka_unit_test(
			bytes_that_are_no_utf8_become_replacement_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
