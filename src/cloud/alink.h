#pragma once

/*
 * What the Aliyun-style platforms have in common: protocols.md, sections 2
 * and 6. Where they differ is data, one struct alink_dialect each.
 */

#include "otad/base/error.h"
#include "otad/cloud/cloud.h"

#include "fields.h"
#include "identity.h"

#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct route;
struct writer;

/* Codes mean the same in pushes and answers. */
#define ALINK_MAX_SUCCESS 2

struct alink_dialect {
	struct pair_keys keys;
	int success[ALINK_MAX_SUCCESS];
	size_t n_success;
	enum field_need code_need;
	enum field_need size_need;
	enum field_need sign_method_need;
	bool md5_field;		  /* data.md5 where data.sign is absent */
	bool strategy;		  /* data.extData.strategy, echoed */
	bool numeric_progress;	  /* params.progress beside params.step */
	const char *check_method; /* NULL: the check carries none */
};

char *alink_address(const struct alink_dialect *dialect,
		    const struct cloud *cloud, const struct device *device,
		    struct ota_error *err);
bool alink_topics(const struct cloud *cloud, const struct device *device,
		  const char *address, cloud_topic_fn fn, void *user_data);
bool alink_route(const struct cloud *cloud, const struct inventory *inventory,
		 const char *topic, struct route *ret_route);
enum cloud_verdict alink_decode(const struct alink_dialect *dialect,
				struct reader *reader,
				const struct route *route,
				struct json_object *message);

/* Sections 2.3.1 and 6.3: the version of one module. */
bool alink_publish_version(const struct writer *writer,
			   const struct report *report,
			   const struct device *device);
/* Sections 2.3.2 and 6.3. */
bool alink_publish_check(const struct alink_dialect *dialect,
			 const struct writer *writer,
			 const struct report *report,
			 const struct device *device);
/* Sections 2.3.5 and 6.3. */
bool alink_publish_progress(const struct alink_dialect *dialect,
			    const struct writer *writer,
			    const struct report *report,
			    const struct device *device);

/* {"id":"SEQUENCE"} and, unless NULL, "version". NULL: out of memory. */
struct json_object *alink_new_message(const struct report *report,
				      const char *version) OTA_MUST_CHECK;
