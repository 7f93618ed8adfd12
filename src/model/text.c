#include "otad/model/text.h"

#include <stdint.h>

/* RFC 3629, section 4: what may follow each lead byte. */
struct utf8_lead {
	uint8_t first, last;
	uint8_t second_min, second_max;
	uint8_t size;
};

static const struct utf8_lead utf8_leads[] = {
	{ 0x00, 0x7F, 0x00, 0x00, 1 }, { 0xC2, 0xDF, 0x80, 0xBF, 2 },
	{ 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
	{ 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
	{ 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 },
	{ 0xF4, 0xF4, 0x80, 0x8F, 4 },
};

/* 0: no character begins here. */
static size_t character_size(const uint8_t *bytes, size_t left)
{
	const struct utf8_lead *lead = utf8_leads;
	const struct utf8_lead *end =
		utf8_leads + sizeof(utf8_leads) / sizeof(utf8_leads[0]);

	while (lead < end && (bytes[0] < lead->first || bytes[0] > lead->last))
		lead++;
	if (lead == end || lead->size > left)
		return 0;
	if (lead->size == 1)
		return 1;
	if (bytes[1] < lead->second_min || bytes[1] > lead->second_max)
		return 0;
	for (size_t i = 2; i < lead->size; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 0;
	}
	return lead->size;
}

bool text_is_utf8(const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;

	for (size_t at = 0; at < size;) {
		size_t step = character_size(bytes + at, size - at);

		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

bool text_has_control(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7F)
			return true;
	}
	return false;
}
