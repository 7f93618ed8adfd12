#include "status.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "otad/base/cleanup.h"
#include "otad/base/notify.h"
#include "otad/model/device.h"
#include "otad/model/offer.h"
#include "otad/update/updater.h"

#define SIZE_TEXT 24

/* "512 B", "5.4 MiB" */
static const char *size_text(uint64_t bytes, char text[SIZE_TEXT])
{
	static const char *const units[] = { "KiB", "MiB", "GiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(text, SIZE_TEXT, "%" PRIu64 " B", bytes);
		return text;
	}
	for (; value >= 1024 && unit + 1 < OTA_ARRAY_SIZE(units); unit++)
		value /= 1024;
	snprintf(text, SIZE_TEXT, "%.1f %s", value, units[unit]);
	return text;
}

static void describe_download(struct status *status,
			      const struct job_view *view)
{
	char total[SIZE_TEXT], speed[SIZE_TEXT];
	uint64_t left_s;

	if (view->total_bytes == OFFER_SIZE_UNKNOWN || view->total_bytes == 0) {
		snprintf(status->detail, sizeof(status->detail),
			 "downloading, %s so far",
			 size_text(view->received_bytes, total));
		return;
	}
	if (view->bytes_per_second == 0 ||
	    view->received_bytes > view->total_bytes) {
		snprintf(status->detail, sizeof(status->detail),
			 "downloading %u%% of %s", view->download_percent,
			 size_text(view->total_bytes, total));
		return;
	}
	left_s = (view->total_bytes - view->received_bytes) /
		 view->bytes_per_second;
	snprintf(status->detail, sizeof(status->detail),
		 "downloading %u%% of %s at %s/s, %" PRIu64 ":%02u left",
		 view->download_percent, size_text(view->total_bytes, total),
		 size_text(view->bytes_per_second, speed), left_s / 60,
		 (unsigned)(left_s % 60));
}

static void describe(struct status *status, const struct job_view *view)
{
	if (view->waiting)
		snprintf(status->detail, sizeof(status->detail), "waiting: %s",
			 view->waiting);
	else if (view->state == JOB_STATE_DOWNLOADING)
		describe_download(status, view);
	else if (job_state_is_terminal(view->state) && view->message)
		snprintf(status->detail, sizeof(status->detail), "%s: %s",
			 job_state_name(view->state), view->message);
	else
		snprintf(status->detail, sizeof(status->detail), "%s",
			 job_state_name(view->state));
}

void status_take_job(struct status *status, const struct job_view *view)
{
	bool behind = strcmp(view->device, DEVICE_SELF) != 0;
	char subject[sizeof(status->subject)];

	snprintf(subject, sizeof(subject), "%s%s%s %s",
		 behind ? view->device : "", behind ? " " : "", view->module,
		 view->version);
	/* The bytes change all the time: a new line for each per cent. */
	if (view->state == JOB_STATE_DOWNLOADING && !view->waiting &&
	    status->state == view->state &&
	    status->percent == view->download_percent &&
	    strcmp(status->subject, subject) == 0)
		return;
	strcpy(status->subject, subject);
	status->state = view->state;
	status->percent = view->download_percent;
	describe(status, view);
}

static void describe_cloud(const struct updater_status *now, char *text,
			   size_t size)
{
	if (now->connected)
		snprintf(text, size, "Connected to %s", now->platform);
	else if (now->trouble)
		snprintf(text, size, "Not connected to %s: %s", now->platform,
			 now->trouble);
	else
		snprintf(text, size, "Connecting to %s", now->platform);
}

static void describe_work(const struct status *status,
			  const struct updater_status *now, char *text,
			  size_t size)
{
	size_t others = now->jobs > 1 ? now->jobs - 1 : 0;

	if (!status->subject[0])
		text[0] = '\0';
	else if (job_state_is_terminal(status->state))
		snprintf(text, size, "; last: %s %s", status->subject,
			 status->detail);
	else if (others > 0)
		snprintf(text, size, "; %s: %s, and %zu more", status->subject,
			 status->detail, others);
	else
		snprintf(text, size, "; %s: %s", status->subject,
			 status->detail);
}

/* systemd shows one line. */
static void make_one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20)
			*text = ' ';
}

void status_tell(struct status *status, const struct updater *updater)
{
	char cloud[STATUS_TEXT_SIZE / 2], work[STATUS_TEXT_SIZE],
		line[STATUS_TEXT_SIZE];
	struct updater_status now;

	updater_status(updater, &now);
	describe_cloud(&now, cloud, sizeof(cloud));
	describe_work(status, &now, work, sizeof(work));
	if (snprintf(line, sizeof(line), "otad %s%s. %s%s%s", now.version,
		     now.trial ? " on trial" : "", cloud, work,
		     now.held ? "; updates are held" : "") < 0)
		return;
	make_one_line(line);
	if (strcmp(line, status->shown) == 0)
		return;
	strcpy(status->shown, line);
	notify_status("%s", line);
}
