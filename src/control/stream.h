#pragma once

/* Answers that come in parts: lists, and the watch. */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct control_client;
struct control_stream;
struct job_view;
struct json_object;
struct updater;

enum stream_kind {
	STREAM_DEVICES,
	STREAM_MODULES,
	STREAM_WATCH,
};

/* Copies `device` and `module` (NULL: all). NULL when out of memory. */
struct control_stream *control_stream_new(enum stream_kind kind,
					  const char *device,
					  const char *module) OTA_MUST_CHECK;
struct control_stream *control_stream_free(struct control_stream *stream);
OTA_DEFINE_CLEANUP(struct control_stream *, control_stream_free)

enum stream_kind control_stream_kind(const struct control_stream *stream);
bool control_stream_matches(const struct control_stream *stream,
			    const struct job_view *job);
/* What there was at the beginning has been told. */
bool control_stream_is_listed(const struct control_stream *stream);

/*
 * The next entries, `max` or a few more: whole devices. Owned, or NULL with
 * `err`. control_stream_is_listed() says whether they were the last.
 */
struct json_object *control_stream_next(struct control_stream *stream,
					struct updater *updater, size_t max,
					struct ota_error *err) OTA_MUST_CHECK;
/* Replies with the next part; false with `err` when the connection must end. */
bool control_stream_turn(struct control_stream *stream, struct updater *updater,
			 struct control_client *client, struct ota_error *err)
	OTA_MUST_CHECK;
/* "devices" or "modules": the parameter of a list's reply. */
const char *control_stream_parameter(enum stream_kind kind);
