#pragma once

/* OTA_...= of a child process: design.md, section 5. */

#include "otad/base/error.h"
#include "otad/model/digest.h"

struct environment;
struct installation;

/* Everything is borrowed for the call; NULL is passed on as "", so that a
 * variable is there even if nothing is known. */
struct environment_facts {
	const char *device;
	const char *module;
	const char *version;
	const char *old_version;
	const char *artifact;
	const char *state_dir;
	const struct digest *digest; /* "" unless it is a SHA-256 */
};

/* Returns owned, or NULL with `err`. */
struct environment *environment_new(const struct environment_facts *facts,
				    struct ota_error *err) OTA_MUST_CHECK;
struct environment *environment_free(struct environment *environment);
OTA_DEFINE_CLEANUP(struct environment *, environment_free)

/* What the children of an installation get. */
struct environment *environment_of(const struct installation *in,
				   const char *artifact, struct ota_error *err)
	OTA_MUST_CHECK;

/* NULL-terminated `KEY=VALUE`, as struct process_request wants it. */
const char *const *environment_list(const struct environment *environment);
