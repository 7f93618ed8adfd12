#pragma once

/* What the adapters share when they turn a report into messages. */

#include "otad/base/cleanup.h"
#include "otad/base/error.h"
#include "otad/cloud/cloud.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

/* Longest text of a failure, in characters: sections 2.3.5, 3.3.3, 6.3. */
#define WRITER_TEXT_CHARACTERS 128

struct writer {
	const struct cloud *cloud;
	const struct inventory *inventory;
	cloud_publish_fn publish;
	void *user_data;
	struct ota_error *err;
};

/*
 * Publishes `payload` under `topic`. Takes both; either being NULL means that
 * memory ran out while it was made. `result`: of a job, must not be lost.
 */
bool writer_publish(const struct writer *writer, char *topic,
		    struct json_object *payload, int qos, bool result)
	OTA_MUST_CHECK;

/* asprintf(3) that yields NULL when out of memory. */
char *writer_format(const char *format, ...) OTA_PRINTF(1, 2) OTA_MUST_CHECK;

/* The first `characters` of UTF-8 `text`; owned, NULL when out of memory. */
char *writer_cut(const char *text, size_t characters) OTA_MUST_CHECK;

/* Adds `id` with the type it came with; nothing when there is none or NULL. */
bool writer_add_id(struct json_object *object, const char *key,
		   const struct message_id *id);

bool report_has_failed(const struct report *report);
/* The message given, "" when there is none. */
const char *report_message(const struct report *report);
/* Of a failure: the message given, else its kind, else its state. */
const char *report_failure(const struct report *report);
/* Section 1.5, column "overall %". */
unsigned report_overall(const struct report *report);
/* An empty id when the report has none. */
const struct message_id *report_msg_id(const struct report *report);
