#include "cloud-identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

const struct platform_keys *cloud_find_platform(const char *name)
{
	const struct platform_keys *row = cloud_platforms();

	while (row->platform && strcmp(row->platform, name) != 0)
		row++;
	assert_non_null(row->platform);
	return row;
}

struct cloud *cloud_try(const struct cloud_identity *identity,
			struct ota_error *err)
{
	struct cloud_options options = {
		.platform = cloud_find_platform(identity->platform),
		.keys = identity->keys,
		.mqtt_username = identity->username,
		.device_secret = identity->secret,
		.allow_http = true,
		.max_size_bytes = 1000,
	};

	while (options.n_keys < 3 && identity->keys[options.n_keys].key)
		options.n_keys++;
	return cloud_new(&options, err);
}

struct cloud *cloud_make(const struct cloud_identity *identity)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct cloud *cloud = cloud_try(identity, &err);

	if (!cloud)
		fail_msg("%s", err.text);
	return cloud;
}

const struct cloud_identity identity_iotgo = {
	.platform = "iotgo",
	.keys = { { "ProductKey", "a1Key" }, { "DeviceName", "gw-1" } },
};
const struct cloud_identity identity_tencent = {
	.platform = "tencent",
	.keys = { { "ProductId", "S3EUVBRJLB" }, { "DeviceName", "gw_1" } },
};
const struct cloud_identity identity_hanqi = {
	.platform = "hanqi",
	.keys = { { "GatewayId", "HQ1" } },
};
const struct cloud_identity identity_eztcloud = {
	.platform = "eztcloud",
	.keys = { { "Username", "DU_x" } },
};
const struct cloud_identity identity_sagoo = {
	.platform = "sagoo",
	.keys = { { "ProductKey", "pk" }, { "DeviceKey", "dk" } },
};
const struct cloud_identity *const cloud_identities[CLOUD_IDENTITIES] = {
	&identity_iotgo,    &identity_tencent, &identity_hanqi,
	&identity_eztcloud, &identity_sagoo,
};
