/*
 * test-vectors FILE...: runs the cases of vector files (protocols.md, section
 * 11) against the clouds' adapters. Exit 0: all passed, 1: some failed, 2: a
 * file is unusable.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/file.h"
#include "otad/base/json.h"

#include "vectors/vectors.h"

#define MAX_FILE_BYTES (64 * 1024 * 1024)
/* Cases hold payloads of 16 levels and more. */
#define MAX_FILE_DEPTH 128
#define FORMAT 1

struct totals {
	unsigned passed;
	unsigned failed;
};

void vector_unusable(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	va_start(arguments, format);
	fputs("unusable: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(2);
}

void *vector_need(void *pointer)
{
	if (!pointer)
		vector_unusable("out of memory");
	return pointer;
}

static struct json_object *parse_file(const char *path, const char *text,
				      size_t size)
{
	struct json_tokener *tokener =
		vector_need(json_tokener_new_ex(MAX_FILE_DEPTH));
	struct json_object *json;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, text, (int)size);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		vector_unusable("%s: %s", path,
				json_tokener_error_desc(
					json_tokener_get_error(tokener)));
	json_tokener_free(tokener);
	if (!json_object_is_type(json, json_type_object))
		vector_unusable("%s: not an object", path);
	return json;
}

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
	OTA_CLEANUP(json_freep) struct json_object *file = NULL;
	struct vector_setup setup;
	struct ota_error err;
	size_t size;

	text = file_read(path, MAX_FILE_BYTES, &size, &err);
	if (!text)
		vector_unusable("%s", err.text);
	file = parse_file(path, text, size);
	if (json_get_int(file, "format", FORMAT) != FORMAT)
		vector_unusable("%s: another format", path);
	if (!json_get_string(file, "platform") || !json_get(file, "identity"))
		vector_unusable("%s: no platform or no identity", path);
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
