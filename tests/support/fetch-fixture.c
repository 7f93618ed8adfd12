#include "support/fetch-fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/wait.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/loop.h"
#include "otad/model/offer.h"

#define DEADLINE_MS 60000
#define MAX_CONTENT_BYTES (32 * MIB)

int fetch_group_set_up(void **state)
{
	*state = http_server_start(HTTP_PLAIN);
	return 0;
}

int fetch_group_tear_down(void **state)
{
	http_server_stop(*state);
	return 0;
}

static void new_fetcher(struct fetch_fixture *fx)
{
	struct ota_error err = OTA_ERROR_INIT;

	fx->loop = loop_new(&err);
	assert_non_null(fx->loop);
	fx->fetcher = fetcher_new_with_limits(fx->loop, &fx->limits, &err);
	assert_non_null(fx->fetcher);
}

static void free_fetcher(struct fetch_fixture *fx)
{
	fx->fetch = fetch_free(fx->fetch);
	fx->fetcher = fetcher_free(fx->fetcher);
	fx->loop = loop_free(fx->loop);
}

void fetch_fixture_renew(struct fetch_fixture *fx)
{
	free_fetcher(fx);
	new_fetcher(fx);
}

static const char *tmp_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp ? tmp : "/tmp";
}

int fetch_set_up(void **state)
{
	struct fetch_fixture *fx = calloc(1, sizeof(*fx));

	fx->server = *state;
	fx->limits = fetch_default_limits;
	fx->limits.backoff_first_ms = 2;
	fx->limits.backoff_max_ms = 20;
	fx->limits.retry_after_max_ms = 40;
	fx->limits.progress_ms = 5;
	fx->limits.record_ms = 10;
	fx->settings = (struct config_download){
		.timeout_ms = 10000,
		.stall_ms = 5000,
		.attempts = 4,
		.max_size = MAX_CONTENT_BYTES,
		.strategy = DOWNLOAD_AUTO,
		.chunk_bytes = MIB,
		.allow_http = true,
	};
	fx->identity = "version=1.0.1 digest=abc";
	snprintf(fx->path, sizeof(fx->path), "%s/otad-fetch-%d.bin",
		 tmp_folder(), getpid());
	snprintf(fx->record, sizeof(fx->record), "%s.json", fx->path);
	fx->seen = malloc(MAX_CONTENT_BYTES);
	assert_non_null(fx->seen);
	new_fetcher(fx);
	*state = fx;
	return 0;
}

int fetch_tear_down(void **state)
{
	struct fetch_fixture *fx = *state;

	free_fetcher(fx);
	http_server_reset(fx->server);
	unlink(fx->path);
	unlink(fx->record);
	free(fx->seen);
	*state = fx->server;
	free(fx);
	return 0;
}

void fetch_serve(struct fetch_fixture *fx, size_t size, unsigned seed)
{
	http_server_put(fx->server, "fw", size, seed);
}

void fetch_script(struct fetch_fixture *fx, const char *faults)
{
	http_server_script(fx->server, "/fw", faults);
}

static void on_restart(struct fetch *fetch, void *user_data)
{
	struct fetch_fixture *fx = user_data;

	fx->restarts++;
	fx->seen_bytes = 0;
}

static bool on_bytes(struct fetch *fetch, const void *data, size_t size,
		     void *user_data, struct ota_error *err)
{
	struct fetch_fixture *fx = user_data;

	if (fx->refuse_bytes)
		return ota_fail(err, OTA_ERROR_DIGEST_MISMATCH, "refused");
	assert_true(fx->seen_bytes + size <= MAX_CONTENT_BYTES);
	memcpy(fx->seen + fx->seen_bytes, data, size);
	fx->seen_bytes += size;
	return true;
}

static void on_progress(struct fetch *fetch,
			const struct fetch_progress *progress, void *user_data)
{
	struct fetch_fixture *fx = user_data;

	fx->progresses++;
	fx->progress = *progress;
	if (fx->free_at_bytes > 0 &&
	    progress->received_bytes >= fx->free_at_bytes)
		fx->fetch = fetch_free(fetch);
}

static void on_done(struct fetch *fetch, const struct ota_error *err,
		    void *user_data)
{
	struct fetch_fixture *fx = user_data;

	fx->dones++;
	ota_error_clear(&fx->err);
	if (err)
		fx->err = *err;
	if (fx->free_when_done)
		fx->fetch = fetch_free(fetch);
}

static const struct fetch_observer observer = {
	.restart = on_restart,
	.bytes = on_bytes,
	.progress = on_progress,
	.done = on_done,
};

void fetch_begin(struct fetch_fixture *fx, const char *path, uint64_t size)
{
	const struct fetch_request request = {
		.url = http_server_url(fx->server, path),
		.path = fx->path,
		.identity = fx->identity,
		.size_bytes = size,
		.settings = &fx->settings,
	};
	struct ota_error err = OTA_ERROR_INIT;

	fx->fetch = fetch_free(fx->fetch);
	fx->dones = 0;
	fx->seen_bytes = 0;
	fx->restarts = 0;
	fx->progresses = 0;
	fx->fetch = fetch_new(fx->fetcher, &request, &observer, fx, &err);
	if (!fx->fetch)
		fail_msg("fetch_new: %s", err.text);
	assert_int_equal(fx->dones, 0);
}

static void turn(struct fetch_fixture *fx, uint64_t deadline_ms)
{
	struct ota_error err = OTA_ERROR_INIT;

	assert_true(loop_run_once(fx->loop, 1000, &err));
	if (loop_now_ms(fx->loop) > deadline_ms)
		fail_msg("nothing happens");
}

void fetch_wait(struct fetch_fixture *fx)
{
	uint64_t deadline_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	while (fx->dones == 0)
		turn(fx, deadline_ms);
	assert_int_equal(fx->dones, 1);
}

void fetch_wait_recorded(struct fetch_fixture *fx, uint64_t bytes)
{
	uint64_t deadline_ms = loop_now_ms(fx->loop) + DEADLINE_MS;

	while (fetch_recorded(fx, "bytes") < (int64_t)bytes) {
		turn(fx, deadline_ms);
		if (fx->dones > 0)
			fail_msg("ended too early: %s", fx->err.text);
	}
}

void fetch_crash_at(struct fetch_fixture *fx, uint64_t size,
		    uint64_t recorded_bytes)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		/* The parent's loop is not ours to use: epoll is shared. */
		new_fetcher(fx);
		fetch_begin(fx, "/fw", size);
		fetch_wait_recorded(fx, recorded_bytes);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void fetch_expect_complete(struct fetch_fixture *fx, const char *name)
{
	struct ota_error err = OTA_ERROR_INIT;
	OTA_CLEANUP(freep) char *want = NULL;
	OTA_CLEANUP(freep) char *is = NULL;
	size_t want_size, is_size;
	char served[64];

	if (fx->err.kind != OTA_ERROR_NONE)
		fail_msg("%s: %s", ota_error_kind_name(fx->err.kind),
			 fx->err.text);
	snprintf(served, sizeof(served), "www/%s", name);
	want = file_read(http_server_file(fx->server, served),
			 MAX_CONTENT_BYTES, &want_size, &err);
	is = file_read(fx->path, MAX_CONTENT_BYTES, &is_size, &err);
	assert_non_null(want);
	assert_non_null(is);
	assert_int_equal(is_size, want_size);
	assert_memory_equal(is, want, want_size);
	/* The observer saw just that, too. */
	assert_int_equal(fx->seen_bytes, want_size);
	assert_memory_equal(fx->seen, want, want_size);
	assert_false(file_exists(fx->record));
}

void fetch_expect_ok(struct fetch_fixture *fx, uint64_t size)
{
	fetch_begin(fx, "/fw", size);
	fetch_wait(fx);
	fetch_expect_complete(fx, "fw");
}

void fetch_expect_failure(struct fetch_fixture *fx, uint64_t size,
			  enum ota_error_kind kind)
{
	fetch_begin(fx, "/fw", size);
	fetch_wait(fx);
	if (fx->err.kind != kind)
		fail_msg("expected %s, got %s: %s", ota_error_kind_name(kind),
			 ota_error_kind_name(fx->err.kind), fx->err.text);
	assert_true(fx->err.text[0] != '\0');
	/* A record tells that FILE is not complete. */
	assert_true(file_exists(fx->record));
}

int64_t fetch_recorded(const struct fetch_fixture *fx, const char *key)
{
	OTA_CLEANUP(freep) char *text = NULL;
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	struct ota_error err = OTA_ERROR_INIT;
	size_t size;

	text = file_read(fx->record, JSON_MAX_BYTES, &size, &err);
	if (text)
		json = json_parse_err(text, size, JSON_MAX_BYTES, &err);
	return json ? json_get_int(json, key, -1) : -1;
}

void fetch_log(const struct fetch_fixture *fx, struct http_log *ret_log)
{
	http_server_log(fx->server, "/fw", ret_log);
}
