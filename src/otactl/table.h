#pragma once

/* Columns that line up, whatever script their text is in. */

#include "otad/base/cleanup.h"

#include "screen.h"

#include <stdbool.h>
#include <stddef.h>

struct ctl_table;

/* `titles` end with NULL; borrowed. NULL when out of memory. */
struct ctl_table *ctl_table_new(const char *const *titles);
struct ctl_table *ctl_table_free(struct ctl_table *table);
OTA_DEFINE_CLEANUP(struct ctl_table *, ctl_table_free)

/*
 * Adds a row of as many texts as there are titles; copies and cleans them, "-"
 * stands for NULL and "". `note` (NULL: none) is shown below it, indented.
 * `colour` is that of the last column. False when out of memory; that is kept,
 * and ctl_table_print() fails then.
 */
bool ctl_table_add(struct ctl_table *table, const char *const *texts,
		   enum ctl_colour colour, const char *note);
bool ctl_table_print(const struct ctl_table *table,
		     const struct ctl_screen *screen);
