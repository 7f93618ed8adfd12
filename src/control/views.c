#include "views.h"

#include <stdint.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/model/device.h"
#include "otad/update/updater.h"

/* Left out when NULL or empty. */
static bool add_text(struct json_object *object, const char *key,
		     const char *text)
{
	return !text || !*text || json_add_string(object, key, text);
}

static bool add_count(struct json_object *object, const char *key, uint64_t value)
{
	return json_add_int(object, key,
			    value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static bool add_size(struct json_object *object, const char *key, uint64_t bytes)
{
	return bytes == OFFER_SIZE_UNKNOWN || add_count(object, key, bytes);
}

static bool add_error(struct json_object *object, enum ota_error_kind kind)
{
	return add_text(object, "error", ota_error_kind_name(kind));
}

/* Yields `object`, or frees it when one of its members did not fit. */
static struct json_object *finish(struct json_object *object, bool complete)
{
	return complete ? object : json_free(object);
}

struct json_object *view_job(const struct job_view *job)
{
	struct json_object *o = json_new_object();

	return finish(o,
		      o && json_add_string(o, "id", job->id) &&
			      json_add_string(o, "device", job->device) &&
			      json_add_string(o, "module", job->module) &&
			      json_add_string(o, "version", job->version) &&
			      add_text(o, "old_version", job->old_version) &&
			      json_add_string(o, "state", job_state_name(job->state)) &&
			      add_count(o, "progress_percent", job->overall_percent) &&
			      add_count(o, "download_percent", job->download_percent) &&
			      (job->install_percent == 0 ||
			       add_count(o, "install_percent",
					 job->install_percent)) &&
			      add_count(o, "received_bytes", job->received_bytes) &&
			      add_size(o, "total_bytes", job->total_bytes) &&
			      add_count(o, "bytes_per_second", job->bytes_per_second) &&
			      add_error(o, job->error) &&
			      add_text(o, "message", job->message) &&
			      add_text(o, "waiting", job->waiting) &&
			      json_add_int(o, "changed_ms", job->changed_ms));
}

struct json_object *view_module(const struct module_view *module)
{
	OTA_CLEANUP(json_freep) struct json_object *job = NULL;
	struct json_object *o = json_new_object();
	bool complete;

	if (module->job) {
		job = view_job(module->job);
		if (!job)
			return json_free(o);
	}
	complete = o && json_add_string(o, "device", module->device) &&
		   json_add_string(o, "module", module->module) &&
		   add_text(o, "class", module->class_name) &&
		   json_add_string(o, "type", installer_type_name(module->type)) &&
		   add_text(o, "version", module->version) &&
		   add_text(o, "previous", module->previous) &&
		   (!job || json_add(o, "job", OTA_TAKE(job)));
	return finish(o, complete);
}

static struct json_object *module_names(const struct device *device)
{
	struct json_object *names = json_new_array();
	bool complete = names;

	for (size_t i = 0; complete && i < device->n_modules; i++) {
		const char *name = device->modules[i].settings->name;

		complete = json_append(names, json_object_new_string(name));
	}
	return finish(names, complete);
}

struct json_object *view_device(const struct device *device)
{
	struct json_object *o = json_new_object();
	struct json_object *names = module_names(device);
	bool complete = o && names && json_add_string(o, "name", device->name) &&
			add_text(o, "class", device->class_name) &&
			json_add_bool(o, "registered", device->registered);

	if (!complete) {
		json_free(names);
		return json_free(o);
	}
	return finish(o, json_add(o, "modules", names));
}

struct json_object *view_history_entry(const struct history_entry *entry)
{
	struct json_object *o = json_new_object();

	return finish(o,
		      o && json_add_string(o, "job", entry->job) &&
			      json_add_string(o, "device", entry->device) &&
			      json_add_string(o, "module", entry->module) &&
			      json_add_string(o, "version", entry->version) &&
			      add_text(o, "old_version", entry->old_version) &&
			      json_add_string(o, "state", job_state_name(entry->state)) &&
			      add_error(o, entry->error) &&
			      add_text(o, "message", entry->message) &&
			      json_add_int(o, "started_ms", entry->started_ms) &&
			      json_add_int(o, "ended_ms", entry->ended_ms) &&
			      add_count(o, "bytes", entry->bytes));
}

struct json_object *view_status(const struct updater_status *status)
{
	struct json_object *o = json_new_object();

	return finish(
		o,
		o && json_add_string(o, "version", status->version) &&
			add_text(o, "platform", status->platform) &&
			json_add_bool(o, "connected", status->connected) &&
			json_add_int(o, "connection_changed_ms",
				     status->connected_ms) &&
			json_add_bool(o, "automatic", status->automatic) &&
			json_add_bool(o, "held", status->held) &&
			add_text(o, "hold_reason", status->hold_reason) &&
			(status->hold_until_ms == 0 ||
			 json_add_int(o, "hold_until_ms", status->hold_until_ms)) &&
			add_count(o, "devices", status->devices) &&
			add_count(o, "modules", status->modules) &&
			add_count(o, "jobs", status->jobs) &&
			add_count(o, "reports_waiting", status->reports_waiting) &&
			json_add_bool(o, "trial", status->trial));
}

struct json_object *view_stats(const struct updater_stats *stats)
{
	struct json_object *o = json_new_object();

	return finish(o,
		      o && add_count(o, "succeeded", stats->succeeded) &&
			      add_count(o, "failed", stats->failed) &&
			      add_count(o, "rolled_back", stats->rolled_back) &&
			      add_count(o, "bytes_downloaded",
					stats->bytes_downloaded) &&
			      add_count(o, "offers", stats->offers) &&
			      add_count(o, "rejects", stats->rejects) &&
			      add_count(o, "connects", stats->connects) &&
			      add_count(o, "disconnects", stats->disconnects) &&
			      add_count(o, "uptime_ms", stats->uptime_ms) &&
			      add_count(o, "longest_stall_us",
					stats->longest_stall_us) &&
			      add_count(o, "reports_sent", stats->reports_sent));
}

struct json_object *view_message(const char *kind, const char *message)
{
	struct json_object *o = json_new_object();

	return finish(o, o && json_add_string(o, "kind", kind) &&
				 add_text(o, "message",
					  *message ? message : "no reason given"));
}
