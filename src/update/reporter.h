#pragma once

/*
 * What of a job the cloud is told, and how often (protocols.md, sections 1.5,
 * 1.6, 2.3.4, 5.3): progress every ProgressStep= percent and at most once a
 * second, every other change of state once and at once.
 */

#include "otad/base/error.h"
#include "otad/cloud/cloud.h"

#include <stdbool.h>

struct job;
struct loop;
struct reporter;
struct session;

struct reporter *reporter_new(struct loop *loop, struct ota_error *err)
	OTA_MUST_CHECK;
struct reporter *reporter_free(struct reporter *reporter);
/* The session to speak through; NULL: none for now. */
void reporter_use(struct reporter *reporter, struct session *session);

/* `version`: what runs now. */
void reporter_state(struct reporter *reporter, struct job *job,
		    const char *version);
/* What is told is in the job's file before. */
void reporter_progress(struct reporter *reporter, struct job *job,
		       const char *version, unsigned step_percent);
/* The end of a job: durable when it returns true. */
bool reporter_result(struct reporter *reporter, const struct job *job,
		     const char *version, int64_t last_update_ms,
		     struct ota_error *err) OTA_MUST_CHECK;
/* An unusable message, told at most once a minute per device. */
void reporter_reject(struct reporter *reporter,
		     const struct cloud_message *message);
/* Answer to a command, where the platform wants one. */
void reporter_reply(struct reporter *reporter, const struct report *report);
/* An offer that never became a job: why not. Durable when it returns true. */
bool reporter_dropped(struct reporter *reporter, const struct offer *offer,
		      const char *version, const struct ota_error *why,
		      struct ota_error *err) OTA_MUST_CHECK;
/* Nothing to do: the version of the offer runs already. */
void reporter_installed(struct reporter *reporter, const struct offer *offer);
