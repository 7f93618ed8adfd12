#include "otad/cloud/cloud.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#include "adapter.h"
#include "identity.h"

static const struct platform_key *missing_key(const struct cloud *cloud)
{
	const struct platform_key *key = cloud->platform->cloud;

	for (; key->name; key++) {
		if (key->required && !cloud_key(cloud, key->name) &&
		    !(key->same_as && cloud_key(cloud, key->same_as)))
			return key;
	}
	return NULL;
}

static bool copy_string(char **ret_copy, const char *string)
{
	*ret_copy = string ? strdup(string) : NULL;
	return *ret_copy || !string;
}

static bool copy_options(struct cloud *cloud,
			 const struct cloud_options *options)
{
	cloud->allow_http = options->allow_http;
	cloud->max_size_bytes = options->max_size_bytes;
	if (!copy_string(&cloud->mqtt_username, options->mqtt_username) ||
	    !copy_string(&cloud->device_secret, options->device_secret))
		return false;
	cloud->keys = calloc(options->n_keys + 1, sizeof(*cloud->keys));
	if (!cloud->keys)
		return false;
	for (size_t i = 0; i < options->n_keys; i++) {
		struct key_value *copy = &cloud->keys[cloud->n_keys++];

		if (!copy_string(&copy->key, options->keys[i].key) ||
		    !copy_string(&copy->value, options->keys[i].value))
			return false;
	}
	return true;
}

struct cloud *cloud_new(const struct cloud_options *options,
			struct ota_error *err)
{
	OTA_CLEANUP(cloud_freep) struct cloud *cloud =
		calloc(1, sizeof(*cloud));
	const struct platform_key *missing;

	if (!cloud || !copy_options(cloud, options)) {
		ota_fail_memory(err, "set up the cloud");
		return NULL;
	}
	cloud->platform = options->platform;
	cloud->ops = platform_ops(options->platform);
	assert(cloud->ops);
	cloud->traits = cloud->ops->traits;
	missing = missing_key(cloud);
	if (missing) {
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "%s= is missing: %s needs it in [Cloud]",
			 missing->name, cloud->platform->platform);
		return NULL;
	}
	if (cloud->ops->configure && !cloud->ops->configure(cloud, err))
		return NULL;
	return OTA_TAKE(cloud);
}

struct cloud *cloud_free(struct cloud *cloud)
{
	if (!cloud)
		return NULL;
	for (size_t i = 0; i < cloud->n_keys; i++) {
		free(cloud->keys[i].key);
		free(cloud->keys[i].value);
	}
	free(cloud->keys);
	free(cloud->mqtt_username);
	if (cloud->device_secret)
		explicit_bzero(cloud->device_secret,
			       strlen(cloud->device_secret));
	free(cloud->device_secret);
	free(cloud);
	return NULL;
}

const struct cloud_traits *cloud_traits(const struct cloud *cloud)
{
	return &cloud->traits;
}

const char *cloud_default_module(const struct cloud *cloud)
{
	return cloud->platform->default_module;
}

char *cloud_address(const struct cloud *cloud, const struct device *device,
		    struct ota_error *err)
{
	OTA_CLEANUP(freep) char *address =
		cloud->ops->address(cloud, device, err);

	if (address && strlen(address) >= ADDRESS_SIZE) {
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "device %s: its address is longer than %d bytes",
			 device->name, ADDRESS_SIZE - 1);
		return NULL;
	}
	return OTA_TAKE(address);
}

bool cloud_topics(const struct cloud *cloud, const struct device *device,
		  cloud_topic_fn fn, void *user_data)
{
	OTA_CLEANUP(freep) char *address = cloud_address(cloud, device, NULL);

	return address &&
	       cloud->ops->topics(cloud, device, address, fn, user_data);
}

bool cloud_online_topics(const struct cloud *cloud, const struct device *gateway,
			 cloud_topic_fn fn, void *user_data)
{
	OTA_CLEANUP(freep) char *address = cloud_address(cloud, gateway, NULL);

	if (!cloud->ops->online_topics)
		return true;
	return address && cloud->ops->online_topics(cloud, gateway, address, fn,
						    user_data);
}

bool cloud_credentials(const struct cloud *cloud,
		       const struct cloud_derivation *derivation,
		       struct mqtt_credentials *credentials,
		       struct ota_error *err)
{
	return cloud->ops->credentials(cloud, derivation, credentials, err);
}

bool cloud_decode_online(const struct cloud *cloud,
			 const struct inventory *inventory, const char *topic,
			 const void *payload, size_t size, char **ret_device,
			 bool *ret_online)
{
	OTA_CLEANUP(json_freep) struct json_object *message = NULL;
	struct device *device;
	enum json_fault fault;
	char *name;

	if (!cloud->ops->decode_online)
		return false;
	message = json_parse(payload, size, JSON_MAX_BYTES, &fault);
	if (!message)
		return false;
	device = cloud->ops->decode_online(cloud, inventory, topic, message,
					   ret_online);
	if (!device)
		return false;
	name = strdup(device->name);
	if (!name)
		return false;
	*ret_device = name;
	return true;
}
