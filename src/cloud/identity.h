#pragma once

/*
 * Who we are for a platform: keys of the configuration, addresses of devices,
 * topics made of them, and credentials (protocols.md, section 1.1).
 */

#include "otad/base/cleanup.h"
#include "otad/base/error.h"
#include "otad/cloud/cloud.h"

#include <stdbool.h>
#include <stddef.h>

/* Longest address with its NUL; the longest topic is not much longer. */
#define ADDRESS_SIZE 512

/* NULL when not configured. */
const char *cloud_key(const struct cloud *cloud, const char *key);
const char *device_key(const struct device *device, const char *key);
bool device_is_gateway(const struct device *device);

/*
 * Platforms that know a device by a product and a name within it: their keys
 * in [Cloud] and [Device]. A device that leaves them out has the gateway's
 * product and the name of its section.
 */
struct pair_keys {
	const char *product;
	const char *name;
	const char *name_alias; /* NULL: none */
};
struct pair {
	const char *product;
	const char *name;
};
/* Borrowed from `cloud` and `device` (NULL: the gateway). */
struct pair identity_pair(const struct cloud *cloud,
			  const struct pair_keys *keys,
			  const struct device *device);
/* "PRODUCT/NAME", as it stands in topics. Owned, or NULL with `err`. */
char *identity_pair_address(const struct cloud *cloud,
			    const struct pair_keys *keys,
			    const struct device *device, struct ota_error *err);

/*
 * Copies what stands between `prefix` and `suffix`. False when `topic` has
 * another form, or is longer than any address of ours.
 */
bool topic_between(const char *topic, const char *prefix, const char *suffix,
		   char ret_middle[ADDRESS_SIZE]);
/* Hands a topic made of `format` and `address` to `fn`. */
bool pass_topic(cloud_topic_fn fn, void *user_data, const char *format,
		const char *address) OTA_PRINTF(3, 0);

/* Makes `*member` by `format` unless it is set already. */
bool derive(char **member, struct ota_error *err, const char *format, ...)
	OTA_PRINTF(3, 4);

enum hmac_hash {
	HMAC_HASH_SHA1,
	HMAC_HASH_SHA256,
};
#define HMAC_HEX_SIZE 65 /* the longest, with its NUL */
/* Lower-case hex of HMAC(key, text). */
bool hmac_hex(enum hmac_hash hash, const void *key, size_t key_bytes,
	      const char *text, char ret_hex[HMAC_HEX_SIZE],
	      struct ota_error *err) OTA_MUST_CHECK;
