#pragma once

/*
 * EZtCloud's addresses of sub-devices (protocols.md, section 5.5): a path of
 * one to four names, kept as one text with commas between. The gateway itself
 * is addressed by its topics alone; its address is empty.
 */

#include "otad/base/error.h"
#include "otad/model/device.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct reader;

#define EZT_MAX_LEVELS 4

/* Address=, or the section's name. Owned, or NULL with `err`. */
char *ezt_address(const struct device *device, struct ota_error *err);
size_t ezt_levels(const char *address);

/* `key` holds a name or a list of names: whose message it is. */
void ezt_read_device(struct reader *reader, struct json_object *message,
		     const char *key);

/* The following return owned, or NULL when out of memory. */

/* "DEVICE1" or ["1","2"]; a list in any case when `always_list`. */
struct json_object *ezt_path_value(const char *address, bool always_list)
	OTA_MUST_CHECK;
/* {"1":{"sub":{"2":{"attributes":VALUES}}}}; takes `values`. */
struct json_object *ezt_nest_attributes(const char *address,
					struct json_object *values)
	OTA_MUST_CHECK;
