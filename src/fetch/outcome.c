#include "outcome.h"

#include "headers.h"

#include <stdarg.h>
#include <stdio.h>

#include "otad/base/log.h"

#define SHOWN_URL_SIZE 256

static enum ota_error_kind kind_of_status(unsigned status)
{
	switch (status) {
	case 401:
	case 403:
		return OTA_ERROR_URL_EXPIRED;
	case 404:
	case 410:
		return OTA_ERROR_NOT_FOUND;
	default:
		return OTA_ERROR_HTTP;
	}
}

static const char *advice(enum ota_error_kind kind)
{
	if (kind == OTA_ERROR_URL_EXPIRED)
		return " (not allowed: the url may have expired)";
	if (kind == OTA_ERROR_NOT_FOUND)
		return " (the server does not have the file)";
	return "";
}

void outcome_of_status(const struct response *response, const char *url,
		       struct transfer_result *ret_result)
{
	unsigned status = response->status;
	enum ota_error_kind kind = kind_of_status(status);
	char shown[SHOWN_URL_SIZE];

	*ret_result = (struct transfer_result){
		.end = TRANSFER_FAILED,
		.may_retry = status == 408 || status == 425 || status == 429 ||
			     status >= 500,
	};
	if (ret_result->may_retry &&
	    response->retry_after_ms != RESPONSE_UNKNOWN)
		ret_result->retry_after_ms = response->retry_after_ms;
	ota_fail(&ret_result->err, kind, "%s: the server answered %u%s",
		 log_url(url, shown, sizeof(shown)), status, advice(kind));
}

struct curl_meaning {
	CURLcode code;
	enum ota_error_kind kind;
	bool may_retry;
};

/* Whatever is not here is a fault of the network: worth another attempt. */
static const struct curl_meaning meanings[] = {
	{ CURLE_OPERATION_TIMEDOUT, OTA_ERROR_TIMEOUT, true },
	{ CURLE_WEIRD_SERVER_REPLY, OTA_ERROR_HTTP, true },
	/* No url of another scheme comes so far: no HTTP came back. */
	{ CURLE_UNSUPPORTED_PROTOCOL, OTA_ERROR_HTTP, true },
	{ CURLE_URL_MALFORMAT, OTA_ERROR_PROTOCOL, false },
	{ CURLE_OUT_OF_MEMORY, OTA_ERROR_INTERNAL, false },
	{ CURLE_FAILED_INIT, OTA_ERROR_INTERNAL, false },
	{ CURLE_NOT_BUILT_IN, OTA_ERROR_INTERNAL, false },
	{ CURLE_UNKNOWN_OPTION, OTA_ERROR_INTERNAL, false },
	{ CURLE_BAD_FUNCTION_ARGUMENT, OTA_ERROR_INTERNAL, false },
	/* Files named in the configuration; the text names which. */
	{ CURLE_SSL_CACERT_BADFILE, OTA_ERROR_INTERNAL, false },
	{ CURLE_SSL_CERTPROBLEM, OTA_ERROR_INTERNAL, false },
};

void outcome_of_curl(CURLcode code, const char *detail, const char *url,
		     struct transfer_result *ret_result)
{
	struct curl_meaning meaning = { code, OTA_ERROR_NETWORK, true };
	const char *hint = code == CURLE_PEER_FAILED_VERIFICATION ?
				   "; see CaFile= in [Download]" :
				   "";
	char shown[SHOWN_URL_SIZE];

	for (size_t i = 0; i < OTA_ARRAY_SIZE(meanings); i++) {
		if (meanings[i].code == code)
			meaning = meanings[i];
	}
	*ret_result = (struct transfer_result){
		.end = TRANSFER_FAILED,
		.may_retry = meaning.may_retry,
	};
	ota_fail(&ret_result->err, meaning.kind, "%s: %s%s",
		 log_url(url, shown, sizeof(shown)),
		 detail[0] ? detail : curl_easy_strerror(code), hint);
}

void outcome_final(struct transfer_result *ret_result,
		   enum ota_error_kind kind, const char *format, ...)
{
	char text[OTA_ERROR_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	*ret_result = (struct transfer_result){ .end = TRANSFER_FAILED };
	ota_fail(&ret_result->err, kind, "%s", text);
}

void outcome_timeout(struct transfer_result *ret_result, const char *url,
		     const char *what, uint64_t ms)
{
	char shown[SHOWN_URL_SIZE];

	*ret_result = (struct transfer_result){
		.end = TRANSFER_FAILED,
		.may_retry = true,
	};
	ota_fail(&ret_result->err, OTA_ERROR_TIMEOUT, "%s: %s within %g s",
		 log_url(url, shown, sizeof(shown)), what, (double)ms / 1000);
}
