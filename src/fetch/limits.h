#pragma once

/* The numbers of a download that no configuration key names. */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetcher;
struct loop;

struct fetch_limits {
	uint64_t backoff_first_ms; /* doubled at each failure in a row */
	uint64_t backoff_max_ms;
	uint64_t retry_after_max_ms; /* of a server's Retry-After */
	uint64_t advance_bytes; /* an attempt this good resets the count */
	uint64_t record_first_bytes; /* FILE.json is renewed after so much, ... */
	uint64_t record_max_bytes; /* ... later, when files are large, this */
	uint64_t record_ms; /* or after this long, if any byte came */
	uint64_t progress_ms; /* between two calls of observer.progress */
	size_t buffer_bytes; /* hashed and written at once */
	size_t socket_bytes; /* read at once */
	unsigned sharers_part; /* a download beside others gets so much less */
};

extern const struct fetch_limits fetch_default_limits;

/* fetcher_new() with other numbers, for tests. Copies `limits`. */
struct fetcher *fetcher_new_with_limits(struct loop *loop,
					const struct fetch_limits *limits,
					struct ota_error *err) OTA_MUST_CHECK;
