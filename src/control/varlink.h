#pragma once

/*
 * The Varlink protocol (varlink.org): one JSON object a message, ended by a
 * NUL byte. Pure translation, no I/O.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct json_object;

#define VARLINK_ERROR_INTERFACE_NOT_FOUND \
	"org.varlink.service.InterfaceNotFound"
#define VARLINK_ERROR_METHOD_NOT_FOUND "org.varlink.service.MethodNotFound"
#define VARLINK_ERROR_INVALID_PARAMETER "org.varlink.service.InvalidParameter"
#define VARLINK_ERROR_PERMISSION_DENIED "org.varlink.service.PermissionDenied"
#define VARLINK_ERROR_EXPECTED_MORE "org.varlink.service.ExpectedMore"

struct varlink_call {
	struct json_object *message;	/* owned; the rest is borrowed from it */
	const char *method;		/* "io.otad.GetStatus" */
	struct json_object *parameters; /* an object, or NULL: none */
	bool oneway;			/* wants no reply */
	bool more;			/* takes several */
};

/* protocol-error: not a call at all. `ret` is to be released. */
bool varlink_call_parse(const char *text, size_t size, struct varlink_call *ret,
			struct ota_error *err) OTA_MUST_CHECK;
void varlink_call_done(struct varlink_call *call);

/*
 * Appends one reply to `buffer`. Takes `parameters` (NULL: none). `error` NULL:
 * the call succeeded. Fails with no-space when the reply has more than
 * `max_bytes`, and internal when out of memory; then nothing was appended.
 */
bool varlink_reply(struct buffer *buffer, const char *error,
		   struct json_object *parameters, bool continues,
		   size_t max_bytes, struct ota_error *err) OTA_MUST_CHECK;
