#pragma once

/*
 * Lines of the output of a program: cut where they are too long, control bytes
 * replaced. Pure; every byte is hostile.
 */

#include "otad/base/process.h"

#include <stdbool.h>
#include <stddef.h>

struct line_buffer {
	char line[PROCESS_MAX_LINE];
	size_t size;
	bool is_cut;
};

/*
 * A line without its end, borrowed. False: stop, the buffer may be gone.
 */
typedef bool (*line_buffer_fn)(void *user_data, const char *line);

/* Calls `fn` for every line that ends within `data`. False when it said so. */
bool line_buffer_add(struct line_buffer *buffer, const char *data, size_t size,
		     line_buffer_fn fn, void *user_data);
/* The last line needs no end. */
bool line_buffer_end(struct line_buffer *buffer, line_buffer_fn fn,
		     void *user_data);
