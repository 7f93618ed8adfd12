#include "runner-private.h"

#include <string.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"

#include "policy.h"
#include "power.h"
#include "updater-private.h"

char *runner_job_path(const struct job *job)
{
	return store_path(&job->updater->store, STORE_JOBS, job->id, ".json");
}

bool runner_record(struct job *job, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = runner_job_path(job);
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
	OTA_CLEANUP(freep) char *path = runner_job_path(job);
	struct ota_error err;

	/* Where even that fails, the next start carries it out after all. */
	if (path && !file_remove(path, &err))
		log_warning(NULL, "%s", err.text);
}

void runner_record_progress(struct job *job)
{
	OTA_CLEANUP(freep) char *path = runner_job_path(job);
	OTA_CLEANUP(json_freep) struct json_object *json = job_to_json(job);
	struct ota_error err;

	if (!path || !json || !store_write_lazy(path, json, &err))
		log_debug(NULL, "Progress of job %s is not recorded", job->id);
}

struct log_context job_log_context(const struct job *job)
{
	return (struct log_context){
		.device = job->offer->device,
		.module = job->offer->module,
		.version = job->offer->version,
		.state = job_state_name(job->state),
		.job = job->id,
	};
}

void wait_for_start(struct job *job)
{
	updater_queue_job(job);
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
