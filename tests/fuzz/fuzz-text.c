/* Hostile text on its way to people, to the disk, and into names of files. */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/error.h"
#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/model/device.h"
#include "otad/model/digest.h"
#include "otad/model/job-state.h"
#include "otad/model/offer.h"

static void check_error(const char *text)
{
	struct ota_error err = OTA_ERROR_INIT;

	ota_fail(&err, OTA_ERROR_INTERNAL, "%s", text);
	fuzz_check(fuzz_is_clean(err.text));
	ota_wrap(&err, "%s", text);
	fuzz_check(fuzz_is_clean(err.text));
	ota_fail_errno(&err, 5, "open %s", text);
	fuzz_check(fuzz_is_clean(err.text));
	fuzz_check(strlen(err.text) < OTA_ERROR_TEXT_SIZE);
}

static void check_file_name(const char *text, const char *other)
{
	OTA_CLEANUP(freep) char *name = file_name_escape(text);
	OTA_CLEANUP(freep) char *second = file_name_escape(other);
	size_t size = strlen(name);

	fuzz_check(size > 0 && size <= 240);
	fuzz_check(name[0] != '.' && !strchr(name, '/'));
	fuzz_check(fuzz_is_clean(name));
	fuzz_check((strcmp(text, other) == 0) == (strcmp(name, second) == 0));
}

static void check_json(const char *text)
{
	OTA_CLEANUP(json_freep) struct json_object *json = json_new_object();
	OTA_CLEANUP(json_freep) struct json_object *again = NULL;
	enum json_fault fault;
	const char *written;

	fuzz_check(json && json_add_string(json, "text", text));
	written = json_text(json);
	again = json_parse(written, strlen(written), 16 * strlen(written) + 64,
			   &fault);
	fuzz_check(fault == JSON_OK && fuzz_json_equal(json, again));
}

static void check_words(const char *text)
{
	enum installer_type type;
	enum ota_error_kind kind;
	enum job_state state;
	enum digest_alg alg;
	struct digest digest = { .alg = DIGEST_NONE };

	if (installer_type_parse(text, &type))
		fuzz_check(strcmp(installer_type_name(type), text) == 0);
	if (ota_error_kind_parse(text, &kind))
		fuzz_check(strcmp(ota_error_kind_name(kind), text) == 0);
	if (job_state_parse(text, &state)) {
		fuzz_check(strcmp(job_state_name(state), text) == 0);
		fuzz_check(job_overall_percent(state, 50, 0) <= 100);
	}
	if (digest_alg_parse(text, &alg))
		fuzz_check(strcasecmp(digest_alg_name(alg), text) == 0);
	if (digest_set(&digest, DIGEST_SHA256, text))
		fuzz_check(strcasecmp(digest.hex, text) == 0);
	if (digest_set(&digest, DIGEST_MD5, text))
		fuzz_check(strcasecmp(digest.hex, text) == 0);
	if (module_name_is_valid(text))
		fuzz_check(fuzz_is_clean(text) && !strchr(text, '/') &&
			   strlen(text) <= MODULE_NAME_MAX_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OTA_CLEANUP(freep) char *text = fuzz_take_text(&data, &size, '\0');
	OTA_CLEANUP(freep) char *other = fuzz_text(data, size);

	check_error(text);
	check_file_name(text, other);
	check_json(text);
	check_words(text);
	return 0;
}
