/* Three texts, a line each: an order is reflexive, antisymmetric, transitive. */

#include "fuzz.h"

#include <string.h>

#include "otad/base/cleanup.h"
#include "otad/base/version.h"

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static int compare(const char *a, const char *b)
{
	int order = sign(version_compare(a, b));

	fuzz_check(order == -sign(version_compare(b, a)));
	return order;
}

static void check_valid(const char *version)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t size = strlen(version);

	if (!version_is_valid(version))
		return;
	fuzz_check(size >= 1 && size <= VERSION_MAX_BYTES);
	fuzz_check(strchr(bytes, version[0]) && !strstr(version, ".."));
	for (size_t i = 1; i < size; i++)
		fuzz_check(strchr(bytes, version[i]) ||
			   strchr("._+~-", version[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OTA_CLEANUP(freep) char *a = fuzz_take_text(&data, &size, '\n');
	OTA_CLEANUP(freep) char *b = fuzz_take_text(&data, &size, '\n');
	OTA_CLEANUP(freep) char *c = fuzz_text(data, size);
	int ab = compare(a, b), bc = compare(b, c), ac = compare(a, c);

	fuzz_check(compare(a, a) == 0 && compare(b, b) == 0);
	if (ab <= 0 && bc <= 0)
		fuzz_check(ac <= 0);
	if (ab >= 0 && bc >= 0)
		fuzz_check(ac >= 0);
	if (ab == 0)
		fuzz_check(ac == bc);
	check_valid(a);
	check_valid(b);
	check_valid(c);
	return 0;
}
