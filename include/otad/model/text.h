#pragma once

/* What text from outside must pass before it is shown, stored or compared. */

#include <stdbool.h>
#include <stddef.h>

/* Shortest forms only, no surrogates, nothing beyond U+10FFFF. */
bool text_is_utf8(const char *text, size_t size);
/* U+0000 to U+001F, NUL and tab included, or U+007F to U+009F. */
bool text_has_control(const char *text, size_t size);
