#pragma once

/*
 * A loop whose clock is the test's: otad/base/loop.h without epoll(7). Nothing
 * happens but what the test asks for, at the time it says. Link it by naming
 * tests/fake/loop.c in the `unit_tests` of tests/unit/meson.build.
 *
 * Time begins at FAKE_LOOP_START_MS and FAKE_LOOP_START_WALL_MS; wall time goes
 * on with it. Deferred callbacks run after each step, in the order in which
 * they were armed. loop_free() fails the test if a source was left behind.
 */

#include "otad/base/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FAKE_LOOP_START_MS 1000000
#define FAKE_LOOP_START_WALL_MS 1795248000000 /* 2026-11-21T08:00:00Z */

/* Runs what falls due in the next `ms`, in the order of time, each at its own
 * time, and leaves the clock `ms` later. */
void fake_loop_advance(struct loop *loop, uint64_t ms);
/* Runs what is due now: deferred callbacks and timers of no delay. */
void fake_loop_settle(struct loop *loop);
/* Milliseconds until the next timer; LOOP_NEVER: none is armed. */
uint64_t fake_loop_next_ms(const struct loop *loop);
/* Milliseconds until `timer` is due; LOOP_NEVER: it is not armed. */
uint64_t fake_loop_left_ms(const struct loop_source *timer);
/* The wall clock jumps; timers do not notice. */
void fake_loop_set_wall(struct loop *loop, int64_t wall_ms);

/*
 * Trigger what the kernel would, at once. False when no source waits for it.
 * fake_loop_io() hands over those of `events` that are asked for, EPOLLHUP and
 * EPOLLERR always.
 */
bool fake_loop_io(struct loop *loop, int fd, uint32_t events);
bool fake_loop_signal(struct loop *loop, int signal_number);
bool fake_loop_child_exit(struct loop *loop, pid_t pid, int code, int status);

/* What the source of `fd` asks for; 0: nothing, or no such source. */
uint32_t fake_loop_io_events(const struct loop *loop, int fd);
bool fake_loop_has_child(const struct loop *loop, pid_t pid);
/* The child added last that has not ended; 0: none. */
pid_t fake_loop_last_child(const struct loop *loop);
/* Sources that exist, armed or not; without abandoned children. */
unsigned fake_loop_source_count(const struct loop *loop);
/* Asks the function of loop_watch(); false without one. */
bool fake_loop_is_healthy(const struct loop *loop);
/* True after loop_exit(). */
bool fake_loop_has_exited(const struct loop *loop, int *ret_code);

/* The next `count` loop_add_...() succeed, all after them fail. */
void fake_loop_fail_after(struct loop *loop, unsigned count);
