#include "otad/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/file.h"

#define SECRET_MAX_BYTES 4096

/* Overwrites and frees what file_read() gave, `size` bytes of it. */
static void wipe(char *text, size_t size)
{
	if (text)
		explicit_bzero(text, size);
	free(text);
}

char *config_read_secret(const char *path, struct ota_error *err)
{
	size_t size = 0, length;
	char *text = file_read(path, SECRET_MAX_BYTES, &size, err);
	char *secret = NULL;

	if (!text) {
		ota_wrap(err, "secret");
		return NULL;
	}
	length = strcspn(text, "\r\n");
	if (length == 0 || (length < size && text[length] == '\0'))
		ota_fail(err, OTA_ERROR_PROTOCOL,
			 "secret %s: expected one line of text", path);
	else {
		secret = strndup(text, length);
		if (!secret)
			ota_fail_memory(err, "read a secret");
	}
	wipe(text, size);
	return secret;
}

char *config_secret_free(char *secret)
{
	wipe(secret, secret ? strlen(secret) : 0);
	return NULL;
}
