#include "values.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/units.h"

static bool expected(const struct config_key *key, struct ota_error *err)
{
	return ota_fail(err, OTA_ERROR_PROTOCOL, "expected %s", key->expected);
}

bool set_time(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	uint64_t ms;

	if (!units_parse_time_ms(entry->value, &ms) || ms < key->min ||
	    ms > key->max)
		return expected(key, err);
	*(uint64_t *)field = ms;
	return true;
}

bool set_size(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	uint64_t bytes;

	if (!units_parse_size(entry->value, &bytes) || bytes < key->min ||
	    bytes > key->max)
		return expected(key, err);
	*(uint64_t *)field = bytes;
	return true;
}

bool set_number(const struct config_key *key,
		const struct document_entry *entry, void *field,
		struct ota_error *err)
{
	uint64_t number;

	if (!units_parse_number(entry->value, key->min, key->max, &number))
		return expected(key, err);
	*(unsigned *)field = (unsigned)number;
	return true;
}

bool set_port(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	uint64_t port;

	if (!units_parse_number(entry->value, 1, UINT16_MAX, &port))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected a port from 1 to 65535");
	*(uint16_t *)field = (uint16_t)port;
	return true;
}

bool set_percent(const struct config_key *key,
		 const struct document_entry *entry, void *field,
		 struct ota_error *err)
{
	unsigned percent;

	if (!units_parse_percent(entry->value, &percent) ||
	    percent < key->min || percent > key->max)
		return expected(key, err);
	*(unsigned *)field = percent;
	return true;
}

bool set_bool(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err)
{
	bool value;

	if (!units_parse_bool(entry->value, &value))
		return ota_fail(err, OTA_ERROR_PROTOCOL, "expected yes or no");
	*(bool *)field = value;
	return true;
}

bool set_window(const struct config_key *key,
		const struct document_entry *entry, void *field,
		struct ota_error *err)
{
	struct time_window window = { .always = true };

	if (*entry->value && !units_parse_window(entry->value, &window))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"expected local times like 02:00-05:00, or "
				"nothing for always");
	*(struct time_window *)field = window;
	return true;
}

const struct config_key *find_key(const struct config_key *keys,
				  const char *name)
{
	for (; keys->name; keys++) {
		if (!strcmp(keys->name, name))
			return keys;
	}
	return NULL;
}

void set_value(const struct config_key *key, const struct document_entry *entry,
	       void *field, struct problems *problems)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (key->set(key, entry, field, &err))
		return;
	if (err.kind == OTA_ERROR_INTERNAL)
		problem_no_memory(problems);
	else
		problem_add(problems, entry->file, entry->line, "%s=%s: %s",
			    entry->key, key->secret ? "..." : entry->value,
			    err.text);
}

void report_unknown_key(const struct document_section *section,
			const struct document_entry *entry,
			const struct choice *known, struct problems *problems)
{
	OTA_CLEANUP(freep) char *hint =
		choice_hint(known, entry->key, "", "=");

	if (!hint)
		problem_no_memory(problems);
	else
		problem_add(problems, entry->file, entry->line,
			    "unknown key %s= in [%s%s%s]%s", entry->key,
			    section->kind, *section->name ? " " : "",
			    section->name, hint);
}

static void report_unknown(const struct document_section *section,
			   const struct document_entry *entry,
			   const struct config_key *keys,
			   struct problems *problems)
{
	OTA_CLEANUP(freep) const char **names = NULL;
	struct choice known = { 0 };

	while (keys[known.count].name)
		known.count++;
	names = calloc(known.count, sizeof(*names));
	if (!names) {
		problem_no_memory(problems);
		return;
	}
	for (size_t i = 0; i < known.count; i++)
		names[i] = keys[i].name;
	known.names = names;
	report_unknown_key(section, entry, &known, problems);
}

void set_section(const struct document_section *section,
		 const struct config_key *keys, void *target,
		 struct problems *problems)
{
	for (size_t i = 0; section && i < section->n_entries; i++) {
		const struct document_entry *entry = &section->entries[i];
		const struct config_key *key = find_key(keys, entry->key);

		if (!key)
			report_unknown(section, entry, keys, problems);
		else
			set_value(key, entry, (char *)target + key->offset,
				  problems);
	}
}
