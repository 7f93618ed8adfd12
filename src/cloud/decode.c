/* Intake of a payload and what it yields: protocols.md, 1.2 and 1.4. */

#include "otad/cloud/cloud.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#include "adapter.h"
#include "fields.h"
#include "identity.h"

static const char *const reason_names[] = {
	[CLOUD_REASON_NONE] = "",
	[CLOUD_REASON_BAD_JSON] = "bad-json",
	[CLOUD_REASON_NOT_OBJECT] = "not-object",
	[CLOUD_REASON_TOO_LARGE] = "too-large",
	[CLOUD_REASON_TOO_DEEP] = "too-deep",
	[CLOUD_REASON_DUPLICATE_KEY] = "duplicate-key",
	[CLOUD_REASON_MISSING_FIELD] = "missing-field",
	[CLOUD_REASON_WRONG_TYPE] = "wrong-type",
	[CLOUD_REASON_EMBEDDED_NUL] = "embedded-nul",
	[CLOUD_REASON_BAD_VERSION] = "bad-version",
	[CLOUD_REASON_BAD_URL] = "bad-url",
	[CLOUD_REASON_URL_SCHEME] = "url-scheme",
	[CLOUD_REASON_URL_CREDENTIALS] = "url-credentials",
	[CLOUD_REASON_BAD_SIZE] = "bad-size",
	[CLOUD_REASON_BAD_DIGEST] = "bad-digest",
	[CLOUD_REASON_UNKNOWN_DIGEST_ALG] = "unknown-digest-alg",
	[CLOUD_REASON_BAD_MODULE] = "bad-module",
	[CLOUD_REASON_UNKNOWN_MODULE] = "unknown-module",
	[CLOUD_REASON_UNKNOWN_DEVICE] = "unknown-device",
	[CLOUD_REASON_BAD_MSG_ID] = "bad-msg-id",
	[CLOUD_REASON_ERROR_CODE] = "error-code",
	[CLOUD_REASON_UNSUPPORTED_PROTOCOL] = "unsupported-protocol",
	[CLOUD_REASON_UNSUPPORTED_MULTI_FILE] = "unsupported-multi-file",
	[CLOUD_REASON_UNSUPPORTED_DIFF] = "unsupported-diff",
};
_Static_assert(OTA_ARRAY_SIZE(reason_names) == CLOUD_REASON_COUNT,
	       "every reason has a name");

const char *cloud_reason_name(enum cloud_reason reason)
{
	if ((unsigned)reason >= CLOUD_REASON_COUNT)
		return "";
	return reason_names[reason];
}

void cloud_message_done(struct cloud_message *message)
{
	offer_free(message->offer);
	free(message->field);
	free(message->device);
	free(message->module);
	free(message->version);
	free(message->ids.msg.text);
	free(message->ids.task.text);
	*message = (struct cloud_message){ .verdict = CLOUD_IGNORE };
}

/* NULL with the reader's fault set, or with out_of_memory. */
static struct json_object *parse_object(struct reader *reader,
					const void *payload, size_t size)
{
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	enum json_fault fault;

	json = json_parse(payload, size, JSON_MAX_BYTES, &fault);
	switch (fault) {
	case JSON_OK:
		if (json_object_is_type(json, json_type_object))
			return OTA_TAKE(json);
		read_fault(reader, CLOUD_REASON_NOT_OBJECT, NULL);
		break;
	case JSON_BAD:
		read_fault(reader, CLOUD_REASON_BAD_JSON, NULL);
		break;
	case JSON_TOO_LARGE:
		read_fault(reader, CLOUD_REASON_TOO_LARGE, NULL);
		break;
	case JSON_TOO_DEEP:
		read_fault(reader, CLOUD_REASON_TOO_DEEP, NULL);
		break;
	case JSON_DUPLICATE_KEY:
		read_fault(reader, CLOUD_REASON_DUPLICATE_KEY, NULL);
		break;
	case JSON_NO_MEMORY:
		reader->out_of_memory = true;
		break;
	}
	return NULL;
}

/* Section 1.4, last paragraph. */
static bool is_reportable(const struct cloud *cloud,
			  const struct cloud_message *message)
{
	if (message->reason == CLOUD_REASON_ERROR_CODE ||
	    message->reason == CLOUD_REASON_BAD_JSON ||
	    message->reason == CLOUD_REASON_TOO_LARGE)
		return false;
	switch (cloud->ops->reject_needs) {
	case REJECT_NEEDS_NOTHING:
		return true;
	case REJECT_NEEDS_VERSION:
		return message->version != NULL;
	case REJECT_NEEDS_MSG_ID:
		return message->ids.msg.text != NULL;
	}
	return false;
}

static bool copy_string(char **ret_copy, const char *string)
{
	*ret_copy = string ? strdup(string) : NULL;
	return *ret_copy || !string;
}

static bool conclude_update(struct reader *reader,
			    struct cloud_message *message)
{
	struct offer *offer = reader->offer;

	assert(reader->device && offer->module && offer->version &&
	       offer->url && offer_digest(offer));
	offer->source = OFFER_SOURCE_CLOUD;
	if (!copy_string(&offer->device, reader->device->name))
		return false;
	message->verdict = CLOUD_UPDATE;
	message->offer = OTA_TAKE(reader->offer);
	return true;
}

/* A reject or "nothing to do": hands over what could be read. */
static bool conclude_other(const struct reader *reader,
			   struct cloud_message *message)
{
	struct offer *offer = reader->offer;

	message->module = OTA_TAKE(offer->module);
	message->version = OTA_TAKE(offer->version);
	message->ids = offer->ids;
	offer->ids = (struct offer_ids){ .has_strategy = false };
	if (reader->device && !device_is_gateway(reader->device) &&
	    !copy_string(&message->device, reader->device->name))
		return false;
	message->verdict = CLOUD_NO_UPDATE;
	if (reader->reason == CLOUD_REASON_NONE)
		return true;
	message->verdict = CLOUD_REJECT;
	message->reason = reader->reason;
	message->reportable = is_reportable(reader->cloud, message);
	return copy_string(&message->field, reader->field);
}

static bool conclude(struct reader *reader, enum cloud_verdict verdict,
		     struct cloud_message *message)
{
	if (verdict == CLOUD_IGNORE)
		return true;
	if (verdict == CLOUD_UPDATE && reader->reason == CLOUD_REASON_NONE)
		return conclude_update(reader, message);
	return conclude_other(reader, message);
}

static bool decode_routed(struct reader *reader, const struct route *route,
			  const void *payload, size_t size,
			  struct cloud_message *message)
{
	OTA_CLEANUP(json_freep) struct json_object *json =
		parse_object(reader, payload, size);
	enum cloud_verdict verdict = CLOUD_REJECT;

	if (json)
		verdict = reader->cloud->ops->decode(reader, route, json);
	return !reader->out_of_memory && conclude(reader, verdict, message);
}

bool cloud_decode(const struct cloud *cloud, const struct inventory *inventory,
		  const char *topic, const void *payload, size_t size,
		  struct cloud_message *ret, struct ota_error *err)
{
	struct reader reader = { .cloud = cloud, .inventory = inventory };
	struct route route;
	bool ok;

	*ret = (struct cloud_message){ .verdict = CLOUD_IGNORE };
	if (!cloud->ops->route(cloud, inventory, topic, &route))
		return true;
	reader.device = route.device;
	reader.offer = offer_new();
	ok = reader.offer &&
	     decode_routed(&reader, &route, payload, size, ret);
	offer_free(reader.offer);
	if (ok)
		return true;
	cloud_message_done(ret);
	return ota_fail_memory(err, "decode a message");
}
