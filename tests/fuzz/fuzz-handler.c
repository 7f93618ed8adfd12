/*
 * What a handler prints: the first byte says in how large pieces it comes, the
 * rest is its output.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/process.h"

#include "../../src/base/line-buffer.h"
#include "../../src/install/handler.h"

struct seen {
	unsigned lines;
	uint64_t sum; /* of all that was seen, in order */
};

static bool see(void *user_data, const char *line)
{
	struct seen *seen = user_data;
	char version[VERSION_MAX_BYTES + 1];
	unsigned percent;

	fuzz_check(strlen(line) < PROCESS_MAX_LINE);
	fuzz_check(fuzz_is_clean(line));
	if (handler_parse_progress(line, &percent))
		fuzz_check(percent <= 100);
	handler_parse_version(line, version);
	fuzz_check(!version[0] || version_is_valid(version));
	seen->lines++;
	for (; *line; line++)
		seen->sum = seen->sum * 31 + (uint8_t)*line;
	return true;
}

static struct seen print(const uint8_t *data, size_t size, size_t piece)
{
	OTA_CLEANUP(freep)
	struct line_buffer *buffer = calloc(1, sizeof(*buffer));
	struct seen seen = { 0 };

	fuzz_check(buffer);
	while (size > 0) {
		size_t now = size < piece ? size : piece;
		OTA_CLEANUP(freep) char *part = fuzz_copy(data, now);

		fuzz_check(line_buffer_add(buffer, part, now, see, &seen));
		data += now;
		size -= now;
	}
	fuzz_check(line_buffer_end(buffer, see, &seen));
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = 1 + fuzz_take_byte(&data, &size);
	struct seen parts = print(data, size, piece);
	struct seen whole = print(data, size, size + 1);
	OTA_CLEANUP(freep) char *text = fuzz_text(data, size);
	char version[VERSION_MAX_BYTES + 1];

	/* How the pipe cut it must not matter. */
	fuzz_check(parts.lines == whole.lines && parts.sum == whole.sum);
	handler_parse_version(text, version); /* VersionFile= */
	fuzz_check(!version[0] || version_is_valid(version));
	return 0;
}
