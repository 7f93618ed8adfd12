#include "commands.h"

#include <inttypes.h>
#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/base/units.h"

#include "job.h"
#include "otactl.h"
#include "table.h"
#include "text.h"

#define MAX_LINES 500
#define DEFAULT_LINES 20

/* `history` without the entries of other devices than --device. */
static struct json_object *choose(const struct ctl *ctl,
				  struct json_object *history)
{
	struct json_object *chosen = json_new_array();

	for (size_t i = 0; chosen && i < json_object_array_length(history); i++) {
		struct json_object *entry = json_object_array_get_idx(history, i);

		if (ctl->options.device &&
		    strcmp(ctl->options.device, ctl_field(entry, "device")) != 0)
			continue;
		if (!json_append(chosen, json_object_get(entry)))
			return json_free(chosen);
	}
	return chosen;
}

static bool add_row(struct ctl_table *table, struct json_object *entry)
{
	OTA_CLEANUP(freep) char *subject = ctl_subject(entry);
	OTA_CLEANUP(freep) char *note = ctl_job_note(entry);
	int64_t started_ms = json_get_int(entry, "started_ms", 0);
	int64_t ended_ms = json_get_int(entry, "ended_ms", 0);
	const char *state = ctl_field(entry, "state");
	char time[CTL_SHORT_TEXT];
	char took[CTL_SHORT_TEXT] = "";
	const char *cells[] = {
		ctl_format_time(ended_ms, time),
		subject,
		ctl_field(entry, "old_version"),
		ctl_field(entry, "version"),
		took,
		state,
	};

	/* A clock that was set meanwhile makes no sense of a difference. */
	if (started_ms > 0 && ended_ms >= started_ms)
		ctl_format_duration(ended_ms - started_ms, took);
	return subject && note &&
	       ctl_table_add(table, cells, ctl_state_colour(state), note);
}

static bool put_history(const struct ctl *ctl, struct json_object *history)
{
	static const char *const titles[] = { "ENDED", "MODULE", "FROM", "TO",
					      "TOOK",  "RESULT", NULL };
	OTA_CLEANUP(ctl_table_freep) struct ctl_table *table = ctl_table_new(titles);
	OTA_CLEANUP(json_freep) struct json_object *document = json_new_object();

	if (ctl->options.json)
		return document &&
		       json_add(document, "history", json_object_get(history)) &&
		       ctl_put_json(document);
	for (size_t i = 0; table && i < json_object_array_length(history); i++) {
		if (!add_row(table, json_object_array_get_idx(history, i)))
			return false;
	}
	return table && ctl_table_print(table, &ctl->screen);
}

int ctl_run_history(struct ctl *ctl)
{
	const char *count_text = ctl->options.count;
	uint64_t count = DEFAULT_LINES;
	struct json_object *parameters;
	OTA_CLEANUP(json_freep) struct json_object *reply = NULL;
	OTA_CLEANUP(json_freep) struct json_object *chosen = NULL;
	struct ota_error err = OTA_ERROR_INIT;

	if (count_text && !units_parse_number(count_text, 1, MAX_LINES, &count))
		return ctl_usage(ctl, "-n takes a number from 1 to %d, not '%s'",
				 MAX_LINES, count_text);
	parameters = json_new_object();
	if (!parameters || !json_add_int(parameters, "count", (int64_t)count)) {
		json_free(parameters);
		ctl_complain("out of memory");
		return CTL_FAILED;
	}
	reply = ctl_call(ctl, "GetHistory", parameters, &err);
	if (!reply)
		return ctl_report(&err);
	if (!json_object_is_type(json_get(reply, "history"), json_type_array)) {
		ctl_complain("the answer is no list");
		return CTL_FAILED;
	}
	chosen = choose(ctl, json_get(reply, "history"));
	if (chosen && put_history(ctl, chosen))
		return CTL_DONE;
	ctl_complain("out of memory");
	return CTL_FAILED;
}

enum stat_kind {
	STAT_COUNT,
	STAT_BYTES,
	STAT_MILLISECONDS,
	STAT_MICROSECONDS,
};

static void put_stat(struct json_object *stats, const char *title,
		     const char *key, enum stat_kind kind)
{
	int64_t value = json_get_int(stats, key, 0);
	char text[CTL_SHORT_TEXT] = "";

	switch (kind) {
	case STAT_COUNT:
		snprintf(text, sizeof(text), "%" PRId64, value);
		break;
	case STAT_BYTES:
		ctl_format_size(value > 0 ? (uint64_t)value : 0, text);
		break;
	case STAT_MILLISECONDS:
		ctl_format_duration(value, text);
		break;
	case STAT_MICROSECONDS:
		snprintf(text, sizeof(text), "%.1f ms", (double)value / 1000);
		break;
	}
	printf("  %-26s %s\n", title, text);
}

int ctl_run_stats(struct ctl *ctl)
{
	OTA_CLEANUP(json_freep) struct json_object *stats = NULL;
	struct ota_error err = OTA_ERROR_INIT;

	stats = ctl_call(ctl, "GetStats", NULL, &err);
	if (!stats)
		return ctl_report(&err);
	if (ctl->options.json)
		return ctl_put_json(stats) ? CTL_DONE : CTL_FAILED;
	printf("Since the first start\n");
	put_stat(stats, "updates succeeded", "succeeded", STAT_COUNT);
	put_stat(stats, "updates failed", "failed", STAT_COUNT);
	put_stat(stats, "updates rolled back", "rolled_back", STAT_COUNT);
	put_stat(stats, "downloaded", "bytes_downloaded", STAT_BYTES);
	printf("Since this start\n");
	put_stat(stats, "up for", "uptime_ms", STAT_MILLISECONDS);
	put_stat(stats, "offers", "offers", STAT_COUNT);
	put_stat(stats, "unusable messages", "rejects", STAT_COUNT);
	put_stat(stats, "reports sent", "reports_sent", STAT_COUNT);
	put_stat(stats, "connected", "connects", STAT_COUNT);
	put_stat(stats, "disconnected", "disconnects", STAT_COUNT);
	put_stat(stats, "longest turn of the loop", "longest_stall_us",
		 STAT_MICROSECONDS);
	return CTL_DONE;
}
