#include "otad/model/digest.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#define MD5_HEX_DIGITS 32
#define SHA256_HEX_DIGITS 64

const char *digest_alg_name(enum digest_alg alg)
{
	switch (alg) {
	case DIGEST_NONE:
		return "";
	case DIGEST_MD5:
		return "md5";
	case DIGEST_SHA256:
		return "sha256";
	}
	return "";
}

bool digest_alg_parse(const char *name, enum digest_alg *ret_alg)
{
	if (!strcasecmp(name, "md5"))
		*ret_alg = DIGEST_MD5;
	else if (!strcasecmp(name, "sha256"))
		*ret_alg = DIGEST_SHA256;
	else
		return false;
	return true;
}

static size_t hex_digits(enum digest_alg alg)
{
	switch (alg) {
	case DIGEST_NONE:
		return 0;
	case DIGEST_MD5:
		return MD5_HEX_DIGITS;
	case DIGEST_SHA256:
		return SHA256_HEX_DIGITS;
	}
	return 0;
}

bool digest_set(struct digest *digest, enum digest_alg alg, const char *hex)
{
	size_t length = hex_digits(alg);
	struct digest result = { .alg = alg };

	if (length == 0 || strlen(hex) != length)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = hex[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		result.hex[i] = c;
	}
	*digest = result;
	return true;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	if (a->alg == DIGEST_NONE || a->alg != b->alg)
		return false;
	return CRYPTO_memcmp(a->hex, b->hex, hex_digits(a->alg)) == 0;
}
