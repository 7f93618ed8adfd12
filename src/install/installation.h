#pragma once

/*
 * What the installers share: an installation from the inside, and the one
 * interface between installation.c and each installer.
 *
 * A step is a function that begins it; whatever it leads to ends with exactly
 * one installation_end(). In between, a step waits for one thing at a time.
 */

#include "otad/base/process.h"
#include "otad/install/installer.h"

#include "copy.h"
#include "health.h"
#include "record.h"
#include "target.h"

#include <stdbool.h>
#include <stdint.h>

struct action;
struct environment;
struct loop_source;

typedef void (*install_step_fn)(struct installation *in);
/* Where a step goes on. `err` NULL: the part before it succeeded. */
typedef void (*install_next_fn)(struct installation *in,
				const struct ota_error *err);

struct installer_ops {
	/* Is what the installer needs configured? */
	bool (*prepare)(struct installation *in, struct ota_error *err);
	/* NULL: this installer has nothing to do there. */
	install_step_fn backup, stage, check, swap, activate, confirm,
		roll_back, clean;
	enum install_found (*inspect)(struct installation *in,
				      struct ota_error *why);
	bool (*has_backup)(const struct installation *in);
	/* NULL: it does not care. */
	void (*online)(struct installation *in);
};

extern const struct installer_ops self_installer;
extern const struct installer_ops binary_installer;
extern const struct installer_ops config_installer;
extern const struct installer_ops exec_installer;

struct installation {
	const struct installer_ops *ops;
	const struct install_env *env;
	struct module_settings *settings;
	char *device, *module, *version;
	char *old_version; /* NULL: unknown */
	char *job;
	char *artifact; /* NULL: none, only a way back */
	char *title;	/* "module app", "module meter-17/mcu" */
	uint64_t size_bytes;
	struct digest digest;
	bool artifact_shared, artifact_fresh;

	install_done_fn on_done;
	install_progress_fn on_progress;
	void *user_data;

	struct loop_source *turn; /* ends a step from the loop */
	enum install_step step;
	bool running, ended;
	struct ota_error result; /* of the ended step */

	/* What the running step waits for: one of these, or nothing. */
	struct process *process;
	struct copy *copy;
	struct loop_source *timer;
	bool awaits_online;
	/* Where it goes on then; each layer of a step has its own. */
	install_next_fn file_next, command_next;
	enum ota_error_kind command_kind;
	char command_name[256]; /* "Check= of module app" */
	const struct action *action; /* of a handler; borrowed */

	struct target target;
	struct {
		const char *from; /* borrowed */
		bool want_sha256;
		enum backup_form form;
	} backing_up;
	struct {
		bool executable;
		bool move; /* the artifact is used up */
	} staging;
	struct record record; /* of this job; zeroed when there is none */
	struct health health;
	bool online;
	bool restored; /* ROLL_BACK changed the target: what runs must follow */
	bool must_leave; /* self: this process is the version that goes */
	bool touched;  /* exec: `install` was begun by this process */
	char trouble[OTA_ERROR_TEXT_SIZE]; /* what a waiting CONFIRM last saw */
};

/* Ends the running step; `err` NULL on success. Calls back from the loop. */
void installation_end(struct installation *in, const struct ota_error *err);

/*
 * Runs a child for the running step; `on_exit` gets the installation as its
 * user_data and must free in->process. `name` is for messages.
 */
bool installation_spawn(struct installation *in, const char *const *argv,
			const struct environment *environment, const char *name,
			process_line_fn on_line, process_exit_fn on_exit,
			struct ota_error *err) OTA_MUST_CHECK;

/* Calls `fn` in `delay_ms`; replaces the timer there was. */
bool installation_wait(struct installation *in, uint64_t delay_ms,
		       void (*fn)(struct loop_source *timer, void *user_data),
		       struct ota_error *err) OTA_MUST_CHECK;
