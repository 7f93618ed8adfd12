#include "vectors.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <openssl/evp.h>

#include "otad/base/json.h"

#define MAX_GENERATED (16 * 1024 * 1024)

struct payload {
	char *bytes;
	size_t size;
};

static const char *need_string(struct json_object *object, const char *key)
{
	const char *text = json_get_string(object, key);

	if (!text)
		vector_unusable("a string \"%s\" is missing", key);
	return text;
}

static struct payload decode_base64(const char *text)
{
	size_t length = strlen(text);
	struct payload payload = { vector_need(malloc(length + 1)), 0 };
	int size = 0;

	if (length > 0)
		size = EVP_DecodeBlock((unsigned char *)payload.bytes,
				       (const unsigned char *)text,
				       (int)length);
	if (length % 4 != 0 || size < 0)
		vector_unusable("\"payload_base64\" is not base64");
	/* The padding was decoded too. */
	for (size_t i = length; i > 0 && text[i - 1] == '='; i--)
		size--;
	payload.size = (size_t)size;
	return payload;
}

static struct payload copy_string(struct json_object *string)
{
	size_t size = (size_t)json_object_get_string_len(string);
	struct payload payload = { vector_need(malloc(size + 1)), size };

	memcpy(payload.bytes, json_object_get_string(string), size);
	return payload;
}

static struct payload part(struct json_object *described, const char *key)
{
	need_string(described, key);
	return copy_string(json_get(described, key));
}

static void append(struct payload *payload, const struct payload *more)
{
	memcpy(payload->bytes + payload->size, more->bytes, more->size);
	payload->size += more->size;
}

static struct payload generate(struct json_object *described)
{
	struct payload prefix = part(described, "prefix");
	struct payload repeat = part(described, "repeat");
	struct payload suffix = part(described, "suffix");
	int64_t count = json_get_int(described, "count", -1);
	struct payload payload = { NULL, 0 };

	if (count < 0 || (repeat.size > 0 &&
			  (uint64_t)count > MAX_GENERATED / repeat.size))
		vector_unusable("\"count\" of \"payload_gen\" is no good");
	payload.bytes = vector_need(malloc(prefix.size + suffix.size +
					   repeat.size * (size_t)count + 1));
	append(&payload, &prefix);
	for (int64_t i = 0; repeat.size > 0 && i < count; i++)
		append(&payload, &repeat);
	append(&payload, &suffix);
	free(prefix.bytes);
	free(repeat.bytes);
	free(suffix.bytes);
	return payload;
}

static struct payload make_payload(struct json_object *test, const char *raw)
{
	const char *value = raw_member(raw, "payload");
	struct payload payload;

	if (json_get_string(test, "payload_base64"))
		return decode_base64(need_string(test, "payload_base64"));
	if (json_get(test, "payload_gen"))
		return generate(json_get(test, "payload_gen"));
	if (!value)
		vector_unusable("a case without a payload");
	if (*value == '"')
		return copy_string(json_get(test, "payload"));
	payload.bytes = raw_compact(value);
	payload.size = strlen(payload.bytes);
	return payload;
}

char *vector_payload(struct json_object *test, const char *raw,
		     size_t *ret_size)
{
	struct payload payload = make_payload(test, raw);

	*ret_size = payload.size;
	return payload.bytes;
}
