#include "take-over.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otad/base/log.h"
#include "otad/install/packaged.h"

#include "self.h"

struct paths {
	char *state, *own;
	char *updated; /* STATE/bin/otad */
};

static bool is_same_file(const char *a, const char *b)
{
	struct stat first, second;

	return stat(a, &first) == 0 && stat(b, &second) == 0 &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* `ret_packaged` borrows of `ret`, which is to be freed in any case. */
static bool find(const char *version, struct paths *ret,
		 struct packaged *ret_packaged, struct ota_error *err)
{
	ret->own = self_running_path(err);
	ret->state = ret->own ? self_launch_state(err) : NULL;
	if (!ret->state)
		return false;
	if (asprintf(&ret->updated, "%s/bin/otad", ret->state) < 0) {
		ret->updated = NULL;
		return ota_fail_memory(err, "finding the self-updated otad");
	}
	if (is_same_file(ret->own, ret->updated))
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"%s is not the packaged otad", ret->own);
	*ret_packaged = (struct packaged){ ret->state, ret->own, version };
	return true;
}

static void paths_done(struct paths *paths)
{
	free(paths->state);
	free(paths->own);
	free(paths->updated);
}

static int failed(const struct ota_error *err)
{
	log_error(NULL, "Cannot tell which otad is the newer: %s", err->text);
	return 1;
}

static void print_choice(const struct paths *paths, const char *version,
			 enum packaged_choice choice, const char *updated)
{
	const char *told = updated[0] ? updated : "(tells no version)";

	switch (choice) {
	case PACKAGED_ALONE:
		printf("%s %s (packaged; there is no other)\n", paths->own,
		       version);
		break;
	case PACKAGED_IS_NEWER:
		printf("%s %s (packaged; self-updated: %s)\n", paths->own,
		       version, told);
		break;
	case PACKAGED_COMES_LATER:
		if (access(paths->updated, X_OK) < 0)
			printf("%s %s (packaged; its update is under way)\n",
			       paths->own, version);
		else
			printf("%s %s (self-updated, on trial; packaged: %s)\n",
			       paths->updated, told, version);
		break;
	case PACKAGED_STAYS_AWAY:
	case PACKAGED_IS_OLDER:
		printf("%s %s (self-updated; packaged: %s)\n", paths->updated,
		       told, version);
		break;
	}
}

static void log_choice(const struct paths *paths, const char *version,
		       enum packaged_choice choice, const char *updated)
{
	if (choice == PACKAGED_IS_NEWER && updated[0])
		log_notice(NULL,
			   "otad %s as packaged is newer than %s in %s, which is removed",
			   version, updated, paths->updated);
	else if (choice == PACKAGED_IS_NEWER)
		log_notice(NULL,
			   "%s tells no version, and is removed: otad %s as packaged runs",
			   paths->updated, version);
	else if (choice == PACKAGED_IS_OLDER)
		log_notice(NULL,
			   "otad %s in %s is not older than %s as packaged, and runs",
			   updated, paths->updated, version);
}

int take_over_tell(const char *version)
{
	struct paths paths = { NULL };
	char updated[VERSION_MAX_BYTES + 1];
	enum packaged_choice choice;
	struct ota_error err;
	struct packaged packaged;
	bool ok = find(version, &paths, &packaged, &err) &&
		  packaged_choose(&packaged, &choice, updated, &err) &&
		  (updated[0] || packaged_ask(paths.updated, updated, &err));

	if (ok)
		print_choice(&paths, version, choice, updated);
	paths_done(&paths);
	return ok ? 0 : failed(&err);
}

int take_over_main(const char *version)
{
	struct paths paths = { NULL };
	char updated[VERSION_MAX_BYTES + 1];
	enum packaged_choice choice;
	struct ota_error err;
	struct packaged packaged;
	bool ok;

	log_open(LOG_TARGET_AUTO, LOG_LEVEL_INFO);
	ok = find(version, &paths, &packaged, &err) &&
	     packaged_take_over(&packaged, &choice, updated, &err);
	if (ok)
		log_choice(&paths, version, choice, updated);
	paths_done(&paths);
	return ok ? 0 : failed(&err);
}
