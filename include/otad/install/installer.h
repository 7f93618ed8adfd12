#pragma once

/*
 * How a module's artifact is put in place: one interface over all installers
 * (design.md, section 5). An installation is one artifact on its way into one
 * module; the update row runs its steps, one at a time, and records the job's
 * state between them.
 *
 * Every step may be run again after a power cut at any point of an earlier
 * run of the same step; an installation built anew from the same request finds
 * on disk what the earlier one left.
 *
 * File installers keep, beside TARGET (the file behind the configured path,
 * symbolic links resolved): `.TARGET.otad-new`, the staged file, and
 * `TARGET.old`, the backup. What BACKUP did is in STATE/install/MODULE until
 * CLEAN.
 *
 * A handler (exec) may say more by its exit status: 64 (EX_USAGE) to `version`,
 * `check` and `health` means "I do not know that" and passes; 75 (EX_TEMPFAIL)
 * means "not now", and that nothing was done: the step ends with `busy`, but
 * `health` is asked again.
 */

#include "otad/base/error.h"
#include "otad/model/device.h"
#include "otad/model/digest.h"

#include <stdbool.h>
#include <stdint.h>

struct installation;
struct loop;

enum install_step {
	/* Keeps the running version so that a rename brings it back. */
	INSTALL_BACKUP,
	/* Puts the artifact on the target's file system, with the target's
	 * mode, owner and attributes, synced. Uses up the artifact when both
	 * lie on one file system and `artifact_shared` is false. */
	INSTALL_STAGE,
	/* ELF for this machine (self, binary); Check=; handler `check`. */
	INSTALL_CHECK,
	/* One rename (for self: the trial marker first); handler `install`. */
	INSTALL_SWAP,
	/* execv, service restart, reload. */
	INSTALL_ACTIVATE,
	/* Healthy? Ends when it knows; the caller keeps the deadline. */
	INSTALL_CONFIRM,
	/* The backup back in place and running again. Also after a SWAP that
	 * never happened: then it only tidies up. `incompatible`: there is no
	 * way back, now or later. */
	INSTALL_ROLL_BACK,
	/* After the end of the job: staged remains away. Keeps the backup. */
	INSTALL_CLEAN,
	INSTALL_STEP_COUNT,
};

/* "backup", "stage", ... for messages. */
const char *install_step_name(enum install_step step);

/* What a restarted daemon finds of an installation. */
enum install_found {
	INSTALL_FOUND_UNTOUCHED,   /* the old version is in place */
	INSTALL_FOUND_SWAPPED,	   /* the new one is in place, not known to run */
	INSTALL_FOUND_RUNNING,	   /* self: this process is the new version */
	INSTALL_FOUND_ROLLED_BACK, /* self: otad-launch put the old one back */
	INSTALL_FOUND_UNKNOWN,	   /* cannot be told now; maybe later */
};

/* The program that runs: what `self` replaces. Borrowed strings. */
struct install_self {
	const char *path;    /* the file to replace */
	const char *version; /* of this process */
	/* The program as started, when it is another file (the factory version
	 * under otad-launch): copied as the first backup. NULL: same file. */
	const char *running_path;
};

/* Shared by all installations of the process; outlives them. */
struct install_env {
	struct loop *loop;
	const char *state_dir;
	struct install_self self;
	uint64_t confirm_timeout_ms; /* written into the trial marker */
	unsigned max_trial_starts;
	/*
	 * `self`, INSTALL_ACTIVATE: flushes the reports, then execv(2)s `path`.
	 * Does not return to the caller's loop when it succeeds; calls `failed`
	 * from the loop when it could not.
	 */
	void (*reexec)(void *user_data, const char *path,
		       void (*failed)(void *installation,
				      const struct ota_error *err),
		       void *installation);
	void *user_data;
};

/* Strings are copied; `settings` is referenced. */
struct install_request {
	struct module_settings *settings;
	const char *device;
	const char *module;
	const char *version;
	const char *old_version; /* NULL: unknown */
	const char *job;	 /* id */
	const char *artifact;	 /* path of the verified file; may be gone after STAGE
				  * (exec: after SWAP); NULL: only a way back */
	uint64_t size_bytes;
	struct digest digest; /* strongest known of the artifact */
	bool artifact_shared; /* others want the file too: copy, do not rename */
	bool artifact_fresh;  /* verified by this process just now; else STAGE hashes */
};

/*
 * Ends a step, exactly once, from the loop, never inside installation_run();
 * `err` NULL on success. May free the installation.
 */
typedef void (*install_done_fn)(struct installation *installation,
				enum install_step step,
				const struct ota_error *err, void *user_data);
/* A handler's `progress N`, 0-100. May be NULL. */
typedef void (*install_progress_fn)(struct installation *installation,
				    unsigned percent, void *user_data);

/* Returns owned, or NULL with `err` (incompatible: no such installer). */
struct installation *installation_new(const struct install_env *env,
				      const struct install_request *request,
				      install_done_fn on_done,
				      install_progress_fn on_progress,
				      void *user_data, struct ota_error *err)
	OTA_MUST_CHECK;
/* Stops what runs without calling back. Accepts NULL, returns NULL. */
struct installation *installation_free(struct installation *installation);
OTA_DEFINE_CLEANUP(struct installation *, installation_free)

/* One step at a time. */
void installation_run(struct installation *installation, enum install_step step);
/* Kills a step's child, if any; the step ends with `cancelled` by itself. */
void installation_cancel(struct installation *installation);

/* What is in place now. For ROLLED_BACK `why` says what otad-launch saw, for
 * UNKNOWN what is in the way of a look. */
enum install_found installation_inspect(struct installation *installation,
					struct ota_error *why);

/* `self`, while INSTALL_CONFIRM waits: broker session, subscription and version
 * report are acknowledged. Others ignore it. */
void installation_online(struct installation *installation);

/*
 * While INSTALL_CONFIRM waits: what it last saw that is not healthy yet, for
 * the message of the caller's deadline. NULL: nothing. Borrowed.
 */
const char *installation_trouble(const struct installation *installation);

/* True when a backup lies there to go back to (for `otactl rollback`). */
bool installation_has_backup(const struct installation *installation);

/* True where the step between swap and confirmation restarts this process. */
bool installer_restarts_self(enum installer_type type);

/*
 * Finds out the running version where the installer can: VersionFile=, a
 * handler's `version`, this process's own. `done` once, from the loop; NULL:
 * it does not know, and `why` then says what went wrong, if anything did.
 */
struct version_query;
typedef void (*version_query_fn)(void *user_data, const char *version,
				 const struct ota_error *why);
struct version_query *version_query_new(const struct install_env *env,
					const char *device,
					struct module_settings *settings,
					version_query_fn done, void *user_data,
					struct ota_error *err) OTA_MUST_CHECK;
struct version_query *version_query_free(struct version_query *query);
