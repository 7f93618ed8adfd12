/*
 * test-vectors FILE...: runs the cases of vector files (protocols.md, section
 * 11) against the clouds' adapters. Exit 0: all passed, 1: some failed, 2: a
 * file is unusable.
 */

#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#include "vectors/vectors.h"

struct totals {
	unsigned passed;
	unsigned failed;
};

static struct json_object *cases(const char *path, struct json_object *file,
				 const char *key)
{
	struct json_object *list = json_get(file, key);

	if (list && !json_object_is_type(list, json_type_array))
		vector_unusable("%s: \"%s\" is no list", path, key);
	return list;
}

static void count(struct totals *totals, bool passed)
{
	if (passed)
		totals->passed++;
	else
		totals->failed++;
}

static void run_cases(const struct vector_setup *setup, const char *path,
		      struct json_object *file, const char *text,
		      struct totals *totals)
{
	struct json_object *inbound = cases(path, file, "inbound");
	struct json_object *outbound = cases(path, file, "outbound");
	size_t n_inbound = inbound ? json_object_array_length(inbound) : 0;
	size_t n_outbound = outbound ? json_object_array_length(outbound) : 0;
	const char *raw_list = raw_member(text, "inbound");
	const char *raw = NULL;

	if (n_inbound + n_outbound == 0)
		vector_unusable("%s: no cases", path);
	for (size_t i = 0; i < n_inbound; i++) {
		raw = raw_element(raw_list, raw);
		count(totals, vector_run_inbound(
				      setup,
				      json_object_array_get_idx(inbound, i),
				      raw));
	}
	for (size_t i = 0; i < n_outbound; i++)
		count(totals, vector_run_outbound(
				      setup,
				      json_object_array_get_idx(outbound, i)));
}

static void run_file(const char *path, struct totals *totals)
{
	OTA_CLEANUP(freep) char *text = NULL;
	OTA_CLEANUP(json_freep) struct json_object *file =
		vector_load(path, &text);
	struct vector_setup setup;

	vector_setup_init(&setup, json_get_string(file, "platform"),
			  json_get(file, "identity"));
	run_cases(&setup, path, file, text, totals);
	vector_setup_done(&setup);
}

int main(int argc, char **argv)
{
	struct totals totals = { 0 };

	if (argc < 2) {
		fputs("usage: test-vectors FILE...\n", stderr);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		run_file(argv[i], &totals);
	printf("%u passed, %u failed\n", totals.passed, totals.failed);
	return totals.failed > 0 ? 1 : 0;
}
