#pragma once

/* The inside of struct trusted_keys, for the check. */

#include <openssl/types.h>
#include <stddef.h>

struct trusted_keys {
	EVP_PKEY **keys;
	size_t n_keys;
};
