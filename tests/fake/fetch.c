#include "fake/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "otad/base/loop.h"
#include "otad/model/offer.h"

#define MAX_FETCHES 4096

struct fetcher {
	struct loop *loop;
};

struct fetch {
	struct fetcher *fetcher;
	struct fetch_observer observer;
	void *user_data;
	char *url, *path, *identity;
	uint64_t announced_bytes;
	size_t received_bytes, resumed_at;
	struct loop_source *turn;
	bool replayed;
};

struct fetch_text {
	char *url;
	fetch_text_fn done;
	void *user_data;
};

static struct {
	const char *content;
	size_t size;
	bool hold;
	enum ota_error_kind refuse, breaks;
	struct fetch *running[MAX_FETCHES];
	unsigned n_running, started;
	char *last_url, *last_identity;
	size_t last_resumed_at;
	struct fetch_text *text;
} server;

static char *copy(const char *text)
{
	char *result = strdup(text);

	assert_non_null(result);
	return result;
}

void fake_fetch_reset(void)
{
	assert_int_equal(server.n_running, 0);
	assert_null(server.text);
	free(server.last_url);
	free(server.last_identity);
	memset(&server, 0, sizeof(server));
}

void fake_fetch_put(const void *content, size_t size)
{
	server.content = content;
	server.size = size;
}

void fake_fetch_hold(bool hold)
{
	server.hold = hold;
}

void fake_fetch_refuse(enum ota_error_kind kind)
{
	server.refuse = kind;
}

void fake_fetch_break(enum ota_error_kind kind)
{
	server.breaks = kind;
}

unsigned fake_fetch_started(void)
{
	return server.started;
}

unsigned fake_fetch_running(void)
{
	return server.n_running;
}

const char *fake_fetch_url(void)
{
	return server.last_url;
}

const char *fake_fetch_identity(void)
{
	return server.last_identity;
}

size_t fake_fetch_resumed_at(void)
{
	return server.last_resumed_at;
}

/* ---- files ---- */

static char *record_path(const char *path)
{
	char *record;

	assert_true(asprintf(&record, "%s.json", path) > 0);
	return record;
}

static void write_file(const char *path, const char *mode, const void *data,
		       size_t size)
{
	FILE *file = fopen(path, mode);

	if (!file)
		fail_msg("cannot write %s", path);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static size_t file_bytes(const char *path)
{
	FILE *file = fopen(path, "r");
	long size;

	if (!file)
		return 0;
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	fclose(file);
	return (size_t)size;
}

static bool is_of(const char *path, const char *identity)
{
	OTA_CLEANUP(freep) char *record = record_path(path);
	char line[256] = "";
	FILE *file = fopen(record, "r");

	if (!file)
		return false;
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	return strcmp(line, identity) == 0;
}

bool fetch_discard(const char *path, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *record = record_path(path);

	unlink(path);
	unlink(record);
	return true;
}

/* ---- downloads ---- */

struct fetcher *fetcher_new(struct loop *loop, struct ota_error *err)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	assert_non_null(fetcher);
	fetcher->loop = loop;
	return fetcher;
}

struct fetcher *fetcher_free(struct fetcher *fetcher)
{
	assert_int_equal(server.n_running, 0);
	free(fetcher);
	return NULL;
}

static void tell(struct fetch *fetch)
{
	struct fetch_progress progress = {
		.received_bytes = fetch->received_bytes,
		.total_bytes = server.size,
		.bytes_per_second = 1000,
		.attempt = 1,
	};

	fetch->observer.progress(fetch, &progress, fetch->user_data);
}

static void end(struct fetch *fetch, const struct ota_error *err)
{
	OTA_CLEANUP(freep) char *record = record_path(fetch->path);

	if (!err)
		unlink(record);
	fetch->observer.done(fetch, err, fetch->user_data);
}

static void break_off(struct fetch *fetch, enum ota_error_kind kind,
		 const char *text)
{
	struct ota_error err = OTA_ERROR_INIT;

	ota_fail(&err, kind, "%s", text);
	end(fetch, &err);
}

static void pass_on(struct fetch *fetch, size_t from, size_t bytes)
{
	struct ota_error err;

	if (bytes > 0 && !fetch->observer.bytes(fetch, server.content + from,
						bytes, fetch->user_data, &err))
		fail_msg("%s", err.text);
}

/* What an earlier fetch left is read back first. */
static void replay(struct fetch *fetch)
{
	if (fetch->replayed)
		return;
	fetch->replayed = true;
	fetch->observer.restart(fetch, fetch->user_data);
	pass_on(fetch, 0, fetch->received_bytes);
}

static void receive(struct fetch *fetch, size_t bytes)
{
	replay(fetch);
	if (bytes > server.size - fetch->received_bytes)
		bytes = server.size - fetch->received_bytes;
	write_file(fetch->path, "a", server.content + fetch->received_bytes,
		   bytes);
	pass_on(fetch, fetch->received_bytes, bytes);
	fetch->received_bytes += bytes;
	tell(fetch);
}

static void finish(struct fetch *fetch)
{
	receive(fetch, server.size);
	if (fetch->announced_bytes != OFFER_SIZE_UNKNOWN &&
	    fetch->announced_bytes != server.size)
		break_off(fetch, OTA_ERROR_SIZE_MISMATCH, "of another size");
	else
		end(fetch, NULL);
}

static void on_turn(struct loop_source *source, void *user_data)
{
	struct fetch *fetch = user_data;

	if (server.hold)
		return;
	if (server.breaks == OTA_ERROR_NONE) {
		finish(fetch);
		return;
	}
	receive(fetch, (server.size - fetch->received_bytes) / 2);
	break_off(fetch, server.breaks, "the fake server broke off");
}

static void open_file(struct fetch *fetch)
{
	OTA_CLEANUP(freep) char *record = record_path(fetch->path);

	if (is_of(fetch->path, fetch->identity))
		fetch->received_bytes = file_bytes(fetch->path);
	else
		write_file(fetch->path, "w", "", 0);
	write_file(record, "w", fetch->identity, strlen(fetch->identity));
	fetch->resumed_at = fetch->received_bytes;
}

struct fetch *fetch_new(struct fetcher *fetcher,
			const struct fetch_request *request,
			const struct fetch_observer *observer, void *user_data,
			struct ota_error *err)
{
	struct fetch *fetch;

	if (server.refuse != OTA_ERROR_NONE) {
		ota_fail(err, server.refuse, "the fake fetcher refuses");
		return NULL;
	}
	fetch = calloc(1, sizeof(*fetch));
	assert_non_null(fetch);
	fetch->fetcher = fetcher;
	fetch->observer = *observer;
	fetch->user_data = user_data;
	fetch->url = copy(request->url);
	fetch->path = copy(request->path);
	fetch->identity = copy(request->identity);
	fetch->announced_bytes = request->size_bytes;
	open_file(fetch);
	fetch->turn = loop_add_defer(fetcher->loop, on_turn, fetch, err);
	if (!fetch->turn)
		return fetch_free(fetch);
	server.started++;
	assert_true(server.n_running < MAX_FETCHES);
	server.running[server.n_running++] = fetch;
	free(server.last_url);
	free(server.last_identity);
	server.last_url = copy(request->url);
	server.last_identity = copy(request->identity);
	server.last_resumed_at = fetch->resumed_at;
	return fetch;
}

bool fetch_set_url(struct fetch *fetch, const char *url, struct ota_error *err)
{
	free(fetch->url);
	fetch->url = copy(url);
	free(server.last_url);
	server.last_url = copy(url);
	return true;
}

struct fetch *fetch_free(struct fetch *fetch)
{
	unsigned kept = 0;

	if (!fetch)
		return NULL;
	for (unsigned i = 0; i < server.n_running; i++)
		if (server.running[i] != fetch)
			server.running[kept++] = server.running[i];
	server.n_running = kept;
	loop_source_free(fetch->turn);
	free(fetch->url);
	free(fetch->path);
	free(fetch->identity);
	free(fetch);
	return NULL;
}

bool fake_fetch_receive(size_t bytes)
{
	if (server.n_running > 0)
		receive(server.running[0], bytes);
	return server.n_running > 0;
}

bool fake_fetch_start_over(void)
{
	struct fetch *fetch = server.running[0];

	if (server.n_running == 0)
		return false;
	write_file(fetch->path, "w", "", 0);
	fetch->received_bytes = 0;
	fetch->replayed = false;
	replay(fetch);
	tell(fetch);
	return true;
}

bool fake_fetch_finish(void)
{
	if (server.n_running == 0)
		return false;
	finish(server.running[0]);
	return true;
}

bool fake_fetch_fail(enum ota_error_kind kind, const char *text)
{
	if (server.n_running == 0)
		return false;
	break_off(server.running[0], kind, text);
	return true;
}

/* ---- texts ---- */

struct fetch_text *fetch_text_new(struct fetcher *fetcher, const char *url,
				  size_t max_bytes,
				  const struct config_download *settings,
				  fetch_text_fn done, void *user_data,
				  struct ota_error *err)
{
	struct fetch_text *text;

	if (server.refuse != OTA_ERROR_NONE) {
		ota_fail(err, server.refuse, "the fake fetcher refuses");
		return NULL;
	}
	assert_null(server.text);
	text = calloc(1, sizeof(*text));
	assert_non_null(text);
	text->url = copy(url);
	text->done = done;
	text->user_data = user_data;
	server.text = text;
	return text;
}

struct fetch_text *fetch_text_free(struct fetch_text *text)
{
	if (!text)
		return NULL;
	if (server.text == text)
		server.text = NULL;
	free(text->url);
	free(text);
	return NULL;
}

const char *fake_fetch_text_url(void)
{
	return server.text ? server.text->url : NULL;
}

void fake_fetch_answer_text(const char *text)
{
	assert_non_null(server.text);
	server.text->done(server.text, text, strlen(text), NULL,
			  server.text->user_data);
}

void fake_fetch_fail_text(enum ota_error_kind kind, const char *why)
{
	struct ota_error err = OTA_ERROR_INIT;

	assert_non_null(server.text);
	ota_fail(&err, kind, "%s", why);
	server.text->done(server.text, NULL, 0, &err, server.text->user_data);
}
