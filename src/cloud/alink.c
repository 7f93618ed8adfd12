#include "alink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#include "adapter.h"
#include "report-writer.h"

#define ID_SIZE 12   /* "4294967295" */
#define STEP_SIZE 12 /* "-4" to "100" */

enum channel {
	CHANNEL_PUSH,
	CHANNEL_REPLY,
};

/* Section 1.5, column "step" of a failure. */
static const signed char failure_steps[] = {
	[OTA_ERROR_NONE] = -1,
	[OTA_ERROR_TIMEOUT] = -2,
	[OTA_ERROR_NETWORK] = -2,
	[OTA_ERROR_HTTP] = -2,
	[OTA_ERROR_NOT_FOUND] = -2,
	[OTA_ERROR_URL_EXPIRED] = -2,
	[OTA_ERROR_SIZE_MISMATCH] = -3,
	[OTA_ERROR_DIGEST_MISMATCH] = -3,
	[OTA_ERROR_SIGNATURE_INVALID] = -3,
	[OTA_ERROR_DOWNGRADE_REFUSED] = -1,
	[OTA_ERROR_INCOMPATIBLE] = -1,
	[OTA_ERROR_NO_SPACE] = -1,
	[OTA_ERROR_PERMISSION] = -4,
	[OTA_ERROR_INSTALL_FAILED] = -4,
	[OTA_ERROR_RESTART_FAILED] = -4,
	[OTA_ERROR_HEALTH_CHECK_FAILED] = -1,
	[OTA_ERROR_POWER_LOW] = -1,
	[OTA_ERROR_CANCELLED] = -1,
	[OTA_ERROR_BUSY] = -1,
	[OTA_ERROR_PROTOCOL] = -1,
	[OTA_ERROR_INTERNAL] = -1,
};
_Static_assert(OTA_ARRAY_SIZE(failure_steps) == OTA_ERROR_KIND_COUNT,
	       "every kind has a step");

char *alink_address(const struct alink_dialect *dialect,
		    const struct cloud *cloud, const struct device *device,
		    struct ota_error *err)
{
	return identity_pair_address(cloud, &dialect->keys, device, err);
}

/* Section 2.2: both; forgetting get_reply is the classic mistake. */
bool alink_topics(const struct cloud *cloud, const struct device *device,
		  const char *address, cloud_topic_fn fn, void *user_data)
{
	return pass_topic(fn, user_data, "/ota/device/upgrade/%s", address) &&
	       pass_topic(fn, user_data,
			  "/sys/%s/thing/ota/firmware/get_reply", address);
}

bool alink_route(const struct cloud *cloud, const struct inventory *inventory,
		 const char *topic, struct route *ret_route)
{
	char address[ADDRESS_SIZE];

	*ret_route = (struct route){ .channel = CHANNEL_PUSH };
	if (!topic_between(topic, "/ota/device/upgrade/", "", address)) {
		if (!topic_between(topic, "/sys/",
				   "/thing/ota/firmware/get_reply", address))
			return false;
		ret_route->channel = CHANNEL_REPLY;
	}
	ret_route->device = inventory_find_address(inventory, address);
	return ret_route->device != NULL;
}

/* A member that is null counts as absent: section 1.2. */
static bool is_empty(struct json_object *object)
{
	if (!object)
		return true;
	json_object_object_foreach(object, key, value) {
		(void)key;
		if (value)
			return false;
	}
	return true;
}

/* Section 2.3.3: dProtocol. */
static void read_protocol(struct reader *reader, struct json_object *data)
{
	const char *protocol =
		read_string(reader, data, "dProtocol", FIELD_OPTIONAL);

	if (protocol && strcasecmp(protocol, "http") != 0 &&
	    strcasecmp(protocol, "https") != 0)
		read_fault(reader, CLOUD_REASON_UNSUPPORTED_PROTOCOL,
			   "dProtocol");
}

/* Section 2.3.3: files. */
static void read_files(struct reader *reader, struct json_object *data)
{
	struct json_object *files = json_get(data, "files");

	if (!files)
		return;
	if (!json_object_is_type(files, json_type_array))
		read_fault(reader, CLOUD_REASON_WRONG_TYPE, "files");
	else if (json_object_array_length(files) > 0)
		read_fault(reader, CLOUD_REASON_UNSUPPORTED_MULTI_FILE,
			   "files");
}

/* Section 2.3.3: isDiff, a number or a boolean. */
static void read_is_diff(struct reader *reader, struct json_object *data)
{
	struct json_object *is_diff = json_get(data, "isDiff");

	if (!is_diff)
		return;
	if (!json_object_is_type(is_diff, json_type_boolean) &&
	    !json_object_is_type(is_diff, json_type_int) &&
	    !json_object_is_type(is_diff, json_type_double))
		read_fault(reader, CLOUD_REASON_WRONG_TYPE, "isDiff");
	else if (json_object_get_boolean(is_diff))
		read_fault(reader, CLOUD_REASON_UNSUPPORTED_DIFF, "isDiff");
}

/* Sections 2.3.3 and 6.3: sign, signMethod, md5. */
static void read_sign(const struct alink_dialect *dialect,
		      struct reader *reader, struct json_object *data)
{
	enum digest_alg alg = read_digest_alg(reader, data, "signMethod",
					      dialect->sign_method_need);
	const char *sign = field_string(data, "sign");

	if (dialect->md5_field && !json_get(data, "sign") &&
	    json_get(data, "md5")) {
		read_digest(reader, data, "md5", DIGEST_MD5);
		return;
	}
	if (alg == DIGEST_NONE)
		alg = sign && strlen(sign) == DIGEST_HEX_SIZE - 1 ?
			      DIGEST_SHA256 :
			      DIGEST_MD5;
	read_digest(reader, data, "sign", alg);
}

/* Section 6.3: extData, an object or a string that holds one. No fault of it
 * is a fault of the message. */
static bool read_strategy(struct reader *reader, struct json_object *data)
{
	OTA_CLEANUP(json_freep) struct json_object *parsed = NULL;
	struct json_object *ext = json_get(data, "extData");
	struct offer_ids *ids = &reader->offer->ids;
	enum json_fault fault = JSON_OK;

	if (json_object_is_type(ext, json_type_string)) {
		parsed = json_parse(json_object_get_string(ext),
				    (size_t)json_object_get_string_len(ext),
				    JSON_MAX_BYTES, &fault);
		ext = parsed;
	}
	/* The ends of the range are what larger numbers saturate at. */
	ids->has_strategy =
		field_integer(json_get(ext, "strategy"), &ids->strategy) &&
		ids->strategy != INT64_MAX && ids->strategy != INT64_MIN;
	return fault != JSON_NO_MEMORY;
}

enum cloud_verdict alink_decode(const struct alink_dialect *dialect,
				struct reader *reader,
				const struct route *route,
				struct json_object *message)
{
	bool reply = route->channel == CHANNEL_REPLY;
	struct json_object *data;

	read_code(reader, message, "code", dialect->code_need, dialect->success,
		  dialect->n_success);
	read_message_id(reader, message, "id", &reader->offer->ids.msg);
	data = read_object(reader, message, "data",
			   reply ? FIELD_OPTIONAL : FIELD_REQUIRED);
	if (reply && is_empty(data))
		return CLOUD_NO_UPDATE;

	/* In the order of section 2.3.3. */
	read_protocol(reader, data);
	read_files(reader, data);
	read_is_diff(reader, data);
	read_module(reader, data, "module");
	read_version(reader, data, "version");
	read_url(reader, data, "url");
	read_size(reader, data, "size", dialect->size_need);
	read_sign(dialect, reader, data);
	if (dialect->strategy && !read_strategy(reader, data))
		reader->out_of_memory = true;
	return CLOUD_UPDATE;
}

struct json_object *alink_new_message(const struct report *report,
				      const char *version)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	char id[ID_SIZE];

	snprintf(id, sizeof(id), "%" PRIu32, report->sequence);
	if (!json || !json_add_string(json, "id", id) ||
	    !json_add_string(json, "version", version))
		return NULL;
	return OTA_TAKE(json);
}

bool alink_publish_version(const struct writer *writer,
			   const struct report *report,
			   const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *json =
		alink_new_message(report, NULL);
	OTA_CLEANUP(json_freep) struct json_object *params = json_new_object();

	if (!json || !params ||
	    !json_add_string(params, "version", report->version) ||
	    !json_add_string(params, "module", report->module) ||
	    !json_add(json, "params", OTA_TAKE(params)))
		return ota_fail_memory(writer->err, "report a version");
	return writer_publish(
		writer, writer_format("/ota/device/inform/%s", device->address),
		OTA_TAKE(json), 1, false);
}

bool alink_publish_check(const struct alink_dialect *dialect,
			 const struct writer *writer,
			 const struct report *report,
			 const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *json =
		alink_new_message(report, "1.0");
	OTA_CLEANUP(json_freep) struct json_object *params = json_new_object();

	if (!json || !params ||
	    !json_add_string(params, "module", report->module) ||
	    !json_add(json, "params", OTA_TAKE(params)) ||
	    !json_add_string(json, "method", dialect->check_method))
		return ota_fail_memory(writer->err, "check for an update");
	return writer_publish(writer,
			      writer_format("/sys/%s/thing/ota/firmware/get",
					    device->address),
			      OTA_TAKE(json), 1, false);
}

/* Section 1.5, column "step": never 0, which the platforms do not know. */
static int step_of(const struct report *report)
{
	unsigned overall;

	if (report_has_failed(report))
		return failure_steps[report->error];
	overall = report_overall(report);
	return overall > 0 ? (int)overall : 1;
}

static struct json_object *new_progress(const struct alink_dialect *dialect,
					const struct report *report)
{
	OTA_CLEANUP(json_freep) struct json_object *params = json_new_object();
	OTA_CLEANUP(freep) char *desc =
		writer_cut(report_has_failed(report) ? report_failure(report) :
						       report_message(report),
			   WRITER_TEXT_CHARACTERS);
	int step = step_of(report);
	char text[STEP_SIZE];

	snprintf(text, sizeof(text), "%d", step);
	if (!params || !desc || !json_add_string(params, "step", text) ||
	    !json_add_string(params, "desc", desc))
		return NULL;
	if (dialect->numeric_progress &&
	    !json_add_int(params, "progress", step))
		return NULL;
	if (!json_add_string(params, "module", report->module))
		return NULL;
	if (dialect->strategy && report->ids && report->ids->has_strategy &&
	    !json_add_int(params, "strategy", report->ids->strategy))
		return NULL;
	return OTA_TAKE(params);
}

bool alink_publish_progress(const struct alink_dialect *dialect,
			    const struct writer *writer,
			    const struct report *report,
			    const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	bool result = job_state_is_terminal(report->state);

	/* Sections 2.3.5 and 1.5: these two send nothing. */
	if (report->state == JOB_STATE_IDLE ||
	    report->state == JOB_STATE_AVAILABLE)
		return true;
	json = alink_new_message(report, NULL);
	if (!json || !json_add(json, "params", new_progress(dialect, report)))
		return ota_fail_memory(writer->err, "report progress");
	return writer_publish(
		writer,
		writer_format("/ota/device/progress/%s", device->address),
		OTA_TAKE(json), result ? 1 : 0, result);
}
