#include "otad/base/messages.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "otad/base/log.h"

#define ID_DIGITS 32
#define MAX_MESSAGES 100
/* Ample for the source and the catalog. */
#define MAX_FILE_BYTES (256 * 1024)

struct fixture {
	char *source;
	char *header;
	char *catalog;
	char ids[MAX_MESSAGES][ID_DIGITS + 1];
	size_t id_count;
};

static char *read_source(const char *name)
{
	char path[4096];
	OTA_CLEANUP(fclosep) FILE *file = NULL;
	char *text = calloc(1, MAX_FILE_BYTES);

	snprintf(path, sizeof(path), "%s/%s", OTAD_SOURCE_ROOT, name);
	file = fopen(path, "re");
	if (!file || !text)
		fail_msg("cannot read %s", path);
	if (fread(text, 1, MAX_FILE_BYTES - 1, file) == 0)
		fail_msg("%s is empty", path);
	return text;
}

/* Every message of messages.c, also those that nobody uses yet. */
static void find_ids(struct fixture *fx)
{
	const char *at = fx->source;

	while ((at = strstr(at, "struct log_message message_"))) {
		const char *open = strchr(at, '"');
		const char *close = open ? strchr(open + 1, '"') : NULL;

		assert_non_null(close);
		assert_int_equal(close - open - 1, ID_DIGITS);
		assert_true(fx->id_count < MAX_MESSAGES);
		memcpy(fx->ids[fx->id_count++], open + 1, ID_DIGITS);
		at = close;
	}
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	*state = fx;
	fx->source = read_source("src/base/messages.c");
	fx->header = read_source("include/otad/base/messages.h");
	fx->catalog = read_source("systemd/otad.catalog");
	find_ids(fx);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	free(fx->source);
	free(fx->header);
	free(fx->catalog);
	free(fx);
	return 0;
}

static void the_source_holds_every_message_of_the_header(void **state)
{
	struct fixture *fx = *state;
	const char *at = fx->header;
	size_t declared = 0;

	while ((at = strstr(at + 1, "extern const struct log_message message_")))
		declared++;
	assert_true(declared > 0);
	assert_int_equal(fx->id_count, declared);
	/* The search finds what the compiler does. */
	assert_string_equal(fx->ids[0], message_started.id);
	assert_string_equal(fx->ids[fx->id_count - 1],
			    message_job_rolled_back.id);
}

static void ids_are_lower_case_hexadecimal(void **state)
{
	struct fixture *fx = *state;
	size_t i;

	for (i = 0; i < fx->id_count; i++)
		assert_int_equal(strspn(fx->ids[i], "0123456789abcdef"),
				 ID_DIGITS);
}

static void ids_are_unique(void **state)
{
	struct fixture *fx = *state;
	size_t i, j;

	for (i = 0; i < fx->id_count; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(fx->ids[i], fx->ids[j]);
}

static void every_id_is_explained_once(void **state)
{
	struct fixture *fx = *state;
	char head[ID_DIGITS + 32];
	size_t i;

	for (i = 0; i < fx->id_count; i++) {
		const char *entry, *end, *body;

		snprintf(head, sizeof(head), "\n-- %s\nSubject: ", fx->ids[i]);
		entry = strstr(fx->catalog, head);
		if (!entry)
			fail_msg("%s is not in the catalog", fx->ids[i]);
		assert_null(strstr(entry + 1, head));
		assert_non_null(strstr(entry, "\nDefined-By: otad\n"));
		/* An empty line, then words. */
		body = strstr(entry, "\n\n");
		assert_non_null(body);
		end = strstr(entry + 1, "\n-- ");
		assert_true((end ? end : strchr(body, '\0')) - body > 40);
	}
}

static void the_catalog_explains_nothing_else(void **state)
{
	struct fixture *fx = *state;
	const char *at = fx->catalog;
	size_t entries = 0;

	while ((at = strstr(at + 1, "\n-- ")))
		entries++;
	assert_int_equal(entries, fx->id_count);
}

static void the_catalog_names_only_fields_there_are(void **state)
{
	static const char *const known[] = {
		"@MESSAGE@",	 "@OTA_DEVICE@", "@OTA_ERROR@", "@OTA_JOB@",
		"@OTA_MODULE@", "@OTA_STATE@",	 "@OTA_VERSION@",
	};
	struct fixture *fx = *state;
	const char *at = fx->catalog;
	regmatch_t match;
	regex_t field;
	size_t i, found = 0;

	assert_int_equal(regcomp(&field, "@[A-Z_]*@", 0), 0);
	for (; regexec(&field, at, 1, &match, 0) == 0; at += match.rm_eo) {
		size_t length = (size_t)(match.rm_eo - match.rm_so);

		for (i = 0; i < OTA_ARRAY_SIZE(known); i++)
			if (strlen(known[i]) == length &&
			    strncmp(known[i], at + match.rm_so, length) == 0)
				break;
		if (i == OTA_ARRAY_SIZE(known))
			fail_msg("no such field: %.*s", (int)length,
				 at + match.rm_so);
		found++;
	}
	regfree(&field);
	assert_true(found > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_source_holds_every_message_of_the_header),
		cmocka_unit_test(ids_are_lower_case_hexadecimal),
		cmocka_unit_test(ids_are_unique),
		cmocka_unit_test(every_id_is_explained_once),
		cmocka_unit_test(the_catalog_explains_nothing_else),
		cmocka_unit_test(the_catalog_names_only_fields_there_are),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
