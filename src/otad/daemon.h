#pragma once

/* otad put together: what main() builds, runs and tears down. */

#include "options.h"

int daemon_main(const struct options *options, char **argv);
