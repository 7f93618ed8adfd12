#include "headers.h"

#include <string.h>
#include <strings.h>

#include <curl/curl.h>

/* A date of any of the three HTTP forms is shorter. */
#define DATE_SIZE 64

bool header_parse_number(const char *text, size_t size, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (size == 0)
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned digit = (unsigned)(text[i] - '0');

		if (text[i] < '0' || text[i] > '9')
			return false;
		if (value > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return true;
}

/* "FIRST-LAST" */
static bool parse_span(const char *text, size_t size,
		       struct content_range *range)
{
	const char *dash = memchr(text, '-', size);
	size_t first_size;

	if (!dash)
		return false;
	first_size = (size_t)(dash - text);
	return header_parse_number(text, first_size, &range->first_byte) &&
	       header_parse_number(dash + 1, size - first_size - 1,
				   &range->last_byte) &&
	       range->first_byte <= range->last_byte;
}

bool header_parse_content_range(const char *text, size_t size,
				struct content_range *ret_range)
{
	static const char unit[] = "bytes ";
	const size_t unit_size = sizeof(unit) - 1;
	struct content_range range = { .total_bytes = RESPONSE_UNKNOWN };
	const char *slash;
	size_t span_size, total_size;

	if (size < unit_size || strncasecmp(text, unit, unit_size) != 0)
		return false;
	text += unit_size;
	size -= unit_size;
	slash = memchr(text, '/', size);
	if (!slash)
		return false;
	span_size = (size_t)(slash - text);
	total_size = size - span_size - 1;
	range.has_range = !(span_size == 1 && text[0] == '*');
	if (range.has_range && !parse_span(text, span_size, &range))
		return false;
	if (total_size == 1 && slash[1] == '*') {
		if (!range.has_range)
			return false;
	} else if (!header_parse_number(slash + 1, total_size,
					&range.total_bytes)) {
		return false;
	}
	if (range.has_range && range.last_byte >= range.total_bytes)
		return false;
	*ret_range = range;
	return true;
}

bool header_parse_etag(const char *text, size_t size,
		       char ret_etag[VALIDATOR_SIZE])
{
	if (size < 2 || size >= VALIDATOR_SIZE)
		return false;
	if (text[0] != '"' || text[size - 1] != '"')
		return false;
	for (size_t i = 1; i < size - 1; i++) {
		/* obs-text is allowed there, but would not survive JSON. */
		if (text[i] < 0x21 || text[i] > 0x7e || text[i] == '"')
			return false;
	}
	memcpy(ret_etag, text, size);
	ret_etag[size] = '\0';
	return true;
}

/* Seconds since 1970, -1 when it is no date. */
static int64_t parse_date(const char *text, size_t size)
{
	char copy[DATE_SIZE];

	if (size == 0 || size >= sizeof(copy) || memchr(text, '\0', size))
		return -1;
	memcpy(copy, text, size);
	copy[size] = '\0';
	return curl_getdate(copy, NULL);
}

bool header_parse_retry_after(const char *text, size_t size, int64_t wall_ms,
			      uint64_t *ret_ms)
{
	uint64_t seconds;
	int64_t date_s;

	if (header_parse_number(text, size, &seconds)) {
		*ret_ms = seconds > INT64_MAX / 1000 ? INT64_MAX
						     : seconds * 1000;
		return true;
	}
	/* A sign or a fraction is a broken number, not a date. */
	if (size == 0 || strchr("+-.0123456789", text[0]))
		return false;
	date_s = parse_date(text, size);
	if (date_s < 0 || date_s > INT64_MAX / 1000)
		return false;
	*ret_ms = date_s * 1000 > wall_ms ? (uint64_t)(date_s * 1000 - wall_ms)
					  : 0;
	return true;
}

void response_reset(struct response *response)
{
	*response = (struct response){
		.content_bytes = RESPONSE_UNKNOWN,
		.date_s = -1,
		.retry_after_ms = RESPONSE_UNKNOWN,
	};
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Splits "NAME: VALUE"; the value without the space around it. */
static bool split_line(const char *line, size_t size, size_t *ret_name_size,
		       const char **ret_value, size_t *ret_value_size)
{
	const char *colon = memchr(line, ':', size);
	const char *end = line + size;
	const char *start;

	if (!colon || colon == line)
		return false;
	start = colon + 1;
	while (start < end && is_space(*start))
		start++;
	while (end > start && is_space(end[-1]))
		end--;
	*ret_name_size = (size_t)(colon - line);
	*ret_value = start;
	*ret_value_size = (size_t)(end - start);
	return true;
}

static bool same(const char *text, size_t size, const char *word)
{
	return strlen(word) == size && strncasecmp(text, word, size) == 0;
}

static void add_range(struct response *response, const char *value, size_t size)
{
	struct content_range range;
	bool valid = header_parse_content_range(value, size, &range);

	/* Two that may disagree are worth no more than a bad one. */
	response->range_valid = valid && !response->range_given;
	response->range_given = true;
	if (response->range_valid)
		response->range = range;
}

static void add_etag(struct response *response, const char *value, size_t size)
{
	if (response->has_etag || !header_parse_etag(value, size, response->etag))
		response->etag[0] = '\0';
	response->has_etag = true;
}

static void add_last_modified(struct response *response, const char *value,
			      size_t size)
{
	if (parse_date(value, size) < 0)
		return;
	/* A date that curl reads may still hold what no header may. */
	for (size_t i = 0; i < size; i++) {
		if (value[i] < 0x20 || value[i] > 0x7e)
			return;
	}
	memcpy(response->last_modified, value, size);
	response->last_modified[size] = '\0';
}

void response_add_line(struct response *response, const char *line, size_t size,
		       int64_t wall_ms)
{
	const char *value;
	size_t name_size, value_size;

	if (!split_line(line, size, &name_size, &value, &value_size))
		return;
	if (same(line, name_size, "Content-Range"))
		add_range(response, value, value_size);
	else if (same(line, name_size, "ETag"))
		add_etag(response, value, value_size);
	else if (same(line, name_size, "Last-Modified"))
		add_last_modified(response, value, value_size);
	else if (same(line, name_size, "Date"))
		response->date_s = parse_date(value, value_size);
	else if (same(line, name_size, "Accept-Ranges"))
		response->accepts_ranges = same(value, value_size, "bytes");
	else if (same(line, name_size, "Retry-After") &&
		 !header_parse_retry_after(value, value_size, wall_ms,
					   &response->retry_after_ms))
		response->retry_after_ms = RESPONSE_UNKNOWN;
}

const char *response_validator(const struct response *response)
{
	int64_t modified_s;

	if (response->has_etag)
		return response->etag;
	modified_s = parse_date(response->last_modified,
				strlen(response->last_modified));
	/* RFC 9110, section 8.8.2.2: one second is its own resolution. */
	if (modified_s < 0 || response->date_s < 0 ||
	    modified_s >= response->date_s)
		return "";
	return response->last_modified;
}
