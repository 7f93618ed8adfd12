#pragma once

/*
 * Hostile text on its way to people: errors, journal lines and the output of
 * handlers reach terminals, where a control byte is a command.
 */

#include <stdbool.h>

/*
 * Replaces by '?', byte for byte: control characters (also U+0080-U+009F, which
 * terminals obey just the same) and what is no UTF-8. `was_cut`: the text ends
 * where a buffer did; a character begun there is dropped.
 */
void clean_text(char *text, bool was_cut);
