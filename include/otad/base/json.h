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
 * section 1.2. Keys that hold U+0000 come out as keys equal to no known one
 * (the bytes C0 80 stand for it: not UTF-8, so do not print them on); strings
 * keep U+0000 (see json_string_has_nul()).
 *
 * A number written with '.', 'e' or 'E' is a json_type_double (1e400: infinity),
 * any other a json_type_int, which saturates beyond 64 bits: callers check.
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
/* `fallback` when absent or not of that type. */
bool json_get_bool(struct json_object *object, const char *key, bool fallback);
/*
 * A number whose value is an integer: 1e3 counts, up to 2^53. One written as
 * an integer beyond 64 bits comes back as INT64_MIN or INT64_MAX.
 */
int64_t json_get_int(struct json_object *object, const char *key,
		     int64_t fallback);
/* How json_parse() read a number that is not written as an integer; borrowed. */
const char *json_number_text(struct json_object *number);
bool json_string_has_nul(struct json_object *string);

/*
 * Building. json_add_*() copy their value, in place of an older one of that
 * key, and return false when out of memory (the object stays valid).
 * json_add() and json_append() take `value` even when they fail; NULL fails,
 * so that a builder that ran out of memory needs no check of its own.
 */
struct json_object *json_new_object(void) OTA_MUST_CHECK;
struct json_object *json_new_array(void) OTA_MUST_CHECK;
bool json_add(struct json_object *object, const char *key,
	      struct json_object *value);
/* NULL: nothing is added. A byte that is not UTF-8 becomes U+FFFD. */
bool json_add_string(struct json_object *object, const char *key,
		     const char *value);
bool json_add_int(struct json_object *object, const char *key, int64_t value);
bool json_add_bool(struct json_object *object, const char *key, bool value);
bool json_append(struct json_object *array, struct json_object *value);

/*
 * Compact text, slashes unescaped, borrowed from `json` until its next call.
 * NULL when out of memory.
 */
const char *json_text(struct json_object *json);
