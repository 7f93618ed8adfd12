/* One value of a configuration key, read as each kind there is. */

#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otad/base/cleanup.h"
#include "otad/base/units.h"

#define HUNDRED_YEARS_MS (UINT64_C(100) * 365 * 24 * 3600 * 1000)
#define MINUTES_PER_DAY 1440

static void check_time(const char *text)
{
	uint64_t ms, again;
	char plain[32];

	if (!units_parse_time_ms(text, &ms))
		return;
	fuzz_check(ms <= HUNDRED_YEARS_MS);
	snprintf(plain, sizeof(plain), "%" PRIu64 "ms", ms);
	fuzz_check(units_parse_time_ms(plain, &again) && again == ms);
}

static void check_size(const char *text)
{
	uint64_t bytes, again;
	char plain[32];

	if (!units_parse_size(text, &bytes))
		return;
	snprintf(plain, sizeof(plain), "%" PRIu64, bytes);
	fuzz_check(units_parse_size(plain, &again) && again == bytes);
}

static void check_number(const char *text)
{
	uint64_t number;
	unsigned percent;

	if (units_parse_number(text, 3, 4000000000, &number))
		fuzz_check(number >= 3 && number <= 4000000000 &&
			   number == strtoull(text, NULL, 10));
	if (units_parse_percent(text, &percent))
		fuzz_check(percent <= 100);
}

static void check_window(const char *text, int64_t wall_ms)
{
	struct time_window window;
	uint64_t wait;

	if (!units_parse_window(text, &window))
		return;
	fuzz_check(window.always == (text[0] == '\0'));
	if (window.always) {
		fuzz_check(time_window_wait_ms(&window, wall_ms) == 0);
		return;
	}
	fuzz_check(window.start_min < MINUTES_PER_DAY);
	fuzz_check(window.end_min < MINUTES_PER_DAY);
	fuzz_check(window.start_min != window.end_min);
	wait = time_window_wait_ms(&window, wall_ms);
	/* Every minute of the day strikes within three of them. */
	fuzz_check(wait <= UINT64_C(3) * MINUTES_PER_DAY * 60 * 1000);
	if (wait > 0)
		fuzz_check(time_window_wait_ms(&window,
					       wall_ms + (int64_t)wait) == 0);
}

/* Eight bytes of a clock, then the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OTA_CLEANUP(freep) char *text = NULL;
	uint64_t wall = 0;
	bool flag;
	char buffer[32];

	for (int i = 0; i < 8; i++)
		wall = wall << 8 | fuzz_take_byte(&data, &size);
	text = fuzz_text(data, size);
	check_time(text);
	check_size(text);
	check_number(text);
	units_parse_bool(text, &flag);
	/* From 1970 to far beyond 2038. */
	check_window(text, (int64_t)(wall % (UINT64_C(200) * 366 * 24 * 3600 *
					     1000)));
	units_format_time((int64_t)wall, buffer, sizeof(buffer));
	fuzz_check(strlen(buffer) < sizeof(buffer));
	return 0;
}
