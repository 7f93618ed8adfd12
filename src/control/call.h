#pragma once

/* One call being answered: what methods see of a client. */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control;
struct control_client;
struct json_object;

struct call {
	struct control *control;
	struct control_client *client;
	struct json_object *parameters; /* an object, or NULL: none */
	bool oneway;
	bool more;
};

enum parameter_type {
	PARAMETER_TEXT,
	PARAMETER_NUMBER,
	PARAMETER_FLAG,
};

struct parameter {
	const char *name; /* NULL ends a list */
	enum parameter_type type;
	bool required;
};

struct method {
	const char *name; /* NULL ends a list */
	bool changes;	  /* not for everybody */
	bool needs_more;
	const struct parameter *parameters;
	/* Replies exactly once, or hands a stream to the client. */
	void (*run)(struct call *call);
};

/* service.c and methods.c */
extern const struct method service_methods[];
extern const struct method otad_methods[];
#define SERVICE_INTERFACE "org.varlink.service"
#define OTAD_INTERFACE "io.otad"

/*
 * Finds `method` ("io.otad.GetStatus"), checks that the client may call it and
 * what it passed, and runs it.
 */
void call_run(struct call *call, const char *method);

/* The answer. Nothing is sent for a call that wants none. */
void call_reply(struct call *call, struct json_object *parameters); /* takes; NULL: no memory */
void call_reply_empty(struct call *call);
void call_error(struct call *call, const char *error, const char *key,
		const char *value);
void call_invalid(struct call *call, const char *parameter);
/* io.otad.NotFound or io.otad.Refused */
void call_refuse(struct call *call, const struct ota_error *err);
