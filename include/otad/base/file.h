#pragma once

/*
 * Files that survive a power cut. "Durable" means: after success, neither the
 * content nor the name is lost if the power fails on the next instruction
 * (fsync(2) of the file, rename(2), fsync of the directory).
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reads a whole regular file of at most `max_bytes`, NUL-terminated (the NUL
 * is not counted in `*ret_size`). Returns owned, or NULL with `err` set:
 * not-found when there is none, protocol-error when it is larger or not
 * regular. Never blocks on a FIFO.
 */
char *file_read(const char *path, size_t max_bytes, size_t *ret_size,
		struct ota_error *err) OTA_MUST_CHECK;
/* The same, but a `path` that is a symbolic link is a protocol-error. */
char *file_read_nofollow(const char *path, size_t max_bytes, size_t *ret_size,
			 struct ota_error *err) OTA_MUST_CHECK;

/*
 * Replaces `path` durably: `path`.tmp is written, synced, renamed, synced.
 * `mode` is exact, whatever the umask. On failure `path` is what it was and
 * `path`.tmp is gone; after a power cut a `path`.tmp may be left over, which
 * nobody needs and the next write replaces. (When only the last sync fails,
 * `path` is new but may come back old.)
 */
bool file_write(const char *path, const void *data, size_t size, mode_t mode,
		struct ota_error *err) OTA_MUST_CHECK;
/* The same, but for the last sync: a power cut may bring the old content back,
 * whole. */
bool file_write_lazy(const char *path, const void *data, size_t size,
		     mode_t mode, struct ota_error *err) OTA_MUST_CHECK;

/*
 * file_write() in steps, for who has the syncs done by sync.h. file_draft()
 * writes `path`.tmp and returns its descriptor; once that is synced,
 * file_draft_adopt() renames it to `path` and returns a descriptor of the
 * directory, with the sync of which `path` is durable. file_draft_drop() gives
 * up in between. Descriptors are the caller's to close; -1 with `err`: failed,
 * and `path`.tmp is gone.
 */
int file_draft(const char *path, const void *data, size_t size, mode_t mode,
	       struct ota_error *err) OTA_MUST_CHECK;
int file_draft_adopt(const char *path, struct ota_error *err) OTA_MUST_CHECK;
void file_draft_drop(const char *path);
/* file_remove() likewise: durable with the sync of what it returns. */
int file_unlink(const char *path, struct ota_error *err) OTA_MUST_CHECK;

/* rename(2), then a sync of `to`'s directory (and of `from`'s if another). */
bool file_rename(const char *from, const char *to, struct ota_error *err)
	OTA_MUST_CHECK;
/* unlink(2), then a sync of the directory. A missing file is no error. */
bool file_remove(const char *path, struct ota_error *err);
/* Hard link made durable; an existing `to` is replaced atomically. */
bool file_link(const char *from, const char *to, struct ota_error *err)
	OTA_MUST_CHECK;
/* fsync(2) of the directory that holds `path`. */
bool file_sync_parent(const char *path, struct ota_error *err) OTA_MUST_CHECK;

/* mkdir -p, `mode` (exact) for what is made; its parent synced. A power cut may
 * cost it bits of its mode, never add any. */
bool file_make_dirs(const char *path, mode_t mode, struct ota_error *err)
	OTA_MUST_CHECK;

bool file_exists(const char *path);
/* 0 when there is none. */
uint64_t file_size_bytes(const char *path);
/*
 * Whether rename(2) can move between where `a` and `b` lie, or would lie: one
 * file system, and one mount of it. False when either cannot be examined.
 */
bool file_same_fs(const char *a, const char *b);
/* Bytes an unprivileged writer may still use where `path` (or its nearest
 * existing parent) lies; statvfs(3). */
bool file_free_bytes(const char *path, uint64_t *ret_bytes,
		     struct ota_error *err) OTA_MUST_CHECK;

/*
 * Mode, owner, then extended attributes of `from` onto `to_fd`, in the order
 * that keeps setuid and security.capability (library-notes, section 4).
 * Attributes the file system of `to_fd` cannot hold are an error, except
 * "security.selinux" and "system.posix_acl_*" on ENOTSUP. "security.ima" and
 * "security.evm" are left out: they sign the old content.
 */
bool file_copy_metadata(const char *from, int to_fd, struct ota_error *err)
	OTA_MUST_CHECK;

/* Resolves symbolic links: the real file behind `path`, owned, or NULL. */
char *file_resolve(const char *path, struct ota_error *err) OTA_MUST_CHECK;

/*
 * Takes `path` (created if missing) with flock(2) until the process ends;
 * not inherited over execv: the new program takes it again. Returns the
 * descriptor or -1 with `err` (busy: another process has it).
 */
int file_lock(const char *path, struct ota_error *err) OTA_MUST_CHECK;

/*
 * Any text as one safe file name: bytes outside [A-Za-z0-9_-] and '.' beyond
 * the first place become %XX; the empty text becomes "%"; beyond 200 bytes the
 * rest becomes a hash. Different texts give different names (long ones: all
 * but surely). Returns owned, or NULL when out of memory.
 */
char *file_name_escape(const char *text) OTA_MUST_CHECK;
