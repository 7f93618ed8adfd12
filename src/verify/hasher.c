#include "otad/verify/hasher.h"

#include <stdlib.h>

#include <openssl/evp.h>

struct hasher {
	EVP_MD_CTX *md5; /* NULL: not asked for */
	EVP_MD_CTX *sha256;
};

static bool begin(EVP_MD_CTX *context, const EVP_MD *alg, struct ota_error *err)
{
	if (!context || EVP_DigestInit_ex(context, alg, NULL) == 1)
		return true;
	return ota_fail(err, OTA_ERROR_INTERNAL, "OpenSSL offers no %s",
			EVP_MD_get0_name(alg));
}

struct hasher *hasher_new(unsigned algs, struct ota_error *err)
{
	OTA_CLEANUP(hasher_freep) struct hasher *hasher =
		calloc(1, sizeof(*hasher));

	if (!hasher ||
	    ((algs & HASHER_MD5) && !(hasher->md5 = EVP_MD_CTX_new())) ||
	    ((algs & HASHER_SHA256) && !(hasher->sha256 = EVP_MD_CTX_new()))) {
		ota_fail_memory(err, "hashing");
		return NULL;
	}
	if (!hasher_reset(hasher, err))
		return NULL;
	return OTA_TAKE(hasher);
}

struct hasher *hasher_free(struct hasher *hasher)
{
	if (!hasher)
		return NULL;
	EVP_MD_CTX_free(hasher->md5);
	EVP_MD_CTX_free(hasher->sha256);
	free(hasher);
	return NULL;
}

bool hasher_reset(struct hasher *hasher, struct ota_error *err)
{
	return begin(hasher->md5, EVP_md5(), err) &&
	       begin(hasher->sha256, EVP_sha256(), err);
}

bool hasher_update(struct hasher *hasher, const void *data, size_t size,
		   struct ota_error *err)
{
	if ((hasher->md5 && EVP_DigestUpdate(hasher->md5, data, size) != 1) ||
	    (hasher->sha256 && EVP_DigestUpdate(hasher->sha256, data, size) != 1))
		return ota_fail(err, OTA_ERROR_INTERNAL, "hashing failed");
	return true;
}

static bool finish(EVP_MD_CTX *context, enum digest_alg alg,
		   struct digest *ret_digest, struct ota_error *err)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned size;

	ret_digest->alg = DIGEST_NONE;
	ret_digest->hex[0] = '\0';
	if (!context)
		return true;
	if (EVP_DigestFinal_ex(context, bytes, &size) != 1)
		return ota_fail(err, OTA_ERROR_INTERNAL, "hashing failed");
	for (unsigned i = 0; i < size; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	if (!digest_set(ret_digest, alg, hex))
		return ota_fail(err, OTA_ERROR_INTERNAL, "hashing failed");
	return true;
}

bool hasher_finish(struct hasher *hasher, struct digest *ret_md5,
		   struct digest *ret_sha256, struct ota_error *err)
{
	return finish(hasher->md5, DIGEST_MD5, ret_md5, err) &&
	       finish(hasher->sha256, DIGEST_SHA256, ret_sha256, err);
}
