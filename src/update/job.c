#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "otad/base/json.h"
#include "otad/base/loop.h"
#include "otad/base/version.h"
#include "otad/fetch/fetch.h"

#include "artifact.h"
#include "machine.h"
#include "updater-private.h"

#define JOB_FORMAT 1

static bool make_id(struct job *job, struct ota_error *err)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return ota_fail(err, OTA_ERROR_INTERNAL, "no random numbers");
	snprintf(job->id, sizeof(job->id), "%016llx",
		 (unsigned long long)random);
	return true;
}

struct job *job_new(struct updater *updater, const struct offer *offer,
		    struct module_settings *settings, const char *old_version,
		    struct ota_error *err)
{
	OTA_CLEANUP(job_freep) struct job *job = calloc(1, sizeof(*job));

	if (!job || !(job->offer = offer_copy(offer)) ||
	    (old_version && !(job->old_version = strdup(old_version)))) {
		ota_fail_memory(err, "making a job");
		return NULL;
	}
	if (!make_id(job, err))
		return NULL;
	job->updater = updater;
	job->state = JOB_STATE_AVAILABLE;
	job->told_percent = -1;
	job->settings = module_settings_ref(settings);
	job->created_ms = job->changed_ms = loop_wall_ms(updater->loop);
	job->total_bytes = offer->size_bytes;
	if (!job_make_timers(job, err))
		return NULL;
	return OTA_TAKE(job);
}

struct job *job_free(struct job *job)
{
	if (!job)
		return NULL;
	installation_free(job->installation);
	artifact_user_free(job->artifact);
	artifact_release(job->claim);
	fetch_text_free(job->signature);
	config_unref(job->signature_config);
	loop_source_free(job->deadline);
	loop_source_free(job->retry);
	module_settings_unref(job->settings);
	offer_free(job->offer);
	offer_free(job->waiting);
	free(job->old_version);
	free(job->cause_text);
	free(job->away_text);
	free(job->undo_text);
	free(job);
	return NULL;
}

void job_set_cause(struct job *job, const struct ota_error *cause)
{
	if (job->cause != OTA_ERROR_NONE)
		return;
	job->cause = cause->kind == OTA_ERROR_NONE ? OTA_ERROR_INTERNAL
						   : cause->kind;
	job->cause_text = strdup(cause->text);
}

void job_add_to_cause(struct job *job, const char *what)
{
	char *text;

	if (asprintf(&text, "%s%s%s", job->cause_text ? job->cause_text : "",
		     job->cause_text ? "; " : "", what) < 0)
		return;
	free(job->cause_text);
	job->cause_text = text;
}

void job_raise_percent(struct job *job)
{
	unsigned percent = job_overall_percent(
		job->state, job->download_percent, job->overall_percent);

	if (percent > job->overall_percent)
		job->overall_percent = percent;
}

bool job_is_of_sub_device(const struct job *job)
{
	return strcmp(job->offer->device, DEVICE_SELF) != 0;
}

bool job_is_installing(const struct job *job)
{
	return job->state >= JOB_STATE_BACKING_UP &&
	       job->state <= JOB_STATE_CONFIRMING;
}

static bool add_optional(struct json_object *json, const char *key,
			 const char *value)
{
	return !value || json_add_string(json, key, value);
}

static bool add_offer(struct json_object *json, const char *key,
		      const struct offer *offer)
{
	struct json_object *value;

	if (!offer)
		return true;
	value = offer_to_json(offer);
	return value && json_add(json, key, value);
}

struct json_object *job_to_json(const struct job *job)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();

	if (!json || !json_add_int(json, "format", JOB_FORMAT) ||
	    !json_add_string(json, "job", job->id) ||
	    !json_add_string(json, "state", job_state_name(job->state)) ||
	    !add_offer(json, "offer", job->offer) ||
	    !add_offer(json, "waiting", job->waiting) ||
	    !add_optional(json, "old_version", job->old_version) ||
	    !json_add_bool(json, "approved", job->approved) ||
	    !json_add_bool(json, "undoing", job->undoing) ||
	    !json_add_string(json, "error", ota_error_kind_name(job->cause)) ||
	    !add_optional(json, "message", job->cause_text) ||
	    !json_add_int(json, "created_ms", job->created_ms) ||
	    !json_add_int(json, "changed_ms", job->changed_ms) ||
	    !json_add_int(json, "overall_percent", job->overall_percent) ||
	    !json_add_int(json, "bytes", (int64_t)job->bytes) ||
	    !json_add_int(json, "told_percent", job->told_percent) ||
	    !json_add_int(json, "refetches", job->refetches) ||
	    !json_add_int(json, "away_attempts", job->away_attempts) ||
	    !json_add_int(json, "away_ms", (int64_t)job->away_ms))
		return NULL;
	return OTA_TAKE(json);
}

static bool read_id(struct job *job, struct json_object *json)
{
	const char *id = json_get_string(json, "job");

	if (!id || strlen(id) != JOB_ID_SIZE - 1 ||
	    strspn(id, "0123456789abcdef") != JOB_ID_SIZE - 1)
		return false;
	memcpy(job->id, id, JOB_ID_SIZE);
	return true;
}

static bool read_state(struct job *job, struct json_object *json)
{
	const char *state = json_get_string(json, "state");
	const char *error = json_get_string(json, "error");

	return state && job_state_parse(state, &job->state) &&
	       job->state != JOB_STATE_IDLE && error &&
	       (error[0] == '\0' || ota_error_kind_parse(error, &job->cause));
}

static unsigned clamp_percent(int64_t percent)
{
	return percent < 0 ? 0 : percent > 100 ? 100 : (unsigned)percent;
}

static int read_told(struct json_object *json)
{
	int64_t percent = json_get_int(json, "told_percent", -1);

	return percent < 0 ? -1 : (int)clamp_percent(percent);
}

static uint64_t read_count(struct json_object *json, const char *key)
{
	int64_t count = json_get_int(json, key, 0);

	return count < 0 ? 0 : (uint64_t)count;
}

static bool read_texts(struct job *job, struct json_object *json)
{
	const char *old_version = json_get_string(json, "old_version");
	const char *message = json_get_string(json, "message");

	if (old_version && version_is_valid(old_version) &&
	    !(job->old_version = strdup(old_version)))
		return false;
	return !message || (job->cause_text = strdup(message));
}

struct job *job_from_json(struct updater *updater, struct json_object *json,
			  struct ota_error *err)
{
	OTA_CLEANUP(job_freep) struct job *job = calloc(1, sizeof(*job));
	struct json_object *waiting = json_get(json, "waiting");

	if (!job || !read_texts(job, json)) {
		ota_fail_memory(err, "reading a job");
		return NULL;
	}
	if (json_get_int(json, "format", 0) != JOB_FORMAT) {
		ota_fail(err, OTA_ERROR_PROTOCOL, "not a job of this format");
		return NULL;
	}
	if (!read_id(job, json) || !read_state(job, json)) {
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "job, state or error is missing or unknown");
		return NULL;
	}
	job->offer = offer_from_json(json_get(json, "offer"), err);
	if (!job->offer)
		return NULL;
	if (waiting && !(job->waiting = offer_from_json(waiting, err)))
		return NULL;
	job->updater = updater;
	job->approved = json_get_bool(json, "approved", false);
	job->undoing = json_get_bool(json, "undoing", false);
	job->created_ms = json_get_int(json, "created_ms", 0);
	job->changed_ms = json_get_int(json, "changed_ms", 0);
	job->overall_percent =
		clamp_percent(json_get_int(json, "overall_percent", 0));
	job->told_percent = read_told(json);
	job->bytes = read_count(json, "bytes");
	job->refetches = (unsigned)read_count(json, "refetches");
	job->away_attempts = (unsigned)read_count(json, "away_attempts");
	job->away_ms = read_count(json, "away_ms");
	job->total_bytes = job->offer->size_bytes;
	job->recorded = true;
	job->to_resume = true;
	return OTA_TAKE(job);
}
