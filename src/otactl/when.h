#pragma once

/* Points in time as people write them. */

#include <stdbool.h>
#include <stdint.h>

/*
 * "22:30" (the next), "2026-11-21 22:30[:05]" (local time), RFC 3339
 * ("2026-11-21T22:30:05+08:00"), or how long from `now_ms` ("2h").
 */
bool ctl_parse_until(const char *text, int64_t now_ms, int64_t *ret_ms);
