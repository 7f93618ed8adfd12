#pragma once

/* Digests of a stream: OpenSSL's EVP, as many algorithms as wanted at once. */

#include "otad/base/error.h"
#include "otad/model/digest.h"

#include <stddef.h>
#include <stdint.h>

struct hasher;

enum {
	HASHER_MD5 = 1 << 0,
	HASHER_SHA256 = 1 << 1,
};

/*
 * OpenSSL sets itself up once in a process; where that failed, nothing can be
 * verified until the next start.
 */
bool hasher_works(struct ota_error *err) OTA_MUST_CHECK;

/* Returns owned, or NULL with `err`. `algs` is a set of HASHER_... */
struct hasher *hasher_new(unsigned algs, struct ota_error *err) OTA_MUST_CHECK;
struct hasher *hasher_free(struct hasher *hasher);
OTA_DEFINE_CLEANUP(struct hasher *, hasher_free)
/* Forgets what was hashed. */
bool hasher_reset(struct hasher *hasher, struct ota_error *err) OTA_MUST_CHECK;
bool hasher_update(struct hasher *hasher, const void *data, size_t size,
		   struct ota_error *err) OTA_MUST_CHECK;
/* Ends the stream; hasher_reset() before the next. What was not asked for
 * becomes DIGEST_NONE; either may be NULL. */
bool hasher_finish(struct hasher *hasher, struct digest *ret_md5,
		   struct digest *ret_sha256, struct ota_error *err)
	OTA_MUST_CHECK;
