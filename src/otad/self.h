#pragma once

/* The running program as a file, and its successor in the same process. */

#include "otad/base/error.h"
#include "otad/install/installer.h"

#include <stdbool.h>

struct self {
	char **argv;	/* borrowed from main() */
	const char *version; /* borrowed from main() */
	char *path;	/* what an update of `self` replaces */
	char *running;	/* the file this process was started from */
	bool launched;	/* otad-launch started us */
};

/* Under otad-launch (OTAD_LAUNCH in the environment) an update replaces
 * STATE/bin/otad; else the file this process was started from. */
bool self_init(struct self *self, char **argv, const char *version,
	       const char *state_dir, struct ota_error *err) OTA_MUST_CHECK;
void self_done(struct self *self);

/* Borrowed from `self`. */
struct install_self self_describe(const struct self *self);

/* execv(2) with nothing left behind. Returns only when that failed. */
void self_exec(const struct self *self, const char *path, struct ota_error *err);
