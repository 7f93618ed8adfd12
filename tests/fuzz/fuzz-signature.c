/*
 * A signature file against a known key. A text is accepted only when it says
 * what was signed, byte for byte; the seeds hold the one that is right.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/verify/manifest.h"

#include "signed.h"

static struct trusted_keys *keys(void)
{
	static struct trusted_keys *loaded;
	struct ota_error err = OTA_ERROR_INIT;

	if (!loaded)
		loaded = trusted_keys_load(SIGNED_KEY, &err);
	fuzz_check(loaded);
	return loaded;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OTA_CLEANUP(freep) char *text = fuzz_copy(data, size);
	struct ota_error err = OTA_ERROR_INIT;
	struct manifest manifest;

	if (manifest_parse(text, size, &manifest, &err)) {
		fuzz_check(manifest.signed_bytes < size);
		fuzz_check(manifest.signature_bytes > 0);
		fuzz_check(strlen(manifest.module) < MANIFEST_MAX_NAME);
	} else {
		fuzz_check(err.kind == OTA_ERROR_SIGNATURE_INVALID);
	}
	if (signed_check(keys(), text, size, &err))
		fuzz_check(size > strlen(SIGNED_TEXT) &&
			   memcmp(text, SIGNED_TEXT, strlen(SIGNED_TEXT)) == 0);
	else
		fuzz_check(err.kind == OTA_ERROR_SIGNATURE_INVALID &&
			   fuzz_is_clean(err.text));
	return 0;
}
