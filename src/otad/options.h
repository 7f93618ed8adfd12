#pragma once

/* The command line of otad(8). */

#include <stdbool.h>

struct options {
	const char *config_file; /* NULL: the usual places */
	bool check_config;
	bool which, take_over;
	bool verbose;
};

/* `version` is what --version prints. True to go on; false to exit with `*ret_status`: 0 after --help and
 * --version, 2 for what is not understood. */
bool options_parse(int argc, char *argv[], const char *version,
		   struct options *ret_options, int *ret_status);
