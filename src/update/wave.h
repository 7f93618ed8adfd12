#pragma once

/*
 * WaveStop=: so many sub-devices that an update failed on stop the rest of
 * them. Counted for the updates that failed last, and kept in waves.json.
 */

#include "otad/base/version.h"
#include "otad/model/digest.h"

#include <stdbool.h>

struct job;
struct offer;
struct store;

/* Updates that are rolled out side by side; of more, the oldest is forgotten. */
#define WAVES_REMEMBERED 16

struct waves {
	struct wave {
		char version[VERSION_MAX_BYTES + 1];
		char digest[DIGEST_HEX_SIZE];
		unsigned failures;
	} waves[WAVES_REMEMBERED];
	unsigned next;
};

/* What an earlier run of otad counted; nonsense in the file counts as none. */
void wave_load(struct waves *waves, const struct store *store);
/* `job` has ended. */
void wave_note_end(struct waves *waves, const struct store *store,
		   const struct job *job);
/* How many devices the update of `offer` has failed on. */
unsigned wave_failures(const struct waves *waves, const struct offer *offer);
/* An operator's own word is a clean slate. */
void wave_forget(struct waves *waves, const struct store *store,
		 const struct offer *offer);
