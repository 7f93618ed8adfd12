#include "parts.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "otad/base/file.h"

/* Ten thousand devices come to half of it. */
#define FILE_MAX_BYTES (1024 * 1024)

char *choose_directory(const char *env, const char *configured,
		       const char *fallback)
{
	const char *list = getenv(env);
	size_t first = list ? strcspn(list, ":") : 0;

	if (first > 0)
		return strndup(list, first);
	return strdup(configured ? configured : fallback);
}

static const char *reason(const struct ota_error *err)
{
	return err->sys_errno ? strerror(err->sys_errno) : err->text;
}

/* Not what somebody has to mend who wrote or placed the file. */
static bool is_passing(int sys_errno)
{
	return sys_errno == EIO || sys_errno == EMFILE ||
	       sys_errno == ENFILE || sys_errno == EINTR || sys_errno == EAGAIN;
}

static void cannot_read(struct config_build *build, const char *path,
			const struct ota_error *err, const char *advice)
{
	if (err->kind == OTA_ERROR_INTERNAL &&
	    (!err->sys_errno || err->sys_errno == ENOMEM)) {
		problem_no_memory(&build->problems);
	} else if (is_passing(err->sys_errno)) {
		build->problems.report->unreadable = true;
		problem_add(&build->problems, path, 0, "cannot be read: %s",
			    reason(err));
	} else {
		problem_add(&build->problems, path, 0, "cannot be read: %s; %s",
			    reason(err), advice);
	}
}

static void load_file(struct config_build *build, const char *path,
		      const char *missing_advice)
{
	struct ota_error err = OTA_ERROR_INIT;
	size_t size = 0;
	OTA_CLEANUP(freep) char *text =
		file_read(path, FILE_MAX_BYTES, &size, &err);
	const char *file = document_add_file(&build->document, path);

	if (!file)
		problem_no_memory(&build->problems);
	else if (!text)
		cannot_read(build, path, &err,
			    err.sys_errno == ENOENT ? missing_advice :
						      "correct or remove it");
	else
		document_read(&build->document, file, text, size,
			      &build->problems);
}

static int is_drop_in(const struct dirent *entry)
{
	return fnmatch("*.conf", entry->d_name, FNM_PERIOD) == 0;
}

/* Byte order, whatever the locale: the same files win everywhere. */
static int compare_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_drop_in(struct config_build *build, const char *dir,
			 const char *name)
{
	OTA_CLEANUP(freep) char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		problem_no_memory(&build->problems);
		return;
	}
	load_file(build, path, "correct or remove it");
}

void load_files(struct config_build *build)
{
	OTA_CLEANUP(freep) char *dir = NULL;
	struct dirent **entries = NULL;
	struct ota_error err;
	int count;

	load_file(build, build->file, "create it or give --config");
	if (asprintf(&dir, "%s.d", build->file) < 0) {
		dir = NULL;
		problem_no_memory(&build->problems);
		return;
	}
	count = scandir(dir, &entries, is_drop_in, compare_bytes);
	if (count < 0 && errno != ENOENT) {
		ota_fail_errno(&err, errno, "read %s", dir);
		cannot_read(build, dir, &err,
			    "expected a folder of drop-in files");
	}
	for (int i = 0; i < count; i++) {
		load_drop_in(build, dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}
