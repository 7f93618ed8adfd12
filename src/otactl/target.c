#include "target.h"

#include <stdio.h>
#include <string.h>

#include "otad/model/offer.h"

#include "otactl.h"

static bool is_device(struct ctl *ctl, const char *device)
{
	if (module_name_is_valid(device))
		return true;
	ctl_usage(ctl, "'%s' cannot be the name of a device", device);
	return false;
}

bool ctl_module_read(struct ctl *ctl, struct ctl_module *ret_module)
{
	struct ctl_module module = { .device = ctl->options.device };
	char *slash;

	if (module.device && !is_device(ctl, module.device))
		return false;
	if (ctl->n_args > 0) {
		module.module = ctl->args[0];
		slash = strchr(ctl->args[0], '/');
		if (slash) {
			*slash = '\0';
			module.module = slash + 1;
			if (module.device && strcmp(module.device, ctl->args[0]) != 0) {
				ctl_usage(ctl, "two devices: '%s' and '%s'",
					  module.device, ctl->args[0]);
				return false;
			}
			module.device = ctl->args[0];
			if (!is_device(ctl, module.device))
				return false;
		}
		if (!module_name_is_valid(module.module)) {
			ctl_usage(ctl, "'%s' cannot be the name of a module",
				  module.module);
			return false;
		}
	}
	*ret_module = module;
	return true;
}

const char *ctl_module_name(const struct ctl_module *module, char *buffer)
{
	bool behind = module->device && strcmp(module->device, DEVICE_SELF) != 0;
	const char *name = module->module ? module->module : "";

	if (behind)
		snprintf(buffer, CTL_MODULE_NAME_SIZE, "%s%s%s", module->device,
			 *name ? "/" : "", name);
	else
		snprintf(buffer, CTL_MODULE_NAME_SIZE, "%s",
			 *name ? name : "the gateway");
	return buffer;
}
