#pragma once

/*
 * MaxSpeed=: how long to leave a socket alone. curl's own limit lets whatever
 * fits into one of its turns pass, a megabyte and more.
 */

#include <stddef.h>
#include <stdint.h>

struct pace {
	int64_t credit; /* in thousandths of a byte */
	uint64_t counted_ms;
};

void pace_init(struct pace *pace, uint64_t now_ms);
/*
 * After `size` bytes: 0, or the time to wait. `max_speed` in bytes per second
 * is shared by `sharers`; 0: no limit.
 */
uint64_t pace_wait_ms(struct pace *pace, uint64_t max_speed, unsigned sharers,
		      uint64_t now_ms, size_t size);
/* How much to take from the socket at once: an eighth of a second's worth, at
 * most `max_bytes`. */
long pace_buffer_bytes(uint64_t max_speed, size_t max_bytes);
