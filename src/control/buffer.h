#pragma once

/* Bytes on their way in or out of a connection. */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Zeroed is empty. The bytes are `data + start`, `size` of them. */
struct buffer {
	char *data;
	size_t start;
	size_t size;
	size_t capacity;
};

/* False when out of memory; then nothing has changed. */
bool buffer_append(struct buffer *buffer, const void *data, size_t size)
	OTA_MUST_CHECK;
void buffer_consume(struct buffer *buffer, size_t size);
/* Forgets everything behind the first `size` bytes. */
void buffer_truncate(struct buffer *buffer, size_t size);
/* The length of the message in front without its NUL; false: incomplete. */
bool buffer_message(const struct buffer *buffer, size_t *ret_size);
const char *buffer_data(const struct buffer *buffer);
void buffer_done(struct buffer *buffer);
