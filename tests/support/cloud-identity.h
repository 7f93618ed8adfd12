#pragma once

/* Clouds as the configuration would make them, and one of each platform. */

#include "otad/cloud/cloud.h"

/* Up to three keys. */
struct cloud_identity {
	const char *platform;
	struct key_value keys[3];
	const char *username;
	const char *secret;
};

/* Fails the test when there is no such platform. */
const struct platform_keys *cloud_find_platform(const char *name);
struct cloud *cloud_try(const struct cloud_identity *identity,
			struct ota_error *err);
/* Fails the test when it cannot be made. */
struct cloud *cloud_make(const struct cloud_identity *identity);

extern const struct cloud_identity identity_iotgo;
extern const struct cloud_identity identity_tencent;
extern const struct cloud_identity identity_hanqi;
extern const struct cloud_identity identity_eztcloud;
extern const struct cloud_identity identity_sagoo;

#define CLOUD_IDENTITIES 5
extern const struct cloud_identity *const cloud_identities[CLOUD_IDENTITIES];
