#pragma once

/* Host names become addresses through the fetcher, which never blocks: the
 * broker connection is given this as its resolver. */

#include "otad/mqtt/mqtt.h"

struct fetcher;

/* Borrows `fetcher`. */
void resolver_init(struct mqtt_resolver *resolver, struct fetcher *fetcher);
