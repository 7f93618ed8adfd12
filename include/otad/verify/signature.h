#pragma once

/*
 * Detached signatures. The signed text is a small manifest which names what the
 * artifact is for, so that a signed old artifact cannot be passed off as
 * another version or module:
 *
 *	otad-manifest: 1
 *	module: default
 *	version: 1.0.2
 *	size: 1048576
 *	sha256: 9f86...
 *	signature: BASE64
 *
 * Lines end in LF. The signature (Ed25519, or ECDSA/RSA with SHA-256) covers
 * every byte before the line "signature:". It is served beside the artifact:
 * the artifact's url with ".sig" after the path, before a query.
 */

#include "otad/base/error.h"
#include "otad/model/digest.h"

#include <stddef.h>
#include <stdint.h>

struct trusted_keys;

/* Loads public keys (PEM, SubjectPublicKeyInfo) by glob(7). Returns owned; NULL
 * with `err` when a file is no public key or none matches. */
struct trusted_keys *trusted_keys_load(const char *pattern, struct ota_error *err)
	OTA_MUST_CHECK;
struct trusted_keys *trusted_keys_free(struct trusted_keys *keys);
OTA_DEFINE_CLEANUP(struct trusted_keys *, trusted_keys_free)

#define SIGNATURE_MAX_BYTES 4096

struct signature_subject {
	const char *module;
	const char *version;
	uint64_t size_bytes;
	const struct digest *sha256;
};

/*
 * True when `text` is a manifest about `subject`, signed by one of `keys`;
 * else signature-invalid with what is wrong.
 */
bool signature_check(const struct trusted_keys *keys, const char *text,
		     size_t size, const struct signature_subject *subject,
		     struct ota_error *err) OTA_MUST_CHECK;

/* The url of the manifest. Owned, or NULL when out of memory. */
char *signature_url(const char *artifact_url) OTA_MUST_CHECK;
