#pragma once

/* io.otad.Update: an operator's offer, held to the same rules as a cloud's. */

#include "call.h"

extern const struct parameter update_parameters[];
void call_update(struct call *call);
