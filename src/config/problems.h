#pragma once

/* Collects what is wrong with a configuration, all of it. */

#include "otad/base/cleanup.h"
#include "otad/config/config.h"

#include <stdbool.h>
#include <stddef.h>

struct problems {
	struct config_report *report; /* borrowed */
	bool no_memory; /* something could not be stored */
};

void problem_add(struct problems *problems, const char *file, unsigned line,
		 const char *format, ...) OTA_PRINTF(4, 5);
/* For what `err` tells: a problem, or that memory is out. */
void problem_add_error(struct problems *problems, const char *file,
		       unsigned line, const char *what,
		       const struct ota_error *err);
/* Always returns false. */
bool problem_no_memory(struct problems *problems);
bool problems_exist(const struct problems *problems);

/* Names that could have been meant; borrowed. */
struct choice {
	const char *const *names;
	size_t count;
};
/*
 * Owned "; did you mean X? Expected one of: X, Y", every name with `prefix`
 * and `suffix`; the question only when one is near. NULL: out of memory.
 */
char *choice_hint(const struct choice *choice, const char *word,
		  const char *prefix, const char *suffix) OTA_MUST_CHECK;
