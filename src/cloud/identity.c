#include "identity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "otad/model/text.h"

#include "adapter.h"

const char *cloud_key(const struct cloud *cloud, const char *key)
{
	return key_value_get(cloud->keys, cloud->n_keys, key);
}

const char *device_key(const struct device *device, const char *key)
{
	return key_value_get(device->keys, device->n_keys, key);
}

bool device_is_gateway(const struct device *device)
{
	return !strcmp(device->name, DEVICE_SELF);
}

struct pair identity_pair(const struct cloud *cloud,
			  const struct pair_keys *keys,
			  const struct device *device)
{
	struct pair pair = {
		.product = cloud_key(cloud, keys->product),
		.name = cloud_key(cloud, keys->name),
	};
	const char *product;

	if (!pair.name && keys->name_alias)
		pair.name = cloud_key(cloud, keys->name_alias);
	if (!device || device_is_gateway(device))
		return pair;

	product = device_key(device, keys->product);
	if (product)
		pair.product = product;
	pair.name = device_key(device, keys->name);
	if (!pair.name && keys->name_alias)
		pair.name = device_key(device, keys->name_alias);
	if (!pair.name)
		pair.name = device->name;
	return pair;
}

/* MQTT 3.1.1, section 4.7: what may stand between two slashes of a topic. */
static bool is_topic_level(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && !strpbrk(text, "/+#") &&
	       !text_has_control(text, size) && text_is_utf8(text, size);
}

char *identity_pair_address(const struct cloud *cloud,
			    const struct pair_keys *keys,
			    const struct device *device, struct ota_error *err)
{
	struct pair pair = identity_pair(cloud, keys, device);
	char *address;

	if (!is_topic_level(pair.product) || !is_topic_level(pair.name)) {
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "device %s: %s=%s, %s=%s cannot stand in a topic "
			 "(no '/', '+', '#', control characters)",
			 device->name, keys->product, pair.product, keys->name,
			 pair.name);
		return NULL;
	}
	if (asprintf(&address, "%s/%s", pair.product, pair.name) < 0) {
		ota_fail_memory(err, "address a device");
		return NULL;
	}
	return address;
}

bool topic_between(const char *topic, const char *prefix, const char *suffix,
		   char ret_middle[ADDRESS_SIZE])
{
	size_t size = strlen(topic);
	size_t prefix_size = strlen(prefix);
	size_t suffix_size = strlen(suffix);
	size_t middle_size;

	if (size <= prefix_size + suffix_size ||
	    strncmp(topic, prefix, prefix_size) != 0 ||
	    strcmp(topic + size - suffix_size, suffix) != 0)
		return false;
	middle_size = size - prefix_size - suffix_size;
	if (middle_size >= ADDRESS_SIZE)
		return false;
	memcpy(ret_middle, topic + prefix_size, middle_size);
	ret_middle[middle_size] = '\0';
	return true;
}

bool pass_topic(cloud_topic_fn fn, void *user_data, const char *format,
		const char *address)
{
	OTA_CLEANUP(freep) char *topic = NULL;

	if (asprintf(&topic, format, address) < 0) {
		topic = NULL;
		return false;
	}
	return fn(user_data, topic);
}

bool derive(char **member, struct ota_error *err, const char *format, ...)
{
	va_list arguments;
	int length;

	if (*member)
		return true;
	va_start(arguments, format);
	length = vasprintf(member, format, arguments);
	va_end(arguments);
	if (length >= 0)
		return true;
	*member = NULL;
	return ota_fail_memory(err, "derive credentials");
}

bool hmac_hex(enum hmac_hash hash, const void *key, size_t key_bytes,
	      const char *text, char ret_hex[HMAC_HEX_SIZE],
	      struct ota_error *err)
{
	const EVP_MD *md = hash == HMAC_HASH_SHA1 ? EVP_sha1() : EVP_sha256();
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_bytes = 0;

	if (!HMAC(md, key, (int)key_bytes, (const unsigned char *)text,
		  strlen(text), mac, &mac_bytes))
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"compute the HMAC of the credentials");
	for (unsigned i = 0; i < mac_bytes; i++)
		snprintf(ret_hex + 2 * i, 3, "%02x", mac[i]);
	return true;
}
