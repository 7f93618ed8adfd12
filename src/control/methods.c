#include "call.h"

#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/base/loop.h"
#include "otad/model/device.h"
#include "otad/model/offer.h"
#include "otad/model/text.h"
#include "otad/update/updater.h"

#include "client.h"
#include "server.h"
#include "stream.h"
#include "update-method.h"
#include "varlink.h"
#include "views.h"

static void get_status(struct call *call)
{
	struct updater_status status = { 0 };

	updater_status(call->control->updater, &status);
	call_reply(call, view_status(&status));
}

static void get_stats(struct call *call)
{
	struct updater_stats stats = { 0 };

	updater_stats(call->control->updater, &stats);
	call_reply(call, view_stats(&stats));
}

struct search {
	const char *name;
	bool found;
};

static bool compare_device(const struct device *device, void *user_data)
{
	struct search *search = user_data;

	search->found = strcmp(device->name, search->name) == 0;
	return !search->found;
}

/* Checks `device` of a list or watch, where NULL means all. */
static bool know_device(struct call *call, const char *device)
{
	struct search search = { .name = device };
	struct ota_error err = OTA_ERROR_INIT;

	if (!device)
		return true;
	updater_each_device(call->control->updater, compare_device, &search);
	if (!search.found) {
		ota_fail(&err, OTA_ERROR_NOT_FOUND, "no device '%s'", device);
		call_refuse(call, &err);
	}
	return search.found;
}

static void start_stream(struct call *call, struct control_stream *stream)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (stream) {
		control_client_stream(call->client, stream);
	} else {
		ota_fail_memory(&err, "answer a call");
		control_client_fail(call->client, &err);
	}
}

/* The whole list in one reply, where that is possible. */
static void reply_list(struct call *call, struct control_stream *stream)
{
	const char *parameter =
		control_stream_parameter(control_stream_kind(stream));
	OTA_CLEANUP(json_freep) struct json_object *reply = json_new_object();
	struct json_object *entries;

	entries = control_stream_next(stream, call->control->updater,
				      CONTROL_MAX_ENTRIES, NULL);
	if (entries && !control_stream_is_listed(stream)) {
		json_free(entries);
		call_error(call, VARLINK_ERROR_EXPECTED_MORE, NULL, NULL);
	} else if (reply && json_add(reply, parameter, OTA_TAKE(entries))) {
		call_reply(call, OTA_TAKE(reply));
	} else {
		json_free(entries);
		call_reply(call, NULL);
	}
}

static void list(struct call *call, enum stream_kind kind)
{
	const char *device = json_get_string(call->parameters, "device");
	OTA_CLEANUP(control_stream_freep) struct control_stream *stream = NULL;

	if (!know_device(call, device))
		return;
	stream = control_stream_new(kind, device, NULL);
	if (call->more || !stream)
		start_stream(call, OTA_TAKE(stream));
	else
		reply_list(call, stream);
}

static void list_modules(struct call *call)
{
	list(call, STREAM_MODULES);
}

static void list_devices(struct call *call)
{
	list(call, STREAM_DEVICES);
}

static void watch(struct call *call)
{
	const char *device = json_get_string(call->parameters, "device");
	const char *module = json_get_string(call->parameters, "module");
	struct ota_error err = OTA_ERROR_INIT;

	if (!know_device(call, device))
		return;
	if (control_listen(call->control, &err))
		start_stream(call, control_stream_new(STREAM_WATCH, device, module));
	else
		call_refuse(call, &err);
}

struct history_walk {
	struct json_object *entries;
	bool complete;
};

static bool take_entry(const struct history_entry *entry, void *user_data)
{
	struct history_walk *walk = user_data;

	walk->complete = json_append(walk->entries, view_history_entry(entry));
	return walk->complete;
}

/* Owned, or NULL with `err`; no-space: `count` entries are too many for a reply. */
static struct json_object *read_history(struct call *call, size_t count,
					struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *reply = json_new_object();
	struct history_walk walk = { json_new_array(), true };
	const char *text;

	if (!walk.entries || !reply ||
	    !json_add(reply, "history", json_object_get(walk.entries))) {
		json_free(walk.entries);
		ota_fail_memory(err, "list the history");
		return NULL;
	}
	json_free(walk.entries); /* it lives in `reply` now */
	if (!updater_history(call->control->updater, count, take_entry, &walk, err))
		return NULL;
	text = walk.complete ? json_text(reply) : NULL;
	if (!text) {
		ota_fail_memory(err, "list the history");
		return NULL;
	}
	/* Half a KiB less: the reply has a frame around it. */
	if (strlen(text) > CONTROL_MAX_OUT_BYTES - 512) {
		ota_fail(err, OTA_ERROR_NO_SPACE, "too long for one reply");
		return NULL;
	}
	return OTA_TAKE(reply);
}

static void get_history(struct call *call)
{
	int64_t count = json_get_int(call->parameters, "count",
				     CONTROL_DEFAULT_HISTORY);
	struct ota_error err = OTA_ERROR_INIT;
	struct json_object *reply;

	if (count < 1 || count > CONTROL_MAX_HISTORY) {
		call_invalid(call, "count");
		return;
	}
	do {
		ota_error_clear(&err);
		reply = read_history(call, (size_t)count, &err);
		count /= 2;
	} while (!reply && err.kind == OTA_ERROR_NO_SPACE && count > 0);
	if (reply)
		call_reply(call, reply);
	else
		call_refuse(call, &err);
}

/* Any of the updater's functions that take a device and a module. */
typedef bool (*module_fn)(struct updater *updater, const char *device,
			  const char *module, struct ota_error *err);

static void act_on_module(struct call *call, module_fn act)
{
	const char *device = json_get_string(call->parameters, "device");
	const char *module = json_get_string(call->parameters, "module");
	struct ota_error err = OTA_ERROR_INIT;

	if (act(call->control->updater, device, module, &err))
		call_reply_empty(call);
	else
		call_refuse(call, &err);
}

static void check(struct call *call)
{
	act_on_module(call, updater_check);
}

static void install(struct call *call)
{
	act_on_module(call, updater_install);
}

static void cancel(struct call *call)
{
	act_on_module(call, updater_cancel);
}

static void rollback(struct call *call)
{
	act_on_module(call, updater_rollback);
}

static void hold(struct call *call)
{
	const char *reason = json_get_string(call->parameters, "reason");
	int64_t until_ms = json_get_int(call->parameters, "until_ms", 0);
	struct ota_error err = OTA_ERROR_INIT;

	if (json_get(call->parameters, "until_ms") &&
	    until_ms <= loop_wall_ms(call->control->loop))
		call_invalid(call, "until_ms");
	else if (reason && (strlen(reason) > CONTROL_MAX_REASON_BYTES ||
			    text_has_control(reason, strlen(reason))))
		call_invalid(call, "reason");
	else if (updater_hold(call->control->updater, until_ms, reason, &err))
		call_reply_empty(call);
	else
		call_refuse(call, &err);
}

static void release(struct call *call)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (updater_release(call->control->updater, &err))
		call_reply_empty(call);
	else
		call_refuse(call, &err);
}

static void add_device(struct call *call)
{
	const char *name = json_get_string(call->parameters, "name");
	const char *class_name = json_get_string(call->parameters, "class");
	struct ota_error err = OTA_ERROR_INIT;

	if (!module_name_is_valid(name))
		call_invalid(call, "name");
	else if (updater_add_device(call->control->updater, name, class_name, &err))
		call_reply_empty(call);
	else
		call_refuse(call, &err);
}

static void remove_device(struct call *call)
{
	const char *name = json_get_string(call->parameters, "name");
	struct ota_error err = OTA_ERROR_INIT;

	if (updater_remove_device(call->control->updater, name, &err))
		call_reply_empty(call);
	else
		call_refuse(call, &err);
}

static const struct parameter device_parameters[] = {
	{ "device", PARAMETER_TEXT, false },
	{ 0 },
};

static const struct parameter module_parameters[] = {
	{ "device", PARAMETER_TEXT, false },
	{ "module", PARAMETER_TEXT, false },
	{ 0 },
};

static const struct parameter history_parameters[] = {
	{ "count", PARAMETER_NUMBER, false },
	{ 0 },
};

static const struct parameter hold_parameters[] = {
	{ "until_ms", PARAMETER_NUMBER, false },
	{ "reason", PARAMETER_TEXT, false },
	{ 0 },
};

static const struct parameter add_device_parameters[] = {
	{ "name", PARAMETER_TEXT, true },
	{ "class", PARAMETER_TEXT, true },
	{ 0 },
};

static const struct parameter remove_device_parameters[] = {
	{ "name", PARAMETER_TEXT, true },
	{ 0 },
};

const struct method otad_methods[] = {
	{ "GetStatus", .run = get_status },
	{ "ListModules", .parameters = device_parameters, .run = list_modules },
	{ "ListDevices", .run = list_devices },
	{ "GetHistory", .parameters = history_parameters, .run = get_history },
	{ "GetStats", .run = get_stats },
	{ "Watch", .needs_more = true, .parameters = module_parameters, .run = watch },
	{ "Check", .changes = true, .parameters = module_parameters, .run = check },
	{ "Update", .changes = true, .parameters = update_parameters, .run = call_update },
	{ "Install", .changes = true, .parameters = module_parameters, .run = install },
	{ "Cancel", .changes = true, .parameters = module_parameters, .run = cancel },
	{ "Rollback", .changes = true, .parameters = module_parameters, .run = rollback },
	{ "Hold", .changes = true, .parameters = hold_parameters, .run = hold },
	{ "Release", .changes = true, .run = release },
	{ "AddDevice", .changes = true, .parameters = add_device_parameters, .run = add_device },
	{ "RemoveDevice", .changes = true, .parameters = remove_device_parameters,
	  .run = remove_device },
	{ 0 },
};
