/* A file that claims to be a program for this machine. */

#include "fuzz.h"

#include <string.h>

#include "../../src/install/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_write("program", data, size);
	struct ota_error err = OTA_ERROR_INIT;
	char loader[64];

	if (elf_check(path, loader, sizeof(loader), &err)) {
		fuzz_check(size > 52 && memcmp(data, "\177ELF", 4) == 0);
		fuzz_check(loader[0] == '\0' || loader[0] == '/');
	} else {
		fuzz_check(err.kind == OTA_ERROR_INCOMPATIBLE);
		fuzz_check(fuzz_is_clean(err.text));
	}
	return 0;
}
