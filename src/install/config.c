/* Type=config: a file that is read again, without a restart. */

#include <stddef.h>

#include "command.h"
#include "installation.h"

static bool prepare(struct installation *in, struct ota_error *err)
{
	return in->settings->path ||
	       ota_fail(err, OTA_ERROR_INCOMPATIBLE, "%s has no Path=",
			in->title);
}

static void stage(struct installation *in)
{
	target_stage(in, false, installation_end);
}

static void check(struct installation *in)
{
	struct ota_error err;

	if (target_look(in, &err))
		command_check(in, installation_end);
	else
		installation_end(in, &err);
}

static void reload(struct installation *in)
{
	struct command command = {
		.key = "Reload=",
		.shell = in->settings->reload,
		.file = in->target.path,
		.kind = OTA_ERROR_RESTART_FAILED,
	};

	if (in->settings->reload)
		command_run(in, &command, installation_end);
	else
		installation_end(in, NULL);
}

static void activate(struct installation *in)
{
	struct ota_error err;

	if (target_look(in, &err))
		reload(in);
	else
		installation_end(in, &err);
}

static void restored(struct installation *in, const struct ota_error *err)
{
	if (err || !in->restored)
		installation_end(in, err);
	else
		reload(in);
}

static void roll_back(struct installation *in)
{
	target_restore(in, restored);
}

const struct installer_ops config_installer = {
	.prepare = prepare,
	.backup = target_step_backup,
	.stage = stage,
	.check = check,
	.swap = target_step_swap,
	.activate = activate,
	.roll_back = roll_back,
	.clean = target_step_clean,
	.inspect = target_inspect,
	.has_backup = target_has_backup,
};
