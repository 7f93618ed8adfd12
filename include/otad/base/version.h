#pragma once

/*
 * Version order after the UAPI Group's specification UAPI.10 "Version Format
 * Specification" (the order of systemd's strverscmp_improved()).
 */

#include <stdbool.h>

/* <0, 0, >0 as `a` is older, the same, newer. */
int version_compare(const char *a, const char *b);

/*
 * protocols.md, section 1.3: 1-64 bytes, [A-Za-z0-9] then
 * [A-Za-z0-9._+~-]*, no "..".
 */
#define VERSION_MAX_BYTES 64
bool version_is_valid(const char *version);
