#pragma once

/* otad put together: what main() builds, runs and tears down. */

#include "options.h"

/* `version`: of this program, reported to the cloud. Returns the exit status. */
int daemon_main(const struct options *options, char **argv,
		const char *version);
