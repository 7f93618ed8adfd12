#include "adapter.h"

#include <string.h>

#include "otad/cloud/cloud.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

/*
 * The table of platforms. What a key means when it is left out: protocols.md,
 * 1.1 (CleanSession=), 2.1 and 5.1 (CheckInterval=), 6.1 (AllowHttp=).
 *
 *  name      default    check every    http   clean session
 */
/* clang-format off */
#define PLATFORMS(ROW)                                                         \
	ROW(iotgo,    "default", 5 * MINUTE_MS, true,  true)                   \
	ROW(tencent,  "default", 0,             true,  true)                   \
	ROW(hanqi,    "default", 0,             true,  false)                  \
	ROW(eztcloud, "main",    1 * MINUTE_MS, true,  false)                  \
	ROW(sagoo,    "default", 0,             false, true)

/* clang-format on */

#define DECLARE_ROW(name, ...) PLATFORM_DECLARE(name)
#define KEYS_ROW(name, module, interval_ms, http, clean)                       \
	{                                                                      \
		.platform = #name,                                             \
		.cloud = name##_cloud_keys,                                    \
		.device = name##_device_keys,                                  \
		.default_module = (module),                                    \
		.check_interval_ms = (interval_ms),                            \
		.allow_http = (http),                                          \
		.clean_session = (clean),                                      \
	},
#define OPS_ROW(name, ...) &name##_ops,

PLATFORMS(DECLARE_ROW)

static const struct platform_keys platform_rows[] = {
	PLATFORMS(KEYS_ROW) { .platform = NULL }
};
static const struct cloud_ops *const platform_adapters[] = {
	PLATFORMS(OPS_ROW)
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
