#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json_object.h>

#include "otad/base/json.h"
#include "otad/model/offer.h"

#include "job.h"
#include "otactl.h"
#include "table.h"
#include "text.h"

static bool put_document(const char *key, struct json_object *list)
{
	OTA_CLEANUP(json_freep) struct json_object *document = json_new_object();

	return document && json_add(document, key, json_object_get(list)) &&
	       ctl_put_json(document);
}

/* "default, app" */
static char *join_names(struct json_object *names)
{
	char *joined = NULL;
	size_t size;
	FILE *out = open_memstream(&joined, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; json_object_is_type(names, json_type_array) &&
			   i < json_object_array_length(names);
	     i++) {
		const char *name =
			json_object_get_string(json_object_array_get_idx(names, i));

		fprintf(out, "%s%s", i ? ", " : "", name ? name : "");
	}
	if (fclose(out) != 0) {
		free(joined);
		return NULL;
	}
	return joined;
}

static bool add_row(struct ctl_table *table, struct json_object *device)
{
	OTA_CLEANUP(freep) char *modules = join_names(json_get(device, "modules"));
	const char *cells[] = {
		ctl_field(device, "name"),
		ctl_field(device, "class"),
		json_get_bool(device, "registered", false) ? "registered" :
							     "configured",
		modules,
	};

	return modules && ctl_table_add(table, cells, CTL_COLOUR_NONE, NULL);
}

static bool is_asked_for(const struct ctl *ctl, struct json_object *device)
{
	return !ctl->options.device ||
	       strcmp(ctl->options.device, ctl_field(device, "name")) == 0;
}

int ctl_run_device_list(struct ctl *ctl)
{
	static const char *const titles[] = { "DEVICE", "CLASS", "ORIGIN",
					      "MODULES", NULL };
	OTA_CLEANUP(ctl_table_freep) struct ctl_table *table = ctl_table_new(titles);
	OTA_CLEANUP(json_freep) struct json_object *devices = NULL;
	OTA_CLEANUP(json_freep) struct json_object *shown = json_new_array();
	struct ota_error err = OTA_ERROR_INIT;
	bool ok = table && shown;

	devices = ctl_call_list(ctl, "ListDevices", NULL, "devices", &err);
	if (!devices)
		return ctl_report(&err);
	for (size_t i = 0; ok && i < json_object_array_length(devices); i++) {
		struct json_object *device = json_object_array_get_idx(devices, i);

		if (is_asked_for(ctl, device))
			ok = json_append(shown, json_object_get(device)) &&
			     add_row(table, device);
	}
	if (ok && ctl->options.device && json_object_array_length(shown) == 0) {
		ctl_complain("no device '%s'", ctl->options.device);
		return CTL_FAILED;
	}
	if (ok && ctl->options.json)
		ok = put_document("devices", shown);
	else if (ok)
		ok = ctl_table_print(table, &ctl->screen);
	if (!ok)
		ctl_complain("out of memory");
	return ok ? CTL_DONE : CTL_FAILED;
}

static int change(struct ctl *ctl, const char *method, const char *class_name,
		  const char *done)
{
	const char *name = ctl->args[0];
	struct json_object *parameters = json_new_object();
	OTA_CLEANUP(json_freep) struct json_object *reply = NULL;
	struct ota_error err = OTA_ERROR_INIT;

	if (!parameters || !json_add_string(parameters, "name", name) ||
	    !json_add_string(parameters, "class", class_name)) {
		json_free(parameters);
		ctl_complain("out of memory");
		return CTL_FAILED;
	}
	reply = ctl_call(ctl, method, parameters, &err);
	if (!reply)
		return ctl_report(&err);
	if (ctl->options.json)
		ctl_put_json(reply);
	else
		printf("%s: %s\n", name, done);
	return CTL_DONE;
}

/* --device names nothing here: the device is the argument. */
static int check_name(struct ctl *ctl)
{
	if (ctl->options.device)
		return ctl_usage(ctl, "'%s' takes the device as its argument",
				 ctl->command);
	if (!module_name_is_valid(ctl->args[0]))
		return ctl_usage(ctl, "'%s' cannot be the name of a device",
				 ctl->args[0]);
	return CTL_DONE;
}

int ctl_run_device_add(struct ctl *ctl)
{
	int result = check_name(ctl);

	if (result != CTL_DONE)
		return result;
	if (!ctl->options.class_name)
		return ctl_usage(ctl, "'device add' needs --class");
	return change(ctl, "AddDevice", ctl->options.class_name, "added");
}

int ctl_run_device_remove(struct ctl *ctl)
{
	int result = check_name(ctl);

	return result == CTL_DONE ? change(ctl, "RemoveDevice", NULL, "removed") :
				    result;
}
