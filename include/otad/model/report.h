#pragma once

/*
 * A report: what the cloud is to be told, platform-neutral. The cloud's adapter
 * turns one report into any number of messages, none included.
 */

#include "otad/base/error.h"
#include "otad/model/job-state.h"
#include "otad/model/offer.h"

#include <stdbool.h>
#include <stdint.h>

enum report_event {
	REPORT_ONLINE,	 /* bring a sub-device online (tencent) */
	REPORT_VERSION,	 /* the running version of a module */
	REPORT_CHECK,	 /* ask for an update */
	REPORT_PROGRESS, /* state, progress or result of a job */
	REPORT_PROPERTY, /* device properties (iotgo) */
	REPORT_REPLY,	 /* answer to a command (eztcloud) */
};

enum reply_result {
	REPLY_ACCEPTED,
	REPLY_REJECTED,
	REPLY_BUSY,
};

/* Everything is borrowed for the time of the call it is passed to. */
struct report {
	enum report_event event;
	const char *device;
	const char *module;
	enum job_state state;
	/*
	 * While downloading: the download's percentage. For failed and
	 * rolled-back: the last overall percentage. Else unused.
	 */
	unsigned progress_percent;
	const char *version; /* running now */
	const char *target;  /* the offer's; NULL without a job */
	enum ota_error_kind error;
	const char *message; /* NULL or "": none */
	const struct offer_ids *ids; /* NULL: none */
	enum reply_result reply;
	int64_t last_update_ms; /* wall time of the last success; 0: unknown */
	int64_t now_ms;	      /* wall time */
	uint32_t sequence;    /* unique per message where the platform wants an id */
};
