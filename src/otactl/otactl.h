#pragma once

/* otactl: the control socket for people and scripts. */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "screen.h"

struct ctl_client;
struct json_object;

/* What otactl exits with: design.md, section 7. */
enum {
	CTL_DONE = 0,
	CTL_FAILED = 1, /* refused or failed; why is on standard error */
	CTL_USAGE = 2,
	CTL_NO_DAEMON = 3,
};

/* NULL or false: not given. Borrowed from argv. */
struct ctl_options {
	const char *device;
	const char *socket;
	const char *url;
	const char *version;
	const char *sha256;
	const char *md5;
	const char *size;
	const char *until;
	const char *count;
	const char *class_name;
	bool json;
	bool wait;
	bool force;
	bool help;
	bool print_version;
	bool complete;
};

/* One run of the program. */
struct ctl {
	struct ctl_options options;
	const char *command; /* for messages: "device add" */
	char **args;	     /* what is no option */
	int n_args;
	struct ctl_screen screen;
	int patience_ms; /* for one answer */
};

int otactl_main(int argc, char **argv);

/* "otactl: TEXT" on standard error, control characters stripped. */
void ctl_complain(const char *format, ...) OTA_PRINTF(1, 2);
/* The same, and where help is to be had. Returns CTL_USAGE. */
int ctl_usage(const struct ctl *ctl, const char *format, ...) OTA_PRINTF(2, 3);
/* Says what went wrong. Returns what to exit with. */
int ctl_report(const struct ota_error *err);

/* Where the daemon listens: --socket, else as design.md, section 2, has it. */
bool ctl_socket_path(const struct ctl *ctl, char *buffer, size_t size,
		     struct ota_error *err) OTA_MUST_CHECK;
/* NULL with `err`. */
struct ctl_client *ctl_connect(const struct ctl *ctl, struct ota_error *err)
	OTA_MUST_CHECK;

/*
 * Calls a method of io.otad. Takes `parameters` (NULL: none). Owned, or NULL
 * with `err`.
 */
struct json_object *ctl_call(const struct ctl *ctl, const char *method,
			     struct json_object *parameters,
			     struct ota_error *err) OTA_MUST_CHECK;
/* The same for a list in parts: the array `key` of all replies, joined. */
struct json_object *ctl_call_list(const struct ctl *ctl, const char *method,
				  struct json_object *parameters,
				  const char *key, struct ota_error *err)
	OTA_MUST_CHECK;

/* The parameters `device` and `module` where given; NULL: out of memory. */
struct json_object *ctl_target(const char *device, const char *module)
	OTA_MUST_CHECK;
