#pragma once

/* The artifact "firmware", whose signature file is corpus/signature/right, made
 * with the key of data/key.pem. */

#include "otad/verify/signature.h"

#define SIGNED_KEY OTAD_SOURCE_ROOT "/tests/fuzz/data/key.pem"
#define SIGNED_FILE OTAD_SOURCE_ROOT "/tests/fuzz/corpus/signature/right"
#define SIGNED_SHA256                                                          \
	"c3bf47ea1f4a4a605470313cacb3a44f4a461f68c6faeab07e737610cb5ac835"
#define SIGNED_TEXT                                                            \
	"otad-manifest: 1\nmodule: app\nversion: 1.0.2\nsize: 8\nsha256: "     \
	SIGNED_SHA256 "\n"

/* Checks it as a signature of the artifact. */
static inline bool signed_check(const struct trusted_keys *keys,
				const char *text, size_t size,
				struct ota_error *err)
{
	struct digest sha256 = { .alg = DIGEST_NONE };
	struct signature_subject subject = {
		.module = "app",
		.version = "1.0.2",
		.size_bytes = 8,
		.sha256 = &sha256,
	};

	return digest_set(&sha256, DIGEST_SHA256, SIGNED_SHA256) &&
	       signature_check(keys, text, size, &subject, err);
}
