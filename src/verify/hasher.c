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
	/* It does not always say which of the two. */
	return ota_fail(err, OTA_ERROR_INTERNAL,
			"OpenSSL offers no %s, or memory is out",
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

bool hasher_works(struct ota_error *err)
{
	OTA_CLEANUP(hasher_freep)
	struct hasher *hasher = hasher_new(HASHER_SHA256, err);

	return hasher;
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
		   struct digest *digest, struct ota_error *err)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned size;

	if (!context)
		return true;
	if (EVP_DigestFinal_ex(context, bytes, &size) != 1)
		return ota_fail(err, OTA_ERROR_INTERNAL, "hashing failed");
	for (unsigned i = 0; i < size; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * size] = '\0';
	return digest_set(digest, alg, hex) ||
	       ota_fail(err, OTA_ERROR_INTERNAL, "hashing failed");
}

bool hasher_finish(struct hasher *hasher, struct digest *ret_md5,
		   struct digest *ret_sha256, struct ota_error *err)
{
	struct digest md5 = { .alg = DIGEST_NONE };
	struct digest sha256 = { .alg = DIGEST_NONE };

	if (!finish(hasher->md5, DIGEST_MD5, &md5, err) ||
	    !finish(hasher->sha256, DIGEST_SHA256, &sha256, err))
		return false;
	if (ret_md5)
		*ret_md5 = md5;
	if (ret_sha256)
		*ret_sha256 = sha256;
	return true;
}
