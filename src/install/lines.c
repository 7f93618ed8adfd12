#include "lines.h"

#include <string.h>

static bool is_printable(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

bool lines_get(const char *text, const char *key, char *value, size_t size)
{
	size_t key_length = strlen(key);

	value[0] = '\0';
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (length > key_length && text[key_length] == '=' &&
		    memcmp(text, key, key_length) == 0) {
			text += key_length + 1;
			length -= key_length + 1;
			if (length >= size || !is_printable(text, length))
				return false;
			memcpy(value, text, length);
			value[length] = '\0';
			return true;
		}
		text += length;
		text += *text == '\n';
	}
	return false;
}

void lines_put(FILE *out, const char *key, const char *value)
{
	if (value && is_printable(value, strlen(value)))
		fprintf(out, "%s=%s\n", key, value);
}

void lines_put_number(FILE *out, const char *key, unsigned long long number)
{
	fprintf(out, "%s=%llu\n", key, number);
}
