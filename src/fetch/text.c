#include "otad/fetch/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "address.h"
#include "curl-loop.h"
#include "headers.h"
#include "limits.h"
#include "retry.h"
#include "transfer.h"

#include "otad/base/loop.h"

#define TEXT_ATTEMPTS 3
#define SOCKET_BYTES (16 * 1024)

struct fetch_text {
	struct fetcher *fetcher;
	fetch_text_fn done;
	void *user_data;
	char *url;
	struct transfer *transfer;
	struct loop_source *wait; /* for the next attempt, the first included */
	struct retry retry;
	char *text; /* max_bytes and a NUL */
	size_t max_bytes;
	size_t size;
	bool too_large;
};

static void finish(struct fetch_text *fetch, const struct ota_error *err)
{
	fetch->text[fetch->size] = '\0';
	fetch->done(fetch, err ? NULL : fetch->text, err ? 0 : fetch->size, err,
		    fetch->user_data);
}

static void fail_too_large(struct fetch_text *fetch)
{
	struct ota_error err = OTA_ERROR_INIT;

	ota_fail(&err, OTA_ERROR_PROTOCOL, "the file has more than %zu bytes",
		 fetch->max_bytes);
	finish(fetch, &err);
}

static bool on_head(const struct response *response, void *user_data)
{
	struct fetch_text *fetch = user_data;

	fetch->too_large = response->content_bytes != RESPONSE_UNKNOWN &&
			   response->content_bytes > fetch->max_bytes;
	/* No range was asked for: nothing but 200 makes sense. */
	return response->status == 200 && !fetch->too_large;
}

static bool on_body(const void *data, size_t size, void *user_data)
{
	struct fetch_text *fetch = user_data;

	fetch->too_large = size > fetch->max_bytes - fetch->size;
	if (fetch->too_large)
		return false;
	memcpy(fetch->text + fetch->size, data, size);
	fetch->size += size;
	return true;
}

static void try_again(struct fetch_text *fetch,
		      const struct transfer_result *result)
{
	struct ota_error err = result->err;
	uint32_t number = 0;

	if (!result->may_retry || !retry_failed(&fetch->retry, false)) {
		finish(fetch, &err);
		return;
	}
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		number = 0;
	loop_timer_set(fetch->wait,
		       retry_delay_ms(&fetch->retry,
				      fetcher_limits(fetch->fetcher),
				      result->retry_after_ms, number));
}

static void on_done(const struct transfer_result *result, void *user_data)
{
	struct fetch_text *fetch = user_data;
	struct transfer_result odd;

	switch (result->end) {
	case TRANSFER_COMPLETE:
		finish(fetch, NULL);
		return;
	case TRANSFER_STOPPED:
		if (fetch->too_large) {
			fail_too_large(fetch);
			return;
		}
		outcome_final(&odd, OTA_ERROR_HTTP,
			      "the server answered with a part of the file");
		try_again(fetch, &odd);
		return;
	case TRANSFER_FAILED:
		try_again(fetch, result);
		return;
	}
}

static const struct transfer_ops ops = {
	.head = on_head,
	.body = on_body,
	.done = on_done,
};

static void begin(struct loop_source *source, void *user_data)
{
	struct fetch_text *fetch = user_data;
	const struct transfer_request request = {
		.url = fetch->url,
		.if_range = "",
		.socket_bytes = SOCKET_BYTES,
	};
	struct ota_error err = OTA_ERROR_INIT;

	fetch->size = 0;
	if (!transfer_start(fetch->transfer, &request, &err))
		finish(fetch, &err);
}

struct fetch_text *fetch_text_new(struct fetcher *fetcher, const char *url,
				  size_t max_bytes,
				  const struct config_download *settings,
				  fetch_text_fn done, void *user_data,
				  struct ota_error *err)
{
	struct fetch_text *fetch;

	if (!address_check(url, settings, err))
		return NULL;
	fetch = calloc(1, sizeof(*fetch));
	if (fetch) {
		fetch->url = strdup(url);
		fetch->text = malloc(max_bytes + 1);
	}
	if (!fetch || !fetch->url || !fetch->text) {
		ota_fail_memory(err, "fetching a text");
		return fetch_text_free(fetch);
	}
	fetch->fetcher = fetcher;
	fetch->max_bytes = max_bytes;
	fetch->done = done;
	fetch->user_data = user_data;
	retry_init(&fetch->retry, TEXT_ATTEMPTS);
	fetch->transfer = transfer_new(fetcher, settings, &ops, fetch, err);
	if (!fetch->transfer)
		return fetch_text_free(fetch);
	fetch->wait = loop_add_timer(fetcher_loop(fetcher), 0, begin, fetch,
				     err);
	return fetch->wait ? fetch : fetch_text_free(fetch);
}

struct fetch_text *fetch_text_free(struct fetch_text *fetch)
{
	if (!fetch)
		return NULL;
	transfer_free(fetch->transfer);
	loop_source_free(fetch->wait);
	free(fetch->url);
	free(fetch->text);
	free(fetch);
	return NULL;
}
