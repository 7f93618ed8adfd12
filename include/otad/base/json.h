#pragma once

/*
 * Strict JSON in, JSON out. The tree is json-c's (`struct json_object`), but
 * everything from outside enters through json_parse(), which accepts exactly
 * RFC 8259 within the limits of protocols.md, section 1.2.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

enum json_fault {
	JSON_OK,
	JSON_BAD,	      /* "bad-json" */
	JSON_TOO_LARGE,	      /* "too-large" */
	JSON_TOO_DEEP,	      /* "too-deep" */
	JSON_DUPLICATE_KEY,   /* "duplicate-key" */
	JSON_NO_MEMORY,
};

/* protocols.md, section 1.2: the top object is level 1. */
#define JSON_MAX_DEPTH 16
/* An offer names an artifact, never carries it: 64 KiB of JSON is ample. */
#define JSON_MAX_BYTES 65536

/*
 * Parses `size` bytes. Returns an owned tree, or NULL with `*ret_fault` set.
 * A top-level `null` comes back as NULL with JSON_OK. Checked in the order of
 * section 1.2. Keys that hold U+0000 come out as keys equal to no known one;
 * strings keep U+0000 (see json_string_has_nul()).
 */
struct json_object *json_parse(const char *text, size_t size, size_t max_bytes,
			       enum json_fault *ret_fault) OTA_MUST_CHECK;

/* The same with a sentence for people. A top-level null is an error. */
struct json_object *json_parse_err(const char *text, size_t size,
				   size_t max_bytes, struct ota_error *err)
	OTA_MUST_CHECK;

/* json_object_put() as a cleanup and as a plain call; accepts NULL. */
struct json_object *json_free(struct json_object *json);
OTA_DEFINE_CLEANUP(struct json_object *, json_free)

/* Member lookup; NULL when absent or null. Borrowed from `object`. */
struct json_object *json_get(struct json_object *object, const char *key);
/* The string, or NULL when absent or not a string. Borrowed. */
const char *json_get_string(struct json_object *object, const char *key);
bool json_get_bool(struct json_object *object, const char *key, bool fallback);
int64_t json_get_int(struct json_object *object, const char *key,
		     int64_t fallback);
bool json_string_has_nul(struct json_object *string);

/*
 * Building. json_add_*() copy their value and return false when out of memory
 * (the object stays valid). json_add() takes `value` even when it fails.
 */
struct json_object *json_new_object(void) OTA_MUST_CHECK;
struct json_object *json_new_array(void) OTA_MUST_CHECK;
bool json_add(struct json_object *object, const char *key,
	      struct json_object *value);
bool json_add_string(struct json_object *object, const char *key,
		     const char *value);
bool json_add_int(struct json_object *object, const char *key, int64_t value);
bool json_add_bool(struct json_object *object, const char *key, bool value);
bool json_append(struct json_object *array, struct json_object *value);

/* Compact text, slashes unescaped, borrowed from `json` until its next call. */
const char *json_text(struct json_object *json);
