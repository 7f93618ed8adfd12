#include "line-buffer.h"

#include <string.h>

#include "clean.h"

static bool end_line(struct line_buffer *buffer, line_buffer_fn fn,
		     void *user_data)
{
	char *line = buffer->line;

	if (buffer->size && line[buffer->size - 1] == '\r')
		buffer->size--;
	line[buffer->size] = '\0';
	clean_text(line, buffer->is_cut);
	buffer->size = 0;
	buffer->is_cut = false;
	return fn(user_data, line);
}

static void add_to_line(struct line_buffer *buffer, const char *data,
			size_t size)
{
	size_t room = sizeof(buffer->line) - 1 - buffer->size;
	char *at = buffer->line + buffer->size;
	size_t i;

	if (size > room) {
		buffer->is_cut = true;
		size = room;
	}
	for (i = 0; i < size; i++)
		at[i] = data[i] ? data[i] : '?';
	buffer->size += size;
}

bool line_buffer_add(struct line_buffer *buffer, const char *data, size_t size,
		     line_buffer_fn fn, void *user_data)
{
	while (size) {
		const char *newline = memchr(data, '\n', size);
		size_t length = newline ? (size_t)(newline - data) : size;

		add_to_line(buffer, data, length);
		if (!newline)
			return true;
		if (!end_line(buffer, fn, user_data))
			return false;
		data += length + 1;
		size -= length + 1;
	}
	return true;
}

bool line_buffer_end(struct line_buffer *buffer, line_buffer_fn fn,
		     void *user_data)
{
	return !buffer->size || end_line(buffer, fn, user_data);
}
