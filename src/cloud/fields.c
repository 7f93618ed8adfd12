#include "fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"
#include "otad/base/version.h"
#include "otad/model/text.h"

#include "adapter.h"

#define MSG_ID_MAX_BYTES 128
/* 2^53-1: beyond it a number may not come back as it went out. */
#define MSG_ID_MAX_NUMBER INT64_C(9007199254740991)
/* More than a message has digits: no use to count further. */
#define EXPONENT_LIMIT INT64_C(1000000)
#define SHORT_NUMBER_SIZE 24

void read_fault(struct reader *reader, enum cloud_reason reason,
		const char *key)
{
	if (reader->reason != CLOUD_REASON_NONE)
		return;
	reader->reason = reason;
	reader->field = key;
}

static void keep_copy(struct reader *reader, char **ret_copy, const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		reader->out_of_memory = true;
		return;
	}
	free(*ret_copy);
	*ret_copy = copy;
}

static struct json_object *read_value(struct reader *reader,
				      struct json_object *object,
				      const char *key, enum field_need need)
{
	struct json_object *value = json_get(object, key);

	if (!value && need == FIELD_REQUIRED)
		read_fault(reader, CLOUD_REASON_MISSING_FIELD, key);
	return value;
}

struct json_object *read_object(struct reader *reader,
				struct json_object *object, const char *key,
				enum field_need need)
{
	struct json_object *value = read_value(reader, object, key, need);

	if (!value || json_object_is_type(value, json_type_object))
		return value;
	read_fault(reader, CLOUD_REASON_WRONG_TYPE, key);
	return NULL;
}

/* `value` is a string: fit for use? */
static const char *usable_string(struct reader *reader,
				 struct json_object *value, const char *key)
{
	if (json_string_has_nul(value)) {
		read_fault(reader, CLOUD_REASON_EMBEDDED_NUL, key);
		return NULL;
	}
	return json_object_get_string(value);
}

const char *read_string(struct reader *reader, struct json_object *object,
			const char *key, enum field_need need)
{
	struct json_object *value = read_value(reader, object, key, need);

	if (!value)
		return NULL;
	if (!json_object_is_type(value, json_type_string)) {
		read_fault(reader, CLOUD_REASON_WRONG_TYPE, key);
		return NULL;
	}
	return usable_string(reader, value, key);
}

bool read_bool(struct reader *reader, struct json_object *object,
	       const char *key, enum field_need need)
{
	struct json_object *value = read_value(reader, object, key, need);

	if (!value)
		return false;
	if (!json_object_is_type(value, json_type_boolean)) {
		read_fault(reader, CLOUD_REASON_WRONG_TYPE, key);
		return false;
	}
	return json_object_get_boolean(value);
}

/* Appends `zeros` noughts to `*value`; false when it grows too large. */
static bool scale(int64_t *value, int64_t zeros)
{
	for (; *value > 0 && zeros > 0; zeros--) {
		if (__builtin_mul_overflow(*value, 10, value))
			return false;
	}
	return true;
}

/*
 * The value of a JSON number, if it is an integer. By its digits: in a double
 * 1048576.00000000001 is one, and 1e-400 is 0.
 */
static bool decimal_integer(const char *text, int64_t *ret_integer)
{
	const char *at = text[0] == '-' ? text + 1 : text;
	const char *end = at + strspn(at, "0123456789.");
	int64_t exponent = *end ? strtoll(end + 1, NULL, 10) : 0;
	int64_t zeros = 0; /* seen, but perhaps the last digits */
	int64_t value = 0;
	bool fraction = false;

	if (exponent > EXPONENT_LIMIT || exponent < -EXPONENT_LIMIT)
		exponent = exponent > 0 ? EXPONENT_LIMIT : -EXPONENT_LIMIT;
	for (; at < end; at++) {
		if (*at == '.') {
			fraction = true;
			continue;
		}
		exponent -= fraction;
		zeros++;
		if (*at == '0')
			continue;
		if (!scale(&value, zeros) ||
		    __builtin_add_overflow(value, *at - '0', &value))
			return false;
		zeros = 0;
	}
	if (value > 0 && exponent + zeros < 0)
		return false;
	if (!scale(&value, exponent + zeros))
		return false;
	*ret_integer = text[0] == '-' ? -value : value;
	return true;
}

bool field_integer(struct json_object *value, int64_t *ret_integer)
{
	const char *text;

	if (json_object_is_type(value, json_type_int)) {
		*ret_integer = json_object_get_int64(value);
		return true;
	}
	if (!json_object_is_type(value, json_type_double))
		return false;
	text = json_number_text(value);
	return text && decimal_integer(text, ret_integer);
}

static bool is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) ||
	       json_object_is_type(value, json_type_double);
}

static bool code_is(struct json_object *value, const char *text, int code)
{
	char decimal[SHORT_NUMBER_SIZE];
	int64_t number;

	if (!text)
		return field_integer(value, &number) && number == code;
	snprintf(decimal, sizeof(decimal), "%d", code);
	return !strcmp(text, decimal);
}

void read_code(struct reader *reader, struct json_object *object,
	       const char *key, enum field_need need, const int *success,
	       size_t count)
{
	struct json_object *value = read_value(reader, object, key, need);
	const char *text = NULL;

	if (!value)
		return;
	if (json_object_is_type(value, json_type_string)) {
		text = usable_string(reader, value, key);
		if (!text)
			return;
	} else if (!is_number(value)) {
		read_fault(reader, CLOUD_REASON_WRONG_TYPE, key);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (code_is(value, text, success[i]))
			return;
	}
	read_fault(reader, CLOUD_REASON_ERROR_CODE, key);
}

static void read_number_id(struct reader *reader, struct json_object *value,
			   const char *key, struct message_id *ret_id)
{
	char decimal[SHORT_NUMBER_SIZE];
	int64_t number;

	if (!field_integer(value, &number) || number > MSG_ID_MAX_NUMBER ||
	    number < -MSG_ID_MAX_NUMBER) {
		read_fault(reader, CLOUD_REASON_BAD_MSG_ID, key);
		return;
	}
	snprintf(decimal, sizeof(decimal), "%" PRId64, number);
	keep_copy(reader, &ret_id->text, decimal);
	ret_id->is_number = true;
}

void read_message_id(struct reader *reader, struct json_object *object,
		     const char *key, struct message_id *ret_id)
{
	struct json_object *value = json_get(object, key);
	const char *text;
	size_t size;

	if (is_number(value)) {
		read_number_id(reader, value, key, ret_id);
		return;
	}
	text = read_string(reader, object, key, FIELD_OPTIONAL);
	if (!text)
		return;
	size = strlen(text);
	if (size == 0 || size > MSG_ID_MAX_BYTES ||
	    text_has_control(text, size)) {
		read_fault(reader, CLOUD_REASON_BAD_MSG_ID, key);
		return;
	}
	keep_copy(reader, &ret_id->text, text);
	ret_id->is_number = false;
}

static void take_module(struct reader *reader, const char *name,
			const char *key)
{
	if (!module_name_is_valid(name)) {
		read_fault(reader, CLOUD_REASON_BAD_MODULE, key);
		return;
	}
	keep_copy(reader, &reader->offer->module, name);
	if (reader->device && !device_find_module(reader->device, name))
		read_fault(reader, CLOUD_REASON_UNKNOWN_MODULE, key);
}

void read_module(struct reader *reader, struct json_object *object,
		 const char *key)
{
	const char *name;

	if (!json_get(object, key)) {
		take_module(reader, reader->cloud->platform->default_module,
			    key);
		return;
	}
	name = read_string(reader, object, key, FIELD_OPTIONAL);
	if (!name)
		return;
	if (name[0] == '\0')
		name = reader->cloud->platform->default_module;
	take_module(reader, name, key);
}

void read_default_module(struct reader *reader)
{
	take_module(reader, reader->cloud->platform->default_module, NULL);
}

void read_version(struct reader *reader, struct json_object *object,
		  const char *key)
{
	const char *version = read_string(reader, object, key, FIELD_REQUIRED);

	if (!version)
		return;
	if (!version_is_valid(version)) {
		read_fault(reader, CLOUD_REASON_BAD_VERSION, key);
		return;
	}
	keep_copy(reader, &reader->offer->version, version);
}

void read_url(struct reader *reader, struct json_object *object,
	      const char *key)
{
	const char *url = read_string(reader, object, key, FIELD_REQUIRED);

	if (!url)
		return;
	switch (offer_check_url(url, reader->cloud->allow_http)) {
	case OFFER_OK:
		keep_copy(reader, &reader->offer->url, url);
		break;
	case OFFER_BAD_URL:
		read_fault(reader, CLOUD_REASON_BAD_URL, key);
		break;
	case OFFER_URL_SCHEME:
		read_fault(reader, CLOUD_REASON_URL_SCHEME, key);
		break;
	case OFFER_URL_CREDENTIALS:
		read_fault(reader, CLOUD_REASON_URL_CREDENTIALS, key);
		break;
	}
}

void read_size(struct reader *reader, struct json_object *object,
	       const char *key, enum field_need need)
{
	struct json_object *value = read_value(reader, object, key, need);
	int64_t size;

	if (!value)
		return;
	if (!is_number(value)) {
		read_fault(reader, CLOUD_REASON_WRONG_TYPE, key);
		return;
	}
	/* INT64_MAX is what larger numbers saturate at. */
	if (!field_integer(value, &size) || size < 1 || size == INT64_MAX ||
	    (uint64_t)size > reader->cloud->max_size_bytes) {
		read_fault(reader, CLOUD_REASON_BAD_SIZE, key);
		return;
	}
	reader->offer->size_bytes = (uint64_t)size;
}

void read_digest(struct reader *reader, struct json_object *object,
		 const char *key, enum digest_alg alg)
{
	const char *hex = read_string(reader, object, key, FIELD_REQUIRED);
	struct digest *digest = alg == DIGEST_SHA256 ? &reader->offer->sha256 :
						       &reader->offer->md5;

	if (hex && !digest_set(digest, alg, hex))
		read_fault(reader, CLOUD_REASON_BAD_DIGEST, key);
}

enum digest_alg read_digest_alg(struct reader *reader,
				struct json_object *object, const char *key,
				enum field_need need)
{
	const char *name = read_string(reader, object, key, need);
	enum digest_alg alg;

	if (!name)
		return DIGEST_NONE;
	if (digest_alg_parse(name, &alg) && alg != DIGEST_NONE)
		return alg;
	read_fault(reader, CLOUD_REASON_UNKNOWN_DIGEST_ALG, key);
	return DIGEST_NONE;
}

void read_device(struct reader *reader, const char *address, const char *key)
{
	reader->device = inventory_find_address(reader->inventory, address);
	if (!reader->device)
		read_fault(reader, CLOUD_REASON_UNKNOWN_DEVICE, key);
}

const char *field_string(struct json_object *object, const char *key)
{
	struct json_object *value = json_get(object, key);

	if (!json_object_is_type(value, json_type_string) ||
	    json_string_has_nul(value))
		return NULL;
	return json_object_get_string(value);
}

bool field_is(struct json_object *object, const char *key, const char *text)
{
	const char *value = field_string(object, key);

	return value && !strcmp(value, text);
}
