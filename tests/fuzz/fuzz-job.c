/* jobs/ID.json: what was read is written, and read again, the same. */

#include "fuzz.h"

#include <string.h>

#include "otad/base/json.h"
#include "otad/base/version.h"

#include "../../src/update/job.h"
#include "../../src/update/store.h"

static void check_job(const struct job *job)
{
	fuzz_check(strlen(job->id) == JOB_ID_SIZE - 1);
	fuzz_check(job->state > JOB_STATE_IDLE && job->state < JOB_STATE_COUNT);
	fuzz_check(job->overall_percent <= 100);
	fuzz_check(job->told_percent >= -1 && job->told_percent <= 100);
	fuzz_check(version_is_valid(job->offer->version));
	fuzz_check(offer_check_url(job->offer->url, true) == OFFER_OK);
	fuzz_check(!job->old_version || version_is_valid(job->old_version));
	fuzz_check(!job->waiting || version_is_valid(job->waiting->version));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OTA_CLEANUP(freep) char *text = fuzz_copy(data, size);
	struct ota_error err = OTA_ERROR_INIT;
	OTA_CLEANUP(json_freep)
	struct json_object *json = json_parse_err(
		text, size, STORE_MAX_DOCUMENT_BYTES, &err);
	OTA_CLEANUP(job_freep) struct job *job = NULL;
	OTA_CLEANUP(job_freep) struct job *again = NULL;
	OTA_CLEANUP(json_freep) struct json_object *written = NULL;
	OTA_CLEANUP(json_freep) struct json_object *rewritten = NULL;

	if (!json)
		return 0;
	job = job_from_json(NULL, json, &err);
	if (!job) {
		/* Not our fault: a file to set aside, never one to stop at. */
		fuzz_check(err.kind == OTA_ERROR_PROTOCOL);
		return 0;
	}
	check_job(job);
	written = job_to_json(job);
	fuzz_check(written);
	again = job_from_json(NULL, written, &err);
	fuzz_check(again);
	rewritten = job_to_json(again);
	fuzz_check(fuzz_json_equal(written, rewritten));
	fuzz_check(job->refetches == again->refetches);
	return 0;
}
