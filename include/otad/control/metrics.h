#pragma once

/*
 * What the updater does, as a file in the text format of Prometheus, for the
 * textfile collector of its node exporter: [Paths] MetricsFile=. Written over by
 * rename, a minute apart, and seconds after a job has ended.
 *
 * Bounded however many devices there are: with more than METRICS_MAX_MODULES
 * modules only those of the gateway have lines of their own, the others are
 * counted by class.
 */

#include "otad/base/error.h"

struct loop;
struct metrics;
struct updater;

#define METRICS_MAX_MODULES 100
/* Of devices of different classes; what is beyond them is not counted. */
#define METRICS_MAX_CLASSES 64

#define METRICS_INTERVAL_MS (60 * 1000)
/* Between two files, so that a fleet that ends its jobs costs no more. */
#define METRICS_PAUSE_MS (5 * 1000)
/* From the end of a job, for its record to be written. */
#define METRICS_SETTLE_MS 1000

/*
 * Borrows `loop` and `updater`. `path` NULL: no file, but what is counted goes
 * on. Writes nothing before the loop runs. Returns owned, or NULL with `err`.
 */
struct metrics *metrics_new(struct loop *loop, struct updater *updater,
			    const char *path, struct ota_error *err) OTA_MUST_CHECK;
/* Accepts NULL, returns NULL; the file stays. */
struct metrics *metrics_free(struct metrics *metrics);
OTA_DEFINE_CLEANUP(struct metrics *, metrics_free)

/* From now on there; a file at the old path stays. False: out of memory, as it
 * was. */
bool metrics_set_path(struct metrics *metrics, const char *path,
		      struct ota_error *err) OTA_MUST_CHECK;
