#pragma once

/*
 * history.jsonl: one line for each ended job, oldest first, bounded. What
 * a power cut has left at the end is skipped and written over.
 */

#include "otad/base/error.h"
#include "otad/update/updater.h"

#include <stdbool.h>

struct job;
struct store;

/* Beyond it the older half goes. */
#define HISTORY_MAX_BYTES (512 * 1024)

bool history_read(const struct store *store, size_t count, history_fn fn,
		  void *user_data, struct ota_error *err) OTA_MUST_CHECK;

struct history_totals {
	uint64_t succeeded, failed, rolled_back, bytes;
};
/* Of all jobs, those that have left the file included. */
bool history_count(const struct store *store, struct history_totals *ret,
		   struct ota_error *err) OTA_MUST_CHECK;
/* Appends, syncs and adds to `totals`. A job that stands there already is not
 * repeated. */
bool history_append(const struct store *store, const struct job *job,
		    struct history_totals *totals, struct ota_error *err)
	OTA_MUST_CHECK;
