#pragma once

/* The text of the metrics file: what is in it, under which names. */

#include "otad/control/metrics.h"

#include <stddef.h>
#include <stdint.h>

enum metrics_result {
	METRICS_SUCCEEDED,
	METRICS_FAILED,
	METRICS_ROLLED_BACK,
	METRICS_RESULT_COUNT,
};

/* The modules of one name of all devices of one class. */
struct metrics_class {
	char *class_name; /* "": devices without one */
	char *module;
	size_t devices; /* as of the last text */
	uint64_t ended[METRICS_RESULT_COUNT]; /* since this start */
};

struct metrics_counts {
	uint64_t ended[METRICS_RESULT_COUNT]; /* since the first start */
	uint64_t bytes;
	struct metrics_class classes[METRICS_MAX_CLASSES];
	size_t n_classes;
};
void metrics_counts_done(struct metrics_counts *counts);
/* NULL: too many, or out of memory. */
struct metrics_class *metrics_find_class(struct metrics_counts *counts,
					 const char *class_name,
					 const char *module);

/* Owned, or NULL: out of memory. */
char *metrics_text(const struct updater *updater, struct metrics_counts *counts,
		   size_t *ret_size) OTA_MUST_CHECK;
