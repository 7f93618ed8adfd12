/* STATE/install/MODULE: what an installation remembers of its BACKUP. */

#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../../src/install/installation.h"

static bool is_same(const struct record *a, const struct record *b)
{
	return a->form == b->form && file_mark_equal(&a->old, &b->old) &&
	       a->backup_sha256.alg == b->backup_sha256.alg &&
	       strcmp(a->backup_sha256.hex, b->backup_sha256.hex) == 0 &&
	       a->undoing == b->undoing && a->installed == b->installed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct install_env env = { .state_dir = fuzz_dir() };
	struct installation in = {
		.env = &env,
		.device = (char *)"self",
		.module = (char *)"app",
		.job = (char *)"0123456789abcdef",
	};
	struct ota_error err = OTA_ERROR_INIT;
	struct record read;
	char folder[256];

	snprintf(folder, sizeof(folder), "%s/install", fuzz_dir());
	mkdir(folder, 0755);
	fuzz_write("install/self%2Fapp", data, size);
	fuzz_check(install_record_read(&in, &err));
	read = in.record;
	fuzz_check(install_record_write(&in, &err));
	fuzz_check(install_record_read(&in, &err));
	fuzz_check(is_same(&read, &in.record));
	/* Of another job it counts for nothing. */
	in.job = (char *)"fedcba9876543210";
	fuzz_check(install_record_read(&in, &err));
	fuzz_check(is_same(&in.record, &(struct record){ 0 }));
	return 0;
}
