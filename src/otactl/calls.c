#include "otactl.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"

#include "client.h"

#define SOCKET_NAME "io.otad"

bool ctl_socket_path(const struct ctl *ctl, char *buffer, size_t size,
		     struct ota_error *err)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");
	int length;

	if (ctl->options.socket)
		length = snprintf(buffer, size, "%s", ctl->options.socket);
	else if (folder && *folder)
		/* systemd.exec(5): several folders are separated by colons */
		length = snprintf(buffer, size, "%.*s/" SOCKET_NAME,
				  (int)strcspn(folder, ":"), folder);
	else
		length = snprintf(buffer, size, OTAD_RUNTIME_DIR "/" SOCKET_NAME);
	if (length < 0 || (size_t)length >= size)
		return ota_fail(err, OTA_ERROR_NETWORK,
				"the path of the control socket is too long");
	return true;
}

struct ctl_client *ctl_connect(const struct ctl *ctl, struct ota_error *err)
{
	char path[256];

	if (!ctl_socket_path(ctl, path, sizeof(path), err))
		return NULL;
	return ctl_client_open(path, ctl->patience_ms, err);
}

static struct ctl_client *start_call(const struct ctl *ctl, const char *method,
				     struct json_object *parameters, bool more,
				     struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *passed = parameters;
	OTA_CLEANUP(ctl_client_freep) struct ctl_client *client =
		ctl_connect(ctl, err);
	char name[64];

	snprintf(name, sizeof(name), "io.otad.%s", method);
	if (!client ||
	    !ctl_client_send(client, name, OTA_TAKE(passed), more, err))
		return NULL;
	return OTA_TAKE(client);
}

/* The parameters of the next reply, an object; owned. */
static struct json_object *next_parameters(const struct ctl *ctl,
					   struct ctl_client *client,
					   bool *ret_continues,
					   struct ota_error *err)
{
	struct ctl_reply reply;
	struct json_object *parameters = NULL;

	if (!ctl_client_receive_part(client, ctl->patience_ms, &reply, err))
		return NULL;
	if (ctl_reply_check(&reply, err)) {
		parameters = reply.parameters ? json_object_get(reply.parameters) :
						json_new_object();
		if (!parameters)
			ota_fail_memory(err, "read an answer");
		*ret_continues = reply.continues;
	}
	ctl_reply_done(&reply);
	return parameters;
}

struct json_object *ctl_call(const struct ctl *ctl, const char *method,
			     struct json_object *parameters, struct ota_error *err)
{
	OTA_CLEANUP(ctl_client_freep) struct ctl_client *client =
		start_call(ctl, method, parameters, false, err);
	bool continues;

	return client ? next_parameters(ctl, client, &continues, err) : NULL;
}

static bool join(struct json_object *all, struct json_object *part,
		 struct ota_error *err)
{
	if (!json_object_is_type(part, json_type_array))
		return ota_fail(err, OTA_ERROR_PROTOCOL, "the answer is no list");
	for (size_t i = 0; i < json_object_array_length(part); i++) {
		struct json_object *entry = json_object_array_get_idx(part, i);

		if (!json_append(all, json_object_get(entry)))
			return ota_fail_memory(err, "read an answer");
	}
	return true;
}

struct json_object *ctl_call_list(const struct ctl *ctl, const char *method,
				  struct json_object *parameters,
				  const char *key, struct ota_error *err)
{
	OTA_CLEANUP(ctl_client_freep) struct ctl_client *client =
		start_call(ctl, method, parameters, true, err);
	OTA_CLEANUP(json_freep) struct json_object *all = json_new_array();
	bool continues = true;

	if (client && !all)
		ota_fail_memory(err, "read an answer");
	if (!client || !all)
		return NULL;
	while (continues) {
		OTA_CLEANUP(json_freep) struct json_object *part =
			next_parameters(ctl, client, &continues, err);

		if (!part || !join(all, json_get(part, key), err))
			return NULL;
	}
	return OTA_TAKE(all);
}

struct json_object *ctl_target(const char *device, const char *module)
{
	struct json_object *parameters = json_new_object();

	if (parameters && json_add_string(parameters, "device", device) &&
	    json_add_string(parameters, "module", module))
		return parameters;
	return json_free(parameters);
}
