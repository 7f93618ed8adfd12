/* The fake must be true to the loop that other tests take it for. */

#include "fake/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <cmocka.h>

#define MAX_SOURCES 4

struct fixture {
	struct loop *loop;
	struct loop_source *sources[MAX_SOURCES];
	char order[64];
	uint64_t last_ms;
	uint32_t events;
	int status;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct ota_error err;

	fx->loop = loop_new(&err);
	*state = fx;
	return fx->loop ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;
	size_t i;

	for (i = 0; i < MAX_SOURCES; i++)
		loop_source_free(fx->sources[i]);
	loop_free(fx->loop);
	free(fx);
	return 0;
}

static void note(struct fixture *fx, char letter)
{
	size_t used = strlen(fx->order);

	if (used + 1 < sizeof(fx->order))
		fx->order[used] = letter;
	fx->last_ms = loop_now_ms(fx->loop) - FAKE_LOOP_START_MS;
}

static void note_a(struct loop_source *source, void *user_data)
{
	note(user_data, 'a');
}

static void note_b(struct loop_source *source, void *user_data)
{
	note(user_data, 'b');
}

static void note_c(struct loop_source *source, void *user_data)
{
	note(user_data, 'c');
}

static void every_ten(struct loop_source *source, void *user_data)
{
	note(user_data, 't');
	loop_timer_set(source, 10);
}

static void defer_again(struct loop_source *source, void *user_data)
{
	struct fixture *fx = user_data;

	note(fx, 't');
	loop_defer_again(fx->sources[1]);
}

static void free_all(struct loop_source *source, void *user_data)
{
	struct fixture *fx = user_data;
	size_t i;

	note(fx, 'f');
	for (i = 0; i < MAX_SOURCES; i++)
		fx->sources[i] = loop_source_free(fx->sources[i]);
}

static void note_io(struct loop_source *source, int fd, uint32_t events,
		    void *user_data)
{
	struct fixture *fx = user_data;

	fx->events = events;
	note(fx, 'i');
}

static void free_all_io(struct loop_source *source, int fd, uint32_t events,
			void *user_data)
{
	free_all(source, user_data);
}

static void note_signal(struct loop_source *source, int signal_number,
			void *user_data)
{
	note(user_data, 's');
}

static void note_child(struct loop_source *source, pid_t pid, int code,
		       int status, void *user_data)
{
	struct fixture *fx = user_data;

	fx->status = status;
	note(fx, 'p');
}

static void timers_run_at_their_time_in_order(void **state)
{
	struct fixture *fx = *state;

	fx->sources[0] = loop_add_timer(fx->loop, 30, note_c, fx, NULL);
	fx->sources[1] = loop_add_timer(fx->loop, 10, note_a, fx, NULL);
	fx->sources[2] = loop_add_timer(fx->loop, 10, note_b, fx, NULL);
	assert_int_equal(fake_loop_next_ms(fx->loop), 10);
	fake_loop_advance(fx->loop, 9);
	assert_string_equal(fx->order, "");
	fake_loop_advance(fx->loop, 1);
	assert_string_equal(fx->order, "ab");
	fake_loop_advance(fx->loop, 1000);
	assert_string_equal(fx->order, "abc");
	assert_int_equal(fx->last_ms, 30);
	assert_int_equal(loop_now_ms(fx->loop), FAKE_LOOP_START_MS + 1010);
	assert_int_equal(fake_loop_next_ms(fx->loop), LOOP_NEVER);
}

static void a_timer_armed_in_its_callback_runs_in_the_same_step(void **state)
{
	struct fixture *fx = *state;

	fx->sources[0] = loop_add_timer(fx->loop, 10, every_ten, fx, NULL);
	fake_loop_advance(fx->loop, 35);
	assert_string_equal(fx->order, "ttt");
	loop_timer_set(fx->sources[0], LOOP_NEVER);
	fake_loop_advance(fx->loop, 1000);
	assert_string_equal(fx->order, "ttt");
}

static void defers_run_after_each_callback(void **state)
{
	struct fixture *fx = *state;

	fx->sources[0] = loop_add_timer(fx->loop, 10, defer_again, fx, NULL);
	fx->sources[1] = loop_add_defer(fx->loop, note_a, fx, NULL);
	fx->sources[2] = loop_add_timer(fx->loop, 10, note_b, fx, NULL);
	fake_loop_settle(fx->loop);
	assert_string_equal(fx->order, "a");
	fake_loop_advance(fx->loop, 10);
	assert_string_equal(fx->order, "atab");
}

static void freeing_in_a_callback_ends_all_freed(void **state)
{
	struct fixture *fx = *state;

	fx->sources[0] = loop_add_timer(fx->loop, 10, free_all, fx, NULL);
	fx->sources[1] = loop_add_timer(fx->loop, 10, note_a, fx, NULL);
	fx->sources[2] = loop_add_defer(fx->loop, free_all, fx, NULL);
	fake_loop_settle(fx->loop);
	assert_string_equal(fx->order, "f");
	assert_int_equal(fake_loop_source_count(fx->loop), 0);

	fx->sources[0] = loop_add_timer(fx->loop, 10, free_all, fx, NULL);
	fx->sources[1] = loop_add_timer(fx->loop, 10, note_a, fx, NULL);
	fake_loop_advance(fx->loop, 20);
	assert_string_equal(fx->order, "ff");

	fx->sources[0] = loop_add_io(fx->loop, 7, EPOLLIN, free_all_io, fx,
				     NULL);
	assert_true(fake_loop_io(fx->loop, 7, EPOLLIN));
	assert_false(fake_loop_io(fx->loop, 7, EPOLLIN));
	assert_string_equal(fx->order, "fff");
}

static void descriptors_are_triggered_by_hand(void **state)
{
	struct fixture *fx = *state;

	assert_false(fake_loop_io(fx->loop, 7, EPOLLIN));
	fx->sources[0] = loop_add_io(fx->loop, 7, EPOLLOUT, note_io, fx, NULL);
	assert_int_equal(fake_loop_io_events(fx->loop, 7), EPOLLOUT);
	assert_false(fake_loop_io(fx->loop, 7, EPOLLIN));
	assert_true(fake_loop_io(fx->loop, 7, EPOLLIN | EPOLLOUT | EPOLLHUP));
	assert_int_equal(fx->events, EPOLLOUT | EPOLLHUP);
	assert_true(loop_source_set_events(fx->sources[0], 0, NULL));
	assert_false(fake_loop_io(fx->loop, 7, EPOLLHUP));
}

static void signals_and_children_are_triggered_by_hand(void **state)
{
	struct fixture *fx = *state;

	fx->sources[0] =
		loop_add_signal(fx->loop, SIGHUP, note_signal, fx, NULL);
	fx->sources[1] = loop_add_child(fx->loop, 99, note_child, fx, NULL);
	assert_false(fake_loop_signal(fx->loop, SIGTERM));
	assert_true(fake_loop_signal(fx->loop, SIGHUP));
	assert_true(fake_loop_has_child(fx->loop, 99));
	assert_int_equal(fake_loop_last_child(fx->loop), 99);
	assert_true(fake_loop_child_exit(fx->loop, 99, CLD_EXITED, 3));
	assert_int_equal(fx->status, 3);
	assert_false(fake_loop_child_exit(fx->loop, 99, CLD_EXITED, 3));
	assert_string_equal(fx->order, "sp");

	loop_child_abandon(loop_add_child(fx->loop, 98, note_child, fx, NULL));
	assert_false(fake_loop_has_child(fx->loop, 98));
	assert_int_equal(fake_loop_last_child(fx->loop), 0);
	assert_true(fake_loop_child_exit(fx->loop, 98, CLD_EXITED, 0));
	assert_string_equal(fx->order, "sp");
}

static void the_wall_clock_jumps_alone(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(loop_wall_ms(fx->loop), FAKE_LOOP_START_WALL_MS);
	fake_loop_advance(fx->loop, 5);
	assert_int_equal(loop_wall_ms(fx->loop), FAKE_LOOP_START_WALL_MS + 5);
	fake_loop_set_wall(fx->loop, 1000);
	fake_loop_advance(fx->loop, 5);
	assert_int_equal(loop_wall_ms(fx->loop), 1005);
	assert_int_equal(loop_now_ms(fx->loop), FAKE_LOOP_START_MS + 10);
}

static void exit_two(struct loop_source *source, void *user_data)
{
	loop_exit(user_data, 2);
}

static void running_jumps_from_timer_to_timer(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	int code = 0;

	fx->sources[0] = loop_add_timer(fx->loop, 10, note_a, fx, NULL);
	fx->sources[1] =
		loop_add_timer(fx->loop, 20, exit_two, fx->loop, NULL);
	assert_false(fake_loop_has_exited(fx->loop, &code));
	assert_int_equal(loop_run(fx->loop, &err), 2);
	assert_string_equal(fx->order, "a");
	/* Nothing would ever wake it up. */
	assert_int_equal(loop_run(fx->loop, &err), 1);
	assert_int_equal(err.kind, OTA_ERROR_INTERNAL);
	loop_exit(fx->loop, 4);
	assert_true(fake_loop_has_exited(fx->loop, &code));
	assert_int_equal(code, 4);
}

static void one_round_runs_one_callback_or_lets_time_pass(void **state)
{
	struct fixture *fx = *state;

	fx->sources[0] = loop_add_timer(fx->loop, 10, note_a, fx, NULL);
	assert_true(loop_run_once(fx->loop, 5, NULL));
	assert_int_equal(loop_now_ms(fx->loop), FAKE_LOOP_START_MS + 5);
	assert_true(loop_run_once(fx->loop, 1000, NULL));
	assert_int_equal(loop_now_ms(fx->loop), FAKE_LOOP_START_MS + 10);
	assert_string_equal(fx->order, "a");
}

static void adding_fails_on_demand(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;

	fake_loop_fail_after(fx->loop, 1);
	fx->sources[0] = loop_add_timer(fx->loop, 10, note_a, fx, &err);
	assert_non_null(fx->sources[0]);
	assert_null(loop_add_defer(fx->loop, note_a, fx, &err));
	assert_int_equal(err.kind, OTA_ERROR_INTERNAL);
	fake_loop_fail_after(fx->loop, 1);
	fx->sources[1] = loop_add_defer(fx->loop, note_b, fx, &err);
	assert_non_null(fx->sources[1]);
}

static bool say_no(void *user_data)
{
	return false;
}

static void the_watchdog_asks_for_health(void **state)
{
	struct fixture *fx = *state;

	assert_false(fake_loop_is_healthy(fx->loop));
	assert_true(loop_watch(fx->loop, NULL, NULL, NULL));
	assert_true(fake_loop_is_healthy(fx->loop));
	assert_true(loop_watch(fx->loop, say_no, NULL, NULL));
	assert_false(fake_loop_is_healthy(fx->loop));
}

int main(void)
{
#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		FAKE_TEST(timers_run_at_their_time_in_order),
		FAKE_TEST(a_timer_armed_in_its_callback_runs_in_the_same_step),
		FAKE_TEST(defers_run_after_each_callback),
		FAKE_TEST(freeing_in_a_callback_ends_all_freed),
		FAKE_TEST(descriptors_are_triggered_by_hand),
		FAKE_TEST(signals_and_children_are_triggered_by_hand),
		FAKE_TEST(the_wall_clock_jumps_alone),
		FAKE_TEST(running_jumps_from_timer_to_timer),
		FAKE_TEST(one_round_runs_one_callback_or_lets_time_pass),
		FAKE_TEST(adding_fails_on_demand),
		FAKE_TEST(the_watchdog_asks_for_health),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
