#pragma once

/* What config_load() is made of: one step each, in this order. */

#include "otad/config/config.h"

#include "document.h"
#include "problems.h"

struct config_key;

/* The whole of a configuration while it is being made. */
struct config_build {
	struct config *config;
	struct document document;
	struct problems problems;
	const char *file; /* the main one */
	const struct platform_keys *platforms; /* may be NULL */
};

/* The keys that stand in no table. */
#define CLOUD_KEY_PLATFORM "Platform"
#define CLASS_KEY_MODULE "Module"
#define DEVICE_KEY_CLASS "Class"

/* The tables, ending with name NULL: of [Mqtt], [Download], [Update] or [Paths]
 * (NULL: no such section), and of [Module NAME]. */
const struct config_key *settings_keys(const char *kind);
const struct config_key *module_section_keys(void);

/* FILE and FILE.d/NAME.conf into the document. */
void load_files(struct config_build *build);
/* [Cloud]: Platform= and its keys. */
void load_cloud(struct config_build *build);
/* [Mqtt] [Download] [Update] [Paths]; needs the platform. */
void load_settings(struct config_build *build);
/* [Class NAME], [Device NAME], [Module ...]. */
void load_devices(struct config_build *build);

/*
 * The path that `env` (a list separated by colons; the first counts), else
 * `configured`, else `fallback` names. Owned; NULL: out of memory.
 */
char *choose_directory(const char *env, const char *configured,
		       const char *fallback) OTA_MUST_CHECK;

/* Checks `entry` against what a platform declares; false: reported. */
bool check_platform_value(const struct platform_key *key,
			  const struct document_entry *entry, char **ret_value,
			  struct problems *problems);
/* By its name or its other name. */
const struct platform_key *find_platform_key(const struct platform_key *keys,
					     const char *name);
/* The last entry that gives `key` a value, by either name; NULL: none. */
const struct document_entry *
get_platform_entry(const struct document_section *section,
		   const struct platform_key *key);

/* Reports it, unless a platform of another name has such a key. */
void unknown_platform_key(struct config_build *build,
			  const struct document_section *section,
			  const struct document_entry *entry);
void check_required_keys(struct config_build *build,
			 const struct document_section *section);

/* A [Module ...] section; NULL: reported. */
struct module_settings *make_module(const struct document_section *section,
				    const char *name,
				    struct problems *problems);
/* A class's `NAME TYPE ARGUMENT`; NULL: reported. */
struct module_settings *make_class_module(const struct document_entry *entry,
					  struct problems *problems);
/* A new device with the modules of `class` (may be NULL). NULL: no memory. */
struct device *make_class_device(const char *name,
				 const struct config_class *class);
