/*
 * fuzz-NAME FOLDER...: one run over every file of the folders, for builds
 * without libFuzzer. So what a fuzzer has once found stays found.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#include "otad/base/file.h"

#define MAX_INPUT_BYTES (1024 * 1024)

static void replay(const char *path)
{
	struct ota_error err = OTA_ERROR_INIT;
	OTA_CLEANUP(freep) char *text = NULL;
	OTA_CLEANUP(freep) char *exact = NULL;
	size_t size;

	text = file_read(path, MAX_INPUT_BYTES, &size, &err);
	if (!text) {
		fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	exact = fuzz_copy((const uint8_t *)text, size);
	if (LLVMFuzzerTestOneInput((const uint8_t *)exact, size) != 0)
		exit(2);
}

/* A property that does not hold ends the program: say of which file. */
static unsigned replay_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned count = 0;
	char path[4096];

	if (!dir) {
		perror(folder);
		exit(2);
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		fprintf(stderr, "%s\n", path);
		replay(path);
		count++;
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++)
		count += replay_folder(argv[i]);
	/* Also what no corpus need hold. */
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("%u inputs\n", count);
	return count > 0 ? 0 : 2;
}
