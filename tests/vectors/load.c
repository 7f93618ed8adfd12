#include "vectors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "otad/base/file.h"
#include "otad/base/json.h"

#define MAX_FILE_BYTES (64 * 1024 * 1024)
/* Cases hold payloads of 16 levels and more. */
#define MAX_FILE_DEPTH 1024
#define FORMAT 1

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

/* The options may stand in the identity or beside it. */
static void adopt_options(struct json_object *file)
{
	struct json_object *identity = json_get(file, "identity");
	struct json_object *options = json_get(file, "options");

	if (options && !json_get(identity, "options"))
		json_object_object_add(identity, "options",
				       json_object_get(options));
}

struct json_object *vector_load(const char *path, char **ret_text)
{
	struct json_object *file;
	struct ota_error err;
	size_t size;

	*ret_text = file_read(path, MAX_FILE_BYTES, &size, &err);
	if (!*ret_text)
		vector_unusable("%s", err.text);
	file = parse_file(path, *ret_text, size);
	if (json_get_int(file, "format", FORMAT) != FORMAT)
		vector_unusable("%s: another format", path);
	if (!json_get_string(file, "platform") ||
	    !json_object_is_type(json_get(file, "identity"), json_type_object))
		vector_unusable("%s: no platform or no identity", path);
	adopt_options(file);
	return file;
}
