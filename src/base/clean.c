#include "clean.h"

#include <stddef.h>
#include <string.h>

#include "otad/base/utf8.h"

#define DELETE 0x7F

static bool is_control(const unsigned char *at, size_t length)
{
	if (length == 1)
		return at[0] < ' ' || at[0] == DELETE;
	return length == 2 && at[0] == 0xC2 && at[1] < 0xA0;
}

/* A first byte that promises more than there is before `end`. */
static bool is_begun(const unsigned char *at, const unsigned char *end)
{
	size_t wanted = 1;
	const unsigned char *next;

	if (*at >= 0xC2 && *at <= 0xDF)
		wanted = 2;
	else if (*at >= 0xE0 && *at <= 0xEF)
		wanted = 3;
	else if (*at >= 0xF0 && *at <= 0xF4)
		wanted = 4;
	if ((size_t)(end - at) >= wanted)
		return false;
	for (next = at + 1; next < end; next++)
		if ((*next & 0xC0) != 0x80)
			return false;
	return true;
}

void clean_text(char *text, bool was_cut)
{
	unsigned char *at = (unsigned char *)text;
	unsigned char *end = at + strlen(text);

	while (at < end) {
		size_t length = utf8_length(at, end);

		if (length == 0 && was_cut && is_begun(at, end)) {
			*at = '\0';
			return;
		}
		if (length == 0 || is_control(at, length)) {
			length = length ? length : 1;
			memset(at, '?', length);
		}
		at += length;
	}
}
