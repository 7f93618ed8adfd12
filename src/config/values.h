#pragma once

/*
 * Keys as rows of tables: where a value goes, what is accepted, what to say
 * when it is not.
 */

#include "document.h"
#include "problems.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_key;

/*
 * Writes the value to `field`. False with `err`: protocol-error and what is
 * expected, or internal for out of memory; the field is as it was.
 */
typedef bool (*value_set_fn)(const struct config_key *key,
			     const struct document_entry *entry, void *field,
			     struct ota_error *err);

struct config_key {
	const char *name;
	value_set_fn set;
	size_t offset; /* of the field in its struct */
	const char *expected; /* where the function has no words of its own */
	uint64_t min, max;
	bool secret;	/* not to be repeated in a message */
	unsigned types; /* of modules that take it: 1 << enum installer_type */
};

/* Strings: an empty value leaves the field NULL. */
bool set_text(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err);
bool set_command(const struct config_key *key,
		 const struct document_entry *entry, void *field,
		 struct ota_error *err);
/* An absolute path; nothing need be there. */
bool set_path(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err);
/* A file to read, %d being $CREDENTIALS_DIRECTORY. */
bool set_file(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err);
/* A pattern of files, likewise. */
bool set_glob(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err);
bool set_host(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err);
bool set_unit(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err);
bool set_version(const struct config_key *key,
		 const struct document_entry *entry, void *field,
		 struct ota_error *err);
bool set_proxy(const struct config_key *key, const struct document_entry *entry,
	       void *field, struct ota_error *err);
/* char **: names separated by blanks or commas; none: NULL. */
bool set_hosts(const struct config_key *key, const struct document_entry *entry,
	       void *field, struct ota_error *err);

/* Numbers: within the row's limits. */
bool set_time(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err); /* uint64_t, ms */
bool set_size(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err); /* uint64_t */
bool set_number(const struct config_key *key,
		const struct document_entry *entry, void *field,
		struct ota_error *err); /* unsigned */
bool set_port(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err); /* uint16_t */
bool set_percent(const struct config_key *key,
		 const struct document_entry *entry, void *field,
		 struct ota_error *err); /* unsigned */
bool set_bool(const struct config_key *key, const struct document_entry *entry,
	      void *field, struct ota_error *err);
bool set_window(const struct config_key *key,
		const struct document_entry *entry, void *field,
		struct ota_error *err); /* struct time_window */

/* NULL: none of that name. `keys` ends with name NULL. */
const struct config_key *find_key(const struct config_key *keys,
				  const char *name);
/* Reports what `set` has against the entry. */
void set_value(const struct config_key *key, const struct document_entry *entry,
	       void *field, struct problems *problems);
void report_unknown_key(const struct document_section *section,
			const struct document_entry *entry,
			const struct choice *known, struct problems *problems);
/* Every entry of `section` (may be NULL) into the struct at `target`. */
void set_section(const struct document_section *section,
		 const struct config_key *keys, void *target,
		 struct problems *problems);
