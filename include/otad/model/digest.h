#pragma once

/* A message digest as offers carry it: algorithm and lower-case hex. */

#include <stdbool.h>

enum digest_alg {
	DIGEST_NONE,
	DIGEST_MD5,    /* "md5", 32 hex digits */
	DIGEST_SHA256, /* "sha256", 64 hex digits */
};

#define DIGEST_HEX_SIZE 65 /* the longest, with its NUL */

struct digest {
	enum digest_alg alg;
	char hex[DIGEST_HEX_SIZE]; /* lower case; "" for DIGEST_NONE */
};

/* "md5", "sha256", "" */
const char *digest_alg_name(enum digest_alg alg);
/* Any case. False for anything else. */
bool digest_alg_parse(const char *name, enum digest_alg *ret_alg);
/* Takes hex of any case, stores it lower-case. False: wrong length or byte. */
bool digest_set(struct digest *digest, enum digest_alg alg, const char *hex);
/* Constant-time (CRYPTO_memcmp); false when either is DIGEST_NONE. */
bool digest_equal(const struct digest *a, const struct digest *b);
