/*
 * Prints every key of the configuration, as SECTION KEY, for check-manual.py; and
 * as type:TYPE KEY those of a module that are not for every type.
 */

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

static void print_keys_of_types(const struct config_key *keys)
{
	const unsigned all = (1U << INSTALLER_TYPE_COUNT) - 1;

	for (; keys->name; keys++) {
		for (unsigned i = 0; i < INSTALLER_TYPE_COUNT; i++) {
			if (keys->types != all && (keys->types & (1U << i)))
				printf("type:%s %s\n",
				       installer_type_name((enum installer_type)i),
				       keys->name);
		}
	}
}

int main(void)
{
	static const char *const kinds[] = { "Mqtt", "Download", "Update", "Paths" };

	for (size_t i = 0; i < OTA_ARRAY_SIZE(kinds); i++)
		print_keys(kinds[i], settings_keys(kinds[i]));
	print_keys("Module", module_section_keys());
	print_keys_of_types(module_section_keys());
	printf("Cloud %s\nClass %s\nDevice %s\n", CLOUD_KEY_PLATFORM,
	       CLASS_KEY_MODULE, DEVICE_KEY_CLASS);
	for (const struct platform_keys *platform = cloud_platforms();
	     platform->platform; platform++) {
		print_platform_keys("Cloud", platform->cloud);
		print_platform_keys("Device", platform->device);
	}
	return 0;
}
