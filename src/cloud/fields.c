#include "fields.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"
#include "otad/base/version.h"
#include "otad/model/text.h"

#include "adapter.h"

#define MSG_ID_MAX_BYTES 128
/* 2^53-1: beyond it a number may not come back as it went out. */
#define MSG_ID_MAX_NUMBER INT64_C(9007199254740991)
#define INT64_LIMIT 9223372036854775808.0 /* 2^63 */
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

bool field_integer(struct json_object *value, int64_t *ret_integer)
{
	double number;

	if (json_object_is_type(value, json_type_int)) {
		*ret_integer = json_object_get_int64(value);
		return true;
	}
	if (!json_object_is_type(value, json_type_double))
		return false;
	number = json_object_get_double(value);
	if (!(fabs(number) < INT64_LIMIT) || trunc(number) != number)
		return false;
	*ret_integer = (int64_t)number;
	return true;
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
