/* SagooIOT: protocols.md, section 6. */

#include "adapter.h"

#include <stddef.h>

#include "alink.h"
#include "identity.h"

const struct platform_key sagoo_cloud_keys[] = {
	{ .name = "ProductKey", .kind = KEY_TEXT, .required = true },
	{ .name = "DeviceKey",
	  .kind = KEY_TEXT,
	  .required = true,
	  .same_as = "DeviceName" },
	{ .name = NULL },
};
const struct platform_key sagoo_device_keys[] = {
	{ .name = "ProductKey", .kind = KEY_TEXT },
	{ .name = "DeviceKey", .kind = KEY_TEXT, .same_as = "DeviceName" },
	{ .name = NULL },
};

/* Section 6.3. */
static const struct alink_dialect dialect = {
	.keys = {
		.product = "ProductKey",
		.name = "DeviceKey",
		.name_alias = "DeviceName",
	},
	.success = { 200 },
	.n_success = 1,
	.code_need = FIELD_REQUIRED,
	.size_need = FIELD_OPTIONAL,
	.sign_method_need = FIELD_REQUIRED,
	.strategy = true,
	.check_method = "thing.ota.firmware.get",
};

static char *sagoo_address(const struct cloud *cloud,
			   const struct device *device, struct ota_error *err)
{
	return alink_address(&dialect, cloud, device, err);
}

static bool sagoo_credentials(const struct cloud *cloud,
			      const struct cloud_derivation *derivation,
			      struct mqtt_credentials *credentials,
			      struct ota_error *err)
{
	struct pair pair = identity_pair(cloud, &dialect.keys, NULL);

	return derive(&credentials->client_id, err, "%s", pair.name);
}

static enum cloud_verdict sagoo_decode(struct reader *reader,
				       const struct route *route,
				       struct json_object *message)
{
	return alink_decode(&dialect, reader, route, message);
}

static bool sagoo_encode(const struct writer *writer,
			 const struct report *report,
			 const struct device *device)
{
	switch (report->event) {
	case REPORT_VERSION:
		return alink_publish_version(writer, report, device);
	case REPORT_CHECK:
		return alink_publish_check(&dialect, writer, report, device);
	case REPORT_PROGRESS:
		return alink_publish_progress(&dialect, writer, report, device);
	case REPORT_ONLINE:
	case REPORT_PROPERTY:
	case REPORT_REPLY:
		return true;
	}
	return true;
}

const struct cloud_ops sagoo_ops = {
	.traits = {
		.checks = true,
		.first_check_ms = 5 * 1000,
		.progress_gap_ms = 1000,
		.failure_word = ota_error_kind_name,
	},
	.reject_needs = REJECT_NEEDS_NOTHING,
	.reject_event = REPORT_PROGRESS,
	.address = sagoo_address,
	.topics = alink_topics,
	.credentials = sagoo_credentials,
	.route = alink_route,
	.decode = sagoo_decode,
	.encode = sagoo_encode,
};
