/*
 * A signature file against a known key. A text is accepted only when it says
 * what was signed, byte for byte; the seeds hold the one that is right.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "otad/verify/signature.h"

#include "../../src/verify/manifest.h"

#define KEYS OTAD_SOURCE_ROOT "/tests/fuzz/data/key.pem"
/* Of "firmware", the artifact. */
#define SHA256                                                                 \
	"c3bf47ea1f4a4a605470313cacb3a44f4a461f68c6faeab07e737610cb5ac835"
#define SIGNED                                                                 \
	"otad-manifest: 1\nmodule: app\nversion: 1.0.2\nsize: 8\nsha256: "     \
	SHA256 "\n"

static struct trusted_keys *keys(void)
{
	static struct trusted_keys *loaded;
	struct ota_error err = OTA_ERROR_INIT;

	if (!loaded)
		loaded = trusted_keys_load(KEYS, &err);
	fuzz_check(loaded);
	return loaded;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OTA_CLEANUP(freep) char *text = fuzz_copy(data, size);
	struct digest sha256 = { .alg = DIGEST_NONE };
	struct signature_subject subject = {
		.module = "app",
		.version = "1.0.2",
		.size_bytes = 8,
		.sha256 = &sha256,
	};
	struct ota_error err = OTA_ERROR_INIT;
	struct manifest manifest;

	digest_set(&sha256, DIGEST_SHA256, SHA256);
	if (manifest_parse(text, size, &manifest, &err)) {
		fuzz_check(manifest.signed_bytes < size);
		fuzz_check(manifest.signature_bytes > 0);
		fuzz_check(strlen(manifest.module) < MANIFEST_MAX_NAME);
	} else {
		fuzz_check(err.kind == OTA_ERROR_SIGNATURE_INVALID);
	}
	if (signature_check(keys(), text, size, &subject, &err))
		fuzz_check(size > strlen(SIGNED) &&
			   memcmp(text, SIGNED, strlen(SIGNED)) == 0);
	else
		fuzz_check(err.kind == OTA_ERROR_SIGNATURE_INVALID &&
			   fuzz_is_clean(err.text));
	return 0;
}
