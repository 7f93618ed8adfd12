#include "pace.h"

/* Shorter waits are left to add up: each costs a turn of the loop. */
#define MIN_WAIT_MS 10

/* Of credit kept while the server was slower than allowed. */
#define BURST_MS 250

/* No link is faster, no debt needs longer; keeps products within 64 bits. */
#define MAX_SPEED (INT64_C(1) << 40)
#define MAX_ELAPSED_MS (1000 * 1000)

/* What curl accepts. */
#define MIN_BUFFER_BYTES 1024

void pace_init(struct pace *pace, uint64_t now_ms)
{
	*pace = (struct pace){ .counted_ms = now_ms };
}

uint64_t pace_wait_ms(struct pace *pace, uint64_t max_speed, unsigned sharers,
		      uint64_t now_ms, size_t size)
{
	uint64_t elapsed_ms = now_ms - pace->counted_ms;
	int64_t speed = max_speed < MAX_SPEED ? (int64_t)max_speed : MAX_SPEED;
	uint64_t wait_ms;

	if (max_speed == 0)
		return 0;
	if (sharers > 1)
		speed /= sharers;
	if (speed == 0)
		speed = 1;
	if (elapsed_ms > MAX_ELAPSED_MS)
		elapsed_ms = MAX_ELAPSED_MS;
	pace->counted_ms = now_ms;
	pace->credit += speed * (int64_t)elapsed_ms;
	if (pace->credit > speed * BURST_MS)
		pace->credit = speed * BURST_MS;
	pace->credit -= (int64_t)size * 1000;
	if (pace->credit >= 0)
		return 0;
	wait_ms = (uint64_t)(-pace->credit / speed);
	return wait_ms < MIN_WAIT_MS ? 0 : wait_ms;
}

long pace_buffer_bytes(uint64_t max_speed, size_t max_bytes)
{
	uint64_t bytes = max_speed / 8;

	if (max_speed == 0 || bytes > max_bytes)
		bytes = max_bytes;
	return bytes < MIN_BUFFER_BYTES ? MIN_BUFFER_BYTES : (long)bytes;
}
