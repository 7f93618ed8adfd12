#pragma once

/*
 * Vector files: protocols.md, section 11. A file names an identity; each of its
 * cases is a message to decode or a report to encode, and what must come out.
 */

#include "otad/base/cleanup.h"
#include "otad/cloud/cloud.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

/* The cloud and the inventory that an identity describes. */
struct vector_setup {
	const struct platform_keys *platform;
	struct json_object *identity; /* borrowed */
	struct cloud *cloud;
	struct inventory *inventory;
};

/* Says on standard error what is unusable about the file; exits with 2. */
void vector_unusable(const char *format, ...) OTA_PRINTF(1, 2)
	__attribute__((noreturn));
/* Exits with 2 when `pointer` is NULL. Returns it. */
void *vector_need(void *pointer);

/* Both owned; exits with 2 when the file is no vector file. */
struct json_object *vector_load(const char *path, char **ret_text);

void vector_setup_init(struct vector_setup *setup, const char *platform,
		       struct json_object *identity);
void vector_setup_done(struct vector_setup *setup);
/*
 * A cloud like the setup's, but for the options that `overrides` (may be NULL)
 * names. The caller frees it.
 */
struct cloud *vector_cloud(const struct vector_setup *setup,
			   struct json_object *overrides);

/* The bytes of an inbound case; owned. */
char *vector_payload(struct json_object *test, const char *raw,
		     size_t *ret_size);

/*
 * Run one case; each returns whether it passed and prints, if not, what was
 * expected and what came. `raw` is the case's text in the file.
 */
bool vector_run_inbound(const struct vector_setup *setup,
			struct json_object *test, const char *raw);
bool vector_run_outbound(const struct vector_setup *setup,
			 struct json_object *test);

/* Same keys, same types; "$any-string", "$any-int" in `expected` match any. */
bool vector_matches(struct json_object *expected, struct json_object *got);
void vector_print_failure(struct json_object *test,
			  struct json_object *expected,
			  struct json_object *got);

/*
 * JSON text as it stands in the file: a tree would lose what json-c has no
 * place for, such as keys with U+0000 or how a number was written. The text
 * must be valid JSON.
 */
const char *raw_member(const char *object, const char *key);
/* `at` NULL: the first. NULL: there is none (any more). */
const char *raw_element(const char *array, const char *at);
/* Without white space between tokens; owned. */
char *raw_compact(const char *value);
