#pragma once

/* The waits of a broker connection, so that a test need not sit them out. */

#include <stdint.h>

struct mqtt;

struct mqtt_timing {
	/* To an address, and again from there to CONNACK. */
	uint64_t deadline_ms;
	/* From one acknowledgement to the next, while any is awaited. */
	uint64_t answer_ms;
	uint64_t backoff_min_ms;
	uint64_t backoff_max_ms;
	/* A connection that lasted this long was a good one. */
	uint64_t settled_ms;
};

/* Before mqtt_start(). */
void mqtt_set_timing(struct mqtt *mqtt, const struct mqtt_timing *timing);

/* What the last disconnected() or mqtt_start() began to wait. */
uint64_t mqtt_retry_delay_ms(const struct mqtt *mqtt);
