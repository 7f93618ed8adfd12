#pragma once
#include <stdbool.h>

/* SHA-256 (FIPS 180-4) of the file `name`, as 64 hex digits. False: unreadable, or
 * larger than 256 MiB. */
bool sha256_file(int dir_fd, const char *name, char hex[65]);
