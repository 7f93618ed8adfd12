#include <string.h>

#include "otad/base/log.h"
#include "otad/install/trial.h"

#include "machine.h"
#include "updater-private.h"

void updater_judge_trial(struct updater *updater)
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

void updater_end_trial(struct updater *updater)
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

void updater_drop_stale_marker(struct updater *updater)
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
