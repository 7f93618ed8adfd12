#include "varlink.h"

#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"

#include "buffer.h"

/* A flag that is no boolean makes the call unclear, and an unclear call is none. */
static bool get_flag(struct json_object *message, const char *key, bool *ret_flag)
{
	struct json_object *value = json_get(message, key);

	if (value && !json_object_is_type(value, json_type_boolean))
		return false;
	*ret_flag = value && json_object_get_boolean(value);
	return true;
}

static bool read_call(struct varlink_call *call, struct ota_error *err)
{
	struct json_object *message = call->message;
	struct json_object *method;
	bool upgrade;

	if (!json_object_is_type(message, json_type_object))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"a call must be a JSON object");
	method = json_get(message, "method");
	call->method = json_get_string(message, "method");
	if (!call->method || json_string_has_nul(method))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"a call must name its \"method\"");
	call->parameters = json_get(message, "parameters");
	if (call->parameters &&
	    !json_object_is_type(call->parameters, json_type_object))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"the \"parameters\" of a call must be an object");
	if (!get_flag(message, "oneway", &call->oneway) ||
	    !get_flag(message, "more", &call->more) ||
	    !get_flag(message, "upgrade", &upgrade))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"\"oneway\", \"more\" and \"upgrade\" must be true or false");
	if (call->oneway && call->more)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"a call cannot be both \"oneway\" and \"more\"");
	if (upgrade)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"no method can \"upgrade\" the connection");
	return true;
}

bool varlink_call_parse(const char *text, size_t size, struct varlink_call *ret,
			struct ota_error *err)
{
	struct varlink_call call = {
		.message = json_parse_err(text, size, JSON_MAX_BYTES, err),
	};

	if (!call.message)
		return false;
	if (!read_call(&call, err)) {
		varlink_call_done(&call);
		return false;
	}
	*ret = call;
	return true;
}

void varlink_call_done(struct varlink_call *call)
{
	json_free(call->message);
	*call = (struct varlink_call){ 0 };
}

bool varlink_reply(struct buffer *buffer, const char *error,
		   struct json_object *parameters, bool continues,
		   size_t max_bytes, struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *body = parameters;
	OTA_CLEANUP(json_freep) struct json_object *reply = json_new_object();
	const char *text;
	size_t size;

	if (!body)
		body = json_new_object();
	if (!reply || !body || (error && !json_add_string(reply, "error", error)) ||
	    !json_add(reply, "parameters", OTA_TAKE(body)) ||
	    (continues && !json_add_bool(reply, "continues", true)))
		return ota_fail_memory(err, "make a reply");
	text = json_text(reply);
	if (!text)
		return ota_fail_memory(err, "make a reply");
	size = strlen(text) + 1;
	if (size > max_bytes)
		return ota_fail(err, OTA_ERROR_NO_SPACE,
				"a reply of %zu bytes is too long", size);
	if (!buffer_append(buffer, text, size))
		return ota_fail_memory(err, "make a reply");
	return true;
}
