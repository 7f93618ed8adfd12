#include "parts.h"

#include <stdlib.h>
#include <string.h>

static void name_platforms(const struct config_build *build,
			   const struct document_entry *entry,
			   struct problems *problems)
{
	OTA_CLEANUP(freep) const char **names = NULL;
	OTA_CLEANUP(freep) char *hint = NULL;
	struct choice choice = { 0 };

	while (build->platforms && build->platforms[choice.count].platform)
		choice.count++;
	names = calloc(choice.count + 1, sizeof(*names));
	if (names) {
		for (size_t i = 0; i < choice.count; i++)
			names[i] = build->platforms[i].platform;
		choice.names = names;
		hint = choice_hint(&choice, entry->value, "", "");
	}
	if (!hint)
		problem_no_memory(problems);
	else
		problem_add(problems, entry->file, entry->line,
			    "Platform=%s: not known%s", entry->value, hint);
}

static void choose_platform(struct config_build *build,
			    const struct document_section *section)
{
	const struct document_entry *entry =
		section_get_filled(section, CLOUD_KEY_PLATFORM);
	const struct platform_keys *platform = build->platforms;

	if (!section)
		problem_add(&build->problems, build->file, 0,
			    "the section [Cloud] is missing; expected it with "
			    "Platform= and that platform's keys");
	else if (!entry)
		problem_add(&build->problems, section->file, section->line,
			    "Platform= is missing in [Cloud]; expected the "
			    "name of the IoT platform");
	if (!entry)
		return;
	while (platform && platform->platform &&
	       strcmp(platform->platform, entry->value) != 0)
		platform++;
	if (platform && platform->platform)
		build->config->platform = platform;
	else
		name_platforms(build, entry, &build->problems);
}

/* Takes `value`. */
static void store_cloud_key(struct config_build *build, const char *name,
			    char *value)
{
	OTA_CLEANUP(freep) char *owned = value;
	OTA_CLEANUP(freep) char *key = strdup(name);
	struct config *config = build->config;
	struct key_value *grown =
		reallocarray(config->cloud_keys, config->n_cloud_keys + 1,
			     sizeof(*grown));

	if (grown)
		config->cloud_keys = grown;
	if (!grown || !key) {
		problem_no_memory(&build->problems);
		return;
	}
	grown[config->n_cloud_keys++] = (struct key_value){
		.key = OTA_TAKE(key),
		.value = OTA_TAKE(owned),
	};
}

static void load_cloud_key(struct config_build *build,
			   const struct document_section *section,
			   const struct platform_key *key,
			   const struct document_entry *entry)
{
	OTA_CLEANUP(freep) char *value = NULL;

	if (!*entry->value ||
	    !check_platform_value(key, entry, &value, &build->problems))
		return;
	/* One that a later one overrules is checked, but not kept. */
	if (entry == get_platform_entry(section, key))
		store_cloud_key(build, key->name, OTA_TAKE(value));
}

void load_cloud(struct config_build *build)
{
	const struct document_section *section =
		document_find(&build->document, "Cloud", "");

	choose_platform(build, section);
	if (!build->config->platform)
		return;
	for (size_t i = 0; i < section->n_entries; i++) {
		const struct document_entry *entry = &section->entries[i];
		const struct platform_key *key = find_platform_key(
			build->config->platform->cloud, entry->key);

		if (key)
			load_cloud_key(build, section, key, entry);
		else if (strcmp(entry->key, CLOUD_KEY_PLATFORM) != 0)
			unknown_platform_key(build, section, entry);
	}
	check_required_keys(build, section);
}
