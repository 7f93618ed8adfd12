#include "wave.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/base/log.h"

#include "job.h"
#include "store.h"

static const char *hex_of(const struct offer *offer)
{
	const struct digest *digest = offer_digest(offer);

	return digest ? digest->hex : "";
}

static struct wave *find(const struct waves *waves, const struct offer *offer)
{
	for (unsigned i = 0; i < WAVES_REMEMBERED; i++) {
		const struct wave *wave = &waves->waves[i];

		if (wave->failures > 0 &&
		    strcmp(wave->version, offer->version) == 0 &&
		    strcmp(wave->digest, hex_of(offer)) == 0)
			return (struct wave *)wave;
	}
	return NULL;
}

/* The artifact was let near the device, and nobody called it back. */
static bool failed_on_it(const struct job *job)
{
	return job_is_of_sub_device(job) &&
	       job->state != JOB_STATE_SUCCEEDED &&
	       job->cause != OTA_ERROR_CANCELLED &&
	       /* Nobody was there to be updated. */
	       job->cause != OTA_ERROR_BUSY &&
	       job->overall_percent >=
		       job_overall_percent(JOB_STATE_BACKING_UP, 0, 0);
}

/* ---- waves.json ---- */

static bool add_wave(struct json_object *list, const struct wave *wave)
{
	struct json_object *json = json_new_object();

	if (json && json_add_string(json, "version", wave->version) &&
	    json_add_string(json, "digest", wave->digest) &&
	    json_add_int(json, "failures", wave->failures))
		return json_append(list, json);
	json_free(json);
	return false;
}

static struct json_object *to_json(const struct waves *waves)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	OTA_CLEANUP(json_freep) struct json_object *list = json_new_array();

	if (!json || !list)
		return NULL;
	/* The oldest first. */
	for (unsigned i = 0; i < WAVES_REMEMBERED; i++) {
		const struct wave *wave =
			&waves->waves[(waves->next + i) % WAVES_REMEMBERED];

		if (wave->failures > 0 && !add_wave(list, wave))
			return NULL;
	}
	if (!json_add(json, "waves", OTA_TAKE(list)))
		return NULL;
	return OTA_TAKE(json);
}

/* At worst a few more devices fail before the rest is stopped again. */
static void save(const struct waves *waves, const struct store *store)
{
	OTA_CLEANUP(freep) char *path =
		store_path(store, NULL, "waves", ".json");
	OTA_CLEANUP(json_freep) struct json_object *json = to_json(waves);
	struct ota_error err = OTA_ERROR_INIT;

	if (!path || !json)
		ota_fail_memory(&err, "counting failures");
	else if (store_write(path, json, &err))
		return;
	log_warning(NULL, "WaveStop= will begin anew after a restart: %s",
		    err.text);
}

static void read_wave(struct waves *waves, struct json_object *json)
{
	const char *version = json_get_string(json, "version");
	const char *digest = json_get_string(json, "digest");
	int64_t failures = json_get_int(json, "failures", 0);
	struct wave *wave;

	if (!version || !digest || failures <= 0 || failures > UINT16_MAX ||
	    strlen(version) > VERSION_MAX_BYTES ||
	    strlen(digest) >= DIGEST_HEX_SIZE)
		return;
	wave = &waves->waves[waves->next++ % WAVES_REMEMBERED];
	strcpy(wave->version, version);
	strcpy(wave->digest, digest);
	wave->failures = (unsigned)failures;
}

void wave_load(struct waves *waves, const struct store *store)
{
	OTA_CLEANUP(freep) char *path =
		store_path(store, NULL, "waves", ".json");
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	struct json_object *list;
	struct ota_error err;

	json = path ? store_read(path, &err) : NULL;
	if (path && !json &&
	    (err.kind == OTA_ERROR_PROTOCOL || store_is_damage(&err)))
		store_set_aside(path, &err);
	list = json_get(json, "waves");
	if (!json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		read_wave(waves, json_object_array_get_idx(list, i));
}

/* ---- counting ---- */

void wave_note_end(struct waves *waves, const struct store *store,
		   const struct job *job)
{
	struct wave *wave = find(waves, job->offer);

	if (!failed_on_it(job))
		return;
	if (!wave) {
		wave = &waves->waves[waves->next++ % WAVES_REMEMBERED];
		wave->failures = 0;
		snprintf(wave->version, sizeof(wave->version), "%s",
			 job->offer->version);
		snprintf(wave->digest, sizeof(wave->digest), "%s",
			 hex_of(job->offer));
	}
	wave->failures++;
	save(waves, store);
}

unsigned wave_failures(const struct waves *waves, const struct offer *offer)
{
	const struct wave *wave = find(waves, offer);

	return wave ? wave->failures : 0;
}

void wave_forget(struct waves *waves, const struct store *store,
		 const struct offer *offer)
{
	struct wave *wave = find(waves, offer);

	if (!wave)
		return;
	wave->failures = 0;
	save(waves, store);
}
