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

void gate_look(struct gate *gate, const struct updater *updater)
{
	*gate = (struct gate){
		.wave_size = updater->config->update.wave_size,
	};
	for (const struct job *job = updater->jobs; job; job = job->next) {
		if (job_is_installing(job))
			gate_pass(gate, job);
		else if (job->gate_waiting && is_self(job))
			gate->self_waits = true;
	}
}

bool gate_is_open(const struct gate *gate, const struct job *job,
		  const char **ret_reason)
{
	*ret_reason = NULL;
	if (is_self(job) ? gate->installing > 0 : gate->selves > 0)
		*ret_reason = "another update is being installed";
	/* Else a steady stream of others would hold otad back for ever. */
	else if (gate->self_waits && !is_self(job))
		*ret_reason = "otad itself is updated first";
	else if (is_sub_device(job) && gate->wave_size > 0 &&
		 gate->wave >= gate->wave_size)
		*ret_reason = "other devices are being updated (WaveSize=)";
	return !*ret_reason;
}

void gate_pass(struct gate *gate, const struct job *job)
{
	gate->installing++;
	gate->selves += is_self(job);
	gate->wave += is_sub_device(job);
}
