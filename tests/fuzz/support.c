#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "otad/model/text.h"

void fuzz_check_at(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

static void *need(void *pointer)
{
	if (!pointer)
		abort();
	return pointer;
}

char *fuzz_copy(const uint8_t *data, size_t size)
{
	char *copy = need(malloc(size > 0 ? size : 1));

	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = need(malloc(size + 1));

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

char *fuzz_take_text(const uint8_t **data, size_t *size, char separator)
{
	const uint8_t *end = *size > 0 ? memchr(*data, separator, *size) : NULL;
	size_t length = end ? (size_t)(end - *data) : *size;
	char *text = fuzz_text(*data, length);

	if (end)
		length++;
	if (length > 0)
		*data += length;
	*size -= length;
	return text;
}

uint8_t fuzz_take_byte(const uint8_t **data, size_t *size)
{
	if (*size == 0)
		return 0;
	--*size;
	return *(*data)++;
}

static char folder[64];

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
	if (folder[0])
		return folder;
	strcpy(folder, "/dev/shm/otad-fuzz-XXXXXX");
	if (!mkdtemp(folder)) {
		strcpy(folder, "/tmp/otad-fuzz-XXXXXX");
		need(mkdtemp(folder));
	}
	atexit(remove_folder);
	return folder;
}

const char *fuzz_write(const char *name, const uint8_t *data, size_t size)
{
	static char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	fuzz_check(fd >= 0);
	fuzz_check(write(fd, data, size) == (ssize_t)size);
	close(fd);
	return path;
}

bool fuzz_json_equal(struct json_object *a, struct json_object *b)
{
	/* Members stand in the order in which they were added. */
	return json_object_equal(a, b) == 1 &&
	       strcmp(json_object_to_json_string(a),
		      json_object_to_json_string(b)) == 0;
}

bool fuzz_is_clean(const char *text)
{
	size_t size = strlen(text);

	return text_is_utf8(text, size) && !text_has_control(text, size);
}
