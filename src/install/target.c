#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "otad/base/file.h"

#include "installation.h"

/* vfat counts in steps of two seconds. */
#define COARSEST_TIME_S 2

void target_done(struct target *target)
{
	free(target->path);
	free(target->staged);
	free(target->backup);
	*target = (struct target){ 0 };
}

static const char *configured_path(const struct installation *in)
{
	return in->settings->type == INSTALLER_SELF ? in->env->self.path :
						      in->settings->path;
}

static bool is_dangling_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* Nothing there yet: its directory has to be, and is resolved. */
static char *resolve_new(const char *path, struct ota_error *err)
{
	const char *slash = strrchr(path, '/');
	OTA_CLEANUP(freep) char *dir = NULL;
	OTA_CLEANUP(freep) char *real = NULL;
	char *joined;

	if (is_dangling_link(path)) {
		ota_fail(err, OTA_ERROR_INCOMPATIBLE,
			 "%s is a symbolic link to nothing", path);
		return NULL;
	}
	if (!slash || !slash[1]) {
		ota_fail(err, OTA_ERROR_INCOMPATIBLE,
			 "%s is no absolute path of a file", path);
		return NULL;
	}
	dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!dir) {
		ota_fail_memory(err, "installing");
		return NULL;
	}
	real = file_resolve(dir, err);
	if (!real) {
		if (err->kind == OTA_ERROR_NOT_FOUND)
			ota_fail(err, OTA_ERROR_INSTALL_FAILED,
				 "directory %s does not exist; create it",
				 dir);
		return NULL;
	}
	if (asprintf(&joined, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
		     slash + 1) < 0) {
		ota_fail_memory(err, "installing");
		return NULL;
	}
	return joined;
}

static char *resolve(const char *path, struct ota_error *err)
{
	struct ota_error why = OTA_ERROR_INIT;
	char *real = file_resolve(path, &why);

	if (!real && why.kind == OTA_ERROR_NOT_FOUND)
		real = resolve_new(path, &why);
	if (!real && err)
		*err = why;
	return real;
}

static bool name_neighbours(struct target *target, struct ota_error *err)
{
	const char *name = strrchr(target->path, '/') + 1;
	int dir_length = (int)(name - target->path);

	if (asprintf(&target->staged, "%.*s.%s.otad-new", dir_length,
		     target->path, name) < 0) {
		target->staged = NULL;
		return ota_fail_memory(err, "installing");
	}
	if (asprintf(&target->backup, "%s.old", target->path) < 0) {
		target->backup = NULL;
		return ota_fail_memory(err, "installing");
	}
	return true;
}

bool target_look(struct installation *in, struct ota_error *err)
{
	struct target *target = &in->target;

	target_done(target);
	target->path = resolve(configured_path(in), err);
	if (!target->path || !name_neighbours(target, err))
		return false;
	if (lstat(target->path, &target->st) < 0)
		return errno == ENOENT ||
		       ota_fail_errno(err, errno, "examine %s", target->path);
	if (!S_ISREG(target->st.st_mode))
		return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"%s is not a regular file", target->path);
	target->exists = true;
	return true;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static nlink_t count_own_names(const struct target *target)
{
	OTA_CLEANUP(freep) char *half_backup = NULL;
	const char *names[] = { target->staged, target->backup, NULL };
	struct stat st;
	nlink_t count = 1;

	/* What a power cut may have left of file_link(). */
	if (asprintf(&half_backup, "%s.tmp", target->backup) >= 0)
		names[2] = half_backup;
	else
		half_backup = NULL;
	for (size_t i = 0; i < OTA_ARRAY_SIZE(names); i++)
		if (names[i] && lstat(names[i], &st) == 0 &&
		    is_same_file(&st, &target->st))
			count++;
	return count;
}

bool target_refuse_links(const struct installation *in, struct ota_error *err)
{
	const struct target *target = &in->target;

	if (!target->exists || target->st.st_nlink <= count_own_names(target))
		return true;
	return ota_fail(err, OTA_ERROR_INCOMPATIBLE,
			"%s has other hard links, which would keep the old version",
			target->path);
}

static bool look_at_backup(const struct target *target, struct stat *ret)
{
	return target->backup && lstat(target->backup, ret) == 0 &&
	       S_ISREG(ret->st_mode);
}

/* A copy has the time of what it was made from. */
static bool is_same_version(const struct stat *a, const struct stat *b)
{
	struct file_mark of_a = file_mark_of(a), of_b = file_mark_of(b);

	return is_same_file(a, b) || file_mark_equal(&of_a, &of_b);
}

static bool is_as_recorded(const struct installation *in,
			   const struct stat *st)
{
	struct file_mark mark = file_mark_of(st);

	return file_mark_equal(&mark, &in->record.old);
}

static bool holds_old(const struct installation *in)
{
	static const struct stat nothing;
	const struct target *target = &in->target;
	struct stat backup;

	if (in->record.form == BACKUP_FORM_NONE)
		return !target->exists;
	if (!target->exists)
		/* Only a first self-update may have begun with nothing. */
		return is_as_recorded(in, &nothing);
	if (look_at_backup(target, &backup)) {
		if (in->record.form == BACKUP_FORM_LINKED)
			return is_same_file(&backup, &target->st);
		if (is_same_version(&backup, &target->st))
			return true;
	}
	return is_as_recorded(in, &target->st);
}

/* A power cut may leave both names of the swap's rename: then it is done. */
bool target_is_staged(const struct target *target)
{
	struct stat staged;

	return target->staged && lstat(target->staged, &staged) == 0 &&
	       !(target->exists && is_same_file(&staged, &target->st));
}

bool target_is_unchanged(const struct installation *in)
{
	const struct target *target = &in->target;
	struct stat backup;

	if (in->record.form == BACKUP_FORM_UNKNOWN)
		return target->exists && look_at_backup(target, &backup) &&
		       is_same_version(&backup, &target->st);
	/* The rename uses up the staged file; while undoing it is another. */
	if (!in->record.undoing && target_is_staged(target))
		return true;
	return holds_old(in);
}

bool target_has_backup(const struct installation *in)
{
	struct stat target, backup;
	OTA_CLEANUP(freep) char *path = resolve(configured_path(in), NULL);
	OTA_CLEANUP(freep) char *kept = NULL;

	if (!path || asprintf(&kept, "%s.old", path) < 0) {
		kept = NULL;
		return false;
	}
	if (lstat(kept, &backup) < 0 || !S_ISREG(backup.st_mode))
		return false;
	return lstat(path, &target) < 0 || !is_same_version(&target, &backup);
}

bool target_make_distinct(const struct installation *in, int fd,
			  struct ota_error *err)
{
	struct timespec times[2];
	struct stat st, backup;

	if (fstat(fd, &st) < 0)
		return ota_fail_errno(err, errno, "examine %s",
				      in->target.staged);
	if (!is_as_recorded(in, &st) &&
	    !(look_at_backup(&in->target, &backup) &&
	      is_same_version(&backup, &st)))
		return true;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	times[1].tv_sec += COARSEST_TIME_S;
	if (futimens(fd, times) < 0)
		return ota_fail_errno(err, errno, "set the time of %s",
				      in->target.staged);
	return true;
}

bool target_dress_copy(const char *from, const char *path,
		       struct ota_error *err)
{
	OTA_CLEANUP(close_fdp) int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	struct timespec times[2];

	if (fd < 0)
		return ota_fail_errno(err, errno, "open %s", path);
	if (!file_copy_metadata(from, fd, err))
		return false;
	if (stat(from, &st) < 0)
		return ota_fail_errno(err, errno, "examine %s", from);
	/* By its time a copy is known to be the same version. */
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (futimens(fd, times) < 0)
		return ota_fail_errno(err, errno, "set the time of %s", path);
	if (fsync(fd) < 0)
		return ota_fail_errno(err, errno, "sync %s", path);
	return true;
}

bool target_remove(const char *path, struct ota_error *err)
{
	struct stat st;

	/* Where nothing can be written, nothing has to be removed. */
	if (lstat(path, &st) < 0 && errno == ENOENT)
		return true;
	return file_remove(path, err);
}

bool target_swap(struct installation *in, struct ota_error *err)
{
	if (!target_look(in, err))
		return false;
	if (file_exists(in->target.staged))
		return file_rename(in->target.staged, in->target.path, err);
	if (errno != ENOENT)
		return ota_fail_errno(err, errno, "examine %s",
				      in->target.staged);
	if (in->record.form == BACKUP_FORM_UNKNOWN || holds_old(in))
		return ota_fail(err, OTA_ERROR_INSTALL_FAILED,
				"%s is gone", in->target.staged);
	/* Swapped before, but that may not have reached the disk. */
	return file_sync_parent(in->target.path, err);
}

bool target_clean(struct installation *in, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *half_backup = NULL;
	struct ota_error why;

	/* A target that cannot be looked at has no remains to be found. */
	if (target_look(in, &why)) {
		if (asprintf(&half_backup, "%s.tmp", in->target.backup) < 0) {
			half_backup = NULL;
			return ota_fail_memory(err, "cleaning up");
		}
		if (!target_remove(in->target.staged, err) ||
		    !target_remove(half_backup, err))
			return false;
	}
	return install_record_remove(in, err);
}

void target_step_backup(struct installation *in)
{
	target_back_up(in, &(struct backup_request){ .running = NULL },
		       installation_end);
}

void target_step_swap(struct installation *in)
{
	struct ota_error err;

	installation_end(in, target_swap(in, &err) ? NULL : &err);
}

void target_step_clean(struct installation *in)
{
	struct ota_error err;

	installation_end(in, target_clean(in, &err) ? NULL : &err);
}

enum install_found target_inspect(struct installation *in,
				  struct ota_error *why)
{
	if (in->record.form == BACKUP_FORM_UNKNOWN)
		return INSTALL_FOUND_UNTOUCHED;
	if (!target_look(in, why))
		return INSTALL_FOUND_UNKNOWN;
	return target_is_unchanged(in) ? INSTALL_FOUND_UNTOUCHED :
					 INSTALL_FOUND_SWAPPED;
}
