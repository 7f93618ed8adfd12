#include "gate.h"

#include <string.h>

#include "updater-private.h"

static bool is_self(const struct job *job)
{
	return installer_restarts_self(job->settings->type);
}

static bool is_sub_device(const struct job *job)
{
	return strcmp(job->offer->device, DEVICE_SELF) != 0;
}

bool gate_is_open(const struct job *job, const char **ret_reason)
{
	unsigned wave_size = job->updater->config->update.wave_size;
	unsigned wave = 0;

	*ret_reason = NULL;
	for (const struct job *other = job->updater->jobs; other;
	     other = other->next) {
		if (other == job)
			continue;
		if (job_is_installing(other) && (is_self(job) || is_self(other)))
			*ret_reason = "another update is being installed";
		/* Else a steady stream of others would hold otad back for ever. */
		if (other->gate_waiting && is_self(other) && !is_self(job))
			*ret_reason = "otad itself is updated first";
		if (job_is_installing(other) && is_sub_device(other))
			wave++;
	}
	if (is_sub_device(job) && wave_size > 0 && wave >= wave_size)
		*ret_reason = "other devices are being updated (WaveSize=)";
	return !*ret_reason;
}
