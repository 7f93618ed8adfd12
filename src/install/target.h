#pragma once

/*
 * The file that self, binary and config replace, and what lies beside it:
 * TARGET.old, the backup, and `.TARGET.otad-new`, the staged file (or, while
 * undoing, the backup on its way back). Every name changes by rename(2).
 */

#include "otad/base/error.h"
#include "otad/install/installer.h"

#include <stdbool.h>
#include <sys/stat.h>


struct target {
	char *path; /* what is replaced: symbolic links resolved */
	char *staged;
	char *backup;
	bool exists; /* when it was last looked at */
	struct stat st;
};

void target_done(struct target *target);

/*
 * Finds in->target and says what is there now. `incompatible` for what cannot
 * be replaced: a directory, a dangling link; install-failed without its parent.
 */
bool target_look(struct installation *in, struct ota_error *err)
	OTA_MUST_CHECK;

/* `incompatible` when other names, which would keep the old file, exist. */
bool target_refuse_links(const struct installation *in, struct ota_error *err)
	OTA_MUST_CHECK;

/* The staged file waits for SWAP. After target_look(). */
bool target_is_staged(const struct target *target);
/* No SWAP, or an undone one: the old version is in place. After target_look(). */
bool target_is_unchanged(const struct installation *in);
/* TARGET.old is there and is another file than the target. */
bool target_has_backup(const struct installation *in);

/* Gives the staged file another time where size and time are the old one's. */
bool target_make_distinct(const struct installation *in, int fd,
			  struct ota_error *err) OTA_MUST_CHECK;
/* Mode, owner, attributes and time of `from` onto `path`, then synced. */
bool target_dress_copy(const char *from, const char *path,
		       struct ota_error *err) OTA_MUST_CHECK;

/* file_remove(), but a missing file needs no writable file system. */
bool target_remove(const char *path, struct ota_error *err);

/* backup.c: the steps BACKUP and ROLL_BACK, as far as files go */
struct backup_request {
	const char *running; /* copied instead of the target; NULL: the target */
	bool want_sha256;
};
void target_back_up(struct installation *in,
		    const struct backup_request *request,
		    void (*next)(struct installation *in,
				 const struct ota_error *err));
/* Sets in->restored when what runs must follow. */
void target_restore(struct installation *in,
		    void (*next)(struct installation *in,
				 const struct ota_error *err));

/* stage.c: the step STAGE; an `executable` gets its execute bits */
void target_stage(struct installation *in, bool executable,
		  void (*next)(struct installation *in,
			       const struct ota_error *err));

/* The step STAGE where nothing is staged: what was not verified by this process
 * is hashed before it is used. */
void target_verify_artifact(struct installation *in);

/* SWAP: the rename(2), durable; done already is no error. */
bool target_swap(struct installation *in, struct ota_error *err) OTA_MUST_CHECK;
/* CLEAN: staged remains and the record away. */
bool target_clean(struct installation *in, struct ota_error *err)
	OTA_MUST_CHECK;

/* The steps that need nothing but the file. */
void target_step_backup(struct installation *in);
void target_step_swap(struct installation *in);
void target_step_clean(struct installation *in);
enum install_found target_inspect(struct installation *in,
				  struct ota_error *why);
