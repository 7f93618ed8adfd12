#pragma once

#include "otad/base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct spawned {
	pid_t pid;  /* leads a process group of its own */
	int out_fd; /* reading ends, non-blocking; the caller closes them */
	int err_fd;
};

/*
 * Starts a program that ends with us at the latest, with default signal dispositions, an empty mask, /dev/null
 * as input and no descriptor but the three. `env` (may be NULL) is added to our
 * environment, of which the parts meant for this service alone are left out.
 * Returns when the program runs, or false with `err`: not-found, permission,
 * incompatible (no program for this machine) or internal.
 */
bool spawn_program(const char *const *argv, const char *const *env,
		   struct spawned *ret, struct ota_error *err) OTA_MUST_CHECK;
