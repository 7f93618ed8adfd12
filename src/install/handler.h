#pragma once

/* The handler of Type=exec: `HANDLER ACTION`, design.md, section 5. */

#include "otad/base/error.h"
#include "otad/base/process.h"
#include "otad/base/version.h"

/*
 * Exit statuses of sysexits.h that mean more than failure: "I do not know this
 * action" and "not now".
 */
#define HANDLER_EXIT_UNKNOWN 64
#define HANDLER_EXIT_BUSY 75

/* `progress N` with N from 0 to 100. */
bool handler_parse_progress(const char *line, unsigned *ret_percent);

/* What `version` prints, and VersionFile= holds: the first line of `text`,
 * without the space around it, if it is a version; else "". */
void handler_parse_version(const char *text,
			   char ret_version[VERSION_MAX_BYTES + 1]);

/*
 * True for success. `optional`: an action that a handler need not know. False:
 * `err` is `busy` with the handler's message, `incompatible` (it does not know
 * the action), or of `kind`.
 */
bool handler_check(const struct process_result *result, const char *name,
		   bool optional, enum ota_error_kind kind,
		   struct ota_error *err) OTA_MUST_CHECK;
