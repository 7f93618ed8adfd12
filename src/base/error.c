#include "otad/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clean.h"

/* In the order of the enum. */
static const char *const kind_names[] = {
	[OTA_ERROR_NONE] = "",
	[OTA_ERROR_TIMEOUT] = "timeout",
	[OTA_ERROR_NETWORK] = "network",
	[OTA_ERROR_HTTP] = "http-error",
	[OTA_ERROR_NOT_FOUND] = "not-found",
	[OTA_ERROR_URL_EXPIRED] = "url-expired",
	[OTA_ERROR_SIZE_MISMATCH] = "size-mismatch",
	[OTA_ERROR_DIGEST_MISMATCH] = "digest-mismatch",
	[OTA_ERROR_SIGNATURE_INVALID] = "signature-invalid",
	[OTA_ERROR_DOWNGRADE_REFUSED] = "downgrade-refused",
	[OTA_ERROR_INCOMPATIBLE] = "incompatible",
	[OTA_ERROR_NO_SPACE] = "no-space",
	[OTA_ERROR_PERMISSION] = "permission",
	[OTA_ERROR_INSTALL_FAILED] = "install-failed",
	[OTA_ERROR_RESTART_FAILED] = "restart-failed",
	[OTA_ERROR_HEALTH_CHECK_FAILED] = "health-check-failed",
	[OTA_ERROR_POWER_LOW] = "power-low",
	[OTA_ERROR_CANCELLED] = "cancelled",
	[OTA_ERROR_BUSY] = "busy",
	[OTA_ERROR_PROTOCOL] = "protocol-error",
	[OTA_ERROR_INTERNAL] = "internal",
};
static_assert(OTA_ARRAY_SIZE(kind_names) == OTA_ERROR_KIND_COUNT,
	      "every kind has a name");

static enum ota_error_kind kind_of_errno(int sys_errno)
{
	switch (sys_errno) {
	case ENOSPC:
	case EDQUOT:
		return OTA_ERROR_NO_SPACE;
	case EACCES:
	case EPERM:
	case EROFS:
		return OTA_ERROR_PERMISSION;
	case ETIMEDOUT:
		return OTA_ERROR_TIMEOUT;
	default:
		return OTA_ERROR_INTERNAL;
	}
}

/*
 * Sets the text to "FORMAT" or "FORMAT: DETAIL". Goes through a buffer of its
 * own: the arguments may well point into err->text.
 */
static void set_text(struct ota_error *err, const char *detail,
		     const char *format, va_list args)
{
	char text[OTA_ERROR_TEXT_SIZE];
	int wanted = vsnprintf(text, sizeof(text), format, args);
	size_t used;

	if (wanted < 0)
		text[0] = '\0';
	used = strlen(text);
	if (detail)
		wanted = (int)used + snprintf(text + used, sizeof(text) - used,
					      ": %s", detail);
	clean_text(text, wanted >= (int)sizeof(text));
	memcpy(err->text, text, sizeof(text));
}

bool ota_fail(struct ota_error *err, enum ota_error_kind kind,
	      const char *format, ...)
{
	va_list args;

	assert(kind > OTA_ERROR_NONE && kind < OTA_ERROR_KIND_COUNT);
	if (!err)
		return false;
	va_start(args, format);
	set_text(err, NULL, format, args);
	va_end(args);
	err->kind = kind;
	err->sys_errno = 0;
	return false;
}

bool ota_fail_errno(struct ota_error *err, int sys_errno, const char *format,
		    ...)
{
	va_list args;

	if (!err)
		return false;
	va_start(args, format);
	set_text(err, strerror(sys_errno), format, args);
	va_end(args);
	err->kind = kind_of_errno(sys_errno);
	err->sys_errno = sys_errno;
	return false;
}

bool ota_fail_memory(struct ota_error *err, const char *what)
{
	ota_fail(err, OTA_ERROR_INTERNAL, "%s: out of memory", what);
	if (err)
		err->sys_errno = ENOMEM;
	return false;
}

bool ota_wrap(struct ota_error *err, const char *format, ...)
{
	char inner[OTA_ERROR_TEXT_SIZE];
	va_list args;

	if (!err)
		return false;
	memcpy(inner, err->text, sizeof(inner));
	va_start(args, format);
	set_text(err, inner, format, args);
	va_end(args);
	return false;
}

bool ota_rekind(struct ota_error *err, enum ota_error_kind kind)
{
	assert(kind > OTA_ERROR_NONE && kind < OTA_ERROR_KIND_COUNT);
	if (err)
		err->kind = kind;
	return false;
}

void ota_error_clear(struct ota_error *err)
{
	if (err)
		*err = (struct ota_error)OTA_ERROR_INIT;
}

const char *ota_error_kind_name(enum ota_error_kind kind)
{
	if ((size_t)kind >= OTA_ARRAY_SIZE(kind_names))
		return "";
	return kind_names[kind];
}

bool ota_error_kind_parse(const char *name, enum ota_error_kind *ret_kind)
{
	size_t i;

	for (i = OTA_ERROR_NONE + 1; i < OTA_ERROR_KIND_COUNT; i++) {
		if (strcmp(name, kind_names[i]) == 0) {
			*ret_kind = (enum ota_error_kind)i;
			return true;
		}
	}
	return false;
}
