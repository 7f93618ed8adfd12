#include "daemon.h"
#include "self.h"
#include "take-over.h"

int main(int argc, char *argv[])
{
	struct options options;
	int status;

	if (!options_parse(argc, argv, OTAD_RUNNING_VERSION, &options, &status))
		return self_exit_status(status);
	if (options.which)
		return take_over_tell(OTAD_RUNNING_VERSION);
	if (options.take_over)
		return take_over_main(OTAD_RUNNING_VERSION);
	return self_exit_status(
		daemon_main(&options, argv, OTAD_RUNNING_VERSION));
}
