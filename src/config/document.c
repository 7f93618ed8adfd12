#include "document.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare_titles(const void *a, const void *b)
{
	const struct document_section *one = a, *other = b;
	int kinds = strcmp(one->kind, other->kind);

	return kinds ? kinds : strcmp(one->name, other->name);
}

static void keep_section(void *section)
{
}

static void entry_done(struct document_entry *entry)
{
	free(entry->key);
	free(entry->value);
	free(entry->command);
}

static struct document_section *section_free(struct document_section *section)
{
	if (!section)
		return NULL;
	for (size_t i = 0; i < section->n_entries; i++)
		entry_done(&section->entries[i]);
	free(section->entries);
	free(section->kind);
	free(section->name);
	free(section);
	return NULL;
}
OTA_DEFINE_CLEANUP(struct document_section *, section_free)

void document_done(struct document *document)
{
	tdestroy(document->by_title, keep_section);
	for (size_t i = 0; i < document->n_sections; i++)
		section_free(document->sections[i]);
	free(document->sections);
	for (size_t i = 0; i < document->n_files; i++)
		free(document->files[i]);
	free(document->files);
	*document = (struct document){ 0 };
}

const char *document_add_file(struct document *document, const char *file)
{
	OTA_CLEANUP(freep) char *copy = strdup(file);
	char **grown;

	if (!copy)
		return NULL;
	grown = reallocarray(document->files, document->n_files + 1,
			     sizeof(*grown));
	if (!grown)
		return NULL;
	document->files = grown;
	grown[document->n_files++] = copy;
	return OTA_TAKE(copy);
}

static struct document_section *section_new(const char *kind, const char *name,
					    const char *file, unsigned line)
{
	OTA_CLEANUP(section_freep) struct document_section *section =
		calloc(1, sizeof(*section));

	if (!section)
		return NULL;
	section->kind = strdup(kind);
	section->name = strdup(name);
	section->file = file;
	section->line = line;
	if (!section->kind || !section->name)
		return NULL;
	return OTA_TAKE(section);
}

static bool append_section(struct document *document,
			   struct document_section *section)
{
	struct document_section **grown = reallocarray(
		document->sections, document->n_sections + 1, sizeof(*grown));

	if (!grown)
		return false;
	document->sections = grown;
	if (!tsearch(section, &document->by_title, compare_titles))
		return false;
	grown[document->n_sections++] = section;
	return true;
}

struct document_section *document_open(struct document *document,
				       const char *kind, const char *name,
				       const char *file, unsigned line)
{
	OTA_CLEANUP(section_freep) struct document_section *made = NULL;
	struct document_section *found = document_find(document, kind, name);

	if (found)
		return found;
	made = section_new(kind, name, file, line);
	if (!made || !append_section(document, made))
		return NULL;
	return OTA_TAKE(made);
}

struct document_section *document_find(const struct document *document,
				       const char *kind, const char *name)
{
	struct document_section key = {
		.kind = (char *)kind,
		.name = (char *)name,
	};
	struct document_section **node =
		tfind(&key, &document->by_title, compare_titles);

	return node ? *node : NULL;
}

bool section_add(struct document_section *section,
		 const struct document_entry *entry)
{
	struct document_entry copy = {
		.key = strdup(entry->key),
		.value = strdup(entry->value),
		.command = strdup(entry->command),
		.file = entry->file,
		.line = entry->line,
	};
	struct document_entry *grown = reallocarray(
		section->entries, section->n_entries + 1, sizeof(*grown));

	if (grown)
		section->entries = grown;
	if (!grown || !copy.key || !copy.value || !copy.command) {
		entry_done(&copy);
		return false;
	}
	grown[section->n_entries++] = copy;
	return true;
}

const struct document_entry *section_get(const struct document_section *section,
					 const char *key)
{
	for (size_t i = section ? section->n_entries : 0; i > 0; i--) {
		if (!strcmp(section->entries[i - 1].key, key))
			return &section->entries[i - 1];
	}
	return NULL;
}

const struct document_entry *
section_get_filled(const struct document_section *section, const char *key)
{
	const struct document_entry *entry = section_get(section, key);

	return entry && *entry->value ? entry : NULL;
}
