#include "curl-loop.h"

#include "limits.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "otad/base/loop.h"
#include "otad/base/sync.h"
#include "otad/fetch/fetch.h"

/* Idle connections kept: windows of a few downloads at a time use them. */
#define MAX_IDLE_CONNECTIONS 4L

const struct fetch_limits fetch_default_limits = {
	.backoff_first_ms = 1000,
	.backoff_max_ms = 60 * 1000,
	.retry_after_max_ms = 60 * 1000,
	.advance_bytes = 1024 * 1024,
	.record_first_bytes = 1024 * 1024,
	.record_max_bytes = 16 * 1024 * 1024,
	.record_ms = 1000,
	.progress_ms = 250,
	/* Larger ones cost less per byte; 2 MiB are all that otad may add. */
	.buffer_bytes = 1024 * 1024,
	.socket_bytes = 512 * 1024,
	.sharers_part = 8,
};

struct fetcher {
	struct loop *loop;
	struct fetch_limits limits;
	struct syncer *syncer;
	CURLM *multi;
	struct loop_source *timer;
	unsigned running;
	unsigned downloads;
};

struct loop *fetcher_loop(const struct fetcher *fetcher)
{
	return fetcher->loop;
}

struct syncer *fetcher_syncer(const struct fetcher *fetcher)
{
	return fetcher->syncer;
}

const struct fetch_limits *fetcher_limits(const struct fetcher *fetcher)
{
	return &fetcher->limits;
}

unsigned fetcher_running(const struct fetcher *fetcher)
{
	return fetcher->running;
}

bool fetcher_join(struct fetcher *fetcher)
{
	return fetcher->downloads++ == 0;
}

void fetcher_leave(struct fetcher *fetcher)
{
	assert(fetcher->downloads > 0);
	fetcher->downloads--;
}

static void drain(struct fetcher *fetcher)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(fetcher->multi, &left))) {
		CURLcode code = message->data.result;
		CURL *easy = message->easy_handle;
		struct curl_task *task = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &task);
		fetcher_stop(fetcher, task);
		task->done(task, code, task->user_data);
	}
}

static void act(struct fetcher *fetcher, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(fetcher->multi, fd, what, &running);
	drain(fetcher);
}

static void on_timer(struct loop_source *source, void *user_data)
{
	act(user_data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_io(struct loop_source *source, int fd, uint32_t events,
		  void *user_data)
{
	int what = 0;

	if (events & EPOLLIN)
		what |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		what |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		what |= CURL_CSELECT_ERR;
	act(user_data, fd, what);
}

static int set_timer(CURLM *multi, long timeout_ms, void *user_data)
{
	struct fetcher *fetcher = user_data;

	loop_timer_set(fetcher->timer,
		       timeout_ms < 0 ? LOOP_NEVER : (uint64_t)timeout_ms);
	return 0;
}

/*
 * Never says -1, which would end every transfer for ever: one that cannot be
 * watched because memory is out stalls, and its stall timer ends it.
 */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *user_data,
		      void *socket_data)
{
	struct fetcher *fetcher = user_data;
	struct loop_source *source = socket_data;
	uint32_t events = 0;

	if (what == CURL_POLL_REMOVE) {
		loop_source_free(source);
		curl_multi_assign(fetcher->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	if (source && loop_source_set_events(source, events, NULL))
		return 0;
	loop_source_free(source);
	source = loop_add_io(fetcher->loop, fd, events, on_io, fetcher, NULL);
	curl_multi_assign(fetcher->multi, fd, source);
	return 0;
}

struct fetcher *fetcher_new_with_limits(struct loop *loop,
					const struct fetch_limits *limits,
					struct ota_error *err)
{
	struct fetcher *fetcher;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		ota_fail(err, OTA_ERROR_INTERNAL, "cannot start libcurl");
		return NULL;
	}
	fetcher = calloc(1, sizeof(*fetcher));
	if (!fetcher) {
		curl_global_cleanup();
		ota_fail_memory(err, "starting downloads");
		return NULL;
	}
	fetcher->loop = loop;
	fetcher->limits = *limits;
	fetcher->syncer = syncer_new(loop, err);
	if (!fetcher->syncer)
		return fetcher_free(fetcher);
	fetcher->multi = curl_multi_init();
	if (!fetcher->multi) {
		ota_fail_memory(err, "starting downloads");
		return fetcher_free(fetcher);
	}
	fetcher->timer = loop_add_timer(loop, LOOP_NEVER, on_timer, fetcher, err);
	if (!fetcher->timer)
		return fetcher_free(fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS,
			  MAX_IDLE_CONNECTIONS);
	return fetcher;
}

struct fetcher *fetcher_new(struct loop *loop, struct ota_error *err)
{
	return fetcher_new_with_limits(loop, &fetch_default_limits, err);
}

struct fetcher *fetcher_free(struct fetcher *fetcher)
{
	if (!fetcher)
		return NULL;
	assert(fetcher->running == 0);
	if (fetcher->multi)
		curl_multi_cleanup(fetcher->multi);
	loop_source_free(fetcher->timer);
	syncer_free(fetcher->syncer);
	free(fetcher);
	curl_global_cleanup();
	return NULL;
}

static void set_common(struct curl_task *task)
{
	CURL *easy = task->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, task);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Without it, giving up during a lookup joins the resolver's thread. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	/* "": what the environment says of proxies is not for us. */
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_1_1);
}

bool curl_task_init(struct curl_task *task, curl_task_fn done, void *user_data,
		    struct ota_error *err)
{
	*task = (struct curl_task){
		.easy = curl_easy_init(),
		.done = done,
		.user_data = user_data,
	};
	if (!task->easy)
		return ota_fail_memory(err, "preparing a request");
	set_common(task);
	return true;
}

void curl_task_done(struct curl_task *task)
{
	assert(!task->running);
	if (task->easy)
		curl_easy_cleanup(task->easy);
	task->easy = NULL;
}

void curl_task_reset(struct curl_task *task)
{
	assert(!task->running);
	curl_easy_reset(task->easy);
	set_common(task);
}

bool fetcher_start(struct fetcher *fetcher, struct curl_task *task,
		   struct ota_error *err)
{
	CURLMcode code = curl_multi_add_handle(fetcher->multi, task->easy);

	if (code != CURLM_OK)
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"cannot start a request: %s",
				curl_multi_strerror(code));
	task->running = true;
	fetcher->running++;
	return true;
}

void fetcher_stop(struct fetcher *fetcher, struct curl_task *task)
{
	if (!task->running)
		return;
	curl_multi_remove_handle(fetcher->multi, task->easy);
	task->running = false;
	fetcher->running--;
}
