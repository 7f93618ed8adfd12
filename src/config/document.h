#pragma once

/*
 * The configuration's files as one list of sections, before anything is made
 * of them. Sections of one name are one section; keys stand in the order they
 * were read, so that the last of a name wins.
 */

#include "problems.h"

#include <stdbool.h>
#include <stddef.h>

struct device;

struct document_entry {
	char *key;
	char *value; /* without the comment behind it */
	char *command; /* the same, as a shell understands comments */
	const char *file; /* borrowed from the document */
	unsigned line;
};

struct document_section {
	char *kind; /* "Cloud", "Module", ... */
	char *name; /* "" where the kind takes none; DEVICE/NAME for modules */
	const char *file; /* where it begins first */
	unsigned line;
	struct document_entry *entries;
	size_t n_entries;
	struct device *device; /* what a [Device] became; borrowed */
};

struct document {
	char **files;
	size_t n_files;
	struct document_section **sections; /* in the order they begin */
	size_t n_sections;
	void *by_title; /* tsearch(3) tree of sections */
};

void document_done(struct document *document);
/* The document's own copy of a file's name; NULL: out of memory. */
const char *document_add_file(struct document *document, const char *file)
	OTA_MUST_CHECK;
/* Finds it, or makes it; NULL: out of memory. */
struct document_section *document_open(struct document *document,
				       const char *kind, const char *name,
				       const char *file, unsigned line)
	OTA_MUST_CHECK;
/* NULL when there is none. */
struct document_section *document_find(const struct document *document,
				       const char *kind, const char *name);
/* Copies all but `entry->file`. False: out of memory. */
bool section_add(struct document_section *section,
		 const struct document_entry *entry) OTA_MUST_CHECK;
/* The last entry of that key, or NULL. `section` may be NULL. */
const struct document_entry *section_get(const struct document_section *section,
					 const char *key);
/* The same, but an empty value is none either. */
const struct document_entry *
section_get_filled(const struct document_section *section, const char *key);

/* Reads one file's text; `file` is the document's own copy of its name. */
void document_read(struct document *document, const char *file,
		   const char *text, size_t size, struct problems *problems);
