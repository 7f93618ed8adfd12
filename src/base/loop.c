#include "otad/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <time.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "otad/base/cleanup.h"

#define USEC_PER_MSEC 1000
#define USEC_PER_SEC 1000000

/* What a timer may be late, so that an idle daemon wakes up seldom. */
#define SLACK_DIVISOR 10
#define MAX_SLACK_USEC (250 * USEC_PER_MSEC)

/* Beyond it (290 thousand years) a delay means never, without overflow. */
#define MAX_DELAY_MS (UINT64_MAX / 2 / USEC_PER_MSEC)

/* What took so long is a turn of its own; a defer comes in the next. */
#define LONG_TURN_US 2000

enum source_kind {
	SOURCE_IO,
	SOURCE_TIMER,
	SOURCE_DEFER,
	SOURCE_SIGNAL,
	SOURCE_CHILD,
};

struct loop_source {
	struct loop *loop;
	enum source_kind kind;
	sd_event_source *event; /* NULL for SOURCE_DEFER */
	union {
		loop_io_fn on_io;
		loop_fn on_time;
		loop_fn on_idle;
		loop_signal_fn on_signal;
		loop_child_fn on_exit;
	};
	void *user_data;
	/* In the list of armed defers, or of abandoned children. */
	bool is_listed;
	TAILQ_ENTRY(loop_source) link;
};

TAILQ_HEAD(source_list, loop_source);

struct loop {
	sd_event *event;
	/*
	 * Kept here and not as sd_event_add_defer(3): a source of that kind which
	 * arms itself again goes ahead of every descriptor, for ever.
	 */
	struct source_list defers;
	struct source_list abandoned;
	bool is_exiting;
	int exit_code;
	uint64_t turn_began_us;
	uint64_t longest_stall_us;
	bool is_idle;  /* nothing was done in this turn yet */
	bool was_long; /* what was dispatched last */
	bool gave_way; /* a defer did, to what came after that */
	struct loop_source *watchdog;
	uint64_t watchdog_period_ms;
	loop_healthy_fn healthy;
	void *healthy_data;
};

static uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC +
	       (uint64_t)now.tv_nsec / 1000;
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return clock_us(CLOCK_BOOTTIME) / USEC_PER_MSEC;
}

int64_t loop_wall_ms(const struct loop *loop)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t loop_longest_stall_us(const struct loop *loop)
{
	return loop->longest_stall_us;
}

static bool block_signal(int signal_number, struct ota_error *err)
{
	sigset_t set;

	sigemptyset(&set);
	if (sigaddset(&set, signal_number) < 0 ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return ota_fail_errno(err, errno, "block signal %d",
				      signal_number);
	return true;
}

struct loop *loop_new(struct ota_error *err)
{
	OTA_CLEANUP(loop_freep) struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop) {
		ota_fail_memory(err, "event loop");
		return NULL;
	}
	TAILQ_INIT(&loop->defers);
	TAILQ_INIT(&loop->abandoned);
	/* sd_event_add_child(3) wants it so. */
	if (!block_signal(SIGCHLD, err))
		return NULL;
	/* Whoever ignores it has no children to wait for, and hands that on. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	/* A limit on the size of files shall be an error, not the end. */
	signal(SIGXFSZ, SIG_IGN);
	r = sd_event_new(&loop->event);
	if (r < 0) {
		ota_fail_errno(err, -r, "event loop");
		return NULL;
	}
	return OTA_TAKE(loop);
}

struct loop *loop_free(struct loop *loop)
{
	struct loop_source *child;

	if (!loop)
		return NULL;
	loop_source_free(loop->watchdog);
	while ((child = TAILQ_FIRST(&loop->abandoned)))
		loop_source_free(child);
	sd_event_unref(loop->event);
	free(loop);
	return NULL;
}

/* Not CLOCK_BOOTTIME: a suspended machine is no stall. */
static void begin_turn(struct loop *loop)
{
	loop->turn_began_us = clock_us(CLOCK_MONOTONIC);
	loop->is_idle = true;
}

static uint64_t turn_us(const struct loop *loop)
{
	return clock_us(CLOCK_MONOTONIC) - loop->turn_began_us;
}

static void end_turn(struct loop *loop)
{
	uint64_t took_us = loop->is_idle ? 0 : turn_us(loop);

	if (took_us > loop->longest_stall_us)
		loop->longest_stall_us = took_us;
}

/*
 * One at a time, in turns with the other sources: work cut into slices must
 * not keep descriptors and timers waiting for more than one slice. True: there
 * was one, or is.
 */
static bool run_defer(struct loop *loop)
{
	struct loop_source *defer = TAILQ_FIRST(&loop->defers);

	if (!defer)
		return false;
	/* In a turn without that, then; but not behind a row of such turns. */
	if (loop->was_long && !loop->gave_way) {
		loop->gave_way = true;
		return true;
	}
	loop->was_long = loop->gave_way = false;
	TAILQ_REMOVE(&loop->defers, defer, link);
	defer->is_listed = false;
	loop->is_idle = false;
	defer->on_idle(defer, defer->user_data);
	return true;
}

static bool run_round(struct loop *loop, uint64_t timeout_us,
		      struct ota_error *err)
{
	int r;

	if (run_defer(loop))
		timeout_us = 0;
	if (loop->is_exiting)
		return true;
	r = sd_event_prepare(loop->event);
	if (r == 0) {
		end_turn(loop);
		r = sd_event_wait(loop->event, timeout_us);
		begin_turn(loop);
	}
	if (r > 0) {
		loop->is_idle = false;
		r = sd_event_dispatch(loop->event);
		loop->was_long = turn_us(loop) > LONG_TURN_US;
	}
	if (r < 0)
		return ota_fail_errno(err, -r, "event loop");
	return true;
}

int loop_run(struct loop *loop, struct ota_error *err)
{
	begin_turn(loop);
	while (!loop->is_exiting)
		if (!run_round(loop, UINT64_MAX, err))
			return 1;
	end_turn(loop);
	loop->is_exiting = false;
	return loop->exit_code;
}

bool loop_run_once(struct loop *loop, unsigned timeout_ms,
		   struct ota_error *err)
{
	bool ok;

	begin_turn(loop);
	ok = run_round(loop, (uint64_t)timeout_ms * USEC_PER_MSEC, err);
	end_turn(loop);
	return ok;
}

void loop_exit(struct loop *loop, int code)
{
	loop->is_exiting = true;
	loop->exit_code = code;
}

static struct loop_source *source_new(struct loop *loop, enum source_kind kind,
				      void *user_data, struct ota_error *err)
{
	struct loop_source *source = calloc(1, sizeof(*source));

	if (!source) {
		ota_fail_memory(err, "event source");
		return NULL;
	}
	source->loop = loop;
	source->kind = kind;
	source->user_data = user_data;
	return source;
}

struct loop_source *loop_source_free(struct loop_source *source)
{
	if (!source)
		return NULL;
	if (source->is_listed)
		TAILQ_REMOVE(source->kind == SOURCE_DEFER ?
				     &source->loop->defers :
				     &source->loop->abandoned,
			     source, link);
	/*
	 * sd-event keeps its part of a source that is being dispatched until the
	 * callback returns, and the callbacks below do not touch ours after it.
	 */
	sd_event_source_disable_unref(source->event);
	free(source);
	return NULL;
}

static int on_io(sd_event_source *event, int fd, uint32_t events,
		 void *user_data)
{
	struct loop_source *source = user_data;

	source->on_io(source, fd, events, source->user_data);
	return 0;
}

struct loop_source *loop_add_io(struct loop *loop, int fd, uint32_t events,
				loop_io_fn callback, void *user_data,
				struct ota_error *err)
{
	OTA_CLEANUP(loop_source_freep) struct loop_source *source =
		source_new(loop, SOURCE_IO, user_data, err);
	int r;

	if (!source)
		return NULL;
	source->on_io = callback;
	r = sd_event_add_io(loop->event, &source->event, fd, events, on_io,
			    source);
	if (r < 0) {
		ota_fail_errno(err, -r, "watch a descriptor");
		return NULL;
	}
	if (events == 0 && !loop_source_set_events(source, 0, err))
		return NULL;
	return OTA_TAKE(source);
}

bool loop_source_set_events(struct loop_source *source, uint32_t events,
			    struct ota_error *err)
{
	int r;

	assert(source->kind == SOURCE_IO);
	if (events == 0) {
		/* epoll(7) reports a hang-up unasked, which would spin. */
		r = sd_event_source_set_enabled(source->event, SD_EVENT_OFF);
	} else {
		r = sd_event_source_set_io_events(source->event, events);
		if (r >= 0)
			r = sd_event_source_set_enabled(source->event,
							SD_EVENT_ON);
	}
	if (r < 0)
		return ota_fail_errno(err, -r, "watch a descriptor");
	return true;
}

static int on_time(sd_event_source *event, uint64_t usec, void *user_data)
{
	struct loop_source *source = user_data;

	source->on_time(source, source->user_data);
	return 0;
}

struct loop_source *loop_add_timer(struct loop *loop, uint64_t delay_ms,
				   loop_fn callback, void *user_data,
				   struct ota_error *err)
{
	OTA_CLEANUP(loop_source_freep) struct loop_source *source =
		source_new(loop, SOURCE_TIMER, user_data, err);
	int r;

	if (!source)
		return NULL;
	source->on_time = callback;
	r = sd_event_add_time(loop->event, &source->event, CLOCK_BOOTTIME,
			      UINT64_MAX, 0, on_time, source);
	if (r < 0) {
		ota_fail_errno(err, -r, "set a timer");
		return NULL;
	}
	loop_timer_set(source, delay_ms);
	return OTA_TAKE(source);
}

void loop_timer_set(struct loop_source *timer, uint64_t delay_ms)
{
	uint64_t delay_us, slack_us;
	int r;

	assert(timer->kind == SOURCE_TIMER);
	if (delay_ms > MAX_DELAY_MS) {
		r = sd_event_source_set_enabled(timer->event, SD_EVENT_OFF);
	} else {
		delay_us = delay_ms * USEC_PER_MSEC;
		slack_us = delay_us / SLACK_DIVISOR;
		if (slack_us > MAX_SLACK_USEC)
			slack_us = MAX_SLACK_USEC;
		/* 0 would mean the default of sd-event. */
		r = sd_event_source_set_time_accuracy(timer->event,
						      slack_us ? slack_us : 1);
		if (r >= 0)
			r = sd_event_source_set_time(
				timer->event,
				clock_us(CLOCK_BOOTTIME) + delay_us);
		if (r >= 0)
			r = sd_event_source_set_enabled(timer->event,
							SD_EVENT_ONESHOT);
	}
	/* Only a finished or a foreign process' loop refuses. */
	assert(r >= 0);
	(void)r;
}

struct loop_source *loop_add_defer(struct loop *loop, loop_fn on_idle,
				   void *user_data, struct ota_error *err)
{
	struct loop_source *source =
		source_new(loop, SOURCE_DEFER, user_data, err);

	if (!source)
		return NULL;
	source->on_idle = on_idle;
	loop_defer_again(source);
	return source;
}

void loop_defer_again(struct loop_source *defer)
{
	assert(defer->kind == SOURCE_DEFER);
	if (defer->is_listed)
		return;
	TAILQ_INSERT_TAIL(&defer->loop->defers, defer, link);
	defer->is_listed = true;
}

static int on_signal(sd_event_source *event,
		     const struct signalfd_siginfo *info, void *user_data)
{
	struct loop_source *source = user_data;

	source->on_signal(source, (int)info->ssi_signo, source->user_data);
	return 0;
}

struct loop_source *loop_add_signal(struct loop *loop, int signal_number,
				    loop_signal_fn callback, void *user_data,
				    struct ota_error *err)
{
	OTA_CLEANUP(loop_source_freep) struct loop_source *source =
		source_new(loop, SOURCE_SIGNAL, user_data, err);
	int r;

	if (!source || !block_signal(signal_number, err))
		return NULL;
	source->on_signal = callback;
	r = sd_event_add_signal(loop->event, &source->event, signal_number,
				on_signal, source);
	if (r < 0) {
		ota_fail_errno(err, -r, "watch signal %d", signal_number);
		return NULL;
	}
	return OTA_TAKE(source);
}

static int on_child(sd_event_source *event, const siginfo_t *info,
		    void *user_data)
{
	struct loop_source *source = user_data;

	if (source->on_exit)
		source->on_exit(source, info->si_pid, info->si_code,
				info->si_status, source->user_data);
	else
		loop_source_free(source);
	return 0;
}

struct loop_source *loop_add_child(struct loop *loop, pid_t pid,
				   loop_child_fn on_exit, void *user_data,
				   struct ota_error *err)
{
	OTA_CLEANUP(loop_source_freep) struct loop_source *source =
		source_new(loop, SOURCE_CHILD, user_data, err);
	int r;

	if (!source)
		return NULL;
	source->on_exit = on_exit;
	r = sd_event_add_child(loop->event, &source->event, pid, WEXITED,
			       on_child, source);
	if (r < 0) {
		ota_fail_errno(err, -r, "watch process %d", (int)pid);
		return NULL;
	}
	return OTA_TAKE(source);
}

void loop_child_abandon(struct loop_source *child)
{
	int enabled;

	if (!child)
		return;
	assert(child->kind == SOURCE_CHILD);
	/* It has ended already: there will be no other call to free it. */
	if (sd_event_source_get_enabled(child->event, &enabled) >= 0 &&
	    enabled == SD_EVENT_OFF) {
		loop_source_free(child);
		return;
	}
	child->on_exit = NULL;
	TAILQ_INSERT_TAIL(&child->loop->abandoned, child, link);
	child->is_listed = true;
}

static void on_watchdog(struct loop_source *timer, void *user_data)
{
	struct loop *loop = user_data;

	loop_timer_set(timer, loop->watchdog_period_ms);
	/* $NOTIFY_SOCKET stays: the program that execv(2) brings needs it. */
	if (!loop->healthy || loop->healthy(loop->healthy_data))
		sd_notify(0, "WATCHDOG=1");
}

bool loop_watch(struct loop *loop, loop_healthy_fn healthy, void *user_data,
		struct ota_error *err)
{
	uint64_t limit_us;
	int r = sd_watchdog_enabled(0, &limit_us);

	if (r < 0)
		return ota_fail_errno(err, -r, "read $WATCHDOG_USEC");
	if (r == 0)
		return true;
	loop->healthy = healthy;
	loop->healthy_data = user_data;
	/* sd_watchdog_enabled(3) recommends half of it. */
	loop->watchdog_period_ms = limit_us / 2 / USEC_PER_MSEC;
	if (loop->watchdog_period_ms == 0)
		loop->watchdog_period_ms = 1;
	loop->watchdog = loop_source_free(loop->watchdog);
	loop->watchdog = loop_add_timer(loop, 0, on_watchdog, loop, err);
	return loop->watchdog != NULL;
}
