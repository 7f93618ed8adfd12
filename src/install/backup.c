#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "otad/base/file.h"
#include "otad/verify/hasher.h"

#include "installation.h"

static void go_on(struct installation *in, const struct ota_error *err)
{
	in->file_next(in, err);
}

static char *half_backup(const struct installation *in, struct ota_error *err)
{
	char *path;

	if (asprintf(&path, "%s.tmp", in->target.backup) < 0) {
		ota_fail_memory(err, "keeping the old version");
		return NULL;
	}
	return path;
}

/* ---- BACKUP ---- */

static void finish_backup(struct installation *in, enum backup_form form,
			  const struct digest *sha256)
{
	struct ota_error err;

	in->record = (struct record){ .form = form };
	if (in->target.exists)
		in->record.old = file_mark_of(&in->target.st);
	if (sha256)
		in->record.backup_sha256 = *sha256;
	/* From here on BACKUP is not done again for this job. */
	go_on(in, install_record_write(in, &err) ? NULL : &err);
}

static void backup_hashed(struct copy *copy, const struct ota_error *err,
			  const struct copy_result *result, void *user_data)
{
	struct installation *in = user_data;
	struct copy_result hashed = { 0 };

	if (err) {
		go_on(in, err);
		return;
	}
	hashed = *result;
	in->copy = copy_free(copy);
	finish_backup(in, in->backing_up.form, &hashed.sha256);
}

static void backup_made(struct installation *in, enum backup_form form)
{
	struct copy_request request = {
		.from = in->target.backup,
		.algs = HASHER_SHA256,
	};
	struct ota_error err;

	if (!in->backing_up.want_sha256) {
		finish_backup(in, form, NULL);
		return;
	}
	/* What is on the disk is what otad-launch will find there. */
	in->backing_up.form = form;
	in->copy = copy_new(in->env->loop, &request, backup_hashed, in, &err);
	if (!in->copy)
		go_on(in, &err);
}

static void backup_copied(struct copy *copy, const struct ota_error *err,
			  const struct copy_result *result, void *user_data)
{
	struct installation *in = user_data;
	struct ota_error why = OTA_ERROR_INIT;
	OTA_CLEANUP(freep) char *half = half_backup(in, &why);

	if (err) {
		why = *err;
		ota_wrap(&why, "backup");
		go_on(in, &why);
		return;
	}
	in->copy = copy_free(copy);
	if (half && target_dress_copy(in->backing_up.from, half, &why) &&
	    file_rename(half, in->target.backup, &why)) {
		backup_made(in, BACKUP_FORM_COPIED);
		return;
	}
	if (half)
		unlink(half);
	go_on(in, &why);
}

static void copy_backup(struct installation *in)
{
	struct ota_error err;
	OTA_CLEANUP(freep) char *half = half_backup(in, &err);
	struct copy_request request = {
		.from = in->backing_up.from,
		.to = half,
	};

	if (half && target_remove(half, &err))
		in->copy = copy_new(in->env->loop, &request, backup_copied, in,
				    &err);
	if (!in->copy)
		go_on(in, &err);
}

/* No hard links on this file system, or not for us (protected_hardlinks). */
static bool cannot_link(int sys_errno)
{
	return sys_errno == EPERM || sys_errno == EOPNOTSUPP ||
	       sys_errno == ENOSYS || sys_errno == EMLINK ||
	       sys_errno == EXDEV;
}

static void link_backup(struct installation *in)
{
	struct ota_error err;

	if (file_link(in->target.path, in->target.backup, &err))
		backup_made(in, BACKUP_FORM_LINKED);
	else if (cannot_link(err.sys_errno))
		copy_backup(in);
	else
		go_on(in, &err);
}

static bool runs_from_backup(const struct installation *in)
{
	struct stat running, backup;

	return stat(in->backing_up.from, &running) == 0 &&
	       stat(in->target.backup, &backup) == 0 &&
	       running.st_dev == backup.st_dev &&
	       running.st_ino == backup.st_ino;
}

static bool prepare_backup(struct installation *in, struct ota_error *err)
{
	return target_look(in, err) && target_refuse_links(in, err) &&
	       target_remove(in->target.staged, err);
}

void target_back_up(struct installation *in,
		    const struct backup_request *request, install_next_fn next)
{
	struct ota_error err;

	in->file_next = next;
	if (in->record.form != BACKUP_FORM_UNKNOWN) {
		/* Done by this job: what is in place now may be its new version,
		 * which must not become the backup. */
		go_on(in, NULL);
		return;
	}
	if (!prepare_backup(in, &err)) {
		go_on(in, &err);
		return;
	}
	in->backing_up.want_sha256 = request->want_sha256;
	in->backing_up.from = request->running ? request->running :
						 in->target.path;
	if (request->running && runs_from_backup(in))
		backup_made(in, BACKUP_FORM_COPIED);
	else if (request->running)
		copy_backup(in);
	else if (in->target.exists)
		link_backup(in);
	else if (target_remove(in->target.backup, &err))
		finish_backup(in, BACKUP_FORM_NONE, NULL);
	else
		go_on(in, &err);
}

/* ---- ROLL_BACK ---- */

static void restore_copied(struct copy *copy, const struct ota_error *err,
			   const struct copy_result *result, void *user_data)
{
	struct installation *in = user_data;
	struct ota_error why = OTA_ERROR_INIT;

	if (err) {
		why = *err;
		ota_wrap(&why, "restore");
		go_on(in, &why);
		return;
	}
	in->copy = copy_free(copy);
	if (target_dress_copy(in->target.backup, in->target.staged, &why) &&
	    file_rename(in->target.staged, in->target.path, &why)) {
		go_on(in, NULL);
		return;
	}
	unlink(in->target.staged);
	go_on(in, &why);
}

static void copy_back(struct installation *in)
{
	struct copy_request request = {
		.from = in->target.backup,
		.to = in->target.staged,
	};
	struct ota_error err;

	in->copy = copy_new(in->env->loop, &request, restore_copied, in, &err);
	if (!in->copy)
		go_on(in, &err);
}

/* The backup keeps its name, so that all of it can be done once more. */
static void put_back(struct installation *in)
{
	const struct target *target = &in->target;
	struct ota_error err;

	if (link(target->backup, target->staged) < 0) {
		if (cannot_link(errno)) {
			copy_back(in);
			return;
		}
		ota_fail_errno(&err, errno, "restore %s", target->path);
		go_on(in, &err);
		return;
	}
	/* rename(2) of two names of one file would do nothing; they are not. */
	go_on(in, file_rename(target->staged, target->path, &err) ? NULL : &err);
}

/* Nothing was there before the job; nothing must be there after it. */
static void take_away(struct installation *in)
{
	struct ota_error err;

	go_on(in, target_remove(in->target.path, &err) ? NULL : &err);
}

/* What runs follows the file: if this is cut short, it is done again. */
static bool note_undoing(struct installation *in, struct ota_error *err)
{
	if (in->record.undoing)
		return true;
	in->record.undoing = true;
	return install_record_write(in, err);
}

void target_restore(struct installation *in, install_next_fn next)
{
	struct ota_error err;
	bool unchanged;

	in->file_next = next;
	in->restored = in->record.undoing;
	if (!target_look(in, &err)) {
		go_on(in, &err);
		return;
	}
	unchanged = target_is_unchanged(in);
	if (!unchanged && in->record.form != BACKUP_FORM_NONE &&
	    !file_exists(in->target.backup)) {
		ota_fail(&err, OTA_ERROR_INSTALL_FAILED,
			 "there is no backup of %s to go back to",
			 in->target.path);
		go_on(in, &err);
		return;
	}
	if (!target_remove(in->target.staged, &err) ||
	    (!unchanged && !note_undoing(in, &err))) {
		go_on(in, &err);
		return;
	}
	if (unchanged) {
		/* It may be so only until a power cut, if a sync failed. */
		go_on(in, file_sync_parent(in->target.path, &err) ? NULL : &err);
		return;
	}
	in->restored = true;
	if (in->record.form == BACKUP_FORM_NONE)
		take_away(in);
	else
		put_back(in);
}
