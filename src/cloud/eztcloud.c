/* EZtCloud: protocols.md, section 5. */

#include "adapter.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"
#include "otad/base/units.h"

#include "eztcloud-path.h"
#include "fields.h"
#include "identity.h"
#include "report-writer.h"

#define METHOD "otaUpgrade"

static const char *const api_choices[] = { "gateway", "sub", NULL };

const struct platform_key eztcloud_cloud_keys[] = {
	{ .name = "Username", .kind = KEY_TEXT, .or_mqtt_username = true },
	{ .name = "SubdeviceApi", .kind = KEY_CHOICE, .choices = api_choices },
	{ .name = "ReportProgress", .kind = KEY_BOOL },
	{ .name = NULL },
};
const struct platform_key eztcloud_device_keys[] = {
	{ .name = "Address", .kind = KEY_FREE },
	{ .name = NULL },
};

/* Section 1.5, column "eztcloud ota_state"; NULL: nothing is published. */
static const char *const state_names[] = {
	[JOB_STATE_IDLE] = NULL,
	[JOB_STATE_AVAILABLE] = NULL,
	[JOB_STATE_DOWNLOADING] = "downloading",
	[JOB_STATE_VERIFYING] = "verifying",
	[JOB_STATE_BACKING_UP] = NULL,
	[JOB_STATE_INSTALLING] = "installing",
	[JOB_STATE_RESTARTING] = "restarting",
	[JOB_STATE_CONFIRMING] = NULL,
	[JOB_STATE_SUCCEEDED] = "succeeded",
	[JOB_STATE_FAILED] = "failed",
	[JOB_STATE_ROLLED_BACK] = "rolled-back",
};
_Static_assert(OTA_ARRAY_SIZE(state_names) == JOB_STATE_COUNT,
	       "every state has a place");

enum channel {
	CHANNEL_DIRECT,
	CHANNEL_SUB_DEVICE,
};

/* Which family of topics speaks for a device: section 5.5. */
enum api {
	API_DIRECT,  /* the gateway itself */
	API_GATEWAY, /* one level */
	API_SUB,     /* several levels */
};

static const char *username(const struct cloud *cloud)
{
	const char *name = cloud_key(cloud, "Username");

	return name ? name : cloud->mqtt_username;
}

static bool eztcloud_configure(struct cloud *cloud, struct ota_error *err)
{
	if (username(cloud))
		return true;
	return ota_fail(err, OTA_ERROR_PROTOCOL,
			"Username= is missing: it is part of every topic; set "
			"it in [Cloud] or [Mqtt]");
}

static char *eztcloud_address(const struct cloud *cloud,
			      const struct device *device,
			      struct ota_error *err)
{
	return ezt_address(device, err);
}

static bool eztcloud_topics(const struct cloud *cloud,
			    const struct device *device, const char *address,
			    cloud_topic_fn fn, void *user_data)
{
	if (!device_is_gateway(device))
		return true;
	return pass_topic(fn, user_data, "command_send/%s", username(cloud)) &&
	       pass_topic(fn, user_data, "gateway_command_send/%s",
			  username(cloud)) &&
	       pass_topic(fn, user_data, "sub_command_send/%s",
			  username(cloud));
}

/* Any client id will do, but the broker keeps our commands under it. */
static bool eztcloud_credentials(const struct cloud *cloud,
				 const struct cloud_derivation *derivation,
				 struct mqtt_credentials *credentials,
				 struct ota_error *err)
{
	return derive(&credentials->client_id, err, "%s", username(cloud)) &&
	       derive(&credentials->username, err, "%s", username(cloud));
}

static bool eztcloud_route(const struct cloud *cloud,
			   const struct inventory *inventory,
			   const char *topic, struct route *ret_route)
{
	char name[ADDRESS_SIZE];

	if (topic_between(topic, "command_send/", "", name)) {
		*ret_route = (struct route){
			.channel = CHANNEL_DIRECT,
			.device = inventory_find(inventory, DEVICE_SELF),
		};
		return ret_route->device && !strcmp(name, username(cloud));
	}
	*ret_route = (struct route){ .channel = CHANNEL_SUB_DEVICE };
	return (topic_between(topic, "gateway_command_send/", "", name) ||
		topic_between(topic, "sub_command_send/", "", name)) &&
	       !strcmp(name, username(cloud));
}

/* Section 5.3: `holder` has the id, inside or beside the command. */
static enum cloud_verdict decode_command(struct reader *reader,
					 struct json_object *command,
					 struct json_object *holder)
{
	struct json_object *params =
		read_object(reader, command, "params", FIELD_REQUIRED);
	struct json_object *upgrade = json_get(params, "upgrade");

	/* The other fields are not looked at. */
	if (json_object_is_type(upgrade, json_type_boolean) &&
	    !json_object_get_boolean(upgrade))
		return CLOUD_NO_UPDATE;
	read_bool(reader, params, "upgrade", FIELD_REQUIRED);
	read_message_id(reader, holder, "id", &reader->offer->ids.msg);
	read_module(reader, params, "module");
	read_version(reader, params, "version");
	read_url(reader, params, "url");
	read_size(reader, params, "size", FIELD_REQUIRED);
	read_digest(reader, params, "md5", DIGEST_MD5);
	return CLOUD_UPDATE;
}

/* Section 5.5: {"device":…,"command":{…}} */
static enum cloud_verdict decode_envelope(struct reader *reader,
					  struct json_object *message)
{
	struct json_object *command = json_get(message, "command");
	struct json_object *holder = message;

	if (!command)
		return CLOUD_IGNORE;
	if (json_object_is_type(command, json_type_object) &&
	    !field_is(command, "method", METHOD))
		return CLOUD_IGNORE;
	command = read_object(reader, message, "command", FIELD_REQUIRED);
	ezt_read_device(reader, message, "device");
	if (json_get(command, "id"))
		holder = command;
	return decode_command(reader, command, holder);
}

static enum cloud_verdict eztcloud_decode(struct reader *reader,
					  const struct route *route,
					  struct json_object *message)
{
	if (route->channel == CHANNEL_SUB_DEVICE)
		return decode_envelope(reader, message);
	if (!field_is(message, "method", METHOD))
		return CLOUD_IGNORE;
	return decode_command(reader, message, message);
}

static enum api api_for(const struct cloud *cloud, const struct device *device)
{
	const char *api = cloud_key(cloud, "SubdeviceApi");

	if (device_is_gateway(device))
		return API_DIRECT;
	/* Only the sub API knows more than one level. */
	if (ezt_levels(device->address) > 1 || (api && !strcmp(api, "sub")))
		return API_SUB;
	return API_GATEWAY;
}

static char *new_topic(const struct cloud *cloud, enum api api,
		       const char *what)
{
	static const char *const prefixes[] = {
		[API_DIRECT] = "",
		[API_GATEWAY] = "gateway_",
		[API_SUB] = "sub_",
	};

	return writer_format("%s%s/%s", prefixes[api], what, username(cloud));
}

/* {"DEVICE":{…}}, {"1":{"sub":{"2":{"attributes":{…}}}}}; takes `values`. */
static struct json_object *wrap_attributes(enum api api,
					   const struct device *device,
					   struct json_object *values)
{
	OTA_CLEANUP(json_freep) struct json_object *owned_values = values;
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;

	switch (api) {
	case API_DIRECT:
		return OTA_TAKE(owned_values);
	case API_GATEWAY:
		json = json_new_object();
		if (!json ||
		    !json_add(json, device->address, OTA_TAKE(owned_values)))
			return NULL;
		return OTA_TAKE(json);
	case API_SUB:
		return ezt_nest_attributes(device->address,
					   OTA_TAKE(owned_values));
	}
	return NULL;
}

/* {"device":…,MEMBER:{…}}; takes `body` and `path`. */
static struct json_object *wrap_body(enum api api, const char *member,
				     struct json_object *path,
				     struct json_object *body)
{
	OTA_CLEANUP(json_freep) struct json_object *owned_path = path;
	OTA_CLEANUP(json_freep) struct json_object *owned_body = body;
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;

	if (api == API_DIRECT)
		return OTA_TAKE(owned_body);
	json = json_new_object();
	if (!json || !json_add(json, "device", OTA_TAKE(owned_path)) ||
	    !json_add(json, member, OTA_TAKE(owned_body)))
		return NULL;
	return OTA_TAKE(json);
}

static const struct module_settings *settings_of(const struct device *device,
						 const char *module)
{
	struct module *found = device_find_module(device, module);

	return found ? found->settings : NULL;
}

static bool is_default_module(const struct writer *writer,
			      const struct report *report)
{
	return !strcmp(report->module, cloud_default_module(writer->cloud));
}

/* Section 5.1, version_attributes. */
static char *version_attribute(const struct writer *writer,
			       const struct report *report,
			       const struct device *device)
{
	const struct module_settings *settings =
		settings_of(device, report->module);

	if (settings && settings->version_attribute)
		return strdup(settings->version_attribute);
	if (is_default_module(writer, report))
		return strdup("version");
	return writer_format("%s_version", report->module);
}

/* Section 5.1, check_events: each module needs an event of its own. */
static char *check_event(const struct writer *writer,
			 const struct report *report,
			 const struct device *device)
{
	const struct module_settings *settings =
		settings_of(device, report->module);

	if (settings && settings->check_event)
		return strdup(settings->check_event);
	if (is_default_module(writer, report))
		return strdup("otaCheck");
	return writer_format("otaCheck_%s", report->module);
}

static bool publish_version(const struct writer *writer,
			    const struct report *report,
			    const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *values = json_new_object();
	OTA_CLEANUP(freep) char *name =
		version_attribute(writer, report, device);
	enum api api = api_for(writer->cloud, device);

	if (!name || !values || !json_add_string(values, name, report->version))
		return ota_fail_memory(writer->err, "report a version");
	return writer_publish(
		writer, new_topic(writer->cloud, api, "attributes"),
		wrap_attributes(api, device, OTA_TAKE(values)), 1, false);
}

static bool publish_check(const struct writer *writer,
			  const struct report *report,
			  const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *event = json_new_object();
	OTA_CLEANUP(freep) char *name = check_event(writer, report, device);
	enum api api = api_for(writer->cloud, device);

	if (!name || !event || !json_add_string(event, "method", name) ||
	    !json_add(event, "params", json_new_object()) ||
	    (api != API_DIRECT && !json_add_int(event, "id", report->sequence)))
		return ota_fail_memory(writer->err, "check for an update");
	/* The sub API wants a list even for one level. */
	return writer_publish(
		writer, new_topic(writer->cloud, api, "event_report"),
		wrap_body(api, "event",
			  ezt_path_value(device->address, api == API_SUB),
			  OTA_TAKE(event)),
		1, false);
}

/* Keys of modules other than the default one begin with its name. */
static bool add_state(struct json_object *values, const char *prefix,
		      const struct report *report)
{
	OTA_CLEANUP(freep) char *state = writer_format("%sota_state", prefix);
	OTA_CLEANUP(freep) char *progress =
		writer_format("%sota_progress", prefix);
	OTA_CLEANUP(freep) char *message =
		writer_format("%sota_message", prefix);

	if (!state || !progress || !message ||
	    !json_add_string(values, state, state_names[report->state]) ||
	    !json_add_int(values, progress, report_overall(report)))
		return false;
	return !report_has_failed(report) ||
	       json_add_string(values, message, report_failure(report));
}

static bool progress_wanted(const struct cloud *cloud)
{
	const char *text = cloud_key(cloud, "ReportProgress");
	bool wanted = true;

	return !text || !units_parse_bool(text, &wanted) || wanted;
}

static bool publish_progress(const struct writer *writer,
			     const struct report *report,
			     const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *values = json_new_object();
	OTA_CLEANUP(freep) char *prefix = NULL;
	bool result = job_state_is_terminal(report->state);
	enum api api = api_for(writer->cloud, device);

	if (!state_names[report->state] || !progress_wanted(writer->cloud))
		return true;
	prefix = is_default_module(writer, report) ?
			 strdup("") :
			 writer_format("%s_", report->module);
	if (!prefix || !values || !add_state(values, prefix, report))
		return ota_fail_memory(writer->err, "report progress");
	return writer_publish(
		writer, new_topic(writer->cloud, api, "attributes"),
		wrap_attributes(api, device, OTA_TAKE(values)), result ? 1 : 0,
		result);
}

static struct json_object *new_reply_params(const struct report *report)
{
	static const char *const results[] = {
		[REPLY_ACCEPTED] = "accepted",
		[REPLY_REJECTED] = "rejected",
		[REPLY_BUSY] = "busy",
	};
	OTA_CLEANUP(json_freep) struct json_object *params = json_new_object();
	const char *target = report->target ? report->target : "";

	if (!params || !json_add_string(params, "module", report->module) ||
	    !json_add_string(params, "version", target) ||
	    !json_add_string(params, "result", results[report->reply]) ||
	    !json_add_string(params, "message", report_message(report)))
		return NULL;
	return OTA_TAKE(params);
}

static bool publish_reply(const struct writer *writer,
			  const struct report *report,
			  const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *command = json_new_object();
	enum api api = api_for(writer->cloud, device);

	if (!report_msg_id(report)->text)
		return true;
	if (!command || !json_add_string(command, "method", METHOD) ||
	    !json_add(command, "params", new_reply_params(report)) ||
	    !writer_add_id(command, "id", report_msg_id(report)))
		return ota_fail_memory(writer->err, "reply to a command");
	return writer_publish(
		writer, new_topic(writer->cloud, api, "command_reply"),
		wrap_body(api, "command",
			  ezt_path_value(device->address, false),
			  OTA_TAKE(command)),
		1, false);
}

static bool eztcloud_encode(const struct writer *writer,
			    const struct report *report,
			    const struct device *device)
{
	switch (report->event) {
	case REPORT_VERSION:
		return publish_version(writer, report, device);
	case REPORT_CHECK:
		return publish_check(writer, report, device);
	case REPORT_PROGRESS:
		return publish_progress(writer, report, device);
	case REPORT_REPLY:
		return publish_reply(writer, report, device);
	case REPORT_ONLINE:
	case REPORT_PROPERTY:
		return true;
	}
	return true;
}

const struct cloud_ops eztcloud_ops = {
	.traits = {
		.checks = true,
		.progress_gap_ms = 2000,
		.gap_holds_states = true,
		.failure_word = ota_error_kind_name,
	},
	.reject_needs = REJECT_NEEDS_MSG_ID,
	.reject_event = REPORT_REPLY,
	.configure = eztcloud_configure,
	.address = eztcloud_address,
	.topics = eztcloud_topics,
	.credentials = eztcloud_credentials,
	.route = eztcloud_route,
	.decode = eztcloud_decode,
	.encode = eztcloud_encode,
};
