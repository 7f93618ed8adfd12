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

static struct payload generate(struct json_object *described)
{
	const char *prefix = need_string(described, "prefix");
	const char *repeat = need_string(described, "repeat");
	const char *suffix = need_string(described, "suffix");
	int64_t count = json_get_int(described, "count", -1);
	struct payload payload = { NULL, 0 };
	char *at;

	if (count < 0 || (uint64_t)count * strlen(repeat) > MAX_GENERATED)
		vector_unusable("\"count\" of \"payload_gen\" is no good");
	payload.bytes = vector_need(malloc(strlen(prefix) + strlen(suffix) +
					   strlen(repeat) * (size_t)count + 1));
	at = stpcpy(payload.bytes, prefix);
	for (int64_t i = 0; i < count; i++)
		at = stpcpy(at, repeat);
	at = stpcpy(at, suffix);
	payload.size = (size_t)(at - payload.bytes);
	return payload;
}

static struct payload copy_string(struct json_object *string)
{
	size_t size = (size_t)json_object_get_string_len(string);
	struct payload payload = { vector_need(malloc(size + 1)), size };

	memcpy(payload.bytes, json_object_get_string(string), size);
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

static const char *verdict_name(enum cloud_verdict verdict)
{
	switch (verdict) {
	case CLOUD_UPDATE:
		return "update";
	case CLOUD_NO_UPDATE:
		return "no-update";
	case CLOUD_REJECT:
		return "reject";
	case CLOUD_IGNORE:
		return "ignore";
	}
	return "";
}

static struct json_object *describe_digest(const struct digest *digest)
{
	struct json_object *json = json_new_object();

	json_add_string(json, "alg", digest_alg_name(digest->alg));
	json_add_string(json, "hex", digest->hex);
	return json;
}

static const char *id_text(const struct message_id *id)
{
	return id->text ? id->text : "";
}

/* NULL, JSON's null, where `known` is false. */
static void add_integer(struct json_object *json, const char *key, bool known,
			int64_t value)
{
	json_object_object_add(json, key,
			       known ? json_object_new_int64(value) : NULL);
}

static void describe_offer(struct json_object *json, const struct offer *offer)
{
	json_add_string(json, "device", offer->device);
	json_add_string(json, "module", offer->module);
	json_add_string(json, "version", offer->version);
	json_add_string(json, "url", offer->url);
	add_integer(json, "size", offer->size_bytes != OFFER_SIZE_UNKNOWN,
		    (int64_t)offer->size_bytes);
	json_add(json, "digest", describe_digest(offer_digest(offer)));
	json_add_string(json, "msgId", id_text(&offer->ids.msg));
	json_add_string(json, "taskId", id_text(&offer->ids.task));
	json_add_bool(json, "force", offer->force);
	add_integer(json, "strategy", offer->ids.has_strategy,
		    offer->ids.strategy);
}

static struct json_object *describe(const struct cloud_message *message)
{
	struct json_object *json = vector_need(json_new_object());

	json_add_string(json, "kind", verdict_name(message->verdict));
	if (message->verdict == CLOUD_UPDATE)
		describe_offer(json, message->offer);
	if (message->verdict == CLOUD_REJECT)
		json_add_string(json, "reason",
				cloud_reason_name(message->reason));
	return json;
}

/* Keys that are not expected are not compared. */
static bool meets(struct json_object *expected, struct json_object *got)
{
	json_object_object_foreach(expected, key, value) {
		struct json_object *other;

		if (!json_object_object_get_ex(got, key, &other) ||
		    !vector_matches(value, other))
			return false;
	}
	return true;
}

bool vector_run_inbound(const struct vector_setup *setup,
			struct json_object *test, const char *raw)
{
	struct json_object *expected = json_get(test, "expect");
	struct payload payload = make_payload(test, raw);
	OTA_CLEANUP(json_freep) struct json_object *got = NULL;
	struct cloud_message message;
	struct ota_error err;
	bool passed;

	if (!json_get(expected, "kind"))
		vector_unusable("a case does not say what \"kind\" to expect");
	if (!cloud_decode(setup->cloud, setup->inventory,
			  need_string(test, "topic"), payload.bytes,
			  payload.size, &message, &err))
		vector_need(NULL);
	got = describe(&message);
	cloud_message_done(&message);
	free(payload.bytes);
	passed = meets(expected, got);
	if (!passed)
		vector_print_failure(test, expected, got);
	return passed;
}
