#include "commands.h"

#include <stddef.h>

#include "options.h"

#define MODULE_HELP                                                        \
	"MODULE is a module of the gateway, or DEVICE/MODULE.\n"

const struct ctl_command ctl_commands[] = {
	{
		.name = "status",
		.arguments = "",
		.summary = "What runs, what is on offer, what happened last",
		.run = ctl_run_status,
	},
	{
		.name = "watch",
		.arguments = "[MODULE]",
		.subject = CTL_SUBJECT_MODULE,
		.summary = "Follow updates as they happen",
		.details = "On a terminal a progress bar for each update, until ^C;\n"
			   "elsewhere one line per change:\n"
			   "TIME DEVICE/MODULE VERSION STATE PERCENT MESSAGE\n",
		.max_args = 1,
		.run = ctl_run_watch,
	},
	{
		.name = "check",
		.arguments = "[MODULE]",
		.subject = CTL_SUBJECT_MODULE,
		.summary = "Ask the cloud for an update",
		.details = MODULE_HELP
			"With --wait: 30 s for an answer, then until what it offers has ended.\n",
		.options = OPTION_WAIT,
		.max_args = 1,
		.run = ctl_run_check,
	},
	{
		.name = "update",
		.arguments = "MODULE",
		.subject = CTL_SUBJECT_MODULE,
		.summary = "Offer an artifact of your own",
		.details = MODULE_HELP
			"--url, --version and one of --sha256 and --md5 are required.\n",
		.options = OPTION_URL | OPTION_VERSION | OPTION_SHA256 |
			   OPTION_MD5 | OPTION_SIZE | OPTION_FORCE | OPTION_WAIT,
		.min_args = 1,
		.max_args = 1,
		.run = ctl_run_update,
	},
	{
		.name = "install",
		.arguments = "MODULE",
		.subject = CTL_SUBJECT_MODULE,
		.summary = "Start what is available",
		.details = MODULE_HELP,
		.min_args = 1,
		.max_args = 1,
		.run = ctl_run_install,
	},
	{
		.name = "cancel",
		.arguments = "MODULE",
		.subject = CTL_SUBJECT_MODULE,
		.summary = "End an update that is not installing yet",
		.details = MODULE_HELP,
		.min_args = 1,
		.max_args = 1,
		.run = ctl_run_cancel,
	},
	{
		.name = "rollback",
		.arguments = "MODULE",
		.subject = CTL_SUBJECT_MODULE,
		.summary = "Put the previous version back",
		.details = MODULE_HELP,
		.min_args = 1,
		.max_args = 1,
		.run = ctl_run_rollback,
	},
	{
		.name = "hold",
		.arguments = "[REASON]",
		.summary = "Let no update start, until release",
		.details = "TIME is HH:MM (the next), \"YYYY-MM-DD HH:MM[:SS]\" (local time),\n"
			   "YYYY-MM-DDTHH:MM:SS+HH:MM, or how long: 30min, 2h, 5d.\n",
		.options = OPTION_UNTIL,
		.max_args = 1,
		.run = ctl_run_hold,
	},
	{
		.name = "release",
		.arguments = "",
		.summary = "End a hold",
		.run = ctl_run_release,
	},
	{
		.name = "history",
		.arguments = "",
		.summary = "What was updated, oldest first",
		.options = OPTION_COUNT,
		.run = ctl_run_history,
	},
	{
		.name = "stats",
		.arguments = "",
		.summary = "Counts since the first start, and since this one",
		.run = ctl_run_stats,
	},
	{
		.name = "modules",
		.arguments = "",
		.summary = "All that can be updated",
		.run = ctl_run_modules,
	},
	{
		.name = "device list",
		.arguments = "",
		.summary = "The devices that are updated, the gateway first",
		.run = ctl_run_device_list,
	},
	{
		.name = "device add",
		.arguments = "NAME",
		.summary = "Register a device of a class (--class)",
		.options = OPTION_CLASS,
		.min_args = 1,
		.max_args = 1,
		.run = ctl_run_device_add,
	},
	{
		.name = "device remove",
		.arguments = "NAME",
		.subject = CTL_SUBJECT_DEVICE,
		.summary = "Forget a registered device",
		.min_args = 1,
		.max_args = 1,
		.run = ctl_run_device_remove,
	},
	{ 0 },
};
