#pragma once

/* The text of a signature file, taken apart. Pure; every byte is hostile. */

#include "otad/base/error.h"
#include "otad/model/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RSA with 16384 bits needs 2048. */
#define MANIFEST_MAX_SIGNATURE 2048

#define MANIFEST_MAX_NAME 256

struct manifest {
	char module[MANIFEST_MAX_NAME];
	char version[MANIFEST_MAX_NAME];
	uint64_t size_bytes;
	struct digest sha256;
	size_t signed_bytes; /* of the text, from its begin */
	unsigned char signature[MANIFEST_MAX_SIGNATURE];
	size_t signature_bytes;
};

/*
 * Exactly the lines of signature.h in their order, each ended by LF; anything
 * more, less or otherwise is signature-invalid.
 */
bool manifest_parse(const char *text, size_t size, struct manifest *ret_manifest,
		    struct ota_error *err) OTA_MUST_CHECK;
