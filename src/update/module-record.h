#pragma once

/*
 * What is remembered of a module between jobs: modules/DEVICE%2FMODULE.json.
 * The version that an update left running, the one before it, the end of the
 * last job, and how often which artifact failed (protocols.md, section 1.8) or
 * was installed again.
 */

#include "otad/base/error.h"
#include "otad/model/job-state.h"
#include "otad/model/offer.h"
#include "otad/update/updater.h"

#include <stdbool.h>
#include <stdint.h>

struct job;
struct store;

/* The same artifact failing, or installed again within so long, so often is refused
 * for so long. */
#define STRIKES_LIMIT 3
#define STRIKES_REFUSE_MS (24 * 3600 * 1000LL)

struct module_record {
	char *version;	/* left running by the last success; NULL: none */
	char *previous; /* what its backup holds; NULL: none */
	struct offer *installed; /* of the last success; NULL: none */
	int64_t updated_ms; /* wall time of the last success; 0: never */
	struct offer *last_offer; /* of the last job that ended */
	char last_job[17];
	enum job_state last_state; /* JOB_STATE_IDLE: no job yet */
	enum ota_error_kind last_error;
	char *last_message;
	int64_t last_changed_ms;
	unsigned last_percent;
	/* Of one (version, digest): another one starts from 0. */
	char *strike_key;
	unsigned strikes;
	int64_t struck_ms;
	struct update_counts counts;
};

/* An empty record when there is none. Owned, or NULL with `err`. */
struct module_record *module_record_load(const struct store *store,
					 const char *device, const char *module,
					 struct ota_error *err) OTA_MUST_CHECK;
struct module_record *module_record_free(struct module_record *record);
OTA_DEFINE_CLEANUP(struct module_record *, module_record_free)

bool module_record_save(const struct module_record *record,
			const struct store *store, const char *device,
			const char *module, struct ota_error *err) OTA_MUST_CHECK;

/* Takes in how `job` ended. False when out of memory. */
bool module_record_end(struct module_record *record, const struct job *job,
		       int64_t now_ms);
/* A success after which there is no way back: nothing was there before it. */
void module_record_forget_previous(struct module_record *record);

/* True when `offer`'s artifact has done so too often, too recently. */
bool module_record_refuses(const struct module_record *record,
			   const struct offer *offer, int64_t now_ms);
void module_record_forgive(struct module_record *record);
