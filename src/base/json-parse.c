#include "otad/base/json.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "json-scan.h"

/* What the grammar allows next. */
enum parse_state {
	PARSE_VALUE,
	PARSE_VALUE_OR_CLOSE, /* behind '[' */
	PARSE_KEY,
	PARSE_KEY_OR_CLOSE, /* behind '{' */
	PARSE_COLON,
	PARSE_COMMA_OR_CLOSE,
	PARSE_END,
};

/*
 * The tree grows from its root: a container is hung into its parent when it
 * opens. So no stack of keys is needed, and one put releases everything.
 */
struct parse {
	struct json_scan scan;
	locale_t c_locale;
	struct json_object *root;
	struct json_object *open[JSON_MAX_DEPTH];
	unsigned depth;
	const char *key; /* of the value to come, inside the scanned text */
	enum parse_state state;
};

static bool in_object(const struct parse *parse)
{
	return json_object_is_type(parse->open[parse->depth - 1],
				   json_type_object);
}

/* Takes `value`; NULL is JSON's null. */
static enum json_fault put_value(struct parse *parse, struct json_object *value)
{
	struct json_object *parent;
	int r;

	if (parse->depth == 0) {
		parse->root = value;
		parse->state = PARSE_END;
		return JSON_OK;
	}
	parse->state = PARSE_COMMA_OR_CLOSE;
	parent = parse->open[parse->depth - 1];
	if (json_object_is_type(parent, json_type_array))
		r = json_object_array_add(parent, value);
	else
		r = json_object_object_add_ex(parent, parse->key, value,
					      JSON_C_OBJECT_ADD_KEY_IS_NEW);
	if (r < 0) {
		json_object_put(value);
		return JSON_NO_MEMORY;
	}
	return JSON_OK;
}

static enum json_fault open_container(struct parse *parse,
				      enum json_token token)
{
	struct json_object *container;
	enum json_fault fault;

	if (parse->depth == JSON_MAX_DEPTH)
		return JSON_TOO_DEEP;
	/* Room for one: 64 KiB of "[]," shall not become megabytes of it. */
	container = token == JSON_TOKEN_OBJECT_OPEN ?
			    json_object_new_object() :
			    json_object_new_array_ext(1);
	if (!container)
		return JSON_NO_MEMORY;
	fault = put_value(parse, container);
	if (fault != JSON_OK)
		return fault;
	parse->open[parse->depth++] = container;
	parse->state = token == JSON_TOKEN_OBJECT_OPEN ? PARSE_KEY_OR_CLOSE :
							 PARSE_VALUE_OR_CLOSE;
	return JSON_OK;
}

static void close_container(struct parse *parse)
{
	parse->depth--;
	parse->state = parse->depth == 0 ? PARSE_END : PARSE_COMMA_OR_CLOSE;
}

/* Beyond 64 bits it saturates, as json-c's own parser does. */
static struct json_object *new_integer(const char *digits)
{
	uint64_t value;

	if (digits[0] == '-')
		return json_object_new_int64(strtoll(digits, NULL, 10));
	value = strtoull(digits, NULL, 10);
	return value > INT64_MAX ? json_object_new_uint64(value) :
				   json_object_new_int64((int64_t)value);
}

static enum json_fault put_number(struct parse *parse, enum json_token token)
{
	char *text = parse->scan.text;
	char *behind = text + parse->scan.text_bytes;
	char kept = *behind;
	struct json_object *number;

	*behind = '\0';
	if (token == JSON_TOKEN_INTEGER)
		number = new_integer(text);
	else
		number = json_object_new_double_s(
			strtod_l(text, NULL, parse->c_locale), text);
	*behind = kept;
	return number ? put_value(parse, number) : JSON_NO_MEMORY;
}

static enum json_fault put_string(struct parse *parse)
{
	/* json-c counts in int; json_parse() lets nothing longer in. */
	struct json_object *string = json_object_new_string_len(
		parse->scan.text, (int)parse->scan.text_bytes);

	return string ? put_value(parse, string) : JSON_NO_MEMORY;
}

static enum json_fault put_bool(struct parse *parse, bool value)
{
	struct json_object *boolean = json_object_new_boolean(value);

	return boolean ? put_value(parse, boolean) : JSON_NO_MEMORY;
}

static enum json_fault step_value(struct parse *parse, enum json_token token)
{
	switch (token) {
	case JSON_TOKEN_OBJECT_OPEN:
	case JSON_TOKEN_ARRAY_OPEN:
		return open_container(parse, token);
	case JSON_TOKEN_STRING:
		return put_string(parse);
	case JSON_TOKEN_INTEGER:
	case JSON_TOKEN_FRACTION:
		return put_number(parse, token);
	case JSON_TOKEN_TRUE:
		return put_bool(parse, true);
	case JSON_TOKEN_FALSE:
		return put_bool(parse, false);
	case JSON_TOKEN_NULL:
		return put_value(parse, NULL);
	case JSON_TOKEN_ARRAY_CLOSE:
		if (parse->state != PARSE_VALUE_OR_CLOSE)
			return JSON_BAD;
		close_container(parse);
		return JSON_OK;
	case JSON_TOKEN_BAD:
	case JSON_TOKEN_END:
	case JSON_TOKEN_OBJECT_CLOSE:
	case JSON_TOKEN_COLON:
	case JSON_TOKEN_COMMA:
		return JSON_BAD;
	}
	return JSON_BAD;
}

static enum json_fault step_key(struct parse *parse, enum json_token token)
{
	if (token == JSON_TOKEN_OBJECT_CLOSE &&
	    parse->state == PARSE_KEY_OR_CLOSE) {
		close_container(parse);
		return JSON_OK;
	}
	if (token != JSON_TOKEN_STRING)
		return JSON_BAD;
	parse->key = parse->scan.text;
	parse->state = PARSE_COLON;
	/* A hash table with a random seed: no quadratic blow-up to provoke. */
	if (json_object_object_get_ex(parse->open[parse->depth - 1],
				      parse->key, NULL))
		return JSON_DUPLICATE_KEY;
	return JSON_OK;
}

static enum json_fault step_behind_value(struct parse *parse,
					 enum json_token token)
{
	if (token == JSON_TOKEN_COMMA) {
		parse->state = in_object(parse) ? PARSE_KEY : PARSE_VALUE;
		return JSON_OK;
	}
	if (token != (in_object(parse) ? JSON_TOKEN_OBJECT_CLOSE :
					 JSON_TOKEN_ARRAY_CLOSE))
		return JSON_BAD;
	close_container(parse);
	return JSON_OK;
}

static enum json_fault step(struct parse *parse)
{
	switch (parse->state) {
	case PARSE_VALUE:
	case PARSE_VALUE_OR_CLOSE:
		return step_value(parse, json_scan_next(&parse->scan));
	case PARSE_KEY:
	case PARSE_KEY_OR_CLOSE:
		return step_key(parse, json_scan_next_key(&parse->scan));
	case PARSE_COLON:
		if (json_scan_next(&parse->scan) != JSON_TOKEN_COLON)
			return JSON_BAD;
		parse->state = PARSE_VALUE;
		return JSON_OK;
	case PARSE_COMMA_OR_CLOSE:
		return step_behind_value(parse, json_scan_next(&parse->scan));
	case PARSE_END:
		return JSON_OK;
	}
	return JSON_BAD;
}

static struct json_object *parse_copy(char *copy, size_t size,
				      enum json_fault *ret_fault)
{
	struct parse parse = { .state = PARSE_VALUE };
	enum json_fault fault = JSON_OK;

	/* A decimal comma of the user's locale has no place in JSON. */
	parse.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (parse.c_locale == (locale_t)0) {
		*ret_fault = JSON_NO_MEMORY;
		return NULL;
	}
	json_scan_init(&parse.scan, copy, size);
	while (fault == JSON_OK && parse.state != PARSE_END)
		fault = step(&parse);
	if (fault == JSON_OK && json_scan_next(&parse.scan) != JSON_TOKEN_END)
		fault = JSON_BAD;
	freelocale(parse.c_locale);

	if (fault != JSON_OK) {
		json_object_put(parse.root);
		parse.root = NULL;
	}
	*ret_fault = fault;
	return parse.root;
}

struct json_object *json_parse(const char *text, size_t size, size_t max_bytes,
			       enum json_fault *ret_fault)
{
	OTA_CLEANUP(freep) char *copy = NULL;

	if (size > max_bytes || size >= INT32_MAX) {
		*ret_fault = JSON_TOO_LARGE;
		return NULL;
	}
	copy = malloc(size + 1);
	if (!copy) {
		*ret_fault = JSON_NO_MEMORY;
		return NULL;
	}
	if (size > 0)
		memcpy(copy, text, size);
	copy[size] = '\0';
	return parse_copy(copy, size, ret_fault);
}

struct json_object *json_parse_err(const char *text, size_t size,
				   size_t max_bytes, struct ota_error *err)
{
	enum json_fault fault = JSON_BAD;
	struct json_object *json = json_parse(text, size, max_bytes, &fault);

	switch (fault) {
	case JSON_OK:
		if (!json)
			ota_fail(err, OTA_ERROR_PROTOCOL,
				 "the JSON text is a mere null");
		break;
	case JSON_BAD:
		ota_fail(err, OTA_ERROR_PROTOCOL, "not valid JSON (RFC 8259)");
		break;
	case JSON_TOO_LARGE:
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "%zu bytes of JSON, at most %zu are accepted", size,
			 max_bytes);
		break;
	case JSON_TOO_DEEP:
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "JSON nested deeper than %d levels", JSON_MAX_DEPTH);
		break;
	case JSON_DUPLICATE_KEY:
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "the same key twice in one JSON object");
		break;
	case JSON_NO_MEMORY:
		ota_fail_memory(err, "reading JSON");
		break;
	}
	return json;
}
