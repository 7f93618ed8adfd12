#include "otad/install/packaged.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/base/process.h"
#include "otad/install/trial.h"

#include "lines.h"

#define RECORD_MAX_BYTES 4096
#define ID_SIZE 128
/* One line: what takes longer, hangs. */
#define VERSION_TIMEOUT_MS 10000

static char *path_in(const char *dir, const char *name, struct ota_error *err)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		ota_fail_memory(err, "comparing with the self-updated otad");
		return NULL;
	}
	return path;
}

/* ---- the version of a program ---- */

struct question {
	struct loop *loop;
	struct process *process;
	char *version; /* what it prints first */
	bool has_line;
};

static void on_line(struct process *process, const char *line, void *user_data)
{
	static const char name[] = "otad ";
	struct question *question = user_data;

	if (!question->has_line && strncmp(line, name, strlen(name)) == 0 &&
	    version_is_valid(line + strlen(name)))
		strcpy(question->version, line + strlen(name));
	question->has_line = true;
}

static void on_ended(struct process *process, const struct process_result *result,
		    void *user_data)
{
	struct question *question = user_data;

	if (!process_result_check(result, "otad --version",
				  OTA_ERROR_INSTALL_FAILED, NULL))
		question->version[0] = '\0';
	loop_exit(question->loop, 0);
}

/* It is no program, or not one for this machine. */
static bool is_mute(const struct ota_error *why)
{
	return why->kind == OTA_ERROR_NOT_FOUND ||
	       why->kind == OTA_ERROR_PERMISSION ||
	       why->kind == OTA_ERROR_INCOMPATIBLE;
}

bool packaged_ask(const char *path, char ret_version[VERSION_MAX_BYTES + 1],
		  struct ota_error *err)
{
	OTA_CLEANUP(loop_freep) struct loop *loop = loop_new(err);
	const char *argv[] = { path, "--version", NULL };
	struct process_request request = {
		.argv = argv,
		.name = path,
		.timeout_ms = VERSION_TIMEOUT_MS,
	};
	struct question question = { .loop = loop, .version = ret_version };
	struct ota_error why = OTA_ERROR_INIT;
	bool ok;

	ret_version[0] = '\0';
	if (!loop)
		return false;
	question.process = process_new(loop, &request, on_line, on_ended,
				       &question, &why);
	ok = question.process ? loop_run(loop, &why) == 0 : is_mute(&why);
	process_free(question.process);
	if (!ok && err)
		*err = why;
	return ok;
}

/* ---- what was compared before ---- */

static bool identify(const char *path, char id[ID_SIZE], struct ota_error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return ota_fail_errno(err, errno, "examine %s", path);
	snprintf(id, ID_SIZE, "%lld.%lld.%ld.%llu", (long long)st.st_size,
		 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		 (unsigned long long)st.st_ino);
	return true;
}

/* "": nothing was, or nobody can tell. */
static bool read_known(const struct packaged *packaged, char known[ID_SIZE],
		       struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path =
		path_in(packaged->state_dir, "packaged", err);
	OTA_CLEANUP(freep) char *text = NULL;
	struct ota_error why;
	size_t size;

	known[0] = '\0';
	if (!path)
		return false;
	text = file_read_nofollow(path, RECORD_MAX_BYTES, &size, &why);
	if (text)
		lines_get(text, "PACKAGED", known, ID_SIZE);
	if (text || why.kind == OTA_ERROR_NOT_FOUND ||
	    why.kind == OTA_ERROR_PROTOCOL)
		return true;
	if (err)
		*err = why;
	return false;
}

static bool remember(const struct packaged *packaged, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path =
		path_in(packaged->state_dir, "packaged", err);
	char id[ID_SIZE], known[ID_SIZE], line[ID_SIZE + 16];

	if (!path || !identify(packaged->path, id, err) ||
	    !read_known(packaged, known, err))
		return false;
	if (strcmp(id, known) == 0)
		return true;
	snprintf(line, sizeof(line), "PACKAGED=%s\n", id);
	return file_write(path, line, strlen(line), 0644, err);
}

/* ---- which one ---- */

/* Whether `name` in STATE/install is of an update of otad that is under way:
 * no other record has a digest (see record.h). */
static bool is_own_update(const char *dir, const char *name)
{
	OTA_CLEANUP(freep) char *path = path_in(dir, name, NULL);
	OTA_CLEANUP(freep) char *job = NULL, *text = NULL;
	char id[64], digest[128];
	size_t size;

	text = path ? file_read_nofollow(path, RECORD_MAX_BYTES, &size, NULL) :
		      NULL;
	if (!text || !lines_get(text, "BACKUP_SHA256", digest, sizeof(digest)) ||
	    !lines_get(text, "JOB", id, sizeof(id)))
		return false;
	if (asprintf(&job, "%s/../jobs/%s.json", dir, id) < 0)
		job = NULL;
	return job && file_exists(job);
}

/* The backup may be needed until the update has its end. */
static bool is_being_updated(const struct packaged *packaged)
{
	OTA_CLEANUP(freep) char *path =
		path_in(packaged->state_dir, "install", NULL);
	DIR *dir = path ? opendir(path) : NULL;
	bool found = trial_is_there(packaged->state_dir);
	struct dirent *entry;

	while (dir && !found && (entry = readdir(dir)))
		found = is_own_update(path, entry->d_name);
	if (dir)
		closedir(dir);
	return found;
}

static bool is_newer(const char *packaged, const char *updated)
{
	return !updated[0] || version_compare(packaged, updated) > 0;
}

bool packaged_choose(const struct packaged *packaged,
		     enum packaged_choice *ret_choice,
		     char ret_updated[VERSION_MAX_BYTES + 1],
		     struct ota_error *err)
{
	OTA_CLEANUP(freep) char *target =
		path_in(packaged->state_dir, "bin/otad", err);
	char id[ID_SIZE], known[ID_SIZE];

	ret_updated[0] = '\0';
	if (!target || !identify(packaged->path, id, err) ||
	    !read_known(packaged, known, err))
		return false;
	if (is_being_updated(packaged))
		*ret_choice = PACKAGED_COMES_LATER;
	else if (access(target, X_OK) < 0)
		*ret_choice = PACKAGED_ALONE;
	else if (!known[0] || /* the first package that is seen */
		 strcmp(id, known) == 0)
		*ret_choice = PACKAGED_STAYS_AWAY;
	else if (!packaged_ask(target, ret_updated, err))
		return false;
	else if (is_newer(packaged->version, ret_updated))
		*ret_choice = PACKAGED_IS_NEWER;
	else
		*ret_choice = PACKAGED_IS_OLDER;
	return true;
}

static bool remove_updated(const char *state_dir, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *target = path_in(state_dir, "bin/otad", err);
	OTA_CLEANUP(freep) char *backup =
		path_in(state_dir, "bin/otad.old", err);

	/* The backup first: alone, it would be what otad-launch runs. */
	return target && backup && file_remove(backup, err) &&
	       file_remove(target, err);
}

bool packaged_take_over(const struct packaged *packaged,
			enum packaged_choice *ret_choice,
			char ret_updated[VERSION_MAX_BYTES + 1],
			struct ota_error *err)
{
	OTA_CLEANUP(freep) char *lock = path_in(packaged->state_dir, "lock", err);
	enum packaged_choice choice;
	int lock_fd = lock ? file_lock(lock, err) : -1;
	bool ok;

	if (lock_fd < 0)
		return false;
	ok = packaged_choose(packaged, &choice, ret_updated, err) &&
	     (choice != PACKAGED_IS_NEWER ||
	      remove_updated(packaged->state_dir, err)) &&
	     (choice == PACKAGED_COMES_LATER || remember(packaged, err));
	close(lock_fd);
	if (ok)
		*ret_choice = choice;
	return ok;
}
