#pragma once

/*
 * The inside of a struct fetch, shared by what keeps it on the disk
 * (download.c) and what asks the server (attempt.c).
 */

#include "answer.h"
#include "record.h"
#include "retry.h"

#include "otad/fetch/fetch.h"

enum fetch_phase {
	FETCH_RECOVERING, /* reading back what an earlier run left */
	FETCH_ASKING,	  /* a transfer runs */
	FETCH_WAITING,	  /* for the next attempt */
	FETCH_OVER,	  /* `done` was called */
};

struct fetch {
	struct fetcher *fetcher;
	struct loop *loop;
	const struct fetch_limits *limits;
	const struct config_download *settings;
	struct fetch_observer observer;
	void *user_data;
	enum fetch_phase phase;
	char *path;
	char *record_path;
	struct record record; /* as it stands on the disk, but for the url */
	struct sink *sink;
	struct transfer *transfer;
	struct loop_source *recover; /* one slice a turn */
	struct loop_source *wait;    /* until the next attempt */
	struct loop_source *tick;    /* progress, and a record now and then */
	bool is_first; /* no other download ran when this began */
	bool *gone; /* set to true when it was freed by a callback of ours */

	uint64_t announced_bytes; /* by the offer, or OFFER_SIZE_UNKNOWN */
	uint64_t total_bytes;	  /* announced, or by the server */

	struct retry retry;
	struct question question; /* of the running transfer */
	struct answer answer;	  /* to it */
	struct ota_error failure; /* why we stopped the transfer, if not that */
	bool failure_is_final;
	uint64_t furthest_bytes;  /* that any attempt got */
	bool accepts_ranges;
	bool in_windows;	 /* asks for a chunk at a time */
	bool windows_spoilt;	 /* the server is not up to them */
	unsigned broken_streams;
	unsigned discards;
	unsigned unsatisfiable; /* answers 416 */

	uint64_t recorded_ms; /* when `record` was written */
	uint64_t ticked_ms;
	uint64_t ticked_bytes;
	uint64_t bytes_per_second;
};

/* download.c; all but the first two may free `fetch` in a callback. */

/* Empties FILE and begins a new pass. The record says so first. */
bool download_restart(struct fetch *fetch, struct ota_error *err) OTA_MUST_CHECK;
/* Syncs FILE, then notes in the record how far it got. */
bool download_record(struct fetch *fetch, struct ota_error *err) OTA_MUST_CHECK;
void download_fail(struct fetch *fetch, const struct ota_error *err);
void download_finish(struct fetch *fetch);

/* attempt.c */

extern const struct transfer_ops attempt_ops;
/* Asks for what is missing. May free `fetch` in a callback. */
void attempt_begin(struct fetch *fetch);
