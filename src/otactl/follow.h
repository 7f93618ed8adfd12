#pragma once

/*
 * Follows jobs on the control socket, over restarts of otad: a self-update
 * closes every connection and is the very thing one wants to watch.
 */

#include "otad/base/error.h"

#include <stdbool.h>

struct ctl;
struct ctl_follow;

/*
 * Connects, and knows what runs. From here on no change is missed. Borrows
 * `ctl`, `device` and `module` (NULL: all). NULL with `err`.
 */
struct ctl_follow *ctl_follow_new(struct ctl *ctl, const char *device,
				  const char *module, struct ota_error *err)
	OTA_MUST_CHECK;
struct ctl_follow *ctl_follow_free(struct ctl_follow *follow);
OTA_DEFINE_CLEANUP(struct ctl_follow *, ctl_follow_free)

/* Each returns what to exit with, and has said why. */
/* Until interrupted. */
int ctl_follow_for_ever(struct ctl_follow *follow);
/* Until this job ends; how it ended is what is returned. */
int ctl_follow_job(struct ctl_follow *follow, const char *job);
/* The same for the next job to this version, which may not have begun yet. */
int ctl_follow_version(struct ctl_follow *follow, const char *version);
/* Until no job runs any more; one may take `patience_ms` to appear. */
int ctl_follow_all(struct ctl_follow *follow, unsigned patience_ms);
