#pragma once

/*
 * An updater that does nothing but what the test says: otad/update/updater.h
 * without any update. Link it by naming tests/fake/updater.c in the
 * `unit_tests` of tests/unit/meson.build.
 */

#include "otad/base/error.h"
#include "otad/update/updater.h"

#include <stdbool.h>
#include <stddef.h>

/* NULL when out of memory. */
struct updater *fake_updater_new(void);

/* Adds `module` (NULL: none) to `device`, which is made where there is none. */
void fake_updater_add(struct updater *updater, const char *device,
		      const char *class_name, const char *module,
		      const char *version);
/* Of a module that was added. */
void fake_updater_set_counts(struct updater *updater, const char *device,
			     const char *module,
			     const struct update_counts *counts);
void fake_updater_remove(struct updater *updater, const char *device);
/* Copies; the module's job from now on, told to everybody who listens. */
void fake_updater_set_job(struct updater *updater, const struct job_view *job);
/* Only tells those who listen. */
void fake_updater_tell(struct updater *updater, const struct job_view *job);
void fake_updater_add_history(struct updater *updater,
			      const struct history_entry *entry);
/* What updater_status() and updater_stats() say; texts are borrowed. */
struct updater_status *fake_updater_status(struct updater *updater);
struct updater_stats *fake_updater_stats(struct updater *updater);

/* From now on whatever changes something fails so; OTA_ERROR_NONE: succeeds. */
void fake_updater_refuse(struct updater *updater, enum ota_error_kind kind,
			 const char *text);
/* How the next offers come out. `job` NULL: without one. */
void fake_updater_set_outcome(struct updater *updater, enum offer_outcome outcome,
			      const char *job);

/* "check self app", "offer self app 1.2 https://... 12 ab12.. - force", and
 * "of-a-cloud" behind it when it is no operator's: the last call that would change something; "" before. */
const char *fake_updater_last_call(const struct updater *updater);
unsigned fake_updater_calls(const struct updater *updater);
/* Called with the same text at each. */
void fake_updater_on_call(struct updater *updater,
			  void (*fn)(const char *call, void *user_data),
			  void *user_data);
unsigned fake_updater_listeners(const struct updater *updater);
