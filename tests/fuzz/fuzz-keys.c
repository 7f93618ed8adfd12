/*
 * A file of TrustedKeys=. With an odd first byte what follows is the DER inside
 * of it, which a fuzzer gets nowhere with through base64; else all of it.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "otad/base/file.h"

#include "../../src/verify/keys.h"

#include "signed.h"

/* NIST SP 800-57: as much as an RSA key of 2048 bits has. */
#define MIN_SECURITY_BITS 112

static struct trusted_keys *load(const char *path)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct trusted_keys *keys = trusted_keys_load(path, &err);

	/* What is left there would be taken for an error of TLS. */
	fuzz_check(ERR_peek_error() == 0);
	if (!keys) {
		fuzz_check(err.kind == OTA_ERROR_SIGNATURE_INVALID ||
			   err.kind == OTA_ERROR_PROTOCOL);
		fuzz_check(fuzz_is_clean(err.text));
	}
	return keys;
}

static const char *write_pem(const uint8_t *data, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const char *path;
	char *text;
	long length;

	fuzz_check(bio);
	fuzz_check(PEM_write_bio(bio, PEM_STRING_PUBLIC, "", data,
				 (long)size) >= 0);
	length = BIO_get_mem_data(bio, &text);
	path = fuzz_write("key.pem", (const uint8_t *)text, (size_t)length);
	BIO_free(bio);
	return path;
}

/* Written down, it is the same key. */
static void check_round_trip(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(key, &der);
	OTA_CLEANUP(trusted_keys_freep) struct trusted_keys *again = NULL;

	fuzz_check(size > 0);
	again = load(write_pem(der, (size_t)size));
	OPENSSL_free(der);
	fuzz_check(again && again->n_keys == 1);
	fuzz_check(EVP_PKEY_eq(key, again->keys[0]) == 1);
}

static void check_key(EVP_PKEY *key)
{
	fuzz_check(EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "EC") ||
		   EVP_PKEY_is_a(key, "RSA"));
	fuzz_check(EVP_PKEY_get_security_bits(key) >= MIN_SECURITY_BITS);
	check_round_trip(key);
}

/* They accept what was made with one of them, and nothing else. */
static void check_trust(const struct trusted_keys *keys)
{
	OTA_CLEANUP(trusted_keys_freep)
	struct trusted_keys *right = load(SIGNED_KEY);
	struct ota_error err = OTA_ERROR_INIT;
	bool is_trusted = false;
	size_t size;
	OTA_CLEANUP(freep) char *text = file_read(
		SIGNED_FILE, SIGNATURE_MAX_BYTES, &size, &err);

	fuzz_check(right && text);
	for (size_t i = 0; i < keys->n_keys; i++)
		is_trusted |= EVP_PKEY_eq(keys->keys[i], right->keys[0]) == 1;
	fuzz_check(signed_check(keys, text, size, &err) == is_trusted);
	fuzz_check(ERR_peek_error() == 0);
}

static int no_password(char *buffer, int size, int is_written, void *user_data)
{
	return -1;
}

/* What OpenSSL finds in the file is what was loaded, and all of it. */
static void check_file(const struct trusted_keys *keys, const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	char *name, *header;
	unsigned char *der;
	EVP_PKEY *key;
	long size;

	fuzz_check(bio && !strstr(text, "PRIVATE KEY"));
	for (size_t i = 0; i < keys->n_keys; i++) {
		key = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
		fuzz_check(key && EVP_PKEY_eq(key, keys->keys[i]) == 1);
		EVP_PKEY_free(key);
	}
	fuzz_check(PEM_read_bio(bio, &name, &header, &der, &size) == 0);
	fuzz_check(ERR_GET_REASON(ERR_peek_last_error()) ==
		   PEM_R_NO_START_LINE);
	ERR_clear_error();
	BIO_free(bio);
}

static void check_der(const uint8_t *data, size_t size)
{
	const uint8_t *end = data;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &end, (long)size);

	fuzz_check(key && end == data + size);
	EVP_PKEY_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool is_der = fuzz_take_byte(&data, &size) & 1;
	OTA_CLEANUP(freep) char *text = fuzz_text(data, size);
	OTA_CLEANUP(trusted_keys_freep) struct trusted_keys *keys =
		load(is_der ? write_pem(data, size) :
			      fuzz_write("key.pem", data, size));

	if (!keys)
		return 0;
	fuzz_check(keys->n_keys > 0 && (keys->n_keys == 1 || !is_der));
	if (is_der)
		check_der(data, size);
	else
		check_file(keys, text);
	for (size_t i = 0; i < keys->n_keys; i++)
		check_key(keys->keys[i]);
	check_trust(keys);
	return 0;
}
