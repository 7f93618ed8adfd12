#pragma once

/*
 * One idiom for failure: a fallible function returns bool (or an owned
 * pointer) and fills a caller-owned struct ota_error. Callers branch on
 * `kind`, never on `text`. Negative errno never crosses a function boundary.
 */

#include "otad/base/cleanup.h"

#include <stdbool.h>

/*
 * The closed set of protocols.md, section 1.5, in its order. What each cloud
 * is told of a kind stands in that cloud's adapter.
 */
enum ota_error_kind {
	OTA_ERROR_NONE,
	OTA_ERROR_TIMEOUT,		/* "timeout" */
	OTA_ERROR_NETWORK,		/* "network" */
	OTA_ERROR_HTTP,			/* "http-error" */
	OTA_ERROR_NOT_FOUND,		/* "not-found" */
	OTA_ERROR_URL_EXPIRED,		/* "url-expired" */
	OTA_ERROR_SIZE_MISMATCH,	/* "size-mismatch" */
	OTA_ERROR_DIGEST_MISMATCH,	/* "digest-mismatch" */
	OTA_ERROR_SIGNATURE_INVALID,	/* "signature-invalid" */
	OTA_ERROR_DOWNGRADE_REFUSED,	/* "downgrade-refused" */
	OTA_ERROR_INCOMPATIBLE,		/* "incompatible" */
	OTA_ERROR_NO_SPACE,		/* "no-space" */
	OTA_ERROR_PERMISSION,		/* "permission" */
	OTA_ERROR_INSTALL_FAILED,	/* "install-failed" */
	OTA_ERROR_RESTART_FAILED,	/* "restart-failed" */
	OTA_ERROR_HEALTH_CHECK_FAILED,	/* "health-check-failed" */
	OTA_ERROR_POWER_LOW,		/* "power-low" */
	OTA_ERROR_CANCELLED,		/* "cancelled" */
	OTA_ERROR_BUSY,			/* "busy" */
	OTA_ERROR_PROTOCOL,		/* "protocol-error": input breaks its format */
	OTA_ERROR_INTERNAL,		/* "internal" */
	OTA_ERROR_KIND_COUNT,
};

/* Bytes of text kept, with the final NUL; longer text is cut. */
#define OTA_ERROR_TEXT_SIZE 512

struct ota_error {
	enum ota_error_kind kind;
	int sys_errno; /* 0 when no system call failed */
	char text[OTA_ERROR_TEXT_SIZE];
};

#define OTA_ERROR_INIT { .kind = OTA_ERROR_NONE }

/* Fills `err` (may be NULL). Always returns false, to be returned at once. */
bool ota_fail(struct ota_error *err, enum ota_error_kind kind,
	      const char *format, ...) OTA_PRINTF(3, 4);

/*
 * The same beside a failed system call: the text gets ": strerror" appended
 * and errno decides the kind (ENOSPC, EDQUOT: no-space; EACCES, EPERM, EROFS:
 * permission; ETIMEDOUT: timeout; others: internal).
 */
bool ota_fail_errno(struct ota_error *err, int sys_errno, const char *format,
		    ...) OTA_PRINTF(3, 4);

/* Fills `err` with "out of memory" while doing what `what` names. */
bool ota_fail_memory(struct ota_error *err, const char *what);

/* Prefixes the text with "FORMAT: ". Returns false. */
bool ota_wrap(struct ota_error *err, const char *format, ...) OTA_PRINTF(2, 3);

/* Replaces the kind where a level knows better. Returns false. */
bool ota_rekind(struct ota_error *err, enum ota_error_kind kind);

void ota_error_clear(struct ota_error *err);

/* "timeout", "network", ...; "" for OTA_ERROR_NONE. */
const char *ota_error_kind_name(enum ota_error_kind kind);

/* False when `name` is none of the set. */
bool ota_error_kind_parse(const char *name, enum ota_error_kind *ret_kind);
