#pragma once

/*
 * Packet identifiers (MQTT 3.1.1, section 2.3.1) in the order they came. Room
 * is made beforehand, where a lack of memory can still be told to the caller;
 * adding happens in callbacks of the library, which cannot fail.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Zeroed: empty. */
struct id_list {
	int *ids; /* owned */
	size_t count;
	size_t size;
};

/* Makes room for `count` of them in all. */
bool id_list_reserve(struct id_list *list, size_t count,
		     struct ota_error *err) OTA_MUST_CHECK;
/* Without room the id is dropped. */
void id_list_add(struct id_list *list, int id);
/* Whether it was there; it no longer is. */
bool id_list_take(struct id_list *list, int id);
void id_list_done(struct id_list *list);
