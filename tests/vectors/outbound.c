#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#define NOW_MS INT64_C(1770804012345)
#define SEQUENCE 1723456789
#define MS_PER_SECOND 1000
#define ZONE_SIZE 32

static enum report_event parse_event(const char *name)
{
	static const struct {
		const char *name;
		enum report_event event;
	} events[] = {
		{ "version-report", REPORT_VERSION },
		{ "check", REPORT_CHECK },
		{ "progress", REPORT_PROGRESS },
		{ "property", REPORT_PROPERTY },
		{ "command-reply", REPORT_REPLY },
		{ "online", REPORT_ONLINE },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(events); i++) {
		if (name && !strcmp(events[i].name, name))
			return events[i].event;
	}
	vector_unusable("no event %s", name ? name : "given");
}

static enum reply_result parse_reply(const char *name)
{
	if (!name || !strcmp(name, "accepted"))
		return REPLY_ACCEPTED;
	if (!strcmp(name, "rejected"))
		return REPLY_REJECTED;
	if (!strcmp(name, "busy"))
		return REPLY_BUSY;
	vector_unusable("no reply %s", name);
}

static struct message_id parse_id(struct json_object *id)
{
	const char *text = id ? json_object_get_string(id) : "";

	return (struct message_id){
		.text = text[0] ? (char *)text : NULL,
		.is_number = json_object_is_type(id, json_type_int),
	};
}

/*
 * RFC 3339 with offset. The report will show it in the local time zone, so
 * that one becomes the local one.
 */
static int64_t parse_time(const char *text)
{
	struct tm tm = { 0 };
	int hours = 0, minutes = 0;
	char zone[ZONE_SIZE];
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t seconds;

	if (!rest || (strcmp(rest, "Z") != 0 &&
		      sscanf(rest, "%3d:%2d", &hours, &minutes) != 2))
		vector_unusable("%s: not an RFC 3339 time", text);
	if (rest[0] == '-')
		minutes = -minutes;
	seconds = timegm(&tm) - (hours * 60 + minutes) * 60;
	/* POSIX counts the other way: <+08>-08:00 is east of Greenwich. */
	snprintf(zone, sizeof(zone), "<LOC>%c%02d:%02d",
		 rest[0] == '-' ? '+' : '-', abs(hours), abs(minutes));
	setenv("TZ", zone, 1);
	tzset();
	return seconds * MS_PER_SECOND;
}

static void parse_state(struct json_object *given, struct report *report)
{
	const char *state = json_get_string(given, "state");
	const char *error = json_get_string(given, "error");
	const char *last_update = json_get_string(given, "last_update");

	if (state && !job_state_parse(state, &report->state))
		vector_unusable("no state %s", state);
	if (error && error[0] && !ota_error_kind_parse(error, &report->error))
		vector_unusable("no error %s", error);
	if (last_update)
		report->last_update_ms = parse_time(last_update);
}

/* Borrows from `given`. */
static void parse_report(struct json_object *given, struct report *report,
			 struct offer_ids *ids)
{
	const char *device = json_get_string(given, "device");
	struct json_object *strategy = json_get(given, "strategy");

	*ids = (struct offer_ids){
		.msg = parse_id(json_get(given, "msgId")),
		.task = parse_id(json_get(given, "taskId")),
		.has_strategy = strategy != NULL,
		.strategy = strategy ? json_object_get_int64(strategy) : 0,
	};
	*report = (struct report){
		.event = parse_event(json_get_string(given, "event")),
		.device = device ? device : DEVICE_SELF,
		.module = json_get_string(given, "module"),
		.progress_percent =
			(unsigned)json_get_int(given, "progress", 0),
		.version = json_get_string(given, "version"),
		.target = json_get_string(given, "target"),
		.message = json_get_string(given, "message"),
		.ids = ids,
		.reply = parse_reply(json_get_string(given, "result")),
		.now_ms = NOW_MS,
		.sequence = SEQUENCE,
	};
	parse_state(given, report);
}

/* `user_data` is an array; each publication becomes one object of it. */
static bool collect(void *user_data,
		    const struct cloud_publication *publication,
		    struct ota_error *err)
{
	struct json_object *json = vector_need(json_new_object());
	enum json_fault fault;

	json_add_string(json, "topic", publication->topic);
	json_add(json, "payload",
		 vector_need(json_parse(publication->payload,
					strlen(publication->payload),
					JSON_MAX_BYTES, &fault)));
	json_add_int(json, "qos", publication->qos);
	return json_append(user_data, json);
}

/* In the form of collect(). */
static struct json_object *expect_publications(struct json_object *test)
{
	struct json_object *list = vector_need(json_new_array());
	struct json_object *payload = json_get(test, "expect_payload");
	struct json_object *topic, *qos, *json;

	if (!json_object_object_get_ex(test, "expect_topic", &topic))
		vector_unusable("a case does not say what to expect");
	if (!topic && !payload)
		return list;
	json = vector_need(json_new_object());
	json_object_object_add(json, "topic", json_object_get(topic));
	json_object_object_add(json, "payload", json_object_get(payload));
	if (json_object_object_get_ex(test, "expect_qos", &qos))
		json_object_object_add(json, "qos", json_object_get(qos));
	json_append(list, json);
	return list;
}

/* Where no QoS is expected, none is compared. */
static void drop_qos(struct json_object *expected, struct json_object *got)
{
	struct json_object *first = json_object_array_get_idx(expected, 0);

	if (json_object_object_get_ex(first, "qos", NULL))
		return;
	for (size_t i = 0; i < json_object_array_length(got); i++)
		json_object_object_del(json_object_array_get_idx(got, i),
				       "qos");
}

bool vector_run_outbound(const struct vector_setup *setup,
			 struct json_object *test)
{
	struct json_object *given = json_get(test, "given");
	OTA_CLEANUP(json_freep) struct json_object *got =
		vector_need(json_new_array());
	OTA_CLEANUP(json_freep) struct json_object *expected =
		expect_publications(test);
	OTA_CLEANUP(cloud_freep) struct cloud *cloud =
		vector_cloud(setup, given);
	struct offer_ids ids;
	struct report report;
	struct ota_error err;
	bool passed;

	parse_report(given, &report, &ids);
	if (!cloud_encode(cloud, setup->inventory, &report, collect, got, &err))
		vector_unusable("%s", err.text);
	drop_qos(expected, got);
	passed = vector_matches(expected, got);
	if (!passed)
		vector_print_failure(test, expected, got);
	return passed;
}
