#pragma once

/*
 * curl's multi handle on the loop. Nothing of it calls back from within a
 * call of ours: a task's `done` runs from the loop, after curl has returned,
 * so that it may stop, free and start tasks.
 */

#include "otad/base/error.h"

#include <curl/curl.h>
#include <stdbool.h>

struct fetch_limits;
struct fetcher;
struct loop;
struct syncer;

struct curl_task;
typedef void (*curl_task_fn)(struct curl_task *task, CURLcode code,
			     void *user_data);

/* One easy handle, to be embedded by what runs it. */
struct curl_task {
	CURL *easy; /* owned */
	curl_task_fn done;
	void *user_data;
	bool running;
};

/* An easy handle with what every request of ours needs. */
bool curl_task_init(struct curl_task *task, curl_task_fn done, void *user_data,
		    struct ota_error *err) OTA_MUST_CHECK;
/* The task must have been stopped or be done. Accepts a zeroed one. */
void curl_task_done(struct curl_task *task);
/* Drops all options but those of curl_task_init(). */
void curl_task_reset(struct curl_task *task);

bool fetcher_start(struct fetcher *fetcher, struct curl_task *task,
		   struct ota_error *err) OTA_MUST_CHECK;
/* Without calling back; no-op when the task does not run. */
void fetcher_stop(struct fetcher *fetcher, struct curl_task *task);

struct loop *fetcher_loop(const struct fetcher *fetcher);
struct syncer *fetcher_syncer(const struct fetcher *fetcher);
const struct fetch_limits *fetcher_limits(const struct fetcher *fetcher);
unsigned fetcher_running(const struct fetcher *fetcher);

/* Counts downloads. True for the first: only that gets large buffers. */
bool fetcher_join(struct fetcher *fetcher);
void fetcher_leave(struct fetcher *fetcher);
