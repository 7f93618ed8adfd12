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
#define KEY_MAX_BYTES (16 * 1024)

/* Shorter RSA keys have been broken or soon will be. */
#define MIN_RSA_BITS 2048

static void bio_freep(BIO **bio)
{
	BIO_free(*bio);
}

static void pkey_freep(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static bool check_kind(EVP_PKEY *key, const char *path, struct ota_error *err)
{
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "EC"))
		return true;
	if (!EVP_PKEY_is_a(key, "RSA"))
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"%s: expected an Ed25519, EC or RSA key", path);
	if (EVP_PKEY_get_bits(key) < MIN_RSA_BITS)
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"%s: an RSA key needs %d bits at least", path,
				MIN_RSA_BITS);
	return true;
}

static EVP_PKEY *parse_key(const char *text, size_t size, const char *path,
			   struct ota_error *err)
{
	OTA_CLEANUP(bio_freep) BIO *bio = NULL;
	OTA_CLEANUP(pkey_freep) EVP_PKEY *key = NULL;

	if (strstr(text, "PRIVATE KEY")) {
		ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			 "%s holds a private key: keep it off this machine and "
			 "put its public part here (openssl pkey -pubout)",
			 path);
		return NULL;
	}
	bio = BIO_new_mem_buf(text, (int)size);
	if (!bio) {
		ota_fail_memory(err, "loading keys");
		return NULL;
	}
	key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	ERR_clear_error();
	if (!key) {
		ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			 "%s is no public key: expected \"-----BEGIN PUBLIC "
			 "KEY-----\"",
			 path);
		return NULL;
	}
	return check_kind(key, path, err) ? OTA_TAKE(key) : NULL;
}

static bool load_key(struct trusted_keys *keys, const char *path,
		     struct ota_error *err)
{
	OTA_CLEANUP(freep) char *text = NULL;
	EVP_PKEY *key;
	size_t size;

	text = file_read(path, KEY_MAX_BYTES, &size, err);
	if (!text)
		return false;
	if (strlen(text) != size)
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"%s is no public key", path);
	key = parse_key(text, size, path, err);
	if (!key)
		return false;
	keys->keys[keys->n_keys++] = key;
	return true;
}

static bool load_all(struct trusted_keys *keys, const glob_t *found,
		     struct ota_error *err)
{
	keys->keys = calloc(found->gl_pathc, sizeof(*keys->keys));
	if (!keys->keys)
		return ota_fail_memory(err, "loading keys");
	for (size_t i = 0; i < found->gl_pathc; i++) {
		if (!load_key(keys, found->gl_pathv[i], err))
			return ota_wrap(err, "TrustedKeys=");
	}
	return true;
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
	return load_all(keys, &found, err) ? OTA_TAKE(keys) : NULL;
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
