#include "wave.h"

#include <stdio.h>
#include <string.h>

#include "job.h"

static const char *hex_of(const struct offer *offer)
{
	const struct digest *digest = offer_digest(offer);

	return digest ? digest->hex : "";
}

static struct wave *find(const struct waves *waves, const struct offer *offer)
{
	for (unsigned i = 0; i < WAVES_REMEMBERED; i++) {
		const struct wave *wave = &waves->waves[i];

		if (wave->failures > 0 &&
		    strcmp(wave->version, offer->version) == 0 &&
		    strcmp(wave->digest, hex_of(offer)) == 0)
			return (struct wave *)wave;
	}
	return NULL;
}

/* The artifact was let near the device, and nobody called it back. */
static bool failed_on_it(const struct job *job)
{
	return strcmp(job->offer->device, DEVICE_SELF) != 0 &&
	       job->state != JOB_STATE_SUCCEEDED &&
	       job->cause != OTA_ERROR_CANCELLED &&
	       job->overall_percent >=
		       job_overall_percent(JOB_STATE_BACKING_UP, 0, 0);
}

void wave_note_end(struct waves *waves, const struct job *job)
{
	struct wave *wave = find(waves, job->offer);

	if (!failed_on_it(job))
		return;
	if (!wave) {
		wave = &waves->waves[waves->next++ % WAVES_REMEMBERED];
		wave->failures = 0;
		snprintf(wave->version, sizeof(wave->version), "%s",
			 job->offer->version);
		snprintf(wave->digest, sizeof(wave->digest), "%s",
			 hex_of(job->offer));
	}
	wave->failures++;
}

unsigned wave_failures(const struct waves *waves, const struct offer *offer)
{
	const struct wave *wave = find(waves, offer);

	return wave ? wave->failures : 0;
}

void wave_forget(struct waves *waves, const struct offer *offer)
{
	struct wave *wave = find(waves, offer);

	if (wave)
		wave->failures = 0;
}
