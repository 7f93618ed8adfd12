#include "daemon.h"
#include "self.h"

int main(int argc, char *argv[])
{
	struct options options;
	int status;

	if (!options_parse(argc, argv, OTAD_RUNNING_VERSION, &options, &status))
		return self_exit_status(status);
	return self_exit_status(
		daemon_main(&options, argv, OTAD_RUNNING_VERSION));
}
