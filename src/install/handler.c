#include "handler.h"

#include <stdint.h>
#include <string.h>

#include "otad/base/units.h"

bool handler_parse_progress(const char *line, unsigned *ret_percent)
{
	static const char word[] = "progress ";
	uint64_t percent;

	if (strncmp(line, word, sizeof(word) - 1) != 0 ||
	    !units_parse_number(line + sizeof(word) - 1, 0, 100, &percent))
		return false;
	*ret_percent = (unsigned)percent;
	return true;
}

void handler_parse_version(const char *text,
			   char ret_version[VERSION_MAX_BYTES + 1])
{
	size_t length;

	ret_version[0] = '\0';
	text += strspn(text, " \t");
	length = strcspn(text, "\r\n");
	while (length > 0 && strchr(" \t", text[length - 1]))
		length--;
	if (length > VERSION_MAX_BYTES)
		return;
	memcpy(ret_version, text, length);
	ret_version[length] = '\0';
	if (!version_is_valid(ret_version))
		ret_version[0] = '\0';
}

bool handler_check(const struct process_result *result, const char *name,
		   bool optional, enum ota_error_kind kind,
		   struct ota_error *err)
{
	bool exited = !result->timed_out && !result->signal;

	if (exited && result->exit_status == HANDLER_EXIT_BUSY)
		return ota_fail(err, OTA_ERROR_BUSY, "%s: %s", name,
				result->message[0] ? result->message :
						     "not now");
	if (exited && result->exit_status == HANDLER_EXIT_UNKNOWN)
		return optional ||
		       ota_fail(err, OTA_ERROR_INCOMPATIBLE,
				"%s: the handler does not know this action%s%s",
				name, result->message[0] ? ": " : "",
				result->message);
	return process_result_check(result, name, kind, err);
}
