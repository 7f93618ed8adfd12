#pragma once

/* What the files of the runner share: one for each part of a job's life. */

#include "otad/base/error.h"
#include "otad/base/log.h"

#include "runner.h"

#include <stdbool.h>
#include <stdint.h>

struct job;

/* The job's file. Owned, NULL: out of memory. */
char *runner_job_path(const struct job *job) OTA_MUST_CHECK;
struct log_context job_log_context(const struct job *job);

/* Devices of one kind are offered the same: each counts until it is staged. */
bool runner_shares_artifact(const struct job *job);
/* Makes job->installation unless there is one. */
bool runner_need_installation(struct job *job, struct ota_error *err)
	OTA_MUST_CHECK;

/* Nothing was done to the device yet, and its handler says it is not there. */
bool runner_is_away(const struct job *job, const struct ota_error *err);
/* Not for longer than AwayTimeout=; false, with `err` saying so: it was. */
bool runner_may_stay_away(const struct job *job, struct ota_error *err)
	OTA_MUST_CHECK;
bool runner_waits_for(const struct job *job);
void runner_note_away(struct job *job, const struct ota_error *why);
/* Others take its place meanwhile; `fn` goes on. */
void runner_wait_away(struct job *job, void (*fn)(struct job *job));

/* After CLEAN: tells the end and drops the job, step by step. */
void runner_finish(struct job *job);
