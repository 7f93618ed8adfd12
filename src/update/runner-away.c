/* A device that is away: its handler says "not now". */

#include "runner-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "otad/base/log.h"
#include "otad/base/loop.h"

#include "gate.h"
#include "machine.h"
#include "updater-private.h"

/* How soon and how late it is tried again, and how often: AwayTimeout= is over
 * long before that. */
#define AWAY_FIRST_MS 1000ULL
#define AWAY_MAX_MS (15 * 60 * 1000ULL)
#define AWAY_ATTEMPTS 10000

bool runner_is_away(const struct job *job, const struct ota_error *err)
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

bool runner_waits_for(const struct job *job)
{
	return job->away_attempts < AWAY_ATTEMPTS &&
	       job->away_ms < job->updater->config->update.away_timeout_ms;
}

bool runner_may_stay_away(const struct job *job, struct ota_error *err)
{
	struct ota_error why = *err;

	if (runner_waits_for(job))
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

void runner_note_away(struct job *job, const struct ota_error *why)
{
	uint64_t delay_ms = away_delay_ms(job->away_attempts++);
	struct log_context context = job_log_context(job);

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

void runner_wait_away(struct job *job, void (*fn)(struct job *job))
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
	runner_wait_away(job, come_back);
}
