#pragma once

/* Which module a command is about. */

#include <stdbool.h>

struct ctl;

struct ctl_module {
	const char *device; /* NULL: the gateway */
	const char *module; /* NULL: not given */
};

/*
 * Reads the command's first argument, "MODULE" or "DEVICE/MODULE", and --device.
 * Changes the argument; borrows from it. False after saying what is wrong.
 */
bool ctl_module_read(struct ctl *ctl, struct ctl_module *ret_module);
/* "app", "meter-17/mcu", "the gateway": for sentences. */
const char *ctl_module_name(const struct ctl_module *module, char *buffer);
#define CTL_MODULE_NAME_SIZE 160
