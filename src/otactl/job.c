#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otad/base/json.h"
#include "otad/model/job-state.h"
#include "otad/model/offer.h"

#include "text.h"

const char *ctl_field(struct json_object *object, const char *key)
{
	const char *text = json_get_string(object, key);

	return text ? text : "";
}

char *ctl_full_subject(struct json_object *named)
{
	OTA_CLEANUP(freep) char *raw = NULL;

	if (asprintf(&raw, "%s/%s", ctl_field(named, "device"),
		     ctl_field(named, "module")) < 0) {
		raw = NULL;
		return NULL;
	}
	return ctl_clean(raw);
}

char *ctl_subject(struct json_object *named)
{
	if (strcmp(ctl_field(named, "device"), DEVICE_SELF) == 0)
		return ctl_clean(ctl_field(named, "module"));
	return ctl_full_subject(named);
}

static enum job_state state_of(struct json_object *job)
{
	enum job_state state;

	/* A newer otad may know states that we do not: they are no end. */
	return job_state_parse(ctl_field(job, "state"), &state) ? state :
								  JOB_STATE_IDLE;
}

bool ctl_job_is_ended(struct json_object *job)
{
	return job_state_is_terminal(state_of(job));
}

bool ctl_job_is_good(struct json_object *job)
{
	return state_of(job) == JOB_STATE_SUCCEEDED;
}

static unsigned percent_of(struct json_object *job, const char *key)
{
	int64_t percent = json_get_int(job, key, 0);

	return percent < 0 ? 0 : percent > 100 ? 100 : (unsigned)percent;
}

unsigned ctl_job_percent(struct json_object *job)
{
	return percent_of(job, "progress_percent");
}

unsigned ctl_job_install_percent(struct json_object *job)
{
	return percent_of(job, "install_percent");
}

bool ctl_job_time_left(struct json_object *job, uint64_t *ret_seconds)
{
	int64_t total = json_get_int(job, "total_bytes", 0);
	int64_t received = json_get_int(job, "received_bytes", 0);
	int64_t rate = json_get_int(job, "bytes_per_second", 0);

	if (state_of(job) != JOB_STATE_DOWNLOADING || rate <= 0 || received < 0 ||
	    total < received)
		return false;
	*ret_seconds = (uint64_t)((total - received) / rate);
	return true;
}

static void put_download(FILE *out, struct json_object *job)
{
	int64_t received = json_get_int(job, "received_bytes", 0);
	int64_t total = json_get_int(job, "total_bytes", 0);
	int64_t rate = json_get_int(job, "bytes_per_second", 0);
	char text[CTL_SHORT_TEXT];
	uint64_t seconds;

	fputs(ctl_format_size(received > 0 ? (uint64_t)received : 0, text), out);
	if (total > 0)
		fprintf(out, " of %s", ctl_format_size((uint64_t)total, text));
	if (rate > 0)
		fprintf(out, ", %s/s", ctl_format_size((uint64_t)rate, text));
	if (ctl_job_time_left(job, &seconds))
		fprintf(out, ", %s left", ctl_format_clock(seconds, text));
}

static char *note_of_download(struct json_object *job)
{
	char *note = NULL;
	size_t size;
	FILE *out = open_memstream(&note, &size);

	if (!out)
		return NULL;
	put_download(out, job);
	if (fclose(out) != 0) {
		free(note);
		return NULL;
	}
	return note;
}

char *ctl_job_note(struct json_object *job)
{
	const char *waiting = ctl_field(job, "waiting");
	const char *message = ctl_field(job, "message");
	const char *error = ctl_field(job, "error");
	char *note;

	if (*error)
		return asprintf(&note, "%s%s%s", error, *message ? ": " : "",
				message) < 0 ?
			       NULL :
			       note;
	if (*waiting)
		return strdup(waiting);
	if (state_of(job) == JOB_STATE_DOWNLOADING)
		return note_of_download(job);
	if (ctl_job_install_percent(job) > 0)
		return asprintf(&note, "%u%% installed",
				ctl_job_install_percent(job)) < 0 ?
			       NULL :
			       note;
	return strdup(ctl_job_is_good(job) ? "" : message);
}

char *ctl_job_standing(struct json_object *job, int64_t now_ms)
{
	const char *state = ctl_field(job, "state");
	char ago[CTL_SHORT_TEXT];
	char *standing;
	int length;

	if (!job)
		return strdup("");
	ctl_format_ago(json_get_int(job, "changed_ms", 0), now_ms, ago);
	if (ctl_job_is_ended(job))
		length = asprintf(&standing, "%s %s", state, ago);
	else if (state_of(job) == JOB_STATE_AVAILABLE)
		length = asprintf(&standing, "%s", state);
	else
		length = asprintf(&standing, "%s %u%%", state, ctl_job_percent(job));
	return length < 0 ? NULL : standing;
}
