#include "vectors.h"

#include <stdlib.h>
#include <string.h>

#define WHITE_SPACE " \t\r\n"

static const char *skip_space(const char *at)
{
	return at + strspn(at, WHITE_SPACE);
}

/* `at` is on the opening quote. */
static const char *skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1])
			at++;
	}
	return *at ? at + 1 : at;
}

static const char *skip_value(const char *at)
{
	unsigned depth = 0;

	do {
		at = skip_space(at);
		if (*at == '"') {
			at = skip_string(at);
		} else if (strchr("{[", *at) && *at) {
			depth++;
			at++;
		} else if (strchr("}]", *at) && *at) {
			depth--;
			at++;
		} else if (*at == ',' || *at == ':') {
			at++;
		} else {
			at += strcspn(at, WHITE_SPACE ",:]}");
		}
	} while (depth > 0 && *at);
	return at;
}

const char *raw_member(const char *object, const char *key)
{
	const char *at = skip_space(skip_space(object) + 1);

	while (*at == '"') {
		const char *name = at + 1;
		const char *behind = skip_string(at);
		const char *value = skip_space(skip_space(behind) + 1);

		if (strlen(key) == (size_t)(behind - name) - 1 &&
		    !strncmp(name, key, strlen(key)))
			return value;
		at = skip_space(skip_value(value));
		if (*at == ',')
			at = skip_space(at + 1);
	}
	return NULL;
}

const char *raw_element(const char *array, const char *at)
{
	if (!at) {
		at = skip_space(skip_space(array) + 1);
		return *at == ']' ? NULL : at;
	}
	at = skip_space(skip_value(at));
	return *at == ',' ? skip_space(at + 1) : NULL;
}

char *raw_compact(const char *value)
{
	const char *end = skip_value(value);
	char *text = vector_need(malloc((size_t)(end - value) + 1));
	char *out = text;

	while (value < end) {
		const char *next = value + 1;

		if (strchr(WHITE_SPACE, *value)) {
			value++;
			continue;
		}
		if (*value == '"')
			next = skip_string(value);
		memcpy(out, value, (size_t)(next - value));
		out += next - value;
		value = next;
	}
	*out = '\0';
	return text;
}
