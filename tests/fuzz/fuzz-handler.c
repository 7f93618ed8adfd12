/*
 * What a handler prints: the first byte says in how large pieces it comes, the
 * rest is its output.
 */

#include "fuzz.h"

#include <stdio.h>
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

/* How it may end, with its last words in the message. */
static void check_ends(const char *words)
{
	static const struct {
		struct process_result result;
		enum ota_error_kind kind, if_optional;
	} ends[] = {
		{ { .exit_status = 0 }, OTA_ERROR_NONE, OTA_ERROR_NONE },
		{ { .exit_status = 1 },
		  OTA_ERROR_INSTALL_FAILED, OTA_ERROR_INSTALL_FAILED },
		{ { .exit_status = HANDLER_EXIT_UNKNOWN },
		  OTA_ERROR_INCOMPATIBLE, OTA_ERROR_NONE },
		{ { .exit_status = HANDLER_EXIT_BUSY },
		  OTA_ERROR_BUSY, OTA_ERROR_BUSY },
		{ { .exit_status = -1, .signal = 9 },
		  OTA_ERROR_INSTALL_FAILED, OTA_ERROR_INSTALL_FAILED },
		{ { .exit_status = -1, .signal = 15, .timed_out = true },
		  OTA_ERROR_INSTALL_FAILED, OTA_ERROR_INSTALL_FAILED },
	};

	for (size_t i = 0; i < 2 * OTA_ARRAY_SIZE(ends); i++) {
		struct process_result result = ends[i / 2].result;
		enum ota_error_kind kind = i % 2 ? ends[i / 2].if_optional :
						   ends[i / 2].kind;
		struct ota_error err = OTA_ERROR_INIT;

		snprintf(result.message, sizeof(result.message), "%s", words);
		fuzz_check(handler_check(&result, "handler", i % 2,
					 OTA_ERROR_INSTALL_FAILED, &err) ==
			   (kind == OTA_ERROR_NONE));
		fuzz_check(err.kind == kind && fuzz_is_clean(err.text));
	}
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
	check_ends(text);
	return 0;
}
