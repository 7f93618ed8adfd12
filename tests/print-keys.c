/* Prints every key of the configuration, as SECTION KEY, for check-manual.py. */

#include <stdio.h>

#include "../src/config/parts.h"
#include "../src/config/values.h"
#include "otad/cloud/cloud.h"

static void print_keys(const char *section, const struct config_key *keys)
{
	for (; keys->name; keys++)
		printf("%s %s\n", section, keys->name);
}

static void print_platform_keys(const char *section,
				const struct platform_key *keys)
{
	for (; keys && keys->name; keys++) {
		printf("%s %s\n", section, keys->name);
		if (keys->same_as)
			printf("%s %s\n", section, keys->same_as);
	}
}

int main(void)
{
	static const char *const kinds[] = { "Mqtt", "Download", "Update", "Paths" };

	for (size_t i = 0; i < OTA_ARRAY_SIZE(kinds); i++)
		print_keys(kinds[i], settings_keys(kinds[i]));
	print_keys("Module", module_section_keys());
	printf("Cloud %s\nClass %s\nDevice %s\n", CLOUD_KEY_PLATFORM,
	       CLASS_KEY_MODULE, DEVICE_KEY_CLASS);
	for (const struct platform_keys *platform = cloud_platforms();
	     platform->platform; platform++) {
		print_platform_keys("Cloud", platform->cloud);
		print_platform_keys("Device", platform->device);
	}
	return 0;
}
