#include "ended.h"

#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"

#include "job.h"
#include "otactl.h"

/* Of the last seconds: a gateway with many devices ends many at a time. */
#define HISTORY_LINES 500

static struct json_object *read_history(const struct ctl *ctl,
					struct ota_error *err)
{
	struct json_object *parameters = json_new_object();
	OTA_CLEANUP(json_freep) struct json_object *reply = NULL;
	struct json_object *history;

	if (!parameters || !json_add_int(parameters, "count", HISTORY_LINES)) {
		json_free(parameters);
		ota_fail_memory(err, "read the history");
		return NULL;
	}
	reply = ctl_call(ctl, "GetHistory", parameters, err);
	if (!reply)
		return NULL;
	history = json_get(reply, "history");
	if (!json_object_is_type(history, json_type_array)) {
		ota_fail(err, OTA_ERROR_PROTOCOL, "the history is no list");
		return NULL;
	}
	return json_object_get(history);
}

bool ctl_ended_read(const struct ctl *ctl, const char *device,
		    struct ctl_ended *ret, struct ota_error *err)
{
	struct ctl_ended ended = {
		.modules = ctl_call_list(ctl, "ListModules",
					 ctl_target(device, NULL), "modules", err),
	};

	if (ended.modules)
		ended.history = read_history(ctl, err);
	if (!ended.history) {
		ctl_ended_done(&ended);
		return false;
	}
	*ret = ended;
	return true;
}

void ctl_ended_done(struct ctl_ended *ended)
{
	ended->modules = json_free(ended->modules);
	ended->history = json_free(ended->history);
}

/* A line of the history in the shape of a job. */
static struct json_object *entry_to_job(struct json_object *entry)
{
	static const char *const fields[] = {
		"device", "module", "version", "old_version",
		"state",  "error",  "message",
	};
	struct json_object *job = json_new_object();
	bool ok = job && json_add_string(job, "id", ctl_field(entry, "job"));

	for (size_t i = 0; ok && i < OTA_ARRAY_SIZE(fields); i++)
		ok = json_add_string(job, fields[i],
				     json_get_string(entry, fields[i]));
	ok = ok && json_add_int(job, "changed_ms",
				json_get_int(entry, "ended_ms", 0));
	ok = ok && json_add_int(job, "progress_percent",
				ctl_job_is_good(job) ? 100 : 0);
	return ok ? job : json_free(job);
}

struct json_object *ctl_ended_find(const struct ctl_ended *ended, const char *id)
{
	for (size_t i = 0; i < json_object_array_length(ended->modules); i++) {
		struct json_object *job = json_get(
			json_object_array_get_idx(ended->modules, i), "job");

		if (strcmp(ctl_field(job, "id"), id) == 0)
			return json_object_get(job);
	}
	for (size_t i = 0; i < json_object_array_length(ended->history); i++) {
		struct json_object *entry =
			json_object_array_get_idx(ended->history, i);

		if (strcmp(ctl_field(entry, "job"), id) == 0)
			return entry_to_job(entry);
	}
	return NULL;
}

struct json_object *ctl_ended_find_version(const struct ctl_ended *ended,
					   const char *module,
					   const char *version)
{
	for (size_t i = 0; i < json_object_array_length(ended->modules); i++) {
		struct json_object *view =
			json_object_array_get_idx(ended->modules, i);
		struct json_object *job = json_get(view, "job");

		if (strcmp(ctl_field(view, "module"), module) == 0 &&
		    strcmp(ctl_field(job, "version"), version) == 0)
			return json_object_get(job);
	}
	return NULL;
}
