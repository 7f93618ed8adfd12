#include "fake/loop.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"

/* More in one step is a callback that arms itself for ever. */
#define MAX_CALLS 1000000

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
	bool is_armed;
	bool is_abandoned;
	uint64_t due_ms; /* of a timer */
	uint64_t order;	 /* in which it was armed */
	long number;	 /* descriptor, signal or process */
	uint32_t events;
	union {
		loop_io_fn on_io;
		loop_fn on_time; /* timers and defers */
		loop_signal_fn on_signal;
		loop_child_fn on_exit;
	};
	void *user_data;
	TAILQ_ENTRY(loop_source) link;
};

struct loop {
	uint64_t now_ms;
	int64_t wall_offset_ms;
	uint64_t armed_count;
	unsigned calls; /* in this step */
	unsigned adds_left;
	bool has_exited;
	int exit_code;
	bool is_watched;
	loop_healthy_fn healthy;
	void *healthy_data;
	TAILQ_HEAD(, loop_source) sources;
};

struct loop *loop_new(struct ota_error *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop) {
		ota_fail_memory(err, "event loop");
		return NULL;
	}
	TAILQ_INIT(&loop->sources);
	loop->adds_left = UINT32_MAX;
	loop->now_ms = FAKE_LOOP_START_MS;
	fake_loop_set_wall(loop, FAKE_LOOP_START_WALL_MS);
	return loop;
}

struct loop *loop_free(struct loop *loop)
{
	struct loop_source *source, *next;
	unsigned left;

	if (!loop)
		return NULL;
	left = fake_loop_source_count(loop);
	for (source = TAILQ_FIRST(&loop->sources); source; source = next) {
		next = TAILQ_NEXT(source, link);
		free(source);
	}
	free(loop);
	if (left)
		fail_msg("%u sources outlive their loop", left);
	return NULL;
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

int64_t loop_wall_ms(const struct loop *loop)
{
	return (int64_t)loop->now_ms + loop->wall_offset_ms;
}

void fake_loop_set_wall(struct loop *loop, int64_t wall_ms)
{
	loop->wall_offset_ms = wall_ms - (int64_t)loop->now_ms;
}

uint64_t loop_longest_stall_us(const struct loop *loop)
{
	return 0;
}

static struct loop_source *add_source(struct loop *loop, enum source_kind kind,
				      long number, void *user_data,
				      struct ota_error *err)
{
	struct loop_source *source;

	if (loop->adds_left == 0) {
		ota_fail_memory(err, "event source");
		return NULL;
	}
	if (loop->adds_left != UINT32_MAX)
		loop->adds_left--;
	source = calloc(1, sizeof(*source));
	if (!source) {
		ota_fail_memory(err, "event source");
		return NULL;
	}
	source->loop = loop;
	source->kind = kind;
	source->number = number;
	source->user_data = user_data;
	source->is_armed = true;
	TAILQ_INSERT_TAIL(&loop->sources, source, link);
	return source;
}

void fake_loop_fail_after(struct loop *loop, unsigned count)
{
	loop->adds_left = count;
}

struct loop_source *loop_source_free(struct loop_source *source)
{
	if (!source)
		return NULL;
	TAILQ_REMOVE(&source->loop->sources, source, link);
	free(source);
	return NULL;
}

static struct loop_source *find(const struct loop *loop, enum source_kind kind,
				long number)
{
	struct loop_source *source;

	TAILQ_FOREACH(source, &loop->sources, link)
		if (source->kind == kind && source->number == number &&
		    source->is_armed)
			return source;
	return NULL;
}

uint64_t fake_loop_left_ms(const struct loop_source *timer)
{
	assert(timer->kind == SOURCE_TIMER);
	return timer->is_armed ? timer->due_ms - timer->loop->now_ms :
				 LOOP_NEVER;
}

unsigned fake_loop_source_count(const struct loop *loop)
{
	const struct loop_source *source;
	unsigned count = 0;

	TAILQ_FOREACH(source, &loop->sources, link)
		count += !source->is_abandoned;
	return count;
}

/* Descriptors, signals and children. */

struct loop_source *loop_add_io(struct loop *loop, int fd, uint32_t events,
				loop_io_fn on_io, void *user_data,
				struct ota_error *err)
{
	struct loop_source *source =
		add_source(loop, SOURCE_IO, fd, user_data, err);

	if (source) {
		source->on_io = on_io;
		source->events = events;
	}
	return source;
}

bool loop_source_set_events(struct loop_source *source, uint32_t events,
			    struct ota_error *err)
{
	assert(source->kind == SOURCE_IO);
	source->events = events;
	return true;
}

uint32_t fake_loop_io_events(const struct loop *loop, int fd)
{
	const struct loop_source *source = find(loop, SOURCE_IO, fd);

	return source ? source->events : 0;
}

bool fake_loop_io(struct loop *loop, int fd, uint32_t events)
{
	struct loop_source *source = find(loop, SOURCE_IO, fd);

	if (!source || source->events == 0)
		return false;
	events &= source->events | EPOLLHUP | EPOLLERR;
	if (events == 0)
		return false;
	source->on_io(source, fd, events, source->user_data);
	fake_loop_settle(loop);
	return true;
}

struct loop_source *loop_add_signal(struct loop *loop, int signal_number,
				    loop_signal_fn on_signal, void *user_data,
				    struct ota_error *err)
{
	struct loop_source *source =
		add_source(loop, SOURCE_SIGNAL, signal_number, user_data, err);

	if (source)
		source->on_signal = on_signal;
	return source;
}

bool fake_loop_signal(struct loop *loop, int signal_number)
{
	struct loop_source *source = find(loop, SOURCE_SIGNAL, signal_number);

	if (!source)
		return false;
	source->on_signal(source, signal_number, source->user_data);
	fake_loop_settle(loop);
	return true;
}

struct loop_source *loop_add_child(struct loop *loop, pid_t pid,
				   loop_child_fn on_exit, void *user_data,
				   struct ota_error *err)
{
	struct loop_source *source =
		add_source(loop, SOURCE_CHILD, pid, user_data, err);

	if (source)
		source->on_exit = on_exit;
	return source;
}

void loop_child_abandon(struct loop_source *child)
{
	if (child)
		child->is_abandoned = true;
}

bool fake_loop_has_child(const struct loop *loop, pid_t pid)
{
	const struct loop_source *source = find(loop, SOURCE_CHILD, pid);

	return source && !source->is_abandoned;
}

pid_t fake_loop_last_child(const struct loop *loop)
{
	const struct loop_source *source;
	pid_t pid = 0;

	TAILQ_FOREACH(source, &loop->sources, link)
		if (source->kind == SOURCE_CHILD && source->is_armed &&
		    !source->is_abandoned)
			pid = (pid_t)source->number;
	return pid;
}

bool fake_loop_child_exit(struct loop *loop, pid_t pid, int code, int status)
{
	struct loop_source *source = find(loop, SOURCE_CHILD, pid);

	if (!source)
		return false;
	source->is_armed = false;
	if (source->is_abandoned)
		loop_source_free(source);
	else
		source->on_exit(source, pid, code, status, source->user_data);
	fake_loop_settle(loop);
	return true;
}

/* Time. */

struct loop_source *loop_add_timer(struct loop *loop, uint64_t delay_ms,
				   loop_fn on_time, void *user_data,
				   struct ota_error *err)
{
	struct loop_source *source =
		add_source(loop, SOURCE_TIMER, 0, user_data, err);

	if (source) {
		source->on_time = on_time;
		loop_timer_set(source, delay_ms);
	}
	return source;
}

void loop_timer_set(struct loop_source *timer, uint64_t delay_ms)
{
	struct loop *loop = timer->loop;

	assert(timer->kind == SOURCE_TIMER);
	timer->is_armed = delay_ms < LOOP_NEVER - loop->now_ms;
	timer->due_ms = loop->now_ms + delay_ms;
	timer->order = loop->armed_count++;
}

struct loop_source *loop_add_defer(struct loop *loop, loop_fn on_idle,
				   void *user_data, struct ota_error *err)
{
	struct loop_source *source =
		add_source(loop, SOURCE_DEFER, 0, user_data, err);

	if (source) {
		source->on_time = on_idle;
		source->order = loop->armed_count++;
	}
	return source;
}

void loop_defer_again(struct loop_source *defer)
{
	assert(defer->kind == SOURCE_DEFER);
	if (defer->is_armed)
		return;
	defer->is_armed = true;
	defer->order = defer->loop->armed_count++;
}

/* The defer armed first, else the timer due first; NULL: none up to then. */
static struct loop_source *next_due(const struct loop *loop, uint64_t until_ms)
{
	struct loop_source *source, *first = NULL;

	TAILQ_FOREACH(source, &loop->sources, link) {
		if (!source->is_armed || (source->kind != SOURCE_DEFER &&
					  source->kind != SOURCE_TIMER))
			continue;
		if (source->kind == SOURCE_TIMER && source->due_ms > until_ms)
			continue;
		if (!first) {
			first = source;
		} else if (source->kind != first->kind) {
			if (source->kind == SOURCE_DEFER)
				first = source;
		} else if (source->due_ms < first->due_ms ||
			   (source->due_ms == first->due_ms &&
			    source->order < first->order)) {
			first = source;
		}
	}
	return first;
}

static void run(struct loop_source *source)
{
	struct loop *loop = source->loop;

	if (++loop->calls > MAX_CALLS)
		fail_msg("a callback arms itself for ever");
	if (source->kind == SOURCE_TIMER && source->due_ms > loop->now_ms)
		loop->now_ms = source->due_ms;
	source->is_armed = false;
	source->on_time(source, source->user_data);
}

void fake_loop_advance(struct loop *loop, uint64_t ms)
{
	uint64_t until_ms = loop->now_ms + ms;
	struct loop_source *source;

	loop->calls = 0;
	while ((source = next_due(loop, until_ms)))
		run(source);
	if (loop->now_ms < until_ms)
		loop->now_ms = until_ms;
}

void fake_loop_settle(struct loop *loop)
{
	fake_loop_advance(loop, 0);
}

uint64_t fake_loop_next_ms(const struct loop *loop)
{
	const struct loop_source *source;
	uint64_t next_ms = LOOP_NEVER;

	TAILQ_FOREACH(source, &loop->sources, link)
		if (source->kind == SOURCE_TIMER && source->is_armed &&
		    source->due_ms < next_ms)
			next_ms = source->due_ms;
	if (next_ms == LOOP_NEVER)
		return LOOP_NEVER;
	return next_ms > loop->now_ms ? next_ms - loop->now_ms : 0;
}

/* Jumps from one timer to the next; without any it could only hang. */
int loop_run(struct loop *loop, struct ota_error *err)
{
	struct loop_source *source;

	loop->calls = 0;
	while (!loop->has_exited) {
		source = next_due(loop, LOOP_NEVER);
		if (!source) {
			ota_fail(err, OTA_ERROR_INTERNAL,
				 "nothing left to wait for");
			return 1;
		}
		run(source);
	}
	loop->has_exited = false;
	return loop->exit_code;
}

bool loop_run_once(struct loop *loop, unsigned timeout_ms,
		   struct ota_error *err)
{
	struct loop_source *source =
		next_due(loop, loop->now_ms + timeout_ms);

	loop->calls = 0;
	if (source)
		run(source);
	else
		loop->now_ms += timeout_ms;
	return true;
}

void loop_exit(struct loop *loop, int code)
{
	loop->has_exited = true;
	loop->exit_code = code;
}

bool fake_loop_has_exited(const struct loop *loop, int *ret_code)
{
	if (loop->has_exited)
		*ret_code = loop->exit_code;
	return loop->has_exited;
}

bool loop_watch(struct loop *loop, loop_healthy_fn healthy, void *user_data,
		struct ota_error *err)
{
	loop->is_watched = true;
	loop->healthy = healthy;
	loop->healthy_data = user_data;
	return true;
}

bool fake_loop_is_healthy(const struct loop *loop)
{
	if (!loop->is_watched)
		return false;
	return !loop->healthy || loop->healthy(loop->healthy_data);
}
