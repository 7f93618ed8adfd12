#include <stdio.h>
#include <string.h>

#include "otad/base/file.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/messages.h"
#include "otad/base/version.h"

#include "artifact.h"
#include "machine.h"
#include "policy.h"
#include "power.h"
#include "reporter.h"
#include "runner.h"
#include "updater-private.h"

static bool is_from_cloud(const struct offer *offer)
{
	return offer->source == OFFER_SOURCE_CLOUD;
}

static bool gather_facts(const struct updater *updater,
			 const struct module *module, struct policy_facts *ret,
			 struct ota_error *err)
{
	*ret = (struct policy_facts){
		.update = &updater->config->update,
		.download = &updater->config->download,
		.running = module->version,
		.now_ms = loop_wall_ms(updater->loop),
	};
	ret->on_battery =
		power_on_battery(updater->power_dir, &ret->battery_percent);
	return file_free_bytes(updater->store.dir, &ret->free_bytes, err);
}

/* An operator's own word is a clean slate. */
static bool has_not_failed_too_often(struct updater *updater,
				     const struct offer *offer,
				     struct ota_error *err)
{
	OTA_CLEANUP(module_record_freep) struct module_record *record =
		module_record_load(&updater->store, offer->device, offer->module,
				   err);

	if (!record)
		return false;
	if (!is_from_cloud(offer)) {
		wave_forget(&updater->waves, &updater->store, offer);
		module_record_forgive(record);
		return module_record_save(record, &updater->store,
					  offer->device, offer->module, err);
	}
	if (!module_record_refuses(record, offer, loop_wall_ms(updater->loop)))
		return true;
	return ota_fail(err, record->last_error ? record->last_error :
						  OTA_ERROR_INSTALL_FAILED,
			"version %s failed, or was installed once more, %u times and is refused for 24 h; otactl update tries it at once",
			offer->version, record->strikes);
}

static bool is_acceptable(struct updater *updater, const struct module *module,
			  const struct offer *offer, struct ota_error *err)
{
	struct policy_facts facts;

	if (updater->n_jobs >= UPDATER_MAX_JOBS)
		return ota_fail(err, OTA_ERROR_BUSY, "%zu jobs wait already",
				updater->n_jobs);
	if (!gather_facts(updater, module, &facts, err))
		return false;
	if (policy_accepts(&facts, offer, err))
		return has_not_failed_too_often(updater, offer, err);
	if (err->kind != OTA_ERROR_NO_SPACE)
		return false;
	/* What was kept of failed downloads makes room first. */
	artifact_store_sweep(updater->artifacts, 0);
	return gather_facts(updater, module, &facts, err) &&
	       policy_accepts(&facts, offer, err) &&
	       has_not_failed_too_often(updater, offer, err);
}

/* So that every message of one job can be told from another's. */
static bool name_local_offer(struct job *job, struct ota_error *err)
{
	if (is_from_cloud(job->offer) || job->offer->ids.msg.text)
		return true;
	if (asprintf(&job->offer->ids.msg.text, "local_%s", job->id) < 0) {
		job->offer->ids.msg.text = NULL;
		return ota_fail_memory(err, "making a job");
	}
	return true;
}

static struct job *make_job(struct updater *updater, struct module *module,
			    const struct offer *offer, struct ota_error *err)
{
	OTA_CLEANUP(job_freep) struct job *job =
		job_new(updater, offer, module->settings, module->version, err);

	if (!job || !name_local_offer(job, err))
		return NULL;
	return OTA_TAKE(job);
}

/* A job that ends before it began: told, remembered, forgotten like any other. */
static void refuse(struct updater *updater, struct module *module,
		   const struct offer *offer, const struct ota_error *why)
{
	struct log_context context = {
		.device = offer->device,
		.module = offer->module,
		.version = offer->version,
		.error = ota_error_kind_name(why->kind),
	};
	struct ota_error err;
	struct job *job;

	log_write(LOG_LEVEL_WARNING, &message_offer_refused, &context,
		  "Offer of %s %s refused: %s", offer->module, offer->version,
		  why->text);
	if (!is_from_cloud(offer))
		return;
	job = make_job(updater, module, offer, &err);
	if (!job) {
		log_error(NULL, "%s", err.text);
		return;
	}
	if (!updater_add_job(updater, job, &err)) {
		log_error(NULL, "%s", err.text);
		job_free(job);
		return;
	}
	job_fail(job, why);
}

static bool begin(struct updater *updater, struct module *module,
		  const struct offer *offer, struct job **ret_job,
		  struct ota_error *err)
{
	OTA_CLEANUP(job_freep) struct job *job = NULL;

	if (!is_acceptable(updater, module, offer, err)) {
		struct ota_error why = *err;

		refuse(updater, module, offer, &why);
		return false;
	}
	job = make_job(updater, module, offer, err);
	if (!job || !updater_add_job(updater, job, err))
		return false;
	if (!runner_record(job, err)) {
		struct ota_error why = *err;

		runner_forget(job);
		updater_drop_job(OTA_TAKE(job));
		/* Some platforms say it only once: they must hear of it. */
		refuse(updater, module, offer, &why);
		return false;
	}
	if (ret_job)
		*ret_job = job;
	updater_job_changed(job);
	job_resume(OTA_TAKE(job));
	return true;
}

static void supersede(struct job *job, const char *version)
{
	struct ota_error why;

	ota_fail(&why, OTA_ERROR_CANCELLED, "superseded by %s", version);
	job_fail(job, &why);
}

/* Only the newest waits; a platform waits for the others' results. */
static void tell_superseded(const struct job *job, const struct offer *old,
			    const struct offer *newest)
{
	struct ota_error why, err;

	if (!is_from_cloud(old) || offer_same_job(old, newest))
		return;
	ota_fail(&why, OTA_ERROR_CANCELLED, "superseded by %s",
		 newest->version);
	if (!reporter_dropped(job->updater->reporter, old,
			      job->old_version ? job->old_version : "0", &why,
			      &err))
		log_warning(NULL, "%s of %s was superseded, which is not told: %s",
			    old->version, old->device, err.text);
}

static bool wait_behind(struct job *job, const struct offer *offer,
			struct ota_error *err)
{
	OTA_CLEANUP(offer_freep) struct offer *old = NULL;
	struct offer *copy = offer_copy(offer);

	if (!copy)
		return ota_fail_memory(err, "keeping an offer");
	old = OTA_TAKE(job->waiting);
	job->waiting = copy;
	if (old)
		tell_superseded(job, old, offer);
	/* Only a power cut would forget it. */
	if (!runner_record(job, err))
		log_warning(NULL, "The waiting offer is not recorded: %s",
			    err->text);
	return true;
}

static bool is_running(const struct module *module, const struct offer *offer)
{
	return module->version &&
	       version_compare(module->version, offer->version) == 0;
}

/*
 * A job whose module is installed a new version of, and one that ended but is
 * not told yet, are left alone: what comes waits behind them.
 */
static bool join_or_replace(struct updater *updater, struct job *job,
			    struct module *module, const struct offer *offer,
			    enum offer_outcome *ret_outcome,
			    struct job **ret_job, struct ota_error *err)
{
	if (!job_state_is_terminal(job->state) &&
	    offer_same_job(job->offer, offer)) {
		*ret_outcome = OFFER_JOINED;
		if (ret_job)
			*ret_job = job;
		return runner_redeliver(job, offer, err);
	}
	if (job_is_installing(job) || job_state_is_terminal(job->state)) {
		*ret_outcome = OFFER_QUEUED;
		if (ret_job)
			*ret_job = job;
		return wait_behind(job, offer, err);
	}
	supersede(job, offer->version);
	if (updater_find_job(updater, offer->device, offer->module)) {
		*ret_outcome = OFFER_QUEUED;
		job = updater_find_job(updater, offer->device, offer->module);
		if (ret_job)
			*ret_job = job;
		return wait_behind(job, offer, err);
	}
	*ret_outcome = OFFER_STARTED;
	return begin(updater, module, offer, ret_job, err);
}

bool updater_take_offer(struct updater *updater, const struct offer *offer,
			enum offer_outcome *ret_outcome, struct job **ret_job,
			struct ota_error *err)
{
	struct module *module = updater_find_module(
		updater, offer->device, offer->module, NULL, err);
	struct job *job;

	if (!module)
		return false;
	store_mend_folders(&updater->store);
	job = updater_find_job(updater, offer->device, offer->module);
	if (is_running(module, offer) && !(job && job_is_installing(job))) {
		if (job && !job_state_is_terminal(job->state))
			supersede(job, offer->version);
		*ret_outcome = OFFER_INSTALLED;
		reporter_installed(updater->reporter, offer);
		return true;
	}
	if (job)
		return join_or_replace(updater, job, module, offer, ret_outcome,
				       ret_job, err);
	*ret_outcome = OFFER_STARTED;
	return begin(updater, module, offer, ret_job, err);
}

/* ---- what people ask for ---- */

bool updater_offer(struct updater *updater, const struct offer *offer,
		   enum offer_outcome *ret_outcome, char **ret_job,
		   struct ota_error *err)
{
	struct job *job = NULL;
	char *id = NULL;

	if (!updater_take_offer(updater, offer, ret_outcome, &job, err))
		return false;
	if (job && !(id = strdup(job->id)))
		return ota_fail_memory(err, "answering");
	if (ret_job)
		*ret_job = id;
	else
		free(id);
	return true;
}

static struct job *need_job(struct updater *updater, const char *device,
			    const char *module_name, struct ota_error *err)
{
	const char *device_name;
	struct module *module = updater_find_module(
		updater, device, module_name, &device_name, err);
	struct job *job;

	if (!module)
		return NULL;
	job = updater_find_job(updater, device_name, module->settings->name);
	if (!job || job_state_is_terminal(job->state)) {
		ota_fail(err, OTA_ERROR_NOT_FOUND,
			 "no update of %s is under way on %s",
			 module->settings->name, device_name);
		return NULL;
	}
	return job;
}

bool updater_install(struct updater *updater, const char *device,
		     const char *module, struct ota_error *err)
{
	struct job *job = need_job(updater, device, module, err);

	if (!job)
		return false;
	if (job->state != JOB_STATE_AVAILABLE)
		return ota_fail(err, OTA_ERROR_BUSY, "%s %s is %s already",
				job->offer->module, job->offer->version,
				job_state_name(job->state));
	if (updater->held)
		return ota_fail(err, OTA_ERROR_BUSY,
				"updates are held%s%s; otactl release lets them go on",
				updater->hold_reason ? ": " : "",
				updater->hold_reason ? updater->hold_reason : "");
	job->approved = true;
	if (!runner_record(job, err)) {
		job->approved = false;
		return false;
	}
	updater_wake_jobs(updater);
	return true;
}

bool updater_cancel(struct updater *updater, const char *device,
		    const char *module, struct ota_error *err)
{
	struct job *job = need_job(updater, device, module, err);
	struct ota_error why;

	if (!job)
		return false;
	if (job->state >= JOB_STATE_INSTALLING)
		return ota_fail(err, OTA_ERROR_BUSY,
				"%s %s is %s, too late to cancel; otactl rollback puts the old version back",
				job->offer->module, job->offer->version,
				job_state_name(job->state));
	ota_fail(&why, OTA_ERROR_CANCELLED, "cancelled by an operator");
	job_fail(job, &why);
	return true;
}

static bool may_go_back(const struct job *job)
{
	if (job->undoing || job->unrecorded)
		return false;
	/* Our own execv(2) cannot be called back. */
	return job->state == JOB_STATE_CONFIRMING ||
	       (job->state == JOB_STATE_RESTARTING &&
		!installer_restarts_self(job->settings->type));
}

static bool roll_back_trial(struct job *job, struct ota_error *err)
{
	struct ota_error why;

	if (job->state < JOB_STATE_INSTALLING)
		return ota_fail(err, OTA_ERROR_BUSY,
				"%s %s is only %s; otactl cancel stops it",
				job->offer->module, job->offer->version,
				job_state_name(job->state));
	if (!may_go_back(job))
		return ota_fail(err, OTA_ERROR_BUSY,
				"%s %s is %s just now; try again in a moment",
				job->offer->module, job->offer->version,
				job->undoing ? "being rolled back" :
					       job_state_name(job->state));
	ota_fail(&why, OTA_ERROR_CANCELLED, "rolled back by an operator");
	job_fail(job, &why);
	return true;
}

/* A confirmed version goes back as its job would have: as one in its trial. */
static bool roll_back_success(struct updater *updater, struct module *module,
			      const char *device, struct ota_error *err)
{
	const char *name = module->settings->name;
	OTA_CLEANUP(module_record_freep) struct module_record *record =
		module_record_load(&updater->store, device, name, err);
	OTA_CLEANUP(job_freep) struct job *job = NULL;
	struct ota_error why;

	if (!record)
		return false;
	if (!record->installed || !record->previous)
		return ota_fail(err, OTA_ERROR_NOT_FOUND,
				"there is no earlier version of %s to go back to",
				name);
	job = job_new(updater, record->installed, module->settings,
		      record->previous, err);
	if (!job)
		return false;
	ota_fail(&why, OTA_ERROR_CANCELLED, "rolled back by an operator");
	job_set_cause(job, &why);
	job->state = JOB_STATE_CONFIRMING;
	job->undoing = true;
	job_raise_percent(job);
	if (!updater_add_job(updater, job, err))
		return false;
	if (!runner_has_backup(job, err) || !runner_record(job, err)) {
		runner_forget(job);
		updater_drop_job(OTA_TAKE(job));
		return false;
	}
	updater_job_changed(job);
	job_resume(OTA_TAKE(job));
	return true;
}

bool updater_rollback(struct updater *updater, const char *device,
		      const char *module_name, struct ota_error *err)
{
	const char *device_name;
	struct module *module = updater_find_module(
		updater, device, module_name, &device_name, err);
	struct job *job;

	if (!module)
		return false;
	job = updater_find_job(updater, device_name, module->settings->name);
	if (job)
		return roll_back_trial(job, err);
	return roll_back_success(updater, module, device_name, err);
}
