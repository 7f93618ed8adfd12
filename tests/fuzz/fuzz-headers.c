/*
 * Header lines of an HTTP answer: two bytes choose the status and what was
 * asked for, then a line each.
 */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/cleanup.h"

#include "../../src/fetch/answer.h"
#include "../../src/fetch/headers.h"

#define WALL_MS 1795248000000
#define MAX_BYTES (UINT64_C(1) << 32)

static void check_range(const struct content_range *range)
{
	if (!range->has_range)
		return;
	fuzz_check(range->first_byte <= range->last_byte);
	fuzz_check(range->total_bytes == RESPONSE_UNKNOWN ||
		   range->last_byte < range->total_bytes);
}

static void check_validator(const char *text)
{
	fuzz_check(strlen(text) < VALIDATOR_SIZE);
	for (; *text; text++)
		fuzz_check(*text >= 0x20 && *text <= 0x7e);
}

static void check_values(const char *text, size_t size)
{
	struct content_range range;
	char etag[VALIDATOR_SIZE] = "";
	uint64_t number;

	if (header_parse_content_range(text, size, &range))
		check_range(&range);
	if (header_parse_etag(text, size, etag)) {
		check_validator(etag);
		fuzz_check(etag[0] == '"' && strlen(etag) >= 2 &&
			   etag[strlen(etag) - 1] == '"');
	}
	header_parse_number(text, size, &number);
	if (header_parse_retry_after(text, size, WALL_MS, &number))
		fuzz_check(number != RESPONSE_UNKNOWN);
}

/* libcurl reads this one, and tells of a number only. */
static void read_length(struct response *response, const char *line)
{
	static const char name[] = "Content-Length: ";
	size_t size = strlen(name);

	if (strncmp(line, name, size) == 0 &&
	    !header_parse_number(line + size, strlen(line + size),
				 &response->content_bytes))
		response->content_bytes = RESPONSE_UNKNOWN;
}

static void check_answer(const struct response *response, unsigned choice)
{
	static const uint64_t sizes[] = { ANSWER_UNKNOWN, 0, 1, 1000, 1 << 20 };
	struct question question = {
		.ranged = choice & 1,
		.first_byte = choice & 1 ? sizes[1 + (choice >> 1) % 3] : 0,
		.last_byte = choice & 8 ? 999999 : ANSWER_UNKNOWN,
		.announced_bytes = sizes[(choice >> 4) % 5],
		.known_bytes = sizes[(choice >> 4) % 5],
		.max_bytes = MAX_BYTES,
		.validator = choice & 128 ? "\"a\"" : "",
	};
	struct answer answer = answer_judge(&question, response);

	switch (answer.meaning) {
	case ANSWER_APPEND:
		/* Nothing is put where it does not belong, or beyond the end. */
		fuzz_check(response->status == 206);
		fuzz_check(response->range.first_byte == question.first_byte);
		fuzz_check(answer.end_byte > question.first_byte);
		fuzz_check(answer.end_byte <= answer.total_bytes);
		fuzz_check(answer.total_bytes <= MAX_BYTES);
		fuzz_check(question.announced_bytes == ANSWER_UNKNOWN ||
			   answer.total_bytes == question.announced_bytes);
		break;
	case ANSWER_COMPLETE:
		fuzz_check(answer.total_bytes == question.first_byte);
		break;
	case ANSWER_WHOLE:
		fuzz_check(answer.total_bytes == ANSWER_UNKNOWN ||
			   answer.total_bytes <= MAX_BYTES);
		break;
	case ANSWER_DISCARD:
	case ANSWER_RETRY:
	case ANSWER_REFUSE:
		fuzz_check(answer.err.kind != OTA_ERROR_NONE);
		fuzz_check(fuzz_is_clean(answer.err.text));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[] = { 200, 206, 416, 503 };
	unsigned status = statuses[fuzz_take_byte(&data, &size) % 4];
	unsigned choice = fuzz_take_byte(&data, &size);
	struct response response;

	response_reset(&response);
	response.status = status;
	while (size > 0) {
		OTA_CLEANUP(freep)
		char *line = fuzz_take_text(&data, &size, '\n');
		/* What a line holds has no NUL behind it. */
		OTA_CLEANUP(freep)
		char *exact = fuzz_copy((const uint8_t *)line, strlen(line));

		check_values(exact, strlen(line));
		response_add_line(&response, exact, strlen(line), WALL_MS);
		read_length(&response, line);
	}
	if (response.range_valid)
		check_range(&response.range);
	check_validator(response.etag);
	check_validator(response.last_modified);
	check_validator(response_validator(&response));
	check_answer(&response, choice);
	return 0;
}
