#include "transfer.h"

#include "address.h"
#include "curl-loop.h"
#include "headers.h"
#include "pace.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "otad/base/log.h"
#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/config/config.h"

/* protocols.md, section 1.7. */
#define MAX_REDIRECTS 5

/* Real ones have some hundred bytes; curl itself sets no bound to their sum. */
#define MAX_HEADER_BYTES (64 * 1024)

/* "See there" in a little HTML; what is longer is no redirect of good will. */
#define MAX_REDIRECT_BODY_BYTES (64 * 1024)

/* How soon, at the latest, to look again when a pause hides a silence. */
#define PAUSED_WATCH_MS 1000

struct transfer {
	struct fetcher *fetcher;
	struct loop *loop;
	const struct config_download *settings;
	const struct transfer_ops *ops;
	void *user_data;
	struct curl_task task;
	struct curl_slist *headers; /* of the running request */
	struct loop_source *watch;  /* the deadlines */
	struct loop_source *resume; /* ends a pause */
	struct pace pace;
	char *url; /* where the redirects have led */
	unsigned redirects;

	/* Of the answer at hand: */
	struct response response;
	size_t header_bytes;
	size_t redirect_body_bytes;
	bool head_over;
	bool redirecting;
	bool content; /* the head was accepted */
	bool decided; /* `result` says how it ends, curl only has to hear it */
	struct transfer_result result;
	char curl_error[CURL_ERROR_SIZE];

	uint64_t last_byte_ms;
	uint64_t chunk_started_ms;
	uint64_t chunk_bytes; /* received since */
	uint64_t paused_ms;   /* since when */
	bool paused;
	bool yield;
	bool held; /* paused until transfer_go_on() */
};

static bool launch(struct transfer *transfer, struct ota_error *err);

static void end(struct transfer *transfer, const struct transfer_result *result)
{
	struct transfer_result copy = *result;

	copy.in_body = transfer->content;
	transfer_stop(transfer);
	transfer->ops->done(&copy, transfer->user_data);
}

/* Ends the answer at hand from within curl. */
static bool decide(struct transfer *transfer)
{
	transfer->decided = true;
	return false;
}

static bool stop(struct transfer *transfer)
{
	transfer->result = (struct transfer_result){ .end = TRANSFER_STOPPED };
	return decide(transfer);
}

static bool is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

static bool accept_content(struct transfer *transfer)
{
	if (!transfer->ops->head(&transfer->response, transfer->user_data))
		return stop(transfer);
	transfer->content = true;
	return true;
}

static bool end_head(struct transfer *transfer)
{
	struct response *response = &transfer->response;
	curl_off_t length = -1;
	long status = 0;

	curl_easy_getinfo(transfer->task.easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return true; /* interim: the answer is still to come */
	curl_easy_getinfo(transfer->task.easy,
			  CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	transfer->head_over = true;
	response->status = (unsigned)status;
	if (length >= 0)
		response->content_bytes = (uint64_t)length;
	if (is_redirect(response->status)) {
		transfer->redirecting = true;
		return true;
	}
	if (status == 200 || status == 206)
		return accept_content(transfer);
	if (status == 416) {
		transfer->ops->head(response, transfer->user_data);
		return stop(transfer);
	}
	outcome_of_status(response, transfer->url, &transfer->result);
	return decide(transfer);
}

static bool is_blank(const char *line, size_t size)
{
	return size == 0 || line[0] == '\n' ||
	       (size > 1 && line[0] == '\r' && line[1] == '\n');
}

static size_t on_header(char *line, size_t one, size_t size, void *user_data)
{
	struct transfer *transfer = user_data;

	/* Trailers of a chunked body count, too: curl keeps them in memory. */
	transfer->header_bytes += size;
	if (transfer->header_bytes > MAX_HEADER_BYTES) {
		outcome_final(&transfer->result, OTA_ERROR_HTTP,
			      "the server's headers are longer than %d bytes",
			      MAX_HEADER_BYTES);
		decide(transfer);
		return 0;
	}
	if (transfer->head_over)
		return size;
	transfer->last_byte_ms = loop_now_ms(transfer->loop);
	if (size >= 5 && strncasecmp(line, "HTTP/", 5) == 0)
		response_reset(&transfer->response);
	else if (!is_blank(line, size))
		response_add_line(&transfer->response, line, size,
				  loop_wall_ms(transfer->loop));
	else if (!end_head(transfer))
		return 0;
	return size;
}

static void pause_for(struct transfer *transfer, uint64_t delay_ms)
{
	loop_timer_set(transfer->resume, delay_ms);
	if (transfer->paused)
		return;
	transfer->paused = true;
	transfer->paused_ms = loop_now_ms(transfer->loop);
	curl_easy_pause(transfer->task.easy, CURLPAUSE_RECV);
}

static size_t skip_redirect_body(struct transfer *transfer, size_t size)
{
	transfer->redirect_body_bytes += size;
	if (transfer->redirect_body_bytes <= MAX_REDIRECT_BODY_BYTES)
		return size;
	outcome_final(&transfer->result, OTA_ERROR_HTTP,
		      "the server's redirect is longer than %d bytes",
		      MAX_REDIRECT_BODY_BYTES);
	decide(transfer);
	return 0;
}

static size_t on_body(char *data, size_t one, size_t size, void *user_data)
{
	struct transfer *transfer = user_data;
	uint64_t now_ms = loop_now_ms(transfer->loop);
	uint64_t wait_ms;

	if (transfer->decided)
		return 0;
	transfer->last_byte_ms = now_ms;
	if (!transfer->content)
		return skip_redirect_body(transfer, size);
	transfer->chunk_bytes += size;
	if (transfer->chunk_bytes >= transfer->settings->chunk_bytes) {
		transfer->chunk_bytes = 0;
		transfer->chunk_started_ms = now_ms;
	}
	transfer->yield = false;
	if (!transfer->ops->body(data, size, transfer->user_data)) {
		stop(transfer);
		return 0;
	}
	wait_ms = pace_wait_ms(&transfer->pace, transfer->settings->max_speed,
			       fetcher_running(transfer->fetcher), now_ms, size);
	if (transfer->held)
		pause_for(transfer, LOOP_NEVER);
	else if (wait_ms > 0 || (transfer->yield && !transfer->paused))
		pause_for(transfer, wait_ms);
	return size;
}

static void on_resume(struct loop_source *source, void *user_data)
{
	struct transfer *transfer = user_data;
	uint64_t now_ms = loop_now_ms(transfer->loop);
	CURLcode code;

	if (!transfer->paused)
		return;
	/* Our own waiting is not the server's. */
	transfer->chunk_started_ms += now_ms - transfer->paused_ms;
	transfer->last_byte_ms = now_ms;
	transfer->paused = false;
	code = curl_easy_pause(transfer->task.easy, CURLPAUSE_CONT);
	/* It delivers what it held back meanwhile, and forgets a refusal. */
	if (transfer->decided) {
		end(transfer, &transfer->result);
	} else if (code != CURLE_OK) {
		outcome_of_curl(code, transfer->curl_error, transfer->url,
				&transfer->result);
		end(transfer, &transfer->result);
	}
}

static uint64_t left_ms(uint64_t since_ms, uint64_t limit_ms, uint64_t now_ms)
{
	if (limit_ms == 0)
		return LOOP_NEVER;
	return since_ms + limit_ms > now_ms ? since_ms + limit_ms - now_ms : 0;
}

static void on_watch(struct loop_source *source, void *user_data)
{
	struct transfer *transfer = user_data;
	const struct config_download *settings = transfer->settings;
	uint64_t now_ms = loop_now_ms(transfer->loop);
	uint64_t stall_ms, chunk_ms;

	if (transfer->paused) {
		stall_ms = settings->stall_ms;
		if (stall_ms == 0 || stall_ms > PAUSED_WATCH_MS)
			stall_ms = PAUSED_WATCH_MS;
		loop_timer_set(source, stall_ms);
		return;
	}
	stall_ms = left_ms(transfer->last_byte_ms, settings->stall_ms, now_ms);
	chunk_ms = left_ms(transfer->chunk_started_ms, settings->timeout_ms,
			   now_ms);
	if (stall_ms > 0 && chunk_ms > 0) {
		loop_timer_set(source,
			       stall_ms < chunk_ms ? stall_ms : chunk_ms);
		return;
	}
	if (stall_ms == 0)
		outcome_timeout(&transfer->result, transfer->url,
				transfer->content ? "not a byte" : "no answer",
				settings->stall_ms);
	else
		outcome_timeout(&transfer->result, transfer->url,
				"no chunk finished", settings->timeout_ms);
	end(transfer, &transfer->result);
}

static void follow(struct transfer *transfer)
{
	struct transfer_result *result = &transfer->result;
	char *target = NULL;
	char shown[256];

	curl_easy_getinfo(transfer->task.easy, CURLINFO_REDIRECT_URL, &target);
	*result = (struct transfer_result){ .end = TRANSFER_FAILED };
	if (!target) {
		outcome_final(result, OTA_ERROR_HTTP,
			      "%s: redirect without a target",
			      log_url(transfer->url, shown, sizeof(shown)));
	} else if (++transfer->redirects > MAX_REDIRECTS) {
		outcome_final(result, OTA_ERROR_HTTP,
			      "%s: more than %d redirects",
			      log_url(transfer->url, shown, sizeof(shown)),
			      MAX_REDIRECTS);
	} else if (address_check_redirect(transfer->url, target,
					  transfer->settings, &result->err)) {
		target = strdup(target);
		free(transfer->url);
		transfer->url = target;
		if (!target)
			ota_fail_memory(&result->err, "following a redirect");
		else if (launch(transfer, &result->err))
			return;
	}
	end(transfer, result);
}

static void on_done(struct curl_task *task, CURLcode code, void *user_data)
{
	struct transfer *transfer = user_data;
	struct transfer_result *result = &transfer->result;

	if (!transfer->decided && code == CURLE_OK && transfer->redirecting) {
		follow(transfer);
		return;
	}
	if (!transfer->decided && code == CURLE_OK)
		*result = (struct transfer_result){ .end = TRANSFER_COMPLETE };
	else if (!transfer->decided)
		outcome_of_curl(code, transfer->curl_error,
				transfer->url, result);
	end(transfer, result);
}

static bool launch(struct transfer *transfer, struct ota_error *err)
{
	uint64_t now_ms = loop_now_ms(transfer->loop);

	response_reset(&transfer->response);
	transfer->header_bytes = 0;
	transfer->redirect_body_bytes = 0;
	transfer->head_over = false;
	transfer->redirecting = false;
	transfer->content = false;
	transfer->decided = false;
	transfer->paused = false;
	transfer->held = false;
	transfer->curl_error[0] = '\0';
	transfer->last_byte_ms = now_ms;
	transfer->chunk_started_ms = now_ms;
	transfer->chunk_bytes = 0;
	if (curl_easy_setopt(transfer->task.easy, CURLOPT_URL, transfer->url) !=
	    CURLE_OK)
		return ota_fail_memory(err, "starting a request");
	loop_timer_set(transfer->watch, 0);
	return fetcher_start(transfer->fetcher, &transfer->task, err);
}

static bool add_header(struct transfer *transfer, const char *line)
{
	struct curl_slist *list = curl_slist_append(transfer->headers, line);

	if (!list)
		return false;
	transfer->headers = list;
	return true;
}

static bool set_headers(struct transfer *transfer,
			const struct transfer_request *request)
{
	char line[sizeof("If-Range: ") + VALIDATOR_SIZE];

	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	if (!add_header(transfer, "Accept-Encoding: identity"))
		return false;
	if (!request->ranged || !request->if_range[0])
		return true;
	snprintf(line, sizeof(line), "If-Range: %s", request->if_range);
	return add_header(transfer, line);
}

static bool set_range(struct transfer *transfer,
		      const struct transfer_request *request)
{
	char range[64];

	if (!request->ranged)
		return true;
	if (request->last_byte == TRANSFER_TO_END)
		snprintf(range, sizeof(range), "%" PRIu64 "-",
			 request->first_byte);
	else
		snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64,
			 request->first_byte, request->last_byte);
	return curl_easy_setopt(transfer->task.easy, CURLOPT_RANGE, range) ==
	       CURLE_OK;
}

/* Options whose text curl copies, which needs memory. */
static bool set_texts(struct transfer *transfer)
{
	const struct config_download *settings = transfer->settings;
	const struct {
		CURLoption option;
		const char *text;
	} texts[] = {
		{ CURLOPT_USERAGENT, "otad/" OTAD_VERSION },
		{ CURLOPT_PROXY, settings->proxy },
		{ CURLOPT_CAINFO, settings->ca_file },
		{ CURLOPT_SSLCERT, settings->cert_file },
		{ CURLOPT_SSLKEY, settings->key_file },
	};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(texts); i++) {
		if (texts[i].text &&
		    curl_easy_setopt(transfer->task.easy, texts[i].option,
				     texts[i].text) != CURLE_OK)
			return false;
	}
	return true;
}

/*
 * CaFile= names whom to trust: nobody of the system's beside them. A system
 * without a list of authorities (no ca-certificates) trusts nobody, which is
 * no fault of a file.
 */
static void set_trust(struct transfer *transfer)
{
	CURL *easy = transfer->task.easy;
	char *list = NULL;

	if (transfer->settings->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		return;
	}
	curl_easy_getinfo(easy, CURLINFO_CAINFO, &list);
	if (list && !file_exists(list))
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
}

static void set_numbers(struct transfer *transfer,
			const struct transfer_request *request)
{
	CURL *easy = transfer->task.easy;
	uint64_t max_speed = transfer->settings->max_speed;

	/* Passed on byte for byte: no "/../" resolved. */
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION,
			 (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* An idle connection would stay open until the next download. */
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE,
			 request->keep_connection ? 0L : 1L);
	set_trust(transfer);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
			 pace_buffer_bytes(max_speed, request->socket_bytes));
}

static void set_callbacks(struct transfer *transfer)
{
	CURL *easy = transfer->task.easy;

	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
}

bool transfer_start(struct transfer *transfer,
		    const struct transfer_request *request,
		    struct ota_error *err)
{
	assert(!transfer->task.running);
	if (!address_check(request->url, transfer->settings, err))
		return false;
	free(transfer->url);
	transfer->url = strdup(request->url);
	curl_task_reset(&transfer->task);
	if (!transfer->url || !set_headers(transfer, request) ||
	    !set_range(transfer, request) || !set_texts(transfer))
		return ota_fail_memory(err, "starting a request");
	set_numbers(transfer, request);
	set_callbacks(transfer);
	transfer->redirects = 0;
	return launch(transfer, err);
}

void transfer_stop(struct transfer *transfer)
{
	fetcher_stop(transfer->fetcher, &transfer->task);
	loop_timer_set(transfer->watch, LOOP_NEVER);
	loop_timer_set(transfer->resume, LOOP_NEVER);
	transfer->paused = false;
}

bool transfer_is_running(const struct transfer *transfer)
{
	return transfer->task.running;
}

void transfer_yield(struct transfer *transfer)
{
	transfer->yield = true;
}

void transfer_hold(struct transfer *transfer)
{
	transfer->held = true;
}

void transfer_go_on(struct transfer *transfer)
{
	if (!transfer->held)
		return;
	transfer->held = false;
	loop_timer_set(transfer->resume, 0);
}

struct transfer *transfer_new(struct fetcher *fetcher,
			      const struct config_download *settings,
			      const struct transfer_ops *ops, void *user_data,
			      struct ota_error *err)
{
	OTA_CLEANUP(transfer_freep) struct transfer *transfer =
		calloc(1, sizeof(*transfer));

	if (!transfer) {
		ota_fail_memory(err, "preparing a request");
		return NULL;
	}
	transfer->fetcher = fetcher;
	transfer->loop = fetcher_loop(fetcher);
	transfer->settings = settings;
	transfer->ops = ops;
	transfer->user_data = user_data;
	pace_init(&transfer->pace, loop_now_ms(transfer->loop));
	transfer->watch = loop_add_timer(transfer->loop, LOOP_NEVER, on_watch,
					 transfer, err);
	if (!transfer->watch)
		return NULL;
	transfer->resume = loop_add_timer(transfer->loop, LOOP_NEVER, on_resume,
					  transfer, err);
	if (!transfer->resume ||
	    !curl_task_init(&transfer->task, on_done, transfer, err))
		return NULL;
	return OTA_TAKE(transfer);
}

struct transfer *transfer_free(struct transfer *transfer)
{
	if (!transfer)
		return NULL;
	fetcher_stop(transfer->fetcher, &transfer->task);
	curl_task_done(&transfer->task);
	curl_slist_free_all(transfer->headers);
	loop_source_free(transfer->watch);
	loop_source_free(transfer->resume);
	free(transfer->url);
	free(transfer);
	return NULL;
}
