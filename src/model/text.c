#include "otad/model/text.h"

#include "otad/base/utf8.h"

bool text_is_utf8(const char *text, size_t size)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + size;

	while (at < end) {
		size_t length = utf8_length(at, end);

		if (length == 0)
			return false;
		at += length;
	}
	return true;
}

bool text_has_control(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7F)
			return true;
		/* U+0080 to U+009F. */
		if (c == 0xC2 && i + 1 < size && (unsigned char)text[i + 1] < 0xA0)
			return true;
	}
	return false;
}
