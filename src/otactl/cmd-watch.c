#include "commands.h"

#include <stddef.h>

#include "follow.h"
#include "otactl.h"
#include "target.h"

int ctl_run_watch(struct ctl *ctl)
{
	OTA_CLEANUP(ctl_follow_freep) struct ctl_follow *follow = NULL;
	struct ctl_module module;
	struct ota_error err = OTA_ERROR_INIT;

	if (!ctl_module_read(ctl, &module))
		return CTL_USAGE;
	follow = ctl_follow_new(ctl, module.device, module.module, &err);
	return follow ? ctl_follow_for_ever(follow) : ctl_report(&err);
}
