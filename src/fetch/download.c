#include "otad/fetch/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "curl-loop.h"
#include "download.h"
#include "limits.h"
#include "sink.h"
#include "transfer.h"

#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/model/offer.h"

/* FILE without a record is a complete one: none may ever be seen too early. */
static bool record_nothing(struct fetch *fetch, struct ota_error *err)
{
	fetch->record.bytes = 0;
	fetch->record.size_bytes = fetch->announced_bytes;
	fetch->record.validator[0] = '\0';
	fetch->recorded_ms = loop_now_ms(fetch->loop);
	return record_write(fetch->record_path, &fetch->record, err);
}

bool download_restart(struct fetch *fetch, struct ota_error *err)
{
	save_stop(fetch);
	fetch->total_bytes = fetch->announced_bytes;
	if (!record_nothing(fetch, err) || !sink_restart(fetch->sink, err))
		return false;
	if (fetch->observer.restart)
		fetch->observer.restart(fetch, fetch->user_data);
	return true;
}

static void stop_work(struct fetch *fetch)
{
	fetch->transfer = transfer_free(fetch->transfer);
	fetch->recover = loop_source_free(fetch->recover);
	fetch->wait = loop_source_free(fetch->wait);
	fetch->tick = loop_source_free(fetch->tick);
}

static bool has_unsaved(const struct fetch *fetch)
{
	return sink_bytes(fetch->sink) > fetch->record.bytes;
}

/* What was received since the last record is worth keeping. */
static void keep(struct fetch *fetch)
{
	struct ota_error err = OTA_ERROR_INIT;

	save_stop(fetch);
	if (fetch->phase == FETCH_RECOVERING || fetch->phase == FETCH_OVER ||
	    !fetch->sink || !has_unsaved(fetch))
		return;
	/* When the disk refuses, the record stays behind, and stays true. */
	(void)!save_now(fetch, &err);
}

/* False when the observer freed the fetch. */
static bool tell_progress(struct fetch *fetch)
{
	const struct fetch_progress progress = {
		.received_bytes = sink_bytes(fetch->sink),
		.total_bytes = fetch->total_bytes,
		.bytes_per_second = fetch->bytes_per_second,
		.attempt = fetch->retry.attempts,
	};
	bool gone = false;

	if (!fetch->observer.progress)
		return true;
	fetch->gone = &gone;
	fetch->observer.progress(fetch, &progress, fetch->user_data);
	if (!gone)
		fetch->gone = NULL;
	return !gone;
}

static void measure(struct fetch *fetch)
{
	uint64_t now_ms = loop_now_ms(fetch->loop);
	uint64_t elapsed_ms = now_ms - fetch->ticked_ms;
	uint64_t bytes = sink_bytes(fetch->sink);
	uint64_t speed = 0;

	if (elapsed_ms == 0)
		return;
	if (bytes > fetch->ticked_bytes)
		speed = (bytes - fetch->ticked_bytes) * 1000 / elapsed_ms;
	/* Even enough for people to read, quick enough to be true. */
	fetch->bytes_per_second = fetch->bytes_per_second == 0
					  ? speed
					  : (fetch->bytes_per_second * 3 +
					     speed) / 4;
	fetch->ticked_ms = now_ms;
	fetch->ticked_bytes = bytes;
}

/* May free it. */
static void show_progress(struct fetch *fetch)
{
	measure(fetch);
	(void)tell_progress(fetch);
}

static void end(struct fetch *fetch)
{
	struct ota_error err = fetch->end;
	bool failed = err.kind != OTA_ERROR_NONE;

	save_stop(fetch);
	fetch->phase = FETCH_OVER;
	if (!failed && !tell_progress(fetch))
		return;
	fetch->sink = sink_free(fetch->sink);
	fetch->observer.done(fetch, failed ? &err : NULL, fetch->user_data);
}

/* To the last byte; sink_append() leaves some until they are worth a write. */
static bool save_all(struct fetch *fetch, struct ota_error *err)
{
	return sink_flush(fetch->sink, err) && save_begin(fetch, err);
}

void download_fail(struct fetch *fetch, const struct ota_error *err)
{
	bool was_ending = fetch->phase == FETCH_ENDING;
	bool keeps = fetch->phase != FETCH_RECOVERING && has_unsaved(fetch);
	struct ota_error ignored = OTA_ERROR_INIT;

	if (!was_ending || fetch->end.kind == OTA_ERROR_NONE)
		fetch->end = *err;
	stop_work(fetch);
	fetch->phase = FETCH_ENDING;
	/* When the disk refuses, the record stays behind, and stays true. */
	if (was_ending || !keeps ||
	    (fetch->saving == SAVING_NOTHING &&
	     !save_all(fetch, &ignored)))
		end(fetch);
}

void download_finish(struct fetch *fetch)
{
	struct ota_error err = OTA_ERROR_INIT;

	stop_work(fetch);
	save_stop(fetch);
	fetch->phase = FETCH_ENDING;
	ota_error_clear(&fetch->end);
	if (!save_complete(fetch, &err))
		download_fail(fetch, &err);
}

static uint64_t save_every(const struct fetch *fetch)
{
	return sink_bytes(fetch->sink) <= fetch->limits->record_max_bytes
		       ? fetch->limits->record_first_bytes
		       : fetch->limits->record_max_bytes;
}

bool download_save_some(struct fetch *fetch, struct ota_error *err)
{
	uint64_t written = sink_written_bytes(fetch->sink);

	if (fetch->saving != SAVING_NOTHING || !has_unsaved(fetch))
		return true;
	if (fetch->phase != FETCH_ASKING)
		return save_all(fetch, err);
	return written - fetch->record.bytes < save_every(fetch) ||
	       save_begin(fetch, err);
}

bool download_is_ahead(const struct fetch *fetch)
{
	uint64_t unsaved = sink_bytes(fetch->sink) - fetch->record.bytes;

	return fetch->saving != SAVING_NOTHING &&
	       unsaved >= 2 * save_every(fetch);
}

void download_saved(struct fetch *fetch)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (fetch->phase == FETCH_ENDING) {
		if (fetch->end.kind == OTA_ERROR_NONE || !has_unsaved(fetch) ||
		    !save_all(fetch, &err))
			end(fetch);
		return;
	}
	transfer_go_on(fetch->transfer);
	if (!download_save_some(fetch, &err)) {
		download_fail(fetch, &err);
		return;
	}
	/* Not earlier: what was told should not be lost by a crash. */
	if (!fetch->shows_when_saved || fetch->phase != FETCH_ASKING)
		return;
	fetch->shows_when_saved = false;
	show_progress(fetch);
}

static void on_recover(struct loop_source *source, void *user_data)
{
	struct fetch *fetch = user_data;
	struct ota_error err = OTA_ERROR_INIT;
	bool more = false;

	if (fetch->phase == FETCH_RECOVERING) {
		if (sink_recover_some(fetch->sink, &more, &err)) {
			if (more) {
				loop_defer_again(source);
				return;
			}
		} else if (err.kind != OTA_ERROR_NOT_FOUND ||
			   !download_restart(fetch, &err)) {
			download_fail(fetch, &err);
			return;
		}
	}
	attempt_begin(fetch);
}

static void on_wait(struct loop_source *source, void *user_data)
{
	attempt_begin(user_data);
}

static void on_tick(struct loop_source *source, void *user_data)
{
	struct fetch *fetch = user_data;
	struct ota_error err = OTA_ERROR_INIT;
	uint64_t age_ms = loop_now_ms(fetch->loop) - fetch->recorded_ms;

	if (fetch->phase != FETCH_ASKING)
		return; /* attempt_begin() arms it again */
	loop_timer_set(source, fetch->limits->progress_ms);
	if (age_ms >= fetch->limits->record_ms && has_unsaved(fetch) &&
	    fetch->saving == SAVING_NOTHING &&
	    !save_all(fetch, &err)) {
		download_fail(fetch, &err);
		return;
	}
	fetch->shows_when_saved = fetch->saving != SAVING_NOTHING;
	if (!fetch->shows_when_saved)
		show_progress(fetch);
}

static bool show_bytes(const void *data, size_t size, void *user_data,
		       struct ota_error *err)
{
	struct fetch *fetch = user_data;

	return fetch->observer.bytes(fetch, data, size, fetch->user_data, err);
}

static bool record_fits(const struct fetch *fetch, const struct record *record)
{
	return strcmp(record->identity, fetch->record.identity) == 0 &&
	       (record->size_bytes == fetch->announced_bytes ||
		record->size_bytes == OFFER_SIZE_UNKNOWN ||
		fetch->announced_bytes == OFFER_SIZE_UNKNOWN) &&
	       record->bytes > 0 &&
	       record->bytes <= fetch->settings->max_size &&
	       record->bytes <= sink_file_bytes(fetch->sink);
}

/* Takes over what an earlier run left, or clears it away. */
static bool find_start(struct fetch *fetch, struct ota_error *err)
{
	OTA_CLEANUP(record_done) struct record record = { 0 };

	if (!record_read(fetch->record_path, &record) ||
	    !record_fits(fetch, &record))
		return record_nothing(fetch, err) &&
		       sink_restart(fetch->sink, err);
	fetch->record.bytes = record.bytes;
	fetch->record.size_bytes = record.size_bytes;
	memcpy(fetch->record.validator, record.validator,
	       sizeof(record.validator));
	if (fetch->total_bytes == OFFER_SIZE_UNKNOWN)
		fetch->total_bytes = record.size_bytes;
	if (fetch->total_bytes != OFFER_SIZE_UNKNOWN &&
	    record.bytes > fetch->total_bytes)
		return record_nothing(fetch, err) &&
		       sink_restart(fetch->sink, err);
	fetch->phase = FETCH_RECOVERING;
	fetch->furthest_bytes = record.bytes;
	return sink_recover(fetch->sink, record.bytes, err);
}

static bool prepare(struct fetch *fetch, struct ota_error *err)
{
	size_t buffer_bytes = fetch->limits->buffer_bytes;

	if (!fetch->is_first)
		buffer_bytes /= fetch->limits->sharers_part;
	fetch->sink = sink_open(fetch->path, buffer_bytes, show_bytes, fetch,
				err);
	if (!fetch->sink || !find_start(fetch, err))
		return false;
	if (fetch->total_bytes != OFFER_SIZE_UNKNOWN &&
	    !sink_reserve(fetch->sink, fetch->total_bytes, err))
		return false;
	fetch->transfer = transfer_new(fetch->fetcher, fetch->settings,
				       &attempt_ops, fetch, err);
	if (!fetch->transfer)
		return false;
	fetch->wait = loop_add_timer(fetch->loop, LOOP_NEVER, on_wait, fetch,
				     err);
	if (!fetch->wait)
		return false;
	fetch->tick = loop_add_timer(fetch->loop, LOOP_NEVER, on_tick, fetch,
				     err);
	if (!fetch->tick)
		return false;
	fetch->recover = loop_add_defer(fetch->loop, on_recover, fetch, err);
	return fetch->recover;
}

static struct fetch *copy_request(struct fetcher *fetcher,
				  const struct fetch_request *request,
				  struct ota_error *err)
{
	OTA_CLEANUP(fetch_freep) struct fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch) {
		ota_fail_memory(err, "preparing a download");
		return NULL;
	}
	fetch->fetcher = fetcher;
	fetch->is_first = fetcher_join(fetcher);
	fetch->loop = fetcher_loop(fetcher);
	fetch->limits = fetcher_limits(fetcher);
	fetch->settings = request->settings;
	fetch->phase = FETCH_WAITING;
	fetch->announced_bytes = request->size_bytes;
	fetch->total_bytes = request->size_bytes;
	fetch->path = strdup(request->path);
	fetch->record.url = strdup(request->url);
	fetch->record.identity = strdup(request->identity);
	fetch->record_path = record_path(request->path, err);
	if (!fetch->record_path)
		return NULL;
	if (!fetch->path || !fetch->record.url || !fetch->record.identity) {
		ota_fail_memory(err, "preparing a download");
		return NULL;
	}
	retry_init(&fetch->retry, request->settings->attempts);
	return OTA_TAKE(fetch);
}

static bool check_request(const struct fetch_request *request,
			  struct ota_error *err)
{
	uint64_t max = request->settings->max_size;

	if (!address_check(request->url, request->settings, err))
		return false;
	if (request->size_bytes == OFFER_SIZE_UNKNOWN ||
	    request->size_bytes <= max)
		return true;
	return ota_fail(err, OTA_ERROR_PROTOCOL,
			"%llu bytes announced, MaxSize= is %llu",
			(unsigned long long)request->size_bytes,
			(unsigned long long)max);
}

struct fetch *fetch_new(struct fetcher *fetcher,
			const struct fetch_request *request,
			const struct fetch_observer *observer, void *user_data,
			struct ota_error *err)
{
	OTA_CLEANUP(fetch_freep) struct fetch *fetch = NULL;
	struct ota_error why = OTA_ERROR_INIT;

	if (!check_request(request, &why) ||
	    !(fetch = copy_request(fetcher, request, &why))) {
		if (err)
			*err = why;
		return NULL;
	}
	fetch->observer = *observer;
	fetch->user_data = user_data;
	if (prepare(fetch, &why))
		return OTA_TAKE(fetch);
	/* Nothing begun, nothing left: an empty file would only puzzle. */
	if (fetch->sink && sink_was_created(fetch->sink))
		fetch_discard(fetch->path, NULL);
	if (err)
		*err = why;
	return NULL;
}

bool fetch_set_url(struct fetch *fetch, const char *url, struct ota_error *err)
{
	char *copy;

	if (!address_check(url, fetch->settings, err))
		return false;
	copy = strdup(url);
	if (!copy)
		return ota_fail_memory(err, "taking over a new url");
	free(fetch->record.url);
	fetch->record.url = copy;
	if (fetch->phase == FETCH_WAITING && fetch->retry.attempts > 0)
		loop_timer_set(fetch->wait, 0);
	return true;
}

struct fetch *fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return NULL;
	if (fetch->gone)
		*fetch->gone = true;
	stop_work(fetch);
	keep(fetch);
	sink_free(fetch->sink);
	fetcher_leave(fetch->fetcher);
	record_done(&fetch->record);
	free(fetch->path);
	free(fetch->record_path);
	free(fetch);
	return NULL;
}

bool fetch_discard(const char *path, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *record = record_path(path, err);

	if (!record)
		return false;
	/* FILE first: without its record it would count as complete. */
	return file_remove(path, err) && file_remove(record, err);
}
