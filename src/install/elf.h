#pragma once

/* Whether a file is a program that this machine can run. */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Compares the headers of `path` with those of the running program: class,
 * byte order, machine, and that no part of it is cut off. `incompatible` with
 * a sentence when it is no such program. `ret_loader` (of `size` bytes) gets
 * the path of the dynamic loader it asks for, which exists; "" when static.
 */
bool elf_check(const char *path, char *ret_loader, size_t size,
	       struct ota_error *err) OTA_MUST_CHECK;
