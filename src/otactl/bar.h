#pragma once

/* One job as one line with a progress bar. */

#include "otad/base/cleanup.h"

struct json_object;

/*
 * Takes at most `columns`; what does not fit is left out in the order of its
 * use: time left, speed, the bar. Owned, cleaned, or NULL when out of memory.
 */
char *ctl_bar(struct json_object *job, unsigned columns) OTA_MUST_CHECK;
