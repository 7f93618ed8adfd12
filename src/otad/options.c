#include "options.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
	"Usage: otad [OPTION]...\n"
	"Keeps the software of this gateway, and of the devices behind it, up to date.\n"
	"\n"
	"  -c, --config FILE   read FILE (default: /etc/otad/otad.conf) and its drop-ins\n"
	"      --check-config  say what is wrong with the configuration and exit\n"
	"      --which         say which otad runs from the next start on and exit\n"
	"      --take-over     remove an older self-updated otad; before otad-launch\n"
	"  -v, --verbose       log what helps to find a fault, too\n"
	"      --version       print the version and exit\n"
	"  -h, --help          print this and exit\n"
	"\n"
	"Exit status: 0 stopped, 1 failed, 2 bad configuration or command line.\n"
	"otactl shows what a running otad does. Manuals: otad(8), otad.conf(5).\n";

enum {
	OPTION_CHECK_CONFIG = 256,
	OPTION_TAKE_OVER,
	OPTION_VERSION,
	OPTION_WHICH,
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check-config", no_argument, NULL, OPTION_CHECK_CONFIG },
	{ "which", no_argument, NULL, OPTION_WHICH },
	{ "take-over", no_argument, NULL, OPTION_TAKE_OVER },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static bool usage(const char *what, const char *argument, int *ret_status)
{
	fprintf(stderr, "otad: %s%s; try otad --help\n", what, argument);
	*ret_status = 2;
	return false;
}

bool options_parse(int argc, char *argv[], const char *version,
		   struct options *ret_options, int *ret_status)
{
	struct options options = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "c:vh", long_options, NULL)) !=
	       -1) {
		switch (option) {
		case 'c':
			options.config_file = optarg;
			break;
		case OPTION_CHECK_CONFIG:
			options.check_config = true;
			break;
		case OPTION_WHICH:
			options.which = true;
			break;
		case OPTION_TAKE_OVER:
			options.take_over = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		case OPTION_VERSION:
			printf("otad %s\n", version);
			*ret_status = 0;
			return false;
		case 'h':
			fputs(help, stdout);
			*ret_status = 0;
			return false;
		default:
			return usage("command line not understood", "",
				     ret_status);
		}
	}
	if (optind < argc)
		return usage("unexpected argument ", argv[optind], ret_status);
	*ret_options = options;
	return true;
}
