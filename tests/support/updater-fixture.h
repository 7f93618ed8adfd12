#pragma once

/*
 * A whole updater between fake neighbours: a broker, a web server, installers
 * and a clock that do what the test says. Configuration, adapters, outbox and
 * everything on disk are real. JSON is written with ' for ".
 */

#include "fake/fetch.h"
#include "fake/installer.h"
#include "fake/loop.h"
#include "fake/mqtt.h"
#include "otad/update/updater.h"

#include "../../src/update/updater-private.h"

#include <stdbool.h>
#include <stddef.h>

struct updater_fixture {
	char dir[64];
	char state[80]; /* the state directory */
	struct loop *loop;
	struct fetcher *fetcher;
	struct mqtt_resolver resolver; /* never asked */
	struct updater *updater;
	const char *version; /* of otad itself: "1.0.0" */
	bool launched;
	size_t read; /* packets the test has looked at */
	unsigned execs;
	unsigned stops;
	struct ota_error err;
};

/* For cmocka: `*state` is a fixture without an updater. */
int updater_fixture_set_up(void **state);
int updater_fixture_tear_down(void **state);

/* Reads INI, which need not name the state directory; the caller owns it. */
struct config *fixture_config(struct updater_fixture *fx, const char *ini);
void fixture_make(struct updater_fixture *fx, const char *ini);
/* fixture_make(), started and settled. */
void fixture_start(struct updater_fixture *fx, const char *ini);
/* What a power cut leaves of this process: the disk. */
void fixture_end(struct updater_fixture *fx);

/* "DIR/NAME" and the content of such a file, owned; NULL: there is none. */
char *fixture_path(const struct updater_fixture *fx, const char *name);
char *fixture_read(const struct updater_fixture *fx, const char *name);
void fixture_write(const struct updater_fixture *fx, const char *name,
		   const char *content);
/* A shell command in the state directory. */
void fixture_shell(const struct updater_fixture *fx, const char *format, ...)
	OTA_PRINTF(2, 3);
/* Nothing can be read from or written to the folder, and again as before. */
void fixture_break(const struct updater_fixture *fx, const char *folder);
void fixture_mend(const struct updater_fixture *fx, const char *folder);
/* Entries of a folder of the state directory. */
unsigned fixture_entries(const struct updater_fixture *fx, const char *folder);

void fixture_deliver(struct updater_fixture *fx, const char *topic,
		     const char *json);

/* The next packet that is no acknowledgement. */
const struct fake_mqtt_packet *fixture_next(struct updater_fixture *fx);
void expect_subscribed(struct updater_fixture *fx, const char *topic);
void expect_sent(struct updater_fixture *fx, const char *topic, int qos,
		 const char *json);
void expect_nothing(struct updater_fixture *fx);
void fixture_skip(struct updater_fixture *fx);
/* How many messages since the last look hold `text`, with ' for ". */
unsigned fixture_count(const struct updater_fixture *fx, const char *text);

struct job *fixture_job(const struct updater_fixture *fx, const char *device,
			const char *module);
void expect_state(const struct updater_fixture *fx, const char *device,
		  const char *module, enum job_state state);
/* How the last job of a module ended, from what is remembered of it. */
void expect_end(const struct updater_fixture *fx, const char *device,
		const char *module, enum job_state state,
		enum ota_error_kind error);
/* The running version of a module, as people see it. */
void expect_version(const struct updater_fixture *fx, const char *device,
		    const char *module, const char *version);
