#pragma once

/*
 * The trial marker: the contract between otad and otad-launch, which judges
 * trials from outside. STATE/trial exists from before the swap until the trial
 * is confirmed or ended; lines `KEY=VALUE`, each value printable ASCII:
 *
 *	JOB=<id>            VERSION=<new>        OLD_VERSION=<old>
 *	TARGET=<path>       BACKUP=<path>        BACKUP_SHA256=<64 hex>
 *	MAX_STARTS=3        TIMEOUT=300          (seconds)
 *	STARTS=1            PID=1234             (kept by otad-launch; otad writes
 *	                                         1 and its own pid before execv)
 *
 * otad-launch trusts nothing in it: it takes TARGET and BACKUP from its own
 * state directory, and treats what it cannot read as the default.
 *
 * Ending a trial: the backup is renamed over the target, the directory synced,
 * then STATE/trial-ended is written (the marker's lines plus `REASON=text`),
 * then STATE/trial removed. Each step may be repeated after a power cut.
 */

#include "otad/base/error.h"
#include "otad/model/digest.h"

#include <stdbool.h>

#define TRIAL_FILE "trial"
#define TRIAL_ENDED_FILE "trial-ended"
#define TRIAL_MAX_BYTES 4096

struct trial {
	char *job;
	char *version, *old_version;
	char *target, *backup;
	struct digest backup_sha256;
	unsigned max_starts;
	unsigned timeout_s;
	unsigned starts;
	long pid; /* 0: none */
	char *reason; /* trial-ended only */
};
void trial_done(struct trial *trial);

/* False with not-found when there is none, protocol-error when unreadable. */
bool trial_read(const char *state_dir, struct trial *ret_trial,
		struct ota_error *err) OTA_MUST_CHECK;
bool trial_read_ended(const char *state_dir, struct trial *ret_trial,
		      struct ota_error *err) OTA_MUST_CHECK;
bool trial_write(const char *state_dir, const struct trial *trial,
		 struct ota_error *err) OTA_MUST_CHECK;
/* Removes both files durably. */
bool trial_remove(const char *state_dir, struct ota_error *err) OTA_MUST_CHECK;
/*
 * Judges in this process what otad-launch would: counts a start of the trial's
 * new version when otad runs without the launcher. True: `*ret_over` says
 * whether the trial has had its starts and the backup must come back.
 */
bool trial_count_start(const char *state_dir, bool *ret_over,
		       struct ota_error *err) OTA_MUST_CHECK;
