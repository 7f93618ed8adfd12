/* Makes the table of platforms out of the rows of platforms.def. */

#include "adapter.h"

#include <string.h>

#include "otad/cloud/cloud.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

#define PLATFORM(name, ...) PLATFORM_DECLARE(name)
#include "platforms.def"
#undef PLATFORM

static const struct platform_keys platform_rows[] = {
#define PLATFORM(name, module, interval_ms, http, clean)                       \
	{                                                                      \
		.platform = #name,                                             \
		.cloud = name##_cloud_keys,                                    \
		.device = name##_device_keys,                                  \
		.default_module = (module),                                    \
		.check_interval_ms = (interval_ms),                            \
		.allow_http = (http),                                          \
		.clean_session = (clean),                                      \
	},
#include "platforms.def"
#undef PLATFORM
	{ .platform = NULL },
};

static const struct cloud_ops *const platform_adapters[] = {
#define PLATFORM(name, ...) &name##_ops,
#include "platforms.def"
#undef PLATFORM
};

const struct platform_keys *cloud_platforms(void)
{
	return platform_rows;
}

const struct cloud_ops *platform_ops(const struct platform_keys *platform)
{
	for (size_t i = 0; i < OTA_ARRAY_SIZE(platform_adapters); i++) {
		if (!strcmp(platform_rows[i].platform, platform->platform))
			return platform_adapters[i];
	}
	return NULL;
}
