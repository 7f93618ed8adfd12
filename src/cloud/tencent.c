/* Tencent Cloud IoT Video, Hub, Explorer: protocols.md, section 3. */

#include "adapter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#include "fields.h"
#include "identity.h"
#include "report-writer.h"

/* Section 1.1: the appid of the vendor's SDK. */
#define SDK_APPID "21010406"
#define CONNECTION_ID_CHARACTERS 5
/* The vendor's SDK says "always valid" where no clock can be trusted. */
#define EXPIRY_ALWAYS_S INT64_C(0x7fffffff)
#define EXPIRY_AFTER_S (24 * 60 * 60)
#define PLAUSIBLE_TIME_S INT64_C(1704067200) /* 2024-01-01 */
#define MS_PER_SECOND 1000
#define PERCENT_SIZE 12

static const struct pair_keys pair_keys = {
	.product = "ProductId",
	.name = "DeviceName",
};
const struct platform_key tencent_cloud_keys[] = {
	{ .name = "ProductId", .kind = KEY_TEXT, .required = true },
	{ .name = "DeviceName", .kind = KEY_TEXT, .required = true },
	{ .name = "DeviceSecretFile", .kind = KEY_PATH },
	{ .name = NULL },
};
const struct platform_key tencent_device_keys[] = {
	{ .name = "ProductId", .kind = KEY_TEXT },
	{ .name = "DeviceName", .kind = KEY_TEXT },
	{ .name = NULL },
};

/* Section 1.5, column "tencent result_code". */
static const char *const result_codes[] = {
	[OTA_ERROR_NONE] = "-5",
	[OTA_ERROR_TIMEOUT] = "-1",
	[OTA_ERROR_NETWORK] = "-1",
	[OTA_ERROR_HTTP] = "-1",
	[OTA_ERROR_NOT_FOUND] = "-2",
	[OTA_ERROR_URL_EXPIRED] = "-3",
	[OTA_ERROR_SIZE_MISMATCH] = "-4",
	[OTA_ERROR_DIGEST_MISMATCH] = "-4",
	[OTA_ERROR_SIGNATURE_INVALID] = "-4",
	[OTA_ERROR_DOWNGRADE_REFUSED] = "-5",
	[OTA_ERROR_INCOMPATIBLE] = "-5",
	[OTA_ERROR_NO_SPACE] = "-5",
	[OTA_ERROR_PERMISSION] = "-5",
	[OTA_ERROR_INSTALL_FAILED] = "-5",
	[OTA_ERROR_RESTART_FAILED] = "-5",
	[OTA_ERROR_HEALTH_CHECK_FAILED] = "-5",
	[OTA_ERROR_POWER_LOW] = "-5",
	[OTA_ERROR_CANCELLED] = "-5",
	[OTA_ERROR_BUSY] = "-5",
	[OTA_ERROR_PROTOCOL] = "-5",
	[OTA_ERROR_INTERNAL] = "-5",
};
_Static_assert(OTA_ARRAY_SIZE(result_codes) == OTA_ERROR_KIND_COUNT,
	       "every kind has a code");

/* Section 1.5, column "tencent state"; NULL: nothing is published. */
static const char *const state_names[] = {
	[JOB_STATE_IDLE] = NULL,
	[JOB_STATE_AVAILABLE] = NULL,
	[JOB_STATE_DOWNLOADING] = "downloading",
	[JOB_STATE_VERIFYING] = NULL,
	[JOB_STATE_BACKING_UP] = NULL,
	[JOB_STATE_INSTALLING] = "burning",
	[JOB_STATE_RESTARTING] = NULL,
	[JOB_STATE_CONFIRMING] = NULL,
	[JOB_STATE_SUCCEEDED] = "done",
	[JOB_STATE_FAILED] = "fail",
	[JOB_STATE_ROLLED_BACK] = "fail",
};
_Static_assert(OTA_ARRAY_SIZE(state_names) == JOB_STATE_COUNT,
	       "every state has a place");

static char *tencent_address(const struct cloud *cloud,
			     const struct device *device, struct ota_error *err)
{
	return identity_pair_address(cloud, &pair_keys, device, err);
}

static bool tencent_topics(const struct cloud *cloud,
			   const struct device *device, const char *address,
			   cloud_topic_fn fn, void *user_data)
{
	return pass_topic(fn, user_data, "$ota/update/%s", address);
}

/* Section 3.5. */
static bool tencent_online_topics(const struct cloud *cloud,
				  const struct device *gateway,
				  const char *address, cloud_topic_fn fn,
				  void *user_data)
{
	return pass_topic(fn, user_data, "$gateway/operation/result/%s", address);
}

/* Five letters and digits, as the vendor's SDK makes them. */
static void make_connection_id(uint64_t nonce,
			       char ret_id[CONNECTION_ID_CHARACTERS + 1])
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	const size_t letters = sizeof(alphabet) - 1;

	for (size_t i = 0; i < CONNECTION_ID_CHARACTERS; i++) {
		ret_id[i] = alphabet[nonce % letters];
		nonce /= letters;
	}
	ret_id[CONNECTION_ID_CHARACTERS] = '\0';
}

/* Owned, or NULL with `err`. */
static unsigned char *decode_secret(const char *secret, size_t *ret_bytes,
				    struct ota_error *err)
{
	OTA_CLEANUP(freep) unsigned char *bytes = NULL;
	size_t length = strlen(secret);
	int decoded = -1;

	/* Three bytes for each four characters. */
	bytes = malloc(length / 4 * 3 + 1);
	if (!bytes) {
		ota_fail_memory(err, "decode the device secret");
		return NULL;
	}
	if (length > 0 && length % 4 == 0 && length < INT32_MAX)
		decoded = EVP_DecodeBlock(bytes, (const unsigned char *)secret,
					  (int)length);
	if (decoded < 0) {
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "DeviceSecretFile=: the secret is not base64; copy "
			 "it from the console as it is");
		return NULL;
	}
	/* The padding was decoded too. */
	for (size_t i = length; i > length - 2 && secret[i - 1] == '='; i--)
		decoded--;
	*ret_bytes = (size_t)decoded;
	return OTA_TAKE(bytes);
}

static bool derive_password(const struct cloud *cloud, const char *username,
			    char **password, struct ota_error *err)
{
	char hex[HMAC_HEX_SIZE];
	unsigned char *key;
	size_t key_bytes;
	bool ok;

	key = decode_secret(cloud->device_secret, &key_bytes, err);
	if (!key)
		return false;
	ok = hmac_hex(HMAC_HASH_SHA1, key, key_bytes, username, hex, err) &&
	     derive(password, err, "%s;hmacsha1", hex);
	OPENSSL_cleanse(key, key_bytes);
	free(key);
	return ok;
}

static bool tencent_credentials(const struct cloud *cloud,
				const struct cloud_derivation *derivation,
				struct mqtt_credentials *credentials,
				struct ota_error *err)
{
	struct pair pair = identity_pair(cloud, &pair_keys, NULL);
	char connection_id[CONNECTION_ID_CHARACTERS + 1];
	int64_t now_s = derivation->now_ms / MS_PER_SECOND;
	int64_t expiry_s = now_s < PLAUSIBLE_TIME_S ? EXPIRY_ALWAYS_S :
						      now_s + EXPIRY_AFTER_S;

	make_connection_id(derivation->nonce, connection_id);
	if (!derive(&credentials->client_id, err, "%s%s", pair.product,
		    pair.name) ||
	    !derive(&credentials->username, err, "%s;" SDK_APPID ";%s;%" PRId64,
		    credentials->client_id, connection_id, expiry_s))
		return false;
	if (credentials->password || !cloud->device_secret)
		return true;
	return derive_password(cloud, credentials->username,
			       &credentials->password, err);
}

static bool tencent_route(const struct cloud *cloud,
			  const struct inventory *inventory, const char *topic,
			  struct route *ret_route)
{
	char address[ADDRESS_SIZE];

	if (!topic_between(topic, "$ota/update/", "", address))
		return false;
	*ret_route = (struct route){
		.device = inventory_find_address(inventory, address),
	};
	return ret_route->device != NULL;
}

/* Section 3.3.1: the answer to our version. */
static enum cloud_verdict decode_answer(struct reader *reader,
					struct json_object *message)
{
	static const int success[] = { 0 };

	read_code(reader, message, "result_code", FIELD_REQUIRED, success,
		  OTA_ARRAY_SIZE(success));
	return CLOUD_NO_UPDATE;
}

/* Section 3.3.2: task_id is the message id too. */
static void read_task_id(struct reader *reader, struct json_object *message)
{
	struct offer_ids *ids = &reader->offer->ids;

	read_message_id(reader, message, "task_id", &ids->msg);
	if (!ids->msg.text)
		return;
	ids->task.is_number = ids->msg.is_number;
	ids->task.text = strdup(ids->msg.text);
	if (!ids->task.text)
		reader->out_of_memory = true;
}

static enum cloud_verdict tencent_decode(struct reader *reader,
					 const struct route *route,
					 struct json_object *message)
{
	struct json_object *type = json_get(message, "type");

	if (field_is(message, "type", "report_version_rsp"))
		return decode_answer(reader, message);
	if (json_object_is_type(type, json_type_string) &&
	    !field_is(message, "type", "update_firmware"))
		return CLOUD_IGNORE;
	/* Here it is update_firmware, absent, or of a wrong type. */
	read_string(reader, message, "type", FIELD_REQUIRED);
	read_task_id(reader, message);
	read_module(reader, message, "fw_type");
	read_version(reader, message, "version");
	read_url(reader, message, "url");
	read_digest(reader, message, "md5sum", DIGEST_MD5);
	read_size(reader, message, "file_size", FIELD_REQUIRED);
	return CLOUD_UPDATE;
}

/* Section 3.5: {"type":"online","payload":{"devices":[{...,"result":0}]}} */
static struct device *answered_device(const struct inventory *inventory,
				      struct json_object *entry,
				      bool *ret_online)
{
	const char *product = field_string(entry, "product_id");
	const char *name = field_string(entry, "device_name");
	char address[ADDRESS_SIZE];
	struct device *device;
	int64_t result;
	int length;

	if (!product || !name ||
	    !field_integer(json_get(entry, "result"), &result))
		return NULL;
	length = snprintf(address, sizeof(address), "%s/%s", product, name);
	if (length < 0 || (size_t)length >= sizeof(address))
		return NULL;
	device = inventory_find_address(inventory, address);
	if (!device || device_is_gateway(device))
		return NULL;
	*ret_online = result == 0;
	return device;
}

static struct device *tencent_decode_online(const struct cloud *cloud,
					    const struct inventory *inventory,
					    const char *topic,
					    struct json_object *message,
					    bool *ret_online)
{
	struct pair pair = identity_pair(cloud, &pair_keys, NULL);
	struct json_object *devices;
	char address[ADDRESS_SIZE];
	size_t product_bytes = strlen(pair.product);

	if (!topic_between(topic, "$gateway/operation/result/", "", address) ||
	    strncmp(address, pair.product, product_bytes) != 0 ||
	    address[product_bytes] != '/' ||
	    strcmp(address + product_bytes + 1, pair.name) != 0 ||
	    !field_is(message, "type", "online"))
		return NULL;
	devices = json_get(json_get(message, "payload"), "devices");
	if (!json_object_is_type(devices, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		struct device *device = answered_device(
			inventory, json_object_array_get_idx(devices, i),
			ret_online);

		if (device)
			return device;
	}
	return NULL;
}

/* {"type":TYPE,MEMBER:BODY}, the form of everything we say. */
static struct json_object *new_message(const char *type, const char *member,
				       struct json_object *body)
{
	OTA_CLEANUP(json_freep) struct json_object *owned_body = body;
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();

	if (!json || !json_add_string(json, "type", type) ||
	    !json_add(json, member, OTA_TAKE(owned_body)))
		return NULL;
	return OTA_TAKE(json);
}

/* Sections 3.3.1 and 3.3.3: fw_type only for modules other than the default. */
static bool add_module(const struct writer *writer, struct json_object *body,
		       const struct report *report)
{
	if (!strcmp(report->module, cloud_default_module(writer->cloud)))
		return true;
	return json_add_string(body, "fw_type", report->module);
}

static struct json_object *new_version(const struct writer *writer,
				       const struct report *report)
{
	OTA_CLEANUP(json_freep) struct json_object *body = json_new_object();

	if (!body || !json_add_string(body, "version", report->version) ||
	    !add_module(writer, body, report))
		return NULL;
	return OTA_TAKE(body);
}

/* Section 3.3.3: the kind in the vendor's spelling. */
static const char *failure_word(enum ota_error_kind kind)
{
	static const char *const words[] = {
		[OTA_ERROR_NONE] = "",
		[OTA_ERROR_TIMEOUT] = "time_out",
		[OTA_ERROR_NETWORK] = "network",
		[OTA_ERROR_HTTP] = "http_error",
		[OTA_ERROR_NOT_FOUND] = "not_found",
		[OTA_ERROR_URL_EXPIRED] = "url_expired",
		[OTA_ERROR_SIZE_MISMATCH] = "size_mismatch",
		[OTA_ERROR_DIGEST_MISMATCH] = "digest_mismatch",
		[OTA_ERROR_SIGNATURE_INVALID] = "signature_invalid",
		[OTA_ERROR_DOWNGRADE_REFUSED] = "downgrade_refused",
		[OTA_ERROR_INCOMPATIBLE] = "incompatible",
		[OTA_ERROR_NO_SPACE] = "no_space",
		[OTA_ERROR_PERMISSION] = "permission",
		[OTA_ERROR_INSTALL_FAILED] = "install_failed",
		[OTA_ERROR_RESTART_FAILED] = "restart_failed",
		[OTA_ERROR_HEALTH_CHECK_FAILED] = "health_check_failed",
		[OTA_ERROR_POWER_LOW] = "power_low",
		[OTA_ERROR_CANCELLED] = "cancelled",
		[OTA_ERROR_BUSY] = "busy",
		[OTA_ERROR_PROTOCOL] = "protocol_error",
		[OTA_ERROR_INTERNAL] = "internal",
	};
	_Static_assert(OTA_ARRAY_SIZE(words) == OTA_ERROR_KIND_COUNT,
		       "every kind has a word");

	return (unsigned)kind < OTA_ERROR_KIND_COUNT ? words[kind] : "";
}

/* Section 3.3.3: the given message, else the kind. */
static char *result_message(const struct report *report)
{
	if (report_message(report)[0] != '\0')
		return writer_cut(report_message(report),
				  WRITER_TEXT_CHARACTERS);
	if (report->error != OTA_ERROR_NONE)
		return strdup(failure_word(report->error));
	return strdup(report->state == JOB_STATE_ROLLED_BACK ? "rolled_back" :
							       "failed");
}

static struct json_object *new_progress(const struct report *report)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	OTA_CLEANUP(freep) char *message = NULL;
	const char *code = "0";
	char percent[PERCENT_SIZE];

	if (report_has_failed(report)) {
		code = result_codes[report->error];
		message = result_message(report);
	} else {
		message = strdup("");
	}
	if (!json || !message ||
	    !json_add_string(json, "state", state_names[report->state]))
		return NULL;
	snprintf(percent, sizeof(percent), "%u",
		 report->progress_percent < 100 ? report->progress_percent :
						  100);
	if (report->state == JOB_STATE_DOWNLOADING &&
	    !json_add_string(json, "percent", percent))
		return NULL;
	if (!json_add_string(json, "result_code", code) ||
	    !json_add_string(json, "result_msg", message))
		return NULL;
	return OTA_TAKE(json);
}

static struct json_object *new_job_report(const struct writer *writer,
					  const struct report *report)
{
	OTA_CLEANUP(json_freep) struct json_object *body = json_new_object();
	const char *target = report->target ? report->target : "";

	if (!body || !json_add(body, "progress", new_progress(report)) ||
	    !json_add_string(body, "version", target) ||
	    !add_module(writer, body, report))
		return NULL;
	if (report->ids &&
	    !writer_add_id(body, "task_id", &report->ids->task))
		return NULL;
	return OTA_TAKE(body);
}

/* Section 3.5: {"devices":[{"product_id":…,"device_name":…}]} */
static struct json_object *new_online(const struct cloud *cloud,
				      const struct device *device)
{
	OTA_CLEANUP(json_freep) struct json_object *body = json_new_object();
	OTA_CLEANUP(json_freep) struct json_object *devices = json_new_array();
	OTA_CLEANUP(json_freep) struct json_object *entry = json_new_object();
	struct pair pair = identity_pair(cloud, &pair_keys, device);

	if (!body || !devices || !entry ||
	    !json_add_string(entry, "product_id", pair.product) ||
	    !json_add_string(entry, "device_name", pair.name) ||
	    !json_append(devices, OTA_TAKE(entry)) ||
	    !json_add(body, "devices", OTA_TAKE(devices)))
		return NULL;
	return OTA_TAKE(body);
}

static bool publish_online(const struct writer *writer,
			   const struct device *device)
{
	struct pair gateway = identity_pair(writer->cloud, &pair_keys, NULL);

	if (device_is_gateway(device))
		return true;
	return writer_publish(
		writer,
		writer_format("$gateway/operation/%s/%s", gateway.product,
			      gateway.name),
		new_message("online", "payload",
			    new_online(writer->cloud, device)),
		0, false);
}

static bool publish_report(const struct writer *writer,
			   const struct device *device, const char *type,
			   struct json_object *body, int qos, bool result)
{
	return writer_publish(writer,
			      writer_format("$ota/report/%s", device->address),
			      new_message(type, "report", body), qos, result);
}

static bool tencent_encode(const struct writer *writer,
			   const struct report *report,
			   const struct device *device)
{
	switch (report->event) {
	case REPORT_ONLINE:
		return publish_online(writer, device);
	case REPORT_VERSION:
		return publish_report(writer, device, "report_version",
				      new_version(writer, report), 1, false);
	case REPORT_PROGRESS:
		if (!state_names[report->state])
			return true;
		return publish_report(
			writer, device, "report_progress",
			new_job_report(writer, report),
			report->state == JOB_STATE_DOWNLOADING ? 0 : 1,
			job_state_is_terminal(report->state));
	case REPORT_CHECK:
	case REPORT_PROPERTY:
	case REPORT_REPLY:
		return true;
	}
	return true;
}

const struct cloud_ops tencent_ops = {
	.traits = {
		.progress_gap_ms = 1000,
		.needs_online = true,
		.download_to_100 = true,
		.failure_word = failure_word,
	},
	.reject_needs = REJECT_NEEDS_VERSION,
	.reject_event = REPORT_PROGRESS,
	.address = tencent_address,
	.topics = tencent_topics,
	.online_topics = tencent_online_topics,
	.credentials = tencent_credentials,
	.route = tencent_route,
	.decode = tencent_decode,
	.decode_online = tencent_decode_online,
	.encode = tencent_encode,
};
