#include "otad/base/json.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/utf8.h"

/* U+FFFD, what stands for a byte that is no UTF-8. */
#define REPLACEMENT "\xEF\xBF\xBD"
#define REPLACEMENT_BYTES (sizeof(REPLACEMENT) - 1)

/* Up to there every integer has a double of its own. */
#define MAX_EXACT_DOUBLE 9007199254740992.0 /* 2^53 */

struct json_object *json_free(struct json_object *json)
{
	json_object_put(json);
	return NULL;
}

struct json_object *json_get(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value))
		return NULL;
	return value;
}

const char *json_get_string(struct json_object *object, const char *key)
{
	struct json_object *value = json_get(object, key);

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

bool json_get_bool(struct json_object *object, const char *key, bool fallback)
{
	struct json_object *value = json_get(object, key);

	if (!json_object_is_type(value, json_type_boolean))
		return fallback;
	return json_object_get_boolean(value);
}

int64_t json_get_int(struct json_object *object, const char *key,
		     int64_t fallback)
{
	struct json_object *value = json_get(object, key);
	double number;

	if (json_object_is_type(value, json_type_int))
		return json_object_get_int64(value);
	if (!json_object_is_type(value, json_type_double))
		return fallback;
	number = json_object_get_double(value);
	if (!(number >= -MAX_EXACT_DOUBLE && number <= MAX_EXACT_DOUBLE))
		return fallback;
	return (double)(int64_t)number == number ? (int64_t)number : fallback;
}

const char *json_number_text(struct json_object *number)
{
	if (!json_object_is_type(number, json_type_double))
		return NULL;
	return json_object_get_userdata(number);
}

bool json_string_has_nul(struct json_object *string)
{
	if (!json_object_is_type(string, json_type_string))
		return false;
	return memchr(json_object_get_string(string), '\0',
		      (size_t)json_object_get_string_len(string)) != NULL;
}

struct json_object *json_new_object(void)
{
	return json_object_new_object();
}

struct json_object *json_new_array(void)
{
	return json_object_new_array();
}

bool json_add(struct json_object *object, const char *key,
	      struct json_object *value)
{
	if (!value)
		return false;
	if (json_object_object_add(object, key, value) < 0) {
		json_object_put(value);
		return false;
	}
	return true;
}

/* Like strlen(), but counts what make_valid() would write. */
static size_t valid_bytes(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + strlen(text);
	size_t bytes = 0;

	while (at < end) {
		size_t length = utf8_length(at, end);

		bytes += length ? length : REPLACEMENT_BYTES;
		at += length ? length : 1;
	}
	return bytes;
}

static void make_valid(const char *text, char *out)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + strlen(text);

	while (at < end) {
		size_t length = utf8_length(at, end);

		if (length) {
			memcpy(out, at, length);
			out += length;
			at += length;
		} else {
			memcpy(out, REPLACEMENT, REPLACEMENT_BYTES);
			out += REPLACEMENT_BYTES;
			at++;
		}
	}
	*out = '\0';
}

bool json_add_string(struct json_object *object, const char *key,
		     const char *value)
{
	OTA_CLEANUP(freep) char *valid = NULL;
	size_t bytes;

	if (!value)
		return true;
	bytes = valid_bytes(value);
	if (bytes != strlen(value)) {
		valid = malloc(bytes + 1);
		if (!valid)
			return false;
		make_valid(value, valid);
		value = valid;
	}
	return json_add(object, key, json_object_new_string(value));
}

bool json_add_int(struct json_object *object, const char *key, int64_t value)
{
	return json_add(object, key, json_object_new_int64(value));
}

bool json_add_bool(struct json_object *object, const char *key, bool value)
{
	return json_add(object, key, json_object_new_boolean(value));
}

bool json_append(struct json_object *array, struct json_object *value)
{
	if (!value)
		return false;
	if (json_object_array_add(array, value) < 0) {
		json_object_put(value);
		return false;
	}
	return true;
}

const char *json_text(struct json_object *json)
{
	return json_object_to_json_string_ext(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}
