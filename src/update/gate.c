#include "gate.h"

#include "job.h"

static bool is_self(const struct job *job)
{
	return installer_restarts_self(job->settings->type);
}

void gate_wait(struct gate *gate, struct job *job)
{
	if (job->gate_waiting)
		return;
	job->gate_waiting = true;
	gate->selves_waiting += is_self(job);
}

void gate_leave_queue(struct gate *gate, struct job *job)
{
	if (!job->gate_waiting)
		return;
	job->gate_waiting = false;
	gate->selves_waiting -= is_self(job);
}

static const char *wave_reason(unsigned wave_size)
{
	return wave_size > 0 ? "other devices are being updated (WaveSize=)" :
			       "other devices are being updated";
}

bool gate_is_open(const struct gate *gate, const struct job *job,
		  unsigned wave_size, const char **ret_reason)
{
	unsigned places = wave_size > 0 ? wave_size : GATE_WAVE_SIZE_DEFAULT;

	*ret_reason = NULL;
	if (is_self(job) ? gate->installing > 0 : gate->selves > 0)
		*ret_reason = "another update is being installed";
	/* Else a steady stream of others would hold otad back for ever. */
	else if (gate->selves_waiting > 0 && !is_self(job))
		*ret_reason = "otad itself is updated first";
	else if (job_is_of_sub_device(job) && gate->wave >= places)
		*ret_reason = wave_reason(wave_size);
	return !*ret_reason;
}

void gate_enter(struct gate *gate, struct job *job)
{
	if (job->has_place)
		return;
	job->has_place = true;
	gate->installing++;
	gate->selves += is_self(job);
	gate->wave += job_is_of_sub_device(job);
}

void gate_leave(struct gate *gate, struct job *job)
{
	if (!job->has_place)
		return;
	job->has_place = false;
	gate->installing--;
	gate->selves -= is_self(job);
	gate->wave -= job_is_of_sub_device(job);
}
