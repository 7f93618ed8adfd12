#pragma once

/* The running program as a file, and its successor in the same process. */

#include "otad/base/error.h"
#include "otad/install/installer.h"

#include <stdbool.h>

/* Bad configuration or command line. */
#define SELF_EXIT_CONFIG 2

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

/*
 * What to exit with for `status`. Under otad-launch a bad configuration is
 * EX_CONFIG of sysexits.h, so that the service manager does not try it again
 * and again; but not in a trial, where each start counts.
 */
int self_exit_status(int status);

/* The file this process was started from; after the next swap the system says
 * "... (deleted)" instead. Returns owned, or NULL with `err` set. */
char *self_running_path(struct ota_error *err) OTA_MUST_CHECK;
/* The state directory as otad-launch knows it, which reads no configuration.
 * Returns owned, or NULL with `err` set. */
char *self_launch_state(struct ota_error *err) OTA_MUST_CHECK;

/* execv(2) with nothing left behind. Returns only when that failed. */
void self_exec(const struct self *self, const char *path, struct ota_error *err);
