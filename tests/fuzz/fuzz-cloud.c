/*
 * A message from the broker: "TOPIC\nPAYLOAD", for the platform FUZZ_PLATFORM
 * with the identity of its vector file.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"
#include "otad/base/version.h"

#include "vectors/vectors.h"

#define VECTORS OTAD_SOURCE_ROOT "/tests/data/vectors/" FUZZ_PLATFORM ".json"
/* protocols.md, section 1.3. */
#define MAX_IMAGE_SIZE 1073741824
#define MAX_MESSAGE_ID_BYTES 128

static const struct vector_setup *setup(void)
{
	static struct vector_setup made;
	static struct json_object *file; /* the setup borrows from it */
	static char *text;

	if (made.cloud)
		return &made;
	file = vector_load(VECTORS, &text);
	vector_setup_init(&made, json_get_string(file, "platform"),
			  json_get(file, "identity"));
	return &made;
}

static void check_id(const struct message_id *id)
{
	size_t size = id->text ? strlen(id->text) : 1;

	fuzz_check(size > 0 && size <= MAX_MESSAGE_ID_BYTES);
	fuzz_check(!id->text || fuzz_is_clean(id->text));
}

static void check_round_trip(const struct offer *offer)
{
	struct ota_error err = OTA_ERROR_INIT;
	OTA_CLEANUP(json_freep)
	struct json_object *json = offer_to_json(offer);
	OTA_CLEANUP(offer_freep) struct offer *again = NULL;
	OTA_CLEANUP(json_freep) struct json_object *twice = NULL;

	fuzz_check(json);
	again = offer_from_json(json, &err);
	fuzz_check(again);
	twice = offer_to_json(again);
	fuzz_check(fuzz_json_equal(json, twice));
	fuzz_check(offer_same_job(offer, again));
}

static void check_offer(const struct offer *offer)
{
	const struct inventory *inventory = setup()->inventory;
	struct device *device = inventory_find(inventory, offer->device);

	fuzz_check(device);
	fuzz_check(module_name_is_valid(offer->module));
	fuzz_check(device_find_module(device, offer->module));
	fuzz_check(version_is_valid(offer->version));
	fuzz_check(offer_check_url(offer->url, setup()->cloud != NULL) ==
		   OFFER_OK);
	fuzz_check(offer_digest(offer));
	fuzz_check(offer->size_bytes == OFFER_SIZE_UNKNOWN ||
		   (offer->size_bytes > 0 &&
		    offer->size_bytes <= MAX_IMAGE_SIZE));
	fuzz_check(offer->source == OFFER_SOURCE_CLOUD);
	check_id(&offer->ids.msg);
	check_id(&offer->ids.task);
	check_round_trip(offer);
}

static void check_reject(const struct cloud_message *message)
{
	fuzz_check(!message->offer);
	fuzz_check(message->reason > CLOUD_REASON_NONE);
	fuzz_check(message->reason < CLOUD_REASON_COUNT);
	fuzz_check(cloud_reason_name(message->reason)[0]);
	fuzz_check(!message->version || version_is_valid(message->version));
	fuzz_check(!message->module || module_name_is_valid(message->module));
	fuzz_check(!message->device ||
		   inventory_find(setup()->inventory, message->device));
	if (message->reportable) {
		/* Section 1.4: never told. */
		fuzz_check(message->reason != CLOUD_REASON_ERROR_CODE);
		fuzz_check(message->reason != CLOUD_REASON_BAD_JSON);
		fuzz_check(message->reason != CLOUD_REASON_TOO_LARGE);
	}
}

static bool check_publication(void *user_data,
			      const struct cloud_publication *publication,
			      struct ota_error *err)
{
	size_t size = strlen(publication->payload);
	OTA_CLEANUP(json_freep)
	struct json_object *json = json_parse_err(publication->payload, size,
						  JSON_MAX_BYTES, err);

	(void)user_data;
	fuzz_check(json_object_is_type(json, json_type_object));
	fuzz_check(publication->topic[0] != '\0');
	fuzz_check(!strpbrk(publication->topic, "+#"));
	fuzz_check(publication->qos == 0 || publication->qos == 1);
	return true;
}

/* Whatever a job that came of `offer` may say, with `text` as its reason. */
static void check_reports(const struct offer *offer, const char *text,
			  uint8_t choice)
{
	struct report report = {
		.event = REPORT_PROGRESS,
		.device = offer->device,
		.module = offer->module,
		.state = JOB_STATE_AVAILABLE +
			 choice % (JOB_STATE_COUNT - JOB_STATE_AVAILABLE),
		.progress_percent = choice % 101,
		.version = "1.0.0",
		.target = offer->version,
		.error = choice % OTA_ERROR_KIND_COUNT,
		.message = text,
		.ids = &offer->ids,
		.now_ms = 1795248000000,
		.sequence = choice,
	};
	struct ota_error err = OTA_ERROR_INIT;

	for (report.event = REPORT_ONLINE; report.event <= REPORT_REPLY;
	     report.event++)
		fuzz_check(cloud_encode(setup()->cloud, setup()->inventory,
					&report, check_publication, NULL,
					&err));
}

static void check_online(const char *topic, const char *payload, size_t size)
{
	char *device = NULL;
	bool online = false;

	if (cloud_decode_online(setup()->cloud, setup()->inventory, topic,
				payload, size, &device, &online))
		fuzz_check(device &&
			   inventory_find(setup()->inventory, device));
	free(device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OTA_CLEANUP(freep) char *topic = fuzz_take_text(&data, &size, '\n');
	OTA_CLEANUP(freep) char *payload = fuzz_copy(data, size);
	OTA_CLEANUP(freep) char *text = fuzz_text(data, size);
	struct ota_error err = OTA_ERROR_INIT;
	struct cloud_message message;

	fuzz_check(cloud_decode(setup()->cloud, setup()->inventory, topic,
				payload, size, &message, &err));
	switch (message.verdict) {
	case CLOUD_UPDATE:
		check_offer(message.offer);
		check_reports(message.offer, text, (uint8_t)size);
		break;
	case CLOUD_REJECT:
		check_reject(&message);
		break;
	case CLOUD_NO_UPDATE:
	case CLOUD_IGNORE:
		fuzz_check(!message.offer);
		break;
	}
	if (message.reportable)
		fuzz_check(cloud_encode_reject(setup()->cloud,
					       setup()->inventory, &message,
					       1795248000000, 7,
					       check_publication, NULL, &err));
	cloud_message_done(&message);
	check_online(topic, payload, size);
	return 0;
}
