#pragma once

/*
 * Whether an offer is wanted, and whether its job may start now (design.md,
 * section 4, "available"; protocols.md, sections 1.7 and 1.8). Pure: every fact
 * is passed in.
 */

#include "otad/base/error.h"
#include "otad/config/config.h"
#include "otad/model/offer.h"

#include <stdbool.h>
#include <stdint.h>

/* After a hold that is over could not be taken off the disk. */
#define POLICY_HOLD_AGAIN_MS (60 * UINT64_C(1000))

struct policy_facts {
	const struct config_update *update;
	const struct config_download *download;
	const char *running; /* version; NULL: unknown */
	uint64_t free_bytes; /* where artifacts are kept */
	bool on_battery;
	unsigned battery_percent;
	int64_t now_ms; /* wall clock */
	uint64_t window_wait_ms; /* until Window= opens; 0: it is open */
	bool held;
	int64_t hold_until_ms; /* 0: until released */
	unsigned transfers;    /* running now */
	bool artifact_here;    /* its transfer runs or is done */
};

/* incompatible, downgrade-refused, no-space, power-low. */
bool policy_accepts(const struct policy_facts *facts, const struct offer *offer,
		    struct ota_error *err) OTA_MUST_CHECK;
bool policy_has_power(const struct policy_facts *facts, struct ota_error *err)
	OTA_MUST_CHECK;
/* Room for twice the artifact and something to spare. */
bool policy_has_room(const struct policy_facts *facts, uint64_t size_bytes,
		     struct ota_error *err) OTA_MUST_CHECK;

/*
 * NULL: the job may start. Else why it waits, static text; `*ret_wait_ms`: when
 * to ask again by the clock, UINT64_MAX when only an event can change it.
 */
const char *policy_wait(const struct policy_facts *facts,
			const struct offer *offer, bool approved,
			uint64_t *ret_wait_ms);
