/* JSON from wherever: what is accepted is RFC 8259, and is read back equal. */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"

static unsigned depth_of(struct json_object *json)
{
	unsigned deepest = 0, depth;

	if (json_object_is_type(json, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(json); i++) {
			depth = depth_of(json_object_array_get_idx(json, i));
			deepest = depth > deepest ? depth : deepest;
		}
		return deepest + 1;
	}
	if (json_object_is_type(json, json_type_object)) {
		json_object_object_foreach(json, key, value) {
			(void)key;
			depth = depth_of(value);
			deepest = depth > deepest ? depth : deepest;
		}
		return deepest + 1;
	}
	return 0;
}

/* Numbers beyond what JSON can hold are read as such, but not written. */
static bool is_writable(struct json_object *json)
{
	if (json_object_is_type(json, json_type_double))
		return !__builtin_isinf(json_object_get_double(json));
	if (json_object_is_type(json, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(json); i++)
			if (!is_writable(json_object_array_get_idx(json, i)))
				return false;
	} else if (json_object_is_type(json, json_type_object)) {
		json_object_object_foreach(json, key, value)
			/* A key with U+0000 is no UTF-8 any more. */
			if (strstr(key, "\xc0\x80") || !is_writable(value))
				return false;
	}
	return true;
}

static void check_round_trip(struct json_object *json)
{
	OTA_CLEANUP(freep) char *text = strdup(json_text(json));
	OTA_CLEANUP(json_freep) struct json_object *again = NULL;
	enum json_fault fault;

	/* Escapes may make it longer. */
	again = json_parse(text, strlen(text), 8 * JSON_MAX_BYTES, &fault);
	fuzz_check(fault == JSON_OK);
	fuzz_check(strcmp(json_text(again), text) == 0);
}

static void check_limit(const char *text, size_t size)
{
	enum json_fault fault = JSON_OK;
	struct ota_error err = OTA_ERROR_INIT;

	fuzz_check(!json_parse(text, size, size - 1, &fault));
	fuzz_check(fault == JSON_TOO_LARGE);
	fuzz_check(!json_parse_err(text, size, size - 1, &err));
	fuzz_check(err.kind == OTA_ERROR_PROTOCOL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OTA_CLEANUP(freep) char *text = fuzz_copy(data, size);
	enum json_fault fault = JSON_NO_MEMORY;
	struct ota_error err = OTA_ERROR_INIT;
	OTA_CLEANUP(json_freep)
	struct json_object *json =
		json_parse(text, size, JSON_MAX_BYTES, &fault);
	OTA_CLEANUP(json_freep)
	struct json_object *same =
		json_parse_err(text, size, JSON_MAX_BYTES, &err);

	fuzz_check(fault != JSON_NO_MEMORY);
	fuzz_check(!json || fault == JSON_OK);
	fuzz_check((json != NULL) == (same != NULL));
	fuzz_check(json || err.text[0]);
	fuzz_check(fuzz_is_clean(err.text));
	if (size > 0)
		check_limit(text, size);
	if (!json)
		return 0;
	fuzz_check(depth_of(json) <= JSON_MAX_DEPTH);
	/* Getters take whatever there is. */
	json_get_int(json, "a", 1);
	json_get_bool(json, "a", true);
	json_get_string(json, "a");
	if (is_writable(json))
		check_round_trip(json);
	return 0;
}
