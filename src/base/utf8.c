#include "otad/base/utf8.h"

#include <stdbool.h>

static bool in_range(unsigned char c, unsigned char low, unsigned char high)
{
	return c >= low && c <= high;
}

/* The table of RFC 3629, section 4. */
size_t utf8_length(const unsigned char *at, const unsigned char *end)
{
	size_t left = (size_t)(end - at);
	unsigned char low = 0x80, high = 0xBF;
	size_t length, i;

	if (left == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	if (in_range(at[0], 0xC2, 0xDF))
		length = 2;
	else if (in_range(at[0], 0xE0, 0xEF))
		length = 3;
	else if (in_range(at[0], 0xF0, 0xF4))
		length = 4;
	else
		return 0;
	if (left < length)
		return 0;

	if (at[0] == 0xE0)
		low = 0xA0; /* below: overlong */
	else if (at[0] == 0xED)
		high = 0x9F; /* above: surrogates */
	else if (at[0] == 0xF0)
		low = 0x90; /* below: overlong */
	else if (at[0] == 0xF4)
		high = 0x8F; /* above: beyond U+10FFFF */
	if (!in_range(at[1], low, high))
		return 0;
	for (i = 2; i < length; i++)
		if (!in_range(at[i], 0x80, 0xBF))
			return 0;
	return length;
}
