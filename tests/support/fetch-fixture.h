#pragma once

/*
 * A real fetcher against the scripted HTTP server, with delays of
 * milliseconds. What a fetch shows of the content is put together here.
 */

#include "otad/base/error.h"
#include "otad/config/config.h"
#include "otad/fetch/fetch.h"

#include "../../src/fetch/limits.h"
#include "support/http-server.h"

#define KIB 1024
#define MIB (1024 * 1024)

struct fetch_fixture {
	struct http_server *server; /* one for the whole program */
	struct loop *loop;
	struct fetcher *fetcher;
	struct fetch_limits limits;
	struct config_download settings;
	const char *identity;
	char path[512]; /* FILE */
	char record[520];
	char ca_file[512]; /* for settings.ca_file */

	struct fetch *fetch;
	unsigned char *seen; /* of the running pass */
	size_t seen_bytes;
	unsigned restarts;
	unsigned progresses;
	struct fetch_progress progress; /* the last */
	uint64_t free_at_bytes; /* fetch_free() from `progress`; 0: never */
	bool free_when_done;
	bool refuse_bytes; /* `bytes` fails */
	unsigned dones;
	struct ota_error err; /* of `done` */
};

/* cmocka's group and test functions; the group's state is the server. */
int fetch_group_set_up(void **state);
int fetch_group_tear_down(void **state);
int fetch_set_up(void **state);
int fetch_tear_down(void **state);

/* Another fetcher, with the limits and settings as they stand. */
void fetch_fixture_renew(struct fetch_fixture *fx);

/* Serves a new file of `size` bytes as "/fw". */
void fetch_serve(struct fetch_fixture *fx, size_t size, unsigned seed);
void fetch_script(struct fetch_fixture *fx, const char *faults);

/* Starts "/fw" or another path; the test fails when it cannot. */
void fetch_begin(struct fetch_fixture *fx, const char *path, uint64_t size);
/* Turns the loop until `done`; fails the test after a minute. */
void fetch_wait(struct fetch_fixture *fx);
/* Until so many bytes are safe according to the record. */
void fetch_wait_recorded(struct fetch_fixture *fx, uint64_t bytes);
/* In a child of its own, which then dies by SIGKILL: nothing is tidied up. */
void fetch_crash_at(struct fetch_fixture *fx, uint64_t size,
		    uint64_t recorded_bytes);

/* Both, expecting success, and that FILE is what is served as `name`. */
void fetch_expect_ok(struct fetch_fixture *fx, uint64_t size);
void fetch_expect_complete(struct fetch_fixture *fx, const char *name);
void fetch_expect_failure(struct fetch_fixture *fx, uint64_t size,
			  enum ota_error_kind kind);

/* The record's member `key`, -1 when there is no record. */
int64_t fetch_recorded(const struct fetch_fixture *fx, const char *key);
void fetch_log(const struct fetch_fixture *fx, struct http_log *ret_log);
