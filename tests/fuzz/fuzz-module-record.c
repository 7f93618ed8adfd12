/* modules/DEVICE%2FMODULE.json: what is remembered of a module. */

#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "otad/base/log.h"
#include "otad/base/version.h"

#include "../../src/update/module-record.h"
#include "../../src/update/store.h"

static bool is_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static struct module_record *load(const struct store *store)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct module_record *record =
		module_record_load(store, "self", "app", &err);

	/* Nothing in it is needed: whatever it holds, otad starts. */
	fuzz_check(record);
	return record;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store store = { .dir = (char *)fuzz_dir(), .lock_fd = -1 };
	OTA_CLEANUP(module_record_freep) struct module_record *record = NULL;
	OTA_CLEANUP(module_record_freep) struct module_record *again = NULL;
	struct ota_error err = OTA_ERROR_INIT;
	char folder[256];

	log_open(LOG_TARGET_STDERR, (enum log_level)0);
	snprintf(folder, sizeof(folder), "%s/modules", fuzz_dir());
	mkdir(folder, 0755);
	fuzz_write("modules/self%2Fapp.json", data, size);
	record = load(&store);
	fuzz_check(!record->version || version_is_valid(record->version));
	fuzz_check(!record->previous || version_is_valid(record->previous));
	fuzz_check(record->last_percent <= 100);
	fuzz_check(record->last_state == JOB_STATE_IDLE || record->last_offer);
	fuzz_check(module_record_save(record, &store, "self", "app", &err));
	again = load(&store);
	fuzz_check(is_same(record->version, again->version));
	fuzz_check(is_same(record->previous, again->previous));
	fuzz_check(is_same(record->strike_key, again->strike_key));
	fuzz_check(record->strikes == again->strikes);
	fuzz_check(record->struck_ms == again->struck_ms);
	fuzz_check(record->updated_ms == again->updated_ms);
	fuzz_check(record->last_state == again->last_state);
	fuzz_check(!record->installed == !again->installed);
	return 0;
}
