#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/model/device.h"
#include "otad/update/updater.h"

#include "client.h"
#include "limits.h"
#include "views.h"

struct control_stream {
	enum stream_kind kind;
	char *device; /* NULL: all */
	char *module; /* NULL: all */
	/* Where the next part begins. The name holds when devices come and go. */
	size_t position;
	char *last_device; /* NULL: at the beginning */
	size_t n_devices;  /* there were, then */
	bool listed;
};

struct control_stream *control_stream_new(enum stream_kind kind,
					  const char *device,
					  const char *module)
{
	struct control_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->kind = kind;
	stream->device = device ? strdup(device) : NULL;
	stream->module = module ? strdup(module) : NULL;
	if ((device && !stream->device) || (module && !stream->module))
		return control_stream_free(stream);
	return stream;
}

struct control_stream *control_stream_free(struct control_stream *stream)
{
	if (!stream)
		return NULL;
	free(stream->device);
	free(stream->module);
	free(stream->last_device);
	free(stream);
	return NULL;
}

enum stream_kind control_stream_kind(const struct control_stream *stream)
{
	return stream->kind;
}

static bool is_wanted(const char *wanted, const char *name)
{
	return !wanted || strcmp(wanted, name) == 0;
}

bool control_stream_matches(const struct control_stream *stream,
			    const struct job_view *job)
{
	return is_wanted(stream->device, job->device) &&
	       is_wanted(stream->module, job->module);
}

bool control_stream_is_listed(const struct control_stream *stream)
{
	return stream->listed;
}

const char *control_stream_parameter(enum stream_kind kind)
{
	switch (kind) {
	case STREAM_DEVICES:
		return "devices";
	case STREAM_MODULES:
		return "modules";
	case STREAM_WATCH:
		return "job";
	}
	return NULL;
}

/* One part of the walk over all devices. */
struct walk {
	struct control_stream *stream;
	struct updater *updater;
	struct json_object *entries;
	size_t max;
	size_t index;
	size_t visited;
	const char *find; /* the device to find, and whether it was */
	bool found;
	bool more;
	bool out_of_memory;
};

static bool find_device(const struct device *device, void *user_data)
{
	struct walk *walk = user_data;

	walk->found = strcmp(device->name, walk->find) == 0;
	walk->index++;
	return !walk->found;
}

static size_t count_devices(const struct updater *updater)
{
	struct updater_status status = { 0 };

	updater_status(updater, &status);
	return status.devices;
}

/* A device removed in front of it moves the place where we stopped. */
static void find_position(struct control_stream *stream, struct updater *updater)
{
	struct walk walk = { .find = stream->last_device };
	size_t n_devices = count_devices(updater);
	size_t n_gone = stream->n_devices > n_devices ?
				stream->n_devices - n_devices :
				0;

	if (stream->last_device)
		updater_each_device(updater, find_device, &walk);
	if (walk.found)
		stream->position = walk.index;
	else
		/* Gone itself; rather tell of one twice than of one not at all. */
		stream->position -= n_gone < stream->position ? n_gone :
								stream->position;
	stream->n_devices = n_devices;
}

static bool take(struct walk *walk, struct json_object *entry)
{
	if (json_append(walk->entries, entry))
		return true;
	walk->out_of_memory = true;
	return false;
}

static bool take_module(const struct module_view *view, void *user_data)
{
	struct walk *walk = user_data;

	switch (walk->stream->kind) {
	case STREAM_DEVICES:
		return true;
	case STREAM_MODULES:
		return take(walk, view_module(view));
	case STREAM_WATCH:
		if (!view->job || job_state_is_terminal(view->job->state) ||
		    !control_stream_matches(walk->stream, view->job))
			return true;
		return take(walk, view_job(view->job));
	}
	return true;
}

static bool take_device(const struct device *device, void *user_data)
{
	struct walk *walk = user_data;
	struct control_stream *stream = walk->stream;
	char *name;

	if (walk->index++ < stream->position ||
	    !is_wanted(stream->device, device->name))
		return true;
	if (json_object_array_length(walk->entries) >= walk->max ||
	    walk->visited++ >= CONTROL_MAX_DEVICES) {
		walk->more = true;
		return false;
	}
	name = strdup(device->name);
	if (!name) {
		walk->out_of_memory = true;
		return false;
	}
	free(stream->last_device);
	stream->last_device = name;
	stream->position = walk->index;
	if (stream->kind == STREAM_DEVICES)
		return take(walk, view_device(device));
	updater_each_module(walk->updater, device->name, take_module, walk);
	return !walk->out_of_memory;
}

struct json_object *control_stream_next(struct control_stream *stream,
					struct updater *updater, size_t max,
					struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *entries = json_new_array();
	struct walk walk = {
		.stream = stream,
		.updater = updater,
		.entries = entries,
		.max = max,
	};

	if (entries) {
		find_position(stream, updater);
		updater_each_device(updater, take_device, &walk);
	}
	if (!entries || walk.out_of_memory) {
		ota_fail_memory(err, "list what there is");
		return NULL;
	}
	stream->listed = !walk.more;
	return OTA_TAKE(entries);
}

static bool reply_with(struct control_client *client, const char *parameter,
		       struct json_object *value, bool continues,
		       struct ota_error *err)
{
	struct json_object *parameters = json_new_object();

	/* `value` is gone either way. */
	if (!parameters) {
		json_free(value);
		return ota_fail_memory(err, "make a reply");
	}
	if (value && !json_add(parameters, parameter, value)) {
		json_free(parameters);
		return ota_fail_memory(err, "make a reply");
	}
	return control_client_reply(client, NULL, parameters, continues, err);
}

static bool reply_each_job(struct control_client *client,
			   struct json_object *jobs, struct ota_error *err)
{
	for (size_t i = 0; i < json_object_array_length(jobs); i++) {
		struct json_object *job = json_object_array_get_idx(jobs, i);

		if (!reply_with(client, "job", json_object_get(job), true, err))
			return false;
	}
	return true;
}

bool control_stream_turn(struct control_stream *stream, struct updater *updater,
			 struct control_client *client, struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *entries =
		control_stream_next(stream, updater, CONTROL_PART_ENTRIES, err);

	if (!entries)
		return false;
	if (stream->kind != STREAM_WATCH)
		return reply_with(client, control_stream_parameter(stream->kind),
				  OTA_TAKE(entries), !stream->listed, err);
	return reply_each_job(client, entries, err) &&
	       (!stream->listed || reply_with(client, "job", NULL, true, err));
}
