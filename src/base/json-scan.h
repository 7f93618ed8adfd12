#pragma once

/*
 * The tokens of RFC 8259, strictly. Works on a copy of the text that it may
 * change: strings are unescaped where they stand, so nothing is allocated.
 */

#include <stdbool.h>
#include <stddef.h>

enum json_token {
	JSON_TOKEN_BAD, /* breaks the grammar of RFC 8259 */
	JSON_TOKEN_END,
	JSON_TOKEN_OBJECT_OPEN,
	JSON_TOKEN_OBJECT_CLOSE,
	JSON_TOKEN_ARRAY_OPEN,
	JSON_TOKEN_ARRAY_CLOSE,
	JSON_TOKEN_COLON,
	JSON_TOKEN_COMMA,
	JSON_TOKEN_STRING,
	JSON_TOKEN_INTEGER,
	JSON_TOKEN_FRACTION, /* a number with '.', 'e' or 'E' */
	JSON_TOKEN_TRUE,
	JSON_TOKEN_FALSE,
	JSON_TOKEN_NULL,
};

struct json_scan {
	unsigned char *at;
	unsigned char *end; /* holds a NUL */
	/*
	 * Of a string (unescaped, valid UTF-8, NUL-terminated) or a number (as
	 * written, not terminated). Stays valid, the rest of the text goes on
	 * behind it.
	 */
	char *text;
	size_t text_bytes;
};

/* Borrows `text`: `size` bytes and a NUL. */
void json_scan_init(struct json_scan *scan, char *text, size_t size);

enum json_token json_scan_next(struct json_scan *scan);

/*
 * The same for a key: U+0000 comes out as the bytes C0 80, which no valid
 * UTF-8 holds. So different keys stay different as C strings, and a key with
 * U+0000 equals none that a program asks for.
 */
enum json_token json_scan_next_key(struct json_scan *scan);
