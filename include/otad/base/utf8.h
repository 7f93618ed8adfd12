#pragma once

#include <stddef.h>

/*
 * Bytes of the UTF-8 character (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF) that begins at `at`; 0 when there is none before
 * `end`. U+0000 is a character.
 */
size_t utf8_length(const unsigned char *at, const unsigned char *end);
