#include "vectors.h"

#include <stdlib.h>

#include <json-c/json.h>

#include "otad/base/json.h"

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
	const char *topic = json_get_string(test, "topic");
	OTA_CLEANUP(freep) char *payload = NULL;
	OTA_CLEANUP(json_freep) struct json_object *got = NULL;
	struct cloud_message message;
	struct ota_error err;
	size_t size;
	bool passed;

	if (!json_get(expected, "kind"))
		vector_unusable("a case does not say what \"kind\" to expect");
	if (!topic)
		vector_unusable("a case without a topic");
	payload = vector_payload(test, raw, &size);
	if (!cloud_decode(setup->cloud, setup->inventory, topic, payload, size,
			  &message, &err))
		vector_need(NULL);
	got = describe(&message);
	cloud_message_done(&message);
	passed = meets(expected, got);
	if (!passed)
		vector_print_failure(test, expected, got);
	return passed;
}
