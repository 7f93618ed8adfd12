#pragma once

/*
 * The state directory: where each thing lies, and JSON documents in it. Whatever
 * is read is distrusted: a power cut or a hand may have left anything.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

/* Sub-folders, as design.md, section 2, names them. */
#define STORE_JOBS "jobs"
#define STORE_DOWNLOAD "download"
#define STORE_DEVICES "devices"
#define STORE_OUTBOX "outbox"
#define STORE_MODULES "modules"

#define STORE_MAX_DOCUMENT_BYTES (256 * 1024)

struct store {
	char *dir;
	int lock_fd;
};

/* Makes the folders and locks the directory: busy when another otad has it. */
bool store_open(struct store *store, const char *dir, struct ota_error *err)
	OTA_MUST_CHECK;
void store_close(struct store *store);
/* Makes those that are missing: somebody may have emptied the directory since. */
void store_mend_folders(const struct store *store);

/* DIR/FOLDER/NAME.json with the name escaped; FOLDER may be NULL. Owned. */
char *store_path(const struct store *store, const char *folder,
		 const char *name, const char *suffix) OTA_MUST_CHECK;

bool store_write(const char *path, struct json_object *document,
		 struct ota_error *err) OTA_MUST_CHECK;
/* The same, but a power cut may bring the document before it back. */
bool store_write_lazy(const char *path, struct json_object *document,
		      struct ota_error *err) OTA_MUST_CHECK;
struct json_object *store_read(const char *path, struct ota_error *err)
	OTA_MUST_CHECK;

/* A worn out sector, which must not keep otad from starting. */
bool store_is_damage(const struct ota_error *why);

/*
 * Calls `fn` for every *.json of a folder, in no order, with its path and
 * parsed document (borrowed). What cannot be read is set aside as NAME.bad
 * and logged; leftovers NAME.tmp are removed.
 */
typedef bool (*store_document_fn)(void *user_data, const char *path,
				  struct json_object *document,
				  struct ota_error *err);
bool store_each(const struct store *store, const char *folder,
		store_document_fn fn, void *user_data, struct ota_error *err)
	OTA_MUST_CHECK;

/* Sets an unusable file aside as PATH.bad, and says so. */
void store_set_aside(const char *path, const struct ota_error *why);
