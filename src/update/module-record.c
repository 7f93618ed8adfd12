#include "module-record.h"

#include <stdio.h>
#include <string.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/version.h"

#include "job.h"
#include "store.h"

static char *record_path(const struct store *store, const char *device,
			 const char *module)
{
	OTA_CLEANUP(freep) char *name = NULL;

	if (asprintf(&name, "%s/%s", device, module) < 0)
		return NULL;
	return store_path(store, STORE_MODULES, name, ".json");
}

struct module_record *module_record_free(struct module_record *record)
{
	if (!record)
		return NULL;
	offer_free(record->last_offer);
	offer_free(record->installed);
	free(record->version);
	free(record->previous);
	free(record->last_message);
	free(record->strike_key);
	free(record);
	return NULL;
}

static bool take_string(char **to, struct json_object *json, const char *key)
{
	const char *value = json_get_string(json, key);

	return !value || (*to = strdup(value));
}

static bool take_version(char **to, struct json_object *json, const char *key)
{
	const char *value = json_get_string(json, key);

	return !value || !version_is_valid(value) || (*to = strdup(value));
}

static uint64_t count_of(struct json_object *json, const char *key)
{
	int64_t count = json_get_int(json, key, 0);

	return count > 0 ? (uint64_t)count : 0;
}

static unsigned limited(struct json_object *json, const char *key, unsigned max)
{
	uint64_t count = count_of(json, key);

	return count < max ? (unsigned)count : max;
}

static void take_counts(struct update_counts *counts, struct json_object *json)
{
	*counts = (struct update_counts){
		.succeeded = count_of(json, "succeeded"),
		.failed = count_of(json, "failed"),
		.rolled_back = count_of(json, "rolled_back"),
		.bytes = count_of(json, "bytes"),
		.ms = count_of(json, "ms"),
	};
}

/* A member of the wrong type is as good as none: nothing here is needed. */
static bool parse(struct module_record *record, struct json_object *json)
{
	const char *state = json_get_string(json, "last_state");
	const char *error = json_get_string(json, "last_error");
	const char *id = json_get_string(json, "last_job");
	struct json_object *offer = json_get(json, "last_offer");
	struct json_object *installed = json_get(json, "installed");
	struct ota_error err;

	if (state && !job_state_parse(state, &record->last_state))
		record->last_state = JOB_STATE_IDLE;
	if (error && !ota_error_kind_parse(error, &record->last_error))
		record->last_error = OTA_ERROR_NONE;
	if (id && strlen(id) == JOB_ID_SIZE - 1)
		memcpy(record->last_job, id, JOB_ID_SIZE);
	if (offer)
		record->last_offer = offer_from_json(offer, &err);
	if (!record->last_offer)
		record->last_state = JOB_STATE_IDLE;
	if (installed)
		record->installed = offer_from_json(installed, &err);
	record->updated_ms = json_get_int(json, "updated_ms", 0);
	record->last_changed_ms = json_get_int(json, "last_changed_ms", 0);
	record->last_percent = limited(json, "last_percent", 100);
	record->strikes = limited(json, "strikes", STRIKES_LIMIT);
	record->struck_ms = json_get_int(json, "struck_ms", 0);
	take_counts(&record->counts, json);
	return take_version(&record->version, json, "version") &&
	       take_version(&record->previous, json, "previous") &&
	       take_string(&record->last_message, json, "last_message") &&
	       take_string(&record->strike_key, json, "strike_key");
}

struct module_record *module_record_load(const struct store *store,
					 const char *device, const char *module,
					 struct ota_error *err)
{
	OTA_CLEANUP(module_record_freep) struct module_record *record =
		calloc(1, sizeof(*record));
	OTA_CLEANUP(freep) char *path = record_path(store, device, module);
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;

	if (!record || !path) {
		ota_fail_memory(err, "reading a module's record");
		return NULL;
	}
	json = store_read(path, err);
	if (!json && err->kind == OTA_ERROR_NOT_FOUND) {
		/* Nobody should take it for a failure of something else. */
		ota_error_clear(err);
		return OTA_TAKE(record);
	}
	if (!json) {
		if (err->kind != OTA_ERROR_PROTOCOL && !store_is_damage(err))
			return NULL;
		store_set_aside(path, err);
		return OTA_TAKE(record);
	}
	if (!parse(record, json)) {
		ota_fail_memory(err, "reading a module's record");
		return NULL;
	}
	return OTA_TAKE(record);
}

static bool add_text(struct json_object *json, const char *key, const char *value)
{
	return !value || json_add_string(json, key, value);
}

static bool add_offer(struct json_object *json, const char *key,
		      const struct offer *offer)
{
	return !offer || json_add(json, key, offer_to_json(offer));
}

static bool add_last(struct json_object *json, const struct module_record *record)
{
	if (record->last_state == JOB_STATE_IDLE || !record->last_offer)
		return true;
	return add_offer(json, "last_offer", record->last_offer) &&
	       json_add_string(json, "last_job", record->last_job) &&
	       json_add_string(json, "last_state",
			       job_state_name(record->last_state)) &&
	       json_add_string(json, "last_error",
			       ota_error_kind_name(record->last_error)) &&
	       add_text(json, "last_message", record->last_message) &&
	       json_add_int(json, "last_percent", record->last_percent) &&
	       json_add_int(json, "last_changed_ms", record->last_changed_ms);
}

static bool add_counts(struct json_object *json,
		       const struct update_counts *counts)
{
	return json_add_int(json, "succeeded", (int64_t)counts->succeeded) &&
	       json_add_int(json, "failed", (int64_t)counts->failed) &&
	       json_add_int(json, "rolled_back", (int64_t)counts->rolled_back) &&
	       json_add_int(json, "bytes", (int64_t)counts->bytes) &&
	       json_add_int(json, "ms", (int64_t)counts->ms);
}

bool module_record_save(const struct module_record *record,
			const struct store *store, const char *device,
			const char *module, struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	OTA_CLEANUP(freep) char *path = record_path(store, device, module);

	if (!json || !path ||
	    !json_add_string(json, "device", device) ||
	    !json_add_string(json, "module", module) ||
	    !add_text(json, "version", record->version) ||
	    !add_text(json, "previous", record->previous) ||
	    !add_offer(json, "installed", record->installed) ||
	    !json_add_int(json, "updated_ms", record->updated_ms) ||
	    !add_last(json, record) ||
	    !add_text(json, "strike_key", record->strike_key) ||
	    !json_add_int(json, "strikes", record->strikes) ||
	    !json_add_int(json, "struck_ms", record->struck_ms) ||
	    !add_counts(json, &record->counts))
		return ota_fail_memory(err, "writing a module's record");
	return store_write(path, json, err);
}

static char *make_strike_key(const struct offer *offer)
{
	const struct digest *digest = offer_digest(offer);
	char *key;

	if (asprintf(&key, "%s %s", offer->version,
		     digest ? digest->hex : "") < 0)
		return NULL;
	return key;
}

static bool has_reached(const struct job *job, enum job_state state)
{
	return job->overall_percent >= job_overall_percent(state, 0, 0);
}

/* One refused for its strikes has the same cause, but never got that far. */
static bool is_strike(const struct job *job)
{
	if (!has_reached(job, JOB_STATE_VERIFYING))
		return false;
	return job->cause == OTA_ERROR_DIGEST_MISMATCH ||
	       job->cause == OTA_ERROR_SIGNATURE_INVALID ||
	       job->cause == OTA_ERROR_INSTALL_FAILED ||
	       job->cause == OTA_ERROR_HEALTH_CHECK_FAILED;
}

static bool is_same_artifact(const struct offer *a, const struct offer *b)
{
	OTA_CLEANUP(freep) char *key = make_strike_key(a);
	OTA_CLEANUP(freep) char *other = make_strike_key(b);

	return key && other && strcmp(key, other) == 0;
}

/* A clock that was ahead for a while must not refuse for years. */
static bool is_long_ago(int64_t ms, int64_t now_ms)
{
	return now_ms < ms || now_ms - ms >= STRIKES_REFUSE_MS;
}

/* Installed once more within a day: what runs goes by another version, and the
 * cloud offers it again for ever. Later it may be a device that was exchanged. */
static bool is_repeated(const struct module_record *record,
			const struct job *job, int64_t now_ms)
{
	return job->state == JOB_STATE_SUCCEEDED && record->installed &&
	       !is_long_ago(record->updated_ms, now_ms) &&
	       is_same_artifact(record->installed, job->offer);
}

static bool strike(struct module_record *record, const struct offer *offer,
		   int64_t now_ms)
{
	OTA_CLEANUP(freep) char *key = make_strike_key(offer);

	if (!key)
		return false;
	if (!record->strike_key || strcmp(record->strike_key, key) != 0) {
		free(record->strike_key);
		record->strike_key = OTA_TAKE(key);
		record->strikes = 0;
	}
	record->strikes++;
	record->struck_ms = now_ms;
	return true;
}

static bool replace(char **to, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return false;
	free(*to);
	*to = copy;
	return true;
}

static bool note_success(struct module_record *record, const struct job *job,
			 int64_t now_ms)
{
	if (!is_repeated(record, job, now_ms))
		module_record_forgive(record);
	record->updated_ms = now_ms;
	offer_free(record->installed);
	record->installed = offer_copy(job->offer);
	return record->installed &&
	       replace(&record->version, job->offer->version) &&
	       replace(&record->previous, job->old_version);
}

static bool note_version(struct module_record *record, const struct job *job,
			 int64_t now_ms)
{
	if (job->state == JOB_STATE_SUCCEEDED)
		return note_success(record, job, now_ms);
	/* From there on the backup holds what ran when the job began. */
	if (has_reached(job, JOB_STATE_BACKING_UP) &&
	    !replace(&record->previous, NULL))
		return false;
	return job->state != JOB_STATE_ROLLED_BACK ||
	       (replace(&record->version, job->old_version) &&
		replace(&record->previous, NULL));
}

static void count_end(struct update_counts *counts, const struct job *job)
{
	counts->succeeded += job->state == JOB_STATE_SUCCEEDED;
	counts->failed += job->state == JOB_STATE_FAILED;
	counts->rolled_back += job->state == JOB_STATE_ROLLED_BACK;
	counts->bytes += job->bytes;
	/* A clock that was set meanwhile makes no sense of a difference. */
	if (job->created_ms > 0 && job->changed_ms > job->created_ms)
		counts->ms += (uint64_t)(job->changed_ms - job->created_ms);
}

bool module_record_end(struct module_record *record, const struct job *job,
		       int64_t now_ms)
{
	/* A job that was recorded as ended before a power cut ends again. */
	bool is_new = strcmp(record->last_job, job->id) != 0;

	if (is_new && (is_strike(job) || is_repeated(record, job, now_ms)) &&
	    !strike(record, job->offer, now_ms))
		return false;
	if (is_new)
		count_end(&record->counts, job);
	offer_free(record->last_offer);
	record->last_offer = offer_copy(job->offer);
	memcpy(record->last_job, job->id, sizeof(record->last_job));
	record->last_state = record->last_offer ? job->state : JOB_STATE_IDLE;
	record->last_error = job->cause;
	record->last_changed_ms = job->changed_ms;
	record->last_percent = job->overall_percent;
	return record->last_offer &&
	       replace(&record->last_message, job->cause_text) &&
	       note_version(record, job, now_ms);
}

void module_record_forget_previous(struct module_record *record)
{
	free(record->previous);
	record->previous = NULL;
}

bool module_record_refuses(const struct module_record *record,
			   const struct offer *offer, int64_t now_ms)
{
	OTA_CLEANUP(freep) char *key = make_strike_key(offer);

	return key && record->strike_key && record->strikes >= STRIKES_LIMIT &&
	       strcmp(record->strike_key, key) == 0 &&
	       !is_long_ago(record->struck_ms, now_ms);
}

void module_record_forgive(struct module_record *record)
{
	free(record->strike_key);
	record->strike_key = NULL;
	record->strikes = 0;
}
