/* Hanqi gateways: protocols.md, section 4. */

#include "adapter.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"
#include "otad/base/units.h"

#include "fields.h"
#include "identity.h"
#include "report-writer.h"

#define HEARTBEAT_DEFAULT_MS (30 * 1000)
#define MS_PER_SECOND 1000

const struct platform_key hanqi_cloud_keys[] = {
	{ .name = "GatewayId", .kind = KEY_TEXT, .required = true },
	{ .name = "HeartbeatInterval", .kind = KEY_TIME },
	{ .name = NULL },
};
const struct platform_key hanqi_device_keys[] = { { .name = NULL } };

/* Section 1.5, column "hanqi errorCode". */
static const char *const error_codes[] = {
	[OTA_ERROR_NONE] = NULL,
	[OTA_ERROR_TIMEOUT] = "DOWNLOAD_TIMEOUT",
	[OTA_ERROR_NETWORK] = "DOWNLOAD_FAILED",
	[OTA_ERROR_HTTP] = "DOWNLOAD_FAILED",
	[OTA_ERROR_NOT_FOUND] = "FILE_NOT_FOUND",
	[OTA_ERROR_URL_EXPIRED] = "URL_EXPIRED",
	[OTA_ERROR_SIZE_MISMATCH] = "SIZE_MISMATCH",
	[OTA_ERROR_DIGEST_MISMATCH] = "MD5_MISMATCH",
	[OTA_ERROR_SIGNATURE_INVALID] = "SIGNATURE_INVALID",
	[OTA_ERROR_DOWNGRADE_REFUSED] = "DOWNGRADE_REFUSED",
	[OTA_ERROR_INCOMPATIBLE] = "INCOMPATIBLE",
	[OTA_ERROR_NO_SPACE] = "NO_SPACE",
	[OTA_ERROR_PERMISSION] = "PERMISSION_DENIED",
	[OTA_ERROR_INSTALL_FAILED] = "INSTALL_FAILED",
	[OTA_ERROR_RESTART_FAILED] = "RESTART_FAILED",
	[OTA_ERROR_HEALTH_CHECK_FAILED] = "HEALTH_CHECK_FAILED",
	[OTA_ERROR_POWER_LOW] = "BATTERY_LOW",
	[OTA_ERROR_CANCELLED] = "CANCELLED",
	[OTA_ERROR_BUSY] = "BUSY",
	[OTA_ERROR_PROTOCOL] = "PROTOCOL_ERROR",
	[OTA_ERROR_INTERNAL] = "INTERNAL_ERROR",
};
_Static_assert(OTA_ARRAY_SIZE(error_codes) == OTA_ERROR_KIND_COUNT,
	       "every kind has a code");

/* Section 1.5, column "hanqi state"; NULL: nothing is published. */
static const char *const state_names[] = {
	[JOB_STATE_IDLE] = NULL,
	[JOB_STATE_AVAILABLE] = NULL,
	[JOB_STATE_DOWNLOADING] = "downloading",
	[JOB_STATE_VERIFYING] = "verifying",
	[JOB_STATE_BACKING_UP] = "installing",
	[JOB_STATE_INSTALLING] = "installing",
	[JOB_STATE_RESTARTING] = "installing",
	[JOB_STATE_CONFIRMING] = NULL,
	[JOB_STATE_SUCCEEDED] = "completed",
	[JOB_STATE_FAILED] = "failed",
	[JOB_STATE_ROLLED_BACK] = "failed",
};
_Static_assert(OTA_ARRAY_SIZE(state_names) == JOB_STATE_COUNT,
	       "every state has a place");

static const char *gateway_id(const struct cloud *cloud)
{
	return cloud_key(cloud, "GatewayId");
}

static bool hanqi_configure(struct cloud *cloud, struct ota_error *err)
{
	const char *interval = cloud_key(cloud, "HeartbeatInterval");

	cloud->traits.version_repeat_ms = HEARTBEAT_DEFAULT_MS;
	if (interval && !units_parse_time_ms(interval,
					     &cloud->traits.version_repeat_ms))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"HeartbeatInterval=%s: not a time", interval);
	return true;
}

/* Gateway and sub-devices share one space of ids: `uuid` may hold either. */
static char *hanqi_address(const struct cloud *cloud,
			   const struct device *device, struct ota_error *err)
{
	const char *id = device_is_gateway(device) ? gateway_id(cloud) :
						     device->name;
	char *address = strdup(id);

	if (!address)
		ota_fail_memory(err, "address a device");
	return address;
}

static bool hanqi_topics(const struct cloud *cloud, const struct device *device,
			 const char *address, cloud_topic_fn fn,
			 void *user_data)
{
	if (!device_is_gateway(device))
		return true;
	return pass_topic(fn, user_data, "hanqi/gateway/%s/command", address);
}

static bool hanqi_credentials(const struct cloud *cloud,
			      const struct cloud_derivation *derivation,
			      struct mqtt_credentials *credentials,
			      struct ota_error *err)
{
	return derive(&credentials->client_id, err, "gateway_%s",
		      gateway_id(cloud));
}

static bool hanqi_route(const struct cloud *cloud,
			const struct inventory *inventory, const char *topic,
			struct route *ret_route)
{
	char id[ADDRESS_SIZE];

	/* The payload says whose message it is. */
	*ret_route = (struct route){ .device = NULL };
	return topic_between(topic, "hanqi/gateway/", "/command", id) &&
	       !strcmp(id, gateway_id(cloud));
}

/* Section 4.3.1: msgId is a string; that of the top level wins. */
static void read_msg_id(struct reader *reader, struct json_object *message,
			struct json_object *data)
{
	struct json_object *holder = data;

	if (json_get(message, "msgId"))
		holder = message;
	if (read_string(reader, holder, "msgId", FIELD_REQUIRED))
		read_message_id(reader, holder, "msgId",
				&reader->offer->ids.msg);
}

/* Section 4.3.1: uuid, deviceId and subDeviceId. */
static void read_target(struct reader *reader, struct json_object *message)
{
	const char *key = json_get(message, "uuid") ? "uuid" : "deviceId";
	const char *id = read_string(reader, message, key, FIELD_OPTIONAL);

	read_device(reader, id ? id : gateway_id(reader->cloud), key);
	key = "subDeviceId";
	id = read_string(reader, message, key, FIELD_OPTIONAL);
	if (!id || id[0] == '\0')
		return;
	read_device(reader, id, key);
	if (reader->device && device_is_gateway(reader->device))
		read_fault(reader, CLOUD_REASON_UNKNOWN_DEVICE, key);
}

static enum cloud_verdict hanqi_decode(struct reader *reader,
				       const struct route *route,
				       struct json_object *message)
{
	struct json_object *data;

	if (!field_is(message, "msgType", "ota_upgrade"))
		return CLOUD_IGNORE;
	data = read_object(reader, message, "data", FIELD_REQUIRED);
	read_msg_id(reader, message, data);
	read_target(reader, message);
	read_default_module(reader);
	read_version(reader, data, "version");
	read_url(reader, data, "firmwareUrl");
	read_digest(reader, data, "md5", DIGEST_MD5);
	read_size(reader, data, "fileSize", FIELD_OPTIONAL);
	reader->offer->force =
		read_bool(reader, data, "forceUpgrade", FIELD_OPTIONAL);
	return CLOUD_UPDATE;
}

/* What both messages have around their data, which is taken. */
static struct json_object *new_envelope(const struct writer *writer,
					const struct report *report,
					const struct device *device,
					const char *msg_type,
					struct json_object *data)
{
	OTA_CLEANUP(json_freep) struct json_object *owned_data = data;
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	const char *sub_device = device_is_gateway(device) ? NULL :
							     device->address;
	const struct message_id *msg_id = report->event == REPORT_PROGRESS ?
						  report_msg_id(report) :
						  NULL;

	if (!json || !json_add_string(json, "msgType", msg_type) ||
	    !writer_add_id(json, "msgId", msg_id) ||
	    !json_add_string(json, "uuid", gateway_id(writer->cloud)) ||
	    !json_add_string(json, "subDeviceId", sub_device) ||
	    !json_add_int(json, "timestamp", report->now_ms / MS_PER_SECOND) ||
	    !json_add(json, "data", OTA_TAKE(owned_data)))
		return NULL;
	return OTA_TAKE(json);
}

/* Section 4.3.3. */
static struct json_object *new_heartbeat(const struct report *report,
					 const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *data = json_new_object();
	const char *type = device_is_gateway(device) ? "gateway" : "subDevice";

	if (!data || !json_add_string(data, "entityType", type) ||
	    !json_add_string(data, "firmwareVersion", report->version))
		return NULL;
	return OTA_TAKE(data);
}

static bool add_failure(struct json_object *data, const struct report *report)
{
	const char *code = error_codes[report->error];

	if (!code)
		code = report->state == JOB_STATE_ROLLED_BACK ?
			       "ROLLED_BACK" :
			       error_codes[OTA_ERROR_INTERNAL];
	return json_add_string(data, "errorCode", code) &&
	       json_add_string(data, "errorMessage", report_failure(report));
}

/* Section 4.3.2. */
static struct json_object *new_progress(const struct report *report)
{
	OTA_CLEANUP(json_freep) struct json_object *data = json_new_object();
	const char *target = report->target ? report->target : "";

	if (!data ||
	    !json_add_string(data, "state", state_names[report->state]) ||
	    !json_add_int(data, "progress", report_overall(report)) ||
	    !json_add_string(data, "currentVersion", report->version) ||
	    !json_add_string(data, "targetVersion", target))
		return NULL;
	if (report_has_failed(report) && !add_failure(data, report))
		return NULL;
	return OTA_TAKE(data);
}

static bool publish(const struct writer *writer, const struct report *report,
		    const struct device *device, const char *msg_type,
		    struct json_object *data, int qos, bool result)
{
	return writer_publish(
		writer,
		writer_format("hanqi/gateway/%s/report",
			      gateway_id(writer->cloud)),
		new_envelope(writer, report, device, msg_type, data), qos,
		result);
}

static bool publish_progress(const struct writer *writer,
			     const struct report *report,
			     const struct device *device)
{
	/* The server finds its task by msgId: a job of our own has none. */
	if (!state_names[report->state] || !report_msg_id(report)->text)
		return true;
	return publish(writer, report, device, "ota_progress",
		       new_progress(report),
		       report->state == JOB_STATE_DOWNLOADING ? 0 : 1,
		       job_state_is_terminal(report->state));
}

static bool hanqi_encode(const struct writer *writer,
			 const struct report *report,
			 const struct device *device)
{
	switch (report->event) {
	case REPORT_VERSION:
		return publish(writer, report, device, "heartbeat",
			       new_heartbeat(report, device), 1, false);
	case REPORT_PROGRESS:
		return publish_progress(writer, report, device);
	case REPORT_ONLINE:
	case REPORT_CHECK:
	case REPORT_PROPERTY:
	case REPORT_REPLY:
		return true;
	}
	return true;
}

const struct cloud_ops hanqi_ops = {
	.traits = {
		.progress_gap_ms = 1000,
		.tells_installed = true,
	},
	.reject_needs = REJECT_NEEDS_MSG_ID,
	.reject_event = REPORT_PROGRESS,
	.configure = hanqi_configure,
	.address = hanqi_address,
	.topics = hanqi_topics,
	.credentials = hanqi_credentials,
	.route = hanqi_route,
	.decode = hanqi_decode,
	.encode = hanqi_encode,
};
