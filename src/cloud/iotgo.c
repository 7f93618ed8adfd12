/* Go SDK framework, OTA plug-in: protocols.md, section 2. */

#include "adapter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otad/base/json.h"
#include "otad/base/units.h"

#include "alink.h"
#include "identity.h"
#include "report-writer.h"

#define MS_PER_SECOND 1000
#define PERCENT_SIZE 12
#define TIME_SIZE 40

static const char *const style_choices[] = { "alink", "framework", NULL };

const struct platform_key iotgo_cloud_keys[] = {
	{ .name = "ProductKey", .kind = KEY_TEXT, .required = true },
	{ .name = "DeviceName", .kind = KEY_TEXT, .required = true },
	{ .name = "DeviceSecretFile", .kind = KEY_PATH },
	{ .name = "PropertyStyle",
	  .kind = KEY_CHOICE,
	  .choices = style_choices },
	{ .name = NULL },
};
const struct platform_key iotgo_device_keys[] = {
	{ .name = "ProductKey", .kind = KEY_TEXT },
	{ .name = "DeviceName", .kind = KEY_TEXT },
	{ .name = NULL },
};

/* Sections 2.3.2 and 2.3.3. */
static const struct alink_dialect dialect = {
	.keys = { .product = "ProductKey", .name = "DeviceName" },
	.success = { 200, 1000 },
	.n_success = 2,
	.code_need = FIELD_OPTIONAL,
	.size_need = FIELD_REQUIRED,
	.sign_method_need = FIELD_OPTIONAL,
	.md5_field = true,
	.numeric_progress = true,
};

/* Section 1.5, column "iotgo ota_status"; NULL: nothing is published. */
static const char *const status_names[] = {
	[JOB_STATE_IDLE] = "idle",
	[JOB_STATE_AVAILABLE] = NULL,
	[JOB_STATE_DOWNLOADING] = "downloading",
	[JOB_STATE_VERIFYING] = "verifying",
	[JOB_STATE_BACKING_UP] = "updating",
	[JOB_STATE_INSTALLING] = "updating",
	[JOB_STATE_RESTARTING] = "restarting",
	[JOB_STATE_CONFIRMING] = "restarting",
	[JOB_STATE_SUCCEEDED] = "idle",
	[JOB_STATE_FAILED] = "failed",
	[JOB_STATE_ROLLED_BACK] = "failed",
};
_Static_assert(OTA_ARRAY_SIZE(status_names) == JOB_STATE_COUNT,
	       "every state has a place");

static char *iotgo_address(const struct cloud *cloud,
			   const struct device *device, struct ota_error *err)
{
	return alink_address(&dialect, cloud, device, err);
}

/* Section 1.1, from the identity: what the password proves. */
static bool derive_password(const struct cloud *cloud, struct pair pair,
			    int64_t now_ms, char **password,
			    struct ota_error *err)
{
	OTA_CLEANUP(freep) char *text = NULL;
	char hex[HMAC_HEX_SIZE];

	return derive(&text, err,
		      "clientId%s.%sdeviceName%sproductKey%stimestamp%" PRId64,
		      pair.product, pair.name, pair.name, pair.product,
		      now_ms) &&
	       hmac_hex(HMAC_HASH_SHA256, cloud->device_secret,
			strlen(cloud->device_secret), text, hex, err) &&
	       derive(password, err, "%s", hex);
}

static bool iotgo_credentials(const struct cloud *cloud,
			      const struct cloud_derivation *derivation,
			      struct mqtt_credentials *credentials,
			      struct ota_error *err)
{
	struct pair pair = identity_pair(cloud, &dialect.keys, NULL);

	if (!derive(&credentials->client_id, err,
		    "%s.%s|timestamp=%" PRId64 ",_ss=1,_v=4,securemode=%d,"
		    "signmethod=hmacsha256,ext=3,%" PRIu64 "|",
		    pair.product, pair.name, derivation->now_ms,
		    derivation->tls ? 2 : 3, derivation->nonce) ||
	    !derive(&credentials->username, err, "%s&%s", pair.name,
		    pair.product))
		return false;
	if (credentials->password || !cloud->device_secret)
		return true;
	return derive_password(cloud, pair, derivation->now_ms,
			       &credentials->password, err);
}

static enum cloud_verdict iotgo_decode(struct reader *reader,
				       const struct route *route,
				       struct json_object *message)
{
	return alink_decode(&dialect, reader, route, message);
}

/* Section 2.3.4: the same properties in two spellings. */
struct properties {
	struct json_object *params; /* borrowed */
	bool framework;		    /* values as strings, time in seconds */
	int64_t time;
};

/* Adds "NAME":{"value":…,"time":…}; takes `holder`, which has the value. */
static bool add_timed(const struct properties *properties, const char *name,
		      struct json_object *holder)
{
	return json_add_int(holder, "time", properties->time) ?
		       json_add(properties->params, name, holder) :
		       (json_free(holder), false);
}

static bool add_text(const struct properties *properties, const char *name,
		     const char *text)
{
	OTA_CLEANUP(json_freep) struct json_object *holder = json_new_object();

	return holder && json_add_string(holder, "value", text) &&
	       add_timed(properties, name, OTA_TAKE(holder));
}

static bool add_number(const struct properties *properties, const char *name,
		       unsigned number)
{
	OTA_CLEANUP(json_freep) struct json_object *holder = json_new_object();
	char text[PERCENT_SIZE];

	snprintf(text, sizeof(text), "%u", number);
	if (properties->framework)
		return add_text(properties, name, text);
	return holder && json_add_int(holder, "value", number) &&
	       add_timed(properties, name, OTA_TAKE(holder));
}

/* firmware_version is that of the default module, whichever has a job. */
static const char *firmware_version(const struct writer *writer,
				    const struct report *report,
				    const struct device *device)
{
	const char *name = cloud_default_module(writer->cloud);
	struct module *module;

	if (!strcmp(report->module, name))
		return report->version;
	module = device_find_module(device, name);
	return module ? module_version(module) : NULL;
}

static bool add_message(const struct properties *properties,
			const struct report *report)
{
	const char *text = report_message(report);

	if (text[0] == '\0' && report_has_failed(report))
		text = ota_error_kind_name(report->error);
	return text[0] == '\0' || add_text(properties, "ota_message", text);
}

static bool add_last_update(const struct properties *properties,
			    const struct report *report)
{
	int64_t time_ms = report->last_update_ms;
	char text[TIME_SIZE];

	if (time_ms == 0 && report->state == JOB_STATE_SUCCEEDED)
		time_ms = report->now_ms;
	if (time_ms == 0)
		return true;
	return add_text(properties, "last_update_time",
			units_format_time(time_ms, text, sizeof(text)));
}

static bool add_properties(const struct properties *properties,
			   const struct writer *writer,
			   const struct report *report,
			   const struct device *device)
{
	bool at_rest = report->state == JOB_STATE_IDLE ||
		       report->state == JOB_STATE_SUCCEEDED;
	const char *version = at_rest ?
				      firmware_version(writer, report, device) :
				      NULL;

	return add_text(properties, "ota_status",
			status_names[report->state]) &&
	       add_number(properties, "ota_progress", report_overall(report)) &&
	       (!version ||
		add_text(properties, "firmware_version", version)) &&
	       add_message(properties, report) &&
	       (!at_rest || add_last_update(properties, report));
}

static bool uses_framework_style(const struct cloud *cloud)
{
	const char *style = cloud_key(cloud, "PropertyStyle");

	return style && !strcmp(style, "framework");
}

static bool publish_properties(const struct writer *writer,
			       const struct report *report,
			       const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *json =
		alink_new_message(report, "1.0");
	OTA_CLEANUP(json_freep) struct json_object *params = json_new_object();
	bool framework = uses_framework_style(writer->cloud);
	bool result = job_state_is_terminal(report->state);
	struct properties properties = {
		.params = params,
		.framework = framework,
		.time = framework ? report->now_ms / MS_PER_SECOND :
				    report->now_ms,
	};

	if (!status_names[report->state])
		return true;
	if (!json || !params ||
	    !add_properties(&properties, writer, report, device) ||
	    !json_add(json, "params", OTA_TAKE(params)))
		return ota_fail_memory(writer->err, "report properties");
	if (framework)
		return writer_publish(writer,
				      writer_format("$SYS/%s/property/post",
						    device->address),
				      OTA_TAKE(json), 0, false);
	if (!json_add_string(json, "method", "thing.event.property.post"))
		return ota_fail_memory(writer->err, "report properties");
	return writer_publish(
		writer,
		writer_format("/sys/%s/thing/event/property/post",
			      device->address),
		OTA_TAKE(json), 1, result);
}

static bool iotgo_encode(const struct writer *writer,
			 const struct report *report,
			 const struct device *device)
{
	switch (report->event) {
	case REPORT_VERSION:
		return alink_publish_version(writer, report, device);
	case REPORT_CHECK:
		return alink_publish_check(&dialect, writer, report, device);
	case REPORT_PROGRESS:
		return alink_publish_progress(&dialect, writer, report, device);
	case REPORT_PROPERTY:
		return publish_properties(writer, report, device);
	case REPORT_ONLINE:
	case REPORT_REPLY:
		return true;
	}
	return true;
}

const struct cloud_ops iotgo_ops = {
	.traits = {
		.checks = true,
		.first_check_ms = 5 * 1000,
		.property_gap_ms = 2 * 1000,
		.progress_gap_ms = 1000,
		.failure_word = ota_error_kind_name,
	},
	.reject_needs = REJECT_NEEDS_NOTHING,
	.reject_event = REPORT_PROGRESS,
	.address = iotgo_address,
	.topics = alink_topics,
	.credentials = iotgo_credentials,
	.route = alink_route,
	.decode = iotgo_decode,
	.encode = iotgo_encode,
};
