#pragma once

/*
 * How long to wait before the next attempt: doubles from `min_ms` to `max_ms`,
 * with +-20 % jitter so that a fleet does not return in step. Pure: randomness
 * is a parameter.
 */

#include <stdint.h>

struct backoff {
	uint64_t min_ms;
	uint64_t max_ms;
	unsigned failures;
};

/*
 * A random part of `spread_ms`: the peers of a server that has just started
 * would otherwise all come within the jitter of the shortest wait.
 */
uint64_t backoff_spread_ms(uint64_t spread_ms, uint32_t random);
/* Counts a failure. `random`: any 32 bits, evenly spread. */
uint64_t backoff_next_ms(struct backoff *backoff, uint32_t random);
/* The next wait is the longest: the peer will not change its mind soon. */
void backoff_exhaust(struct backoff *backoff);
/* The next wait is the shortest again. */
void backoff_reset(struct backoff *backoff);
