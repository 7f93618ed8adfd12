#include "report-writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"

/*
 * json-c drops, without a word, what its buffer cannot grow for: only text that
 * reads back the same is whole.
 */
static bool is_whole(const char *text, struct json_object *json)
{
	OTA_CLEANUP(json_freep) struct json_object *copy = NULL;
	enum json_fault fault;

	copy = json_parse(text, strlen(text), JSON_MAX_BYTES, &fault);
	return copy && json_object_equal(copy, json);
}

bool writer_publish(const struct writer *writer, char *topic,
		    struct json_object *payload, int qos, bool result)
{
	OTA_CLEANUP(freep) char *owned_topic = topic;
	OTA_CLEANUP(json_freep) struct json_object *owned_payload = payload;
	struct cloud_publication publication = {
		.topic = owned_topic,
		.qos = qos,
		.result = result,
	};

	if (owned_payload)
		publication.payload = json_text(owned_payload);
	if (!publication.topic || !publication.payload ||
	    !is_whole(publication.payload, owned_payload))
		return ota_fail_memory(writer->err, "write a report");
	return writer->publish(writer->user_data, &publication, writer->err);
}

char *writer_format(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return length < 0 ? NULL : text;
}

char *writer_cut(const char *text, size_t characters)
{
	const char *end = text;

	/* A character is a lead byte and the 10xxxxxx that follow it. */
	while (*end) {
		if ((*end & 0xC0) != 0x80 && characters-- == 0)
			break;
		end++;
	}
	return strndup(text, (size_t)(end - text));
}

bool writer_add_id(struct json_object *object, const char *key,
		   const struct message_id *id)
{
	if (!id || !id->text)
		return true;
	if (!id->is_number)
		return json_add_string(object, key, id->text);
	return json_add_int(object, key, strtoll(id->text, NULL, 10));
}

bool report_has_failed(const struct report *report)
{
	return report->state == JOB_STATE_FAILED ||
	       report->state == JOB_STATE_ROLLED_BACK;
}

const char *report_message(const struct report *report)
{
	return report->message ? report->message : "";
}

const char *report_failure(const struct report *report)
{
	if (report_message(report)[0] != '\0')
		return report->message;
	if (report->error != OTA_ERROR_NONE)
		return ota_error_kind_name(report->error);
	return job_state_name(report->state);
}

unsigned report_overall(const struct report *report)
{
	return job_overall_percent(report->state, report->progress_percent,
				   report->progress_percent);
}

const struct message_id *report_msg_id(const struct report *report)
{
	static const struct message_id none = { .text = NULL };

	return report->ids ? &report->ids->msg : &none;
}
