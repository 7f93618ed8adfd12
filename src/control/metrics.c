#include "otad/control/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/file.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/update/updater.h"

#include "metrics-text.h"

#define FILE_MODE 0644

struct metrics {
	struct loop *loop;
	struct updater *updater;
	struct updater_listener *listener;
	struct loop_source *timer;
	char *path; /* NULL: none */
	struct metrics_counts counts;
	uint64_t written_ms; /* 0: never */
	bool soon;	     /* a job has ended since */
	bool failing;	     /* and that has been said */
};

static bool write_file(struct metrics *metrics, struct ota_error *err)
{
	size_t size;
	OTA_CLEANUP(freep) char *text =
		metrics_text(metrics->updater, &metrics->counts, &size);

	if (!text)
		return ota_fail_memory(err, "writing the metrics");
	return file_write_lazy(metrics->path, text, size, FILE_MODE, err);
}

static void on_time(struct loop_source *timer, void *user_data)
{
	struct metrics *metrics = user_data;
	struct ota_error err;
	bool ok = write_file(metrics, &err);

	/* Once, not every minute. */
	if (!ok && !metrics->failing)
		log_warning(NULL, "MetricsFile=: %s", err.text);
	metrics->failing = !ok;
	metrics->soon = false;
	metrics->written_ms = loop_now_ms(metrics->loop);
	loop_timer_set(timer, METRICS_INTERVAL_MS);
}

static void write_soon(struct metrics *metrics)
{
	uint64_t now_ms = loop_now_ms(metrics->loop);
	uint64_t since_ms = now_ms - metrics->written_ms;
	uint64_t delay_ms = METRICS_SETTLE_MS;

	if (metrics->soon || !metrics->path)
		return;
	metrics->soon = true;
	if (metrics->written_ms > 0 && since_ms < METRICS_PAUSE_MS &&
	    METRICS_PAUSE_MS - since_ms > delay_ms)
		delay_ms = METRICS_PAUSE_MS - since_ms;
	loop_timer_set(metrics->timer, delay_ms);
}

static bool result_of(enum job_state state, enum metrics_result *ret_result)
{
	if (state == JOB_STATE_SUCCEEDED)
		*ret_result = METRICS_SUCCEEDED;
	else if (state == JOB_STATE_FAILED)
		*ret_result = METRICS_FAILED;
	else if (state == JOB_STATE_ROLLED_BACK)
		*ret_result = METRICS_ROLLED_BACK;
	else
		return false;
	return true;
}

static void on_job(const struct job_view *job, void *user_data)
{
	struct metrics *metrics = user_data;
	struct metrics_class *class = NULL;
	enum metrics_result result;

	if (!result_of(job->state, &result))
		return;
	metrics->counts.ended[result]++;
	metrics->counts.bytes += job->received_bytes;
	if (strcmp(job->device, DEVICE_SELF) != 0)
		class = metrics_find_class(&metrics->counts, job->class_name,
					   job->module);
	if (class)
		class->ended[result]++;
	write_soon(metrics);
}

struct metrics *metrics_new(struct loop *loop, struct updater *updater,
			    const char *path, struct ota_error *err)
{
	OTA_CLEANUP(metrics_freep) struct metrics *metrics =
		calloc(1, sizeof(*metrics));
	struct updater_stats stats;

	if (!metrics) {
		ota_fail_memory(err, "counting updates");
		return NULL;
	}
	metrics->loop = loop;
	metrics->updater = updater;
	metrics->timer = loop_add_timer(loop, LOOP_NEVER, on_time, metrics, err);
	if (!metrics->timer || !metrics_set_path(metrics, path, err))
		return NULL;
	metrics->listener = updater_listen(updater, on_job, metrics);
	if (!metrics->listener) {
		ota_fail_memory(err, "counting updates");
		return NULL;
	}
	updater_stats(updater, &stats);
	metrics->counts.ended[METRICS_SUCCEEDED] = stats.succeeded;
	metrics->counts.ended[METRICS_FAILED] = stats.failed;
	metrics->counts.ended[METRICS_ROLLED_BACK] = stats.rolled_back;
	metrics->counts.bytes = stats.bytes_downloaded;
	return OTA_TAKE(metrics);
}

struct metrics *metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return NULL;
	updater_unlisten(metrics->listener);
	loop_source_free(metrics->timer);
	metrics_counts_done(&metrics->counts);
	free(metrics->path);
	free(metrics);
	return NULL;
}

bool metrics_set_path(struct metrics *metrics, const char *path,
		      struct ota_error *err)
{
	char *copy = path ? strdup(path) : NULL;

	if (path && !copy)
		return ota_fail_memory(err, "MetricsFile=");
	free(metrics->path);
	metrics->path = copy;
	metrics->failing = false;
	loop_timer_set(metrics->timer, copy ? 0 : LOOP_NEVER);
	return true;
}
