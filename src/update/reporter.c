#include "reporter.h"

#include <stdio.h>
#include <string.h>

#include "otad/base/log.h"
#include "otad/base/loop.h"

#include "job.h"
#include "runner.h"
#include "session.h"

/* protocols.md, section 1.6: at most one download report a second. */
#define PROGRESS_GAP_MS 1000
/* Section 1.4: an unusable message is told at most once a minute per device. */
#define REJECT_GAP_MS 60000
/* Devices whose last reject is remembered; of more, the oldest is forgotten. */
#define REJECTS_REMEMBERED 64

/* protocols.md, section 1.5: where the overall percentage of a download ends. */
#define DOWNLOAD_LAST_PERCENT 90
/* Platforms cut long texts themselves. */
#define FAILURE_SIZE 512

struct rejected {
	char *device;
	uint64_t told_ms;
};

struct reporter {
	struct loop *loop;
	struct session *session;
	struct rejected rejected[REJECTS_REMEMBERED];
	size_t next_rejected;
	char text[FAILURE_SIZE]; /* of the report being made */
};

struct reporter *reporter_new(struct loop *loop, struct ota_error *err)
{
	struct reporter *reporter = calloc(1, sizeof(*reporter));

	if (!reporter) {
		ota_fail_memory(err, "reporting");
		return NULL;
	}
	reporter->loop = loop;
	return reporter;
}

struct reporter *reporter_free(struct reporter *reporter)
{
	if (!reporter)
		return NULL;
	for (size_t i = 0; i < REJECTS_REMEMBERED; i++)
		free(reporter->rejected[i].device);
	free(reporter);
	return NULL;
}

void reporter_use(struct reporter *reporter, struct session *session)
{
	reporter->session = session;
}

/* Where the message alone tells what failed, it begins with the kind. */
static const char *failure_text(struct reporter *reporter,
				const struct job *job)
{
	const struct cloud_traits *traits = session_traits(reporter->session);
	const char *word = traits->failure_word && job->cause_text ?
				   traits->failure_word(job->cause) :
				   "";

	/* Who cancelled stands in the text. */
	if (word[0] == '\0' || job->cause == OTA_ERROR_CANCELLED)
		return job->cause_text;
	snprintf(reporter->text, sizeof(reporter->text), "%s: %s", word,
		 job->cause_text);
	return reporter->text;
}

/* A failed download ends with the number last told, not the one reached. */
static unsigned percent_of(const struct job *job, enum job_state state)
{
	if (state == JOB_STATE_DOWNLOADING)
		return job->download_percent;
	if (job->overall_percent > DOWNLOAD_LAST_PERCENT)
		return job->overall_percent;
	if (job->told_percent <= 0)
		return 0;
	return (unsigned)job->told_percent < job->overall_percent ?
		       (unsigned)job->told_percent :
		       job->overall_percent;
}

static struct report make_report(struct reporter *reporter,
				 const struct job *job, enum job_state state,
				 const char *version)
{
	return (struct report){
		.event = REPORT_PROGRESS,
		.device = job->offer->device,
		.module = job->offer->module,
		.state = state,
		.progress_percent = percent_of(job, state),
		.version = version,
		.target = job->offer->version,
		.error = job->cause,
		.message = failure_text(reporter, job),
		.ids = &job->offer->ids,
	};
}

static void send(struct reporter *reporter, const struct report *report)
{
	struct ota_error err;

	if (reporter->session &&
	    !session_report(reporter->session, report, &err))
		log_debug(NULL, "Not reported: %s", err.text);
}

static void send_property(struct reporter *reporter, const struct report *report)
{
	struct report property = *report;

	property.event = REPORT_PROPERTY;
	send(reporter, &property);
}

static void tell_download(struct reporter *reporter, struct job *job,
			  const char *version, unsigned percent, bool begins)
{
	struct report report =
		make_report(reporter, job, JOB_STATE_DOWNLOADING, version);

	report.progress_percent = percent;
	job->told_percent = (int)percent;
	job->told_ms = loop_now_ms(reporter->loop);
	/* A change of state is never held up. */
	if (begins || session_is_property_due(reporter->session,
					      job->offer->device))
		send_property(reporter, &report);
	send(reporter, &report);
}

/* Where only the overall percentage shows, 100 would repeat the 90. */
static unsigned last_percent(const struct reporter *reporter)
{
	return session_traits(reporter->session)->download_to_100 ?
		       100 :
		       DOWNLOAD_LAST_PERCENT;
}

void reporter_progress(struct reporter *reporter, struct job *job,
		       const char *version, unsigned step_percent)
{
	bool begins = job->told_percent < 0;
	unsigned step, last;

	if (!reporter->session || job->state != JOB_STATE_DOWNLOADING)
		return;
	last = last_percent(reporter);
	step = job->download_percent / step_percent * step_percent;
	if (step > last)
		step = last;
	if (job->told_percent >= (int)step)
		return;
	if (!begins &&
	    loop_now_ms(reporter->loop) - job->told_ms < PROGRESS_GAP_MS)
		return;
	if (!session_is_free(reporter->session, job->offer->device))
		return;
	/* First, lest after a crash a lower number is told than before. */
	job->told_percent = (int)step;
	runner_record_progress(job);
	tell_download(reporter, job, version, step, begins);
}

static void tell_last_download(struct reporter *reporter, struct job *job,
			       const char *version)
{
	unsigned last = last_percent(reporter);

	if (job->told_percent >= 0 && job->told_percent < (int)last)
		tell_download(reporter, job, version, last, false);
}

void reporter_state(struct reporter *reporter, struct job *job,
		    const char *version)
{
	struct report report;

	/* Shown at all, it looks like restarting; each change is told once. */
	if (!reporter->session || job->state == JOB_STATE_CONFIRMING)
		return;
	report = make_report(reporter, job, job->state, version);
	if (job->state == JOB_STATE_DOWNLOADING) {
		if (job->told_percent < 0)
			tell_download(reporter, job, version,
				      job->download_percent, true);
		return;
	}
	if (job->state == JOB_STATE_VERIFYING)
		tell_last_download(reporter, job, version);
	send_property(reporter, &report);
	send(reporter, &report);
}

bool reporter_result(struct reporter *reporter, const struct job *job,
		     const char *version, int64_t last_update_ms,
		     struct ota_error *err)
{
	struct report report;

	if (!reporter->session)
		return ota_fail(err, OTA_ERROR_BUSY, "no session just now");
	report = make_report(reporter, job, job->state, version);
	report.last_update_ms = last_update_ms;
	if (!session_report(reporter->session, &report, err))
		return false;
	send_property(reporter, &report);
	return true;
}

static bool may_tell_reject(struct reporter *reporter, const char *device)
{
	uint64_t now_ms = loop_now_ms(reporter->loop);
	struct rejected *slot = NULL;

	for (size_t i = 0; i < REJECTS_REMEMBERED; i++) {
		struct rejected *known = &reporter->rejected[i];

		if (!known->device || strcmp(known->device, device) != 0)
			continue;
		if (now_ms - known->told_ms < REJECT_GAP_MS)
			return false;
		slot = known;
	}
	if (!slot) {
		slot = &reporter->rejected[reporter->next_rejected++ %
					   REJECTS_REMEMBERED];
		free(slot->device);
		slot->device = strdup(device);
	}
	slot->told_ms = now_ms;
	return true;
}

void reporter_reject(struct reporter *reporter,
		     const struct cloud_message *message)
{
	const char *device = message->device ? message->device : DEVICE_SELF;
	struct ota_error err;

	if (!message->reportable || !reporter->session ||
	    !may_tell_reject(reporter, device))
		return;
	if (!session_report_reject(reporter->session, message, &err))
		log_debug(NULL, "Not reported: %s", err.text);
}

void reporter_reply(struct reporter *reporter, const struct report *report)
{
	send(reporter, report);
}

bool reporter_dropped(struct reporter *reporter, const struct offer *offer,
		      const char *version, const struct ota_error *why,
		      struct ota_error *err)
{
	struct report report = {
		.event = REPORT_PROGRESS,
		.device = offer->device,
		.module = offer->module,
		.state = JOB_STATE_FAILED,
		.version = version,
		.target = offer->version,
		.error = why->kind,
		.message = why->text,
		.ids = &offer->ids,
	};

	if (!reporter->session)
		return ota_fail(err, OTA_ERROR_BUSY, "no session just now");
	return session_report(reporter->session, &report, err);
}

void reporter_installed(struct reporter *reporter, const struct offer *offer)
{
	struct report report = {
		.event = REPORT_PROGRESS,
		.device = offer->device,
		.module = offer->module,
		.state = JOB_STATE_SUCCEEDED,
		.version = offer->version,
		.target = offer->version,
		.ids = &offer->ids,
	};

	if (!reporter->session)
		return;
	session_report_version(reporter->session, offer->device, offer->module);
	if (session_traits(reporter->session)->tells_installed)
		send(reporter, &report);
}
