#pragma once

/*
 * `KEY=VALUE` lines, the format of the trial marker and of an installation's
 * record: a shell and a program without any library can read them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Copies the value of the first `KEY=` line into `value`. False when there is
 * none, it does not fit, or it is not printable ASCII; `value` is "" then.
 */
bool lines_get(const char *text, const char *key, char *value, size_t size);

/* Writes one line. What the format cannot hold (or NULL) is left out. */
void lines_put(FILE *out, const char *key, const char *value);
void lines_put_number(FILE *out, const char *key, unsigned long long number);
