#include "buffer.h"

#include <stdlib.h>
#include <string.h>

/* A typical call or reply fits the first allocation. */
#define BUFFER_MIN_BYTES 1024

static bool make_room(struct buffer *buffer, size_t size)
{
	size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_MIN_BYTES;
	char *data;

	if (buffer->start + buffer->size + size <= buffer->capacity)
		return true;
	while (capacity < buffer->size + size)
		capacity *= 2;
	data = malloc(capacity);
	if (!data)
		return false;
	if (buffer->size > 0)
		memcpy(data, buffer->data + buffer->start, buffer->size);
	free(buffer->data);
	buffer->data = data;
	buffer->capacity = capacity;
	buffer->start = 0;
	return true;
}

bool buffer_append(struct buffer *buffer, const void *data, size_t size)
{
	if (size == 0)
		return true;
	if (!make_room(buffer, size))
		return false;
	memcpy(buffer->data + buffer->start + buffer->size, data, size);
	buffer->size += size;
	return true;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
	if (size >= buffer->size) {
		/* An idle client holds no memory. */
		buffer_done(buffer);
		return;
	}
	buffer->start += size;
	buffer->size -= size;
}

void buffer_truncate(struct buffer *buffer, size_t size)
{
	if (size < buffer->size)
		buffer->size = size;
}

bool buffer_message(const struct buffer *buffer, size_t *ret_size)
{
	const char *start = buffer_data(buffer);
	const char *end = buffer->size > 0 ? memchr(start, '\0', buffer->size) :
					     NULL;

	if (!end)
		return false;
	*ret_size = (size_t)(end - start);
	return true;
}

const char *buffer_data(const struct buffer *buffer)
{
	return buffer->data ? buffer->data + buffer->start : "";
}

void buffer_done(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){ 0 };
}
