/* Type=binary: an executable, and the service that runs it. */

#include <linux/limits.h>
#include <stddef.h>

#include "command.h"
#include "elf.h"
#include "installation.h"

static bool prepare(struct installation *in, struct ota_error *err)
{
	if (!in->settings->path)
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE, "%s has no Path=",
				in->title);
	/* systemctl(1) would take it for an option. */
	if (in->settings->service && in->settings->service[0] == '-')
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"%s: Service=%s is no name of a unit",
				in->title, in->settings->service);
	return true;
}

static void stage(struct installation *in)
{
	target_stage(in, true, installation_end);
}

static void check(struct installation *in)
{
	char loader[PATH_MAX];
	struct ota_error err;

	if (!target_look(in, &err) ||
	    !elf_check(in->target.staged, loader, sizeof(loader), &err))
		installation_end(in, &err);
	else
		command_check(in, installation_end);
}

static void restart(struct installation *in, install_next_fn next)
{
	const struct module_settings *settings = in->settings;
	struct command command = {
		.key = "Restart=",
		.shell = settings->restart,
		.file = in->target.path,
		.kind = OTA_ERROR_RESTART_FAILED,
	};

	if (settings->restart)
		command_run(in, &command, next);
	else if (settings->service)
		command_systemctl(in, "restart", next);
	else
		next(in, NULL);
}

static void restarted(struct installation *in, const struct ota_error *err)
{
	in->health.restarted = !err && !in->settings->restart;
	installation_end(in, err);
}

static void activate(struct installation *in)
{
	struct ota_error err;

	if (target_look(in, &err))
		restart(in, restarted);
	else
		installation_end(in, &err);
}

static void restored(struct installation *in, const struct ota_error *err)
{
	bool none_before = in->record.form == BACKUP_FORM_NONE;

	if (err || !in->restored)
		installation_end(in, err);
	else if (!none_before)
		restart(in, installation_end);
	else if (in->settings->service)
		command_systemctl(in, "stop", installation_end);
	else
		installation_end(in, NULL);
}

static void roll_back(struct installation *in)
{
	target_restore(in, restored);
}

const struct installer_ops binary_installer = {
	.prepare = prepare,
	.backup = target_step_backup,
	.stage = stage,
	.check = check,
	.swap = target_step_swap,
	.activate = activate,
	.confirm = health_confirm,
	.roll_back = roll_back,
	.clean = target_step_clean,
	.inspect = target_inspect,
	.has_backup = target_has_backup,
};
