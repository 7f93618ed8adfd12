#include "daemon.h"

int main(int argc, char *argv[])
{
	struct options options;
	int status;

	if (!options_parse(argc, argv, OTAD_RUNNING_VERSION, &options, &status))
		return status;
	return daemon_main(&options, argv, OTAD_RUNNING_VERSION);
}
