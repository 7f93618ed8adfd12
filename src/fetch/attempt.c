#include "download.h"

#include <string.h>
#include <sys/random.h>

#include "headers.h"
#include "limits.h"
#include "sink.h"
#include "transfer.h"

#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/model/offer.h"

/* Streams that broke before windows are tried: protocols.md, section 1.7. */
#define BROKEN_STREAMS_BEFORE_WINDOWS 2

static bool wants_windows(const struct fetch *fetch)
{
	if (fetch->windows_spoilt || fetch->settings->chunk_bytes == 0)
		return false;
	switch (fetch->settings->strategy) {
	case DOWNLOAD_SIMPLE:
		return false;
	case DOWNLOAD_CHUNKED:
		return true;
	case DOWNLOAD_AUTO:
		return fetch->accepts_ranges &&
		       fetch->broken_streams >= BROKEN_STREAMS_BEFORE_WINDOWS;
	}
	return false;
}

static uint64_t window_end(const struct fetch *fetch, uint64_t first)
{
	uint64_t chunk = fetch->settings->chunk_bytes;
	uint64_t total = fetch->total_bytes;

	if (chunk > INT64_MAX - first)
		return ANSWER_UNKNOWN;
	return total != OFFER_SIZE_UNKNOWN && total - first <= chunk
		       ? total - 1
		       : first + chunk - 1;
}

static void ask(struct fetch *fetch)
{
	uint64_t first = sink_bytes(fetch->sink);
	struct transfer_request request = {
		.url = fetch->record.url,
		.first_byte = first,
		.last_byte = TRANSFER_TO_END,
		.if_range = first > 0 ? fetch->record.validator : "",
		.socket_bytes = fetch->limits->socket_bytes,
	};
	struct ota_error err = OTA_ERROR_INIT;

	if (!fetch->is_first)
		request.socket_bytes /= fetch->limits->sharers_part;
	fetch->in_windows = wants_windows(fetch);
	if (fetch->in_windows)
		request.last_byte = window_end(fetch, first);
	request.ranged = first > 0 || fetch->in_windows;
	request.keep_connection = fetch->in_windows &&
				  request.last_byte + 1 != fetch->total_bytes;
	fetch->question = (struct question){
		.ranged = request.ranged,
		.first_byte = first,
		.last_byte = request.last_byte,
		.announced_bytes = fetch->announced_bytes,
		.known_bytes = fetch->total_bytes,
		.max_bytes = fetch->settings->max_size,
		.validator = request.if_range,
	};
	fetch->phase = FETCH_ASKING;
	ota_error_clear(&fetch->failure);
	loop_timer_set(fetch->tick, fetch->limits->progress_ms);
	if (!transfer_start(fetch->transfer, &request, &err))
		download_fail(fetch, &err);
}

static bool is_complete(const struct fetch *fetch)
{
	return fetch->total_bytes != OFFER_SIZE_UNKNOWN &&
	       sink_bytes(fetch->sink) == fetch->total_bytes;
}

void attempt_begin(struct fetch *fetch)
{
	struct ota_error err = OTA_ERROR_INIT;
	uint64_t most = fetch->total_bytes != OFFER_SIZE_UNKNOWN
				? fetch->total_bytes
				: fetch->settings->max_size;

	if (is_complete(fetch)) {
		download_finish(fetch);
		return;
	}
	if (!retry_is_sane(&fetch->retry, most)) {
		ota_fail(&err, OTA_ERROR_NETWORK,
			 "gave up after %u attempts and %llu bytes",
			 fetch->retry.attempts,
			 (unsigned long long)fetch->retry.received_bytes);
		download_fail(fetch, &err);
		return;
	}
	fetch->retry.attempts++;
	fetch->ticked_ms = loop_now_ms(fetch->loop);
	fetch->ticked_bytes = sink_bytes(fetch->sink);
	ask(fetch);
}

static uint32_t draw(void)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) !=
	    sizeof(number))
		return 0; /* no jitter early at boot is no harm */
	return number;
}

static void try_again(struct fetch *fetch, const struct ota_error *why,
		      uint64_t retry_after_ms)
{
	uint64_t bytes = sink_bytes(fetch->sink);
	bool advanced = bytes >= fetch->furthest_bytes +
					 fetch->limits->advance_bytes;
	struct ota_error err = *why;
	uint64_t delay_ms;

	if (!retry_failed(&fetch->retry, advanced)) {
		if (fetch->retry.attempts > 1)
			ota_wrap(&err, "after %u attempts",
				 fetch->retry.attempts);
		download_fail(fetch, &err);
		return;
	}
	if (bytes > fetch->furthest_bytes)
		fetch->furthest_bytes = bytes;
	delay_ms = retry_delay_ms(&fetch->retry, fetch->limits, retry_after_ms,
				  draw());
	log_debug(NULL, "%s; attempt %u in %llu ms", why->text,
		  fetch->retry.attempts + 1, (unsigned long long)delay_ms);
	fetch->phase = FETCH_WAITING;
	loop_timer_set(fetch->wait, delay_ms);
	if (!download_save_some(fetch, &err))
		download_fail(fetch, &err);
}

/* What we have is of no use: 416, another start, another file. */
static void discard(struct fetch *fetch, const struct ota_error *why)
{
	bool had_bytes = sink_bytes(fetch->sink) > 0;
	struct ota_error err = OTA_ERROR_INIT;

	fetch->windows_spoilt = true;
	if (had_bytes && !download_restart(fetch, &err))
		download_fail(fetch, &err);
	else if (had_bytes && fetch->discards++ == 0)
		attempt_begin(fetch);
	else
		try_again(fetch, why, 0);
}

/* Whether the server keeps to what it answered is seen in on_body(). */
static bool accept_answer(struct fetch *fetch, const struct response *response)
{
	const char *validator = response_validator(response);
	bool was_known = fetch->total_bytes != OFFER_SIZE_UNKNOWN;

	fetch->accepts_ranges |= response->status == 206 ||
				 response->accepts_ranges;
	if (fetch->answer.meaning == ANSWER_WHOLE || validator[0])
		strcpy(fetch->record.validator, validator);
	fetch->total_bytes = fetch->answer.total_bytes;
	if (fetch->total_bytes == OFFER_SIZE_UNKNOWN ||
	    (was_known && fetch->answer.meaning != ANSWER_WHOLE))
		return true;
	fetch->failure_is_final = true;
	return sink_reserve(fetch->sink, fetch->total_bytes, &fetch->failure);
}

static bool on_head(const struct response *response, void *user_data)
{
	struct fetch *fetch = user_data;

	fetch->answer = answer_judge(&fetch->question, response);
	fetch->unsatisfiable += response->status == 416;
	switch (fetch->answer.meaning) {
	case ANSWER_WHOLE:
		/* Asked for a window, got all: the server knows no ranges. */
		fetch->windows_spoilt |= fetch->question.ranged;
		fetch->failure_is_final = true;
		if (sink_bytes(fetch->sink) > 0 &&
		    !download_restart(fetch, &fetch->failure))
			return false;
		return accept_answer(fetch, response);
	case ANSWER_APPEND:
		return accept_answer(fetch, response);
	case ANSWER_COMPLETE:
	case ANSWER_DISCARD:
	case ANSWER_RETRY:
	case ANSWER_REFUSE:
		return false;
	}
	return false;
}

static bool refuse_excess(struct fetch *fetch)
{
	uint64_t end = fetch->answer.end_byte;

	if (end == ANSWER_UNKNOWN) {
		fetch->failure_is_final = true;
		return ota_fail(&fetch->failure, OTA_ERROR_SIZE_MISMATCH,
				"the server sends more than MaxSize=, %llu "
				"bytes",
				(unsigned long long)fetch->settings->max_size);
	}
	fetch->failure_is_final = end == fetch->total_bytes;
	return ota_fail(&fetch->failure,
			fetch->failure_is_final ? OTA_ERROR_SIZE_MISMATCH
						: OTA_ERROR_HTTP,
			"the server sends more than the %llu bytes it should",
			(unsigned long long)end);
}

static bool on_body(const void *data, size_t size, void *user_data)
{
	struct fetch *fetch = user_data;
	uint64_t at = sink_bytes(fetch->sink);
	uint64_t end = fetch->answer.end_byte;
	bool heavy = false;

	fetch->retry.received_bytes += size;
	if (end == ANSWER_UNKNOWN)
		end = fetch->settings->max_size;
	if (size > end - at)
		return refuse_excess(fetch);
	fetch->failure_is_final = true;
	if (!sink_append(fetch->sink, data, size, &heavy, &fetch->failure))
		return false;
	if (!download_save_some(fetch, &fetch->failure))
		return false;
	if (download_is_ahead(fetch))
		transfer_hold(fetch->transfer);
	if (heavy)
		transfer_yield(fetch->transfer);
	return true;
}

/* We stopped it: for a failure of ours, or for what was answered. */
static void stopped(struct fetch *fetch)
{
	struct ota_error why = fetch->failure;

	if (why.kind != OTA_ERROR_NONE) {
		if (fetch->failure_is_final)
			download_fail(fetch, &why);
		else
			try_again(fetch, &why, 0);
		return;
	}
	why = fetch->answer.err;
	switch (fetch->answer.meaning) {
	case ANSWER_COMPLETE:
		fetch->total_bytes = fetch->answer.total_bytes;
		download_finish(fetch);
		return;
	case ANSWER_DISCARD:
		/* protocols.md, section 1.7: after 416 only once. */
		if (fetch->unsatisfiable > 1)
			download_fail(fetch, &why);
		else
			discard(fetch, &why);
		return;
	case ANSWER_WHOLE:
	case ANSWER_APPEND:
	case ANSWER_RETRY:
		try_again(fetch, &why, 0);
		return;
	case ANSWER_REFUSE:
		download_fail(fetch, &why);
		return;
	}
}

/* The body is over, as far as HTTP can tell. */
static void received(struct fetch *fetch)
{
	uint64_t at = sink_bytes(fetch->sink);
	uint64_t end = fetch->answer.end_byte;
	struct ota_error why = OTA_ERROR_INIT;

	if (fetch->total_bytes == OFFER_SIZE_UNKNOWN) {
		fetch->total_bytes = at;
		download_finish(fetch);
	} else if (is_complete(fetch)) {
		download_finish(fetch);
	} else if (at < end) {
		ota_fail(&why,
			 end == fetch->announced_bytes
				 ? OTA_ERROR_SIZE_MISMATCH
				 : OTA_ERROR_NETWORK,
			 "the server's answer ended at byte %llu of %llu",
			 (unsigned long long)at,
			 (unsigned long long)fetch->total_bytes);
		try_again(fetch, &why, 0);
	} else if (fetch->in_windows && end > fetch->question.last_byte) {
		ask(fetch); /* the next window */
	} else {
		ota_fail(&why, OTA_ERROR_NETWORK,
			 "the server sent only a part, up to byte %llu of %llu",
			 (unsigned long long)at,
			 (unsigned long long)fetch->total_bytes);
		try_again(fetch, &why, 0);
	}
}

static void on_done(const struct transfer_result *result, void *user_data)
{
	struct fetch *fetch = user_data;

	switch (result->end) {
	case TRANSFER_COMPLETE:
		received(fetch);
		return;
	case TRANSFER_STOPPED:
		stopped(fetch);
		return;
	case TRANSFER_FAILED:
		fetch->broken_streams += result->in_body && result->may_retry;
		if (result->may_retry)
			try_again(fetch, &result->err, result->retry_after_ms);
		else
			download_fail(fetch, &result->err);
		return;
	}
}

const struct transfer_ops attempt_ops = {
	.head = on_head,
	.body = on_body,
	.done = on_done,
};
