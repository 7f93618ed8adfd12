#include "otad/verify/signature.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "keys.h"
#include "manifest.h"

#define SUFFIX ".sig"

/* Without a path the suffix would become part of the host's name. */
#define SUFFIX_OF_NO_PATH "/.sig"

/* Ed25519 hashes itself, and in one go; the others sign a SHA-256. */
static bool verifies(EVP_PKEY *key, const char *text,
		     const struct manifest *manifest)
{
	const EVP_MD *type = EVP_PKEY_is_a(key, "ED25519") ? NULL
							   : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx &&
		  EVP_DigestVerifyInit(ctx, NULL, type, NULL, key) == 1 &&
		  EVP_DigestVerify(ctx, manifest->signature,
				   manifest->signature_bytes,
				   (const unsigned char *)text,
				   manifest->signed_bytes) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static bool check_text(const char *what, const char *is, const char *want,
		       struct ota_error *err)
{
	if (strcmp(is, want) == 0)
		return true;
	return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			"the signature is for %s %s, not %s", what, is, want);
}

/* What was signed must be what is about to be installed, and as what. */
static bool check_subject(const struct manifest *manifest,
			  const struct signature_subject *subject,
			  struct ota_error *err)
{
	if (!check_text("module", manifest->module, subject->module, err) ||
	    !check_text("version", manifest->version, subject->version, err))
		return false;
	if (manifest->size_bytes != subject->size_bytes)
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"the signature is for a file of %llu bytes, "
				"this one has %llu",
				(unsigned long long)manifest->size_bytes,
				(unsigned long long)subject->size_bytes);
	if (!digest_equal(&manifest->sha256, subject->sha256))
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"the signature is for a file with another "
				"SHA-256");
	return true;
}

bool signature_check(const struct trusted_keys *keys, const char *text,
		     size_t size, const struct signature_subject *subject,
		     struct ota_error *err)
{
	struct manifest manifest;

	if (size > SIGNATURE_MAX_BYTES)
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"the signature file has more than %d bytes",
				SIGNATURE_MAX_BYTES);
	if (!manifest_parse(text, size, &manifest, err))
		return false;
	for (size_t i = 0; i < keys->n_keys; i++) {
		if (verifies(keys->keys[i], text, &manifest))
			return check_subject(&manifest, subject, err);
	}
	return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			"the signature is of none of the %zu trusted keys",
			keys->n_keys);
}

char *signature_url(const char *artifact_url)
{
	size_t path_end = strcspn(artifact_url, "?#");
	const char *authority = strstr(artifact_url, "://");
	const char *suffix = SUFFIX;
	size_t size = strlen(artifact_url);
	char *url;

	authority = authority ? authority + 3 : artifact_url;
	if (authority + strcspn(authority, "/?#") == artifact_url + path_end)
		suffix = SUFFIX_OF_NO_PATH;
	url = malloc(size + strlen(suffix) + 1);
	if (!url)
		return NULL;
	memcpy(url, artifact_url, path_end);
	strcpy(url + path_end, suffix);
	strcat(url, artifact_url + path_end);
	return url;
}
