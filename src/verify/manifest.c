#include "manifest.h"

#include <string.h>

#include <openssl/evp.h>

#define BASE64_GROUP 4

struct cursor {
	const char *at;
	const char *end;
};

static bool malformed(struct ota_error *err, const char *line)
{
	return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
			"the signature file is malformed: expected a line "
			"\"%s: ...\"",
			line);
}

/* The value of the next line, which must be "NAME: VALUE" and not empty. */
static bool take_line(struct cursor *cursor, const char *name,
		      const char **ret_value, size_t *ret_size,
		      struct ota_error *err)
{
	size_t left = (size_t)(cursor->end - cursor->at);
	const char *newline = memchr(cursor->at, '\n', left);
	size_t name_size = strlen(name);
	size_t line_size;

	if (!newline)
		return malformed(err, name);
	line_size = (size_t)(newline - cursor->at);
	if (line_size <= name_size + 2 ||
	    memcmp(cursor->at, name, name_size) != 0 ||
	    memcmp(cursor->at + name_size, ": ", 2) != 0)
		return malformed(err, name);
	*ret_value = cursor->at + name_size + 2;
	*ret_size = line_size - name_size - 2;
	cursor->at = newline + 1;
	return true;
}

/* Names may be of any language, but hold no control characters. */
static bool take_text(struct cursor *cursor, const char *name,
		      char text[MANIFEST_MAX_NAME], struct ota_error *err)
{
	const char *value;
	size_t size;

	if (!take_line(cursor, name, &value, &size, err))
		return false;
	if (size >= MANIFEST_MAX_NAME)
		return malformed(err, name);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < 0x20 || c == 0x7f)
			return malformed(err, name);
	}
	memcpy(text, value, size);
	text[size] = '\0';
	return true;
}

static bool take_size(struct cursor *cursor, uint64_t *ret_bytes,
		      struct ota_error *err)
{
	const char *value;
	uint64_t bytes = 0;
	size_t size;

	if (!take_line(cursor, "size", &value, &size, err))
		return false;
	if (size > 1 && value[0] == '0')
		return malformed(err, "size");
	for (size_t i = 0; i < size; i++) {
		unsigned digit = (unsigned)(value[i] - '0');

		if (digit > 9 || bytes > (UINT64_MAX - digit) / 10)
			return malformed(err, "size");
		bytes = bytes * 10 + digit;
	}
	*ret_bytes = bytes;
	return true;
}

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* Value of the last group's character before the padding. */
static unsigned base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	return c == '+' ? 62 : 63;
}

/*
 * EVP_DecodeBlock(3) forgives white space, and bits that padding leaves over;
 * here every signature has one spelling.
 */
static bool check_base64(const char *text, size_t size, size_t *ret_padding)
{
	size_t padding = 0;
	unsigned spare;

	if (size == 0 || size % BASE64_GROUP != 0)
		return false;
	while (padding < 2 && text[size - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < size - padding; i++) {
		if (!is_base64(text[i]))
			return false;
	}
	spare = padding == 2 ? 0x0f : padding == 1 ? 0x03 : 0;
	*ret_padding = padding;
	return (base64_value(text[size - padding - 1]) & spare) == 0;
}

static bool take_signature(struct cursor *cursor, struct manifest *manifest,
			   struct ota_error *err)
{
	const char *value;
	size_t size, padding;
	int decoded;

	if (!take_line(cursor, "signature", &value, &size, err))
		return false;
	if (!check_base64(value, size, &padding) ||
	    size / BASE64_GROUP * 3 > sizeof(manifest->signature))
		return malformed(err, "signature");
	decoded = EVP_DecodeBlock(manifest->signature,
				  (const unsigned char *)value, (int)size);
	if (decoded < 0 || (size_t)decoded < padding)
		return malformed(err, "signature");
	manifest->signature_bytes = (size_t)decoded - padding;
	return true;
}

bool manifest_parse(const char *text, size_t size, struct manifest *ret_manifest,
		    struct ota_error *err)
{
	struct cursor cursor = { text, text + size };
	struct manifest manifest = { .sha256 = { .alg = DIGEST_NONE } };
	char format[MANIFEST_MAX_NAME], hex[MANIFEST_MAX_NAME];

	if (!take_text(&cursor, "otad-manifest", format, err))
		return false;
	if (strcmp(format, "1") != 0)
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"the signature file has format %s, only 1 is "
				"known",
				format);
	if (!take_text(&cursor, "module", manifest.module, err) ||
	    !take_text(&cursor, "version", manifest.version, err) ||
	    !take_size(&cursor, &manifest.size_bytes, err) ||
	    !take_text(&cursor, "sha256", hex, err))
		return false;
	if (!digest_set(&manifest.sha256, DIGEST_SHA256, hex) ||
	    strcmp(manifest.sha256.hex, hex) != 0)
		return malformed(err, "sha256");
	manifest.signed_bytes = (size_t)(cursor.at - text);
	if (!take_signature(&cursor, &manifest, err))
		return false;
	if (cursor.at != cursor.end)
		return ota_fail(err, OTA_ERROR_SIGNATURE_INVALID,
				"the signature file goes on after the "
				"signature");
	*ret_manifest = manifest;
	return true;
}
