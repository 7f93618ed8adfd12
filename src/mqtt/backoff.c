#include "backoff.h"

/* 2^32 times the shortest wait is beyond any longest one. */
#define BACKOFF_MAX_DOUBLINGS 32

uint64_t backoff_spread_ms(uint64_t spread_ms, uint32_t random)
{
	return spread_ms * random >> 32;
}

uint64_t backoff_next_ms(struct backoff *backoff, uint32_t random)
{
	uint64_t base_ms = backoff->max_ms;

	if (backoff->failures < BACKOFF_MAX_DOUBLINGS) {
		uint64_t doubled_ms = backoff->min_ms << backoff->failures++;

		if (doubled_ms < base_ms)
			base_ms = doubled_ms;
	}
	return base_ms * 4 / 5 + backoff_spread_ms(base_ms * 2 / 5, random);
}

void backoff_exhaust(struct backoff *backoff)
{
	backoff->failures = BACKOFF_MAX_DOUBLINGS;
}

void backoff_reset(struct backoff *backoff)
{
	backoff->failures = 0;
}
