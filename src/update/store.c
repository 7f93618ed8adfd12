#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/base/messages.h"

#define STATE_MODE 0600
#define STATE_DIR_MODE 0755

static const char *const folders[] = {
	STORE_JOBS, STORE_DOWNLOAD, STORE_DEVICES, STORE_OUTBOX, STORE_MODULES,
};

/* Sets aside what stands in the place of a folder or of the lock. Not a link:
 * what it leads to may only not be mounted yet. */
static bool clear_place(const char *path, mode_t wanted)
{
	struct stat st;
	struct ota_error why;

	if (lstat(path, &st) < 0 || S_ISLNK(st.st_mode) ||
	    (st.st_mode & S_IFMT) == wanted)
		return false;
	ota_fail(&why, OTA_ERROR_PROTOCOL, "%s is no %s", path,
		 wanted == S_IFDIR ? "folder" : "regular file");
	store_set_aside(path, &why);
	return true;
}

static bool make_folder(const char *path, struct ota_error *err)
{
	return file_make_dirs(path, STATE_DIR_MODE, err);
}

static bool make_place(const char *path, struct ota_error *err)
{
	return make_folder(path, err) ||
	       (clear_place(path, S_IFDIR) && make_folder(path, err));
}

static bool make_folders(const struct store *store,
			 bool (*make)(const char *path, struct ota_error *err),
			 struct ota_error *err)
{
	for (size_t i = 0; i < OTA_ARRAY_SIZE(folders); i++) {
		OTA_CLEANUP(freep) char *path = NULL;

		if (asprintf(&path, "%s/%s", store->dir, folders[i]) < 0) {
			path = NULL;
			return ota_fail_memory(err,
					       "opening the state directory");
		}
		if (!make(path, err))
			return ota_wrap(err, "state directory %s", store->dir);
	}
	return true;
}

static int take_lock(const char *path, struct ota_error *err)
{
	int fd = file_lock(path, err);

	return fd < 0 && clear_place(path, S_IFREG) ? file_lock(path, err) :
						      fd;
}

void store_mend_folders(const struct store *store)
{
	/* Whoever wants to write there says what is wrong. */
	(void)make_folders(store, make_folder, NULL);
}

bool store_open(struct store *store, const char *dir, struct ota_error *err)
{
	store->lock_fd = -1;
	store->dir = strdup(dir);
	if (!store->dir)
		return ota_fail_memory(err, "opening the state directory");
	if (!make_folders(store, make_place, err))
		return false;

	OTA_CLEANUP(freep) char *lock = NULL;

	if (asprintf(&lock, "%s/lock", dir) < 0)
		return ota_fail_memory(err, "locking the state directory");
	store->lock_fd = take_lock(lock, err);
	if (store->lock_fd < 0) {
		if (err && err->kind == OTA_ERROR_BUSY)
			return ota_fail(err, OTA_ERROR_BUSY,
					"another otad uses the state directory %s; stop it first, or give this one a StateDirectory= of its own",
					dir);
		return ota_wrap(err, "state directory %s", dir);
	}
	return true;
}

void store_close(struct store *store)
{
	close_fdp(&store->lock_fd);
	store->lock_fd = -1;
	free(store->dir);
	store->dir = NULL;
}

char *store_path(const struct store *store, const char *folder,
		 const char *name, const char *suffix)
{
	OTA_CLEANUP(freep) char *escaped = file_name_escape(name);
	char *path = NULL;

	if (!escaped)
		return NULL;
	if (asprintf(&path, "%s%s%s/%s%s", store->dir, folder ? "/" : "",
		     folder ? folder : "", escaped, suffix) < 0)
		return NULL;
	return path;
}

bool store_write(const char *path, struct json_object *document,
		 struct ota_error *err)
{
	const char *text = document ? json_text(document) : NULL;

	if (!text)
		return ota_fail_memory(err, "writing a state file");
	return file_write(path, text, strlen(text), STATE_MODE, err);
}

bool store_write_lazy(const char *path, struct json_object *document,
		      struct ota_error *err)
{
	const char *text = document ? json_text(document) : NULL;

	if (!text)
		return ota_fail_memory(err, "writing a state file");
	return file_write_lazy(path, text, strlen(text), STATE_MODE, err);
}

bool store_is_damage(const struct ota_error *why)
{
	return why->sys_errno == EIO || why->sys_errno == EBADMSG ||
	       why->sys_errno == EUCLEAN;
}

struct json_object *store_read(const char *path, struct ota_error *err)
{
	size_t size;
	OTA_CLEANUP(freep) char *text =
		file_read(path, STORE_MAX_DOCUMENT_BYTES, &size, err);

	/* A job is not given up for one bad moment of its disk. */
	if (!text && store_is_damage(err))
		text = file_read(path, STORE_MAX_DOCUMENT_BYTES, &size, err);
	if (!text)
		return NULL;

	struct json_object *document =
		json_parse_err(text, size, STORE_MAX_DOCUMENT_BYTES, err);

	if (!document)
		ota_wrap(err, "%s", path);
	return document;
}

void store_set_aside(const char *path, const struct ota_error *why)
{
	OTA_CLEANUP(freep) char *aside = NULL;
	struct ota_error err;

	log_write(LOG_LEVEL_ERROR, &message_state_lost, NULL,
		  "A state file is unusable and set aside as %s.bad: %s", path,
		  why->text);
	if (asprintf(&aside, "%s.bad", path) < 0)
		return;
	if (!file_rename(path, aside, &err))
		log_error(NULL, "%s", err.text);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

static bool visit(const char *path, store_document_fn fn, void *user_data,
		  struct ota_error *err)
{
	if (has_suffix(path, ".tmp")) {
		if (file_remove(path, err))
			return true;
		/* A folder is nothing that we left there. */
		if (err->sys_errno != EISDIR)
			return false;
		ota_error_clear(err);
		return true;
	}
	if (!has_suffix(path, ".json"))
		return true;

	struct ota_error why = OTA_ERROR_INIT;
	OTA_CLEANUP(json_freep) struct json_object *document =
		store_read(path, &why);

	if (!document || !fn(user_data, path, document, &why)) {
		/* Ours to fix, not the file's fault: try again next time. */
		if (why.kind != OTA_ERROR_PROTOCOL &&
		    why.kind != OTA_ERROR_NOT_FOUND && /* a link to nothing */
		    !store_is_damage(&why)) {
			*err = why;
			return false;
		}
		store_set_aside(path, &why);
	}
	return true;
}

bool store_each(const struct store *store, const char *folder,
		store_document_fn fn, void *user_data, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *dir_path = NULL;
	struct dirent *entry;
	DIR *dir;
	bool ok = true;

	if (asprintf(&dir_path, "%s/%s", store->dir, folder) < 0)
		return ota_fail_memory(err, "reading the state directory");
	dir = opendir(dir_path);
	if (!dir)
		return ota_fail_errno(err, errno, "open %s", dir_path);
	while (ok && (errno = 0, entry = readdir(dir))) {
		OTA_CLEANUP(freep) char *path = NULL;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/%s", dir_path, entry->d_name) < 0)
			ok = ota_fail_memory(err, "reading the state directory");
		else
			ok = visit(path, fn, user_data, err);
	}
	/* To go on without the rest would lose jobs, and quietly so. */
	if (ok && errno != 0)
		ok = ota_fail_errno(err, errno, "read %s", dir_path);
	closedir(dir);
	return ok;
}
