#pragma once

/* What an HTTP answer's header lines say. Pure; every byte is hostile. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESPONSE_UNKNOWN UINT64_MAX

/* An opaque quoted string, kept to be sent back: servers need far less. */
#define VALIDATOR_SIZE 256

/* "bytes FIRST-LAST/TOTAL"; FIRST-LAST or TOTAL may be an asterisk. */
struct content_range {
	bool has_range;
	uint64_t first_byte;
	uint64_t last_byte;   /* included */
	uint64_t total_bytes; /* RESPONSE_UNKNOWN for an asterisk */
};

struct response {
	unsigned status;
	uint64_t content_bytes; /* Content-Length, RESPONSE_UNKNOWN without */
	bool range_given;	/* a Content-Range, good or bad */
	bool range_valid;
	struct content_range range;
	char etag[VALIDATOR_SIZE]; /* only a strong one; "": none */
	bool has_etag;		   /* weak and unusable ones too */
	char last_modified[VALIDATOR_SIZE]; /* "": none */
	int64_t date_s;			    /* of Date, -1: none */
	bool accepts_ranges;
	uint64_t retry_after_ms; /* RESPONSE_UNKNOWN: none */
};

void response_reset(struct response *response);

/*
 * Takes in one header line, with or without its CRLF; not NUL-terminated.
 * `wall_ms` is the present time, for Retry-After with a date.
 */
void response_add_line(struct response *response, const char *line,
		       size_t size, int64_t wall_ms);

/*
 * What may go into If-Range, RFC 9110, section 13.1.5: a strong ETag; without
 * any ETag a Last-Modified that is a strong validator. "" when there is none.
 */
const char *response_validator(const struct response *response);

/* The parsers of single values. False: not in the form the standard wants. */
bool header_parse_number(const char *text, size_t size, uint64_t *ret_value);
bool header_parse_content_range(const char *text, size_t size,
				struct content_range *ret_range);
/* Strong tags only, printable ASCII only: as sent, with the quotes. */
bool header_parse_etag(const char *text, size_t size,
		       char ret_etag[VALIDATOR_SIZE]);
bool header_parse_retry_after(const char *text, size_t size, int64_t wall_ms,
			      uint64_t *ret_ms);
