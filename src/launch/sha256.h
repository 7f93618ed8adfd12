#pragma once

/* SHA-256 (FIPS 180-4) of a file: the one digest the judge needs. */

#include <stdbool.h>

#define SHA256_HEX_SIZE 65

/* Of the regular file `name` in `dir_fd`, lower-case hex. False: unreadable. */
bool sha256_file(int dir_fd, const char *name, char hex[SHA256_HEX_SIZE]);
