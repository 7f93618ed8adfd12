#pragma once

/*
 * The one event loop: sd-event behind an interface that tests can fake. It is
 * also the only clock: whoever needs the time asks the loop, so that a test
 * can hand out its own.
 *
 * Everything runs on one thread. Any callback may free any source, its own
 * included; a callback never runs after its source was freed. Sources must be
 * freed before the loop.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct loop_source;

/* `events` are EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR of epoll_ctl(2). */
typedef void (*loop_io_fn)(struct loop_source *source, int fd, uint32_t events,
			   void *user_data);
typedef void (*loop_fn)(struct loop_source *source, void *user_data);
typedef void (*loop_signal_fn)(struct loop_source *source, int signal_number,
			       void *user_data);
/* `code` and `status` as in siginfo_t of waitid(2): CLD_EXITED, ... */
typedef void (*loop_child_fn)(struct loop_source *source, pid_t pid, int code,
			      int status, void *user_data);

/* Returns owned, or NULL with `err` set. Blocks SIGCHLD, which it must not be told to
 * ignore, and ignores SIGPIPE and SIGXFSZ. */
struct loop *loop_new(struct ota_error *err) OTA_MUST_CHECK;
struct loop *loop_free(struct loop *loop);
OTA_DEFINE_CLEANUP(struct loop *, loop_free)

/*
 * Runs until loop_exit(); returns its code, or 1 with `err` set. Returns at
 * once when loop_exit() came before; may be run again after that.
 */
int loop_run(struct loop *loop, struct ota_error *err);
/* Dispatches at most one round, waiting up to `timeout_ms`. For tests. */
bool loop_run_once(struct loop *loop, unsigned timeout_ms,
		   struct ota_error *err);
void loop_exit(struct loop *loop, int code);

/* CLOCK_BOOTTIME: goes on during suspend, never jumps. */
uint64_t loop_now_ms(const struct loop *loop);
/* CLOCK_REALTIME in milliseconds since 1970: may be wrong, may jump. */
int64_t loop_wall_ms(const struct loop *loop);

/* Each returns a source the caller owns, or NULL with `err` set. */
struct loop_source *loop_add_io(struct loop *loop, int fd, uint32_t events,
				loop_io_fn on_io, void *user_data,
				struct ota_error *err) OTA_MUST_CHECK;
/* 0: nothing is watched, a hang-up neither, until events are set again. */
bool loop_source_set_events(struct loop_source *source, uint32_t events,
			    struct ota_error *err) OTA_MUST_CHECK;

/*
 * One shot, `delay_ms` from now; loop_timer_set() arms it again, as often as
 * wanted. LOOP_NEVER creates it disarmed. Coalesced within a tenth of the
 * delay, at most 250 ms, so that an idle daemon sleeps.
 */
#define LOOP_NEVER UINT64_MAX
struct loop_source *loop_add_timer(struct loop *loop, uint64_t delay_ms,
				   loop_fn on_time, void *user_data,
				   struct ota_error *err) OTA_MUST_CHECK;
void loop_timer_set(struct loop_source *timer, uint64_t delay_ms);

/* Runs once, after what is being dispatched now, before the loop sleeps. */
struct loop_source *loop_add_defer(struct loop *loop, loop_fn on_idle,
				   void *user_data, struct ota_error *err)
	OTA_MUST_CHECK;
/* Arms a defer source that has run (or not yet) to run once more. */
void loop_defer_again(struct loop_source *defer);

/* Blocks the signal; it is delivered from the loop only. */
struct loop_source *loop_add_signal(struct loop *loop, int signal_number,
				    loop_signal_fn on_signal, void *user_data,
				    struct ota_error *err) OTA_MUST_CHECK;

/*
 * Calls back once when `pid`, a child of ours, has ended, and reaps it right
 * after that: inside the callback its number still belongs to nobody else, nor
 * does that of its process group.
 */
struct loop_source *loop_add_child(struct loop *loop, pid_t pid,
				   loop_child_fn on_exit, void *user_data,
				   struct ota_error *err) OTA_MUST_CHECK;
/*
 * Takes `child`, not to be used any more: reaped when it ends, without calling
 * back, so that a child nobody waits for leaves no zombie. Accepts NULL.
 */
void loop_child_abandon(struct loop_source *child);

/*
 * Accepts NULL; always returns NULL. Does not close descriptors; free the
 * source of a descriptor before that is closed. The child of a child source
 * goes on, and is not reaped.
 */
struct loop_source *loop_source_free(struct loop_source *source);
OTA_DEFINE_CLEANUP(struct loop_source *, loop_source_free)

/*
 * Tells the service manager's watchdog (sd_watchdog_enabled(3)) that the loop
 * turns, as long as `healthy` (may be NULL) says so. No-op without a watchdog.
 */
typedef bool (*loop_healthy_fn)(void *user_data);
bool loop_watch(struct loop *loop, loop_healthy_fn healthy, void *user_data,
		struct ota_error *err) OTA_MUST_CHECK;

/* The longest turn so far, in microseconds: all that was done between two waits
 * for events. */
uint64_t loop_longest_stall_us(const struct loop *loop);
