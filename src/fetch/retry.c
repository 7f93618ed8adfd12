#include "retry.h"

#include "limits.h"

/* For a link that breaks again and again, yet brings a little each time. */
#define MAX_ATTEMPTS_FACTOR 100
#define MAX_RECEIVED_FACTOR 4
#define MAX_RECEIVED_SLACK (UINT64_C(64) * 1024 * 1024)

#define JITTER_PERCENT 20

void retry_init(struct retry *retry, unsigned allowed)
{
	*retry = (struct retry){ .allowed = allowed > 0 ? allowed : 1 };
}

bool retry_failed(struct retry *retry, bool advanced)
{
	if (advanced)
		retry->failures = 0;
	else
		retry->failures++;
	return retry->failures < retry->allowed;
}

bool retry_is_sane(const struct retry *retry, uint64_t size_bytes)
{
	if (retry->attempts / MAX_ATTEMPTS_FACTOR >= retry->allowed)
		return false;
	if (size_bytes > (UINT64_MAX - MAX_RECEIVED_SLACK) / MAX_RECEIVED_FACTOR)
		return true;
	return retry->received_bytes <=
	       size_bytes * MAX_RECEIVED_FACTOR + MAX_RECEIVED_SLACK;
}

uint64_t retry_delay_ms(const struct retry *retry,
			const struct fetch_limits *limits,
			uint64_t retry_after_ms, uint32_t random)
{
	uint64_t delay_ms = limits->backoff_first_ms;
	uint64_t jitter_ms;

	for (unsigned i = 1; i < retry->failures; i++) {
		if (delay_ms >= limits->backoff_max_ms)
			break;
		delay_ms *= 2;
	}
	jitter_ms = delay_ms * JITTER_PERCENT / 100;
	if (jitter_ms > 0)
		delay_ms += random % (2 * jitter_ms + 1) - jitter_ms;
	if (retry_after_ms > limits->retry_after_max_ms)
		retry_after_ms = limits->retry_after_max_ms;
	if (delay_ms > limits->backoff_max_ms)
		delay_ms = limits->backoff_max_ms;
	return delay_ms > retry_after_ms ? delay_ms : retry_after_ms;
}
