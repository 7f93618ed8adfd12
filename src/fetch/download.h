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
	FETCH_ENDING,	  /* what there is becomes durable */
	FETCH_OVER,	  /* `done` was called */
};

/* What is being synced. */
enum fetch_saving {
	SAVING_NOTHING,
	SAVING_BYTES,  /* FILE, ... */
	SAVING_RECORD, /* ... the record that tells of it, ... */
	SAVING_NAME,   /* ... and that the directory has it, or has it no more */
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
	enum fetch_saving saving;
	struct sync *sync;     /* of that */
	uint64_t saving_bytes; /* of FILE */
	bool shows_when_saved; /* progress, which was due meanwhile */
	struct ota_error end; /* while ending: why, or OTA_ERROR_NONE */
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
/* Begins to save what should not be lost any more, if there is so much. */
bool download_save_some(struct fetch *fetch, struct ota_error *err)
	OTA_MUST_CHECK;
/* Of a disk that is slow: a crash must not cost much more for that. */
bool download_is_ahead(const struct fetch *fetch);
void download_fail(struct fetch *fetch, const struct ota_error *err);
void download_finish(struct fetch *fetch);

/* save.c: how far it got becomes durable, while it goes on */

/*
 * Begins to sync what was written of FILE, and then the record that tells of
 * it; not while that is under way. Ends in download_saved() or download_fail().
 */
bool save_begin(struct fetch *fetch, struct ota_error *err) OTA_MUST_CHECK;
/* FILE is complete: it is synced, then the record goes, for good. */
bool save_complete(struct fetch *fetch, struct ota_error *err) OTA_MUST_CHECK;
/* What is under way is of no use any more. */
void save_stop(struct fetch *fetch);
/* Writes the rest, too, and waits for it all. */
bool save_now(struct fetch *fetch, struct ota_error *err) OTA_MUST_CHECK;
/* Of either of the first two. May free `fetch`. */
void download_saved(struct fetch *fetch);

/* attempt.c */

extern const struct transfer_ops attempt_ops;
/* Asks for what is missing. May free `fetch` in a callback. */
void attempt_begin(struct fetch *fetch);
