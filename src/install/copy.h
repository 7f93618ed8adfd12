#pragma once

/*
 * Reading a whole file without holding up the loop: one slice a turn, hashed
 * and, if wanted, written to another file.
 */

#include "otad/base/error.h"
#include "otad/model/digest.h"

#include <stdint.h>

struct copy;
struct loop;

/* Far below 50 ms even at 100 MB/s with a software SHA-256. */
#define COPY_SLICE_BYTES (1024 * 1024)

struct copy_request {
	const char *from; /* a regular file, no symbolic link */
	const char *to;	  /* made anew with mode 0600; NULL: hash only */
	unsigned algs;	  /* HASHER_...; 0: no digest */
};

struct copy_result {
	uint64_t size_bytes;
	struct digest md5, sha256; /* those asked for */
};

/*
 * Exactly once, from the loop; `result` only when `err` is NULL. `to` is then
 * complete and closed, but not yet synced. May free `copy`.
 */
typedef void (*copy_done_fn)(struct copy *copy, const struct ota_error *err,
			     const struct copy_result *result, void *user_data);

/* Copies `request`. Returns owned, or NULL with `err`. */
struct copy *copy_new(struct loop *loop, const struct copy_request *request,
		      copy_done_fn on_done, void *user_data,
		      struct ota_error *err) OTA_MUST_CHECK;
/* Removes `to` unless it was completed. Accepts NULL, returns NULL. */
struct copy *copy_free(struct copy *copy);
OTA_DEFINE_CLEANUP(struct copy *, copy_free)
