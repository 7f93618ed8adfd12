#pragma once

/* Check=, Reload=, Restart=, HealthCheck=: shell commands of the configuration. */

#include "otad/base/error.h"

#include <stdbool.h>

struct installation;

struct command {
	const char *key;   /* "Check=", for messages */
	const char *shell; /* what is configured */
	const char *file;  /* $OTA_ARTIFACT */
	/* `file` also stands for %f and $1, and comes last when the command
	 * asks for it in no way. */
	bool takes_file;
	enum ota_error_kind kind; /* of its failure */
};

/*
 * Runs `command` for the running step, then `next`; a command that cannot be
 * started ends there, too.
 */
void command_run(struct installation *in, const struct command *command,
		 void (*next)(struct installation *in,
			      const struct ota_error *err));

/* Check=, if there is one, of the staged file; after target_look(). */
void command_check(struct installation *in,
		   void (*next)(struct installation *in,
				const struct ota_error *err));

/* `systemctl VERB` for Service=; restart-failed when it does not work. */
void command_systemctl(struct installation *in, const char *verb,
		       void (*next)(struct installation *in,
				    const struct ota_error *err));

/*
 * The script for /bin/sh -c: each %f becomes "${1}", quoted as its place wants
 * it; with neither %f, $1 nor OTA_ARTIFACT, "${1}" is appended. Owned, or NULL:
 * out of memory.
 */
char *command_script(const char *shell) OTA_MUST_CHECK;
