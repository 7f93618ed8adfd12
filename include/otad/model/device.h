#pragma once

/*
 * The inventory: the gateway and the devices behind it, each with its modules.
 * Built from configuration and from what was registered at run time; the
 * update row owns it, the cloud adapters read it.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum installer_type {
	INSTALLER_SELF,	   /* "self" */
	INSTALLER_BINARY,  /* "binary" */
	INSTALLER_CONFIG,  /* "config" */
	INSTALLER_ARCHIVE, /* "archive" */
	INSTALLER_SLOT,	   /* "slot" */
	INSTALLER_EXEC,	   /* "exec" */
	INSTALLER_TYPE_COUNT,
};

const char *installer_type_name(enum installer_type type);
bool installer_type_parse(const char *name, enum installer_type *ret_type);

/* One `KEY=VALUE` of the configuration, kept as text. */
struct key_value {
	char *key;
	char *value;
};

/* The value, or NULL. `pairs` may be NULL when `count` is 0. */
const char *key_value_get(const struct key_value *pairs, size_t count,
			  const char *key);

/*
 * A [Module NAME] section or a class's Module=: the same for all devices of a
 * class. Strings are NULL when not configured. Reference-counted: a running
 * job keeps the settings it started with over a reload.
 */
struct module_settings {
	unsigned references;
	char *name;
	enum installer_type type;
	char *path;	    /* Path= */
	char *service;	    /* Service= */
	char *restart;	    /* Restart=, a shell command */
	char *health_check; /* HealthCheck=, a shell command */
	char *check;	    /* Check=, a shell command */
	char *reload;	    /* Reload=, a shell command */
	char *handler;	    /* Handler=, a program */
	char *version;	    /* Version=: what is installed, when nothing else tells */
	char *version_file; /* VersionFile= */
	char *slot_a, *slot_b, *active, *activate, *confirm;
	char *version_attribute; /* eztcloud VersionAttribute= */
	char *check_event;	 /* eztcloud CheckEvent= */
	unsigned keep;		 /* Keep= */
	uint64_t health_period_ms;
	uint64_t timeout_ms; /* Timeout= of a command or handler */
};

/* What is configured when the key is left out. */
#define MODULE_KEEP_DEFAULT 2
#define MODULE_HEALTH_PERIOD_DEFAULT_MS (10 * 1000)
#define MODULE_TIMEOUT_DEFAULT_MS (10 * 60 * 1000)

/*
 * Copies `name`; everything else has its default. The caller owns the first
 * reference. NULL: out of memory.
 */
struct module_settings *module_settings_new(const char *name,
					    enum installer_type type)
	OTA_MUST_CHECK;
struct module_settings *module_settings_ref(struct module_settings *settings);
/* Accepts NULL, always returns NULL. */
struct module_settings *module_settings_unref(struct module_settings *settings);
OTA_DEFINE_CLEANUP(struct module_settings *, module_settings_unref)

struct module {
	struct module_settings *settings; /* a reference */
	char *version; /* running; NULL: unknown */
	bool version_asked; /* unknown, but its handler or file will tell */
	void *owner_data; /* free for the inventory's owner */
};

struct device {
	char *name;    /* DEVICE_SELF for the gateway */
	char *class_name; /* NULL: none */
	char *address; /* what the adapter knows it by, see cloud_address(); NULL before */
	struct key_value *keys; /* its [Device] section, as the platform reads it */
	size_t n_keys;
	struct module *modules;
	size_t n_modules;
	bool registered; /* at run time, not by configuration */
	void *owner_data; /* free for the inventory's owner */
};

/* Takes nothing, copies `name` and `class_name`. NULL: out of memory. */
struct device *device_new(const char *name, const char *class_name) OTA_MUST_CHECK;
/* Everything but `owner_data`; settings are shared. NULL: out of memory. */
struct device *device_copy(const struct device *device) OTA_MUST_CHECK;
struct device *device_free(struct device *device);
OTA_DEFINE_CLEANUP(struct device *, device_free)
/* Copies both; a key that is there already gets the new value. */
bool device_add_key(struct device *device, const char *key, const char *value);
/*
 * Takes a reference of its own. A module of that name keeps its version and
 * gets the new settings. False: out of memory.
 */
bool device_add_module(struct device *device, struct module_settings *settings);
/* NULL when there is none. */
struct module *device_find_module(const struct device *device, const char *name);
/* Copies `version`; NULL: unknown. False: out of memory, nothing changed. */
bool module_set_version(struct module *module, const char *version);
/* The running version as reported: "0" when unknown. */
const char *module_version(const struct module *module);

struct inventory;

struct inventory *inventory_new(void) OTA_MUST_CHECK;
struct inventory *inventory_free(struct inventory *inventory);
OTA_DEFINE_CLEANUP(struct inventory *, inventory_free)
/*
 * Takes `device` on success; its name and address must not change from then
 * on. busy: name or address taken already.
 */
bool inventory_add(struct inventory *inventory, struct device *device,
		   struct ota_error *err) OTA_MUST_CHECK;
/* Removes and frees; false when there was none. */
bool inventory_remove(struct inventory *inventory, const char *name);
/* By name and by address, both in logarithmic time or better; NULL: unknown. */
struct device *inventory_find(const struct inventory *inventory, const char *name);
struct device *inventory_find_address(const struct inventory *inventory,
				      const char *address);
/* In the order they were added, the gateway first. */
size_t inventory_count(const struct inventory *inventory);
/* Of all devices, as they were when added. */
size_t inventory_count_modules(const struct inventory *inventory);
struct device *inventory_at(const struct inventory *inventory, size_t index);
