#pragma once

/* A control socket with a fake updater behind it, and clients that talk to it. */

#include <stdbool.h>
#include <stddef.h>

struct control;
struct json_object;
struct loop;
struct updater;

struct control_fixture {
	char folder[64];
	char path[128];
	struct loop *loop;
	struct updater *updater;
	struct control *control;
};

/* For cmocka: `*state` is a struct control_fixture. */
int control_fixture_setup(void **state);
int control_fixture_teardown(void **state);

/* A connected socket that never blocks. */
int control_dial(struct control_fixture *fx);
/* Sends all of it, giving the loop its turns; false: the other side hung up. */
bool control_send(struct control_fixture *fx, int fd, const char *data,
		  size_t size);
/* The next message, without its NUL; NULL: the connection has ended. Owned. */
char *control_receive(struct control_fixture *fx, int fd);
/* Whether anything has come after the loop had nothing to do any more. */
bool control_is_silent(struct control_fixture *fx, int fd);
/* Runs the loop until it has nothing to do. */
void control_settle(struct control_fixture *fx);

/* One call on a connection of its own, one reply, parsed. Owned. */
struct json_object *control_ask(struct control_fixture *fx, const char *call);
/* The same with the fields of a reply at hand; both are borrowed from it. */
const char *control_error(struct json_object *reply); /* "" when none */
struct json_object *control_parameters(struct json_object *reply);
