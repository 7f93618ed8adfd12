#pragma once

/* When to try again, and when to give up. Pure. */

#include <stdbool.h>
#include <stdint.h>

struct fetch_limits;

struct retry {
	unsigned allowed; /* Attempts= in a row that lead nowhere */
	unsigned failures; /* in a row */
	unsigned attempts; /* in all, the running one included */
	uint64_t received_bytes; /* in all, also what was thrown away */
};

void retry_init(struct retry *retry, unsigned allowed);

/*
 * An attempt failed; `advanced` when it brought the download far enough to
 * count as a success. False: that was the last.
 */
bool retry_failed(struct retry *retry, bool advanced);

/*
 * False when all attempts together were too many, or brought far more than
 * `size_bytes` (UINT64_MAX: unknown): a server that dribbles for ever.
 */
bool retry_is_sane(const struct retry *retry, uint64_t size_bytes);

/*
 * How long to wait now: 1, 2, 4 ... of the first delay with a fifth of jitter
 * by `random`, but what the server asked for when that is longer.
 */
uint64_t retry_delay_ms(const struct retry *retry,
			const struct fetch_limits *limits,
			uint64_t retry_after_ms, uint32_t random);
