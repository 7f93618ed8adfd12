#include "call.h"

#include <string.h>

#include "otad/base/json.h"

#include <json-c/json_object.h>

#include "descriptions.h"
#include "varlink.h"

static bool add_interfaces(struct json_object *info)
{
	struct json_object *names = json_new_array();

	if (!names ||
	    !json_append(names, json_object_new_string(SERVICE_INTERFACE)) ||
	    !json_append(names, json_object_new_string(OTAD_INTERFACE))) {
		json_free(names);
		return false;
	}
	return json_add(info, "interfaces", names);
}

static void get_info(struct call *call)
{
	OTA_CLEANUP(json_freep) struct json_object *info = json_new_object();

	if (info && json_add_string(info, "vendor", "otad") &&
	    json_add_string(info, "product", "otad") &&
	    json_add_string(info, "version", OTAD_VERSION) &&
	    json_add_string(info, "url", "") && add_interfaces(info))
		call_reply(call, OTA_TAKE(info));
	else
		call_reply(call, NULL);
}

static void get_interface_description(struct call *call)
{
	const char *interface = json_get_string(call->parameters, "interface");
	OTA_CLEANUP(json_freep) struct json_object *reply = json_new_object();
	const char *description = NULL;

	if (strcmp(interface, OTAD_INTERFACE) == 0)
		description = description_io_otad;
	else if (strcmp(interface, SERVICE_INTERFACE) == 0)
		description = description_org_varlink_service;
	if (!description)
		call_error(call, VARLINK_ERROR_INTERFACE_NOT_FOUND, "interface",
			   interface);
	else if (reply && json_add_string(reply, "description", description))
		call_reply(call, OTA_TAKE(reply));
	else
		call_reply(call, NULL);
}

static const struct parameter description_parameters[] = {
	{ "interface", PARAMETER_TEXT, true },
	{ 0 },
};

const struct method service_methods[] = {
	{ "GetInfo", .run = get_info },
	{ "GetInterfaceDescription", .parameters = description_parameters,
	  .run = get_interface_description },
	{ 0 },
};
