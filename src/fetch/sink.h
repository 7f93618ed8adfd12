#pragma once

/*
 * The file that a download grows. Bytes are collected in one buffer, shown to
 * the observer and written from there at once, into the page cache: O_DIRECT
 * would make the loop wait for the disk at each write, up to a second on one
 * that is busy. It is the syncs, for which nobody waits, that bring them to the
 * disk. Recovered bytes of an earlier run pass by the observer too. `err` is
 * never NULL here.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink;

/* The content in order, once; from sink_append(), _recover_some(), _finish(). */
typedef bool (*sink_fn)(const void *data, size_t size, void *user_data,
			struct ota_error *err);

/* Opens or creates `path`; it must be a regular file, no symbolic link. */
struct sink *sink_open(const char *path, size_t buffer_bytes,
		       sink_fn on_bytes, void *user_data,
		       struct ota_error *err) OTA_MUST_CHECK;
/* Closes, and gives back what was reserved beyond the end. Accepts NULL. */
struct sink *sink_free(struct sink *sink);
OTA_DEFINE_CLEANUP(struct sink *, sink_free)

uint64_t sink_file_bytes(const struct sink *sink); /* in the file as found */
bool sink_was_created(const struct sink *sink);
/* Bytes of content taken in so far: where the next one belongs. */
uint64_t sink_bytes(const struct sink *sink);

/* Disk space for `size` bytes in all, or no-space. */
bool sink_reserve(struct sink *sink, uint64_t size, struct ota_error *err)
	OTA_MUST_CHECK;

/*
 * Goes on from the first `bytes` of the file, at least one, and cuts the rest
 * off. sink_recover_some() until `*ret_more` is false shows them to the
 * observer, a slice at each call; not-found when the file cannot give them.
 * sink_bytes() grows with that.
 */
bool sink_recover(struct sink *sink, uint64_t bytes, struct ota_error *err)
	OTA_MUST_CHECK;
bool sink_recover_some(struct sink *sink, bool *ret_more, struct ota_error *err)
	OTA_MUST_CHECK;

/* Empties the file. The caller tells the observer. */
bool sink_restart(struct sink *sink, struct ota_error *err) OTA_MUST_CHECK;

/* `*ret_heavy` is set when bytes were hashed and written, else untouched. */
bool sink_append(struct sink *sink, const void *data, size_t size,
		 bool *ret_heavy, struct ota_error *err) OTA_MUST_CHECK;

/* Writes everything that was taken in. */
bool sink_flush(struct sink *sink, struct ota_error *err) OTA_MUST_CHECK;
/* Bytes of content that are in the file, once they are synced. */
uint64_t sink_written_bytes(const struct sink *sink);
/*
 * Borrowed, to sync the file. For reading only: the kernel lets go of it a
 * moment after it has told that it is synced, and what is still open for
 * writing cannot be executed (ETXTBSY), although it is in its place.
 */
int sink_sync_fd(const struct sink *sink);
/* Waits. An error that only an abandoned sync has seen is told again here. */
bool sink_sync(struct sink *sink, struct ota_error *err) OTA_MUST_CHECK;
/* So much is synced: what the page cache holds of it is of no further use. */
void sink_spare_page_cache(struct sink *sink, uint64_t synced_bytes);
/* A sync of it has failed: from now on it takes nothing more. */
void sink_lose(struct sink *sink);

/* Shows what the observer has not seen, writes it, and ends the file there. */
bool sink_finish(struct sink *sink, struct ota_error *err) OTA_MUST_CHECK;
