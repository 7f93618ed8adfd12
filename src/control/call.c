#include "call.h"

#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#include "client.h"
#include "peer.h"
#include "varlink.h"
#include "views.h"

struct interface {
	const char *name;
	const struct method *methods;
};

static const struct interface interfaces[] = {
	{ SERVICE_INTERFACE, service_methods },
	{ OTAD_INTERFACE, otad_methods },
};

static void send_reply(struct call *call, const char *error,
		       struct json_object *parameters)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (call->oneway) {
		json_free(parameters);
		return;
	}
	if (control_client_reply(call->client, error, parameters, false, &err))
		return;
	/* A list too long for one reply can be had in several. */
	if (err.kind == OTA_ERROR_NO_SPACE &&
	    control_client_reply(call->client, VARLINK_ERROR_EXPECTED_MORE, NULL,
				 false, &err))
		return;
	control_client_fail(call->client, &err);
}

static void out_of_memory(struct call *call)
{
	struct ota_error err = OTA_ERROR_INIT;

	ota_fail_memory(&err, "answer a call");
	control_client_fail(call->client, &err);
}

void call_reply(struct call *call, struct json_object *parameters)
{
	if (!parameters)
		out_of_memory(call);
	else
		send_reply(call, NULL, parameters);
}

void call_reply_empty(struct call *call)
{
	send_reply(call, NULL, NULL);
}

void call_error(struct call *call, const char *error, const char *key,
		const char *value)
{
	OTA_CLEANUP(json_freep) struct json_object *parameters = json_new_object();

	if (!parameters || (key && !json_add_string(parameters, key, value)))
		out_of_memory(call);
	else
		send_reply(call, error, OTA_TAKE(parameters));
}

void call_invalid(struct call *call, const char *parameter)
{
	call_error(call, VARLINK_ERROR_INVALID_PARAMETER, "parameter", parameter);
}

void call_refuse(struct call *call, const struct ota_error *err)
{
	struct json_object *parameters;

	if (err->kind == OTA_ERROR_NOT_FOUND) {
		call_error(call, OTAD_INTERFACE ".NotFound", "message", err->text);
		return;
	}
	parameters = view_message(ota_error_kind_name(err->kind), err->text);
	if (!parameters)
		out_of_memory(call);
	else
		send_reply(call, OTAD_INTERFACE ".Refused", parameters);
}

static bool has_type(struct json_object *value, enum parameter_type type)
{
	switch (type) {
	case PARAMETER_TEXT:
		return json_object_is_type(value, json_type_string) &&
		       !json_string_has_nul(value);
	case PARAMETER_NUMBER:
		return json_object_is_type(value, json_type_int);
	case PARAMETER_FLAG:
		return json_object_is_type(value, json_type_boolean);
	}
	return false;
}

static const struct parameter *find_parameter(const struct method *method,
					      const char *name)
{
	for (const struct parameter *p = method->parameters; p && p->name; p++) {
		if (strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

/* Yields the name of the first parameter that is wrong, or NULL. */
static const char *find_fault(const struct call *call, const struct method *method)
{
	if (call->parameters) {
		json_object_object_foreach(call->parameters, name, value) {
			const struct parameter *p = find_parameter(method, name);

			if (!p || (value && !has_type(value, p->type)))
				return name;
		}
	}
	for (const struct parameter *p = method->parameters; p && p->name; p++) {
		if (p->required && !json_get(call->parameters, p->name))
			return p->name;
	}
	return NULL;
}

static void run_method(struct call *call, const struct method *method)
{
	const char *fault;

	if (method->changes && !control_client_peer(call->client)->trusted) {
		call_error(call, VARLINK_ERROR_PERMISSION_DENIED, NULL, NULL);
		return;
	}
	fault = find_fault(call, method);
	if (fault)
		call_invalid(call, fault);
	else if (method->needs_more && !call->more)
		call_error(call, VARLINK_ERROR_EXPECTED_MORE, NULL, NULL);
	else
		method->run(call);
}

static void run_on(struct call *call, const struct interface *interface,
		   const char *name)
{
	for (const struct method *m = interface->methods; m->name; m++) {
		if (strcmp(m->name, name) == 0) {
			run_method(call, m);
			return;
		}
	}
	call_error(call, VARLINK_ERROR_METHOD_NOT_FOUND, "method", name);
}

void call_run(struct call *call, const char *method)
{
	OTA_CLEANUP(freep) char *interface = NULL;
	const char *dot = strrchr(method, '.');

	if (!dot) {
		call_error(call, VARLINK_ERROR_METHOD_NOT_FOUND, "method", method);
		return;
	}
	interface = strndup(method, (size_t)(dot - method));
	if (!interface) {
		out_of_memory(call);
		return;
	}
	for (size_t i = 0; i < OTA_ARRAY_SIZE(interfaces); i++) {
		if (strcmp(interfaces[i].name, interface) == 0) {
			run_on(call, &interfaces[i], dot + 1);
			return;
		}
	}
	call_error(call, VARLINK_ERROR_INTERFACE_NOT_FOUND, "interface", interface);
}
