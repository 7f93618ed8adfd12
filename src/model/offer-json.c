#include "otad/model/offer.h"

#include "otad/base/cleanup.h"
#include "otad/base/json.h"
#include "otad/base/version.h"
#include "otad/model/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

/* protocols.md, section 1.3: beyond it a JSON number is no longer exact. */
#define MESSAGE_ID_MAX_NUMBER ((INT64_C(1) << 53) - 1)
#define MESSAGE_ID_MAX_BYTES 128

static bool add_id(struct json_object *json, const char *key,
		   const struct message_id *id)
{
	if (!id->text)
		return true;
	if (id->is_number)
		return json_add_int(json, key, strtoll(id->text, NULL, 10));
	return json_add_string(json, key, id->text);
}

static bool add_digest(struct json_object *json, const struct digest *digest)
{
	return digest->alg == DIGEST_NONE ||
	       json_add_string(json, digest_alg_name(digest->alg), digest->hex);
}

static bool add_size(struct json_object *json, uint64_t size_bytes)
{
	return size_bytes > INT64_MAX ||
	       json_add_int(json, "size", (int64_t)size_bytes);
}

struct json_object *offer_to_json(const struct offer *offer)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	bool from_control = offer->source == OFFER_SOURCE_CONTROL;

	if (!json || !json_add_string(json, "device", offer->device) ||
	    !json_add_string(json, "module", offer->module) ||
	    !json_add_string(json, "version", offer->version) ||
	    !json_add_string(json, "url", offer->url) ||
	    !add_size(json, offer->size_bytes) ||
	    !add_digest(json, &offer->md5) ||
	    !add_digest(json, &offer->sha256) ||
	    !json_add_bool(json, "force", offer->force) ||
	    !json_add_string(json, "source",
			     from_control ? "control" : "cloud") ||
	    !add_id(json, "msg_id", &offer->ids.msg) ||
	    !add_id(json, "task_id", &offer->ids.task))
		return NULL;
	if (offer->ids.has_strategy &&
	    !json_add_int(json, "strategy", offer->ids.strategy))
		return NULL;
	return OTA_TAKE(json);
}

static bool bad_member(struct ota_error *err, const char *key)
{
	return ota_fail(err, OTA_ERROR_PROTOCOL,
			"offer: \"%s\" is missing or not valid", key);
}

/* NULL unless `key` is a string that C can hold whole. */
static const char *get_text(struct json_object *json, const char *key)
{
	struct json_object *value = json_get(json, key);

	if (!value || !json_object_is_type(value, json_type_string) ||
	    json_string_has_nul(value))
		return NULL;
	return json_object_get_string(value);
}

static bool read_text(struct json_object *json, const char *key,
		      bool (*is_valid)(const char *), char **ret_text,
		      struct ota_error *err)
{
	const char *text = get_text(json, key);

	if (!text || !is_valid(text))
		return bad_member(err, key);
	*ret_text = strdup(text);
	if (!*ret_text)
		return ota_fail_memory(err, "read an offer");
	return true;
}

/* Plain http is for the policy to refuse, which may have changed since. */
static bool url_is_valid(const char *url)
{
	return offer_check_url(url, true) == OFFER_OK;
}

static bool message_id_is_valid(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && size <= MESSAGE_ID_MAX_BYTES &&
	       !text_has_control(text, size);
}

static bool read_id(struct json_object *json, const char *key,
		    struct message_id *id, struct ota_error *err)
{
	struct json_object *value = json_get(json, key);
	int64_t number;

	if (!value)
		return true;
	if (!json_object_is_type(value, json_type_int))
		return read_text(json, key, message_id_is_valid, &id->text,
				 err);
	number = json_object_get_int64(value);
	if (number < -MESSAGE_ID_MAX_NUMBER || number > MESSAGE_ID_MAX_NUMBER)
		return bad_member(err, key);
	id->is_number = true;
	if (asprintf(&id->text, "%" PRId64, number) < 0) {
		id->text = NULL;
		return ota_fail_memory(err, "read an offer");
	}
	return true;
}

static bool read_digest(struct json_object *json, enum digest_alg alg,
			struct digest *digest, struct ota_error *err)
{
	const char *key = digest_alg_name(alg);
	const char *hex = get_text(json, key);

	if (!json_get(json, key))
		return true;
	return (hex && digest_set(digest, alg, hex)) || bad_member(err, key);
}

static bool read_size(struct json_object *json, uint64_t *size_bytes,
		      struct ota_error *err)
{
	struct json_object *value = json_get(json, "size");
	int64_t size;

	if (!value)
		return true;
	if (!json_object_is_type(value, json_type_int))
		return bad_member(err, "size");
	size = json_object_get_int64(value);
	/* json-c turns what does not fit into the greatest number. */
	if (size < 1 || size == INT64_MAX)
		return bad_member(err, "size");
	*size_bytes = (uint64_t)size;
	return true;
}

static bool read_force(struct json_object *json, bool *force,
		       struct ota_error *err)
{
	struct json_object *value = json_get(json, "force");

	if (!value)
		return true;
	if (!json_object_is_type(value, json_type_boolean))
		return bad_member(err, "force");
	*force = json_object_get_boolean(value);
	return true;
}

static bool read_source(struct json_object *json, enum offer_source *source,
			struct ota_error *err)
{
	const char *name = get_text(json, "source");

	if (name && !strcmp(name, "cloud"))
		*source = OFFER_SOURCE_CLOUD;
	else if (name && !strcmp(name, "control"))
		*source = OFFER_SOURCE_CONTROL;
	else
		return bad_member(err, "source");
	return true;
}

static bool read_strategy(struct json_object *json, struct offer_ids *ids,
			  struct ota_error *err)
{
	struct json_object *value = json_get(json, "strategy");

	if (!value)
		return true;
	if (!json_object_is_type(value, json_type_int))
		return bad_member(err, "strategy");
	ids->has_strategy = true;
	ids->strategy = json_object_get_int64(value);
	return true;
}

struct offer *offer_from_json(struct json_object *json, struct ota_error *err)
{
	OTA_CLEANUP(offer_freep) struct offer *offer = NULL;

	if (!json || !json_object_is_type(json, json_type_object)) {
		ota_fail(err, OTA_ERROR_PROTOCOL, "offer: not an object");
		return NULL;
	}
	offer = offer_new();
	if (!offer) {
		ota_fail_memory(err, "read an offer");
		return NULL;
	}
	if (!read_text(json, "device", module_name_is_valid, &offer->device,
		       err) ||
	    !read_text(json, "module", module_name_is_valid, &offer->module,
		       err) ||
	    !read_text(json, "version", version_is_valid, &offer->version,
		       err) ||
	    !read_text(json, "url", url_is_valid, &offer->url, err) ||
	    !read_size(json, &offer->size_bytes, err) ||
	    !read_digest(json, DIGEST_MD5, &offer->md5, err) ||
	    !read_digest(json, DIGEST_SHA256, &offer->sha256, err) ||
	    !read_force(json, &offer->force, err) ||
	    !read_source(json, &offer->source, err) ||
	    !read_id(json, "msg_id", &offer->ids.msg, err) ||
	    !read_id(json, "task_id", &offer->ids.task, err) ||
	    !read_strategy(json, &offer->ids, err))
		return NULL;
	return OTA_TAKE(offer);
}
