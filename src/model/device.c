#include "otad/model/device.h"

#include "otad/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

static const char *const installer_names[] = {
	[INSTALLER_SELF] = "self",	 [INSTALLER_BINARY] = "binary",
	[INSTALLER_CONFIG] = "config",	 [INSTALLER_ARCHIVE] = "archive",
	[INSTALLER_SLOT] = "slot",	 [INSTALLER_EXEC] = "exec",
};
_Static_assert(OTA_ARRAY_SIZE(installer_names) == INSTALLER_TYPE_COUNT,
	       "every installer has a name");

const char *installer_type_name(enum installer_type type)
{
	if ((unsigned)type >= INSTALLER_TYPE_COUNT)
		return "";
	return installer_names[type];
}

bool installer_type_parse(const char *name, enum installer_type *ret_type)
{
	for (unsigned i = 0; i < INSTALLER_TYPE_COUNT; i++) {
		if (!strcmp(installer_names[i], name)) {
			*ret_type = (enum installer_type)i;
			return true;
		}
	}
	return false;
}

const char *key_value_get(const struct key_value *pairs, size_t count,
			  const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(pairs[i].key, key))
			return pairs[i].value;
	}
	return NULL;
}

struct module_settings *module_settings_new(const char *name,
					    enum installer_type type)
{
	struct module_settings *settings = calloc(1, sizeof(*settings));

	if (!settings)
		return NULL;
	settings->references = 1;
	settings->type = type;
	settings->keep = MODULE_KEEP_DEFAULT;
	settings->health_period_ms = MODULE_HEALTH_PERIOD_DEFAULT_MS;
	settings->timeout_ms = MODULE_TIMEOUT_DEFAULT_MS;
	settings->name = strdup(name);
	if (!settings->name)
		return module_settings_unref(settings);
	return settings;
}

struct module_settings *module_settings_ref(struct module_settings *settings)
{
	settings->references++;
	return settings;
}

struct module_settings *module_settings_unref(struct module_settings *settings)
{
	if (!settings || --settings->references > 0)
		return NULL;
	free(settings->name);
	free(settings->path);
	free(settings->service);
	free(settings->restart);
	free(settings->health_check);
	free(settings->check);
	free(settings->reload);
	free(settings->handler);
	free(settings->version);
	free(settings->version_file);
	free(settings->slot_a);
	free(settings->slot_b);
	free(settings->active);
	free(settings->activate);
	free(settings->confirm);
	free(settings->version_attribute);
	free(settings->check_event);
	free(settings);
	return NULL;
}

struct device *device_new(const char *name, const char *class_name)
{
	OTA_CLEANUP(device_freep) struct device *device =
		calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->name = strdup(name);
	if (!device->name)
		return NULL;
	if (class_name) {
		device->class_name = strdup(class_name);
		if (!device->class_name)
			return NULL;
	}
	return OTA_TAKE(device);
}

struct device *device_free(struct device *device)
{
	if (!device)
		return NULL;
	for (size_t i = 0; i < device->n_keys; i++) {
		free(device->keys[i].key);
		free(device->keys[i].value);
	}
	free(device->keys);
	for (size_t i = 0; i < device->n_modules; i++) {
		module_settings_unref(device->modules[i].settings);
		free(device->modules[i].version);
	}
	free(device->modules);
	free(device->name);
	free(device->class_name);
	free(device->address);
	free(device);
	return NULL;
}

static bool replace_string(char **string, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return false;
	free(*string);
	*string = copy;
	return true;
}

bool device_add_key(struct device *device, const char *key, const char *value)
{
	OTA_CLEANUP(freep) char *key_copy = NULL;
	OTA_CLEANUP(freep) char *value_copy = NULL;
	struct key_value *grown;

	for (size_t i = 0; i < device->n_keys; i++) {
		if (!strcmp(device->keys[i].key, key))
			return replace_string(&device->keys[i].value, value);
	}
	key_copy = strdup(key);
	value_copy = strdup(value);
	if (!key_copy || !value_copy)
		return false;
	/* Grown one by one: a device has a handful of keys, ten thousand
	 * devices have room for no spare ones. */
	grown = reallocarray(device->keys, device->n_keys + 1, sizeof(*grown));
	if (!grown)
		return false;
	device->keys = grown;
	grown[device->n_keys++] = (struct key_value){
		.key = OTA_TAKE(key_copy),
		.value = OTA_TAKE(value_copy),
	};
	return true;
}

bool device_add_module(struct device *device, struct module_settings *settings)
{
	struct module *module = device_find_module(device, settings->name);
	struct module *grown;

	if (module) {
		module_settings_ref(settings);
		module_settings_unref(module->settings);
		module->settings = settings;
		return true;
	}
	grown = reallocarray(device->modules, device->n_modules + 1,
			     sizeof(*grown));
	if (!grown)
		return false;
	device->modules = grown;
	grown[device->n_modules++] = (struct module){
		.settings = module_settings_ref(settings),
	};
	return true;
}

struct module *device_find_module(const struct device *device, const char *name)
{
	for (size_t i = 0; i < device->n_modules; i++) {
		if (!strcmp(device->modules[i].settings->name, name))
			return &device->modules[i];
	}
	return NULL;
}

bool module_set_version(struct module *module, const char *version)
{
	if (version)
		return replace_string(&module->version, version);
	free(module->version);
	module->version = NULL;
	return true;
}

const char *module_version(const struct module *module)
{
	return module->version ? module->version : "0";
}

struct device *device_copy(const struct device *device)
{
	OTA_CLEANUP(device_freep) struct device *copy =
		device_new(device->name, device->class_name);

	if (!copy)
		return NULL;
	copy->registered = device->registered;
	if (device->address && !replace_string(&copy->address, device->address))
		return NULL;
	for (size_t i = 0; i < device->n_keys; i++) {
		if (!device_add_key(copy, device->keys[i].key,
				    device->keys[i].value))
			return NULL;
	}
	for (size_t i = 0; i < device->n_modules; i++) {
		const struct module *module = &device->modules[i];

		if (!device_add_module(copy, module->settings) ||
		    !module_set_version(&copy->modules[i], module->version))
			return NULL;
	}
	return OTA_TAKE(copy);
}
