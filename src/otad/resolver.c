#include "resolver.h"

#include "otad/fetch/fetch.h"

static void *resolve(void *resolver, const char *host, uint16_t port,
		     uint64_t timeout_ms, mqtt_resolved_fn done, void *user_data,
		     struct ota_error *err)
{
	return fetch_probe_new(resolver, host, port, timeout_ms, done, user_data,
			       err);
}

static void cancel(void *resolver, void *handle)
{
	fetch_probe_free(handle);
}

void resolver_init(struct mqtt_resolver *resolver, struct fetcher *fetcher)
{
	*resolver = (struct mqtt_resolver){
		.resolve = resolve,
		.cancel = cancel,
		.resolver = fetcher,
	};
}
