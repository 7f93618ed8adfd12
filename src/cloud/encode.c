/* From a report to its messages. */

#include "otad/cloud/cloud.h"

#include <stdio.h>
#include <string.h>

#include "adapter.h"
#include "report-writer.h"

#define REJECT_TEXT_SIZE 64 /* "rejected: " and a reason's name */

/* What the adapters may rely on: no NULL where a platform wants a value. */
static struct report complete(const struct cloud *cloud,
			      const struct report *report,
			      const struct device *device)
{
	struct report complete = *report;
	const struct module *module;

	if (!complete.module)
		complete.module = cloud_default_module(cloud);
	module = device_find_module(device, complete.module);
	if (!complete.version)
		complete.version = module ? module_version(module) : "0";
	if (complete.progress_percent > 100)
		complete.progress_percent = 100;
	return complete;
}

bool cloud_encode(const struct cloud *cloud, const struct inventory *inventory,
		  const struct report *report, cloud_publish_fn publish,
		  void *user_data, struct ota_error *err)
{
	struct writer writer = {
		.cloud = cloud,
		.inventory = inventory,
		.publish = publish,
		.user_data = user_data,
		.err = err,
	};
	const char *name = report->device ? report->device : DEVICE_SELF;
	const struct device *device = inventory_find(inventory, name);
	struct report completed;

	if (!device || !device->address)
		return ota_fail(err, OTA_ERROR_NOT_FOUND,
				"report: no device %s is known to the cloud",
				name);
	completed = complete(cloud, report, device);
	return cloud->ops->encode(&writer, &completed, device);
}

bool cloud_encode_reject(const struct cloud *cloud,
			 const struct inventory *inventory,
			 const struct cloud_message *message, int64_t now_ms,
			 uint32_t sequence, cloud_publish_fn publish,
			 void *user_data, struct ota_error *err)
{
	char text[REJECT_TEXT_SIZE];
	struct report report = {
		.event = cloud->ops->reject_event,
		.device = message->device,
		.module = message->module,
		.state = JOB_STATE_FAILED,
		.target = message->version,
		.error = OTA_ERROR_PROTOCOL,
		.message = text,
		.ids = &message->ids,
		.reply = REPLY_REJECTED,
		.now_ms = now_ms,
		.sequence = sequence,
	};

	/* Section 5.3: a reply has the bare reason. */
	snprintf(text, sizeof(text), "%s%s",
		 report.event == REPORT_REPLY ? "" : "rejected: ",
		 cloud_reason_name(message->reason));
	return cloud_encode(cloud, inventory, &report, publish, user_data, err);
}
