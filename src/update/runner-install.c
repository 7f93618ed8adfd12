/* From backing-up to confirming, and the way back. */

#include "runner-private.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/log.h"

#include "artifact.h"
#include "machine.h"
#include "session.h"
#include "updater-private.h"

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
	updater_job_progress(job);
}

bool runner_need_installation(struct job *job, struct ota_error *err)
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
		.artifact_shared = runner_shares_artifact(job),
		/* Those before it had the file in their hands. */
		.artifact_fresh = job->artifact_fresh &&
				  !runner_shares_artifact(job),
	};

	if (job->installation)
		return true;
	if (digest && !path)
		return ota_fail_memory(err, "installing");
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

	if (runner_need_installation(job, &err))
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
	return runner_need_installation(job, err) &&
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

/* What an earlier run left. False: the job goes on by itself, or has ended. */
static bool find_installation(struct job *job, enum install_found *ret_found)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!runner_need_installation(job, &err)) {
		job_fail(job, &err);
		return false;
	}
	*ret_found = installation_inspect(job->installation, &err);
	if (*ret_found == INSTALL_FOUND_ROLLED_BACK)
		was_rolled_back(job, &err);
	else if (*ret_found == INSTALL_FOUND_UNKNOWN)
		job_fail(job, &err);
	else
		return true;
	return false;
}

void resume_install(struct job *job)
{
	enum install_found found;

	if (!find_installation(job, &found))
		return;
	if (found == INSTALL_FOUND_UNTOUCHED)
		start_install(job);
	else
		job_handle(job, JOB_EVENT_INSTALLED);
}

void start_restart(struct job *job)
{
	struct ota_error err = OTA_ERROR_INIT;

	job->claim = artifact_release(job->claim);
	if (!runner_need_installation(job, &err))
		job_fail(job, &err);
	else if (installation_inspect(job->installation, &err) ==
		 INSTALL_FOUND_RUNNING)
		job_handle(job, JOB_EVENT_RESTARTED);
	else
		installation_run(job->installation, INSTALL_ACTIVATE);
}

void resume_trial(struct job *job)
{
	enum install_found found;
	struct ota_error err;

	if (!find_installation(job, &found))
		return;
	if (found == INSTALL_FOUND_UNTOUCHED) {
		ota_fail(&err, OTA_ERROR_INSTALL_FAILED,
			 "the new version is not in place any more");
		job_fail(job, &err);
	} else if (job->state == JOB_STATE_CONFIRMING) {
		start_confirm(job);
	} else if (found == INSTALL_FOUND_SWAPPED) {
		start_restart(job);
	} else {
		job_handle(job, JOB_EVENT_RESTARTED);
	}
}

void start_confirm(struct job *job)
{
	struct ota_error err;

	if (!runner_need_installation(job, &err)) {
		job_fail(job, &err);
		return;
	}
	installation_run(job->installation, INSTALL_CONFIRM);
	if (job->updater->session && session_is_online(job->updater->session))
		installation_online(job->installation);
}

/* ---- the way back ---- */

void start_undo(struct job *job)
{
	struct log_context context = job_log_context(job);
	struct ota_error err;

	log_warning(&context, "Putting %s back: %s",
		    job->old_version ? job->old_version : "the old version",
		    job->cause_text ? job->cause_text : "it has to be");
	/* The step that failed may hold a child, and half a state. */
	job->installation = installation_free(job->installation);
	job->hold_reason = NULL;
	/* Only its handler can say so; one that hangs is a failed attempt. */
	job->undo_is_away = job->undo_is_back = false;
	if (runner_need_installation(job, &err))
		installation_run(job->installation, INSTALL_ROLL_BACK);
	else
		retry_undo(job);
}

unsigned runner_undo_attempts(const struct job *job)
{
	return job->undo_is_back || job->settings->type == INSTALLER_EXEC ?
		       UNDO_COMMAND_ATTEMPTS :
		       UNDO_ATTEMPTS;
}

/* The version that is in place has to be told, whether it starts or not. */
static void undo_is_over(struct job *job)
{
	struct log_context context = job_log_context(job);
	const char *old = job->old_version ? job->old_version :
					     "the old version";
	struct ota_error what;

	ota_fail(&what, OTA_ERROR_INTERNAL, "%s %s%s%s", old,
		 job->undo_is_back ? "is back, but does not start" :
				     "could not be put back",
		 job->undo_text ? ": " : "", job->undo_text ? job->undo_text : "");
	log_error(&context, "The gateway needs a person, see %s: %s",
		  job->settings->path ? job->settings->path :
					job->offer->module,
		  what.text);
	job_add_to_cause(job, what.text);
	job_handle(job, job->undo_is_back ? JOB_EVENT_UNDONE :
					    JOB_EVENT_ABANDONED);
}

void retry_undo(struct job *job)
{
	if (job->undo_is_away && runner_waits_for(job)) {
		runner_wait_away(job, start_undo);
		return;
	}
	if (++job->undo_attempts < runner_undo_attempts(job))
		job_retry_later(job, job->undo_attempts - 1, start_undo);
	else
		undo_is_over(job);
}

static void undo_failed(struct job *job, const struct ota_error *err)
{
	struct log_context context = job_log_context(job);

	log_error(&context, "Putting the old version back failed: %s",
		  err->text);
	free(job->undo_text);
	job->undo_text = strdup(err->text);
	/* The files were first, then came the command. */
	job->undo_is_back = err->kind == OTA_ERROR_RESTART_FAILED &&
			    !installer_restarts_self(job->settings->type);
	job->undo_is_away = err->kind == OTA_ERROR_BUSY;
	if (job->undo_is_away)
		runner_note_away(job, err);
	if (err->kind == OTA_ERROR_INCOMPATIBLE)
		undo_is_over(job);
	else
		job_handle(job, JOB_EVENT_FAILED);
}

static void step_failed(struct job *job, const struct ota_error *err)
{
	struct ota_error copy = *err;

	if (!runner_is_away(job, err) || !runner_may_stay_away(job, &copy)) {
		job_fail(job, &copy);
		return;
	}
	runner_note_away(job, err);
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

static void on_step_done(struct installation *installation,
			 enum install_step step, const struct ota_error *err,
			 void *user_data)
{
	struct job *job = user_data;

	if (step == INSTALL_CLEAN) {
		if (err)
			log_warning(NULL, "%s", err->text);
		runner_finish(job);
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
