#include "runner.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/fetch/fetch.h"
#include "otad/verify/signature.h"

#include "artifact.h"
#include "gate.h"
#include "history.h"
#include "machine.h"
#include "policy.h"
#include "power.h"
#include "reporter.h"
#include "session.h"
#include "updater-private.h"

#define SHOW_GAP_MS 500
/* How soon and how late a device that was away is tried again, and how often:
 * AwayTimeout= is over long before that. */
#define AWAY_FIRST_MS 1000ULL
#define AWAY_MAX_MS (15 * 60 * 1000ULL)
#define AWAY_ATTEMPTS 10000

static char *job_path(const struct job *job)
{
	return store_path(&job->updater->store, STORE_JOBS, job->id, ".json");
}

bool runner_record(struct job *job, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = job_path(job);
	OTA_CLEANUP(json_freep) struct json_object *json = job_to_json(job);

	if (!path || !json)
		return ota_fail_memory(err, "recording a job");
	if (!store_write(path, json, err))
		return false;
	job->recorded = true;
	return true;
}

void runner_forget(const struct job *job)
{
	OTA_CLEANUP(freep) char *path = job_path(job);
	struct ota_error err;

	/* Where even that fails, the next start carries it out after all. */
	if (path && !file_remove(path, &err))
		log_warning(NULL, "%s", err.text);
}

/* Only what the cloud was told of a download: a power cut may forget it. */
static void record_progress(struct job *job)
{
	OTA_CLEANUP(freep) char *path = job_path(job);
	OTA_CLEANUP(json_freep) struct json_object *json = job_to_json(job);
	struct ota_error err;

	if (!path || !json || !store_write_lazy(path, json, &err))
		log_debug(NULL, "Progress of job %s is not recorded", job->id);
}

static struct log_context context_of(const struct job *job)
{
	return (struct log_context){
		.device = job->offer->device,
		.module = job->offer->module,
		.version = job->offer->version,
		.state = job_state_name(job->state),
		.job = job->id,
	};
}

/* ---- available ---- */

void wait_for_start(struct job *job)
{
	updater_queue_job(job);
}

/* ---- downloading ---- */

static bool is_quiet_fault(enum ota_error_kind kind)
{
	/* The same bytes may still serve when the cloud offers them again. */
	return kind != OTA_ERROR_DIGEST_MISMATCH &&
	       kind != OTA_ERROR_SIZE_MISMATCH &&
	       kind != OTA_ERROR_SIGNATURE_INVALID &&
	       kind != OTA_ERROR_NO_SPACE;
}

/* Another percent, or a while: nobody reads faster. */
static bool is_worth_showing(struct job *job)
{
	uint64_t now_ms = loop_now_ms(job->updater->loop);

	if (job->download_percent == job->shown_percent &&
	    now_ms - job->shown_ms < SHOW_GAP_MS)
		return false;
	job->shown_percent = job->download_percent;
	job->shown_ms = now_ms;
	return true;
}

static void on_artifact_progress(void *user_data,
				 const struct artifact_progress *progress)
{
	struct job *job = user_data;
	uint64_t total = progress->total_bytes;

	if (job->state != JOB_STATE_DOWNLOADING)
		return;
	job->bytes = progress->received_bytes;
	job->total_bytes = total;
	job->bytes_per_second = progress->bytes_per_second;
	if (total != OFFER_SIZE_UNKNOWN && total > 0)
		job->download_percent =
			(unsigned)(100 * (progress->received_bytes < total ?
						  progress->received_bytes :
						  total) / total);
	if (job->told_percent >= 0 &&
	    job->download_percent < (unsigned)job->told_percent)
		return;
	job_raise_percent(job);
	if (is_worth_showing(job) && updater_job_progress(job))
		record_progress(job);
}

static void on_artifact_fetched(void *user_data, const struct ota_error *err)
{
	struct job *job = user_data;

	if (job->state == JOB_STATE_VERIFYING) {
		runner_verify(job, err);
		return;
	}
	if (err) {
		struct ota_error copy = *err;

		job_fail(job, &copy);
		return;
	}
	job->bytes = artifact_size_bytes(job->artifact);
	job->total_bytes = job->bytes;
	job->download_percent = 100;
	job_handle(job, JOB_EVENT_FETCHED);
}

static const struct artifact_observer artifact_observer = {
	.progress = on_artifact_progress,
	.fetched = on_artifact_fetched,
};

static bool want_artifact(struct job *job, struct ota_error *err)
{
	bool sign = job->updater->config->update.require_signature;

	if (job->artifact)
		return true;
	job->artifact = artifact_want(job->updater->artifacts, job->offer, sign,
				      &artifact_observer, job, err);
	return job->artifact;
}

void start_download(struct job *job)
{
	struct ota_error err;

	job->artifact = artifact_user_free(job->artifact);
	if (!want_artifact(job, &err))
		job_fail(job, &err);
}

/*
 * What is verified and where it lies stays as it was: the url and the ids are
 * the newest, but an operator has no ids to give.
 */
static struct offer *renew(const struct offer *old, const struct offer *newest)
{
	bool is_anonymous = !newest->ids.msg.text;
	OTA_CLEANUP(offer_freep) struct offer *renewed =
		offer_copy(is_anonymous ? old : newest);
	char *url = strdup(newest->url);

	if (!renewed || !url) {
		free(url);
		return NULL;
	}
	free(renewed->url);
	renewed->url = url;
	renewed->size_bytes = old->size_bytes;
	renewed->md5 = old->md5;
	renewed->sha256 = old->sha256;
	renewed->force = old->force || newest->force;
	return OTA_TAKE(renewed);
}

bool runner_redeliver(struct job *job, const struct offer *offer,
		      struct ota_error *err)
{
	OTA_CLEANUP(offer_freep) struct offer *renewed = renew(job->offer, offer);

	if (!renewed)
		return ota_fail_memory(err, "taking over an offer");
	if (job->artifact && !artifact_set_url(job->artifact, offer->url, err))
		return false;
	offer_free(job->offer);
	job->offer = OTA_TAKE(renewed);
	/* A forced one need not wait any more. */
	updater_wake_jobs(job->updater);
	return runner_record(job, err);
}

/* ---- verifying ---- */

static void verified(struct job *job)
{
	updater_queue_at_gate(job);
	job_arm_deadline(job);
}

static void on_signature(struct fetch_text *fetch, const char *text, size_t size,
			 const struct ota_error *fetch_err, void *user_data)
{
	struct job *job = user_data;
	const struct config_update *update = &job->updater->config->update;
	struct signature_subject subject = {
		.module = job->offer->module,
		.version = job->offer->version,
		.size_bytes = artifact_size_bytes(job->artifact),
		.sha256 = artifact_sha256(job->artifact),
	};
	OTA_CLEANUP(trusted_keys_freep) struct trusted_keys *keys = NULL;
	struct ota_error err = OTA_ERROR_INIT;
	bool ok;

	if (fetch_err) {
		err = *fetch_err;
		ota_wrap(&err, "signature");
		if (err.kind == OTA_ERROR_NOT_FOUND)
			err.kind = OTA_ERROR_SIGNATURE_INVALID;
		ok = false;
	} else {
		keys = trusted_keys_load(update->trusted_keys, &err);
		ok = keys && signature_check(keys, text, size, &subject, &err);
	}
	job->signature = fetch_text_free(job->signature);
	if (ok)
		verified(job);
	else
		job_fail(job, &err);
}

static void fetch_signature(struct job *job)
{
	OTA_CLEANUP(freep) char *url = signature_url(job->offer->url);
	struct ota_error err;

	if (!url) {
		ota_fail_memory(&err, "checking the signature");
		job_fail(job, &err);
		return;
	}
	config_unref(job->signature_config);
	job->signature_config = config_ref(job->updater->config);
	job->signature = fetch_text_new(
		job->updater->fetcher, url, SIGNATURE_MAX_BYTES,
		&job->signature_config->download, on_signature, job, &err);
	if (!job->signature)
		job_fail(job, &err);
}

/* Devices of one kind are offered the same: each counts until it is staged. */
static bool others_want_artifact(const struct job *job)
{
	unsigned own = job->claim ? 1 : 0;

	return artifact_store_claims(job->updater->artifacts, job->offer) > own;
}

/* A complete file of an earlier run that is gone or spoilt: once more. */
static void refetch(struct job *job, const struct ota_error *why)
{
	struct log_context context = context_of(job);

	if (++job->refetches > JOB_MAX_REFETCHES) {
		job_fail(job, why);
		return;
	}
	log_notice(&context, "Downloading %s again: %s", job->offer->version,
		   why->text);
	job_handle(job, JOB_EVENT_LOST);
}

void runner_verify(struct job *job, const struct ota_error *fetch_err)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (fetch_err) {
		err = *fetch_err;
		refetch(job, &err);
		return;
	}
	if (!artifact_check(job->artifact, job->offer, &err)) {
		if (!others_want_artifact(job))
			artifact_discard(job->artifact);
		job_fail(job, &err);
		return;
	}
	job->artifact_fresh = true;
	if (!job->updater->config->update.require_signature) {
		verified(job);
	} else if (artifact_sha256(job->artifact)->alg == DIGEST_NONE) {
		ota_fail(&err, OTA_ERROR_SIGNATURE_INVALID,
			 "its signature is of a SHA-256, which was not asked for");
		refetch(job, &err);
	} else {
		fetch_signature(job);
	}
}

void start_verify(struct job *job)
{
	struct ota_error err;

	if (job->artifact) {
		runner_verify(job, NULL);
		return;
	}
	/* After a restart: the file is hashed again before it is believed. */
	if (!want_artifact(job, &err))
		job_fail(job, &err);
}

static bool has_power(const struct job *job, struct ota_error *err)
{
	struct policy_facts facts = {
		.update = &job->updater->config->update,
	};

	facts.on_battery = power_on_battery(job->updater->power_dir,
					    &facts.battery_percent);
	return policy_has_power(&facts, err);
}

static bool wave_goes_on(const struct job *job, struct ota_error *err)
{
	unsigned stop = job->updater->config->update.wave_stop;
	unsigned failures = wave_failures(&job->updater->waves, job->offer);

	if (stop == 0 || failures < stop ||
	    strcmp(job->offer->device, DEVICE_SELF) == 0)
		return true;
	return ota_fail(err, OTA_ERROR_CANCELLED,
			"version %s failed on %u devices before (WaveStop=); otactl update tries it again",
			job->offer->version, failures);
}

bool runner_may_go_on(const struct job *job, struct ota_error *err)
{
	return has_power(job, err) && wave_goes_on(job, err);
}

/* ---- from backing-up to confirming ---- */

static void on_step_done(struct installation *installation,
			 enum install_step step, const struct ota_error *err,
			 void *user_data);

static void on_step_progress(struct installation *installation,
			     unsigned percent, void *user_data)
{
	struct job *job = user_data;

	if (job->install_percent == percent)
		return;
	job->install_percent = percent;
	(void)updater_job_progress(job);
}

static bool need_installation(struct job *job, struct ota_error *err)
{
	const struct digest *digest = offer_digest(job->offer);
	OTA_CLEANUP(freep) char *path =
		artifact_store_path(job->updater->artifacts, job->offer);
	struct install_request request = {
		.settings = job->settings,
		.device = job->offer->device,
		.module = job->offer->module,
		.version = job->offer->version,
		.old_version = job->old_version,
		.job = job->id,
		.artifact = path,
		.size_bytes = job->artifact ? artifact_size_bytes(job->artifact) :
					      job->offer->size_bytes,
		.artifact_shared = others_want_artifact(job),
		/* Those before it had the file in their hands. */
		.artifact_fresh = job->artifact_fresh &&
				  !others_want_artifact(job),
	};

	if (job->installation)
		return true;
	if (digest)
		request.digest = *digest;
	job->installation = installation_new(&job->updater->env, &request,
					     on_step_done, on_step_progress, job,
					     err);
	return job->installation;
}

static void run_step(struct job *job, enum install_step step)
{
	struct ota_error err;

	if (need_installation(job, &err))
		installation_run(job->installation, step);
	else
		job_fail(job, &err);
}

void start_backup(struct job *job)
{
	run_step(job, INSTALL_BACKUP);
}

void start_install(struct job *job)
{
	job->install_percent = 0;
	/* Anew: who else wants the artifact may have changed since the backup. */
	job->installation = installation_free(job->installation);
	run_step(job, INSTALL_STAGE);
}

bool runner_has_backup(struct job *job, struct ota_error *err)
{
	return need_installation(job, err) &&
	       (installation_has_backup(job->installation) ||
		ota_fail(err, OTA_ERROR_NOT_FOUND,
			 "the earlier version of %s is not there any more",
			 job->offer->module));
}

bool runner_has_swapped(const struct job *job)
{
	struct ota_error why;

	return job->installation &&
	       installation_inspect(job->installation, &why) !=
		       INSTALL_FOUND_UNTOUCHED;
}

const char *runner_trouble(const struct job *job)
{
	if (job->state != JOB_STATE_CONFIRMING || !job->installation)
		return NULL;
	return installation_trouble(job->installation);
}

/* otad-launch ended the trial: the old version runs, only the telling is left. */
static void was_rolled_back(struct job *job, const struct ota_error *why)
{
	struct ota_error cause = *why, err;

	/* Started too often or not confirmed in time: unhealthy either way. */
	cause.kind = OTA_ERROR_HEALTH_CHECK_FAILED;
	job_set_cause(job, &cause);
	job->undoing = true;
	if (!runner_record(job, &err))
		log_error(NULL, "%s", err.text);
	start_undo(job);
}

void resume_install(struct job *job)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!need_installation(job, &err)) {
		job_fail(job, &err);
		return;
	}
	switch (installation_inspect(job->installation, &err)) {
	case INSTALL_FOUND_UNTOUCHED:
		start_install(job);
		break;
	case INSTALL_FOUND_SWAPPED:
	case INSTALL_FOUND_RUNNING:
		job_handle(job, JOB_EVENT_INSTALLED);
		break;
	case INSTALL_FOUND_ROLLED_BACK:
		was_rolled_back(job, &err);
		break;
	}
}

void start_restart(struct job *job)
{
	struct ota_error err = OTA_ERROR_INIT;

	job->claim = artifact_release(job->claim);
	if (!need_installation(job, &err))
		job_fail(job, &err);
	else if (installation_inspect(job->installation, &err) ==
		 INSTALL_FOUND_RUNNING)
		job_handle(job, JOB_EVENT_RESTARTED);
	else
		installation_run(job->installation, INSTALL_ACTIVATE);
}

static void resume_swapped(struct job *job)
{
	if (job->state == JOB_STATE_CONFIRMING)
		start_confirm(job);
	else
		start_restart(job);
}

void resume_trial(struct job *job)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!need_installation(job, &err)) {
		job_fail(job, &err);
		return;
	}
	switch (installation_inspect(job->installation, &err)) {
	case INSTALL_FOUND_UNTOUCHED:
		ota_fail(&err, OTA_ERROR_INSTALL_FAILED,
			 "the new version is not in place any more");
		job_fail(job, &err);
		break;
	case INSTALL_FOUND_SWAPPED:
		resume_swapped(job);
		break;
	case INSTALL_FOUND_RUNNING:
		if (job->state == JOB_STATE_CONFIRMING)
			start_confirm(job);
		else
			job_handle(job, JOB_EVENT_RESTARTED);
		break;
	case INSTALL_FOUND_ROLLED_BACK:
		was_rolled_back(job, &err);
		break;
	}
}

void start_confirm(struct job *job)
{
	struct ota_error err;

	if (!need_installation(job, &err)) {
		job_fail(job, &err);
		return;
	}
	installation_run(job->installation, INSTALL_CONFIRM);
	if (job->updater->session && session_is_online(job->updater->session))
		installation_online(job->installation);
}

/* ---- a device that is away ---- */

/* Nothing was done to it yet, and its handler says that it is not there. */
static bool is_away(const struct job *job, const struct ota_error *err)
{
	return err->kind == OTA_ERROR_BUSY &&
	       job->state == JOB_STATE_INSTALLING && !job->undoing &&
	       !runner_has_swapped(job);
}

/* 1, 2, 4 s ... 15 min; a tenth to either side keeps many of them apart. */
static uint64_t away_delay_ms(unsigned attempts)
{
	unsigned doublings = attempts < 16 ? attempts : 16;
	uint64_t delay_ms = AWAY_FIRST_MS << doublings, random = 0;

	if (delay_ms > AWAY_MAX_MS)
		delay_ms = AWAY_MAX_MS;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return delay_ms;
	return delay_ms - delay_ms / 10 + random % (delay_ms / 5 + 1);
}

static bool is_waited_for(const struct job *job)
{
	return job->away_attempts < AWAY_ATTEMPTS &&
	       job->away_ms < job->updater->config->update.away_timeout_ms;
}

static bool may_stay_away(const struct job *job, struct ota_error *err)
{
	struct ota_error why = *err;

	if (is_waited_for(job))
		return true;
	return ota_fail(err, OTA_ERROR_BUSY,
			"the device was away for %llu s (AwayTimeout=), tried %u times: %s",
			(unsigned long long)(job->away_ms / 1000),
			job->away_attempts + 1, why.text);
}

static char *describe_away(const struct job *job, const struct ota_error *why,
			   uint64_t delay_ms)
{
	time_t then = (time_t)((loop_wall_ms(job->updater->loop) +
				(int64_t)delay_ms) / 1000);
	char when[32] = "";
	struct tm tm;
	char *text;

	if (localtime_r(&then, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	if (asprintf(&text, "the device is away: %s; tried %u times, the next time at %s",
		     why->text, job->away_attempts, when) < 0)
		return NULL;
	return text;
}

static void note_away(struct job *job, const struct ota_error *why)
{
	uint64_t delay_ms = away_delay_ms(job->away_attempts++);
	struct log_context context = context_of(job);

	job->away_delay_ms = delay_ms;
	job->away_ms += delay_ms;
	job->hold_reason = NULL;
	free(job->away_text);
	job->away_text = describe_away(job, why, delay_ms);
	log_write(job->away_attempts == 1 ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG,
		  NULL, &context, "%s of %s waits: %s", job->offer->module,
		  job->offer->device,
		  job->away_text ? job->away_text : why->text);
}

/* Others take its place meanwhile. */
static void wait_away(struct job *job, void (*fn)(struct job *job))
{
	job->installation = installation_free(job->installation);
	gate_leave(&job->updater->gate, job);
	updater_job_waits(job, job->away_text ? job->away_text :
						"the device is away");
	job_retry_after(job, job->away_delay_ms, fn);
	updater_wake_jobs(job->updater);
}

static void come_back(struct job *job)
{
	updater_queue_at_gate(job);
}

void wait_for_return(struct job *job)
{
	job->artifact_fresh = false;
	wait_away(job, come_back);
}

/* ---- the way back ---- */

void start_undo(struct job *job)
{
	struct log_context context = context_of(job);
	struct ota_error err;

	log_warning(&context, "Putting %s back: %s",
		    job->old_version ? job->old_version : "the old version",
		    job->cause_text ? job->cause_text : "it has to be");
	/* The step that failed may hold a child, and half a state. */
	job->installation = installation_free(job->installation);
	job->hold_reason = NULL;
	/* Only its handler can say so; one that hangs is a failed attempt. */
	job->undo_is_away = false;
	if (need_installation(job, &err))
		installation_run(job->installation, INSTALL_ROLL_BACK);
	else
		retry_undo(job);
}

void retry_undo(struct job *job)
{
	struct log_context context = context_of(job);

	if (job->undo_is_away && is_waited_for(job)) {
		wait_away(job, start_undo);
		return;
	}
	if (++job->undo_attempts < UNDO_ATTEMPTS) {
		job_retry_later(job, job->undo_attempts, start_undo);
		return;
	}
	log_error(&context,
		  "%s could not be put back; the gateway needs a person: see %s",
		  job->old_version ? job->old_version : "The old version",
		  job->settings->path ? job->settings->path :
					job->offer->module);
	job_handle(job, JOB_EVENT_ABANDONED);
}

static void undo_failed(struct job *job, const struct ota_error *err)
{
	struct log_context context = context_of(job);

	log_error(&context, "Putting the old version back failed: %s",
		  err->text);
	job->undo_is_away = err->kind == OTA_ERROR_BUSY;
	if (job->undo_is_away)
		note_away(job, err);
	job_handle(job, err->kind == OTA_ERROR_INCOMPATIBLE ?
				JOB_EVENT_ABANDONED :
				JOB_EVENT_FAILED);
}

static void step_failed(struct job *job, const struct ota_error *err)
{
	struct ota_error copy = *err;

	if (!is_away(job, err) || !may_stay_away(job, &copy)) {
		job_fail(job, &copy);
		return;
	}
	note_away(job, err);
	job_handle(job, JOB_EVENT_AWAY);
}

static enum job_event event_after(enum install_step step)
{
	switch (step) {
	case INSTALL_BACKUP:
		return JOB_EVENT_BACKED_UP;
	case INSTALL_SWAP:
		return JOB_EVENT_INSTALLED;
	case INSTALL_ACTIVATE:
		return JOB_EVENT_RESTARTED;
	case INSTALL_CONFIRM:
		return JOB_EVENT_CONFIRMED;
	case INSTALL_ROLL_BACK:
		return JOB_EVENT_UNDONE;
	case INSTALL_STAGE:
	case INSTALL_CHECK:
	case INSTALL_CLEAN:
	case INSTALL_STEP_COUNT:
		break;
	}
	return JOB_EVENT_COUNT;
}

static void finish_job(struct job *job);

static void on_step_done(struct installation *installation,
			 enum install_step step, const struct ota_error *err,
			 void *user_data)
{
	struct job *job = user_data;

	if (step == INSTALL_CLEAN) {
		if (err)
			log_warning(NULL, "%s", err->text);
		finish_job(job);
	} else if (err && step == INSTALL_ROLL_BACK) {
		undo_failed(job, err);
	} else if (err) {
		step_failed(job, err);
	} else if (step == INSTALL_STAGE) {
		installation_run(installation, INSTALL_CHECK);
	} else if (step == INSTALL_CHECK) {
		installation_run(installation, INSTALL_SWAP);
	} else {
		job_handle(job, event_after(step));
	}
}

/* ---- the end ---- */

void runner_free_room(struct job *job)
{
	if (job->artifact && !others_want_artifact(job))
		artifact_discard(job->artifact);
}

static void release_artifact(struct job *job)
{
	OTA_CLEANUP(freep) char *path =
		artifact_store_path(job->updater->artifacts, job->offer);
	bool is_bad = job->state == JOB_STATE_FAILED &&
		      !is_quiet_fault(job->cause);
	struct ota_error err;

	job->artifact = artifact_user_free(job->artifact);
	job->claim = artifact_release(job->claim);
	if (!path || others_want_artifact(job))
		return;
	/* Else another device may be offered the same tomorrow (CacheSize=). */
	if (!is_bad)
		artifact_store_trim(job->updater->artifacts);
	else if (!fetch_discard(path, &err))
		log_warning(NULL, "%s", err.text);
}

void end_job(struct job *job)
{
	struct ota_error err;

	updater_unqueue_job(job);
	gate_leave(&job->updater->gate, job);
	job->signature = fetch_text_free(job->signature);
	job->installation = installation_free(job->installation);
	release_artifact(job);
	if (need_installation(job, &err))
		installation_run(job->installation, INSTALL_CLEAN);
	else
		finish_job(job);
}

static const char *running_after(const struct job *job)
{
	const struct device *device =
		inventory_find(job->updater->inventory, job->offer->device);
	const struct module *module =
		device ? device_find_module(device, job->offer->module) : NULL;

	return module ? module_version(module) : "0";
}

static bool set_running(struct job *job)
{
	struct device *device =
		inventory_find(job->updater->inventory, job->offer->device);
	struct module *module =
		device ? device_find_module(device, job->offer->module) : NULL;

	if (!module || job->settings->type == INSTALLER_SELF)
		return true;
	if (job->state != JOB_STATE_FAILED)
		updater_version_is_known(job->updater, device->name,
					 job->offer->module);
	if (job->state == JOB_STATE_SUCCEEDED)
		return module_set_version(module, job->offer->version);
	if (job->state == JOB_STATE_ROLLED_BACK && job->old_version)
		return module_set_version(module, job->old_version);
	return true;
}

/* A history that cannot be written must not keep the cloud from its report. */
static bool add_to_history(struct job *job, struct ota_error *err)
{
	struct log_context context = context_of(job);

	if (history_append(&job->updater->store, job, &job->updater->totals,
			   err))
		return true;
	if (job->record_attempts < HISTORY_ATTEMPTS)
		return false;
	log_error(&context, "The history misses job %s: %s", job->id, err->text);
	return true;
}

/* Each line may be the last before a power cut; all of it is done again then. */
static bool tell_the_end(struct job *job, struct ota_error *err)
{
	struct updater *updater = job->updater;
	const struct offer *offer = job->offer;
	OTA_CLEANUP(module_record_freep) struct module_record *record =
		module_record_load(&updater->store, offer->device,
				   offer->module, err);

	if (!record)
		return false;
	if (!module_record_end(record, job, loop_wall_ms(updater->loop)) ||
	    !set_running(job))
		return ota_fail_memory(err, "ending a job");
	if (!module_record_save(record, &updater->store, offer->device,
				offer->module, err) ||
	    !add_to_history(job, err))
		return false;
	if (!inventory_find(updater->inventory, offer->device)) {
		log_warning(NULL, "Device %s is gone: nobody to report for",
			    offer->device);
		return true;
	}
	/* Of otad itself the connect of the new process has told it. */
	if (job->state != JOB_STATE_FAILED && updater->session &&
	    !installer_restarts_self(job->settings->type))
		session_report_version(updater->session, offer->device,
				       offer->module);
	return reporter_result(updater->reporter, job, running_after(job),
			       record->updated_ms, err);
}

/* The last one to go takes the device with it. */
static void drop_device_without_jobs(struct updater *updater, const char *name)
{
	if (!updater_find_jobs(updater, name))
		updater_drop_device(updater, name);
}

/* True: nothing but memory is left of it. False: it is tried again later. */
static bool end_is_told(struct job *job)
{
	OTA_CLEANUP(freep) char *path = job_path(job);
	struct ota_error err = OTA_ERROR_INIT;
	bool ok;

	if (!job->told && !tell_the_end(job, &err)) {
		log_error(NULL, "The end of job %s is not told yet: %s", job->id,
			  err.text);
		job_retry_later(job, job->record_attempts++, finish_job);
		return false;
	}
	if (!job->told)
		job->record_attempts = 0;
	job->told = true;
	ok = path ? file_remove(path, &err) : ota_fail_memory(&err, job->id);
	if (ok)
		return true;
	log_warning(NULL, "Job %s has ended, but not its file: %s", job->id,
		    err.text);
	if (job->record_attempts >= FORGET_ATTEMPTS)
		return true; /* the next start ends it once more */
	job_retry_later(job, job->record_attempts++, finish_job);
	return false;
}

static void finish_job(struct job *job)
{
	struct updater *updater = job->updater;
	OTA_CLEANUP(offer_freep) struct offer *waiting = NULL;
	OTA_CLEANUP(freep) char *gone = NULL;
	struct ota_error err = OTA_ERROR_INIT;
	enum offer_outcome outcome;

	if (!end_is_told(job))
		return;
	if (installer_restarts_self(job->settings->type) && updater->trial) {
		updater->trial = false;
		if (updater->session)
			session_spread(updater->session, true);
		updater_changed(updater);
	}
	wave_note_end(&updater->waves, &updater->store, job);
	if (job->remove_device)
		gone = strdup(job->offer->device);
	else
		waiting = OTA_TAKE(job->waiting);
	updater_drop_job(job);
	if (gone)
		drop_device_without_jobs(updater, gone);
	if (waiting &&
	    !updater_take_offer(updater, waiting, &outcome, NULL, &err))
		log_notice(NULL, "The waiting offer is refused: %s", err.text);
	updater_wake_jobs(updater);
}
