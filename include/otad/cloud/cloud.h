#pragma once

/*
 * The clouds: pure translation, bytes to offers and reports to bytes. No I/O,
 * no clock, no globals; everything an adapter needs is passed in. One file per
 * platform in src/cloud/, one row in its table (platforms.def).
 *
 * The rules of each platform stand in protocols.md: section 1 for all, 2 to 6
 * for each.
 */

#include "otad/base/error.h"
#include "otad/config/config.h"
#include "otad/model/device.h"
#include "otad/model/offer.h"
#include "otad/model/report.h"
#include "otad/mqtt/mqtt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cloud;

/* The table of platforms in the form that config_load() wants. */
const struct platform_keys *cloud_platforms(void);

/* What the update row must know of a platform's manners. */
struct cloud_traits {
	bool checks;		    /* has a message that asks for an update */
	uint64_t first_check_ms;    /* after the version report of a connect */
	uint64_t version_repeat_ms; /* gateway's version again; 0: never */
	uint64_t property_gap_ms;   /* least time between property messages; 0:
				     * it knows none */
	uint64_t progress_gap_ms;   /* least time between progress messages */
	bool gap_holds_states;	    /* state changes wait for the gap too */
	bool needs_online;	    /* REPORT_ONLINE before a sub-device speaks */
	bool download_to_100;	    /* shows the download's percentage, not the
				     * overall one (tencent) */
	bool tells_installed;	    /* wants `succeeded` for an offer of the version
				     * that runs already (hanqi) */
	/* What a failure's message begins with, so that its kind can be told;
	 * NULL: each has a code of its own. */
	const char *(*failure_word)(enum ota_error_kind kind);
};

struct cloud_options {
	const struct platform_keys *platform;
	const struct key_value *keys; /* [Cloud]; copied */
	size_t n_keys;
	const char *mqtt_username; /* [Mqtt] Username=, or NULL; copied */
	const char *device_secret; /* content of DeviceSecretFile=, or NULL; copied */
	bool allow_http;
	uint64_t max_size_bytes;
};

/* Returns owned, or NULL with `err`. */
struct cloud *cloud_new(const struct cloud_options *options,
			struct ota_error *err) OTA_MUST_CHECK;
struct cloud *cloud_free(struct cloud *cloud);
OTA_DEFINE_CLEANUP(struct cloud *, cloud_free)

const struct cloud_traits *cloud_traits(const struct cloud *cloud);
const char *cloud_default_module(const struct cloud *cloud);

/*
 * The address under which this platform knows `device` (unique among devices;
 * what inventory_find_address() finds). Owned, or NULL with `err`: a device
 * whose keys do not make one.
 */
char *cloud_address(const struct cloud *cloud, const struct device *device,
		    struct ota_error *err) OTA_MUST_CHECK;

/* Every topic to subscribe for `device`, QoS 1; the gateway's own device brings
 * the platform's common ones. False stops and is passed on. */
typedef bool (*cloud_topic_fn)(void *user_data, const char *topic);
bool cloud_topics(const struct cloud *cloud, const struct device *device,
		  cloud_topic_fn fn, void *user_data);

/* The same for the answers to REPORT_ONLINE; none on most platforms. */
bool cloud_online_topics(const struct cloud *cloud, const struct device *gateway,
			 cloud_topic_fn fn, void *user_data);

/*
 * protocols.md, section 1.1: derives what [Mqtt] leaves out, where the platform
 * has a formula; leaves members NULL otherwise. Members set already are kept.
 */
struct cloud_derivation {
	int64_t now_ms;	 /* wall clock */
	uint64_t nonce;	 /* random */
	bool tls;
};
bool cloud_credentials(const struct cloud *cloud,
		       const struct cloud_derivation *derivation,
		       struct mqtt_credentials *credentials,
		       struct ota_error *err) OTA_MUST_CHECK;

enum cloud_verdict {
	CLOUD_UPDATE,
	CLOUD_NO_UPDATE,
	CLOUD_REJECT,
	CLOUD_IGNORE,
};

/* protocols.md, section 1.4: the closed list, in its order. */
enum cloud_reason {
	CLOUD_REASON_NONE,
	CLOUD_REASON_BAD_JSON,
	CLOUD_REASON_NOT_OBJECT,
	CLOUD_REASON_TOO_LARGE,
	CLOUD_REASON_TOO_DEEP,
	CLOUD_REASON_DUPLICATE_KEY,
	CLOUD_REASON_MISSING_FIELD,
	CLOUD_REASON_WRONG_TYPE,
	CLOUD_REASON_EMBEDDED_NUL,
	CLOUD_REASON_BAD_VERSION,
	CLOUD_REASON_BAD_URL,
	CLOUD_REASON_URL_SCHEME,
	CLOUD_REASON_URL_CREDENTIALS,
	CLOUD_REASON_BAD_SIZE,
	CLOUD_REASON_BAD_DIGEST,
	CLOUD_REASON_UNKNOWN_DIGEST_ALG,
	CLOUD_REASON_BAD_MODULE,
	CLOUD_REASON_UNKNOWN_MODULE,
	CLOUD_REASON_UNKNOWN_DEVICE,
	CLOUD_REASON_BAD_MSG_ID,
	CLOUD_REASON_ERROR_CODE,
	CLOUD_REASON_UNSUPPORTED_PROTOCOL,
	CLOUD_REASON_UNSUPPORTED_MULTI_FILE,
	CLOUD_REASON_UNSUPPORTED_DIFF,
	CLOUD_REASON_COUNT,
};
/* "bad-json", ... */
const char *cloud_reason_name(enum cloud_reason reason);

struct cloud_message {
	enum cloud_verdict verdict;
	struct offer *offer;	  /* CLOUD_UPDATE: owned */
	enum cloud_reason reason; /* CLOUD_REJECT */
	char *field;		  /* CLOUD_REJECT: the key at fault, or NULL */
	/*
	 * Of a reject (and of no-update where it says so), as far as readable,
	 * so that it can be told: NULL when not.
	 */
	char *device; /* NULL: the gateway */
	char *module; /* NULL: the default one */
	char *version;
	struct offer_ids ids;
	/* Section 1.4: what the platform's failure message needs was readable. */
	bool reportable;
};
void cloud_message_done(struct cloud_message *message);

/*
 * Decodes one message. `payload` may hold anything. Fills `ret` in any case;
 * false only when out of memory.
 */
bool cloud_decode(const struct cloud *cloud, const struct inventory *inventory,
		  const char *topic, const void *payload, size_t size,
		  struct cloud_message *ret, struct ota_error *err) OTA_MUST_CHECK;

/*
 * Messages about the session itself, which cloud_decode() ignores: the answer
 * to REPORT_ONLINE. True when it was one: `*ret_device` (owned, a device's
 * name) and whether it is `*ret_online` now.
 */
bool cloud_decode_online(const struct cloud *cloud,
			 const struct inventory *inventory, const char *topic,
			 const void *payload, size_t size, char **ret_device,
			 bool *ret_online);

struct cloud_publication {
	const char *topic;
	const char *payload; /* JSON text, never empty */
	int qos;
	bool result; /* of a job: must not be lost */
};
/* Borrowed for the call. */
typedef bool (*cloud_publish_fn)(void *user_data,
				 const struct cloud_publication *publication,
				 struct ota_error *err);

/*
 * Encodes a report into no, one or several publications, in order. False when
 * `publish` says so, for an unknown device, or out of memory.
 */
bool cloud_encode(const struct cloud *cloud, const struct inventory *inventory,
		  const struct report *report, cloud_publish_fn publish,
		  void *user_data, struct ota_error *err) OTA_MUST_CHECK;

/*
 * Tells of a reject that is `reportable`: the platform's one failure message
 * (section 1.4). At most one a minute per device is the caller's to keep.
 */
bool cloud_encode_reject(const struct cloud *cloud,
			 const struct inventory *inventory,
			 const struct cloud_message *message, int64_t now_ms,
			 uint32_t sequence, cloud_publish_fn publish,
			 void *user_data, struct ota_error *err) OTA_MUST_CHECK;
