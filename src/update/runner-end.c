/* The end of a job: told, remembered, forgotten. */

#include "runner-private.h"

#include <string.h>

#include "otad/base/file.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/version.h"
#include "otad/fetch/fetch.h"

#include "artifact.h"
#include "gate.h"
#include "history.h"
#include "machine.h"
#include "reporter.h"
#include "session.h"
#include "updater-private.h"

static bool is_quiet_fault(enum ota_error_kind kind)
{
	/* The same bytes may still serve when the cloud offers them again. */
	return kind != OTA_ERROR_DIGEST_MISMATCH &&
	       kind != OTA_ERROR_SIZE_MISMATCH &&
	       kind != OTA_ERROR_SIGNATURE_INVALID &&
	       kind != OTA_ERROR_NO_SPACE;
}

void runner_free_room(struct job *job)
{
	if (job->artifact && !runner_shares_artifact(job))
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
	if (!path || runner_shares_artifact(job))
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
	if (runner_need_installation(job, &err))
		installation_run(job->installation, INSTALL_CLEAN);
	else
		runner_finish(job);
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
	struct log_context context = job_log_context(job);

	if (history_append(&job->updater->store, job, &job->updater->totals,
			   err))
		return true;
	if (job->record_attempts < HISTORY_ATTEMPTS)
		return false;
	log_error(&context, "The history misses job %s: %s", job->id, err->text);
	return true;
}

static bool record_end(struct job *job, struct ota_error *err)
{
	struct updater *updater = job->updater;
	const struct offer *offer = job->offer;
	struct ota_error why;
	OTA_CLEANUP(module_record_freep) struct module_record *record =
		module_record_load(&updater->store, offer->device,
				   offer->module, err);

	if (!record)
		return false;
	if (!module_record_end(record, job, loop_wall_ms(updater->loop)) ||
	    !set_running(job))
		return ota_fail_memory(err, "ending a job");
	if (job->state == JOB_STATE_SUCCEEDED && !runner_has_backup(job, &why))
		module_record_forget_previous(record);
	job->updated_ms = record->updated_ms;
	return module_record_save(record, &updater->store, offer->device,
				  offer->module, err);
}

static bool report_end(struct job *job, struct ota_error *err)
{
	struct updater *updater = job->updater;
	const struct offer *offer = job->offer;

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
			       job->updated_ms, err);
}

static bool forget(struct job *job, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = runner_job_path(job);

	return path ? file_remove(path, err) : ota_fail_memory(err, job->id);
}

/* Each may be the last before a power cut; all of it is done again then. */
static bool end_some(struct job *job, struct ota_error *err)
{
	switch (job->ending) {
	case JOB_ENDING_MODULE:
		return record_end(job, err);
	case JOB_ENDING_HISTORY:
		return add_to_history(job, err);
	case JOB_ENDING_REPORT:
		return report_end(job, err);
	case JOB_ENDING_FILE:
		return forget(job, err);
	}
	return true;
}

/* The last one to go takes the device with it. */
static void drop_device_without_jobs(struct updater *updater, const char *name)
{
	if (!updater_find_jobs(updater, name))
		updater_drop_device(updater, name);
}

/* Of a step that failed; false: it is tried again later. */
static bool goes_on_without(struct job *job, const struct ota_error *err)
{
	if (job->ending == JOB_ENDING_FILE) {
		log_warning(NULL, "Job %s has ended, but not its file: %s",
			    job->id, err->text);
		if (job->record_attempts >= FORGET_ATTEMPTS)
			return true; /* the next start ends it once more */
	} else {
		log_error(NULL, "The end of job %s is not told yet: %s",
			  job->id, err->text);
		store_mend_folders(&job->updater->store);
	}
	updater_job_ended(job);
	job_retry_later(job, job->record_attempts++, runner_finish);
	return false;
}

/* A cloud that goes by the version it hears offers it again: see
 * module_record_refuses(). */
static void warn_of_another_version(const struct job *job)
{
	const char *version = running_after(job);
	struct log_context context = job_log_context(job);

	if (job->state == JOB_STATE_SUCCEEDED &&
	    version_compare(version, job->offer->version) != 0)
		log_warning(&context,
			    "%s runs as version %s, not %s as offered; build it with the version that is offered",
			    job->offer->module, version, job->offer->version);
}

static void ended(struct job *job)
{
	struct updater *updater = job->updater;
	OTA_CLEANUP(offer_freep) struct offer *waiting = NULL;
	OTA_CLEANUP(freep) char *gone = NULL;
	struct ota_error err = OTA_ERROR_INIT;
	enum offer_outcome outcome;

	if (installer_restarts_self(job->settings->type))
		warn_of_another_version(job);
	if (installer_restarts_self(job->settings->type) && updater->trial) {
		updater->trial = false;
		if (updater->session)
			session_spread(updater->session, true);
		updater_changed(updater);
	}
	wave_note_end(&updater->waves, &updater->store, job);
	updater_job_ended(job);
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

static void end_step(struct job *job)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!end_some(job, &err) && !goes_on_without(job, &err))
		return;
	if (job->ending == JOB_ENDING_FILE) {
		ended(job);
		return;
	}
	job->ending++;
	if (job->ending < JOB_ENDING_FILE) {
		runner_finish(job);
		return;
	}
	/* Whoever hears of the end may offer the next at once. */
	job->record_attempts = 0;
	end_step(job);
}

void runner_finish(struct job *job)
{
	updater_queue_step(job, end_step);
}
