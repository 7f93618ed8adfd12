#include "parts.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/units.h"

#include "values.h"

static bool key_is_called(const struct platform_key *key, const char *name)
{
	return !strcmp(key->name, name) ||
	       (key->same_as && !strcmp(key->same_as, name));
}

const struct platform_key *find_platform_key(const struct platform_key *keys,
					     const char *name)
{
	for (; keys && keys->name; keys++) {
		if (key_is_called(keys, name))
			return keys;
	}
	return NULL;
}

const struct document_entry *
get_platform_entry(const struct document_section *section,
		   const struct platform_key *key)
{
	for (size_t i = section ? section->n_entries : 0; i > 0; i--) {
		const struct document_entry *entry = &section->entries[i - 1];

		if (key_is_called(key, entry->key))
			return *entry->value ? entry : NULL;
	}
	return NULL;
}

static bool set_topic_level(const struct config_key *key,
			    const struct document_entry *entry, void *field,
			    struct ota_error *err)
{
	if (strpbrk(entry->value, "/+#"))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected text without / + and #, as it "
				"becomes part of topics");
	return set_text(key, entry, field, err);
}

static bool set_choice(const struct platform_key *key,
		       const struct document_entry *entry, char **field,
		       struct problems *problems)
{
	struct choice choice = { .names = key->choices };
	OTA_CLEANUP(freep) char *hint = NULL;

	for (; choice.names[choice.count]; choice.count++) {
		if (!strcmp(choice.names[choice.count], entry->value)) {
			*field = strdup(entry->value);
			return *field || problem_no_memory(problems);
		}
	}
	hint = choice_hint(&choice, entry->value, "", "");
	if (!hint)
		return problem_no_memory(problems);
	problem_add(problems, entry->file, entry->line, "%s=%s: not known%s",
		    entry->key, entry->value, hint);
	return false;
}

/* Times and booleans are kept as text, once they are known to be good. */
static bool set_time_text(const struct config_key *key,
			  const struct document_entry *entry, void *field,
			  struct ota_error *err)
{
	uint64_t ms;

	if (!units_parse_time_ms(entry->value, &ms))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected a time like 30s");
	return set_text(key, entry, field, err);
}

static bool set_bool_text(const struct config_key *key,
			  const struct document_entry *entry, void *field,
			  struct ota_error *err)
{
	bool value;

	return set_bool(key, entry, &value, err) &&
	       set_text(key, entry, field, err);
}

bool check_platform_value(const struct platform_key *key,
			  const struct document_entry *entry, char **ret_value,
			  struct problems *problems)
{
	struct config_key row = { .name = key->name };

	switch (key->kind) {
	case KEY_TEXT:
		row.set = set_topic_level;
		break;
	case KEY_FREE:
		row.set = set_text;
		break;
	case KEY_PATH:
		row.set = set_file;
		break;
	case KEY_TIME:
		row.set = set_time_text;
		break;
	case KEY_BOOL:
		row.set = set_bool_text;
		break;
	case KEY_CHOICE:
		return set_choice(key, entry, ret_value, problems);
	}
	*ret_value = NULL;
	set_value(&row, entry, ret_value, problems);
	return *ret_value;
}

static bool is_cloud(const struct document_section *section)
{
	return !strcmp(section->kind, "Cloud");
}

static const struct platform_key *
keys_of(const struct platform_keys *platform,
	const struct document_section *section)
{
	return is_cloud(section) ? platform->cloud : platform->device;
}

/* So that Platform= can be changed and its neighbours left standing. */
static bool is_of_another(const struct platform_keys *platform,
			  const struct document_section *section,
			  const char *name)
{
	for (; platform && platform->platform; platform++) {
		if (find_platform_key(keys_of(platform, section), name))
			return true;
	}
	return false;
}

void unknown_platform_key(struct config_build *build,
			  const struct document_section *section,
			  const struct document_entry *entry)
{
	const struct platform_key *keys =
		keys_of(build->config->platform, section);
	OTA_CLEANUP(freep) const char **names = NULL;
	struct choice known = { .count = 1 };

	if (is_of_another(build->platforms, section, entry->key))
		return;
	while (keys && keys[known.count - 1].name)
		known.count++;
	names = calloc(known.count, sizeof(*names));
	if (!names) {
		problem_no_memory(&build->problems);
		return;
	}
	names[0] = is_cloud(section) ? CLOUD_KEY_PLATFORM : DEVICE_KEY_CLASS;
	for (size_t i = 1; i < known.count; i++)
		names[i] = keys[i - 1].name;
	known.names = names;
	report_unknown_key(section, entry, &known, &build->problems);
}

static bool has_mqtt_username(const struct config_build *build)
{
	return section_get_filled(document_find(&build->document, "Mqtt", ""),
				  "Username");
}

void check_required_keys(struct config_build *build,
			 const struct document_section *section)
{
	const struct platform_keys *platform = build->config->platform;

	for (const struct platform_key *key = keys_of(platform, section);
	     key && key->name; key++) {
		bool lacks_both = key->or_mqtt_username &&
				  !has_mqtt_username(build);

		if ((!key->required && !lacks_both) ||
		    get_platform_entry(section, key))
			continue;
		problem_add(&build->problems, section->file, section->line,
			    "%s= is missing in [%s%s%s]%s; expected it with "
			    "Platform=%s",
			    key->name, section->kind,
			    *section->name ? " " : "", section->name,
			    key->or_mqtt_username ? ", and Username= in [Mqtt]"
						  : "",
			    platform->platform);
	}
}
