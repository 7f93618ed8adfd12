#pragma once

/* Jobs that ended while nobody was told. */

#include "otad/base/error.h"

#include <stdbool.h>

struct ctl;
struct json_object;

struct ctl_ended {
	struct json_object *modules;
	struct json_object *history;
};

/* `device` NULL: all. */
bool ctl_ended_read(const struct ctl *ctl, const char *device,
		    struct ctl_ended *ret, struct ota_error *err) OTA_MUST_CHECK;
void ctl_ended_done(struct ctl_ended *ended);
/* What is known of a job now. Owned, or NULL: nothing (or out of memory). */
struct json_object *ctl_ended_find(const struct ctl_ended *ended, const char *id)
	OTA_MUST_CHECK;
/* The last job of `module`, if it was one to `version`. The same. */
struct json_object *ctl_ended_find_version(const struct ctl_ended *ended,
					   const char *module,
					   const char *version) OTA_MUST_CHECK;
