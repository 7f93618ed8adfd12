#include "vectors.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "otad/base/json.h"

static bool is_placeholder(struct json_object *expected, const char *text)
{
	return json_object_is_type(expected, json_type_string) &&
	       !strcmp(json_object_get_string(expected), text);
}

static bool matches_object(struct json_object *expected,
			   struct json_object *got)
{
	if (json_object_object_length(expected) !=
	    json_object_object_length(got))
		return false;
	json_object_object_foreach(expected, key, value) {
		struct json_object *other;

		if (!json_object_object_get_ex(got, key, &other) ||
		    !vector_matches(value, other))
			return false;
	}
	return true;
}

static bool matches_array(struct json_object *expected, struct json_object *got)
{
	size_t length = json_object_array_length(expected);

	if (length != json_object_array_length(got))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!vector_matches(json_object_array_get_idx(expected, i),
				    json_object_array_get_idx(got, i)))
			return false;
	}
	return true;
}

bool vector_matches(struct json_object *expected, struct json_object *got)
{
	if (is_placeholder(expected, "$any-string"))
		return json_object_is_type(got, json_type_string) &&
		       json_object_get_string_len(got) > 0;
	if (is_placeholder(expected, "$any-int"))
		return json_object_is_type(got, json_type_int);
	if (json_object_get_type(expected) != json_object_get_type(got))
		return false;
	if (json_object_is_type(expected, json_type_object))
		return matches_object(expected, got);
	if (json_object_is_type(expected, json_type_array))
		return matches_array(expected, got);
	return json_object_equal(expected, got);
}

static const char *plain_text(struct json_object *json)
{
	return json ? json_text(json) : "null";
}

void vector_print_failure(struct json_object *test,
			  struct json_object *expected, struct json_object *got)
{
	const char *name = json_get_string(test, "name");

	printf("FAILED %s\n", name ? name : "(a case without a name)");
	printf("  expected %s\n", plain_text(expected));
	printf("  got      %s\n", plain_text(got));
}
