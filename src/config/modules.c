#include "parts.h"

#include <stdlib.h>
#include <string.h>

#include "otad/model/offer.h"

#include "values.h"

#define FIELD(member) .offset = offsetof(struct module_settings, member)
#define SECOND_MS UINT64_C(1000)
#define DAY_MS (24 * 60 * 60 * SECOND_MS)
#define KEEP_MAX 1000
#define BLANKS " \t"

#define SELF (1U << INSTALLER_SELF)
#define BINARY (1U << INSTALLER_BINARY)
#define CONFIG (1U << INSTALLER_CONFIG)
#define ARCHIVE (1U << INSTALLER_ARCHIVE)
#define SLOT (1U << INSTALLER_SLOT)
#define EXEC (1U << INSTALLER_EXEC)
#define ALL (SELF | BINARY | CONFIG | ARCHIVE | SLOT | EXEC)

static bool take_type(const struct config_key *key,
		      const struct document_entry *entry, void *field,
		      struct ota_error *err)
{
	return true; /* make_module() read it first */
}

/* design.md, section 5: each installer's keys; `.types` says whose. */
static const struct config_key module_keys[] = {
	{ "Type", take_type, .types = ALL },
	{ "Path", set_path, FIELD(path), .types = BINARY | CONFIG | ARCHIVE },
	{ "Service", set_unit, FIELD(service), .types = BINARY | ARCHIVE },
	{ "Restart", set_command, FIELD(restart), .types = BINARY | ARCHIVE },
	{ "HealthCheck", set_command, FIELD(health_check),
	  .types = BINARY | ARCHIVE },
	{ "HealthPeriod", set_time, FIELD(health_period_ms),
	  "a time up to 1d, like 10s", 0, DAY_MS, .types = BINARY | ARCHIVE },
	{ "Check", set_command, FIELD(check),
	  .types = SELF | BINARY | CONFIG | ARCHIVE },
	{ "Reload", set_command, FIELD(reload), .types = CONFIG },
	{ "Keep", set_number, FIELD(keep), "a number of releases from 1", 1,
	  KEEP_MAX, .types = ARCHIVE },
	{ "SlotA", set_path, FIELD(slot_a), .types = SLOT },
	{ "SlotB", set_path, FIELD(slot_b), .types = SLOT },
	{ "Active", set_command, FIELD(active), .types = SLOT },
	{ "Activate", set_command, FIELD(activate), .types = SLOT },
	{ "Confirm", set_command, FIELD(confirm), .types = SLOT },
	{ "Handler", set_path, FIELD(handler), .types = EXEC },
	{ "Timeout", set_time, FIELD(timeout_ms),
	  "a time from 1s to 1d, like 10min", SECOND_MS, DAY_MS,
	  .types = ALL },
	{ "Version", set_version, FIELD(version), .types = ALL },
	{ "VersionFile", set_path, FIELD(version_file),
	  .types = BINARY | CONFIG | ARCHIVE | SLOT },
	{ "VersionAttribute", set_text, FIELD(version_attribute),
	  .types = ALL },
	{ "CheckEvent", set_text, FIELD(check_event), .types = ALL },
	{ .name = NULL },
};

const struct config_key *module_section_keys(void)
{
	return module_keys;
}

struct required_key {
	unsigned types;
	const char *name;
};

static const struct required_key required_keys[] = {
	{ BINARY | CONFIG | ARCHIVE, "Path" },
	{ SLOT, "SlotA" },
	{ SLOT, "SlotB" },
	{ SLOT, "Active" },
	{ SLOT, "Activate" },
	{ EXEC, "Handler" },
};

static void reject_key(const struct document_section *section,
		       const struct document_entry *entry, unsigned types,
		       struct problems *problems)
{
	const char *names[OTA_ARRAY_SIZE(module_keys)];
	struct choice choice = { .names = names };

	for (const struct config_key *key = module_keys; key->name; key++) {
		if (key->types & types)
			names[choice.count++] = key->name;
	}
	report_unknown_key(section, entry, &choice, problems);
}

/* `key` belongs to modules of other types. */
static void reject_foreign_key(const struct config_key *key,
			       const struct document_entry *entry,
			       enum installer_type type,
			       struct problems *problems)
{
	/* The names of all types take 46 bytes. */
	char owners[64] = "";

	for (unsigned i = 0; i < INSTALLER_TYPE_COUNT; i++) {
		if (!(key->types & (1U << i)))
			continue;
		if (*owners)
			strcat(owners, ", ");
		strcat(owners, installer_type_name((enum installer_type)i));
	}
	problem_add(problems, entry->file, entry->line,
		    "%s= does not belong to a module of Type=%s; expected it "
		    "with Type=%s only",
		    entry->key, installer_type_name(type), owners);
}

static bool report_type(const struct document_entry *entry, const char *type,
			struct problems *problems)
{
	const char *names[INSTALLER_TYPE_COUNT];
	struct choice choice = { names, INSTALLER_TYPE_COUNT };
	OTA_CLEANUP(freep) char *hint = NULL;

	for (unsigned i = 0; i < INSTALLER_TYPE_COUNT; i++)
		names[i] = installer_type_name((enum installer_type)i);
	hint = choice_hint(&choice, type, "", "");
	if (!hint)
		return problem_no_memory(problems);
	problem_add(problems, entry->file, entry->line,
		    "%s=%s: %s is no type of module%s", entry->key,
		    entry->value, type, hint);
	return false;
}

static bool choose_type(const struct document_section *section,
			enum installer_type *ret_type,
			struct problems *problems)
{
	const struct document_entry *entry =
		section_get_filled(section, "Type");

	if (!entry) {
		problem_add(problems, section->file, section->line,
			    "Type= is missing in [Module %s]; expected self, "
			    "binary, config, archive, slot or exec",
			    section->name);
		/* It may be there, but misspelt. */
		for (size_t i = 0; i < section->n_entries; i++) {
			if (!find_key(module_keys, section->entries[i].key))
				reject_key(section, &section->entries[i], ALL,
					   problems);
		}
		return false;
	}
	return installer_type_parse(entry->value, ret_type) ||
	       report_type(entry, entry->value, problems);
}

static void check_module(const struct document_section *section,
			 const struct module_settings *settings,
			 struct problems *problems)
{
	for (size_t i = 0; i < OTA_ARRAY_SIZE(required_keys); i++) {
		const struct required_key *required = &required_keys[i];

		if ((required->types & (1U << settings->type)) &&
		    !section_get_filled(section, required->name))
			problem_add(problems, section->file, section->line,
				    "%s= is missing in [Module %s]; expected "
				    "it with Type=%s",
				    required->name, section->name,
				    installer_type_name(settings->type));
	}
	if (settings->slot_a && settings->slot_b &&
	    !strcmp(settings->slot_a, settings->slot_b))
		problem_add(problems, section->file, section->line,
			    "SlotA= and SlotB= of [Module %s] are the same; "
			    "expected two slots",
			    section->name);
}

struct module_settings *make_module(const struct document_section *section,
				    const char *name,
				    struct problems *problems)
{
	enum installer_type type;
	struct module_settings *settings;

	if (!choose_type(section, &type, problems))
		return NULL;
	settings = module_settings_new(name, type);
	if (!settings) {
		problem_no_memory(problems);
		return NULL;
	}
	for (size_t i = 0; i < section->n_entries; i++) {
		const struct document_entry *entry = &section->entries[i];
		const struct config_key *key =
			find_key(module_keys, entry->key);

		if (!key)
			reject_key(section, entry, 1U << type, problems);
		else if (key->types & (1U << type))
			set_value(key, entry, (char *)settings + key->offset,
				  problems);
		else
			reject_foreign_key(key, entry, type, problems);
	}
	check_module(section, settings, problems);
	return settings;
}

/* Ends the word at `*text` and moves on to what follows it. */
static char *take_word(char **text)
{
	char *word = *text;

	*text += strcspn(*text, BLANKS);
	if (**text) {
		*(*text)++ = '\0';
		*text += strspn(*text, BLANKS);
	}
	return word;
}

static struct module_settings *
fill_class_module(const struct document_entry *entry, const char *name,
		  enum installer_type type, const char *argument,
		  struct problems *problems)
{
	OTA_CLEANUP(module_settings_unrefp) struct module_settings *settings =
		module_settings_new(name, type);
	char *copy = strdup(argument);

	if (!settings || !copy) {
		free(copy);
		problem_no_memory(problems);
		return NULL;
	}
	if (type == INSTALLER_EXEC)
		settings->handler = copy;
	else
		settings->path = copy;
	if (*argument != '/') {
		problem_add(problems, entry->file, entry->line,
			    "Module=%s: the %s %s is not absolute; expected "
			    "/...",
			    entry->value,
			    type == INSTALLER_EXEC ? "handler" : "path",
			    argument);
		return NULL;
	}
	return OTA_TAKE(settings);
}

#define CLASS_MODULE_EXPECTED                                                  \
	"NAME TYPE ARGUMENT, like mcu exec /usr/lib/otad/handlers/flash-mcu"

struct module_settings *make_class_module(const struct document_entry *entry,
					  struct problems *problems)
{
	OTA_CLEANUP(freep) char *text = strdup(entry->value);
	char *argument = text, *name, *type_name;
	enum installer_type type;

	if (!text) {
		problem_no_memory(problems);
		return NULL;
	}
	name = take_word(&argument);
	type_name = take_word(&argument);
	if (!module_name_is_valid(name) || !*type_name) {
		problem_add(problems, entry->file, entry->line,
			    "Module=%s: expected " CLASS_MODULE_EXPECTED,
			    entry->value);
		return NULL;
	}
	if (!installer_type_parse(type_name, &type)) {
		report_type(entry, type_name, problems);
		return NULL;
	}
	if (type == INSTALLER_SELF || type == INSTALLER_SLOT) {
		problem_add(problems, entry->file, entry->line,
			    "Module=%s: %s is not for a class of devices; "
			    "expected binary, config, archive or exec",
			    entry->value, type_name);
		return NULL;
	}
	if (!*argument) {
		problem_add(problems, entry->file, entry->line,
			    "Module=%s: the argument is missing; expected "
			    CLASS_MODULE_EXPECTED,
			    entry->value);
		return NULL;
	}
	return fill_class_module(entry, name, type, argument, problems);
}
