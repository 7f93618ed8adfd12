#include "otad/update/updater.h"

#include <stdio.h>
#include <string.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/messages.h"
#include "otad/install/trial.h"

#include "artifact.h"
#include "history.h"
#include "machine.h"
#include "power.h"
#include "reporter.h"
#include "session.h"
#include "updater-private.h"

/* A failed download may be offered again; after a week nobody means it. */
#define ARTIFACT_MAX_AGE_MS (7 * 24 * 3600 * 1000ULL)

void updater_changed(struct updater *updater)
{
	if (updater->changed)
		updater->changed(updater->user_data);
}

/* ---- hold ---- */

static bool save_hold(const struct updater *updater, int64_t until_ms,
		      const char *reason, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path =
		store_path(&updater->store, NULL, "hold", ".json");
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();

	if (!path || !json || !json_add_int(json, "until_ms", until_ms) ||
	    (reason && !json_add_string(json, "reason", reason)))
		return ota_fail_memory(err, "recording the hold");
	return store_write(path, json, err);
}

/* Else otactl release might not find what it can remove. */
static void mend_hold(const struct updater *updater, const char *path,
		      struct ota_error *err)
{
	if (err->kind != OTA_ERROR_PROTOCOL && !store_is_damage(err))
		return;
	store_set_aside(path, err);
	if (!save_hold(updater, 0, NULL, err))
		log_error(NULL, "%s", err->text);
}

static bool load_hold(struct updater *updater, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path =
		store_path(&updater->store, NULL, "hold", ".json");
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	const char *reason;

	if (!path)
		return ota_fail_memory(err, "reading the hold");
	if (!file_exists(path))
		return true;
	/* Whatever it says: somebody wanted updates to wait. */
	updater->held = true;
	json = store_read(path, err);
	if (!json) {
		log_warning(NULL, "%s; updates stay held", err->text);
		mend_hold(updater, path, err);
		return true;
	}
	updater->hold_until_ms = json_get_int(json, "until_ms", 0);
	reason = json_get_string(json, "reason");
	if (reason && !(updater->hold_reason = strdup(reason)))
		return ota_fail_memory(err, "reading the hold");
	return true;
}

bool updater_hold(struct updater *updater, int64_t until_ms, const char *reason,
		  struct ota_error *err)
{
	OTA_CLEANUP(freep) char *copy =
		reason && reason[0] ? strdup(reason) : NULL;

	if (reason && reason[0] && !copy)
		return ota_fail_memory(err, "holding updates");
	if (!save_hold(updater, until_ms, copy, err))
		return false;
	free(updater->hold_reason);
	updater->hold_reason = OTA_TAKE(copy);
	updater->held = true;
	updater->hold_until_ms = until_ms;
	log_write(LOG_LEVEL_NOTICE, &message_held, NULL, "Updates are held%s%s",
		  updater->hold_reason ? ": " : "",
		  updater->hold_reason ? updater->hold_reason : "");
	updater_wake_jobs(updater);
	updater_changed(updater);
	return true;
}

bool updater_release(struct updater *updater, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = NULL;

	if (!updater->held)
		return true;
	path = store_path(&updater->store, NULL, "hold", ".json");
	if (!path)
		return ota_fail_memory(err, "releasing updates");
	if (!file_remove(path, err))
		return false;
	updater->held = false;
	updater->hold_until_ms = 0;
	free(updater->hold_reason);
	updater->hold_reason = NULL;
	log_write(LOG_LEVEL_NOTICE, &message_released, NULL,
		  "Updates go on again");
	updater_wake_jobs(updater);
	updater_changed(updater);
	return true;
}

/* ---- the trial of otad itself ---- */

/* Without otad-launch nobody else counts how often a new version starts. */
static void judge_own_trial(struct updater *updater)
{
	struct trial trial;
	struct ota_error why;

	if (!trial_read(updater->store.dir, &trial, &why)) {
		if (why.kind != OTA_ERROR_NOT_FOUND)
			log_warning(NULL, "Trial marker: %s", why.text);
		return;
	}
	updater->trial = strcmp(trial.version, updater->env.self.version) == 0;
	trial_done(&trial);
	if (!updater->trial || updater->launched)
		return;
	/* A start that cannot be counted must not be one of endlessly many. */
	if (!trial_count_start(updater->store.dir, &updater->trial_over, &why)) {
		log_error(NULL, "The trial ends: %s", why.text);
		updater->trial_over = true;
	}
}

static void end_own_trial(struct updater *updater)
{
	struct job *job = updater->jobs;
	struct ota_error why;

	while (job && !installer_restarts_self(job->settings->type))
		job = job->next;
	if (!job || !updater->trial_over)
		return;
	ota_fail(&why, OTA_ERROR_HEALTH_CHECK_FAILED,
		 "%s was started %u times and never confirmed",
		 job->offer->version, updater->config->update.max_trial_starts);
	job_fail(job, &why);
}

static bool has_job(const struct updater *updater, const char *id)
{
	const struct job *job = updater->jobs;

	while (job && strcmp(job->id, id) != 0)
		job = job->next;
	return job;
}

/* Its job has ended, we are the version that came back and in our place: a disk
 * that failed or a power cut has kept the marker. Each start would be counted. */
static void drop_stale_marker(struct updater *updater)
{
	struct ota_error why = OTA_ERROR_INIT;
	struct trial trial;
	bool stale;

	if (!trial_read(updater->store.dir, &trial, NULL))
		return;
	stale = trial.job && trial.old_version && !updater->trial &&
		!updater->env.self.running_path &&
		!has_job(updater, trial.job) &&
		strcmp(trial.old_version, updater->env.self.version) == 0;
	trial_done(&trial);
	if (!stale)
		return;
	if (trial_remove(updater->store.dir, &why))
		log_notice(NULL, "The marker of a trial that is over is removed");
	else
		log_warning(NULL, "The marker of a trial that is over: %s",
			    why.text);
}

/* ---- beginning ---- */

static bool set_up(struct updater *updater, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *download = NULL;
	struct ota_error why;

	if (!store_open(&updater->store, updater->config->state_dir, err) ||
	    !load_hold(updater, err) || !updater_make_turns(updater, err))
		return false;
	updater->env.state_dir = updater->store.dir;
	judge_own_trial(updater);
	download = store_path(&updater->store, NULL, STORE_DOWNLOAD, "");
	if (!download)
		return ota_fail_memory(err, "opening the state directory");
	updater->artifacts = artifact_store_new(updater->loop, updater->fetcher,
						download, updater->config, err);
	updater->reporter = updater->artifacts ?
				    reporter_new(updater->loop, err) :
				    NULL;
	updater->inventory = inventory_new();
	if (!updater->reporter)
		return false;
	if (!updater->inventory)
		return ota_fail_memory(err, "making the inventory");
	wave_load(&updater->waves, &updater->store);
	if (!history_count(&updater->store, &updater->totals, &why))
		log_warning(NULL, "%s", why.text);
	if (!updater_make_session(updater, err) ||
	    !updater_open_session(updater, err) ||
	    !updater_build_inventory(updater, err) ||
	    !updater_load_jobs(updater, err))
		return false;
	drop_stale_marker(updater);
	return true;
}

struct updater *updater_new(const struct updater_options *options,
			    struct ota_error *err)
{
	OTA_CLEANUP(updater_freep) struct updater *updater =
		calloc(1, sizeof(*updater));

	if (!updater) {
		ota_fail_memory(err, "starting");
		return NULL;
	}
	updater->store.lock_fd = -1;
	updater->power_dir = POWER_SUPPLY_DIR;
	updater->loop = options->loop;
	updater->config = config_ref(options->config);
	updater->fetcher = options->fetcher;
	updater->resolver = options->resolver;
	updater->exec_self = options->exec_self;
	updater->changed = options->changed;
	updater->user_data = options->user_data;
	updater->launched = options->launched;
	updater->started_ms = loop_now_ms(options->loop);
	updater->env = (struct install_env){
		.loop = options->loop,
		.self = options->self,
		.confirm_timeout_ms = options->config->update.confirm_timeout_ms,
		.max_trial_starts = options->config->update.max_trial_starts,
		.reexec = updater_reexec,
		.user_data = updater,
	};
	if (!set_up(updater, err))
		return NULL;
	return OTA_TAKE(updater);
}

struct updater *updater_free(struct updater *updater)
{
	if (!updater)
		return NULL;
	while (updater->jobs)
		updater_drop_job(updater->jobs);
	updater_drop_session(updater);
	updater_free_inventory(updater);
	reporter_free(updater->reporter);
	artifact_store_free(updater->artifacts);
	loop_source_free(updater->reconnect);
	loop_source_free(updater->reexec.later);
	updater_free_turns(updater);
	store_close(&updater->store);
	config_unref(updater->config);
	free(updater->reexec.path);
	free(updater->hold_reason);
	free(updater);
	return NULL;
}

bool updater_start(struct updater *updater, struct ota_error *err)
{
	/* A trial is not confirmed before it is connected. */
	uint64_t spread_ms = updater->trial ?
				     0 :
				     updater->config->mqtt.connect_spread_ms;

	if (!session_start(updater->session, spread_ms, err))
		return false;
	updater_resume_jobs(updater);
	end_own_trial(updater);
	/* A hold may have ended meanwhile. */
	updater_wake_jobs(updater);
	artifact_store_sweep(updater->artifacts, ARTIFACT_MAX_AGE_MS);
	return true;
}

/* ---- for people ---- */

bool updater_is_healthy(const struct updater *updater)
{
	return updater->session != NULL;
}

void updater_status(const struct updater *updater, struct updater_status *ret)
{
	*ret = (struct updater_status){
		.version = updater->env.self.version,
		.platform = updater->config->platform->platform,
		.connected = updater->session &&
			     session_is_online(updater->session),
		.connected_ms = updater->session ?
					session_changed_ms(updater->session) :
					0,
		.trouble = updater->trouble[0] ? updater->trouble : NULL,
		.held = updater->held,
		.hold_reason = updater->hold_reason,
		.hold_until_ms = updater->hold_until_ms,
		.automatic = updater->config->update.automatic,
		.devices = inventory_count(updater->inventory),
		.modules = inventory_count_modules(updater->inventory),
		.jobs = updater->n_jobs,
		.reports_waiting =
			updater->session ?
				session_reports_waiting(updater->session) :
				0,
		.trial = updater->trial,
	};
	memcpy(ret->jobs_in, updater->jobs_in, sizeof(ret->jobs_in));
}

static void view_of_last(const struct module_record *record,
			 struct job_view *ret)
{
	*ret = (struct job_view){
		.id = record->last_job,
		.device = record->last_offer->device,
		.module = record->last_offer->module,
		.version = record->last_offer->version,
		.old_version = record->previous,
		.state = record->last_state,
		.overall_percent = record->last_percent,
		.total_bytes = record->last_offer->size_bytes,
		.error = record->last_error,
		.message = record->last_message,
		.changed_ms = record->last_changed_ms,
	};
}

static bool view_module(const struct updater *updater,
			const struct device *device, const struct module *module,
			module_view_fn fn, void *user_data)
{
	const char *name = module->settings->name;
	const struct job *job = updater_find_job(updater, device->name, name);
	struct ota_error err;
	OTA_CLEANUP(module_record_freep) struct module_record *record =
		module_record_load(&updater->store, device->name, name, &err);
	struct job_view job_view;
	struct module_view view = {
		.device = device->name,
		.module = name,
		.class_name = device->class_name,
		.type = module->settings->type,
		.version = module->version,
		.previous = record ? record->previous : NULL,
	};

	if (record)
		view.counts = record->counts;

	if (job) {
		updater_job_view(job, &job_view);
		view.job = &job_view;
	} else if (record && record->last_state != JOB_STATE_IDLE) {
		view_of_last(record, &job_view);
		job_view.class_name = device->class_name;
		view.job = &job_view;
	}
	return fn(&view, user_data);
}

const char *updater_default_module(const struct updater *updater)
{
	const struct platform_keys *platform = updater->config->platform;

	return platform ? platform->default_module : "default";
}

static bool view_modules(const struct updater *updater,
			 const struct device *device, module_view_fn fn,
			 void *user_data)
{
	for (size_t i = 0; i < device->n_modules; i++)
		if (!view_module(updater, device, &device->modules[i], fn,
				 user_data))
			return false;
	return true;
}

bool updater_each_module(const struct updater *updater, const char *device_name,
			 module_view_fn fn, void *user_data)
{
	const struct device *device;

	if (device_name) {
		device = inventory_find(updater->inventory, device_name);
		return !device || view_modules(updater, device, fn, user_data);
	}
	for (size_t i = 0; i < inventory_count(updater->inventory); i++)
		if (!view_modules(updater, inventory_at(updater->inventory, i),
				  fn, user_data))
			return false;
	return true;
}

bool updater_check(struct updater *updater, const char *device,
		   const char *module_name, struct ota_error *err)
{
	const char *device_name;
	struct module *module = updater_find_module(
		updater, device, module_name, &device_name, err);

	if (!module)
		return false;
	if (!updater->session)
		return ota_fail(err, OTA_ERROR_NETWORK, "not connected");
	return session_check(updater->session, device_name,
			     module->settings->name, err);
}

bool updater_history(const struct updater *updater, size_t count, history_fn fn,
		     void *user_data, struct ota_error *err)
{
	return history_read(&updater->store, count, fn, user_data, err);
}

void updater_counts(const struct updater *updater, struct updater_stats *ret)
{
	struct session_counts counts = { 0 };

	if (updater->session)
		session_counts(updater->session, &counts);
	*ret = updater->counts;
	ret->connects += counts.connects;
	ret->disconnects += counts.disconnects;
	ret->reports_sent += counts.reports_sent;
	ret->uptime_ms = loop_now_ms(updater->loop) - updater->started_ms;
	ret->longest_stall_us = loop_longest_stall_us(updater->loop);
}

void updater_stats(const struct updater *updater, struct updater_stats *ret)
{
	updater_counts(updater, ret);
	ret->succeeded = updater->totals.succeeded;
	ret->failed = updater->totals.failed;
	ret->rolled_back = updater->totals.rolled_back;
	ret->bytes_downloaded = updater->totals.bytes;
}
