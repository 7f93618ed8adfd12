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
 *	PID_STARTED=<field 22 of /proc/PID/stat, by otad: PID is that process>
 *
 * otad-launch trusts nothing in it: it takes TARGET and BACKUP from its own
 * state directory, and treats what it cannot read as the default. Whoever
 * spoils STARTS has had all his starts.
 *
 * Ending a trial: the backup is linked and renamed over the target, the
 * directory synced, then STATE/trial-ended is written (`REASON=text` and
 * `ERROR=kind`, the name of an ota_error_kind, and the marker's lines but for
 * the counts), then STATE/trial removed. Each step may be repeated after a power
 * cut.
 */

#include "otad/base/error.h"
#include "otad/model/digest.h"

#include <stdbool.h>
#include <stdint.h>

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
	uint64_t pid_started; /* 0: unknown; tells a reused pid, see proc(5) */
	char *reason; /* trial-ended only */
	enum ota_error_kind kind; /* trial-ended only: what `reason` is of */
};

/* What otad-launch takes for what it cannot read, too. */
#define TRIAL_MAX_STARTS_DEFAULT 3
#define TRIAL_MAX_STARTS_LIMIT 100
#define TRIAL_TIMEOUT_DEFAULT_S 300
#define TRIAL_TIMEOUT_LIMIT_S (24 * 60 * 60)

void trial_done(struct trial *trial);

/* False with not-found when there is none, protocol-error when unreadable. */
bool trial_read(const char *state_dir, struct trial *ret_trial,
		struct ota_error *err) OTA_MUST_CHECK;
bool trial_read_ended(const char *state_dir, struct trial *ret_trial,
		      struct ota_error *err) OTA_MUST_CHECK;
bool trial_write(const char *state_dir, const struct trial *trial,
		 struct ota_error *err) OTA_MUST_CHECK;
/* Not synced: the marker's removal, which follows, does that. */
bool trial_write_ended(const char *state_dir, const struct trial *trial,
		       struct ota_error *err) OTA_MUST_CHECK;
/* Sets `starts` to 1, `pid` and `pid_started` to this process: the start that
 * execv(2) is about to make. */
void trial_set_first_start(struct trial *trial);
/* Whether there is either file, or no telling. */
bool trial_is_there(const char *state_dir);
/* Removes both files durably. */
bool trial_remove(const char *state_dir, struct ota_error *err) OTA_MUST_CHECK;
/*
 * Judges in this process what otad-launch would: counts a start of the trial's
 * new version when otad runs without the launcher. True: `*ret_over` says
 * whether the trial has had its starts and the backup must come back. The start
 * that execv(2) made was counted by otad already; it is known by its pid.
 * False: it cannot be counted, and what cannot be counted must not go on.
 */
bool trial_count_start(const char *state_dir, bool *ret_over,
		       struct ota_error *err) OTA_MUST_CHECK;
