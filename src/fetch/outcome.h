#pragma once

/* How a request ended: what HTTP and curl say, in the words of our errors. */

#include "otad/base/error.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct response;

enum transfer_end {
	TRANSFER_COMPLETE, /* the whole body, as far as HTTP can tell */
	TRANSFER_STOPPED,  /* an observer said no; it knows why */
	TRANSFER_FAILED,   /* see `err` */
};

struct transfer_result {
	enum transfer_end end;
	struct ota_error err;
	bool may_retry;		 /* another attempt may end better */
	bool in_body;		 /* the body had begun */
	uint64_t retry_after_ms; /* at least; 0: the server did not say */
};

/* For a status that brings no content. */
void outcome_of_status(const struct response *response, const char *url,
		       struct transfer_result *ret_result);
/* `detail` is curl's error buffer. */
void outcome_of_curl(CURLcode code, const char *detail, const char *url,
		     struct transfer_result *ret_result);
/* A failure of `kind` which another attempt would only repeat. */
void outcome_final(struct transfer_result *ret_result,
		   enum ota_error_kind kind, const char *format, ...)
	OTA_PRINTF(3, 4);
void outcome_timeout(struct transfer_result *ret_result, const char *url,
		     const char *what, uint64_t ms);
