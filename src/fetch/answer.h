#pragma once

/*
 * What an answer means for the bytes at hand: the table of protocols.md,
 * section 1.7. Pure.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct response;

#define ANSWER_UNKNOWN UINT64_MAX

/* What is known of the content, and what was asked. */
struct question {
	bool ranged;
	uint64_t first_byte; /* bytes at hand: where the answer must begin */
	uint64_t last_byte;  /* included, or ANSWER_UNKNOWN */
	uint64_t announced_bytes; /* by the offer, or ANSWER_UNKNOWN */
	uint64_t known_bytes; /* announced, or by an earlier answer */
	uint64_t max_bytes;
	const char *validator; /* of the bytes at hand, "": none */
};

enum answer_meaning {
	ANSWER_APPEND,	 /* what follows belongs behind what we have */
	ANSWER_WHOLE,	 /* what follows is all of it: start over with it */
	ANSWER_COMPLETE, /* there is nothing more to get */
	ANSWER_DISCARD,	 /* what we have does not fit: ask anew, from 0 */
	ANSWER_RETRY,	 /* unusable, see `err` */
	ANSWER_REFUSE,	 /* unusable for good, see `err` */
};

struct answer {
	enum answer_meaning meaning;
	uint64_t total_bytes; /* of the content, or ANSWER_UNKNOWN */
	uint64_t end_byte;    /* the body ends before it, or ANSWER_UNKNOWN */
	struct ota_error err;
};

struct answer answer_judge(const struct question *question,
			   const struct response *response);
