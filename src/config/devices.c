#include "parts.h"

#include <stdlib.h>
#include <string.h>

#include "otad/model/offer.h"

#include "values.h"

static struct config_class *add_class(struct config_build *build,
				      const char *name)
{
	struct config *config = build->config;
	struct config_class *grown = reallocarray(
		config->classes, config->n_classes + 1, sizeof(*grown));
	char *copy = strdup(name);

	if (grown)
		config->classes = grown;
	if (!grown || !copy) {
		free(copy);
		problem_no_memory(&build->problems);
		return NULL;
	}
	grown[config->n_classes] = (struct config_class){ .name = copy };
	return &grown[config->n_classes++];
}

/* Takes the reference. A later module of that name takes the place. */
static void add_class_module(struct config_build *build,
			     struct config_class *class,
			     struct module_settings *settings)
{
	struct module_settings **grown;

	for (size_t i = 0; i < class->n_modules; i++) {
		if (!strcmp(class->modules[i]->name, settings->name)) {
			module_settings_unref(class->modules[i]);
			class->modules[i] = settings;
			return;
		}
	}
	grown = reallocarray(class->modules, class->n_modules + 1,
			     sizeof(struct module_settings *));
	if (!grown) {
		module_settings_unref(settings);
		problem_no_memory(&build->problems);
		return;
	}
	class->modules = grown;
	grown[class->n_modules++] = settings;
}

static void load_class(struct config_build *build,
		       struct document_section *section)
{
	static const char *const keys[] = { CLASS_KEY_MODULE };
	const struct choice known = { keys, OTA_ARRAY_SIZE(keys) };
	struct config_class *class = add_class(build, section->name);
	struct module_settings *settings;

	for (size_t i = 0; class && i < section->n_entries; i++) {
		const struct document_entry *entry = &section->entries[i];

		if (strcmp(entry->key, keys[0]) != 0) {
			report_unknown_key(section, entry, &known,
					   &build->problems);
			continue;
		}
		settings = make_class_module(entry, &build->problems);
		if (settings)
			add_class_module(build, class, settings);
	}
}

struct device *make_class_device(const char *name,
				 const struct config_class *class)
{
	OTA_CLEANUP(device_freep) struct device *device =
		device_new(name, class ? class->name : NULL);

	for (size_t i = 0; device && class && i < class->n_modules; i++) {
		if (!device_add_module(device, class->modules[i]))
			return NULL;
	}
	return OTA_TAKE(device);
}

/* Takes `device`; NULL: out of memory. */
static struct device *add_device(struct config_build *build,
				 struct device *device)
{
	OTA_CLEANUP(device_freep) struct device *owned = device;
	struct config *config = build->config;
	struct device **grown = NULL;

	if (device)
		grown = reallocarray(config->devices, config->n_devices + 1,
				     sizeof(*grown));
	if (!grown) {
		problem_no_memory(&build->problems);
		return NULL;
	}
	config->devices = grown;
	grown[config->n_devices++] = OTA_TAKE(owned);
	return device;
}

static void load_device_key(struct config_build *build,
			    const struct document_section *section,
			    const struct document_entry *entry)
{
	const struct platform_key *key = find_platform_key(
		build->config->platform->device, entry->key);
	OTA_CLEANUP(freep) char *value = NULL;

	if (!key) {
		unknown_platform_key(build, section, entry);
		return;
	}
	if (!*entry->value ||
	    !check_platform_value(key, entry, &value, &build->problems) ||
	    entry != get_platform_entry(section, key))
		return;
	if (!device_add_key(section->device, key->name, value))
		problem_no_memory(&build->problems);
}

static const struct config_class *
choose_class(struct config_build *build, const struct document_section *section)
{
	const struct document_entry *entry =
		section_get_filled(section, DEVICE_KEY_CLASS);
	const struct config_class *class = NULL;

	if (!entry)
		return NULL;
	class = config_find_class(build->config, entry->value);
	if (!class)
		problem_add(&build->problems, entry->file, entry->line,
			    "Class=%s: there is no such class; expected a "
			    "section [Class %s]",
			    entry->value, entry->value);
	return class;
}

static void load_device(struct config_build *build,
			struct document_section *section)
{
	const struct config_class *class = choose_class(build, section);

	section->device = add_device(
		build, make_class_device(section->name, class));
	/* Without a platform nobody knows which keys are right. */
	if (!section->device || !build->config->platform)
		return;
	for (size_t i = 0; i < section->n_entries; i++) {
		if (strcmp(section->entries[i].key, DEVICE_KEY_CLASS) != 0)
			load_device_key(build, section, &section->entries[i]);
	}
	check_required_keys(build, section);
}

static bool has_self(const struct device *device)
{
	for (size_t i = 0; i < device->n_modules; i++) {
		if (device->modules[i].settings->type == INSTALLER_SELF)
			return true;
	}
	return false;
}

/* There is one otad, and it runs on the gateway. */
static void check_self(struct config_build *build,
		       const struct document_section *section,
		       const struct device *device)
{
	const struct document_entry *entry = section_get(section, "Type");

	if (strcmp(device->name, DEVICE_SELF) != 0)
		problem_add(&build->problems, entry->file, entry->line,
			    "Type=self: otad itself is no module of device "
			    "%s; expected another type, exec above all",
			    device->name);
	else if (has_self(device))
		problem_add(&build->problems, entry->file, entry->line,
			    "Type=self: another module is otad itself "
			    "already; expected one at most");
}

static void load_module_of(struct config_build *build,
			   const struct document_section *section,
			   struct device *device, const char *name)
{
	OTA_CLEANUP(module_settings_unrefp) struct module_settings *settings =
		make_module(section, name, &build->problems);

	if (!settings || !device)
		return;
	if (settings->type == INSTALLER_SELF)
		check_self(build, section, device);
	if (!device_add_module(device, settings))
		problem_no_memory(&build->problems);
}

static void load_module(struct config_build *build,
			struct document_section *section)
{
	const char *slash = strchr(section->name, '/');
	OTA_CLEANUP(freep) char *name = NULL;
	const struct document_section *owner;

	if (!slash) {
		load_module_of(build, section, build->config->devices[0],
			       section->name);
		return;
	}
	name = strndup(section->name, (size_t)(slash - section->name));
	if (!name) {
		problem_no_memory(&build->problems);
		return;
	}
	owner = document_find(&build->document, "Device", name);
	if (!owner)
		problem_add(&build->problems, section->file, section->line,
			    "[Module %s]: there is no device %s; expected a "
			    "section [Device %s]",
			    section->name, name, name);
	load_module_of(build, section, owner ? owner->device : NULL, slash + 1);
}

/* A gateway without any module has itself to update. */
static void imply_default(struct config_build *build)
{
	const struct platform_keys *platform = build->config->platform;
	struct device *gateway = build->config->devices[0];
	OTA_CLEANUP(module_settings_unrefp) struct module_settings *settings =
		NULL;

	if (gateway->n_modules > 0)
		return;
	settings = module_settings_new(platform ? platform->default_module
						: "default",
				       INSTALLER_SELF);
	if (!settings || !device_add_module(gateway, settings))
		problem_no_memory(&build->problems);
}

static void each_section(struct config_build *build, const char *kind,
			 void (*load)(struct config_build *build,
				      struct document_section *section))
{
	struct document *document = &build->document;

	for (size_t i = 0; i < document->n_sections; i++) {
		if (!strcmp(document->sections[i]->kind, kind))
			load(build, document->sections[i]);
	}
}

void load_devices(struct config_build *build)
{
	if (!add_device(build, device_new(DEVICE_SELF, NULL)))
		return;
	each_section(build, "Class", load_class);
	each_section(build, "Device", load_device);
	each_section(build, "Module", load_module);
	imply_default(build);
}
