#include "power.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "otad/base/cleanup.h"
#include "otad/base/units.h"

static bool read_attribute(const char *dir, const char *supply,
			   const char *attribute, char *buffer, size_t size)
{
	OTA_CLEANUP(freep) char *path = NULL;
	FILE *file;
	bool ok;

	if (asprintf(&path, "%s/%s/%s", dir, supply, attribute) < 0)
		return false;
	/* sysfs files have no size worth believing: read a line. */
	file = fopen(path, "re");
	if (!file)
		return false;
	ok = fgets(buffer, (int)size, file);
	fclose(file);
	if (ok)
		buffer[strcspn(buffer, "\n")] = '\0';
	return ok;
}

/* Batteries of mice and phones say nothing about the gateway. */
static bool powers_system(const char *dir, const char *supply)
{
	char scope[32];

	return !read_attribute(dir, supply, "scope", scope, sizeof(scope)) ||
	       strcmp(scope, "Device") != 0;
}

static bool is_online(const char *dir, const char *supply)
{
	char online[8];

	return read_attribute(dir, supply, "online", online, sizeof(online)) &&
	       strcmp(online, "0") != 0;
}

bool power_on_battery(const char *dir, unsigned *ret_percent)
{
	DIR *supplies = opendir(dir);
	struct dirent *entry;
	bool battery = false, mains = false;
	uint64_t best = 0;

	if (!supplies)
		return false;
	while ((entry = readdir(supplies))) {
		char type[32], capacity[16];
		uint64_t percent;

		if (entry->d_name[0] == '.' ||
		    !read_attribute(dir, entry->d_name, "type", type, sizeof(type)) ||
		    !powers_system(dir, entry->d_name))
			continue;
		if (strcmp(type, "Battery") != 0) {
			mains |= is_online(dir, entry->d_name);
		} else if (read_attribute(dir, entry->d_name, "capacity",
					  capacity, sizeof(capacity)) &&
			   units_parse_number(capacity, 0, 100, &percent)) {
			battery = true;
			best = percent > best ? percent : best;
		}
	}
	closedir(supplies);
	if (!battery || mains)
		return false;
	*ret_percent = (unsigned)best;
	return true;
}
