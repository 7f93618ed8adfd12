/* download/FILE.json: what is known of an unfinished download. */

#include "fuzz.h"

#include <string.h>

#include "otad/model/offer.h"

#include "../../src/fetch/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_write("file.json", data, size);
	struct ota_error err = OTA_ERROR_INIT;
	struct record record, again;

	if (!record_read(path, &record))
		return 0;
	fuzz_check(record.size_bytes == OFFER_SIZE_UNKNOWN ||
		   record.bytes <= record.size_bytes);
	fuzz_check(fuzz_is_clean(record.validator));
	fuzz_check(record_write(path, &record, &err));
	fuzz_check(record_read(path, &again));
	fuzz_check(strcmp(record.identity, again.identity) == 0);
	fuzz_check(strcmp(record.url, again.url) == 0);
	fuzz_check(strcmp(record.validator, again.validator) == 0);
	fuzz_check(record.bytes == again.bytes &&
		   record.size_bytes == again.size_bytes);
	record_done(&again);
	record_done(&record);
	return 0;
}
