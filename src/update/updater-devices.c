#include <string.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/messages.h"
#include "otad/base/version.h"

#include "machine.h"
#include "session.h"
#include "updater-private.h"

/* Handlers that are asked for their version at a time: each is a process. */
#define MAX_QUERIES 8

/* VersionFile= and handlers may tell another version than the record. */
struct asked {
	struct updater *updater;
	struct version_query *query; /* NULL: its turn has not come */
	struct asked *next, *previous;
	char *device, *module;
};

static void asked_free(struct asked *asked)
{
	version_query_free(asked->query);
	free(asked->device);
	free(asked->module);
	free(asked);
}

static void forget_asked(struct asked *asked)
{
	struct updater *updater = asked->updater;
	struct ota_error err;
	struct module *module = updater_find_module(
		updater, asked->device, asked->module, NULL, &err);

	if (module && module->owner_data == asked)
		module->owner_data = NULL;
	*(asked->previous ? &asked->previous->next : &updater->asked) =
		asked->next;
	*(asked->next ? &asked->next->previous : &updater->last_asked) =
		asked->previous;
	updater->queries -= asked->query != NULL;
	asked_free(asked);
}

void updater_forget_questions(struct updater *updater)
{
	while (updater->asked)
		forget_asked(updater->asked);
}

static void ask_next(struct updater *updater);

/* Also that there was none: then the platform hears of version 0. */
static void tell_answer(struct updater *updater, struct module *module,
			const char *device)
{
	bool first = module->version_asked;

	module->version_asked = false;
	if (updater->session && first)
		session_version_known(updater->session, device,
				      module->settings->name);
	else if (updater->session)
		session_report_version(updater->session, device,
				       module->settings->name);
}

static void log_unknown(const struct asked *asked, const struct ota_error *why)
{
	struct log_context context = { .device = asked->device,
				       .module = asked->module };

	/* Of thousands of devices some always are away. */
	if (why->kind == OTA_ERROR_BUSY)
		log_debug(&context, "Version of %s unknown: %s", asked->module,
			  why->text);
	else
		log_warning(&context, "Version of %s unknown: %s",
			    asked->module, why->text);
}

static void on_version(void *user_data, const char *version,
		       const struct ota_error *why)
{
	struct asked *asked = user_data;
	struct updater *updater = asked->updater;
	struct ota_error err;
	struct module *module = updater_find_module(
		updater, asked->device, asked->module, NULL, &err);
	struct job *job = module ? updater_find_job(updater, asked->device,
						    asked->module) :
				   NULL;
	/* Of what is on trial, the end of the job tells. */
	bool changed = module && version && !(job && job_is_installing(job)) &&
		       (!module->version || strcmp(module->version, version) != 0);

	if (why)
		log_unknown(asked, why);
	if (changed && !module_set_version(module, version))
		log_error(NULL, "out of memory");
	else if (changed || (module && module->version_asked))
		tell_answer(updater, module, asked->device);
	forget_asked(asked);
	ask_next(updater);
}

static bool ask(struct asked *asked, struct ota_error *err)
{
	struct updater *updater = asked->updater;
	struct module *module = updater_find_module(
		updater, asked->device, asked->module, NULL, err);

	if (!module)
		return false;
	asked->query = version_query_new(&updater->env, asked->device,
					 module->settings, on_version, asked,
					 err);
	updater->queries += asked->query != NULL;
	return asked->query;
}

static void give_up_asking(struct asked *asked)
{
	struct ota_error err;
	struct module *module = updater_find_module(
		asked->updater, asked->device, asked->module, NULL, &err);

	if (module && module->version_asked)
		tell_answer(asked->updater, module, asked->device);
	forget_asked(asked);
}

static void ask_next(struct updater *updater)
{
	struct asked *asked = updater->asked, *next;
	struct ota_error err;

	for (; asked && updater->queries < MAX_QUERIES; asked = next) {
		next = asked->next;
		if (asked->query || ask(asked, &err))
			continue;
		log_unknown(asked, &err);
		give_up_asking(asked);
	}
}

void updater_version_is_known(struct updater *updater, const char *device,
			      const char *module_name)
{
	struct ota_error err;
	struct module *module =
		updater_find_module(updater, device, module_name, NULL, &err);

	if (!module)
		return;
	module->version_asked = false;
	if (module->owner_data)
		forget_asked(module->owner_data);
	ask_next(updater);
}

void updater_refresh_version(struct updater *updater, const char *device,
			     struct module *module)
{
	struct asked *asked = calloc(1, sizeof(*asked));

	if (!asked || !(asked->device = strdup(device)) ||
	    !(asked->module = strdup(module->settings->name))) {
		if (asked)
			asked_free(asked);
		return;
	}
	asked->updater = updater;
	module->version_asked = !module->version;
	module->owner_data = asked;
	asked->previous = updater->last_asked;
	*(updater->asked ? &updater->last_asked->next : &updater->asked) = asked;
	updater->last_asked = asked;
	ask_next(updater);
}

static bool tells_version(const struct module_settings *settings)
{
	return settings->version_file || settings->type == INSTALLER_EXEC;
}

static bool set_first_version(struct updater *updater, const char *device,
			      struct module *module, struct ota_error *err)
{
	const struct module_settings *settings = module->settings;
	OTA_CLEANUP(module_record_freep) struct module_record *record = NULL;
	const char *version;

	if (settings->type == INSTALLER_SELF) {
		version = updater->env.self.version;
	} else {
		record = module_record_load(&updater->store, device,
					    settings->name, err);
		if (!record)
			return false;
		version = record->version ? record->version : settings->version;
	}
	if (version && !module_set_version(module, version))
		return ota_fail_memory(err, "reading versions");
	return true;
}

static bool set_versions(struct updater *updater, struct device *device,
			 struct ota_error *err)
{
	for (size_t i = 0; i < device->n_modules; i++) {
		struct module *module = &device->modules[i];

		if (!set_first_version(updater, device->name, module, err))
			return false;
		if (tells_version(module->settings))
			updater_refresh_version(updater, device->name, module);
	}
	return true;
}

static bool enter(struct updater *updater, struct device *device,
		  struct ota_error *err)
{
	if (!session_set_address(updater->session, device, err) ||
	    !inventory_add(updater->inventory, device, err)) {
		free(device->owner_data);
		device_free(device);
		return false;
	}
	if (set_versions(updater, device, err))
		return true;
	free(device->owner_data);
	inventory_remove(updater->inventory, device->name);
	return false;
}

static bool enter_configured(struct updater *updater, struct ota_error *err)
{
	const struct config *config = updater->config;

	for (size_t i = 0; i < config->n_devices; i++) {
		struct device *copy = device_copy(config->devices[i]);

		if (!copy)
			return ota_fail_memory(err, "reading the devices");
		if (!enter(updater, copy, err))
			return ota_wrap(err, "device %s",
					config->devices[i]->name);
	}
	return true;
}

static bool enter_registered(void *user_data, const char *path,
			     struct json_object *document, struct ota_error *err)
{
	struct updater *updater = user_data;
	const char *name = json_get_string(document, "device");
	const char *class_name = json_get_string(document, "class");
	struct ota_error why;
	struct device *device;

	if (!name || !class_name)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"device or class is missing");
	/* Configured since: the configuration wins. */
	if (inventory_find(updater->inventory, name))
		return true;
	device = config_make_device(updater->config, name, class_name, &why);
	if (!device) {
		log_warning(&(struct log_context){ .device = name },
			    "Device %s, registered at run time, is left out: %s",
			    name, why.text);
		return true;
	}
	device->registered = true;
	if (!enter(updater, device, &why))
		log_warning(&(struct log_context){ .device = name },
			    "Device %s, registered at run time, is left out: %s",
			    name, why.text);
	return true;
}

void updater_carry_versions(const struct inventory *before,
			    struct inventory *after)
{
	for (size_t i = 0; i < inventory_count(after); i++) {
		struct device *device = inventory_at(after, i);
		const struct device *old = inventory_find(before, device->name);

		for (size_t k = 0; old && k < device->n_modules; k++) {
			struct module *module = &device->modules[k];
			const struct module *was = device_find_module(
				old, module->settings->name);

			if (was && was->version &&
			    tells_version(module->settings) &&
			    !module_set_version(module, was->version))
				log_error(NULL, "out of memory");
		}
	}
}

bool updater_build_inventory(struct updater *updater, struct ota_error *err)
{
	return enter_configured(updater, err) &&
	       store_each(&updater->store, STORE_DEVICES, enter_registered,
			  updater, err);
}

void updater_free_inventory(struct updater *updater)
{
	updater_forget_questions(updater);
	if (!updater->inventory)
		return;
	for (size_t i = 0; i < inventory_count(updater->inventory); i++)
		free(inventory_at(updater->inventory, i)->owner_data);
	updater->inventory = inventory_free(updater->inventory);
}

struct module *updater_find_module(const struct updater *updater,
				   const char *device_name,
				   const char *module_name,
				   const char **ret_device, struct ota_error *err)
{
	const char *name = device_name ? device_name : DEVICE_SELF;
	struct device *device = inventory_find(updater->inventory, name);
	struct module *module;

	if (!device) {
		ota_fail(err, OTA_ERROR_NOT_FOUND,
			 "there is no device %s; see otactl device list", name);
		return NULL;
	}
	if (!module_name || module_name[0] == '\0')
		module_name = updater->config->platform->default_module;
	module = device_find_module(device, module_name);
	if (!module)
		ota_fail(err, OTA_ERROR_NOT_FOUND,
			 "device %s has no module %s; see otactl modules", name,
			 module_name);
	else if (ret_device)
		*ret_device = device->name;
	return module;
}

bool updater_each_device(const struct updater *updater, device_view_fn fn,
			 void *user_data)
{
	for (size_t i = 0; i < inventory_count(updater->inventory); i++)
		if (!fn(inventory_at(updater->inventory, i), user_data))
			return false;
	return true;
}

void updater_drop_device(struct updater *updater, const char *name)
{
	struct device *device = inventory_find(updater->inventory, name);

	if (!device)
		return;
	for (size_t i = 0; i < device->n_modules; i++)
		if (device->modules[i].owner_data)
			forget_asked(device->modules[i].owner_data);
	if (updater->session)
		session_device_removed(updater->session, device);
	free(device->owner_data);
	device->owner_data = NULL;
	inventory_remove(updater->inventory, name);
}

static bool record_device(struct updater *updater, const struct device *device,
			  struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	OTA_CLEANUP(freep) char *path = store_path(
		&updater->store, STORE_DEVICES, device->name, ".json");

	if (!json || !path || !json_add_string(json, "device", device->name) ||
	    !json_add_string(json, "class", device->class_name))
		return ota_fail_memory(err, "adding a device");
	return store_write(path, json, err);
}

bool updater_add_device(struct updater *updater, const char *name,
			const char *class_name, struct ota_error *err)
{
	OTA_CLEANUP(device_freep) struct device *device = NULL;

	if (inventory_find(updater->inventory, name))
		return ota_fail(err, OTA_ERROR_BUSY,
				"there is a device %s already", name);
	if (!updater->session)
		return ota_fail(err, OTA_ERROR_BUSY,
				"there is no session with the cloud just now; try again in a moment");
	device = config_make_device(updater->config, name, class_name, err);
	if (!device)
		return false;
	device->registered = true;
	if (!enter(updater, OTA_TAKE(device), err))
		return false;
	if (!record_device(updater, inventory_find(updater->inventory, name),
			   err)) {
		updater_drop_device(updater, name);
		return false;
	}
	session_device_added(updater->session,
			     inventory_find(updater->inventory, name));
	log_notice(&(struct log_context){ .device = name },
		   "Device %s of class %s added", name, class_name);
	return true;
}

static bool is_too_late(const struct updater *updater,
			const struct device *device, struct ota_error *err)
{
	for (size_t i = 0; i < device->n_modules; i++) {
		const char *module = device->modules[i].settings->name;
		struct job *job = updater_find_job(updater, device->name, module);

		if (!job || job->state < JOB_STATE_INSTALLING ||
		    job_state_is_terminal(job->state))
			continue;
		ota_fail(err, OTA_ERROR_BUSY,
			 "%s of %s is %s; remove the device when that has ended",
			 module, device->name, job_state_name(job->state));
		return true;
	}
	return false;
}

/*
 * True when there are any: the cloud must be told of their end while it still
 * knows the device, so the last of them takes it out of the inventory. That may
 * have happened by now.
 */
static bool cancel_jobs(struct updater *updater, const char *device)
{
	struct ota_error why;
	struct job *next;
	bool any = false;

	ota_fail(&why, OTA_ERROR_CANCELLED, "its device was removed");
	for (struct job *job = updater_find_jobs(updater, device); job;
	     job = next) {
		next = job->same_device;
		any = true;
		job->remove_device = true;
		job_fail(job, &why);
	}
	return any;
}

bool updater_remove_device(struct updater *updater, const char *name,
			   struct ota_error *err)
{
	struct device *device = inventory_find(updater->inventory, name);
	OTA_CLEANUP(freep) char *path = NULL;

	if (!device)
		return ota_fail(err, OTA_ERROR_NOT_FOUND,
				"there is no device %s; see otactl device list",
				name);
	if (!device->registered)
		return ota_fail(err, OTA_ERROR_BUSY,
				"device %s is configured; remove its [Device] section and reload",
				name);
	if (is_too_late(updater, device, err))
		return false;
	path = store_path(&updater->store, STORE_DEVICES, name, ".json");
	if (!path)
		return ota_fail_memory(err, "removing a device");
	if (!file_remove(path, err))
		return false;
	log_notice(&(struct log_context){ .device = name }, "Device %s removed",
		   name);
	if (!cancel_jobs(updater, name))
		updater_drop_device(updater, name);
	return true;
}
