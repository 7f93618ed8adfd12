#pragma once

/* Jobs and modules as they came from otad: reading their JSON, putting them in words. */

#include "otad/base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* "app", "meter-17/mcu": how a module is called among people. Owned, cleaned. */
char *ctl_subject(struct json_object *with_device_and_module) OTA_MUST_CHECK;
/* "self/app" */
char *ctl_full_subject(struct json_object *with_device_and_module) OTA_MUST_CHECK;

/* "" when absent; borrowed. Not cleaned. */
const char *ctl_field(struct json_object *object, const char *key);
bool ctl_job_is_ended(struct json_object *job);
bool ctl_job_is_good(struct json_object *job);
unsigned ctl_job_percent(struct json_object *job);
/* Of the installation, as its handler tells; 0: nothing yet. */
unsigned ctl_job_install_percent(struct json_object *job);

/* Seconds until the download ends; false: nobody knows. */
bool ctl_job_time_left(struct json_object *job, uint64_t *ret_seconds);

/*
 * What there is to say of a job beside its state: why it waits, how the
 * download goes, what went wrong. Owned, not cleaned; "" when nothing. NULL
 * when out of memory.
 */
char *ctl_job_note(struct json_object *job) OTA_MUST_CHECK;
/* "downloading 42%", "failed 3 min ago"; "" without a job. */
char *ctl_job_standing(struct json_object *job, int64_t now_ms) OTA_MUST_CHECK;
