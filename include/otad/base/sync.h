#pragma once

/*
 * fsync(2) for which nobody waits: the kernel does it (io_submit(2)) while the
 * loop goes on. What it syncs is what was written before. Where the kernel
 * takes no such order, the loop waits for it after all.
 */

#include "otad/base/error.h"

#include <stdbool.h>

struct loop;
struct sync; /* one order */
struct syncer;

enum sync_what {
	SYNC_CONTENT, /* fdatasync(2): and what it takes to read it */
	SYNC_ALL,     /* fsync(2); a directory's names */
};

/* Borrows `loop`. Costs nothing until the first order. NULL: out of memory. */
struct syncer *syncer_new(struct loop *loop, struct ota_error *err)
	OTA_MUST_CHECK;
/* Waits for orders that were freed before they ended; no other may be left. */
struct syncer *syncer_free(struct syncer *syncer);
OTA_DEFINE_CLEANUP(struct syncer *, syncer_free)

/*
 * Exactly once, from the loop, never inside sync_start(). `err` is NULL on
 * success. May free `sync`.
 */
typedef void (*sync_fn)(struct sync *sync, const struct ota_error *err,
			void *user_data);

/*
 * `fd` may be closed and `path`, for messages, freed once this has returned.
 * Returns owned, or NULL with `err`. An error of the disk is told only once:
 * who is told that a sync failed must not believe one that succeeds later.
 */
struct sync *sync_start(struct syncer *syncer, int fd, enum sync_what what,
			const char *path, sync_fn done, void *user_data,
			struct ota_error *err) OTA_MUST_CHECK;
/* Before its end: without calling back; it goes on. Accepts NULL, returns NULL. */
struct sync *sync_free(struct sync *sync);
OTA_DEFINE_CLEANUP(struct sync *, sync_free)
