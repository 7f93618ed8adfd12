#include "otad/verify/signature.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "keys.h"

#include "otad/base/file.h"

/* A public key of 16384 bits has 3 KiB of PEM. */
#define FILE_MAX_BYTES (16 * 1024)

/* Shorter ones have been broken or soon will be (NIST SP 800-131A). */
#define MIN_RSA_BITS 2048
#define MIN_EC_BITS 224

static void bio_freep(BIO **bio)
{
	BIO_free(*bio);
}

static void pkey_freep(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static bool check_bits(EVP_PKEY *key, const char *kind, int min_bits,
		       const char *path, struct ota_error *err)
{
	if (EVP_PKEY_get_bits(key) >= min_bits)
		return true;
	return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			"%s: an %s key needs %d bits at least", path, kind,
			min_bits);
}

static bool check_kind(EVP_PKEY *key, const char *path, struct ota_error *err)
{
	if (EVP_PKEY_is_a(key, "ED25519"))
		return true;
	if (EVP_PKEY_is_a(key, "EC"))
		return check_bits(key, "EC", MIN_EC_BITS, path, err);
	if (EVP_PKEY_is_a(key, "RSA"))
		return check_bits(key, "RSA", MIN_RSA_BITS, path, err);
	return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			"%s: expected an Ed25519, EC or RSA key", path);
}

/* Takes `key`. */
static bool add_key(struct trusted_keys *keys, EVP_PKEY *key,
		    struct ota_error *err)
{
	EVP_PKEY **grown = reallocarray(keys->keys, keys->n_keys + 1,
					sizeof(*grown));

	if (!grown) {
		EVP_PKEY_free(key);
		return ota_fail_memory(err, "loading keys");
	}
	keys->keys = grown;
	grown[keys->n_keys++] = key;
	return true;
}

/* One block of PEM, decoded. NULL: it is no public key. */
static EVP_PKEY *decode_key(const char *name, const char *header,
			    const unsigned char *der, long size)
{
	OTA_CLEANUP(pkey_freep) EVP_PKEY *key = NULL;
	const unsigned char *end = der;

	if (strcmp(name, PEM_STRING_PUBLIC) != 0 || header[0])
		return NULL;
	key = d2i_PUBKEY(NULL, &end, size);
	return end == der + size ? OTA_TAKE(key) : NULL;
}

/* NULL: what comes next is no public key; with `*ret_end`, nothing comes. */
static EVP_PKEY *read_key(BIO *bio, bool *ret_end)
{
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	EVP_PKEY *key = NULL;
	long size;

	if (PEM_read_bio(bio, &name, &header, &der, &size) == 1)
		key = decode_key(name, header, der, size);
	else
		*ret_end = ERR_GET_REASON(ERR_peek_last_error()) ==
			   PEM_R_NO_START_LINE;
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	ERR_clear_error();
	return key;
}

static bool read_keys(struct trusted_keys *keys, BIO *bio, const char *path,
		      struct ota_error *err)
{
	size_t before = keys->n_keys;
	bool is_end = false;
	EVP_PKEY *key;

	while ((key = read_key(bio, &is_end))) {
		if (!add_key(keys, key, err) || !check_kind(key, path, err))
			return false;
	}
	if (is_end && keys->n_keys > before)
		return true;
	return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			keys->n_keys > before
				? "%s holds more than public keys"
				: "%s is no public key: expected \"-----BEGIN "
				  "PUBLIC KEY-----\"",
			path);
}

static bool load_file(struct trusted_keys *keys, const char *path,
		      struct ota_error *err)
{
	OTA_CLEANUP(freep) char *text = NULL;
	OTA_CLEANUP(bio_freep) BIO *bio = NULL;
	size_t size;

	text = file_read(path, FILE_MAX_BYTES, &size, err);
	if (!text)
		return false;
	if (strlen(text) != size)
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"%s is no public key", path);
	if (strstr(text, "PRIVATE KEY"))
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"%s holds a private key: keep it off this "
				"machine and put its public part here (openssl "
				"pkey -pubout)",
				path);
	bio = BIO_new_mem_buf(text, (int)size);
	if (!bio)
		return ota_fail_memory(err, "loading keys");
	return read_keys(keys, bio, path, err);
}

struct trusted_keys *trusted_keys_load(const char *pattern,
				       struct ota_error *err)
{
	OTA_CLEANUP(globfree) glob_t found = { 0 };
	OTA_CLEANUP(trusted_keys_freep) struct trusted_keys *keys = NULL;
	int r;

	if (!pattern || !pattern[0]) {
		ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			 "no keys are trusted: set TrustedKeys=");
		return NULL;
	}
	r = glob(pattern, GLOB_ERR | GLOB_NOESCAPE, NULL, &found);
	if (r != 0 || found.gl_pathc == 0) {
		ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			 r == GLOB_NOMATCH || r == 0
				 ? "TrustedKeys=%s names no file"
				 : "TrustedKeys=%s cannot be read",
			 pattern);
		return NULL;
	}
	keys = calloc(1, sizeof(*keys));
	if (!keys) {
		ota_fail_memory(err, "loading keys");
		return NULL;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (!load_file(keys, found.gl_pathv[i], err)) {
			ota_wrap(err, "TrustedKeys=");
			return NULL;
		}
	}
	return OTA_TAKE(keys);
}

struct trusted_keys *trusted_keys_free(struct trusted_keys *keys)
{
	if (!keys)
		return NULL;
	for (size_t i = 0; i < keys->n_keys; i++)
		EVP_PKEY_free(keys->keys[i]);
	free(keys->keys);
	free(keys);
	return NULL;
}
