#pragma once

/*
 * The field rules of protocols.md, section 1.3, one function each. A reader
 * keeps the first fault and goes on reading, so that a reject can still name
 * what was readable (section 1.4). `key` must outlive the reader; `object` may
 * be NULL or of another type, then it has no members.
 */

#include "otad/cloud/cloud.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;

enum field_need {
	FIELD_OPTIONAL,
	FIELD_REQUIRED,
};

struct reader {
	const struct cloud *cloud;
	const struct inventory *inventory;
	struct device *device; /* whose message it is; NULL: not known (yet) */
	struct offer *offer;   /* what was readable so far */
	enum cloud_reason reason;
	const char *field; /* the key at fault; NULL: the message as a whole */
	bool out_of_memory;
};

/* Notes a fault unless there is one already. */
void read_fault(struct reader *reader, enum cloud_reason reason,
		const char *key);

/* NULL when absent or at fault. */
struct json_object *read_object(struct reader *reader,
				struct json_object *object, const char *key,
				enum field_need need);
const char *read_string(struct reader *reader, struct json_object *object,
			const char *key, enum field_need need);
bool read_bool(struct reader *reader, struct json_object *object,
	       const char *key, enum field_need need);

/* A platform code: one of the `count` in `success`, as number or as string. */
void read_code(struct reader *reader, struct json_object *object,
	       const char *key, enum field_need need, const int *success,
	       size_t count);
void read_message_id(struct reader *reader, struct json_object *object,
		     const char *key, struct message_id *ret_id);

/* The following fill reader->offer. */
void read_module(struct reader *reader, struct json_object *object,
		 const char *key);
/* For messages that name no module. */
void read_default_module(struct reader *reader);
void read_version(struct reader *reader, struct json_object *object,
		  const char *key);
void read_url(struct reader *reader, struct json_object *object,
	      const char *key);
void read_size(struct reader *reader, struct json_object *object,
	       const char *key, enum field_need need);
void read_digest(struct reader *reader, struct json_object *object,
		 const char *key, enum digest_alg alg);
/* DIGEST_NONE when absent or at fault. */
enum digest_alg read_digest_alg(struct reader *reader,
				struct json_object *object, const char *key,
				enum field_need need);

/* Whose address `address` is: reader->device, or unknown-device. */
void read_device(struct reader *reader, const char *address, const char *key);

/*
 * For routing fields, which are no fault whatever they hold: is it exactly
 * this string? U+0000 inside makes it another one.
 */
bool field_is(struct json_object *object, const char *key, const char *text);
/* The string, or NULL when it is none or holds U+0000. */
const char *field_string(struct json_object *object, const char *key);
/* A number with the value of an integer: 1048576.0 and 1e6 are some. */
bool field_integer(struct json_object *value, int64_t *ret_integer);
