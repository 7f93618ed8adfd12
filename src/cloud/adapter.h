#pragma once

/*
 * What a platform's file gives to cloud.c. Adding a platform is adding one
 * file, with the three objects that PLATFORM_DECLARE() names, and one row in
 * platforms.def.
 */

#include "otad/base/error.h"
#include "otad/cloud/cloud.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cloud_ops;
struct json_object;
struct reader;
struct writer;

struct cloud {
	const struct platform_keys *platform;
	const struct cloud_ops *ops;
	struct cloud_traits traits;
	struct key_value *keys;
	size_t n_keys;
	char *mqtt_username; /* NULL: none configured */
	char *device_secret; /* likewise */
	bool allow_http;
	uint64_t max_size_bytes;
};

/* Where a topic leads. */
struct route {
	struct device *device; /* NULL: the payload says whose it is */
	int channel;	       /* the adapter's own number for the topic */
};

/* Section 1.4: what a platform's failure message cannot do without. */
enum reject_needs {
	REJECT_NEEDS_NOTHING,
	REJECT_NEEDS_VERSION,
	REJECT_NEEDS_MSG_ID,
};

struct cloud_ops {
	struct cloud_traits traits;
	enum reject_needs reject_needs;
	enum report_event reject_event; /* the message that tells a reject */

	/* May be NULL. Checks the keys, adjusts the traits. */
	bool (*configure)(struct cloud *cloud, struct ota_error *err);
	char *(*address)(const struct cloud *cloud, const struct device *device,
			 struct ota_error *err);
	/* `address` is the device's. */
	bool (*topics)(const struct cloud *cloud, const struct device *device,
		       const char *address, cloud_topic_fn fn, void *user_data);
	/* May be NULL: where answers to REPORT_ONLINE come. */
	bool (*online_topics)(const struct cloud *cloud,
			      const struct device *gateway, const char *address,
			      cloud_topic_fn fn, void *user_data);
	bool (*credentials)(const struct cloud *cloud,
			    const struct cloud_derivation *derivation,
			    struct mqtt_credentials *credentials,
			    struct ota_error *err);

	/* False: not one of ours. */
	bool (*route)(const struct cloud *cloud,
		      const struct inventory *inventory, const char *topic,
		      struct route *ret_route);
	/*
	 * `message` is an object. Returns CLOUD_UPDATE, CLOUD_NO_UPDATE or
	 * CLOUD_IGNORE; the first two become CLOUD_REJECT when the reader met
	 * a fault.
	 */
	enum cloud_verdict (*decode)(struct reader *reader,
				     const struct route *route,
				     struct json_object *message);
	/* May be NULL; see cloud_decode_online(). */
	struct device *(*decode_online)(const struct cloud *cloud,
					const struct inventory *inventory,
					const char *topic,
					struct json_object *message,
					bool *ret_online);

	bool (*encode)(const struct writer *writer, const struct report *report,
		       const struct device *device);
};

#define PLATFORM_DECLARE(name)                                                 \
	extern const struct platform_key name##_cloud_keys[];                  \
	extern const struct platform_key name##_device_keys[];                 \
	extern const struct cloud_ops name##_ops;

/* NULL: no such platform. */
const struct cloud_ops *platform_ops(const struct platform_keys *platform);
